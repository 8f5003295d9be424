"""Objects that many machines encrypt and decrypt, from URL to URL.

A task holds names: of the source, of the target, of the identity. Every machine reads its range of
the source, checks that the source is still the one that was planned for, and stores its part.
"""

from __future__ import annotations

import builtins
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputChangedError, UnsealedError, UsageError
from ._files import Reader
from ._parts import Finished, check_reference, finish, plan, seal

__all__ = ["decrypt_object", "encrypt_object"]

# What file systems call that which tells a change.
_TELLING = (
    *("ETag", "etag", "VersionId", "generation", "mtime", "LastModified"),
    *("last_modified", "updated", "modified", "created", "ino"),
)
# Options of a client that would carry a secret into every task.
_SECRET_OPTIONS = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}

_Map = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
_Progress = Callable[[int, int], object] | None


@dataclass(frozen=True)
class _Source:
    """What is read, by name."""

    url: str
    options: dict[str, Any]
    size: int = 0
    tag: str = ""

    def opened(self) -> tuple[Any, str]:
        import fsspec

        return fsspec.core.url_to_fs(self.url, **self.options)  # type: ignore[no-any-return]

    def pinned(self) -> _Source:
        """The same with its size and what tells a change."""
        fs, path = self.opened()
        fs.invalidate_cache()
        info = fs.info(path)
        tag = " ".join(str(info[name]) for name in _TELLING if info.get(name) is not None)
        if not tag:
            raise UsageError(f"{self.url} tells no time, tag or version, so that no change shows")
        return _Source(self.url, self.options, info["size"], tag)

    def read(self, start: int, end: int) -> bytes:
        fs, path = self.opened()
        data = bytes(fs.cat_file(path, start=start, end=end))
        if len(data) != end - start:
            raise InputChangedError(f"{self.url} ends before byte {end}", offset=start)
        return data


@dataclass(frozen=True)
class _Target:
    """An upload of many parts."""

    bucket: str
    key: str
    upload: str
    client: dict[str, Any] = field(default_factory=dict)

    def connected(self) -> Any:
        import boto3

        return boto3.client("s3", **self.client)

    def store(self, part: int, data: bytes, checksum: str | None = None) -> str:
        """Store a part, and return the name that the store gave it."""
        given = {"ChecksumCRC64NVME": checksum} if checksum else {}
        answer = self.connected().upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.upload,
            PartNumber=part,
            Body=data,
            **given,
        )
        return str(answer["ETag"])

    def stored(self) -> list[tuple[int, str, None]]:
        """The parts that the store holds, as it tells them itself."""
        pages = self.connected().get_paginator("list_parts")
        found = []
        for page in pages.paginate(Bucket=self.bucket, Key=self.key, UploadId=self.upload):
            found += [(each["PartNumber"], each["ETag"], None) for each in page.get("Parts", [])]
        return found

    def complete(self, parts: list[tuple[int, str]], overwrite: bool, **checks: Any) -> None:
        if not overwrite:
            checks["IfNoneMatch"] = "*"
        self.connected().complete_multipart_upload(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.upload,
            MultipartUpload={"Parts": [{"PartNumber": n, "ETag": name} for n, name in parts]},
            **checks,
        )

    def abort(self) -> None:
        """Give the upload up; what the store says of it does not hide why."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.connected().abort_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=self.upload
            )
        except (BotoCoreError, ClientError) as error:
            warnings.warn(f"the upload {self.upload!r} was not aborted: {error}", stacklevel=2)


def _begun(url: str, options: dict[str, Any] | None, overwrite: bool, **how: Any) -> _Target:
    """An upload to an object that is not there, or may be replaced."""
    options = dict(options or {})
    secret = _SECRET_OPTIONS & set(options)
    if secret:
        raise UsageError(
            f"the option {min(secret)!r} would travel in every task; "
            "let each machine have its credentials by profile, role or environment"
        )
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key:
        raise UsageError(f"the target must be s3://BUCKET/KEY, not {url!r}")
    target = _Target(bucket, key, "", options)
    client = target.connected()
    if not overwrite:
        # Completion asks for it once more; this saves the work.
        from botocore.exceptions import ClientError

        try:
            client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
        else:
            raise FileExistsError(17, "the object exists; pass overwrite=True to replace it", url)
    upload = client.create_multipart_upload(Bucket=bucket, Key=key, **how)["UploadId"]
    return _Target(bucket, key, upload, options)


@dataclass(frozen=True)
class _SealTask:
    job: bytes
    part: int
    start: int
    end: int
    source: _Source
    target: _Target
    identity: Any


def _seal_part(task: _SealTask) -> bytes:
    """What a machine does: a part is read, sealed, stored; its receipt comes back."""
    now = task.source.pinned()
    data = task.source.read(task.start, task.end)
    sealed = seal(
        task.job, task.part, data, identity=task.identity, size=now.size, tag=now.tag
    )
    if task.source.pinned() != now:
        raise InputChangedError(f"{now.url} changed while part {task.part} was read")
    name = task.target.store(task.part, sealed.data, sealed.checksum)
    return sealed.receipt(name)


def encrypt_object(
    source: str,
    target: str,
    *,
    identity: Any,
    to: Any = None,
    map: _Map = builtins.map,
    context: bytes | str | None = None,
    metadata: Any = None,
    suite: str = "aes-256-gcm",
    digest: str | None = None,
    part_size: int = 64 << 20,
    source_options: dict[str, Any] | None = None,
    client_options: dict[str, Any] | None = None,
    overwrite: bool = False,
    progress: _Progress = None,
) -> Finished:
    """Encrypt an object of any size to an S3 object, by parts, on whatever `map` runs them.

    source: a URL or path that fsspec knows. target: s3://BUCKET/KEY, written through boto3.
    identity: the job's identity, by reference, which every machine has in the same place; whoever
        has it can open this object's segments too. to: who can open the object, as for `encrypt`.
    map: of (function, tasks); a result may be a future:
        lambda f, tasks: client.map(f, tasks, pure=False)                 dask.distributed
        lambda f, tasks: context.parallelize(tasks, len(tasks)).map(f).collect()   Spark
        pool.map                                                          Ray's or an executor's
    source_options, client_options: of fsspec and of boto3.client on every machine; no secrets.
    progress: called with parts done and parts in all.

    The object appears when it is whole, and the store is asked to confirm its checksum and length.
    Whatever fails before aborts the upload, which leaves no part but what tasks that still run
    store afterwards. FileExistsError where it exists.
    """
    check_reference(identity)
    origin = _Source(source, dict(source_options or {})).pinned()
    planned = plan(
        origin.size,
        to=to,
        job=identity,
        tag=origin.tag,
        context=context,
        metadata=metadata,
        suite=suite,
        digest=digest,
        part_size=part_size,
    )
    how = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}
    upload = _begun(target, client_options, overwrite, **how)
    try:
        tasks = [
            _SealTask(planned.job, part, *planned.plaintext(part), origin, upload, identity)
            for part in range(1, planned.parts + 1)
        ]
        receipts = _results(map(_seal_part, tasks), len(tasks), progress)
        done = finish(planned, receipts, upload.stored())
        parts = [(part, name.decode()) for part, name in done.parts]
        parts.append((done.tail_part, upload.store(done.tail_part, done.tail)))
        upload.complete(
            parts,
            overwrite,
            ChecksumCRC64NVME=done.checksum,
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=done.size,
        )
    except BaseException:
        upload.abort()
        raise
    return done


def _results(found: Iterable[Any], total: int, progress: _Progress) -> list[Any]:
    """All results, those of futures too, told as they come."""
    out = []
    for each in found:
        out.append(each.result() if hasattr(each, "result") else each)
        if progress is not None:
            # A task that ran twice is told once.
            progress(min(len(out), total), total)
    return out


@dataclass(frozen=True)
class _OpenTask:
    part: int
    start: int
    end: int
    source: _Source
    target: _Target | str
    identity: Any
    context: bytes | str | None
    fingerprint: str


class _Stored:
    """A stored stream, as a reader takes it."""

    def __init__(self, source: _Source) -> None:
        self.source, self.size = source, source.size

    def read_at(self, offset: int, length: int) -> bytes:
        return self.source.read(offset, min(offset + length, self.size))


def _open_range(task: _OpenTask) -> tuple[int, str]:
    """What a machine does: a range is read, opened, and stored; the stream is the pinned one."""
    with Reader(
        _Stored(task.source), key=task.identity, context=task.context, fingerprint=task.fingerprint
    ) as file:
        data = file.read_at(task.start, task.end - task.start)
    if isinstance(task.target, _Target):
        return task.part, task.target.store(task.part, data)
    with open(task.target, "r+b") as out:
        out.seek(task.start)
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return task.part, ""


def decrypt_object(
    source: str,
    target: str,
    *,
    identity: Any,
    map: _Map = builtins.map,
    context: bytes | str | None = None,
    fingerprint: str | None = None,
    part_size: int = 64 << 20,
    source_options: dict[str, Any] | None = None,
    client_options: dict[str, Any] | None = None,
    overwrite: bool = False,
    progress: _Progress = None,
) -> str:
    """Decrypt an object by ranges to an S3 object, or to a file that all machines see.

    source: a URL or path that fsspec knows. target: s3://BUCKET/KEY, or a path.
    identity: what opens the stream, by reference, which every machine has in the same place.
    map, source_options, client_options, progress: as for `encrypt_object`.

    All ranges are of the one stream whose fingerprint was read first, which is returned. The target
    appears when all of it is authentic; whatever fails before leaves nothing.
    """
    check_reference(identity)
    if part_size < 5 << 20:
        raise UsageError("part_size must be at least 5 MiB")
    origin = _Source(source, dict(source_options or {})).pinned()
    with Reader(
        _Stored(origin), key=identity, context=context, fingerprint=fingerprint
    ) as file:
        size, found = file.size, file.fingerprint
    part_size = max(part_size, -(-size // 10_000))
    starts = range(0, size, part_size) if size else range(1)

    def run(place: _Target | str) -> list[tuple[int, str]]:
        tasks = [
            _OpenTask(
                number + 1,
                start,
                min(start + part_size, size),
                origin,
                place,
                identity,
                context,
                found,
            )
            for number, start in enumerate(starts)
        ]
        # A task that ran twice wrote the same bytes twice.
        stored = dict(_results(map(_open_range, tasks), len(tasks), progress))
        for task in tasks:
            if task.part not in stored:
                raise UnsealedError(f"no task brought back the bytes from {task.start} on")
        return sorted(stored.items())

    if target.startswith("s3://"):
        upload = _begun(target, client_options, overwrite)
        try:
            upload.complete(run(upload), overwrite, MpuObjectSize=size)
        except BaseException:
            upload.abort()
            raise
        return found
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(17, "the file exists; pass overwrite=True to replace it", target)
    target = os.path.abspath(target)
    handle, unfinished = tempfile.mkstemp(prefix=".sv2-", dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "wb") as out:
            out.truncate(size)
        run(unfinished)
        if overwrite:
            os.replace(unfinished, target)
        else:
            os.link(unfinished, target)
            os.unlink(unfinished)
    except BaseException:
        os.unlink(unfinished)
        raise
    return found

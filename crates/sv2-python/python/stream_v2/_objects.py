"""Objects that many machines encrypt and decrypt, from URL to URL.

A task holds names: of the source, of the target, of the identity. Every machine reads its range of
the source, checks that the source is still the one that was planned for, and stores its part.
"""

from __future__ import annotations

import builtins
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputChangedError, UnsealedError, UsageError
from ._files import Reader
from ._native import job_ranges, object_checksum
from ._parts import Finished, Plan, check_reference, finish, plan, seal, verify
from ._stores import CHECKED, Source, Stored, Upload, begun, refuse_secrets

__all__ = ["decrypt_object", "encrypt_object", "verify_object"]

# How often a part is sealed once more whose stored bytes have no receipt.
_AGAIN = 3

_Map = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
_Progress = Callable[[int, int], object] | None


@dataclass(frozen=True)
class _SealTask:
    job: bytes = field(repr=False)
    part: int
    start: int
    end: int
    source: Source
    target: Upload
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
    return sealed.receipt(task.target.store(task.part, sealed.data).name)


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
    store afterwards. FileExistsError where it exists. Parts differ in length, so a store that wants
    them equal, such as Cloudflare R2, refuses them: there one process writes through `open`.
    """
    check_reference(identity)
    origin = Source(source, refuse_secrets(source_options)).pinned()
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
    upload = begun(target, client_options, overwrite, **CHECKED)
    try:
        tasks = [
            _SealTask(planned.job, part, *planned.plaintext(part), origin, upload, identity)
            for part in range(1, planned.parts + 1)
        ]
        receipts = _results(map(_seal_part, tasks), len(tasks), progress)
        for last in (False, False, True):
            held, done = _finished(planned, tasks, receipts, upload, map)
            parts = [*held, upload.store(done.tail_part, done.tail)]
            if upload.completed(
                parts,
                is_last=last,
                ChecksumCRC64NVME=done.checksum,
                ChecksumType="FULL_OBJECT",
                MpuObjectSize=done.size,
                **_unless(overwrite),
            ):
                break
    except BaseException:
        upload.abort()
        raise
    return done


def _finished(
    planned: Plan, tasks: list[_SealTask], receipts: list[bytes], upload: Upload, map: _Map
) -> tuple[list[Stored], Finished]:
    """The parts that the store holds, and the end of their stream.

    An engine may run a task again whose receipt it gave long ago, when a machine is lost; then the
    store holds bytes of which nobody has a receipt, and that part is sealed once more.
    """
    again: dict[int, int] = {}
    while True:
        # An earlier tail is not of the plan's parts.
        held = [each for each in upload.stored() if each.part <= len(tasks)]
        held.sort(key=lambda stored: stored.part)
        try:
            stored = [(each.part, each.name, each.crc64) for each in held]
            return held, finish(planned, receipts, stored)
        except UnsealedError as error:
            part = int((error.unit or "part 0").removeprefix("part "))
            again[part] = again.get(part, 0) + 1
            if again[part] > _AGAIN or not 1 <= part <= len(tasks):
                raise
            receipts += _results(map(_seal_part, [tasks[part - 1]]), 1, None)


def _unless(overwrite: bool) -> dict[str, str]:
    """The condition under which the store makes the object."""
    return {} if overwrite else {"IfNoneMatch": "*"}


def _results(found: Iterable[Any], total: int, progress: _Progress) -> list[Any]:
    """All results, those of futures too, told as they come; what is left is given up on failure."""
    out: list[Any] = []
    try:
        for each in found:
            out.append(each.result() if hasattr(each, "result") else each)
            if progress is not None:
                # A task that ran twice is told once.
                progress(min(len(out), total), total)
    except BaseException:
        for each in found if isinstance(found, (list, tuple)) else ():
            if hasattr(each, "cancel"):
                each.cancel()
        raise
    return out


@dataclass(frozen=True)
class _OpenTask:
    part: int
    start: int
    end: int
    source: Source
    target: Upload | str
    identity: Any
    context: bytes | str | None = field(repr=False)
    fingerprint: str


class _Ranges:
    """A stored stream, as a reader takes it."""

    def __init__(self, source: Source) -> None:
        self.source, self.size = source, source.size

    def read_at(self, offset: int, length: int) -> bytes:
        return self.source.read(offset, min(offset + length, self.size))


def _open_range(task: _OpenTask) -> tuple[int, Stored | None]:
    """What a machine does: a range is read, opened, and stored; the stream is the pinned one."""
    with Reader(
        _Ranges(task.source), key=task.identity, context=task.context, fingerprint=task.fingerprint
    ) as file:
        data = file.read_at(task.start, task.end - task.start)
    if isinstance(task.target, Upload):
        return task.part, task.target.store(task.part, data)
    with open(task.target, "r+b") as out:
        out.seek(task.start)
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return task.part, None


def _held(opened: list[Stored], stored: list[Stored]) -> list[Stored]:
    """The parts by the names that the store has for them now.

    Of two attempts at a part the store holds the later one, and their bytes are the same; their names
    are not where the store encrypts by KMS. A store that tells no checksums is asked for the names
    that it gave, and refuses what was replaced.
    """
    now = {each.part: each for each in stored}
    held = []
    for each in opened:
        crc64 = now[each.part].crc64 if each.part in now else None
        if crc64 is not None and crc64 != each.crc64:
            raise UnsealedError(f"the store has not the bytes of part {each.part} that were opened")
        held.append(each if crc64 is None else now[each.part])
    return held


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
    origin = Source(source, refuse_secrets(source_options)).pinned()
    with Reader(
        _Ranges(origin), key=identity, context=context, fingerprint=fingerprint
    ) as file:
        size, found = file.size, file.fingerprint
    part_size = max(part_size, -(-size // 10_000))
    starts = range(0, size, part_size) if size else range(1)

    def run(place: Upload | str) -> list[Any]:
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
        return [stored[task.part] for task in tasks]

    if target.startswith("s3://"):
        upload = begun(target, client_options, overwrite, **CHECKED)
        try:
            opened = run(upload)
            for last in (False, False, True):
                if upload.completed(
                    _held(opened, upload.stored()),
                    is_last=last,
                    ChecksumType="FULL_OBJECT",
                    MpuObjectSize=size,
                    **_unless(overwrite),
                ):
                    break
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


@dataclass(frozen=True)
class _VerifyTask:
    job: bytes = field(repr=False)
    part: int
    start: int
    end: int
    source: Source


def _verify_part(task: _VerifyTask) -> tuple[int, list[tuple[Any, ...]]]:
    """What a machine does: a part is read and scrubbed."""
    data = task.source.read(task.start, task.end)
    task.source.unchanged()
    found = verify(task.job, task.part, data)
    return task.part, [tuple(getattr(each, name) for name in _DAMAGE) for each in found]


# What of a damage travels back.
_DAMAGE = ("unit", "fault", "offset", "length")


def verify_object(
    source: str,
    job: bytes,
    *,
    map: _Map = builtins.map,
    source_options: dict[str, Any] | None = None,
    progress: _Progress = None,
) -> dict[int, list[dict[str, Any]]]:
    """Look for damage in a finished object by parts, without a key, on whatever `map` runs them.

    source: a URL or path that fsspec knows. job: what the object was sealed by, `Finished.job`.
    map, source_options, progress: as for `encrypt_object`.

    Returns what is damaged by the number of its part, each as unit, fault, offset and length in the
    stream; nothing where nothing is. Only accidents are found, and of the end of the stream only
    those in its trailer: `scrub` compares the index with the segments, and `verify` proves both. The
    header must be that of the plan, so an object whose recipients were changed since has a damage
    there. Raises what `object_checksum` raises, InputChangedError where the object changed meanwhile,
    UnsealedError for an object that ends early, and where a task brought nothing back.
    """
    origin = Source(source, refuse_secrets(source_options)).pinned()
    tasks = [
        _VerifyTask(job, part, start, end, origin)
        for part, (_, (start, end)) in enumerate(job_ranges(job, origin.size), 1)
    ]
    if not tasks:
        raise UnsealedError(f"{source} ends before the end of its stream")
    # Reads header, index and trailer.
    try:
        object_checksum(_Ranges(origin))
    finally:
        # Bytes of two objects are no damage.
        origin.unchanged()
    found = dict(_results(map(_verify_part, tasks), len(tasks), progress))
    for task in tasks:
        if task.part not in found:
            raise UnsealedError(f"no task brought back part {task.part}")
    return {
        part: [dict(zip(_DAMAGE, each, strict=True)) for each in damages]
        for part, damages in sorted(found.items())
        if damages
    }

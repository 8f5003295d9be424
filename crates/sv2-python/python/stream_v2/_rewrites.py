"""Other recipients of an object in a store, whose data stay where they are."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ._errors import InputChangedError
from ._native import RewrapReport, object_checksum, rewrap_patches
from ._stores import CHECKED, PATIENT, Stored, Upload, bucket_and_key, checksum_of, refuse_secrets

__all__ = ["rewrap_object"]

# The shortest part of an upload but the last, and the longest that a store copies.
_LEAST, _MOST = 5 << 20, 5 << 30
# The most parts of an upload.
_PARTS = 10_000
# What of an object is not its bytes, and is given to the new one.
_KEPT = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"),
    *("Metadata", "StorageClass", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"),
    *("Expires", "WebsiteRedirectLocation", "ObjectLockLegalHoldStatus"),
)
# A retention, which is given whole or not at all.
_RETENTION = ("ObjectLockMode", "ObjectLockRetainUntilDate")


def _kept(head: dict[str, Any]) -> dict[str, Any]:
    """What the new object is given of the old one's."""
    until = head.get("ObjectLockRetainUntilDate")
    # A store refuses a retention that is over.
    holds = until is not None and until > datetime.datetime.now(datetime.timezone.utc)
    names = (*_KEPT, *_RETENTION) if holds else _KEPT
    return {each: head[each] for each in names if head.get(each) is not None}


@contextlib.contextmanager
def _change_is_told() -> Iterator[None]:
    """What a store says of an object that is another one by now, or gone, as InputChangedError."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        is_gone = status == 404 and error.response["Error"]["Code"] in ("404", "NoSuchKey")
        if status == 412 or is_gone:
            raise InputChangedError("the object changed while its header was rewritten") from error
        raise


class _Stream:
    """An object as a stream under what is written over it; what was read is kept."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self.client, self.at = client, {"Bucket": bucket, "Key": key}
        self.head = client.head_object(**self.at)
        self.size: int = self.head["ContentLength"]
        self.etag: str = self.head["ETag"]
        self.pieces: list[tuple[int, bytearray]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        for start, data in self.pieces:
            if start <= offset and offset + length <= start + len(data):
                return bytes(data[offset - start : offset - start + length])
        if length <= 0:
            return b""
        answer = self.client.get_object(
            **self.at, Range=f"bytes={offset}-{offset + length - 1}", IfMatch=self.etag
        )
        return bytes(answer["Body"].read())

    def keep(self, start: int, end: int) -> None:
        """Read a range now, so that it is asked for once."""
        self.pieces.append((start, bytearray(self.read_at(start, end - start))))

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes over those of a range that is kept."""
        for start, piece in self.pieces:
            if start <= offset and offset + len(data) <= start + len(piece):
                piece[offset - start : offset - start + len(data)] = data
                return
        raise AssertionError("a rewrite of a header wrote between header and tail")

    def unchanged(self) -> None:
        """Raise where the object is another one by now."""
        if self.client.head_object(**self.at)["ETag"] != self.etag:
            raise InputChangedError("the object changed while its header was rewritten")


def rewrap_object(
    target: str,
    *,
    key: Any = None,
    add: Any = None,
    remove: Iterable[int] = (),
    context: bytes | str | None = None,
    fingerprint: str | None = None,
    copy_size: int = 1 << 30,
    threads: int = 8,
    client_options: dict[str, Any] | None = None,
) -> RewrapReport:
    """Change who can open a stream in S3, without moving its data.

    target: s3://BUCKET/KEY. key, add, remove, context, fingerprint: as for `rewrap`.
    copy_size: bytes that the store is asked to copy at once, at most 5 GiB. threads: such copies at
        the same time. client_options: of boto3.client.

    Uploaded are a new beginning of 5 MiB and a new tail: header, index and trailer; the store copies
    all between from the object to itself. The new object replaces the old one in one step, and only
    if it is still the one that was read. Its type, metadata, storage class, encryption, expiry,
    redirect and object lock stay. Its tags, its access list, an event hold and a retention that is
    over do not; an object under a key of the caller's (SSE-C) is refused by the store. Where the
    bucket keeps versions, the old one is opened by its old recipients still. What fails leaves the
    object as it was, and no upload.

    Raises InputChangedError where the object changed, and what `rewrap` raises.
    """
    import boto3

    options = refuse_secrets(client_options)
    bucket, name = bucket_and_key(target)
    client = boto3.client("s3", **options)
    stream = _Stream(client, bucket, name)
    with _change_is_told():
        return _rewrapped(
            stream,
            Upload(bucket, name, "", options),
            lambda: rewrap_patches(stream, key, add, list(remove), context, fingerprint),
            copy_size,
            threads,
        )


def _rewrapped(
    stream: _Stream,
    target: Upload,
    rewritten: Callable[[], tuple[RewrapReport, list[tuple[int, bytes]]]],
    copy_size: int,
    threads: int,
) -> RewrapReport:
    """Put an object with other ends in the place of the one that was read."""
    # The front is read once, and so is the tail when it is known where that begins.
    front = min(_LEAST, stream.size)
    stream.keep(0, front)
    report, patches = rewritten()
    tail = min(offset for offset, _ in patches if offset > 0)
    if tail - front < _LEAST:
        # Too little is between for a part of its own.
        stream.pieces.clear()
        stream.keep(0, stream.size)
        front = tail = stream.size
    else:
        stream.keep(tail, stream.size)
    for offset, data in patches:
        stream.write(offset, data)
    checksum = object_checksum(stream)
    kept = _kept(stream.head)
    begun = stream.client.create_multipart_upload(**stream.at, **CHECKED, **kept)
    upload = Upload(target.bucket, target.key, begun["UploadId"], target.client)
    try:
        parts = [upload.store(1, bytes(stream.pieces[0][1]))]
        parts += _copied(upload, stream, front, tail, copy_size, threads)
        if tail < stream.size:
            parts.append(upload.store(len(parts) + 1, bytes(stream.pieces[1][1])))
        # Not every store heeds the condition below.
        stream.unchanged()
        upload.complete(
            parts,
            ChecksumCRC64NVME=checksum,
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=stream.size,
            IfMatch=stream.etag,
        )
    except BaseException:
        upload.abort()
        raise
    return report


def _copied(
    upload: Upload, stream: _Stream, start: int, end: int, copy_size: int, threads: int
) -> list[Stored]:
    """Has the store copy a range of the object into parts from 2 on."""
    if start == end:
        return []
    wanted = max(copy_size, -(-(end - start) // (_PARTS - 2)), _LEAST)
    count = max(1, (end - start) // min(wanted, _MOST))
    while -(-(end - start) // count) > _MOST:
        count += 1
    bounds = [start + (end - start) * number // count for number in range(count + 1)]

    client = upload.connected(**PATIENT)

    def copy(number: int) -> Stored:
        first, last = bounds[number], bounds[number + 1] - 1
        answer = client.upload_part_copy(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.upload,
            PartNumber=number + 2,
            CopySource=stream.at,
            CopySourceRange=f"bytes={first}-{last}",
            CopySourceIfMatch=stream.etag,
        )["CopyPartResult"]
        crc = answer.get("ChecksumCRC64NVME")
        return Stored(number + 2, answer["ETag"], crc and checksum_of(crc))

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        return list(pool.map(copy, range(count)))

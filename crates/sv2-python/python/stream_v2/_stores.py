"""Where objects are read from and stored, by names that may travel in tasks."""

from __future__ import annotations

import base64
import hashlib
import warnings
from dataclasses import dataclass, field
from typing import Any

from ._errors import InputChangedError, UsageError
from ._native import part_crc64
from ._parts import checksum_text

__all__ = ["CHECKED", "PATIENT", "Source", "Stored", "Upload", "begun", "bucket_and_key", "refuse_secrets"]

# A store may take minutes to put an object together or to copy a part, and say nothing meanwhile.
PATIENT = {"read_timeout": 900}

# An upload whose parts and whole S3 checks by the one checksum that is that of the stream too.
CHECKED = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}

# What file systems call that which tells a change.
_TELLING = (
    *("ETag", "etag", "VersionId", "generation", "mtime", "LastModified"),
    *("last_modified", "updated", "modified", "created", "ino"),
)
# Options of a client that would carry a secret into every task.
_SECRET_OPTIONS = {
    *("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    *("secret", "password", "account_key", "sas_token", "connection_string", "client_secret"),
}


@dataclass(frozen=True)
class Source:
    """What is read, by name."""

    url: str
    options: dict[str, Any] = field(repr=False)
    size: int = 0
    tag: str = ""

    def opened(self) -> tuple[Any, str]:
        import fsspec

        return fsspec.core.url_to_fs(self.url, **self.options)  # type: ignore[no-any-return]

    def pinned(self) -> Source:
        """The same with its size and what tells a change."""
        fs, path = self.opened()
        fs.invalidate_cache()
        info = fs.info(path)
        tag = " ".join(str(info[name]) for name in _TELLING if info.get(name) is not None)
        if not tag:
            raise UsageError(f"{self.url} tells no time, tag or version, so that no change shows")
        return Source(self.url, self.options, info["size"], tag)

    def unchanged(self) -> None:
        """Raise where it is another one than was pinned."""
        if self.pinned() != self:
            raise InputChangedError(f"{self.url} changed while it was read")

    def read(self, start: int, end: int) -> bytes:
        fs, path = self.opened()
        data = bytes(fs.cat_file(path, start=start, end=end))
        if len(data) != end - start:
            raise InputChangedError(f"{self.url} ends before byte {end}", offset=start)
        return data


@dataclass(frozen=True)
class Stored:
    """A part that a store holds: its number, the store's name for its bytes, their CRC-64/NVME."""

    part: int
    name: str
    crc64: int | None = None


def checksum_of(text: str) -> int:
    """A CRC-64 as S3 has it, as a number."""
    return int.from_bytes(base64.b64decode(text), "big")


@dataclass(frozen=True)
class Upload:
    """An upload of many parts."""

    bucket: str
    key: str
    upload: str
    client: dict[str, Any] = field(default_factory=dict, repr=False)

    def connected(self, **settings: Any) -> Any:
        """A client; settings are of a Config, and are put over those of the caller's."""
        import boto3
        from botocore.config import Config

        options = dict(self.client)
        given = options.get("config")
        if settings and given is not None:
            settings = dict(settings)
            if given.read_timeout is None or given.read_timeout > settings.get("read_timeout", 0):
                settings["read_timeout"] = given.read_timeout
            options["config"] = given.merge(Config(**settings))
        elif settings:
            options["config"] = Config(**settings)
        return boto3.client("s3", **options)

    def store(self, part: int, data: bytes) -> Stored:
        """Store a part, which the store checks by its CRC-64/NVME."""
        crc = part_crc64(data)
        answer = self.connected().upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self.upload,
            PartNumber=part,
            Body=data,
            ChecksumCRC64NVME=checksum_text(crc),
        )
        return Stored(part, str(answer["ETag"]), crc)

    def stored(self) -> list[Stored]:
        """The parts that the store holds, as it tells them itself."""
        pages = self.connected().get_paginator("list_parts")
        found = []
        for page in pages.paginate(Bucket=self.bucket, Key=self.key, UploadId=self.upload):
            for each in page.get("Parts", []):
                crc = each.get("ChecksumCRC64NVME")
                found.append(Stored(each["PartNumber"], each["ETag"], crc and checksum_of(crc)))
        return found

    def complete(self, parts: list[Stored], **checks: Any) -> None:
        """Make the object of these parts; checks are those of the store's request.

        An answer may be lost when the object is made already, and whoever asks again is told that the
        upload is gone, or that his own new object is in the way. So it is asked for once, and where
        the answer leaves it open the store is asked whether its object is the one of these parts.
        """

        def named(stored: Stored) -> dict[str, Any]:
            known = {} if stored.crc64 is None else {"ChecksumCRC64NVME": checksum_text(stored.crc64)}
            return {"PartNumber": stored.part, "ETag": stored.name, **known}

        from botocore.exceptions import BotoCoreError, ClientError

        client = self.connected(**PATIENT, retries={"total_max_attempts": 1})
        try:
            client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self.upload,
                MultipartUpload={"Parts": [named(stored) for stored in parts]},
                **checks,
            )
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            is_open = status in (409, 412) or status >= 500
            if not is_open and error.response["Error"]["Code"] != "NoSuchUpload":
                raise
            if not self._is_made(parts, checks):
                raise
        except BotoCoreError:
            # No answer, or half of one.
            if not self._is_made(parts, checks):
                raise

    def _is_made(self, parts: list[Stored], checks: dict[str, Any]) -> bool:
        """Whether the store's object is that of these parts; not, where it tells too little."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            head = self.connected().head_object(
                Bucket=self.bucket, Key=self.key, ChecksumMode="ENABLED"
            )
        except (BotoCoreError, ClientError):
            return False
        if head["ContentLength"] != checks.get("MpuObjectSize"):
            return False
        whole = checks.get("ChecksumCRC64NVME")
        if whole is not None and head.get("ChecksumCRC64NVME") == whole:
            return True
        return bool(head["ETag"].strip('"') == _tag_of(parts))

    def completed(self, parts: list[Stored], is_last: bool, **checks: Any) -> bool:
        """Make the object, or say that the store has other bytes of a part by now.

        A machine that died may have left a request behind that the store serves later. What the store
        says is raised where is_last, and whatever else it says in any case.
        """
        from botocore.exceptions import ClientError

        try:
            self.complete(parts, **checks)
        except ClientError as error:
            if is_last or error.response["Error"]["Code"] != "InvalidPart":
                raise
            return False
        return True

    def abort(self) -> None:
        """Give the upload up; what the store says of it does not hide why."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.connected().abort_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=self.upload
            )
        except (BotoCoreError, ClientError) as error:
            warnings.warn(f"the upload {self.upload!r} was not aborted: {error}", stacklevel=2)


def _tag_of(parts: list[Stored]) -> str | None:
    """The ETag of an object of these parts where theirs are MD5 sums, as they are without KMS."""
    try:
        sums = b"".join(bytes.fromhex(stored.name.strip('"')) for stored in parts)
    except ValueError:
        return None
    return f"{hashlib.md5(sums, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _names(options: dict[str, Any]) -> set[str]:
    """The names of options, those of options within options too."""
    inner = (_names(each) for each in options.values() if isinstance(each, dict))
    return {str(name) for name in options}.union(*inner)


def refuse_secrets(options: dict[str, Any] | None) -> dict[str, Any]:
    """Options of a client or a file system that may travel in tasks."""
    options = dict(options or {})
    secret = _SECRET_OPTIONS & _names(options)
    if secret:
        raise UsageError(
            f"the option {min(secret)!r} would travel in every task; "
            "let each machine have its credentials by profile, role or environment"
        )
    return options


def bucket_and_key(url: str) -> tuple[str, str]:
    """Bucket and key of an object in S3."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or not key:
        raise UsageError(f"the target must be s3://BUCKET/KEY, not {url!r}")
    return bucket, key


def begun(url: str, options: dict[str, Any] | None, overwrite: bool, **how: Any) -> Upload:
    """An upload to an object that is not there, or may be replaced."""
    options = refuse_secrets(options)
    bucket, key = bucket_and_key(url)
    target = Upload(bucket, key, "", options)
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
    return Upload(bucket, key, upload, options)

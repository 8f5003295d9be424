"""Planning, sealing and finishing a stream of parts; `stream_v2.parts` shows it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ._errors import UsageError
from ._native import (
    Damage,
    Key,
    NativeCoordinator,
    NativePartSealer,
    NativeReceipt,
    scrub_stored_part,
)

__all__ = ["Finished", "Plan", "SealedPart", "finish", "plan", "seal", "verify"]


class Plan:
    """What is to be sealed, and by which parts; not to be pickled: what travels is `job`.

    Made by `plan`, or by `Plan.reopen` from the bytes of one and a key that opens the stream.
    """

    def __init__(self, native: NativeCoordinator) -> None:
        self._native = native

    @classmethod
    def reopen(cls, job: bytes, *, key: Any = None, context: bytes | str | None = None) -> Plan:
        """Go on with a plan after a restart: key, context as for `decrypt`."""
        return cls(NativeCoordinator.reopen(job, key, context))

    @property
    def job(self) -> bytes:
        """The bytes that each machine gets, those of the file that `sv2 parts plan` writes."""
        return self._native.job

    @property
    def parts(self) -> int:
        """Parts that are sealed, numbered from 1; the tail is one more."""
        return self._native.parts

    def plaintext(self, part: int) -> tuple[int, int]:
        """The plaintext of a part, as (start, end)."""
        return self._native.part(part)[0]

    def stream(self, part: int) -> tuple[int, int]:
        """The bytes of a part in the stream, as (start, end)."""
        return self._native.part(part)[1]

    def __reduce__(self) -> Any:
        raise TypeError("a plan holds the stream's key and cannot be pickled; send its job")

    def __repr__(self) -> str:
        return f"<stream_v2.parts.Plan parts={self.parts}>"


class SealedPart:
    """A part that is to be stored, and what becomes its receipt."""

    def __init__(self, data: bytes, native: NativeReceipt) -> None:
        self._data, self._native = data, native

    @property
    def data(self) -> bytes:
        """Its bytes in the stream."""
        return self._data

    @property
    def crc64(self) -> int:
        """CRC-64/NVME of these bytes."""
        return self._native.crc64

    @property
    def checksum(self) -> str:
        """The same as S3 has it."""
        return checksum_text(self.crc64)

    def receipt(self, stored_as: bytes | str = b"") -> bytes:
        """The receipt of the part under the name that the store gave its bytes, such as an ETag.

        It holds no secret, and is authentic: what is altered is refused by `finish`.
        """
        name = stored_as.encode() if isinstance(stored_as, str) else stored_as
        return self._native.encode(name)


@dataclass(frozen=True)
class Finished:
    """The end of a stream of parts: what is left to store, and what completes the object."""

    #: The last part.
    tail: bytes
    #: Its number.
    tail_part: int
    #: All parts before it with the names that the store gave them, in order.
    parts: list[tuple[int, bytes]]
    #: CRC-64/NVME of the whole object, as S3 has it.
    checksum: str
    #: Bytes of the whole object.
    size: int
    #: The stream's fingerprint, as 64 hexadecimal digits.
    fingerprint: str
    #: The job that it was sealed by, for `verify` and `verify_object`.
    job: bytes = field(repr=False)


def plan(
    size: int,
    *,
    to: Any = None,
    job: Any,
    tag: bytes | str = b"",
    context: bytes | str | None = None,
    metadata: Any = None,
    suite: str = "aes-256-gcm",
    digest: str | None = None,
    segment_size: int | None = None,
    part_size: int = 64 << 20,
    min_part: int = 5 << 20,
    max_part: int = 5 << 30,
    max_parts: int = 10_000,
) -> Plan:
    """Draw a header and cut `size` bytes of plaintext into parts, for S3 where nothing else is said.

    to, context, metadata, suite, digest: as for `encrypt`.
    job: recipients whose identities seal parts, as `to`.
    tag: what tells whether the source is still the same: an ETag, a version, a time of change.
    segment_size: None takes 4 MiB, or what keeps the index under 64 MiB.
    part_size, min_part, max_part, max_parts: bytes of a part, and what the store allows.

    Raises UsageError where the plaintext cannot be cut so, and where there is less than a part.
    """
    tag = tag.encode() if isinstance(tag, str) else tag
    return Plan(
        NativeCoordinator.plan(
            size,
            tag,
            to,
            job,
            context,
            metadata,
            suite,
            digest,
            segment_size,
            part_size,
            min_part,
            max_part,
            max_parts,
        )
    )


def seal(
    planned: Plan | bytes,
    part: int,
    plaintext: bytes,
    *,
    identity: Key,
    size: int,
    tag: bytes | str = b"",
) -> SealedPart:
    """Seal one part with the job's identity, on any machine and as often as it takes.

    planned: the plan, or the bytes of its job. size, tag: of the source as this machine sees it.
    identity: a reference; a secret is refused, since it would travel with the task.

    Raises InputChangedError where the source is not the one that was planned for, UsageError for a
    part that is too short or too long, NoKeyError where the identity is not the job's or the plan was
    altered.
    """
    check_reference(identity)
    job = planned.job if isinstance(planned, Plan) else planned
    tag = tag.encode() if isinstance(tag, str) else tag
    data, receipt = NativePartSealer(job, identity, size, tag).seal(part, plaintext)
    return SealedPart(data, receipt)


def finish(
    planned: Plan,
    receipts: Iterable[bytes],
    stored: Iterable[tuple[int, bytes | str | None, int | None]],
) -> Finished:
    """Make the tail from the receipts of all parts and from what the store holds.

    receipts: in any order, and of any number of attempts.
    stored: (part, name or None, CRC-64/NVME or None) of each part, as the store tells them itself.

    Raises AuthenticationError for a receipt that is altered or of another plan, and UnsealedError
    for a part that is missing, doubled, or stored by an attempt of which there is no receipt; the
    error's unit names the part, and nothing is complete then.
    """
    held = [
        (part, name.encode() if isinstance(name, str) else name, crc) for part, name, crc in stored
    ]
    tail, tail_part, parts, crc, size, fingerprint = planned._native.finish(list(receipts), held)
    return Finished(
        tail, tail_part, parts, checksum_text(crc), size, fingerprint, planned.job
    )


def verify(planned: Plan | bytes, part: int, source: Any) -> list[Damage]:
    """Look for damage in one stored part, without a key; parts may be looked at in parallel.

    planned: the plan, or the bytes of its job. source: the part's bytes, as for `scrub`.

    Its length, the header in part 1, and every header, frame and footer of its segments are checked;
    offsets are those in the stream. Only accidents are found: nothing here is authentic.

    Raises UsageError for bytes that are no job, and for a part that the plan does not have; damage
    is returned and is no exception.
    """
    job = planned.job if isinstance(planned, Plan) else planned
    return scrub_stored_part(job, part, source)


def checksum_text(crc: int) -> str:
    """A CRC-64 as S3 has it."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode("ascii")


def check_reference(key: Any) -> None:
    """Refuses what would carry a secret into a task."""
    keys = key if isinstance(key, (list, tuple)) else [key]
    if not all(isinstance(each, Key) and each.is_reference for each in keys):
        raise UsageError(
            "each machine has the identity by reference, in a file or a variable of its own: "
            "pass Key.identity_file(..), Key.environment(..) or Key.registered(..)"
        )

"""What goes wrong with a stream, as exceptions with positions.

What the operating system refuses is an OSError as everywhere in Python, such as FileNotFoundError,
and what a file object of the caller's raises goes through unchanged.
"""

from __future__ import annotations


class Sv2Error(Exception):
    """Something is wrong with a stream, its keys or the call; the base of all below.

    unit: what it is about, in words, such as "frame 3 of segment 7"; or None.
    segment, frame: its numbers, from 0; or None.
    offset: where it begins, in bytes from the start of the stream; or None.
    """

    unit: str | None
    segment: int | None
    frame: int | None
    offset: int | None

    def __init__(
        self,
        message: str = "",
        *,
        unit: str | None = None,
        segment: int | None = None,
        frame: int | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.unit = unit
        self.segment = segment
        self.frame = frame
        self.offset = offset


class NotAStreamError(Sv2Error, ValueError):
    """The input is no stream, or its parity file none, or of a version that is not known here."""


class MalformedError(Sv2Error, ValueError):
    """Bytes that no writer produces, or a value above a limit."""


class AuthenticationError(Sv2Error):
    """The bytes are not what the holder of the key wrote: tampered with, rolled back, or another
    stream than the one that was expected."""


class DamagedError(Sv2Error):
    """A checksum is wrong: damaged by accident."""


class BeyondRepairError(DamagedError):
    """More was lost than can be given back; nothing was written."""


class UnsealedError(Sv2Error, EOFError):
    """The end of the stream is missing."""


class NoKeyError(Sv2Error):
    """No key was given that opens the stream, or a key cannot be used."""


class UsageError(Sv2Error, ValueError):
    """Arguments that contradict each other, the stream or the format."""


class CheckpointError(Sv2Error):
    """What an interrupted call left does not belong to this one, or cannot be continued."""


class InputChangedError(Sv2Error):
    """The input changed, or the stream was replaced, while it was read."""


class StaleParityError(Sv2Error):
    """The parity file is of another file, or of another state of this one; nothing was written."""


class BusyError(Sv2Error):
    """Another program is changing the stream."""


class UnfinishedChangeError(Sv2Error):
    """A change of the stream was begun and is neither finished nor taken back."""


class CancelledError(Sv2Error):
    """The call was stopped between two segments."""

# Written by hand; `mypy.stubtest` and pyright hold it against the module.

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol, final, overload

from typing_extensions import Buffer

__all__ = [
    "Damage",
    "DamageMap",
    "Inspection",
    "Key",
    "NativeCoordinator",
    "NativeOpening",
    "NativePartSealer",
    "NativePlan",
    "NativeReader",
    "NativeReceipt",
    "NativeStream",
    "NativeWriter",
    "Protection",
    "Recipient",
    "RepairReport",
    "Report",
    "RewrapReport",
    "SalvageReport",
    "__version__",
    "append",
    "decrypt",
    "encrypt",
    "fingerprint",
    "inspect",
    "job_ranges",
    "object_checksum",
    "part_crc64",
    "protect",
    "recipients",
    "recover",
    "register",
    "repair",
    "rewrap",
    "rewrap_patches",
    "salvage",
    "scrub",
    "scrub_stored_part",
    "unfinished_change",
    "unregister",
    "verify",
]

class _Readable(Protocol):
    def read(self, size: int, /) -> Any: ...

class _ReadableAt(Protocol):
    def read_at(self, offset: int, length: int, /) -> Any: ...

class _Writable(Protocol):
    def write(self, data: bytes, /) -> Any: ...

_Path = str | os.PathLike[str]
_Source = _Path | int | Buffer | _Readable | _ReadableAt
_Sink = _Path | int | _Writable
_Keys = Key | list[Key] | tuple[Key, ...] | None
_To = str | Key | list[str | Key] | list[str] | list[Key] | tuple[str | Key, ...] | None
_Context = bytes | str | None
_Metadata = dict[str, Any] | str | bytes | None
_Progress = Callable[[int, int | None], object] | None
_Suite = Literal["aes-256-gcm", "chacha20-poly1305"]
_Digest = Literal["sha256", "blake3"] | None

__version__: str

@final
class Key:
    @staticmethod
    def default() -> Key: ...
    @staticmethod
    def identity_file(path: _Path) -> Key: ...
    @staticmethod
    def raw_file(path: _Path) -> Key: ...
    @staticmethod
    def passphrase_file(path: _Path) -> Key: ...
    @staticmethod
    def environment(name: str, holds: Literal["identity", "raw", "passphrase"] = "identity") -> Key: ...
    @staticmethod
    def registered(name: str) -> Key: ...
    @staticmethod
    def generate() -> Key: ...
    @staticmethod
    def identity(text: str) -> Key: ...
    @staticmethod
    def raw(key: bytes) -> Key: ...
    @staticmethod
    def passphrase(text: str) -> Key: ...
    @property
    def is_reference(self) -> bool: ...
    def recipients(self) -> list[str]: ...
    def save(self, path: _Path) -> Key: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Callable[..., Key], tuple[str, ...]]: ...

def register(name: str, key: Key) -> None: ...
def unregister(name: str) -> None: ...

@final
class Report:
    @property
    def plaintext_size(self) -> int: ...
    @property
    def bytes_in(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def segments(self) -> int: ...
    @property
    def kept_segments(self) -> int: ...
    @property
    def sealed(self) -> bool: ...
    @property
    def fingerprint(self) -> str | None: ...
    @property
    def revision(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def threads(self) -> int: ...
    @property
    def backend(self) -> str: ...

@overload
def encrypt(
    source: _Source,
    sink: None = None,
    *,
    to: _To = None,
    key: _Keys = None,
    context: _Context = None,
    metadata: _Metadata = None,
    suite: _Suite = "aes-256-gcm",
    digest: _Digest = None,
    frame_size: int = 65536,
    segment_size: int = 4194304,
    header_size: int | None = None,
    threads: int | None = None,
    progress: _Progress = None,
    overwrite: bool = False,
    resume: bool = False,
) -> bytes: ...
@overload
def encrypt(
    source: _Source,
    sink: _Sink,
    *,
    to: _To = None,
    key: _Keys = None,
    context: _Context = None,
    metadata: _Metadata = None,
    suite: _Suite = "aes-256-gcm",
    digest: _Digest = None,
    frame_size: int = 65536,
    segment_size: int = 4194304,
    header_size: int | None = None,
    threads: int | None = None,
    progress: _Progress = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Report: ...
@overload
def decrypt(
    source: _Source,
    sink: None = None,
    *,
    key: _Keys = None,
    context: _Context = None,
    fingerprint: str | None = None,
    allow_unsealed: bool = False,
    threads: int | None = None,
    progress: _Progress = None,
    overwrite: bool = False,
    resume: bool = False,
) -> bytes: ...
@overload
def decrypt(
    source: _Source,
    sink: _Sink,
    *,
    key: _Keys = None,
    context: _Context = None,
    fingerprint: str | None = None,
    allow_unsealed: bool = False,
    threads: int | None = None,
    progress: _Progress = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Report: ...

@final
class Damage:
    @property
    def unit(self) -> str: ...
    @property
    def units(self) -> int: ...
    @property
    def fault(self) -> str: ...
    @property
    def segment(self) -> int | None: ...
    @property
    def frame(self) -> int | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def plaintext(self) -> tuple[int, int] | None: ...

@final
class DamageMap:
    @property
    def authenticated(self) -> bool: ...
    @property
    def sealed(self) -> bool: ...
    @property
    def stream_size(self) -> int: ...
    @property
    def plaintext_size(self) -> int: ...
    @property
    def segments(self) -> int: ...
    @property
    def damages(self) -> list[Damage]: ...
    @property
    def damaged_units(self) -> int: ...
    @property
    def damaged_plaintext(self) -> int: ...
    @property
    def undamaged(self) -> bool: ...
    @property
    def seconds(self) -> float: ...

@final
class SalvageReport:
    @property
    def complete(self) -> bool: ...
    @property
    def sealed(self) -> bool: ...
    @property
    def plaintext_size(self) -> int: ...
    @property
    def recovered(self) -> int: ...
    @property
    def lost(self) -> list[tuple[int, int]]: ...
    @property
    def unconfirmed(self) -> list[tuple[int, int]]: ...
    @property
    def bytes_out(self) -> int: ...

def scrub(source: _Source, *, threads: int | None = None, progress: _Progress = None) -> DamageMap: ...
def verify(
    source: _Source,
    *,
    key: _Keys = None,
    context: _Context = None,
    fingerprint: str | None = None,
    threads: int | None = None,
    progress: _Progress = None,
) -> DamageMap: ...
@overload
def salvage(
    source: _Source,
    sink: None = None,
    *,
    key: _Keys = None,
    context: _Context = None,
    fingerprint: str | None = None,
    gaps: Literal["zero", "skip"] = "zero",
    threads: int | None = None,
    progress: _Progress = None,
    overwrite: bool = False,
) -> tuple[SalvageReport, bytes]: ...
@overload
def salvage(
    source: _Source,
    sink: _Sink,
    *,
    key: _Keys = None,
    context: _Context = None,
    fingerprint: str | None = None,
    gaps: Literal["zero", "skip"] = "zero",
    threads: int | None = None,
    progress: _Progress = None,
    overwrite: bool = False,
) -> SalvageReport: ...

@final
class Inspection:
    @property
    def stream_size(self) -> int: ...
    @property
    def plaintext_size(self) -> int | None: ...
    @property
    def segments(self) -> int | None: ...
    @property
    def sealed(self) -> bool: ...
    @property
    def suite(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def frame_size(self) -> int: ...
    @property
    def segment_size(self) -> int: ...
    @property
    def header_size(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def fingerprint(self) -> str | None: ...
    @property
    def recipients(self) -> list[str]: ...
    @property
    def intact(self) -> bool | None: ...

@final
class Recipient:
    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> str | None: ...
    @property
    def opened(self) -> bool | None: ...

def inspect(source: _Source) -> Inspection: ...
def recipients(
    source: _Source, *, key: _Keys = None, context: _Context = None
) -> list[Recipient]: ...
def fingerprint(source: _Source, *, key: _Keys = None, context: _Context = None) -> str: ...
def object_checksum(source: _Source) -> str: ...
def append(
    path: _Path,
    source: _Source,
    *,
    key: _Keys = None,
    context: _Context = None,
    fingerprint: str | None = None,
    threads: int | None = None,
    progress: _Progress = None,
) -> Report: ...

@final
class RewrapReport:
    @property
    def slots_before(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def used(self) -> int: ...
    @property
    def available(self) -> int: ...

def rewrap(
    path: _Path,
    *,
    key: _Keys = None,
    add: _To = None,
    remove: list[int] = ...,
    context: _Context = None,
    fingerprint: str | None = None,
) -> RewrapReport: ...
def unfinished_change(path: _Path) -> Path | None: ...
def recover(
    path: _Path, *, key: _Keys = None, context: _Context = None
) -> Literal["nothing", "discarded", "finished", "taken back"]: ...

@final
class Protection:
    @property
    def path(self) -> Path: ...
    @property
    def size(self) -> int: ...
    @property
    def file_size(self) -> int: ...
    @property
    def is_stream(self) -> bool: ...
    @property
    def block_size(self) -> int: ...
    @property
    def window_size(self) -> int: ...
    @property
    def blocks(self) -> int: ...
    @property
    def gap(self) -> int: ...
    @property
    def memory(self) -> int: ...

def protect(
    path: _Path,
    *,
    parity: float = 0.05,
    spread: bool = True,
    overwrite: bool = False,
    threads: int | None = None,
    progress: _Progress = None,
) -> Protection: ...

@final
class RepairReport:
    @property
    def output(self) -> Path | None: ...
    @property
    def parity(self) -> Path | None: ...
    @property
    def sound(self) -> bool: ...
    @property
    def repairable(self) -> bool: ...
    @property
    def file_size(self) -> int: ...
    @property
    def found_size(self) -> int: ...
    @property
    def bad_blocks(self) -> int: ...
    @property
    def hopeless_windows(self) -> int: ...
    @property
    def parity_damaged(self) -> bool: ...
    @property
    def version_confirmed(self) -> bool: ...
    @property
    def computed(self) -> int: ...
    @property
    def borrowed(self) -> int: ...
    @property
    def mended(self) -> int: ...
    @property
    def cut(self) -> int: ...
    @property
    def undamaged(self) -> bool | None: ...

def repair(
    path: _Path,
    output: _Path | None = None,
    *,
    in_place: bool = False,
    dry_run: bool = False,
    copy: _Path | None = None,
    cut: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    progress: _Progress = None,
) -> RepairReport: ...

@final
class NativeReader:
    def __new__(
        cls,
        source: _Source,
        key: _Keys = None,
        context: _Context = None,
        fingerprint: str | None = None,
        read_ahead: int | None = None,
        cached_frames: int = 32,
    ) -> NativeReader: ...
    @property
    def size(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def metadata(self) -> str | None: ...
    def read_at(self, offset: int, length: int) -> bytes: ...
    def read_ranges(self, ranges: list[tuple[int, int]]) -> list[bytes]: ...
    def read(self, length: int) -> bytes: ...
    def readinto(self, buffer: Buffer) -> int: ...
    def peek(self) -> bytes: ...
    def readline(self, limit: int) -> bytes: ...
    def seek(self, offset: int, whence: int) -> int: ...
    def tell(self) -> int: ...

@final
class NativeWriter:
    def __new__(
        cls,
        sink: _Sink,
        to: _To = None,
        context: _Context = None,
        metadata: _Metadata = None,
        suite: str = "aes-256-gcm",
        digest: str | None = None,
        frame_size: int = 65536,
        segment_size: int = 4194304,
        header_size: int | None = None,
        threads: int | None = None,
        overwrite: bool = False,
    ) -> NativeWriter: ...
    def write(self, bytes: bytes) -> int: ...
    def tell(self) -> int: ...
    def finish(self) -> Report: ...
    def discard(self) -> None: ...

@final
class NativeOpening:
    def __new__(
        cls,
        size: int,
        key: _Keys = None,
        context: _Context = None,
        fingerprint: str | None = None,
    ) -> NativeOpening: ...
    def wants(self) -> list[tuple[int, int]]: ...
    def supply(self, offset: int, bytes: bytes) -> None: ...
    def finish(self) -> NativeStream: ...

@final
class NativeStream:
    @property
    def size(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def metadata(self) -> str | None: ...
    def plan(
        self,
        ranges: list[tuple[int, int]],
        max_len: int | None = None,
        join_gap: int | None = None,
    ) -> NativePlan: ...

@final
class NativePlan:
    def wire(self) -> list[tuple[int, int]]: ...
    def supply(self, offset: int, bytes: bytes) -> None: ...
    def open(self, stream: NativeStream) -> list[bytes] | tuple[int, int]: ...
    def explain(self, stream: NativeStream, bytes: bytes) -> None: ...

@final
class NativeCoordinator:
    @staticmethod
    def plan(
        size: int,
        tag: bytes,
        to: _To,
        job: _To,
        context: _Context,
        metadata: _Metadata,
        suite: str,
        digest: str | None,
        segment_size: int | None,
        part_size: int,
        min_part: int,
        max_part: int,
        max_parts: int,
    ) -> NativeCoordinator: ...
    @staticmethod
    def reopen(job: bytes, key: _Keys, context: _Context) -> NativeCoordinator: ...
    @property
    def job(self) -> bytes: ...
    @property
    def parts(self) -> int: ...
    def part(self, number: int) -> tuple[tuple[int, int], tuple[int, int]]: ...
    def finish(
        self, receipts: list[bytes], stored: list[tuple[int, bytes | None, int | None]]
    ) -> tuple[bytes, int, list[tuple[int, bytes]], int, int, str]: ...

@final
class NativePartSealer:
    def __new__(cls, job: bytes, identity: _Keys, size: int, tag: bytes) -> NativePartSealer: ...
    @property
    def parts(self) -> int: ...
    def part(self, number: int) -> tuple[tuple[int, int], tuple[int, int]]: ...
    def seal(self, part: int, plaintext: bytes) -> tuple[bytes, NativeReceipt]: ...

@final
class NativeReceipt:
    @property
    def crc64(self) -> int: ...
    def encode(self, stored_as: bytes) -> bytes: ...

def job_ranges(job: bytes, size: int) -> list[tuple[tuple[int, int], tuple[int, int]]]: ...
def part_crc64(bytes: bytes) -> int: ...
def scrub_stored_part(job: bytes, part: int, source: _Source) -> list[Damage]: ...
def rewrap_patches(
    source: _Source,
    key: _Keys,
    add: _To,
    remove: list[int],
    context: _Context,
    fingerprint: str | None,
) -> tuple[RewrapReport, list[tuple[int, bytes]]]: ...

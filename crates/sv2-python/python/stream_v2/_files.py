"""Streams as binary files: `open`, `Reader`, `Writer`."""

from __future__ import annotations

import io
import json
import os
import warnings
from typing import Any

from ._native import NativeReader, NativeWriter

__all__ = ["Reader", "Writer", "open"]


def _closed() -> ValueError:
    return ValueError("I/O operation on closed file.")


class Reader(io.BufferedIOBase):
    """The plaintext of a sealed stream as a binary file that can seek.

    What `open(source)` returns. Every byte was authenticated before it is handed out, and only the
    frames that are touched are read and opened. Any number of threads may read; `read_at` and
    `read_ranges` do not touch the position.

    A reader of a path under a key that is a reference can be pickled: the pickle holds the two
    names and the position, and no key.
    """

    def __init__(
        self,
        source: Any,
        *,
        key: Any = None,
        context: bytes | str | None = None,
        fingerprint: str | None = None,
        read_ahead: int | None = None,
        cached_frames: int = 32,
    ) -> None:
        self._native: NativeReader | None = None
        self._native = NativeReader(source, key, context, fingerprint, read_ahead, cached_frames)
        self._arguments = {
            "key": key,
            "context": context,
            "fingerprint": fingerprint,
            "read_ahead": read_ahead,
            "cached_frames": cached_frames,
        }
        self._source = source

    def _open(self) -> NativeReader:
        if self._native is None:
            raise _closed()
        return self._native

    @property
    def name(self) -> Any:
        """The source, where it is a path or a descriptor; else its own name, or None."""
        if isinstance(self._source, (str, os.PathLike, int)):
            return self._source
        return getattr(self._source, "name", None)

    @property
    def mode(self) -> str:
        """Always "rb"."""
        return "rb"

    @property
    def size(self) -> int:
        """Plaintext bytes of the stream."""
        return self._open().size

    @property
    def fingerprint(self) -> str:
        """The stream's fingerprint, as 64 hexadecimal digits."""
        return self._open().fingerprint

    @property
    def revision(self) -> int:
        """The revision of the header, which grows when recipients change."""
        return self._open().revision

    @property
    def generation(self) -> int:
        """The generation of the stream, which grows with each append."""
        return self._open().generation

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The metadata in the header, or None."""
        text = self._open().metadata
        return None if text is None else json.loads(text)

    def read_at(self, offset: int, length: int) -> bytes:
        """Read from an offset; fewer bytes than asked for only at the end of the stream."""
        return self._open().read_at(offset, length)

    def read_ranges(self, ranges: Any) -> list[bytes]:
        """Read many ranges, given as (offset, length), and open each frame once.

        All that is needed is asked of the source at once, so that a store can fetch it together.
        """
        return self._open().read_ranges([(offset, length) for offset, length in ranges])

    def read(self, size: int | None = -1, /) -> bytes:
        """Read size bytes, fewer only at the end; None or a negative size reads all."""
        return self._open().read(-1 if size is None or size < 0 else size)

    def read1(self, size: int = -1, /) -> bytes:
        """Read at most size bytes, as many as are at hand."""
        native = self._open()
        if size < 0:
            size = io.DEFAULT_BUFFER_SIZE
        return native.read(size)

    def readinto(self, buffer: Any, /) -> int:
        """Read into a writable buffer and return the number of bytes."""
        return self._open().readinto(buffer)

    def readinto1(self, buffer: Any, /) -> int:
        """As readinto."""
        return self._open().readinto(buffer)

    def peek(self, size: int = 0, /) -> bytes:
        """Bytes at the position, which stays; at least one before the end."""
        return self._open().peek()

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read up to the next newline, or size bytes."""
        return self._open().readline(-1 if size is None else size)

    def __next__(self) -> bytes:
        line = self._open().readline(-1)
        if not line:
            raise StopIteration
        return line

    def __iter__(self) -> Reader:
        self._open()
        return self

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset from the start, from the position, or from the end."""
        return self._open().seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._open().tell()

    def seekable(self) -> bool:
        """True."""
        self._open()
        return True

    def readable(self) -> bool:
        """True."""
        self._open()
        return True

    def writable(self) -> bool:
        """False."""
        self._open()
        return False

    def close(self) -> None:
        """Let go of the source, which stays open where it is an object of the caller's."""
        self._native = None
        super().close()

    def __reduce_ex__(self, protocol: Any) -> Any:
        native = self._open()
        if not isinstance(self._source, (str, os.PathLike)):
            raise TypeError("only a reader of a path can be pickled")
        return _reopened, (os.fspath(self._source), self._arguments, native.tell())

    def __repr__(self) -> str:
        state = "closed" if self._native is None else f"size={self._native.size}"
        return f"<stream_v2.Reader name={self.name!r} {state}>"


def _reopened(path: Any, arguments: dict[str, Any], position: int) -> Reader:
    reader = Reader(path, **arguments)
    reader.seek(position)
    return reader


class Writer(io.BufferedIOBase):
    """A stream that is written as a binary file, from front to back.

    What `open(sink, "wb")` returns. `close()` seals the stream, and a path gets its name then;
    `discard()`, an exception inside `with`, and a writer that is lost without `close()` leave
    nothing at the path. What is written is handed to threads that seal it, so an error of the sink
    may come with a later call.
    """

    def __init__(
        self,
        sink: Any,
        *,
        to: Any = None,
        context: bytes | str | None = None,
        metadata: Any = None,
        suite: str = "aes-256-gcm",
        digest: str | None = None,
        frame_size: int = 65536,
        segment_size: int = 4194304,
        header_size: int | None = None,
        threads: int | None = None,
        overwrite: bool = False,
    ) -> None:
        self._native: NativeWriter | None = None
        self._report: Any = None
        self._sink = sink
        self._native = NativeWriter(
            sink,
            to,
            context,
            metadata,
            suite,
            digest,
            frame_size,
            segment_size,
            header_size,
            threads,
            overwrite,
        )

    def _open(self) -> NativeWriter:
        if self._native is None:
            raise _closed()
        return self._native

    @property
    def name(self) -> Any:
        """The sink, where it is a path or a descriptor; else its own name, or None."""
        if isinstance(self._sink, (str, os.PathLike, int)):
            return self._sink
        return getattr(self._sink, "name", None)

    @property
    def mode(self) -> str:
        """Always "wb"."""
        return "wb"

    @property
    def report(self) -> Any:
        """What was done, once the stream is sealed; None before and after discard()."""
        return self._report

    def write(self, data: Any, /) -> int:
        """Take all of the bytes and return their number."""
        native = self._open()
        if not isinstance(data, bytes):
            if isinstance(data, str):
                raise TypeError("a bytes-like object is required, not 'str'")
            data = bytes(memoryview(data).cast("B"))
        return native.write(data)

    def flush(self) -> None:
        """Nothing: a stream is written by whole segments."""
        self._open()

    def tell(self) -> int:
        """Plaintext bytes that were written."""
        return self._open().tell()

    def seekable(self) -> bool:
        """False."""
        self._open()
        return False

    def readable(self) -> bool:
        """False."""
        self._open()
        return False

    def writable(self) -> bool:
        """True."""
        self._open()
        return True

    def close(self) -> None:
        """Seal the stream; a second call does nothing."""
        native, self._native = self._native, None
        if native is not None:
            self._report = native.finish()

    def discard(self) -> None:
        """End without a stream: a path keeps what it had."""
        native, self._native = self._native, None
        if native is not None:
            native.discard()

    @property
    def closed(self) -> bool:
        """Whether the stream was sealed or discarded."""
        return self._native is None

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if getattr(self, "_native", None) is not None:
            warnings.warn(f"{self!r} was not closed, and is discarded", ResourceWarning, source=self)
            self.discard()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a writer cannot be pickled")

    def __repr__(self) -> str:
        state = "closed" if self._native is None else "open"
        return f"<stream_v2.Writer name={self.name!r} {state}>"


def open(path: Any, mode: str = "rb", **options: Any) -> Any:
    """Open a stream as a binary file.

    path: what `encrypt` takes as source or sink.
    mode: "rb" or "r" reads, "wb" or "w" writes what was not there, or replaces it with
        overwrite=True, "xb" or "x" writes only what was not there.
    key, context, fingerprint, read_ahead, cached_frames: for reading, as for `Reader`.
    to, context, metadata, suite, digest, threads, overwrite, ...: for writing, as for `encrypt`.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> path, key = os.path.join(folder, "a.sv2"), Key.generate()
    >>> with open(path, "wb", to=key) as file:
    ...     _ = file.write(b"one\\ntwo\\n")
    >>> with open(path, key=key) as file:
    ...     list(file)
    [b'one\\n', b'two\\n']
    """
    if mode in ("r", "rb"):
        return Reader(path, **options)
    if mode in ("w", "wb", "x", "xb"):
        if mode[0] == "x":
            options["overwrite"] = False
        return Writer(path, **options)
    raise ValueError(f"mode must be 'rb', 'wb' or 'xb', not {mode!r}")

"""Ranges of a stream over any asynchronous source, without a thread that waits."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from ._native import NativeOpening, NativePlan, NativeStream

__all__ = ["AsyncStream"]

# Plaintext that is opened on the event loop itself; more goes to a thread, which works and does
# not wait.
_INLINE = 1 << 20


class AsyncStream:
    """A sealed stream over an asynchronous source; made by `await AsyncStream.open(source)`.

    The source is an object with `async read_at(offset, length)` or
    `async get_range(start, end)`, or an async function of (start, end); each returns bytes, and
    may be called many times at once. Ranges that are needed together are asked for together.

    >>> import asyncio
    >>> key = Key.generate()
    >>> stored = encrypt(b"0123456789", to=key)
    >>> async def fetch(start, end):
    ...     return stored[start:end]
    >>> async def main():
    ...     stream = await AsyncStream.open(fetch, size=len(stored), key=key)
    ...     return await stream.read_ranges([(0, 2), (8, 2)])
    >>> asyncio.run(main())
    [b'01', b'89']
    """

    def __init__(self, native: NativeStream, fetch: Any, limits: tuple[Any, Any]) -> None:
        self._native: NativeStream | None = native
        self._fetch = fetch
        self._limits = limits

    @classmethod
    async def open(
        cls,
        source: Any,
        *,
        size: int | None = None,
        key: Any = None,
        context: bytes | str | None = None,
        fingerprint: str | None = None,
        max_request: int | None = None,
        join_gap: int | None = None,
    ) -> AsyncStream:
        """Open a stream in one round trip, or two where it is larger than 8 GiB.

        size: bytes of the stream; None asks the source's `size`, which may be async.
        key, context, fingerprint: as for `decrypt`.
        max_request, join_gap: the most bytes of one request, and the gap that is read to save one.
        """
        fetch = _fetcher(source)
        if size is None:
            size = getattr(source, "size", None)
            if callable(size):
                size = size()
            if inspect.isawaitable(size):
                size = await size
            if size is None:
                raise TypeError("the source has no size; pass size=")
        opening = NativeOpening(size, key, context, fingerprint)
        wanted = opening.wants()
        while wanted:
            for (start, _), data in zip(wanted, await _gather(fetch, wanted), strict=True):
                opening.supply(start, data)
            # Trying a key may take long: a passphrase costs a second by design.
            wanted = await asyncio.to_thread(opening.wants)
        return cls(opening.finish(), fetch, (max_request, join_gap))

    def _open(self) -> NativeStream:
        if self._native is None:
            raise ValueError("I/O operation on closed file.")
        return self._native

    @property
    def size(self) -> int:
        """Plaintext bytes of the stream."""
        return self._open().size

    @property
    def fingerprint(self) -> str:
        """The stream's fingerprint, as 64 hexadecimal digits."""
        return self._open().fingerprint

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The metadata in the header, or None."""
        text = self._open().metadata
        return None if text is None else json.loads(text)

    async def read_at(self, offset: int, length: int) -> bytes:
        """Read from an offset; fewer bytes than asked for only at the end of the stream."""
        return (await self.read_ranges([(offset, length)]))[0]

    async def read_ranges(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Read many ranges, given as (offset, length): each frame is fetched and opened once."""
        native = self._open()
        wanted = []
        for offset, length in ranges:
            if offset < 0 or length < 0:
                raise ValueError(f"negative range ({offset}, {length})")
            wanted.append((offset, offset + length))
        plan = native.plan(wanted, *self._limits)
        wire = plan.wire()
        for (start, _), data in zip(wire, await _gather(self._fetch, wire), strict=True):
            plan.supply(start, data)
        if sum(end - start for start, end in wire) > _INLINE:
            opened = await asyncio.to_thread(plan.open, native)
        else:
            opened = plan.open(native)
        if isinstance(opened, tuple):
            await self._explain(native, plan, opened)
        return opened  # type: ignore[return-value]

    async def _explain(self, native: NativeStream, plan: NativePlan, frame: tuple[int, int]) -> None:
        """Raise what is wrong with a frame: opening it destroyed what tells damage from forgery."""
        plan.explain(native, (await _gather(self._fetch, [frame]))[0])

    async def chunks(self, size: int = 4 << 20) -> AsyncIterator[bytes]:
        """The whole plaintext from front to back, in pieces of `size` bytes."""
        if size < 1:
            raise ValueError("size must be at least 1")
        for offset in range(0, self.size, size):
            yield await self.read_at(offset, size)

    async def aclose(self) -> None:
        """Let go of the stream; the source stays open."""
        self._native = None

    async def __aenter__(self) -> AsyncStream:
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self._native is None else f"size={self._native.size}"
        return f"<stream_v2.AsyncStream {state}>"


def _fetcher(source: Any) -> Any:
    """An async function of (start, end)."""
    if hasattr(source, "read_at"):
        return lambda start, end: source.read_at(start, end - start)
    if hasattr(source, "get_range"):
        return source.get_range
    if callable(source):
        return source
    raise TypeError(
        "the source must have async read_at(offset, length) or get_range(start, end), "
        f"or be an async function of (start, end), not {type(source).__name__}"
    )


async def _gather(fetch: Any, ranges: list[tuple[int, int]]) -> list[bytes]:
    """Fetch all ranges at once; a short answer is an error, and an error ends the others."""

    async def one(start: int, end: int) -> bytes:
        data = bytes(await fetch(start, end))
        if len(data) != end - start:
            raise EOFError(f"the source gave {len(data)} bytes for {start} to {end}")
        return data

    if len(ranges) == 1:
        return [await one(*ranges[0])]
    tasks = [asyncio.ensure_future(one(start, end)) for start, end in ranges]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()

"""`AsyncStream`: requests are counted, no thread waits, and failures name their place."""

import asyncio
import threading

import pytest

import stream_v2 as sv2


class Store:
    """Counts what it is asked, and how much at the same time."""

    def __init__(self, stream):
        self.stream, self.asked, self.under_way, self.most = stream, [], 0, 0
        self.size = len(stream)

    async def get_range(self, start, end):
        self.asked.append((start, end))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        return self.stream[start:end]


@pytest.fixture(scope="module")
def stream(key, painted):
    return sv2.encrypt(painted, to=key, metadata={"name": "a"})


def test_opening_takes_two_requests_at_once_and_a_range_one(stream, key, painted):
    async def main():
        store = Store(stream)
        opened = await sv2.AsyncStream.open(store, key=key)
        assert (len(store.asked), store.most) == (2, 2)
        assert sum(end - start for start, end in store.asked) < 80_000
        store.asked.clear()
        assert await opened.read_at(5 << 20, 100) == painted[5 << 20 : (5 << 20) + 100]
        assert len(store.asked) == 1
        store.asked.clear()
        assert await opened.read_at(0, 1 << 20) == painted[: 1 << 20]
        assert len(store.asked) == 1
        store.asked.clear()
        ranges = [(0, 10), (5, 10), (8 << 20, 10)]
        assert await opened.read_ranges(ranges) == [painted[a : a + n] for a, n in ranges]
        assert (len(store.asked), store.most) == (2, 2)
        assert opened.size == len(painted) and opened.metadata == {"name": "a"}
        assert opened.fingerprint == sv2.fingerprint(stream, key=key)
        assert b"".join([chunk async for chunk in opened.chunks(1 << 20)]) == painted

    asyncio.run(main())


def test_many_readers_share_one_thread(stream, key, painted):
    async def main():
        store = Store(stream)
        opened = await sv2.AsyncStream.open(store, key=key)
        before = threading.active_count()
        offsets = [at * 70_001 % len(painted) for at in range(500)]
        found = await asyncio.gather(*(opened.read_at(at, 50) for at in offsets))
        assert found == [painted[at : at + 50] for at in offsets]
        assert store.most >= 400 and threading.active_count() == before

    asyncio.run(main())


def test_every_kind_of_asynchronous_source(stream, key, painted):
    class At:
        async def read_at(self, offset, length):
            return bytearray(stream[offset : offset + length])

        async def size(self):
            return len(stream)

    async def fetch(start, end):
        return memoryview(stream)[start:end]

    async def main():
        for source, size in ((At(), None), (fetch, len(stream)), (Store(stream), None)):
            async with await sv2.AsyncStream.open(source, size=size, key=key) as opened:
                assert await opened.read_at(len(painted) - 3, 10) == painted[-3:]
            with pytest.raises(ValueError, match="closed file"):
                await opened.read_at(0, 1)
        with pytest.raises(TypeError, match="size"):
            await sv2.AsyncStream.open(fetch, key=key)
        with pytest.raises(TypeError):
            await sv2.AsyncStream.open(7, size=7, key=key)
        with pytest.raises(ValueError, match="negative"):
            opened = await sv2.AsyncStream.open(Store(stream), key=key)
            await opened.read_at(-1, 5)

    asyncio.run(main())


def test_failures_are_those_of_a_file(stream, key):
    async def opened(data, **arguments):
        return await sv2.AsyncStream.open(Store(data), **{"key": key, **arguments})

    async def main():
        for data, error in ((b"", sv2.NotAStreamError), (stream[:-1], sv2.UnsealedError)):
            with pytest.raises(error):
                await opened(data)
        with pytest.raises(sv2.NoKeyError):
            await opened(stream, key=sv2.Key.generate())
        with pytest.raises(sv2.AuthenticationError):
            await opened(stream, fingerprint="00" * 32)
        damaged = bytearray(stream)
        damaged[5 << 20] ^= 1
        with pytest.raises(sv2.DamagedError) as caught:
            await (await opened(bytes(damaged))).read_at(0, 9 << 20)
        assert caught.value.segment == 1 and caught.value.frame is not None

    asyncio.run(main())


def test_an_error_of_the_source_comes_back_and_ends_the_other_requests(stream, key):
    class Broken(Store):
        async def get_range(self, start, end):
            if start == 0:
                raise ConnectionError("gone")
            await asyncio.Event().wait()

    async def short(start, end):
        return stream[start : end - 1]

    async def main():
        with pytest.raises(ConnectionError, match="gone"):
            await sv2.AsyncStream.open(Broken(stream), key=key)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        with pytest.raises(EOFError):
            await sv2.AsyncStream.open(short, size=len(stream), key=key)

    asyncio.run(main())


def test_a_stream_outlives_its_event_loop_as_far_as_its_source_does(stream, key, painted):
    opened = asyncio.run(sv2.AsyncStream.open(Store(stream), key=key))
    assert asyncio.run(opened.read_at(0, 10)) == painted[:10]

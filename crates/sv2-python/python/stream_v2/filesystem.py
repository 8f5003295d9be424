"""The file system `sv2` for fsspec: encrypted objects on any other file system, read in place.

    fsspec.open("sv2::s3://bucket/key", sv2={"identity_file": "id.txt"}, s3={...})
    pandas.read_parquet("sv2::s3://bucket/key", storage_options={"sv2": {"identity_file": ...}})

Sizes, offsets and contents are those of the plaintext; names are those of the other file system,
and so are copies and moves, which need no key.

Options name keys and never hold them: fsspec copies every option into pickles, task graphs, logs
and catalogues. `identity_file`, `key_file` and `passphrase_file` are paths; `identity_env`,
`key_env` and `passphrase_env` are environment variables; `key_name` was given to
`stream_v2.register` in the process that reads. With none of them the user's own identities serve.
`recipients` (text, or a list) says who can open what is written; without it, the key can.

A cache below keeps ciphertext: "sv2::simplecache::s3://..". The reverse,
"simplecache::sv2::s3://..", puts plaintext on the local disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections import OrderedDict
from typing import Any

import fsspec
from fsspec.asyn import AsyncFileSystem, sync
from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.chained import ChainedFileSystem
from fsspec.implementations.local import LocalFileSystem, make_path_posix
from fsspec.utils import stringify_path

from ._async import AsyncStream
from ._errors import AuthenticationError, DamagedError, InputChangedError, NotAStreamError, Sv2Error
from ._files import Reader, Writer
from ._native import decrypt, encrypt
from ._options import keys_and_recipients

__all__ = ["AsyncSv2File", "Sv2File", "Sv2FileSystem", "Sv2WriteFile"]

# Streams that are kept open: header, seal and a page of the index each.
_KEPT = 256
# Plaintext that one request for a whole object opens at a time.
_WINDOW = 64 << 20


class Sv2FileSystem(AsyncFileSystem, ChainedFileSystem):
    """Encrypted objects on another file system; see the module for its options."""

    protocol = "sv2"

    def __init__(
        self,
        target_protocol: str | None = None,
        target_options: dict[str, Any] | None = None,
        fo: str | None = None,
        fs: Any = None,
        *,
        identity_file: str | list[str] | None = None,
        key_file: str | None = None,
        passphrase_file: str | None = None,
        identity_env: str | None = None,
        key_env: str | None = None,
        passphrase_env: str | None = None,
        key_name: str | None = None,
        recipients: str | list[str] | None = None,
        context: str | None = None,
        threads: int | None = None,
        asynchronous: bool = False,
        loop: Any = None,
        **options: Any,
    ) -> None:
        named = {
            "identity_file": identity_file,
            "key_file": key_file,
            "passphrase_file": passphrase_file,
            "identity_env": identity_env,
            "key_env": key_env,
            "passphrase_env": passphrase_env,
            "key_name": key_name,
        }
        self._key, self._to = keys_and_recipients(named, recipients, context, options)
        if self.__dict__.get("_cached"):
            return
        super().__init__(asynchronous=asynchronous, loop=loop, **options)
        if fs is None:
            inner = dict(target_options or {})
            if asynchronous:
                inner.setdefault("asynchronous", True)
            try:
                fs = fsspec.filesystem(target_protocol or "file", **inner)
            except TypeError:
                # One that has no asynchronous side, and says so.
                inner.pop("asynchronous", None)
                fs = fsspec.filesystem(target_protocol or "file", **inner)
        if fs.async_impl and fs.asynchronous != asynchronous:
            raise ValueError("both file systems must be in the same sync or async mode")
        self.fs = fs
        self._inner = fs if fs.async_impl else AsyncFileSystemWrapper(fs, asynchronous=asynchronous)
        self._context = context
        self._threads = threads
        self._streams: OrderedDict[str, tuple[Any, AsyncStream]] = OrderedDict()
        self.root_marker: str = fs.root_marker
        self._parent = fs._parent

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        path = stringify_path(path)
        for prefix in ("sv2://", "sv2::"):
            if path.startswith(prefix):
                path = path[len(prefix) :]
        return path

    @property
    def fsid(self) -> str:
        """The other file system's, marked."""
        return f"sv2_{self.fs.fsid}"

    @property
    def sep(self) -> str:
        """The other file system's separator."""
        return str(self.fs.sep)

    def _at(self, path: Any) -> str:
        """A path of the other file system."""
        return str(self.fs._strip_protocol(self._strip_protocol(path)))

    # Opened streams.

    async def _stream(self, path: str, info: dict[str, Any] | None = None) -> AsyncStream:
        """The stream at a path, opened once as long as its object stays the same."""
        path = self._at(path)
        info = info or await self._inner._info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(21, "Is a directory", path)
        state = _state_of(info)
        kept = self._streams.get(path)
        if kept is not None and kept[0] == state:
            self._streams.move_to_end(path)
            return kept[1]

        async def fetch(start: int, end: int) -> bytes:
            return bytes(await self._inner._cat_file(path, start=start, end=end))

        try:
            stream = await AsyncStream.open(
                fetch, size=info["size"], key=self._key, context=self._context
            )
        except Sv2Error as error:
            error.add_note(f"object: {path}")
            raise
        self._streams[path] = (state, stream)
        while len(self._streams) > _KEPT:
            self._streams.popitem(last=False)
        return stream

    def _forget(self, path: str) -> None:
        self._streams.pop(self._at(path), None)

    async def _ranges(self, path: str, ranges: list[tuple[int | None, int | None]]) -> list[bytes]:
        """Ranges of one object, as slices have them; a replaced object is opened anew, once."""
        for last in (False, True):
            stream = await self._stream(path)
            size = stream.size
            wanted = [slice(start, end).indices(size)[:2] for start, end in ranges]
            pairs = [(start, max(end - start, 0)) for start, end in wanted]
            try:
                if len(pairs) == 1 and pairs[0][1] > _WINDOW:
                    return [await _whole(stream, *pairs[0])]
                return await stream.read_ranges(pairs)
            except (AuthenticationError, DamagedError, InputChangedError):
                self._forget(path)
                self.fs.invalidate_cache(self.fs._parent(self._at(path)))
                if last:
                    raise
        raise AssertionError("not reached")

    # What fsspec asks.

    async def _described(self, info: dict[str, Any]) -> dict[str, Any]:
        """A description with the size of the plaintext."""
        if info["type"] != "file":
            return dict(info)
        stream = await self._stream(info["name"], info)
        return {**info, "size": stream.size, "stream_size": info["size"]}

    async def _info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return await self._described(await self._inner._info(self._at(path), **kwargs))

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """With detail, an object that is no stream of ours has size None and says why in "error"."""
        entries = await self._inner._ls(self._at(path), detail=True, **kwargs)
        if not detail:
            return [entry["name"] for entry in entries]
        limit = asyncio.Semaphore(self.batch_size or 32)

        async def one(info: dict[str, Any]) -> dict[str, Any]:
            async with limit:
                try:
                    return await self._described(info)
                except Sv2Error as error:
                    return {**info, "size": None, "stream_size": info["size"], "error": str(error)}

        return list(await asyncio.gather(*map(one, entries)))

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        return bool(await self._inner._exists(self._at(path)))

    async def _isfile(self, path: str) -> bool:
        return bool(await self._inner._isfile(self._at(path)))

    async def _isdir(self, path: str) -> bool:
        return bool(await self._inner._isdir(self._at(path)))

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any
    ) -> bytes:
        return (await self._ranges(path, [(start, end)]))[0]

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """Ranges of many objects: those of one object are planned and fetched together."""
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        starts = starts if isinstance(starts, (list, tuple)) else [starts] * len(paths)
        ends = ends if isinstance(ends, (list, tuple)) else [ends] * len(paths)
        if not len(starts) == len(ends) == len(paths):
            raise ValueError("as many starts and ends as paths")
        of_path: dict[str, list[int]] = {}
        for number, path in enumerate(paths):
            of_path.setdefault(path, []).append(number)
        out: list[Any] = [None] * len(paths)

        async def one(path: str, numbers: list[int]) -> None:
            try:
                found: list[Any] = await self._ranges(path, [(starts[n], ends[n]) for n in numbers])
            except Exception as error:
                if on_error != "return":
                    raise
                found = [error] * len(numbers)
            for number, data in zip(numbers, found, strict=True):
                out[number] = data

        await asyncio.gather(*(one(path, numbers) for path, numbers in of_path.items()))
        return out

    async def _pipe_file(self, path: str, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        sealed = await asyncio.to_thread(
            encrypt, bytes(value), to=self._to, context=self._context, threads=self._threads
        )
        self._forget(path)
        await self._inner._pipe_file(self._at(path), sealed, mode=mode, **kwargs)

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **kwargs: Any,
    ) -> None:
        if os.path.isdir(lpath):
            await self._makedirs(rpath, exist_ok=True)
            return
        callback.set_size(os.path.getsize(lpath))
        self._forget(rpath)
        with tempfile.TemporaryDirectory(prefix="sv2-") as folder:
            sealed = os.path.join(folder, "sealed")
            options: dict[str, Any] = {
                "to": self._to,
                "context": self._context,
                "threads": self._threads,
            }
            await asyncio.to_thread(lambda: encrypt(lpath, sealed, **options))
            await self._inner._put_file(sealed, self._at(rpath), mode=mode, **kwargs)
        callback.absolute_update(os.path.getsize(lpath))

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **kwargs: Any
    ) -> None:
        if await self._inner._isdir(self._at(rpath)):
            os.makedirs(lpath, exist_ok=True)
            return
        if hasattr(lpath, "write"):
            lpath.write(await self._cat_file(rpath))
            return
        os.makedirs(os.path.dirname(make_path_posix(os.fspath(lpath))) or ".", exist_ok=True)
        stream = await self._stream(rpath)
        callback.set_size(stream.size)
        # Under its name only when all of it was authentic.
        handle, unfinished = tempfile.mkstemp(
            prefix=".sv2-", dir=os.path.dirname(os.path.abspath(lpath))
        )
        try:
            with os.fdopen(handle, "wb") as file:
                async for chunk in stream.chunks(16 << 20):
                    await asyncio.to_thread(file.write, chunk)
                    callback.relative_update(len(chunk))
                os.fsync(file.fileno())
            os.replace(unfinished, lpath)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(unfinished)
            raise

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Copies the stream as it is: the same key opens both."""
        if await self._inner._isdir(self._at(path1)):
            await self._makedirs(path2, exist_ok=True)
            return
        self._forget(path2)
        await self._inner._cp_file(self._at(path1), self._at(path2), **kwargs)

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        self._forget(path)
        await self._inner._rm_file(self._at(path), **kwargs)

    async def _rm(self, path: Any, recursive: bool = False, **kwargs: Any) -> None:
        paths = [self._at(each) for each in (path if isinstance(path, list) else [path])]
        self._streams.clear()
        await self._inner._rm(paths, recursive=recursive, **kwargs)

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        await self._inner._mkdir(self._at(path), create_parents=create_parents, **kwargs)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        await self._inner._makedirs(self._at(path), exist_ok=exist_ok)

    async def _rmdir(self, path: str) -> None:
        await self._inner._rmdir(self._at(path))

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Make a folder on the other file system."""
        self.fs.mkdir(self._at(path), create_parents=create_parents, **kwargs)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make folders on the other file system."""
        self.fs.makedirs(self._at(path), exist_ok=exist_ok)

    def rmdir(self, path: str) -> None:
        """Remove a folder of the other file system."""
        self.fs.rmdir(self._at(path))

    def mv_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Move a stream as it is."""
        self._forget(path1)
        self._forget(path2)
        self.fs.mv(self._at(path1), self._at(path2), **kwargs)

    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Write an empty stream where there is none, or in place of one."""
        if not truncate and self.exists(path):
            raise NotImplementedError("times are the other file system's; use its touch()")
        self.pipe_file(path, b"")

    def created(self, path: str) -> Any:
        """When the object was made, as the other file system says."""
        return self.fs.created(self._at(path))

    def modified(self, path: str) -> Any:
        """When the object was changed, as the other file system says."""
        return self.fs.modified(self._at(path))

    def ukey(self, path: str) -> str:
        """What changes with the object, as the other file system says."""
        return str(self.fs.ukey(self._at(path)))

    def checksum(self, path: str) -> int:
        """As ukey."""
        return int(self.fs.checksum(self._at(path)))

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget listings and opened streams."""
        if path is None:
            self._streams.clear()
        else:
            self._forget(path)
        self.fs.invalidate_cache(None if path is None else self._at(path))

    # Files.

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: Any = None,
        **kwargs: Any,
    ) -> Any:
        if mode == "rb":
            return Sv2File(self, self._at(path))
        if mode not in ("wb", "xb"):
            raise NotImplementedError(f"a stream cannot be opened with mode {mode!r}; use append()")
        if mode == "xb" and self.exists(path):
            raise FileExistsError(17, "File exists", path)
        return Sv2WriteFile(self, self._at(path), autocommit, kwargs)

    async def open_async(self, path: str, mode: str = "rb", **kwargs: Any) -> AsyncSv2File:
        """A stream for reading, whose methods are coroutines."""
        if mode != "rb":
            raise NotImplementedError("only mode 'rb'; write with _pipe_file or _put_file")
        return AsyncSv2File(await self._stream(path))


class _Object:
    """An object of a synchronous file system, as the native reader takes it."""

    def __init__(self, fs: Any, path: str, size: int) -> None:
        self.fs, self.path, self.size = fs, path, size

    def read_at(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        return bytes(self.fs.cat_file(self.path, start=offset, end=end))

    def read_ranges(self, ranges: list[tuple[int, int]]) -> list[bytes]:
        starts = [offset for offset, _ in ranges]
        ends = [offset + length for offset, length in ranges]
        paths = [self.path] * len(ranges)
        return list(self.fs.cat_ranges(paths, starts, ends, on_error="raise"))


class Sv2File(Reader):
    """A stream of the file system, for reading; pickles as file system, path and position."""

    fs: Any
    path: str
    details: dict[str, Any]

    def __init__(self, fs: Any, path: str) -> None:
        self._native = None
        self.fs, self.path = fs, path
        info = fs.fs.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(21, "Is a directory", path)
        if isinstance(fs.fs, LocalFileSystem):
            source: Any = path
        else:
            source = _Object(fs.fs, path, info["size"])
        try:
            super().__init__(source, key=fs._key, context=fs._context)
        except Sv2Error as error:
            error.add_note(f"object: {path}")
            raise
        self.details = {**info, "size": self.size, "stream_size": info["size"]}

    @property
    def name(self) -> Any:
        """The path."""
        return self.path

    @property
    def full_name(self) -> str:
        """The path."""
        return self.path

    def info(self) -> dict[str, Any]:
        """The object's description, with the size of the plaintext."""
        return self.details

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _reopened, (self.fs, self.path, self.tell())


def _reopened(fs: Sv2FileSystem, path: str, position: int) -> Sv2File:
    file = Sv2File(fs, path)
    file.seek(position)
    return file


class Sv2WriteFile(Writer):
    """A stream of the file system, for writing.

    The other file system's file is committed when the stream is sealed, and discarded otherwise.
    """

    fs: Any
    path: str
    autocommit: bool

    def __init__(self, fs: Any, path: str, autocommit: bool, options: Any) -> None:
        self._native = None
        self.fs, self.path, self.autocommit = fs, path, autocommit
        self._options = options
        # Files of other kinds show what was written before they are closed, so what they get is
        # written elsewhere first.
        commits = fs.fs.async_impl or isinstance(fs.fs, LocalFileSystem)
        if commits:
            self._sink: Any = fs.fs.open(path, "wb", autocommit=False, **options)
        else:
            self._sink = tempfile.TemporaryFile(prefix="sv2-")
        self._commits = commits
        self._sealed = False
        try:
            super().__init__(self._sink, to=fs._to, context=fs._context, threads=fs._threads)
        except BaseException:
            self._drop()
            raise

    @property
    def name(self) -> Any:
        """The path."""
        return self.path

    def close(self) -> None:
        """Seal the stream, and commit it unless a transaction does."""
        if self._native is None:
            return
        try:
            super().close()
            self._sealed = True
            if self._commits:
                self._sink.close()
        except BaseException:
            self._drop()
            raise
        if self.autocommit:
            self.commit()

    def commit(self) -> None:
        """Give the sealed stream its name."""
        if not self._sealed:
            raise ValueError("the stream is not sealed; close it first")
        self.fs._forget(self.path)
        if self._commits:
            self._sink.commit()
        else:
            self._sink.seek(0)
            self.fs.fs.pipe_file(self.path, self._sink.read(), **self._options)
            self._sink.close()
        self.fs.fs.invalidate_cache(self.fs.fs._parent(self.path))

    def discard(self) -> None:
        """Leave nothing of it."""
        is_open = self._native is not None
        super().discard()
        if is_open or self._sealed:
            self._drop()

    def _drop(self) -> None:
        self._sealed = False
        sink = self._sink
        if not self._commits:
            sink.close()
            return
        # What is left in its buffer must not be written any more.
        if hasattr(sink, "buffer") and hasattr(sink, "offset"):
            sink.closed = True
        else:
            sink.close()
        sink.discard()


class AsyncSv2File:
    """A stream of an asynchronous file system, for reading."""

    closed: bool

    def __init__(self, stream: AsyncStream) -> None:
        self._stream, self._position, self.closed = stream, 0, False

    def _open(self) -> AsyncStream:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return self._stream

    @property
    def size(self) -> int:
        """Plaintext bytes."""
        return self._open().size

    async def read(self, length: int | None = -1) -> bytes:
        """Read length bytes at the position, fewer only at the end; -1 reads all."""
        left = max(self._open().size - self._position, 0)
        length = left if length is None or length < 0 else min(length, left)
        data = await _whole(self._stream, self._position, length)
        self._position += len(data)
        return data

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset from the start, from the position, or from the end."""
        target = (0, self._position, self._open().size)[whence] + offset
        if target < 0:
            raise ValueError(f"negative seek value {target}")
        self._position = target
        return target

    async def tell(self) -> int:
        """The position."""
        self._open()
        return self._position

    async def close(self) -> None:
        """Let go of it."""
        self.closed = True

    async def __aenter__(self) -> AsyncSv2File:
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _whole(stream: AsyncStream, offset: int, length: int) -> bytes:
    """A long range, a window at a time, so that requests under way stay few."""
    if length <= _WINDOW:
        return await stream.read_at(offset, length)
    parts = []
    for start in range(offset, offset + length, _WINDOW):
        parts.append(await stream.read_at(start, min(_WINDOW, offset + length - start)))
    return b"".join(parts)


def _state_of(info: dict[str, Any]) -> tuple[Any, ...]:
    """What changes when an object is replaced, as far as its file system says."""
    names = ("size", "ETag", "etag", "mtime", "LastModified", "last_modified", "created", "ino")
    return tuple(str(info.get(name)) for name in names)

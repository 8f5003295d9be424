"""The file system `sv2`: fsspec's own tests, keys by name only, commits, counts."""

import asyncio
import os
import pickle

import fsspec
import fsspec.tests.abstract as abstract
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

import stream_v2 as sv2
from stream_v2.filesystem import Sv2FileSystem


@pytest.fixture(scope="module")
def identity_file(tmp_path_factory, key):
    path = tmp_path_factory.mktemp("keys") / "id.txt"
    key.save(path)
    return str(path)


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, identity_file):
        inner = LocalFileSystem(auto_mkdir=True)
        return Sv2FileSystem(fs=inner, identity_file=identity_file)

    @pytest.fixture
    def fs_path(self, tmp_path):
        path = tmp_path / "remote"
        path.mkdir()
        return str(path)


class TestCopy(abstract.AbstractCopyTests, Fixtures):
    pass


class TestGet(abstract.AbstractGetTests, Fixtures):
    pass


class TestPut(abstract.AbstractPutTests, Fixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, Fixtures):
    pass


@pytest.fixture
def fs(identity_file):
    return fsspec.filesystem("sv2", target_protocol="file", identity_file=identity_file)


@pytest.fixture
def memory(identity_file):
    store = MemoryFileSystem()
    store.store.clear()
    yield Sv2FileSystem(fs=store, identity_file=identity_file)
    store.store.clear()


def test_chained_urls_read_and_write(tmp_path, identity_file, key):
    url = f"sv2::file://{tmp_path}/a.sv2"
    options = {"sv2": {"identity_file": identity_file}}
    with fsspec.open(url, "wb", **options) as file:
        file.write(b"0123456789")
    with fsspec.open(url, "rb", **options) as file:
        file.seek(4)
        assert file.read(3) == b"456"
    assert sv2.decrypt(tmp_path / "a.sv2", key=key) == b"0123456789"
    of, path = fsspec.core.url_to_fs(url, **options)
    assert of.info(path)["size"] == 10 and of.cat(path) == b"0123456789"
    with fsspec.open(f"sv2::simplecache::file://{tmp_path}/a.sv2", "rb", **options) as file:
        assert file.read() == b"0123456789"


def test_sizes_and_slices_are_those_of_the_plaintext(fs, tmp_path, painted):
    path = f"{tmp_path}/a"
    fs.pipe(path, painted)
    assert fs.size(path) == len(painted) and fs.du(str(tmp_path)) == len(painted)
    info = fs.info(path)
    assert info["stream_size"] == os.path.getsize(path) > info["size"]
    for start, end in ((None, 5), (7, 9), (-3, None), (-9, -2), (5, 5), (9, 3), (1 << 40, None)):
        assert fs.cat_file(path, start, end) == painted[start:end]
    found = fs.cat_ranges([path] * 3, [0, 5 << 20, -2], [3, (5 << 20) + 9, None])
    assert found == [painted[:3], painted[5 << 20 : (5 << 20) + 9], painted[-2:]]
    found = fs.cat_ranges([path, f"{tmp_path}/none"], 0, 3)
    assert found[0] == painted[:3] and isinstance(found[1], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([f"{tmp_path}/none"], 0, 3, on_error="raise")


@pytest.mark.parametrize(
    "options",
    [
        {"key": "x"},
        {"passphrase": "x"},
        {"identity": "x"},
        {"raw_key": "x"},
        {"password": "x"},
        {"identity_file": "AGE-SECRET-KEY-1QQQQ"},
        {"key_file": "ab" * 32},
        {"context": "AGE-SECRET-KEY-1QQQQ"},
        {"recipients": ["AGE-SECRET-KEY-1QQQQ"]},
        {"identity_file": sv2.Key.identity_file("id.txt")},
        {"identity_file": b"id.txt"},
        {"identity_command": "touch /tmp/ran"},
        {"passphrase_cmd": "touch /tmp/ran"},
        {"key_import": "os.system"},
    ],
    ids=repr,
)
def test_secrets_and_commands_in_options_raise_and_are_not_repeated(options):
    with pytest.raises((TypeError, ValueError)) as caught:
        Sv2FileSystem(target_protocol="memory", **options)
    text = str(caught.value)
    assert "QQQQ" not in text and "abab" not in text


def test_a_pickle_of_file_system_and_file_holds_no_key(fs, tmp_path, identity_file, painted):
    path = f"{tmp_path}/a"
    fs.pipe(path, painted)
    with fs.open(path) as file:
        file.seek(10)
        pickled = pickle.dumps([fs, file])
    secret = open(identity_file).read().split()[-1].encode()
    assert secret not in pickled and b"AGE-SECRET" not in pickled
    again, file = pickle.loads(pickled)
    assert again == fs and again.to_json() == fs.to_json()
    assert file.read(5) == painted[10:15]


def test_names_of_keys_are_looked_up_where_they_are_used(memory, key, monkeypatch):
    memory.pipe("/a", b"text")
    inner = memory.fs
    sv2.register("there", key)
    monkeypatch.setenv("SV2_ID", open(memory.storage_options["identity_file"]).read())
    for options in ({"key_name": "there"}, {"identity_env": "SV2_ID"}):
        assert Sv2FileSystem(fs=inner, **options).cat("/a") == b"text"
    sv2.unregister("there")
    with pytest.raises(sv2.UsageError):
        Sv2FileSystem(fs=inner, key_name="there", skip_instance_cache=True).cat("/a")


def test_who_only_knows_recipients_can_write_and_not_read(memory, key, monkeypatch):
    monkeypatch.setenv("SV2_IDENTITY", memory.storage_options["identity_file"])
    stranger = sv2.Key.generate()
    for_stranger = Sv2FileSystem(fs=memory.fs, recipients=stranger.recipients())
    for_stranger.pipe("/b", b"text")
    with pytest.raises(sv2.NoKeyError) as caught:
        for_stranger.cat("/b")
    assert "/b" in "".join(caught.value.__notes__)
    assert sv2.decrypt(memory.fs.cat("/b"), key=stranger) == b"text"


@pytest.mark.parametrize("inner", ["file", "memory"])
def test_a_write_that_fails_or_is_discarded_leaves_what_was_there(inner, tmp_path, identity_file):
    fs = Sv2FileSystem(target_protocol=inner, identity_file=identity_file)
    path = f"{tmp_path}/a"
    fs.makedirs(str(tmp_path), exist_ok=True)
    fs.pipe(path, b"old")
    with pytest.raises(RuntimeError):
        with fs.open(path, "wb") as file:
            file.write(bytes(3 << 20))
            raise RuntimeError
    assert fs.cat(path) == b"old"
    file = fs.open(f"{tmp_path}/b", "wb")
    file.write(b"x")
    file.discard()
    assert fs.ls(str(tmp_path), detail=False) == [path]
    with fs.open(path, "wb") as file:
        file.write(b"new")
        assert fs.cat(path) == b"old"
    assert fs.cat(path) == b"new"


@pytest.mark.parametrize("inner", ["file", "memory"])
def test_a_transaction_commits_all_or_nothing(inner, tmp_path, identity_file):
    fs = Sv2FileSystem(target_protocol=inner, identity_file=identity_file)
    fs.makedirs(str(tmp_path), exist_ok=True)
    paths = [f"{tmp_path}/{name}" for name in "ab"]
    with pytest.raises(RuntimeError):
        with fs.transaction:
            for path in paths:
                with fs.open(path, "wb") as file:
                    file.write(b"text")
            raise RuntimeError
    assert fs.ls(str(tmp_path), detail=False) == []
    with fs.transaction:
        for path in paths:
            with fs.open(path, "wb") as file:
                file.write(b"text")
        assert not fs.exists(paths[0])
    assert fs.cat(paths) == dict.fromkeys(paths, b"text")
    assert len(os.listdir(tmp_path)) in (0, 2)


def test_what_is_no_stream_is_seen_and_not_hidden(memory):
    memory.fs.pipe("/d/foreign", b"plain")
    memory.pipe("/d/ours", b"text")
    by_name = {entry["name"]: entry for entry in memory.ls("/d", detail=True)}
    assert by_name["/d/ours"]["size"] == 4
    assert by_name["/d/foreign"]["size"] is None and "not a stream" in by_name["/d/foreign"]["error"]
    assert memory.exists("/d/foreign") and memory.isfile("/d/foreign")
    for call in (memory.info, memory.cat, memory.open):
        with pytest.raises(sv2.NotAStreamError):
            call("/d/foreign")
    with pytest.raises(IsADirectoryError):
        memory.open("/d")


def test_copies_and_moves_need_no_key(memory):
    memory.pipe("/a", b"text")
    keyless = Sv2FileSystem(fs=memory.fs, identity_file="/nowhere")
    keyless.copy("/a", "/b")
    keyless.mv("/b", "/c")
    assert memory.cat("/c") == b"text" and not memory.exists("/b")
    assert memory.fs.cat("/a") == memory.fs.cat("/c")


def test_a_replaced_object_is_opened_anew(memory):
    memory.pipe("/a", b"old")
    assert memory.cat("/a") == b"old"
    other = Sv2FileSystem(skip_instance_cache=True, **memory.storage_options)
    other.pipe("/a", b"new")
    assert memory.cat("/a") == b"new" and memory.size("/a") == 3


def test_an_interrupted_get_leaves_nothing(fs, tmp_path, painted):
    path = f"{tmp_path}/a"
    fs.pipe(path, painted)
    with open(path, "r+b") as file:
        file.seek(5 << 20)
        file.write(b"damage")
    (tmp_path / "out").mkdir()
    with pytest.raises(sv2.DamagedError):
        fs.get(path, f"{tmp_path}/out/b")
    assert os.listdir(tmp_path / "out") == []


def test_asynchronous_use(tmp_path, identity_file, painted):
    async def main():
        fs = Sv2FileSystem(
            target_protocol="file", identity_file=identity_file, asynchronous=True
        )
        path = f"{tmp_path}/a"
        await fs._pipe_file(path, painted)
        assert (await fs._info(path))["size"] == len(painted)
        assert await fs._cat_ranges([path, path], [0, 5], [3, 9]) == [painted[:3], painted[5:9]]
        async with await fs.open_async(path) as file:
            await file.seek(-5, 2)
            assert await file.read() == painted[-5:]
            assert await file.tell() == len(painted)
            with pytest.raises(ValueError):
                await file.seek(-1)
        with pytest.raises(ValueError):
            await file.read()

    asyncio.run(main())

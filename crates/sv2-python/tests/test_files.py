"""Streams as files: they behave as Python's own do."""

import io
import json
import os
import pickle
import random
import threading
import zipfile

import pytest

import stream_v2 as sv2


@pytest.fixture
def path(tmp_path, key, painted):
    path = tmp_path / "a.sv2"
    sv2.encrypt(painted, path, to=key, segment_size=1 << 20)
    return path


def sources(path):
    """The same stream as every kind of source."""
    stream = path.read_bytes()

    class Store:
        size = len(stream)

        def read_at(self, offset, length):
            return stream[offset : offset + length]

    return {
        "path": path,
        "bytes": stream,
        "bytearray": bytearray(stream),
        "file": open(path, "rb"),
        "fd": os.open(path, os.O_RDONLY),
        "read_at": Store(),
    }


def test_a_random_walk_gives_what_bytesio_gives(path, key, painted):
    for name, source in sources(path).items():
        walk = random.Random(name)
        theirs = io.BytesIO(painted)
        with sv2.open(source, key=key) as ours:
            for _ in range(120):
                step = walk.choice(["seek", "read", "read1", "readinto", "readline", "rel", "end"])
                size = walk.choice([0, 1, 100, 65536, 300_000])
                if step == "seek":
                    offset = walk.randrange(len(painted) + 100_000)
                    assert ours.seek(offset) == theirs.seek(offset)
                elif step == "rel":
                    offset = walk.randrange(-min(theirs.tell(), 90_000), 90_000)
                    assert ours.seek(offset, 1) == theirs.seek(offset, 1)
                elif step == "end":
                    assert ours.seek(-size, 2) == theirs.seek(-size, 2)
                elif step == "readinto":
                    a, b = bytearray(size), bytearray(size)
                    assert ours.readinto(a) == theirs.readinto(b)
                    assert a == b
                elif step == "readline":
                    assert ours.readline() == theirs.readline()
                else:
                    assert getattr(ours, step)(size) == getattr(theirs, step)(size), name
                assert ours.tell() == theirs.tell()


def test_lines_and_peeks(key):
    text = b"one\n\nthree" + b"x" * 200_000 + b"\nlast"
    file = sv2.open(sv2.encrypt(text, to=key), key=key)
    assert list(file) == text.splitlines(keepends=True)
    file.seek(0)
    assert file.readline(2) == b"on" and file.readline(0) == b"" and file.readline() == b"e\n"
    assert file.peek(1)[:1] == b"\n" and file.tell() == 4
    assert file.readlines() == text.splitlines(keepends=True)[1:]
    file.seek(0)
    wrapped = io.TextIOWrapper(file, newline="\n")
    assert wrapped.readline() == "one\n"


def test_read_at_and_read_ranges_leave_the_position_alone(path, key, painted):
    with sv2.open(path, key=key) as file:
        file.seek(7)
        assert file.read_at(5, 10) == painted[5:15]
        assert file.read_at(len(painted) - 3, 10) == painted[-3:]
        assert file.read_at(len(painted) + 3, 10) == b""
        ranges = [(3 << 20, 70_000), (0, 0), (5, 10), (len(painted) - 1, 9), (1 << 40, 1)]
        assert file.read_ranges(ranges) == [painted[a : a + n] for a, n in ranges]
        assert file.read_ranges([]) == []
        assert file.tell() == 7


def test_a_closed_file_says_what_pythons_own_says(path, key, tmp_path):
    file = sv2.open(path, key=key)
    file.close()
    file.close()
    writer = sv2.open(tmp_path / "w", "wb", to=key)
    writer.close()
    writer.close()
    for call in (
        file.read,
        file.tell,
        file.readable,
        file.readline,
        lambda: file.seek(0),
        lambda: file.read_at(0, 1),
        lambda: list(file),
        lambda: file.size,
        lambda: writer.write(b""),
        writer.tell,
        writer.writable,
        writer.flush,
    ):
        with pytest.raises(ValueError, match="I/O operation on closed file"):
            call()
    assert file.closed and writer.closed


def test_wrong_calls_are_the_errors_of_pythons_own_files(path, key, tmp_path):
    with sv2.open(path, key=key) as file:
        with pytest.raises(ValueError, match="negative seek"):
            file.seek(-1)
        with pytest.raises(ValueError):
            file.seek(0, 9)
        with pytest.raises(ValueError):
            file.read_at(-1, 1)
        with pytest.raises(ValueError):
            file.read_at(0, -1)
        with pytest.raises(ValueError):
            file.read_ranges([(0, -1)])
        with pytest.raises(TypeError):
            file.read("all")
        with pytest.raises(TypeError):
            file.readinto(b"immutable")
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
        with pytest.raises(OSError):
            file.fileno()
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, True)
    with sv2.open(tmp_path / "w", "wb", to=key) as file:
        with pytest.raises(io.UnsupportedOperation):
            file.read()
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)
        with pytest.raises(TypeError):
            file.write("text")
    with pytest.raises(ValueError):
        sv2.open(path, "r+b", key=key)
    with pytest.raises(FileNotFoundError):
        sv2.open(tmp_path / "none", key=key)


def test_a_writer_makes_the_stream_that_encrypt_makes(tmp_path, key, painted):
    path = tmp_path / "w.sv2"
    with sv2.open(path, "wb", to=key, metadata={"name": "w"}) as file:
        at = 0
        for size in (0, 1, 70_000, 3 << 20, 5):
            assert file.write(memoryview(painted)[at : at + size]) == size
            at += size
            assert file.tell() == at
        file.write(bytearray(painted[at:]))
        assert not path.exists()
    assert file.report.plaintext_size == len(painted)
    assert sv2.decrypt(path, key=key) == painted
    assert sv2.verify(path, key=key).undamaged
    sink = io.BytesIO()
    with sv2.open(sink, "wb", to=key) as file:
        file.write(b"text")
    assert sv2.decrypt(sink.getvalue(), key=key) == b"text"


def test_nothing_appears_after_an_exception_a_discard_or_a_loss(tmp_path, key, painted):
    with pytest.raises(RuntimeError, match="mine"):
        with sv2.open(tmp_path / "a", "wb", to=key) as file:
            file.write(painted)
            raise RuntimeError("mine")
    file = sv2.open(tmp_path / "b", "wb", to=key)
    file.write(painted)
    file.discard()
    file.discard()
    file = sv2.open(tmp_path / "c", "wb", to=key)
    file.write(painted)
    with pytest.warns(ResourceWarning, match="discarded"):
        del file
    assert os.listdir(tmp_path) == []


def test_an_existing_file_is_replaced_only_when_told_and_only_at_the_end(tmp_path, key):
    path = tmp_path / "a"
    path.write_bytes(b"precious")
    for mode, options in (("wb", {}), ("xb", {}), ("xb", {"overwrite": True})):
        with pytest.raises(FileExistsError):
            sv2.open(path, mode, to=key, **options)
    with sv2.open(path, "wb", to=key, overwrite=True) as file:
        file.write(b"new")
        assert path.read_bytes() == b"precious"
    assert sv2.decrypt(path, key=key) == b"new"


def test_the_error_of_a_sink_comes_back_and_the_writer_is_over(key, painted):
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "No space left on device")

    file = sv2.open(Full(), "wb", to=key)
    with pytest.raises(OSError, match="No space left"):
        while True:
            file.write(painted)
    file.discard()


def test_a_reader_travels_by_reference(path, tmp_path, key, painted):
    reference = key.save(tmp_path / "id.txt")
    with sv2.open(path, key=reference) as file:
        file.seek(100)
        pickled = pickle.dumps(file)
    assert b"AGE-SECRET" not in pickled and len(pickled) < 1000
    with pickle.loads(pickled) as again:
        assert again.tell() == 100 and again.read(10) == painted[100:110]
    with sv2.open(path, key=key) as file, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(file)
    with sv2.open(path.read_bytes(), key=reference) as file, pytest.raises(TypeError):
        pickle.dumps(file)


def test_many_threads_read_one_file(path, key, painted):
    wrong = []
    with sv2.open(path, key=key) as file:

        def work(seed):
            walk = random.Random(seed)
            for _ in range(40):
                offset, length = walk.randrange(len(painted)), walk.randrange(200_000)
                if file.read_at(offset, length) != painted[offset : offset + length]:
                    wrong.append(offset)
                pieces = file.read_ranges([(offset, 10), (0, 10)])
                if pieces != [painted[offset : offset + 10], painted[:10]]:
                    wrong.append(offset)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_many_threads_read_one_position_and_nothing_twice(key):
    numbers = b"".join(b"%08d" % number for number in range(40_000))
    seen, lock = [], threading.Lock()
    with sv2.open(sv2.encrypt(numbers, to=key), key=key) as file:

        def work():
            while piece := file.read(8):
                with lock:
                    seen.append(piece)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert b"".join(sorted(seen)) == numbers


def test_a_reader_goes_on_after_a_fork_and_a_writer_says_that_it_does_not(path, tmp_path, key, painted):
    reader = sv2.open(path, key=key)
    writer = sv2.open(tmp_path / "w", "wb", to=key)
    writer.write(b"parent,")
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        found = {"read": reader.read(100) == painted[:100]}
        # What is drawn after a fork differs between the processes.
        found["stream"] = sv2.encrypt(b"same", to=sv2.Key.raw(bytes(32))).hex()
        try:
            writer.write(b"child")
        except ValueError as error:
            found["write"] = str(error)
        os.write(into, json.dumps(found).encode())
        os._exit(0)
    os.close(into)
    with open(out, "rb") as pipe:
        found = json.loads(pipe.read())
    assert os.waitpid(child, 0)[1] == 0
    assert found["read"] and "another process" in found["write"]
    assert found["stream"] != sv2.encrypt(b"same", to=sv2.Key.raw(bytes(32))).hex()
    assert reader.read(100) == painted[:100]
    writer.close()
    assert sv2.decrypt(tmp_path / "w", key=key) == b"parent,"


def test_a_stream_that_was_replaced_is_no_mix_of_two(path, key, painted):
    with sv2.open(path, key=key, cached_frames=0) as file:
        assert file.read_at(0, 10) == painted[:10]
        # The same name and the same file, with other content.
        with open(path, "r+b") as raw:
            raw.write(sv2.encrypt(bytes(len(painted)), to=key, segment_size=1 << 20))
        with pytest.raises(sv2.InputChangedError):
            file.read_at(4 << 20, 10)


def test_damage_under_a_file_is_an_exception_with_a_place(path, key):
    stream = bytearray(path.read_bytes())
    stream[3 << 20] ^= 1
    with sv2.open(bytes(stream), key=key) as file:
        with pytest.raises(sv2.DamagedError) as caught:
            file.read()
        assert caught.value.segment == 2
        file.seek(0)
        assert len(file.read(1 << 20)) == 1 << 20


def test_a_zip_archive_is_written_and_read_in_place(tmp_path, key, painted):
    with sv2.open(tmp_path / "a.zip.sv2", "wb", to=key) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/b", painted)
            archive.writestr("c", b"text")
    with sv2.open(tmp_path / "a.zip.sv2", key=key) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("c") == b"text" and archive.testzip() is None

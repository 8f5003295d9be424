"""Whole streams: every kind of end, options, failures, interrupts."""

import concurrent.futures
import io
import os
import signal
import subprocess
import sys
import threading

import pytest

import stream_v2 as sv2


def test_every_kind_of_source_and_sink_gives_the_same_plaintext(tmp_path, key, painted):
    plain = tmp_path / "plain"
    plain.write_bytes(painted)
    sealed = tmp_path / "sealed"
    sources = {
        "str": str(plain),
        "path": plain,
        "bytes": painted,
        "bytearray": bytearray(painted),
        "memoryview": memoryview(painted),
        "file": io.BytesIO(painted),
    }
    for name, source in sources.items():
        report = sv2.encrypt(source, sealed, to=key, overwrite=True)
        assert report.plaintext_size == len(painted), name
        assert report.bytes_out == sealed.stat().st_size, name
        assert sv2.decrypt(sealed, key=key) == painted, name
    with open(plain, "rb") as file, open(tmp_path / "by-fd", "wb") as out:
        sv2.encrypt(file.fileno(), out.fileno(), to=key)
    assert sv2.decrypt(tmp_path / "by-fd", key=key) == painted
    out = io.BytesIO()
    sv2.decrypt(open(sealed, "rb"), out, key=key)
    assert out.getvalue() == painted


def test_a_file_object_is_read_from_where_it_stands(key):
    file = io.BytesIO(b"skipped,kept")
    file.seek(8)
    assert sv2.decrypt(sv2.encrypt(file, to=key), key=key) == b"kept"


def test_a_source_with_read_at_is_read_in_parts(key, painted):
    stream = sv2.encrypt(painted, to=key)

    class Store:
        size = len(stream)

        def read_at(self, offset, length):
            return stream[offset : offset + length]

    assert sv2.decrypt(Store(), key=key) == painted
    assert sv2.scrub(Store()).undamaged
    assert sv2.fingerprint(Store(), key=key) == sv2.inspect(Store()).fingerprint


def test_an_existing_output_is_refused_unless_told(tmp_path, key):
    path = tmp_path / "out"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError) as caught:
        sv2.encrypt(b"text", path, to=key)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"precious"
    sv2.encrypt(b"text", path, to=key, overwrite=True)
    assert sv2.decrypt(path, key=key) == b"text"


def test_a_missing_source_is_a_file_not_found_error(tmp_path, key):
    with pytest.raises(FileNotFoundError) as caught:
        sv2.encrypt(tmp_path / "nothing", tmp_path / "out", to=key)
    assert caught.value.filename == str(tmp_path / "nothing")
    assert not (tmp_path / "out").exists()
    with pytest.raises(IsADirectoryError):
        sv2.encrypt(tmp_path, tmp_path / "out", to=key)


def test_a_flip_anywhere_in_a_small_stream_changes_no_byte_of_what_is_read(key):
    stream = sv2.encrypt(b"attack at dawn", to=key)
    errors = set()
    for at in range(len(stream)):
        forged = bytearray(stream)
        forged[at] ^= 1
        try:
            assert sv2.decrypt(forged, key=key) == b"attack at dawn"
        except sv2.Sv2Error as error:
            errors.add(type(error))
    assert sv2.DamagedError in errors


def test_a_damaged_frame_is_named_by_segment_frame_and_offset(tmp_path, key, painted):
    stream = bytearray(sv2.encrypt(painted, to=key))
    at = len(stream) // 2
    stream[at] ^= 1
    target = tmp_path / "out"
    with pytest.raises(sv2.DamagedError) as caught:
        sv2.decrypt(stream, target, key=key)
    error = caught.value
    assert (error.segment, error.unit) == (1, f"frame {error.frame} of segment 1")
    assert error.offset <= at < error.offset + 70_000
    assert not target.exists() and os.listdir(tmp_path) == []
    report, data = sv2.salvage(stream, key=key)
    assert not report.complete and report.recovered == len(painted) - 65536
    ((start, end),) = report.lost
    assert data[:start] == painted[:start] and data[end:] == painted[end:]
    found = sv2.verify(stream, key=key)
    assert (found.undamaged, found.damaged_plaintext) == (False, 65536)
    assert found.damages[0].segment == 1
    assert not sv2.scrub(stream).undamaged


def test_a_cut_stream_is_unsealed(key, painted):
    stream = sv2.encrypt(painted, to=key)
    with pytest.raises(sv2.UnsealedError):
        sv2.decrypt(stream[:-1], key=key)
    with pytest.raises(EOFError):
        sv2.decrypt(io.BytesIO(stream[: 5 << 20]), key=key)
    found = sv2.decrypt(stream[: 5 << 20], key=key, allow_unsealed=True)
    assert found == painted[: len(found)] and len(found) == 4 << 20


def test_wrong_keys_contexts_and_fingerprints_are_refused(key):
    stream = sv2.encrypt(b"text", to=key, context="invoices")
    assert sv2.decrypt(stream, key=key, context=b"invoices") == b"text"
    for arguments in ({"key": sv2.Key.generate(), "context": "invoices"}, {"key": key}):
        with pytest.raises(sv2.NoKeyError):
            sv2.decrypt(stream, **arguments)
    right = sv2.fingerprint(stream, key=key, context="invoices")
    assert sv2.decrypt(stream, key=key, context="invoices", fingerprint=right) == b"text"
    with pytest.raises(sv2.AuthenticationError):
        sv2.decrypt(stream, key=key, context="invoices", fingerprint="00" * 32)


def test_what_is_no_stream_is_said_to_be_none(key):
    for junk in (b"", b"hello", bytes(1 << 20)):
        with pytest.raises(sv2.NotAStreamError):
            sv2.decrypt(junk, key=key)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"threads": 0}, ValueError),
        ({"threads": -1}, OverflowError),
        ({"suite": "rot13"}, ValueError),
        ({"digest": "md5"}, ValueError),
        ({"frame_size": 1000}, ValueError),
        ({"context": 7}, TypeError),
        ({"metadata": 7}, TypeError),
        ({"metadata": {"name": "a/b"}}, ValueError),
        ({"to": 7}, TypeError),
        ({"to": []}, ValueError),
        ({"to": "somebody"}, ValueError),
        ({"unknown": 1}, TypeError),
    ],
)
def test_wrong_arguments_are_python_errors(arguments, error):
    with pytest.raises(error):
        sv2.encrypt(b"text", **{"to": sv2.Key.raw(bytes(32)), **arguments})


@pytest.mark.parametrize("source", [None, 1.5, object(), -1, True, "\0"])
def test_wrong_sources_are_python_errors(source, key):
    with pytest.raises((TypeError, ValueError, OSError)):
        sv2.encrypt(source, to=key)


def test_a_text_file_is_a_type_error(key):
    with pytest.raises(TypeError):
        sv2.encrypt(io.StringIO("text"), to=key)


def test_an_exception_of_a_file_object_comes_back_as_it_is(tmp_path, key):
    class Broken(io.RawIOBase):
        def read(self, size=-1):
            raise LookupError("broken on purpose")

        def write(self, data):
            raise LookupError("broken on purpose")

    with pytest.raises(LookupError, match="broken on purpose"):
        sv2.encrypt(Broken(), tmp_path / "out", to=key)
    assert os.listdir(tmp_path) == []
    with pytest.raises(LookupError, match="broken on purpose"):
        sv2.encrypt(b"text", Broken(), to=key)


def test_progress_grows_to_the_end_and_an_exception_in_it_stops_the_call(tmp_path, key, painted):
    seen = []
    sv2.encrypt(painted, tmp_path / "a", to=key, progress=lambda *now: seen.append(now))
    assert seen == sorted(seen)
    assert seen[-1] == (len(painted), len(painted))

    def stop(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        sv2.encrypt(painted, tmp_path / "b", to=key, progress=stop)
    assert not (tmp_path / "b").exists()


@pytest.fixture
def interrupts():
    """An interrupt is an exception, also where whoever started the tests had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_a_call_and_leaves_nothing(tmp_path, key, interrupts):
    handled = threading.Event()

    def interrupt(signum, frame):
        handled.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)

    class Endless(io.RawIOBase):
        """Gives bytes until it was interrupted, which it asks for itself."""

        count = 0

        def read(self, size=-1):
            self.count += 1
            if self.count == 3:
                signal.raise_signal(signal.SIGINT)
                # The interpreter handles it in the thread of the call, whenever that looks.
                assert handled.wait(60)
            # It ends at last where the interrupt is lost, so that no disk is filled.
            return bytes(size if self.count < 500 else 0)

    with pytest.raises(KeyboardInterrupt):
        sv2.encrypt(Endless(), tmp_path / "out", to=key)
    assert os.listdir(tmp_path) == []


def test_ctrl_c_ends_a_program_between_two_segments(tmp_path, key_file):
    """A source without an end is encrypted by another process, which tells when it is on its way."""
    program = (
        "import resource, signal, sys, stream_v2 as sv2\n"
        # Whoever started the tests may have had it ignored; and nothing here may fill a disk.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))\n"
        "told = lambda done, total: (sys.stdout.write('.'), sys.stdout.flush())\n"
        "key = sv2.Key.identity_file(sys.argv[1])\n"
        "try:\n"
        "    sv2.encrypt('/dev/zero', sys.argv[2], to=key, progress=told)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(42)\n"
    )
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, "-c", program, str(tmp_path / "id.txt"), str(folder / "a.sv2")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.read(1) == b"."
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 42
    assert os.listdir(folder) == []


def test_many_threads_encrypt_and_decrypt_at_the_same_time(key, painted):
    def work(number):
        text = painted[number << 20 : (number + 2) << 20]
        return sv2.decrypt(sv2.encrypt(text, to=key, threads=2), key=key) == text

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(7)))


def test_bytes_that_a_call_returns_are_those_that_it_writes(tmp_path, key, painted):
    """Long results are written where they stay, short ones and those of pipes are collected."""
    raw, path = sv2.Key.raw(bytes(32)), tmp_path / "plain"
    for size in (1, 1 << 20, (1 << 20) + 1, 4 << 20, len(painted)):
        path.write_bytes(painted[:size])
        for to, digest in ((key, None), (raw, "sha256")):
            options = {"to": to, "digest": digest, "metadata": {"name": "a"}, "context": "c"}
            for source in (painted[:size], path, io.BytesIO(painted[:size])):
                stream = sv2.encrypt(source, **options)
                assert sv2.verify(stream, key=to, context="c").undamaged
                sealed = tmp_path / "sealed"
                sealed.write_bytes(stream)
                for again in (stream, sealed, io.BytesIO(stream)):
                    assert sv2.decrypt(again, key=to, context="c") == painted[:size]
        with pytest.raises(sv2.NoKeyError):
            sv2.decrypt(stream, key=raw, context="other")


def test_a_length_that_a_stream_cannot_hold_is_not_believed(key, painted):
    """What a trailer claims before it is judged makes no bytes object of its size."""
    stream = bytearray(sv2.encrypt(painted, to=key))
    refused = 0
    for at in range(len(stream) - 150, len(stream), 3):
        forged = stream.copy()
        forged[at] ^= 0xFF
        try:
            assert sv2.decrypt(forged, key=key) == painted
        except sv2.Sv2Error:
            refused += 1
    assert refused > 30


def test_other_threads_run_while_a_call_works(key, painted):
    """The callback of one call waits for another thread, which can only go on without the lock."""
    went_on = threading.Event()
    other = threading.Thread(target=lambda: (sv2.encrypt(painted, to=key), went_on.set()))
    sv2.encrypt(painted, to=key, progress=lambda *_: (other.ident or other.start()))
    assert went_on.wait(60)
    other.join()


def test_metadata_suites_digests_and_sizes_are_kept(key):
    stream = sv2.encrypt(
        b"text",
        to=key,
        metadata={"name": "a.txt", "user": {"project": "x"}},
        suite="chacha20-poly1305",
        digest="blake3",
        frame_size=4096,
        segment_size=65536,
    )
    seen = sv2.inspect(stream)
    assert (seen.suite, seen.digest) == ("ChaCha20Poly1305", "Blake3")
    assert (seen.frame_size, seen.segment_size, seen.intact) == (4096, 65536, True)
    with sv2.open(stream, key=key) as file:
        assert file.metadata == {"name": "a.txt", "user": {"project": "x"}}


def test_an_encrypt_and_a_decrypt_go_on_where_they_were_stopped(tmp_path, key_file, painted):
    plain, sealed, back = tmp_path / "plain", tmp_path / "sealed", tmp_path / "back"
    plain.write_bytes(painted)

    def stop(done, total):
        raise RuntimeError

    for make, key in ((sv2.encrypt, {"to": key_file, "key": key_file}), (sv2.decrypt, {"key": key_file})):
        source, sink = (plain, sealed) if make is sv2.encrypt else (sealed, back)
        with pytest.raises(RuntimeError):
            make(source, sink, resume=True, progress=stop, threads=1, **key)
        assert not sink.exists()
        report = make(source, sink, resume=True, **key)
        assert report.kept_segments >= 1
    assert back.read_bytes() == painted
    with pytest.raises(sv2.UsageError):
        sv2.encrypt(painted, sealed, to=key_file, resume=True)


def test_the_checksum_of_an_object_is_that_of_its_bytes(key, painted):
    from awscrt.checksums import crc64nvme
    import base64

    stream = sv2.encrypt(painted, to=key)
    whole = base64.b64encode(crc64nvme(stream).to_bytes(8, "big")).decode()
    assert sv2.object_checksum(stream) == whole


def test_a_stream_grows_in_place_and_changes_its_recipients(tmp_path, key_file):
    path = tmp_path / "log.sv2"
    sv2.encrypt(b"one,", path, to=key_file)
    before = sv2.fingerprint(path, key=key_file)
    assert sv2.append(path, b"two", key=key_file).generation == 1
    assert sv2.decrypt(path, key=key_file) == b"one,two"
    assert sv2.fingerprint(path, key=key_file) != before

    colleague = sv2.Key.generate()
    report = sv2.rewrap(path, key=key_file, add=colleague.recipients())
    assert (report.slots_before, report.slots) == (1, 2)
    assert sv2.decrypt(path, key=colleague) == b"one,two"
    sv2.rewrap(path, key=key_file, remove=[0])
    assert [each.kind for each in sv2.recipients(path)] == ["X25519"]
    with pytest.raises(sv2.NoKeyError):
        sv2.decrypt(path, key=key_file)
    for remove in ([0], [7]):
        with pytest.raises(sv2.UsageError):
            sv2.rewrap(path, key=colleague, remove=remove)
    assert sv2.recover(path, key=colleague) == "nothing"
    with pytest.raises(sv2.AuthenticationError):
        sv2.rewrap(path, key=colleague, add=sv2.Key.generate(), fingerprint="00" * 32)


def test_labels_follow_their_slots(tmp_path, key_file):
    path = tmp_path / "a.sv2"
    other = sv2.Key.generate()
    labels = '{"x":1e400,"slots":["me","other"]}'
    sv2.encrypt(b"text", path, to=[key_file, other], metadata=labels)
    sv2.rewrap(path, key=key_file, remove=[1], add=sv2.Key.generate().recipients())
    with sv2.open(path, key=key_file) as file:
        assert file.metadata["slots"] == ["me", ""]
    found = sv2.recipients(path, key=key_file)
    assert [(each.label, each.opened) for each in found] == [("me", True), (None, False)]
    assert [(each.label, each.opened) for each in sv2.recipients(path)] == [(None, None)] * 2
    with pytest.raises(sv2.NoKeyError):
        sv2.recipients(path, key=sv2.Key.generate())

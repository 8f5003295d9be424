"""Parity files: damage is given back bit for bit, or nothing is written."""

import os
import signal
import warnings

import pytest

import stream_v2 as sv2

@pytest.fixture
def stored(tmp_path, key, painted):
    """A stream in a file of its own."""
    path = tmp_path / "a.sv2"
    sv2.encrypt(painted, path, to=key)
    return path


def damage(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_lost_is_given_back_bit_for_bit(stored, key, painted):
    whole = stored.read_bytes()
    made = sv2.protect(stored)
    assert made.path == stored.with_name("a.sv2.par")
    assert made.size == made.path.stat().st_size and made.file_size == len(whole)
    assert made.is_stream and made.blocks > 0 and 0 < made.gap < len(whole)
    assert 0.04 < made.size / len(whole) < 0.2
    damage(stored, 0, b"\xff" * 1000)
    damage(stored, len(whole) // 2, b"\xff" * (made.gap // 2))
    lossy = stored.read_bytes()
    report = sv2.repair(stored)
    assert report.output == stored.with_name("a.sv2.repaired") and report.parity == made.path
    assert report.output.read_bytes() == whole
    assert report.undamaged and report.repairable and not report.sound
    assert report.computed == report.bad_blocks > 0 and report.borrowed == 0
    assert report.version_confirmed
    assert stored.read_bytes() == lossy
    assert sv2.decrypt(report.output, key=key) == painted


def test_a_named_output_is_written_and_kept(stored, tmp_path):
    whole = stored.read_bytes()
    sv2.protect(stored)
    damage(stored, 100_000, b"damage")
    output = tmp_path / "whole.sv2"
    assert sv2.repair(stored, output).output == output
    with pytest.raises(FileExistsError) as refused:
        sv2.repair(stored, output)
    assert refused.value.filename == str(output)
    sv2.repair(stored, output, overwrite=True)
    assert output.read_bytes() == whole
    for taken in (stored, stored.with_name("a.sv2.par")):
        before = files(tmp_path)
        with pytest.raises(sv2.UsageError, match="is an input itself"):
            sv2.repair(stored, taken, overwrite=True)
        assert files(tmp_path) == before


def test_in_place_only_the_file_is_written(stored, tmp_path):
    whole = stored.read_bytes()
    sv2.protect(stored)
    damage(stored, len(whole) - 300, bytes(300))
    inode = stored.stat().st_ino
    report = sv2.repair(stored, in_place=True)
    assert report.output == stored and report.undamaged
    assert stored.read_bytes() == whole and stored.stat().st_ino == inode
    assert sorted(files(tmp_path)) == ["a.sv2", "a.sv2.par"]


def test_a_dry_run_tells_and_writes_nothing(stored, tmp_path):
    made = sv2.protect(stored)
    assert sv2.repair(stored, dry_run=True).sound
    damage(stored, 100_000, b"damage")
    before = files(tmp_path)
    report = sv2.repair(stored, dry_run=True, in_place=True)
    assert report.repairable and not report.sound and report.bad_blocks == 1
    assert report.output is None and report.undamaged is None
    damage(stored, 0, bytes(4 * made.gap))
    before = files(tmp_path)
    report = sv2.repair(stored, dry_run=True)
    assert not report.repairable and report.hopeless_windows > 0
    assert files(tmp_path) == before


def test_a_sound_file_is_left_alone(stored, tmp_path):
    sv2.protect(stored)
    before = files(tmp_path)
    report = sv2.repair(stored)
    assert report.sound and report.output is None
    assert files(tmp_path) == before


@pytest.mark.parametrize("in_place", [False, True])
def test_beyond_the_promise_nothing_is_written(stored, tmp_path, in_place):
    made = sv2.protect(stored)
    damage(stored, 200_000, bytes(3 * made.gap))
    before = files(tmp_path)
    with pytest.raises(sv2.BeyondRepairError, match="nothing was written") as refused:
        sv2.repair(stored, in_place=in_place)
    assert isinstance(refused.value, sv2.DamagedError)
    assert files(tmp_path) == before


def test_another_copy_gives_what_parity_cannot(stored, tmp_path):
    whole = stored.read_bytes()
    made = sv2.protect(stored)
    copy = tmp_path / "copy.sv2"
    copy.write_bytes(whole)
    damage(copy, 0, bytes(1000))
    damage(stored, 200_000, bytes(3 * made.gap))
    report = sv2.repair(stored, in_place=True, copy=copy)
    assert report.borrowed > 0 and stored.read_bytes() == whole
    damage(stored, 0, b"damage")
    with pytest.raises(sv2.UsageError, match="the file itself"):
        sv2.repair(stored, copy=stored)


def test_what_stands_behind_the_end_is_cut_off_with_the_callers_word(stored):
    whole = stored.read_bytes()
    sv2.protect(stored)
    stored.write_bytes(whole + b"behind")
    with pytest.raises(sv2.UsageError, match="cut=True"):
        sv2.repair(stored, in_place=True)
    assert stored.read_bytes() == whole + b"behind"
    assert sv2.repair(stored, in_place=True, cut=True).cut == 6
    assert stored.read_bytes() == whole


def test_any_other_file_is_protected_as_well(tmp_path, painted):
    path = tmp_path / "plain"
    path.write_bytes(painted)
    assert not sv2.protect(path, parity=0.2, spread=False).is_stream
    damage(path, 300_000, b"damage")
    report = sv2.repair(path, in_place=True)
    assert report.undamaged is None and path.read_bytes() == painted


def test_a_parity_file_that_others_can_have_made_is_refused(stored, tmp_path):
    made = sv2.protect(stored)
    damage(stored, 100_000, b"damage")
    made.path.chmod(0o666)
    with pytest.raises(PermissionError, match="planted") as refused:
        sv2.repair(stored)
    assert refused.value.filename == str(made.path)
    made.path.chmod(0o600)
    made.path.rename(tmp_path / "elsewhere")
    made.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="symbolic link"):
        sv2.repair(stored)
    assert sorted(files(tmp_path)) == ["a.sv2", "a.sv2.par", "elsewhere"]


def test_a_parity_file_of_another_state_or_file_is_refused(stored, tmp_path, key):
    made = sv2.protect(stored)
    old = made.path.read_bytes()
    sv2.rewrap(stored, key=key, add=sv2.Key.generate())
    made.path.write_bytes(old)
    before = files(tmp_path)
    with pytest.raises(sv2.StaleParityError, match="sealed anew.*nothing was written"):
        sv2.repair(stored)
    other = tmp_path / "b.sv2"
    sv2.encrypt(bytes(100_000), other, to=key)
    other_parity = sv2.protect(other).path
    made.path.write_bytes(other_parity.read_bytes())
    with pytest.raises(sv2.StaleParityError):
        sv2.repair(stored, in_place=True)
    assert stored.read_bytes() == before["a.sv2"]
    assert not stored.with_name("a.sv2.repaired").exists()


def test_a_parity_file_of_no_use_is_named(stored, tmp_path):
    made = sv2.protect(stored)
    parity = made.path.read_bytes()
    for spoilt, fault in [
        (b"nothing of the kind", sv2.NotAStreamError),
        (parity[: len(parity) // 4], sv2.DamagedError),
    ]:
        made.path.write_bytes(spoilt)
        with pytest.raises(fault, match="a.sv2.par.*overwrite=True"):
            sv2.repair(stored)
    # Damage of the parity file itself is told, and does no harm as far as it goes.
    made.path.write_bytes(bytes(100) + parity[100:])
    damage(stored, 100_000, b"damage")
    report = sv2.repair(stored, in_place=True)
    assert report.undamaged and report.parity_damaged


def test_append_and_rewrap_keep_the_parity_file_true(stored, key, painted):
    sv2.protect(stored)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sv2.append(stored, b"more" * 50_000, key=key)
        sv2.rewrap(stored, key=key, add=sv2.Key.generate())
    whole = stored.read_bytes()
    for offset in (0, 200_000, len(whole) - 100_000, len(whole) - 100):
        damage(stored, offset, bytes(50))
    assert sv2.repair(stored, in_place=True).undamaged
    assert stored.read_bytes() == whole
    assert sv2.decrypt(stored, key=key) == painted + b"more" * 50_000


def test_a_parity_file_that_cannot_follow_is_told_of(stored, key):
    made = sv2.protect(stored)
    old = made.path.read_bytes()
    sv2.append(stored, b"more", key=key)
    made.path.write_bytes(old)
    with pytest.warns(UserWarning, match="parity file is stale now: it was stale before"):
        sv2.append(stored, b"more", key=key)
    made.path.write_bytes(b"nothing of the kind")
    with pytest.warns(UserWarning, match="no parity file.*overwrite=True"):
        sv2.rewrap(stored, key=key, add=sv2.Key.generate())
    assert made.path.read_bytes() == b"nothing of the kind"
    sv2.protect(stored, overwrite=True)
    made.path.chmod(0o666)
    with pytest.warns(UserWarning, match="planted"):
        sv2.append(stored, b"more", key=key)


def test_without_a_parity_file_follows_what_the_rest_of_a_stream_says(stored, tmp_path):
    whole = stored.read_bytes()
    damage(stored, 0, b"\xff" * 40)
    before = files(tmp_path)
    report = sv2.repair(stored, dry_run=True)
    assert report.repairable and report.mended == 1 and report.parity is None
    assert files(tmp_path) == before
    report = sv2.repair(stored)
    assert report.undamaged and report.output.read_bytes() == whole
    assert sv2.repair(stored, in_place=True).undamaged
    assert stored.read_bytes() == whole
    assert sv2.repair(stored).sound
    stored.write_bytes(whole + b"behind")
    with pytest.raises(sv2.UsageError, match="cut=True"):
        sv2.repair(stored, in_place=True)
    assert sv2.repair(stored, in_place=True, cut=True).cut == 6
    assert stored.read_bytes() == whole


def test_without_a_parity_file_what_a_frame_held_is_lost(stored, tmp_path, painted):
    damage(stored, 100_000, b"damage")
    before = files(tmp_path)
    with pytest.raises(sv2.BeyondRepairError, match="a.sv2.par.*salvage"):
        sv2.repair(stored, in_place=True)
    with pytest.raises(sv2.UsageError, match="there is no"):
        sv2.repair(stored, copy=stored)
    assert files(tmp_path) == before
    plain = tmp_path / "plain"
    plain.write_bytes(painted)
    with pytest.raises(sv2.NotAStreamError, match="plain.par"):
        sv2.repair(plain)


def test_arguments_that_contradict_each_other_are_refused(stored, tmp_path):
    before = files(tmp_path)
    for share in (0, 0.0001, 1.01, -1, float("nan"), float("inf")):
        with pytest.raises(sv2.UsageError, match="parity must be"):
            sv2.protect(stored, parity=share)
    for wrong in (
        {"output": "b.sv2", "in_place": True},
        {"overwrite": True, "in_place": True},
        {"cut": True},
        {"threads": 0},
    ):
        with pytest.raises(sv2.UsageError):
            sv2.repair(stored, **wrong)
    assert files(tmp_path) == before
    sv2.protect(stored)
    with pytest.raises(FileExistsError) as refused:
        sv2.protect(stored)
    assert refused.value.filename.endswith("a.sv2.par")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for call in (sv2.protect, sv2.repair):
        with pytest.raises(sv2.UsageError, match="no regular file"):
            call(pipe)
        with pytest.raises(sv2.UsageError, match="no regular file"):
            call(tmp_path)
        with pytest.raises(FileNotFoundError) as missing:
            call(tmp_path / "missing")
        assert missing.value.filename.endswith("missing")


def test_a_file_that_another_program_changes_is_left_alone(stored):
    import fcntl

    with open(stored, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for call in (sv2.protect, sv2.repair):
            with pytest.raises(sv2.BusyError):
                call(stored)
    with open(stored, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        sv2.protect(stored)
        with pytest.raises(sv2.BusyError):
            sv2.repair(stored, in_place=True)


def test_progress_is_told_and_what_it_raises_ends_the_call(stored):
    size = stored.stat().st_size
    told = []
    sv2.protect(stored, threads=1, progress=lambda *now: told.append(now))
    assert told[-1] == (size, size)
    damage(stored, 100_000, b"damage")
    told.clear()
    sv2.repair(stored, threads=1, progress=lambda *now: told.append(now))
    assert told[-1] == (2 * size, 2 * size)
    assert [done for done, _ in told] == sorted({done for done, _ in told})

    def enough(done, total):
        raise KeyError("enough")

    for call in (sv2.protect, sv2.repair):
        with pytest.raises(KeyError, match="enough"):
            call(stored, overwrite=True, progress=enough)


def test_an_interrupt_leaves_no_parity_file(tmp_path):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(1 << 32)
    told = []

    def interrupt(done, total):
        told.append(done)
        signal.raise_signal(signal.SIGINT)

    # Whoever started the tests may have had it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            sv2.protect(path, threads=1, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(told) == 1 and told[0] < 1 << 32
    assert [path.name for path in tmp_path.iterdir()] == ["large"]

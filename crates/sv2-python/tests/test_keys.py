"""Keys: references travel, secrets do not."""

import copy
import os
import pickle
import subprocess
import sys

import pytest

import stream_v2 as sv2
from stream_v2 import Key

REFERENCES = [
    Key.default(),
    Key.identity_file("a"),
    Key.raw_file("b"),
    Key.passphrase_file("c"),
    Key.environment("D"),
    Key.environment("D", "raw"),
    Key.registered("e'\n"),
]


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_references_pickle_compare_and_say_what_they_name(reference):
    again = pickle.loads(pickle.dumps(reference))
    assert again == reference and hash(again) == hash(reference)
    assert reference.is_reference
    assert eval(repr(reference), {"Key": Key}) == reference


def test_secrets_are_not_pickled_copied_or_shown():
    text = "AGE-SECRET-KEY-1" + "Q" * 10
    for secret in (Key.generate(), Key.raw(b"\x41" * 32), Key.passphrase("hunter2 hunter2")):
        for travel in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                travel(secret)
        shown = f"{secret!r} {secret!s}"
        assert "<secret>" in shown and "hunter2" not in shown and "AAAA" not in shown
        assert not secret.is_reference
    with pytest.raises(sv2.NoKeyError) as caught:
        Key.identity(text)
    assert text not in str(caught.value)
    with pytest.raises(ValueError) as caught:
        sv2.encrypt(b"", to=text)
    assert text not in str(caught.value)


def test_every_kind_of_reference_opens(tmp_path, monkeypatch):
    identity = Key.generate()
    saved = identity.save(tmp_path / "id.txt")
    assert (os.stat(tmp_path / "id.txt").st_mode & 0o777) == 0o600
    (tmp_path / "raw").write_text("ab" * 32 + "\n")
    (tmp_path / "pass").write_text("correct horse battery staple\n")
    monkeypatch.setenv("SV2_TEST_ID", (tmp_path / "id.txt").read_text())
    monkeypatch.setenv("SV2_TEST_RAW", "ab" * 32)
    monkeypatch.setenv("SV2_TEST_PASS", "correct horse battery staple")
    monkeypatch.setenv("SV2_IDENTITY", str(tmp_path / "id.txt"))
    sv2.register("mine", identity)
    by_identity = sv2.encrypt(b"text", to=identity)
    for key in (
        saved,
        Key.environment("SV2_TEST_ID"),
        Key.registered("mine"),
        Key.default(),
        Key.identity((tmp_path / "id.txt").read_text()),
        [Key.generate(), identity],
        None,
    ):
        assert sv2.decrypt(by_identity, key=key) == b"text"
    by_raw = sv2.encrypt(b"text", to=Key.raw(b"\xab" * 32))
    for key in (Key.raw_file(tmp_path / "raw"), Key.environment("SV2_TEST_RAW", "raw")):
        assert sv2.decrypt(by_raw, key=key) == b"text"
    by_passphrase = sv2.encrypt(b"text", to=Key.passphrase_file(tmp_path / "pass"))
    key = Key.environment("SV2_TEST_PASS", holds="passphrase")
    assert sv2.decrypt(by_passphrase, key=key) == b"text"
    sv2.unregister("mine")
    with pytest.raises(sv2.UsageError, match="mine"):
        sv2.decrypt(by_identity, key=Key.registered("mine"))


def test_keys_that_are_not_there_say_so(tmp_path):
    stream = sv2.encrypt(b"text", to=Key.raw(bytes(32)))
    for key in (Key.identity_file, Key.raw_file, Key.passphrase_file):
        with pytest.raises(FileNotFoundError) as caught:
            sv2.decrypt(stream, key=key(tmp_path / "none"))
        assert caught.value.filename == str(tmp_path / "none")
    with pytest.raises(sv2.UsageError, match="SV2_NOT_SET"):
        sv2.decrypt(stream, key=Key.environment("SV2_NOT_SET"))
    with pytest.raises(TypeError):
        sv2.decrypt(stream, key="id.txt")
    with pytest.raises(ValueError):
        sv2.decrypt(stream, key=[])
    with pytest.raises(ValueError):
        Key.raw(b"short")


def test_a_key_is_never_written_over(tmp_path):
    Key.generate().save(tmp_path / "id.txt")
    before = (tmp_path / "id.txt").read_bytes()
    with pytest.raises(FileExistsError):
        Key.generate().save(tmp_path / "id.txt")
    assert (tmp_path / "id.txt").read_bytes() == before


def test_a_raw_key_stands_alone():
    for to in ([Key.raw(bytes(32)), Key.generate()], [Key.generate(), Key.raw(bytes(32))]):
        with pytest.raises(sv2.UsageError):
            sv2.encrypt(b"", to=to)
    stream = sv2.encrypt(b"", to=Key.raw(bytes(32)))
    assert sv2.recipients(stream) == []


def test_the_first_import_starts_no_thread_and_needs_no_other_package():
    code = (
        "import sys, threading, stream_v2\n"
        "assert threading.active_count() == 1\n"
        "assert not {'fsspec', 'numpy'} & set(sys.modules), 'too much was imported'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""The scripts in examples/, and every piece of Python in the documents, as a reader would run them."""

import io
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy
import pandas
import pytest

import stream_v2 as sv2

BUCKET = "bucket"

PACKAGE = Path(__file__).parent.parent
ROOT = PACKAGE.parent.parent
DOCUMENTS = [ROOT / "README.md", PACKAGE / "README.md", ROOT / "docs/python.md"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def trips():
    numbers = numpy.random.default_rng(3)
    return pandas.DataFrame(
        {"fare": numbers.random(50_000), "tip": numbers.random(50_000), "zone": range(50_000)}
    )


def example(name, *arguments, fails=False):
    """What a script prints; it runs in the working folder, as somebody's own would."""
    command = [sys.executable, PACKAGE / "examples" / name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True)
    assert (done.returncode != 0) == fails, done.stderr.decode()
    return done.stdout


def test_a_folder_of_parquet_is_encrypted_once_and_read_as_a_dataset(folder, trips):
    for day in range(3):
        path = folder / f"trips/day={day}/a.parquet"
        path.parent.mkdir(parents=True)
        trips.to_parquet(path)
    said = example("encrypt_parquet_folder.py", "trips", "sealed", "id.txt")
    assert b"3 files encrypted" in said and b"150000 rows" in said and b"back it up" in said
    said = example("encrypt_parquet_folder.py", "trips", "sealed", "id.txt")
    assert b"0 files encrypted" in said and b"150000 rows" in said
    assert sorted(path.name for path in folder.iterdir()) == ["id.txt", "sealed", "trips"]


def test_a_column_is_read_from_a_store(folder, trips, bucket):
    key = sv2.Key.generate().save("id.txt")
    memory = io.BytesIO()
    trips.to_parquet(memory)
    bucket.put_object(Key="trips.parquet", Body=sv2.encrypt(memory.getvalue(), to=key))
    said = example("read_column_s3.py", "s3://bucket/trips.parquet", "fare", "id.txt")
    assert said.decode() == f"50000 values of fare, mean {trips['fare'].mean():.3f}\n"
    example("read_column_s3.py", "s3://bucket/none.parquet", "fare", "id.txt", fails=True)


def test_a_stream_is_shared_with_a_colleague(folder):
    key, colleague = sv2.Key.generate().save("id.txt"), sv2.Key.generate()
    sv2.encrypt(b"report", "report.sv2", to=key)
    said = example("share_with_colleague.py", "report.sv2", colleague.recipients()[0], "id.txt")
    assert said == b"2 keys open report.sv2\n"
    assert sv2.decrypt("report.sv2", key=colleague) == b"report"
    assert sv2.decrypt("report.sv2", key=key) == b"report"


def test_a_recipient_is_rotated_wherever_its_slot_is(folder):
    old, other = sv2.Key.generate().save("old.txt"), sv2.Key.generate()
    for name, to in {"a": [old, other], "b": [other, old], "c": [old]}.items():
        sv2.encrypt(name.encode(), f"{name}.sv2", to=to)
    said = example("rotate_recipient.py", ".", "old.txt", "new.txt")
    assert said.startswith(b"3 streams")
    new = sv2.Key.identity_file("new.txt")
    for name in "abc":
        assert sv2.decrypt(f"{name}.sv2", key=new) == name.encode()
        with pytest.raises(sv2.NoKeyError):
            sv2.decrypt(f"{name}.sv2", key=old)
    assert sv2.decrypt("a.sv2", key=other) == b"a" and sv2.decrypt("b.sv2", key=other) == b"b"


def archives(content):
    """A zip and a tar archive in memory that hold the same three members."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "abc":
            archive.writestr(f"2026/{name}.jpg", content + name.encode())
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        for name in "abc":
            member = tarfile.TarInfo(f"2026/{name}.jpg")
            member.size = len(content) + 1
            archive.addfile(member, io.BytesIO(content + name.encode()))
    return {"photos.zip": zipped.getvalue(), "photos.tar": tarred.getvalue()}


def test_one_file_comes_out_of_an_archive(folder, bucket, painted):
    key = sv2.Key.generate().save("id.txt")
    for name, archive in archives(painted[:300_000]).items():
        stream = sv2.encrypt(archive, to=key)
        bucket.put_object(Key=name, Body=stream)
        Path(f"{name}.sv2").write_bytes(stream)
        for url in (f"sv2::s3://bucket/{name}", f"sv2::file://{name}.sv2"):
            found = example("one_file_of_an_archive.py", url, "2026/b.jpg", "id.txt")
            assert found == painted[:300_000] + b"b"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_python_in_the_documents_runs(document, folder, trips, bucket, painted, monkeypatch):
    trips.to_parquet("trips.parquet")
    blocks = re.findall(r"^```python\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, "a document without an example"
    # What the examples find: the key is the first block's, who writes it with Key.save.
    names = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{document.name} block {number}", "exec"), names)
        if number == 0:
            key = sv2.Key.identity_file("id.txt")
            for name, archive in archives(painted[:300_000]).items():
                bucket.put_object(Key=name, Body=sv2.encrypt(archive, to=key))
            bucket.upload_file("trips.parquet.sv2", "trips.parquet")

"""Engines with several worker processes: the examples, and workers that die.

dask always runs; Ray and Spark where they are installed, by `cargo xtask adapters --engines`, which
sets the variable that makes their absence a failure.
"""

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import stream_v2 as sv2

BUCKET = "engines"

MIB = 1 << 20
HERE = Path(__file__).parent
MODULES = {"dask": "distributed", "ray": "ray", "spark": "pyspark"}
WANTED = os.environ.get("STREAM_V2_ENGINES", "dask").split(",")


@pytest.fixture(params=WANTED)
def engine(request):
    assert importlib.util.find_spec(MODULES[request.param]), "the engine is not installed"
    return request.param


@pytest.fixture(scope="module")
def text():
    return random.Random(13).randbytes(37 * MIB + 5)


def run(script, *arguments, folder):
    # What engines leave in their working folder is theirs.
    command = [sys.executable, str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-5000:]
    return done.stdout


def test_the_example_encrypts_and_decrypts_on_several_processes(
    engine, bucket, text, key, tmp_path, monkeypatch
):
    monkeypatch.setenv("PART_MIB", "8")
    bucket.put_object(Key="plain", Body=text)
    script = HERE.parent / f"examples/encrypt_object_{engine}.py"
    ends = ("s3://engines/plain", "s3://engines/sealed", key.recipients()[0])
    said = run(script, *ends, tmp_path / "job.txt", "s3://engines/back", folder=tmp_path)
    assert "5 of 5 parts" in said and "CRC-64/NVME" in said
    assert sv2.decrypt(bucket.Object("sealed").get()["Body"].read(), key=key) == text
    assert bucket.Object("back").get()["Body"].read() == text
    assert list(bucket.multipart_uploads.all()) == []


def test_workers_that_die_are_replaced_and_the_stream_is_sound(
    engine, bucket, text, key, tmp_path
):
    (tmp_path / "plain").write_bytes(text)
    sv2.Key.generate().save(tmp_path / "job.txt")
    ends = (tmp_path / "plain", "s3://engines/mortal", key.recipients()[0], tmp_path / "job.txt")
    (tmp_path / "marks").mkdir()
    run(HERE / "engines.py", engine, *ends, tmp_path / "marks", folder=tmp_path)
    marks = sorted(path.name for path in (tmp_path / "marks").iterdir())
    assert {"part-2", "part-3"} <= set(marks)
    assert sum(name.startswith("pid-") for name in marks) >= 2, marks
    stream = bucket.Object("mortal").get()["Body"].read()
    assert sv2.decrypt(stream, key=key) == text and sv2.verify(stream, key=key).undamaged
    assert list(bucket.multipart_uploads.all()) == []

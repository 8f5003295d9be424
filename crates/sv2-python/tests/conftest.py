"""What many tests use: a key, painted content, a folder; and the table of what consumers asked."""

import os
import random

import fsspec
import pytest

import stream_v2 as sv2

# Lines of the table at the end: what was done, bytes of the stream, requests, bytes that came.
ASKED: list[tuple[str, int, dict[str, int], int]] = []


def pytest_sessionstart(session):
    # Where no package says what "sv2" is, fsspec takes "sv2::file://.." for a file of that name.
    if "sv2" not in fsspec.available_protocols():
        pytest.exit("stream-v2 is not installed: 'cargo xtask adapters' installs and tests it", 1)


@pytest.fixture(scope="session")
def key():
    return sv2.Key.generate()


@pytest.fixture
def key_file(tmp_path, key):
    return key.save(tmp_path / "id.txt")


@pytest.fixture(scope="session")
def painted():
    """Bytes of which no two places look alike, the same in each run."""
    return random.Random(7).randbytes(9 << 20)


@pytest.fixture(scope="session")
def address():
    """An S3 server on loopback, in a process of its own."""
    import s3

    with s3.server() as address:
        yield address


@pytest.fixture
def s3_environment(address, monkeypatch):
    """That server as what every client finds in its environment, and the variables for a child."""
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3_environment, request):
    """An empty bucket of that server, named as the module says in BUCKET."""
    import boto3

    bucket = boto3.resource("s3").Bucket(request.module.BUCKET)
    bucket.create()
    yield bucket
    bucket.object_versions.all().delete()
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture
def job(tmp_path):
    return sv2.Key.generate().save(tmp_path / "job.txt")


@pytest.fixture(scope="session")
def working_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("working-folder")


@pytest.fixture(autouse=True)
def _nothing_is_left_in_the_working_folder(working_folder):
    """Each test works from an empty folder, and leaves it empty."""
    before = os.getcwd()
    os.chdir(working_folder)
    yield
    os.chdir(before)
    assert os.listdir(working_folder) == []


def pytest_terminal_summary(terminalreporter):
    if not ASKED:
        return
    write = terminalreporter.write_line
    write("")
    write("| over S3 | bytes of the streams | requests | bytes that came |")
    write("|---|---:|---|---:|")
    for what, size, requests, received in ASKED:
        said = ", ".join(f"{count} {name}" for name, count in sorted(requests.items()))
        write(f"| {what} | {size:,} | {said} | {received:,} |")

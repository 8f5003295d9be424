"""What many tests use: a key, painted content, a folder."""

import random

import pytest

import stream_v2 as sv2


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

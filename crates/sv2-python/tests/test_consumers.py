"""The libraries that data people use, each over local files and over S3, with its reads counted.

What each asked of S3 is a line of the table that stands at the end of a run and in docs/python.md.
"""

import copy
import io
import os
import pickle
import subprocess
import sys
import tarfile
import threading
import zipfile

import dask.dataframe
import duckdb
import fsspec
import h5py
import numpy
import pandas
import PIL.Image
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pysam
import pytest
import zarr
from conftest import ASKED
from s3 import OPTIONS, Counted

import stream_v2 as sv2

fsspec.register_implementation("counted-s3", Counted, clobber=True)


@pytest.fixture(scope="module")
def identity_file(tmp_path_factory, key):
    path = tmp_path_factory.mktemp("keys") / "id.txt"
    key.save(path)
    return str(path)


@pytest.fixture(params=["file", "counted-s3"])
def place(request, tmp_path, identity_file):
    """A base URL and storage options, and a line of the table about what was asked."""
    options = {"sv2": {"identity_file": identity_file}}
    if request.param == "file":
        options["file"] = {"auto_mkdir": True}
        yield f"sv2::file://{tmp_path}", options
        return
    address = request.getfixturevalue("address")
    options["counted-s3"] = {**OPTIONS, "endpoint_url": address}
    inner = fsspec.filesystem("counted-s3", **options["counted-s3"])
    bucket = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:60].strip("-")
    inner.mkdir(bucket)
    Counted.reset()
    yield f"sv2::counted-s3://{bucket}", options


class Asked:
    """What a piece of work asks of S3; nothing is known of local files."""

    def __init__(self, request, what, size):
        self.is_counted = "counted-s3" in request.node.name
        self.what, self.size = what, size

    def __enter__(self):
        Counted.reset()
        return self

    def __exit__(self, *_):
        self.requests, self.received = dict(Counted.requests), Counted.received
        self.gets = self.requests.get("get_object", 0)

    def at_most(self, gets, share):
        """A line of the table; no more GETs than that, and no more bytes than that share of the
        stream."""
        if self.is_counted:
            ASKED.append((self.what, self.size, self.requests, self.received))
            assert 0 < self.gets <= gets
            assert self.received <= self.size * share


def stream_size(base, name, options):
    fs, path = fsspec.core.url_to_fs(f"{base}/{name}", **options)
    return fs.info(path)["stream_size"]


@pytest.fixture(scope="module")
def frame():
    rows = 400_000
    numbers = numpy.random.default_rng(7)
    columns = {f"c{n}": numbers.random(rows) for n in range(8)}
    return pandas.DataFrame({"number": numpy.arange(rows), **columns})


def test_pandas_reads_and_writes_parquet_by_url(place, request, frame):
    base, options = place
    url = f"{base}/a.parquet"
    frame.to_parquet(url, storage_options=options)
    size = stream_size(base, "a.parquet", options)
    with Asked(request, "pandas.read_parquet, 1 column of 9", size) as asked:
        column = pandas.read_parquet(url, columns=["c3"], storage_options=options)
    assert column["c3"].equals(frame["c3"])
    asked.at_most(gets=6, share=0.25)
    assert pandas.read_parquet(url, storage_options=options).equals(frame)


def test_pandas_reads_and_writes_csv_by_url(place, request, frame):
    base, options = place
    few = frame.head(20_000)
    few.to_csv(f"{base}/a.csv", index=False, storage_options=options)
    with Asked(request, "pandas.read_csv", stream_size(base, "a.csv", options)) as asked:
        found = pandas.read_csv(f"{base}/a.csv", storage_options=options)
    pandas.testing.assert_frame_equal(found, few)
    asked.at_most(gets=6, share=1.1)


def test_pyarrow_reads_one_column_of_a_dataset(place, request, frame):
    base, options = place
    fs, path = fsspec.core.url_to_fs(base, **options)
    arrow = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs))
    table = pyarrow.Table.from_pandas(frame)
    pyarrow.dataset.write_dataset(
        table,
        f"{path}/set",
        format="parquet",
        filesystem=arrow,
        max_rows_per_file=200_000,
        max_rows_per_group=100_000,
    )
    size = sum(entry["stream_size"] for entry in fs.ls(f"{path}/set", detail=True))
    with Asked(request, "pyarrow.dataset, 1 column of 9, 2 files", size) as asked:
        dataset = pyarrow.dataset.dataset(f"{path}/set", format="parquet", filesystem=arrow)
        column = dataset.to_table(columns=["c5"])
    assert column.num_rows == len(frame)
    assert numpy.array_equal(numpy.sort(column["c5"].to_numpy()), numpy.sort(frame["c5"]))
    asked.at_most(gets=24, share=0.3)


def test_duckdb_asks_a_parquet_file(place, request, frame):
    base, options = place
    frame.to_parquet(f"{base}/a.parquet", storage_options=options)
    fs, path = fsspec.core.url_to_fs(f"{base}/a.parquet", **options)
    connection = duckdb.connect()
    connection.register_filesystem(fs)
    with Asked(request, "duckdb, sum of 1 column of 9", fs.info(path)["stream_size"]) as asked:
        query = f"SELECT sum(number) FROM read_parquet('sv2://{path}')"
        found = connection.execute(query).fetchone()
    assert found == (int(frame["number"].sum()),)
    asked.at_most(gets=12, share=0.4)


def test_dask_reads_parts(place, request, frame):
    base, options = place
    parts = dask.dataframe.from_pandas(frame, npartitions=3)
    parts.to_parquet(f"{base}/parts", storage_options=options)
    fs, path = fsspec.core.url_to_fs(f"{base}/parts", **options)
    size = sum(entry["stream_size"] for entry in fs.ls(path, detail=True))
    with Asked(request, "dask.dataframe, sum of 1 column of 9, 3 files", size) as asked:
        found = dask.dataframe.read_parquet(f"{base}/parts", storage_options=options)
        total = int(found["number"].sum().compute(scheduler="threads"))
    assert total == int(frame["number"].sum())
    asked.at_most(gets=30, share=0.5)


def test_a_zip_archive_gives_one_member(place, request, painted):
    base, options = place
    with fsspec.open(f"{base}/a.zip", "wb", **options) as file:
        with zipfile.ZipFile(file, "w") as archive:
            for number in range(8):
                archive.writestr(str(number), painted[number << 20 : (number + 1) << 20])
    with Asked(request, "zipfile, 1 MiB of 8", stream_size(base, "a.zip", options)) as asked:
        with fsspec.open(f"{base}/a.zip", **options) as file, zipfile.ZipFile(file) as archive:
            found = archive.read("5")
    assert found == painted[5 << 20 : 6 << 20]
    asked.at_most(gets=8, share=0.3)


@pytest.fixture
def tar_archive(place, painted):
    """The name of an archive with forty members, which was streamed into place."""
    base, options = place
    with fsspec.open(f"{base}/a.tar", "wb", **options) as file:
        with tarfile.open(fileobj=file, mode="w|") as archive:
            for number in range(40):
                member = tarfile.TarInfo(f"day/{number}")
                member.size = 200_000
                start = number * 200_000
                archive.addfile(member, io.BytesIO(painted[start : start + member.size]))
    return "a.tar"


def test_a_tar_archive_gives_one_member(place, request, painted, tar_archive):
    base, options = place
    size = stream_size(base, tar_archive, options)
    with Asked(request, "tarfile, member 30 of 40, 200 KB each", size) as asked:
        with fsspec.open(f"{base}/{tar_archive}", **options) as file:
            with tarfile.open(fileobj=file) as archive:
                found = archive.extractfile("day/30").read()
    assert found == painted[30 * 200_000 : 31 * 200_000]
    asked.at_most(gets=50, share=1.1)


def test_ratarmount_finds_a_member_of_a_tar_archive_by_its_index(
    place, request, painted, tar_archive
):
    from ratarmountcore.mountsource.factory import open_mount_source

    base, options = place
    with fsspec.open(f"{base}/{tar_archive}", **options) as file:
        # The index holds names and offsets in the clear: in memory it goes with the process.
        with open_mount_source(file, indexFilePath=":memory:") as archive:
            size = stream_size(base, tar_archive, options)
            with Asked(request, "ratarmount, the same member by its index", size) as asked:
                with archive.open(archive.lookup("/day/30")) as member:
                    found = member.read()
    assert found == painted[30 * 200_000 : 31 * 200_000]
    asked.at_most(gets=2, share=0.1)


def test_h5py_reads_a_slice(place, request):
    base, options = place
    values = numpy.arange(4_000_000).reshape(4000, 1000)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_dataset("a", data=values, chunks=(100, 1000))
    with fsspec.open(f"{base}/a.h5", "wb", **options) as file:
        file.write(memory.getbuffer())
    size = stream_size(base, "a.h5", options)
    with Asked(request, "h5py, 20 rows of 4,000", size) as asked:
        with fsspec.open(f"{base}/a.h5", **options) as file, h5py.File(file) as data:
            found = data["a"][2050:2070]
    assert numpy.array_equal(found, values[2050:2070])
    asked.at_most(gets=12, share=0.2)


def test_zarr_stores_an_array(place, request):
    base, options = place
    values = numpy.arange(250_000).reshape(500, 500)
    # zarr writes into the options that it is given.
    theirs = copy.deepcopy(options)
    stored = zarr.create_array(
        f"{base}/a.zarr", shape=(500, 500), chunks=(100, 500), dtype="i8", storage_options=theirs
    )
    stored[:] = values
    with Asked(request, "zarr, 1 chunk of 5", 0) as asked:
        found = zarr.open_array(f"{base}/a.zarr", mode="r", storage_options=theirs)
        part = found[210:220]
    assert numpy.array_equal(part, values[210:220])
    fs, path = fsspec.core.url_to_fs(f"{base}/a.zarr", **options)
    asked.size = sum(fs.info(each)["stream_size"] for each in fs.find(path))
    asked.at_most(gets=12, share=1)
    assert numpy.array_equal(found[:], values)


def test_an_image_is_saved_and_opened(place, request):
    base, options = place
    image = PIL.Image.effect_noise((300, 200), 40)
    with fsspec.open(f"{base}/a.png", "wb", **options) as file:
        image.save(file, "PNG")
    with Asked(request, "PIL, an image", stream_size(base, "a.png", options)) as asked:
        with fsspec.open(f"{base}/a.png", **options) as file, PIL.Image.open(file) as found:
            pixels = found.tobytes()
    assert pixels == image.tobytes()
    asked.at_most(gets=4, share=2)


def test_pysam_reads_by_file_descriptor_from_a_pipe(tmp_path, key):
    """htslib opens names and descriptors itself and takes no Python file: a pipe is what serves."""
    plain = tmp_path / "a.bam"
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "chr1", "LN": 1000}]}
    with pysam.AlignmentFile(str(plain), "wb", header=header) as out:
        for number in range(100):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.reference_id, read.reference_start = f"r{number}", 0, number
            read.query_sequence, read.cigartuples = "ACGT", [(0, 4)]
            out.write(read)
    sealed = tmp_path / "a.bam.sv2"
    sv2.encrypt(plain, sealed, to=key)
    with sv2.open(sealed, key=key) as file, pytest.raises((TypeError, ValueError, OSError)):
        pysam.AlignmentFile(file, "rb")
    out, into = os.pipe()

    def feed():
        with os.fdopen(into, "wb") as pipe:
            sv2.decrypt(sealed, pipe, key=key)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(out, "rb") as pipe:
        with pysam.AlignmentFile(pipe.fileno(), "rb", check_sq=False) as reads:
            names = [read.query_name for read in reads]
    feeder.join()
    assert names == [f"r{number}" for number in range(100)]


def test_a_process_that_gets_a_pickled_file_system_reads_by_reference(place, key):
    base, options = place
    if "counted" in base:
        base = base.replace("counted-s3", "s3")
        options = {"sv2": options["sv2"], "s3": options["counted-s3"]}
    with fsspec.open(f"{base}/a", "wb", **options) as file:
        file.write(b"text")
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).open().read().decode())"
    pickled = pickle.dumps(fsspec.open(f"{base}/a", **options))
    assert b"AGE-SECRET" not in pickled
    done = subprocess.run([sys.executable, "-c", code], input=pickled, capture_output=True)
    assert done.stdout.strip() == b"text", done.stderr.decode()


def test_the_checksum_from_the_index_is_that_of_the_store(address, key):
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="sums")
    stream = sv2.encrypt(b"text" * 1000, to=key)
    client.put_object(Bucket="sums", Key="a", Body=stream, ChecksumAlgorithm="CRC64NVME")
    head = client.head_object(Bucket="sums", Key="a", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == sv2.object_checksum(stream)

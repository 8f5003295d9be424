"""Parts in stores: jobs of either side, scrubs without a key, other recipients, stores that refuse."""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

import stream_v2 as sv2
from stream_v2 import parts

BUCKET = "stored"

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
SV2 = Path(sys.executable).parent / "sv2"


@pytest.fixture(scope="module")
def text():
    return random.Random(11).randbytes(37 * MIB + 5)


@pytest.fixture
def plain(tmp_path, text):
    path = tmp_path / "plain"
    path.write_bytes(text)
    return path


def program(folder, *arguments):
    done = subprocess.run([SV2, *arguments], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sealed(planned, number, text, job):
    start, end = parts.Plan.reopen(planned, key=job).plaintext(number)
    return parts.seal(planned, number, text[start:end], identity=job, size=len(text), tag="v1")


def test_a_job_of_the_program_is_sealed_here_and_finished_there(plain, text, key, job, tmp_path):
    recipient = job.recipients()[0]
    how = ["--job", recipient, "-r", recipient, "--no-self", "--source-tag", "v1", "--part-size", "8M"]
    program(tmp_path, "parts", "plan", "plain", "-o", "a.plan", *how)
    planned = (tmp_path / "a.plan").read_bytes()
    folder = tmp_path / "parts"
    folder.mkdir()
    reopened = parts.Plan.reopen(planned, key=job)
    assert reopened.parts == 5
    for number in range(1, 6):
        part = sealed(planned, number, text, job)
        (folder / f"part-{number:05}").write_bytes(part.data)
        (folder / f"part-{number:05}.receipt").write_bytes(part.receipt("an ETag"))
    program(tmp_path, "parts", "verify", "a.plan", "parts")
    said = json.loads(program(tmp_path, "parts", "finish", "-i", "job.txt", "a.plan", "parts", "--json"))
    stream = b"".join((folder / f"part-{number:05}").read_bytes() for number in range(1, 7))
    assert sv2.decrypt(stream, key=job) == text
    assert said["checksum_crc64nvme"] == sv2.object_checksum(stream)


def test_a_job_of_this_package_is_sealed_by_the_program_and_finished_here(
    plain, text, key, job, tmp_path
):
    planned = parts.plan(len(text), to=key, job=job, tag="v1", part_size=8 * MIB)
    (tmp_path / "a.plan").write_bytes(planned.job)
    seal = ["parts", "seal", "-i", "job.txt", "--source-tag", "v1", "a.plan", "plain", "parts"]
    program(tmp_path, *seal)
    program(tmp_path, "parts", "verify", "a.plan", "parts")
    folder = tmp_path / "parts"
    receipts = [path.read_bytes() for path in folder.glob("*.receipt")]
    data = [(folder / f"part-{number:05}").read_bytes() for number in range(1, 6)]
    stored = [(number, None, crc(part)) for number, part in enumerate(data, 1)]
    done = parts.finish(planned, receipts, stored)
    stream = b"".join(data) + done.tail
    assert sv2.decrypt(stream, key=key) == text and done.job == planned.job
    # And back by the program, part by part.
    (tmp_path / "a.sv2").write_bytes(stream)
    key.save(tmp_path / "own.txt")
    program(tmp_path, "parts", "decrypt", "-i", "own.txt", "a.plan", "a.sv2", "-o", "back")
    assert (tmp_path / "back").read_bytes() == text


def crc(data):
    return sv2._native.part_crc64(data)


def test_parts_are_scrubbed_without_a_key(text, key, job, tmp_path):
    planned = parts.plan(len(text), to=key, job=job, tag="v1", part_size=8 * MIB)
    start, end = planned.plaintext(2)
    part = parts.seal(planned, 2, text[start:end], identity=job, size=len(text), tag="v1").data
    path = tmp_path / "part"
    path.write_bytes(part)
    for of in (planned, planned.job):
        for source in (part, path, open(path, "rb")):  # noqa: SIM115
            assert parts.verify(of, 2, source) == []
    at = planned.stream(2)[0]
    for offset in (10, 5000, len(part) - 3):
        damaged = bytearray(part)
        damaged[offset] ^= 1
        [found] = parts.verify(planned, 2, bytes(damaged))
        assert at <= found.offset <= at + offset < found.offset + found.length
    for wrong in (part[:-1], part + b"x", b""):
        assert [each.fault for each in parts.verify(planned, 2, wrong)] == ["disagrees"]
    assert parts.verify(planned, 3, part) != [], "a part of another place"
    with pytest.raises(sv2.UsageError, match="no part 9"):
        parts.verify(planned, 9, part)
    with pytest.raises(sv2.UsageError, match="no job"):
        parts.verify(b"no job", 2, part)


@pytest.fixture
def stored(bucket, plain, key, job):
    """An object of five parts and a tail, with what completed it."""
    return parts.encrypt_object(
        str(plain), "s3://stored/a", identity=job, to=[key, job], part_size=8 * MIB
    )


def test_an_object_is_scrubbed_by_parts_without_a_key(bucket, stored, tmp_path):
    def shuffled(function, tasks):
        tasks = [*tasks, *tasks[:2]]
        random.Random(3).shuffle(tasks)
        return [function(task) for task in tasks]

    seen = []
    tell = lambda *now: seen.append(now)  # noqa: E731
    assert parts.verify_object("s3://stored/a", stored.job, map=shuffled, progress=tell) == {}
    assert seen[-1] == (5, 5)
    stream = bytearray(bucket.Object("a").get()["Body"].read())
    stream[20 * MIB] ^= 1
    (tmp_path / "a.sv2").write_bytes(stream)
    found = parts.verify_object(str(tmp_path / "a.sv2"), stored.job)
    assert list(found) == [3] and found[3][0]["fault"] == "checksum"
    with pytest.raises(sv2.UnsealedError):
        parts.verify_object("s3://stored/a", stored.job, map=lambda f, tasks: map(f, tasks[1:]))
    stream[20 * MIB] ^= 1
    stream[-100] ^= 1
    (tmp_path / "a.sv2").write_bytes(stream)
    with pytest.raises(sv2.Sv2Error):
        parts.verify_object(str(tmp_path / "a.sv2"), stored.job)
    (tmp_path / "a.sv2").write_bytes(stream[: 30 * MIB])
    # Parts that the stream is too short for are not even listed, however many a job claims.
    assert sv2._native.job_ranges(stored.job, 30 * MIB) == []
    assert len(sv2._native.job_ranges(stored.job, len(stream))) == 5
    with pytest.raises(sv2.UnsealedError):
        parts.verify_object(str(tmp_path / "a.sv2"), stored.job)


@pytest.fixture
def sent(monkeypatch):
    """Requests of boto3 in this process, and the bytes that they carry there and back."""
    counted = []
    real = boto3.client

    def client(*arguments, **options):
        made = real(*arguments, **options)

        def count(params, model, **_):
            body = params.get("body") or b""
            counted.append((model.name, len(body if isinstance(body, bytes) else body.getvalue())))

        made.meta.events.register("before-call.s3", count)
        return made

    monkeypatch.setattr(boto3, "client", client)
    return counted


def test_other_recipients_of_an_object_cost_its_ends_and_no_data(
    bucket, stored, text, key, job, sent
):
    other = sv2.Key.generate()
    before = bucket.Object("a").get()["Body"].read()
    report = parts.rewrap_object(
        "s3://stored/a", key=key, add=other, remove=[1], copy_size=7 * MIB
    )
    assert (report.slots_before, report.slots, report.revision) == (2, 2, 1)
    after = bucket.Object("a").get()["Body"].read()
    assert sv2.decrypt(after, key=other) == text and sv2.verify(after, key=key).undamaged
    with pytest.raises(sv2.NoKeyError):
        sv2.decrypt(after, key=job)
    assert len(after) == len(before) and sv2.fingerprint(after, key=key) == stored.fingerprint
    # Only header, its copy and the trailer are others.
    differing = [at for at in range(0, len(after), 64) if after[at : at + 64] != before[at : at + 64]]
    assert max(at for at in differing if at < MIB) < 4096
    assert min(at for at in differing if at > MIB) >= len(text)
    uploads = [size for name, size in sent if name == "UploadPart"]
    tail = len(after) - parts.Plan.reopen(stored.job, key=key).stream(5)[1]
    assert uploads == [5 * MIB, tail] and tail < 10_000
    copies = [name for name, _ in sent if name == "UploadPartCopy"]
    assert len(copies) == 4
    assert list(bucket.multipart_uploads.all()) == []


def test_short_objects_get_other_recipients_as_a_whole(bucket, text, key, job):
    other = sv2.Key.generate()
    for size in (0, 100, 4 * MIB, 9 * MIB):
        stream = sv2.encrypt(text[:size], to=key)
        metadata = {"Metadata": {"a": "b"}, "ContentType": "text/x"}
        bucket.put_object(Key="short", Body=stream, **metadata)
        parts.rewrap_object("s3://stored/short", key=key, add=other)
        found = bucket.Object("short").get()
        assert (found["Metadata"], found["ContentType"]) == ({"a": "b"}, "text/x")
        assert sv2.decrypt(found["Body"].read(), key=other) == text[:size]


def test_an_object_that_changes_meanwhile_keeps_its_change(bucket, stored, key, job, monkeypatch):
    other = sv2.Key.generate()
    real = boto3.client

    def interfering(when):
        def client(*arguments, **options):
            made = real(*arguments, **options)

            def put(**_):
                real("s3").put_object(Bucket="stored", Key="a", Body=b"somebody else's")

            made.meta.events.register(f"before-call.s3.{when}", put)
            return made

        return client

    stream = bucket.Object("a").get()["Body"].read()
    for when in ("GetObject", "CreateMultipartUpload", "UploadPart"):
        bucket.put_object(Key="a", Body=stream)
        monkeypatch.setattr(boto3, "client", interfering(when))
        with pytest.raises(sv2.InputChangedError):
            parts.rewrap_object("s3://stored/a", key=key, add=other)
        assert bucket.Object("a").get()["Body"].read() == b"somebody else's"
        assert list(bucket.multipart_uploads.all()) == []


def test_a_rewrite_that_is_refused_changes_nothing(bucket, stored, key, sent):
    before = bucket.Object("a").e_tag
    cases = [
        ({"key": sv2.Key.generate()}, sv2.NoKeyError),
        ({"key": key, "remove": [0, 1]}, sv2.UsageError),
        ({"key": key, "remove": [5]}, sv2.UsageError),
        ({"key": key, "fingerprint": "0" * 64}, sv2.Sv2Error),
        ({"key": key, "client_options": {"aws_session_token": "x"}}, sv2.UsageError),
    ]
    for given, error in cases:
        with pytest.raises(error):
            parts.rewrap_object("s3://stored/a", **given)
    assert bucket.Object("a").e_tag == before
    assert not [name for name, _ in sent if name.startswith("CreateMultipart")]


def test_an_object_that_somebody_else_made_meanwhile_is_kept(bucket, plain, key, job, sent):
    def late(function, tasks):
        receipts = [function(task) for task in tasks]
        bucket.put_object(Key="b", Body=b"somebody else's")
        return receipts

    with pytest.raises(ClientError, match="PreconditionFailed.*did not hold"):
        parts.encrypt_object(
            str(plain), "s3://stored/b", identity=job, to=key, part_size=8 * MIB, map=late
        )
    assert bucket.Object("b").get()["Body"].read() == b"somebody else's"
    assert list(bucket.multipart_uploads.all()) == []


def test_completion_names_condition_checksum_and_size_and_each_part_by_its_own(
    bucket, plain, text, key, job, monkeypatch
):
    asked = []
    real = boto3.client

    def client(*arguments, **options):
        made = real(*arguments, **options)
        made.meta.events.register(
            "provide-client-params.s3", lambda params, model, **_: asked.append((model.name, params))
        )
        return made

    monkeypatch.setattr(boto3, "client", client)
    done = parts.encrypt_object(
        str(plain), "s3://stored/c", identity=job, to=[key, job], part_size=8 * MIB
    )
    parts.decrypt_object("s3://stored/c", "s3://stored/d", identity=job, part_size=8 * MIB)
    by_name = lambda wanted: [params for name, params in asked if name == wanted]  # noqa: E731
    for created in by_name("CreateMultipartUpload"):
        assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == ("CRC64NVME", "FULL_OBJECT")
    uploads = by_name("UploadPart")
    assert len(uploads) == 11 and all(each["ChecksumCRC64NVME"] for each in uploads)
    sealed, opened = by_name("CompleteMultipartUpload")
    assert sealed["ChecksumCRC64NVME"] == done.checksum
    for complete, size in ((sealed, done.size), (opened, len(text))):
        assert (complete["IfNoneMatch"], complete["MpuObjectSize"]) == ("*", size)
        assert complete["ChecksumType"] == "FULL_OBJECT"
    numbers = [part["PartNumber"] for part in sealed["MultipartUpload"]["Parts"]]
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_a_store_that_refuses_is_told_in_its_words_and_leaves_no_parts(
    bucket, plain, key, job, monkeypatch
):
    given = {"identity": job, "to": key, "part_size": 8 * MIB}
    with pytest.raises(ClientError, match="NoSuchBucket"):
        parts.encrypt_object(str(plain), "s3://nowhere/a", **given)
    real = boto3.client

    def refusing(operation):
        def client(*arguments, **options):
            made = real(*arguments, **options)

            def refuse(model, **_):
                answer = {"Error": {"Code": "SlowDown", "Message": "Please reduce your request rate."}}
                raise ClientError(answer, model.name)

            made.meta.events.register(f"before-call.s3.{operation}", refuse)
            return made

        return client

    for operation in ("UploadPart", "ListParts", "CompleteMultipartUpload"):
        monkeypatch.setattr(boto3, "client", refusing(operation))
        with pytest.raises(ClientError, match=f"{operation}.*reduce your request rate"):
            parts.encrypt_object(str(plain), "s3://stored/e", **given)
        monkeypatch.setattr(boto3, "client", real)
        assert list(bucket.multipart_uploads.all()) == []
        with pytest.raises(ClientError):
            bucket.Object("e").load()


def test_a_task_that_is_left_when_another_failed_is_given_up(bucket, plain, key, job):
    class Future:
        cancelled = False

        def __init__(self, answer):
            self.answer = answer

        def result(self):
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        def cancel(self):
            self.cancelled = True

    futures = []

    def run(function, tasks):
        futures.extend(Future(function(task)) for task in tasks[:1])
        futures.extend(Future(ConnectionError("gone")) for _ in tasks[1:])
        return futures

    with pytest.raises(ConnectionError):
        parts.encrypt_object(
            str(plain), "s3://stored/f", identity=job, to=key, part_size=8 * MIB, map=run
        )
    assert all(future.cancelled for future in futures[2:])
    assert list(bucket.multipart_uploads.all()) == []


def test_a_part_that_an_engine_sealed_once_more_behind_its_receipt_is_sealed_again(
    bucket, plain, text, key, job
):
    runs = []

    def recomputing(function, tasks):
        runs.append([task.part for task in tasks])
        receipts = [function(task) for task in tasks]
        if len(runs) == 1:
            # As dask does when it lost the machine that had the results; these are lost.
            for task in (tasks[0], tasks[3]):
                function(task)
        return receipts

    given = {"identity": job, "to": key, "part_size": 8 * MIB}
    parts.encrypt_object(str(plain), "s3://stored/g", map=recomputing, **given)
    assert runs == [[1, 2, 3, 4, 5], [1], [4]]
    assert sv2.decrypt(bucket.Object("g").get()["Body"].read(), key=key) == text

    def always(function, tasks):
        receipts = [function(task) for task in tasks]
        function(tasks[0])
        return receipts

    with pytest.raises(sv2.UnsealedError, match="no receipt of part 1 "):
        parts.encrypt_object(str(plain), "s3://stored/h", map=always, **given)
    assert list(bucket.multipart_uploads.all()) == []


def test_a_part_that_is_stored_late_is_sealed_again_and_the_object_completed(
    bucket, plain, text, key, job, monkeypatch
):
    """A request that a dead machine left behind, which the store serves after it listed its parts."""
    late, real = [], boto3.client

    def remembering(function, tasks):
        late.append(lambda: function(tasks[2 % len(tasks)]))
        return [function(task) for task in tasks]

    def client(times):
        def made(*arguments, **options):
            client = real(*arguments, **options)

            def store(**_):
                if times:
                    times.pop()
                    late[0]()

            client.meta.events.register("before-call.s3.CompleteMultipartUpload", store)
            return client

        return made

    given = {"identity": job, "to": key, "part_size": 8 * MIB, "map": remembering}
    monkeypatch.setattr(boto3, "client", client([1, 2]))
    parts.encrypt_object(str(plain), "s3://stored/i", **given)
    assert sv2.decrypt(bucket.Object("i").get()["Body"].read(), key=key) == text
    late.clear()
    monkeypatch.setattr(boto3, "client", client([1, 2, 3]))
    with pytest.raises(ClientError, match="InvalidPart"):
        parts.encrypt_object(str(plain), "s3://stored/j", **given)
    assert list(bucket.multipart_uploads.all()) == []


def test_a_plan_is_the_arithmetic_of_the_documentation(job):
    path = Path(__file__).parents[3] / "docs/limits.py"
    spec = importlib.util.spec_from_file_location("limits", path)
    limits = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(limits)
    raw = sv2.Key.raw(bytes(32))
    for size in (GIB, 100 * GIB, TIB, 10 * TIB, 48 * TIB, 5 * TIB + 1, TIB - 3):
        for digest, length in ((None, 0), ("sha256", 32)):
            planned = parts.plan(size, to=raw, job=job, digest=digest)
            segment, per_part, count, first = limits.parts_of(size, length)
            assert (planned.parts, planned.stream(1)) == (count, (0, first))
            assert planned.plaintext(1) == (0, per_part * segment)
            assert planned.plaintext(count)[1] == size

"""One stream sealed by many machines: attempts repeated, lost, reordered, altered; S3 and dask."""

import concurrent.futures
import pickle
import random

import pytest
from botocore.exceptions import ClientError

import stream_v2 as sv2
from stream_v2 import parts

BUCKET = "parts"

MIB = 1 << 20


@pytest.fixture(scope="module")
def text():
    return random.Random(11).randbytes(37 * MIB + 5)


def planned(text, key, job, **options):
    return parts.plan(len(text), to=key, job=job, tag="v1", part_size=8 * MIB, **options)


def sealed(plan, number, text, job):
    start, end = plan.plaintext(number)
    return parts.seal(plan.job, number, text[start:end], identity=job, size=len(text), tag="v1")


def test_parts_that_are_sealed_in_any_order_are_one_stream(text, key, job):
    plan = planned(text, key, job, digest="sha256", context="c", metadata={"name": "a"})
    assert plan.parts == 5
    numbers = list(range(1, plan.parts + 1))
    random.Random(1).shuffle(numbers)
    made = {number: sealed(plan, number, text, job) for number in numbers}
    for number, part in made.items():
        start, end = plan.stream(number)
        assert len(part.data) == end - start >= 5 * MIB
    receipts = [part.receipt(f"name {number}") for number, part in made.items()]
    stored = [(number, f"name {number}", part.crc64) for number, part in made.items()]
    # Another process may finish it.
    again = parts.Plan.reopen(plan.job, key=key, context="c")
    for of in (plan, again):
        done = parts.finish(of, receipts + receipts[:2], stored)
        stream = b"".join(made[number].data for number in sorted(made)) + done.tail
        assert sv2.decrypt(stream, key=key, context="c") == text
        assert done.size == len(stream) and done.tail_part == 6
        assert done.checksum == sv2.object_checksum(stream)
        assert done.fingerprint == sv2.fingerprint(stream, key=key, context="c")
        assert sv2.verify(stream, key=key, context="c").undamaged


def test_of_two_attempts_the_receipt_of_the_stored_bytes_counts(text, key, job):
    plan = planned(text, key, job)
    first = [sealed(plan, number, text, job) for number in range(1, plan.parts + 1)]
    other = sealed(plan, 3, text, job)
    assert other.data != first[2].data, "each attempt draws salts of its own"
    receipts = [part.receipt(f"{number}") for number, part in enumerate(first, 1)]
    receipts.append(other.receipt("3 again"))
    stored = [(number, f"{number}", None) for number in range(1, plan.parts + 1)]
    for name, chosen in (("3", first[2]), ("3 again", other)):
        stored[2] = (3, name, None)
        done = parts.finish(plan, receipts, stored)
        data = [part.data for part in first]
        data[2] = chosen.data
        assert sv2.decrypt(b"".join(data) + done.tail, key=key) == text
    stored[2] = (3, "of an attempt that was lost", None)
    with pytest.raises(sv2.UnsealedError) as caught:
        parts.finish(plan, receipts, stored)
    assert caught.value.unit == "part 3"


def test_what_is_not_of_the_plan_is_refused_with_its_part(text, key, job):
    plan, foreign = planned(text, key, job), planned(text, key, job)
    made = [sealed(plan, number, text, job) for number in range(1, plan.parts + 1)]
    receipts = [part.receipt(b"x") for part in made]
    stored = [(number, b"x", None) for number in range(1, plan.parts + 1)]
    altered = bytearray(receipts[1])
    altered[-40] ^= 1
    cases = [
        (receipts[:3] + receipts[4:], stored, sv2.UnsealedError, "part 4"),
        ([*receipts[:1], bytes(altered), *receipts[2:]], stored, sv2.AuthenticationError, "part 2"),
        (receipts[1:] + [sealed(foreign, 1, text, job).receipt(b"x")], stored,
         sv2.AuthenticationError, "part 1"),
        (receipts, stored[:-1], sv2.UnsealedError, "part 5"),
        (receipts, [*stored, (9, b"x", None)], sv2.UsageError, "part 9"),
        (receipts, [*stored, (2, b"x", None)], sv2.UnsealedError, "part 2"),
        (receipts, [(number, None, 7) for number, *_ in stored], sv2.UnsealedError, "part 1"),
    ]  # fmt: skip
    for given, held, error, unit in cases:
        with pytest.raises(error) as caught:
            parts.finish(plan, given, held)
        assert caught.value.unit == unit


def test_a_machine_with_another_source_identity_or_job_seals_nothing(text, key, job, tmp_path):
    plan = planned(text, key, job)
    start, end = plan.plaintext(2)
    given = {"identity": job, "size": len(text), "tag": "v1"}
    stranger = sv2.Key.generate().save(tmp_path / "stranger.txt")
    forged = bytearray(plan.job)
    forged[-50] ^= 1
    cases = [
        (plan.job, text[start:end], {"tag": "v2"}, sv2.InputChangedError),
        (plan.job, text[start:end], {"size": 7}, sv2.InputChangedError),
        (plan.job, text[start : end - 1], {}, sv2.UsageError),
        (plan.job, text[start:end], {"identity": stranger}, sv2.NoKeyError),
        (plan.job, text[start:end], {"identity": sv2.Key.generate()}, sv2.UsageError),
        (bytes(forged), text[start:end], {}, sv2.NoKeyError),
        (b"no job", text[start:end], {}, sv2.UsageError),
    ]
    for job_bytes, data, changed, error in cases:
        with pytest.raises(error):
            parts.seal(job_bytes, 2, data, **{**given, **changed})
    with pytest.raises(sv2.UsageError):
        parts.seal(plan, 99, b"", **given)
    with pytest.raises(sv2.UsageError):
        parts.plan(1000, to=key, job=job)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(plan)
    assert b"AGE-SECRET" not in plan.job


def uploads(bucket):
    return list(bucket.multipart_uploads.all())


def test_an_object_is_encrypted_and_decrypted_by_parts(bucket, text, key, job, tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(text)
    bucket.put_object(Key="plain", Body=text)
    options = {"identity": job, "to": [key, job], "part_size": 8 * MIB}
    for source in (str(plain), "s3://parts/plain"):
        seen = []
        done = parts.encrypt_object(
            source, "s3://parts/a", overwrite=True, progress=lambda *now: seen.append(now), **options
        )
        assert seen == [(number, 5) for number in range(1, 6)]
        stream = bucket.Object("a").get()["Body"].read()
        assert sv2.decrypt(stream, key=key) == text and len(stream) == done.size
        head = bucket.meta.client.head_object(Bucket="parts", Key="a", ChecksumMode="ENABLED")
        assert done.checksum == sv2.object_checksum(stream)
        # Not every server gives it back.
        assert head.get("ChecksumCRC64NVME") in (None, done.checksum)
    with pytest.raises(FileExistsError):
        parts.encrypt_object(str(plain), "s3://parts/a", **options)
    back = tmp_path / "back"
    again = {"identity": job, "part_size": 8 * MIB}
    assert parts.decrypt_object("s3://parts/a", str(back), **again) == done.fingerprint
    assert back.read_bytes() == text
    with pytest.raises(FileExistsError):
        parts.decrypt_object("s3://parts/a", str(back), **again)
    parts.decrypt_object("s3://parts/a", "s3://parts/back", **again)
    assert bucket.Object("back").get()["Body"].read() == text
    assert uploads(bucket) == []


def test_a_task_that_fails_leaves_no_part_and_no_object(bucket, text, key, job, tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(text)

    def lossy(function, tasks):
        for number, task in enumerate(tasks):
            if number == 3:
                raise ConnectionError("a machine is gone")
            yield function(task)

    def forgetful(function, tasks):
        return [function(task) for task in tasks][1:]

    def changing(function, tasks):
        for task in tasks:
            plain.write_bytes(text[::-1])
            yield function(task)

    cases = [
        (lossy, ConnectionError),
        (forgetful, sv2.UnsealedError),
        (changing, sv2.InputChangedError),
    ]
    for run, error in cases:
        plain.write_bytes(text)
        with pytest.raises(error):
            parts.encrypt_object(
                str(plain), "s3://parts/b", identity=job, to=key, part_size=8 * MIB, map=run
            )
        assert uploads(bucket) == []
        with pytest.raises(ClientError):
            bucket.Object("b").load()
    damaged = bytearray(sv2.encrypt(text, to=job))
    damaged[20 * MIB] ^= 1
    plain.write_bytes(damaged)
    with pytest.raises(sv2.DamagedError):
        parts.decrypt_object(str(plain), str(tmp_path / "none"), identity=job)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.txt", "plain"]


def test_tasks_that_run_twice_at_the_same_time_end_in_one_sound_stream(
    bucket, text, key, job, tmp_path
):
    plain = tmp_path / "plain"
    plain.write_bytes(text)

    def twice(function, tasks):
        tasks = [*tasks, *tasks]
        random.Random(5).shuffle(tasks)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(function, tasks))

    parts.encrypt_object(
        str(plain), "s3://parts/c", identity=job, to=[key, job], part_size=8 * MIB, map=twice
    )
    assert sv2.decrypt(bucket.Object("c").get()["Body"].read(), key=key) == text
    for target in ("s3://parts/c-back", str(tmp_path / "back")):
        parts.decrypt_object("s3://parts/c", target, identity=job, part_size=8 * MIB, map=twice)
    assert bucket.Object("c-back").get()["Body"].read() == text
    assert (tmp_path / "back").read_bytes() == text


def test_a_range_that_no_task_brought_back_is_an_error(bucket, text, key, job, tmp_path):
    bucket.put_object(Key="whole", Body=sv2.encrypt(text, to=job))

    def forgetful(function, tasks):
        return [function(task) for task in tasks if task.part != 2]

    for target in ("s3://parts/gap", str(tmp_path / "gap")):
        with pytest.raises(sv2.UnsealedError):
            parts.decrypt_object(
                "s3://parts/whole", target, identity=job, part_size=8 * MIB, map=forgetful
            )
    assert not (tmp_path / "gap").exists()
    assert uploads(bucket) == []


def test_secrets_in_tasks_are_refused(bucket, key, job, tmp_path):
    for changed, error in (
        ({"identity": sv2.Key.generate()}, sv2.UsageError),
        ({"identity": None}, sv2.UsageError),
        ({"client_options": {"aws_secret_access_key": "x"}}, sv2.UsageError),
    ):
        (tmp_path / "plain").write_bytes(bytes(6 * MIB))
        given = {"identity": job, "to": key, **changed}
        with pytest.raises(error):
            parts.encrypt_object(str(tmp_path / "plain"), "s3://parts/d", **given)
    for target in ("d", "s3://parts", "s3://parts/"):
        with pytest.raises(sv2.UsageError):
            parts.encrypt_object(str(tmp_path / "plain"), target, identity=job, to=key)

"""Stores whose answer is lost, or that hold another object by now."""

import datetime
import random

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

import stream_v2 as sv2
from stream_v2 import _rewrites, parts
from stream_v2._stores import PATIENT, Source, Upload

BUCKET = "lost"

MIB = 1 << 20


@pytest.fixture(scope="module")
def text():
    return random.Random(12).randbytes(9 * MIB + 5)


@pytest.fixture
def plain(tmp_path, text):
    path = tmp_path / "plain"
    path.write_bytes(text)
    return path


@pytest.fixture
def on_completion(monkeypatch):
    """Clients of boto3 by which a function sees what the store answered to a completion."""
    real = boto3.client

    def put(event, function):
        def client(*arguments, **options):
            made = real(*arguments, **options)
            made.meta.events.register(f"{event}.s3.CompleteMultipartUpload", function)
            return made

        monkeypatch.setattr(boto3, "client", client)

    return put


def another(status, code):
    """Another answer than the store's."""

    def answer(http_response, parsed, **_):
        assert http_response.status_code == 200
        http_response.status_code = status
        parsed.clear()
        parsed["Error"] = {"Code": code, "Message": "what a second request is told"}
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status}

    return answer


def no_answer(**_):
    raise ReadTimeoutError(endpoint_url="http://lost")


LOST = [
    another(404, "NoSuchUpload"),
    another(412, "PreconditionFailed"),
    another(500, "InternalError"),
    no_answer,
]


def test_an_object_that_was_made_is_a_success_though_the_answer_was_lost(
    bucket, plain, text, key, job, on_completion
):
    for number, lost in enumerate(LOST):
        on_completion("after-call", lost)
        a, b = f"s3://lost/a{number}", f"s3://lost/b{number}"
        parts.encrypt_object(str(plain), a, identity=job, to=[key, job], part_size=8 * MIB)
        assert sv2.decrypt(bucket.Object(f"a{number}").get()["Body"].read(), key=key) == text
        parts.decrypt_object(a, b, identity=job, part_size=8 * MIB)
        assert bucket.Object(f"b{number}").get()["Body"].read() == text
        other = sv2.Key.generate()
        parts.rewrap_object(a, key=key, add=other)
        assert sv2.decrypt(bucket.Object(f"a{number}").get()["Body"].read(), key=other) == text
    assert list(bucket.multipart_uploads.all()) == []


def test_another_object_in_the_place_is_a_failure_of_which_the_store_is_asked_once(
    bucket, plain, text, key, job, on_completion
):
    for lost in LOST:
        asked = []

        def replaced(lost=lost, asked=asked, **given):
            asked.append(given)
            # As long as the object that was made.
            made = bucket.Object("d").content_length
            bucket.put_object(Key="d", Body=b"x" * made)
            lost(**given)

        on_completion("after-call", replaced)
        with pytest.raises((ClientError, ReadTimeoutError)):
            parts.encrypt_object(str(plain), "s3://lost/d", identity=job, to=key)
        assert len(asked) == 1
        assert set(bucket.Object("d").get()["Body"].read()) == {ord("x")}
        bucket.Object("d").delete()


def test_a_config_of_the_caller_is_kept_beside_that_of_a_completion(s3_environment):
    given = Config(user_agent_extra="mine", read_timeout=5, retries={"total_max_attempts": 7})
    upload = Upload("lost", "a", "1", {"config": given})
    config = upload.connected(**PATIENT, retries={"total_max_attempts": 1}).meta.config
    assert config.user_agent_extra == "mine" and config.read_timeout == 900
    assert config.retries["total_max_attempts"] == 1
    longer = Upload("lost", "a", "1", {"config": Config(read_timeout=2000)})
    assert longer.connected(**PATIENT).meta.config.read_timeout == 2000
    assert upload.connected().meta.config.read_timeout == 5


def test_ranges_that_ran_twice_are_completed_by_the_names_that_the_store_has(
    bucket, plain, text, job, monkeypatch
):
    parts.encrypt_object(str(plain), "s3://lost/e", identity=job, to=job, part_size=8 * MIB)
    store, stored, held = Upload.store, Upload.stored, {}

    # Stores that encrypt by KMS name the same bytes otherwise each time, and tell their checksums.
    def named_otherwise(self, part, data):
        found = held[part] = store(self, part, data)
        return type(found)(part, f'"an earlier name of {part}"', found.crc64)

    def told(self):
        return [type(each)(each.part, each.name, held[each.part].crc64) for each in stored(self)]

    monkeypatch.setattr(Upload, "store", named_otherwise)
    monkeypatch.setattr(Upload, "stored", told)
    parts.decrypt_object("s3://lost/e", "s3://lost/f", identity=job, part_size=5 * MIB)
    assert bucket.Object("f").get()["Body"].read() == text

    def damaging(self, part, data):
        found = store(self, part, data)
        held[part] = store(self, part, data[:-1] + bytes([data[-1] ^ 1]))
        return found

    monkeypatch.setattr(Upload, "store", damaging)
    with pytest.raises(sv2.UnsealedError, match="bytes of part 1"):
        parts.decrypt_object("s3://lost/e", "s3://lost/g", identity=job, part_size=5 * MIB)
    monkeypatch.setattr(Upload, "stored", stored)
    with pytest.raises(ClientError, match="InvalidPart"):
        parts.decrypt_object("s3://lost/e", "s3://lost/g", identity=job, part_size=5 * MIB)
    assert list(bucket.multipart_uploads.all()) == []


def test_a_source_that_changes_while_it_is_scrubbed_is_no_damage(bucket, plain, key, job, tmp_path):
    done = parts.encrypt_object(
        str(plain), "s3://lost/h", identity=job, to=job, part_size=8 * MIB
    )
    stream = bucket.Object("h").get()["Body"].read()
    path = tmp_path / "h"
    path.write_bytes(stream)

    def changing(function, tasks):
        changed = bytearray(stream)
        changed[6 * MIB] ^= 1
        # Another length shows where the clock is coarse.
        path.write_bytes(bytes(changed) + b"x")
        return [function(task) for task in tasks]

    with pytest.raises(sv2.InputChangedError):
        parts.verify_object(str(path), done.job, map=changing)


def test_options_are_not_printed_and_secrets_are_refused_at_any_depth(plain, job):
    assert "hidden" not in repr(Source("a", {"x": "hidden"}))
    assert "hidden" not in repr(Upload("a", "b", "c", {"x": "hidden"}))
    for options in ({"secret": "x"}, {"client_kwargs": {"aws_secret_access_key": "x"}}):
        with pytest.raises(sv2.UsageError, match="would travel"):
            parts.encrypt_object(
                str(plain), "s3://lost/i", identity=job, to=job, source_options=options
            )


def test_what_the_store_takes_of_an_object_is_given_to_its_rewrite(s3_environment):
    client = boto3.client("s3")
    shapes = client.meta.service_model
    told = shapes.operation_model("HeadObject").output_shape.members
    taken = shapes.operation_model("CreateMultipartUpload").input_shape.members
    # An event hold is not kept. Of an object with SSE-C nobody reads the head without its key.
    other = {"ChecksumType", "SSECustomerAlgorithm", "SSECustomerKeyMD5"}
    both = {name for name in told if name in taken and not name.startswith("ObjectLockEvent")}
    assert both - other == {*_rewrites._KEPT, *_rewrites._RETENTION}
    now = datetime.datetime.now(datetime.timezone.utc)
    for days, kept in ((1, {"ObjectLockMode", "ObjectLockRetainUntilDate"}), (-1, set())):
        until = now + datetime.timedelta(days=days)
        head = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
        assert set(_rewrites._kept({**head, "ETag": "x", "Expires": now})) == {"Expires", *kept}

"""Workers of one stream of parts, killed at random: `python killed_workers.py --kills 200 [--seed S]`.

Two processes at a time seal parts of the same plan into the same upload of an S3 server, the same
parts among them, and each is killed by SIGKILL somewhere between its start and a little behind its
usual end. What `finish` says after that is a stream or an error that names a part; parts that are
named are sealed again, also by workers that are killed, and at last by one that is left alone. Each
object is then opened by the key and verified, and no salt may come twice in the headers of all
segments that any attempt wrote, which each attempt keeps on the disk before the store gets them.
"""

import argparse
import os
import random
import select
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
import s3

import stream_v2 as sv2
from stream_v2 import _stores, parts
from stream_v2._objects import _seal_part, _SealTask

MIB = 1 << 20
# Kills of one plan, before it is finished and another one begun.
OF_A_PLAN = 10
SEGMENT = 256 << 10
# Bytes of plaintext: four parts.
SIZE = 21 * MIB + 7


@dataclass(frozen=True)
class Kept(_stores.Upload):
    """An upload whose attempts are kept on the disk before the store gets them."""

    folder: str = ""

    def store(self, part, data):
        name = f"{part}-{os.getpid()}-{time.monotonic_ns()}"
        (Path(self.folder) / f"{name}.attempt").write_bytes(data)
        return super().store(part, data)


def work(tasks, folder):
    """What a worker does: its tasks, one after the other; a receipt gets its name when it is whole."""
    for task in tasks:
        receipt = _seal_part(task)
        unfinished = Path(folder) / f"{os.getpid()}.unfinished"
        unfinished.write_bytes(receipt)
        unfinished.rename(Path(folder) / f"{task.part}-{os.getpid()}-{time.monotonic_ns()}.receipt")


def begun(tasks, folder):
    """A process of its own that works; it begins with a copy of this one, as forked workers do."""
    pid = os.fork()
    if pid == 0:
        try:
            work(tasks, folder)
            os._exit(0)
        except BaseException as error:
            (Path(folder) / f"{os.getpid()}.failed").write_text(repr(error))
            os._exit(1)
    return pid


def killed(pid, seconds):
    """Waits for the end of a process, or kills it at its moment; whether it was killed.

    A worker that another signal ended has crashed.
    """
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code >= 0 or code == -signal.SIGKILL, f"a worker crashed: {signal.Signals(-code).name}"
        return code < 0
    finally:
        os.close(handle)


def ended(pid):
    """Waits for a worker that nobody kills."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, f"a worker that was left alone ended with {code}"


def salts_in(data, at, first, text_len):
    """The salts of segments from `first` on in bytes of a stream, from their headers at `at` on."""
    salts = []
    for start in range(first * SEGMENT, text_len, SEGMENT):
        header = data[at : at + 64]
        if len(header) < 64:
            # The attempt was cut off here.
            break
        salts.append(bytes(header[24:48]))
        size = min(SEGMENT, text_len - start)
        at += 64 + size + 32 * -(-size // 65536) + 8
    return salts


class Tally:
    kills = streams = refused = late = again = attempts = salts = lived = 0


def stream_of(text, dice, most, tally, folder, all_salts):
    folder.mkdir()
    key = sv2.Key.generate()
    job = sv2.Key.generate().save(folder / "job.txt")
    plain = folder / "plain"
    plain.write_bytes(text)
    source = _stores.Source(str(plain), {}).pinned()
    planned = parts.plan(
        source.size, to=key, job=job, tag=source.tag, part_size=5 * MIB, segment_size=SEGMENT
    )
    name = folder.name
    begun_upload = _stores.begun(f"s3://killed/{name}", None, False, **_stores.CHECKED)
    upload = Kept(begun_upload.bucket, begun_upload.key, begun_upload.upload, {}, str(folder))
    tasks = [
        _SealTask(planned.job, part, *planned.plaintext(part), source, upload, job)
        for part in range(1, planned.parts + 1)
    ]
    # How long a worker takes for all parts, of which nothing stays.
    started = time.monotonic()
    ended(begun(tasks, folder))
    usual = time.monotonic() - started
    for path in [*folder.glob("*.receipt")]:
        path.unlink()

    def finished():
        receipts = [path.read_bytes() for path in folder.glob("*.receipt")]
        held = [stored for stored in upload.stored() if stored.part <= planned.parts]
        held.sort(key=lambda stored: stored.part)
        return held, parts.finish(planned, receipts, [(s.part, s.name, s.crc64) for s in held])

    done, wanted = 0, tasks
    while done < most:
        pair = []
        for _ in range(2):
            first = dice.randrange(len(wanted))
            some = wanted[first:] + wanted[:first]
            pair.append((begun(some[: dice.randint(1, len(some))], folder), dice.random() * usual * 1.1))
        for pid, seconds in pair:
            if killed(pid, seconds):
                done += 1
            else:
                tally.lived += 1
        try:
            finished()
        except sv2.UnsealedError as error:
            assert error.unit.startswith("part "), error
            tally.refused += 1
    tally.kills += done
    while True:
        try:
            held, end = finished()
        except sv2.UnsealedError as error:
            part = int(error.unit.removeprefix("part "))
            ended(begun([tasks[part - 1]], folder))
            tally.again += 1
            assert tally.again < 100 * (tally.streams + 1), "asked for again and again"
            continue
        # The server may serve a request later whose sender is dead; then it refuses this one.
        checks = {"ChecksumCRC64NVME": end.checksum, "ChecksumType": "FULL_OBJECT"}
        tail = _stores.Upload.store(upload, end.tail_part, end.tail)
        checks |= {"MpuObjectSize": end.size, "IfNoneMatch": "*"}
        if upload.completed([*held, tail], is_last=False, **checks):
            break
        tally.late += 1
    assert not [*folder.glob("*.failed")], [path.read_text() for path in folder.glob("*.failed")]
    stream = boto3.client("s3").get_object(Bucket="killed", Key=name)["Body"].read()
    assert sv2.decrypt(stream, key=key) == text, "the stream is not the whole of the plaintext"
    assert sv2.verify(stream, key=key).undamaged
    ranges = sv2._native.job_ranges(planned.job, len(stream))
    header_len = sv2.inspect(stream).header_size
    whole = []
    for path in folder.glob("*.attempt"):
        part = int(path.name.split("-")[0])
        (start, end), _ = ranges[part - 1]
        whole += salts_in(path.read_bytes(), header_len if part == 1 else 0, start // SEGMENT, end)
        tally.attempts += 1
    of_stream = salts_in(stream, header_len, 0, len(text))
    assert len(of_stream) == -(-len(text) // SEGMENT)
    assert set(of_stream) <= set(whole), "a segment of the store that no attempt wrote"
    all_salts += whole
    tally.salts += len(whole)
    tally.streams += 1
    for path in folder.iterdir():
        path.unlink()


def run(kills, seed, size, folder):
    """Kills so many workers, and tells what became of their streams."""
    dice, tally, salts = random.Random(seed), Tally(), []
    text = random.Random(5).randbytes(size)
    boto3.client("s3").create_bucket(Bucket="killed")
    while tally.kills < kills:
        place = folder / f"stream-{tally.streams}"
        stream_of(text, dice, min(OF_A_PLAN, kills - tally.kills), tally, place, salts)
        place.rmdir()
    assert len(set(salts)) == len(salts), "a salt comes twice"
    assert not list(boto3.resource("s3").Bucket("killed").multipart_uploads.all())
    print("kills  ended before  streams  finishes refused  refused by the store  sealed again  attempts  salts")
    print(
        f"{tally.kills:5} {tally.lived:13} {tally.streams:8} {tally.refused:17} {tally.late:21} "
        f"{tally.again:13} {tally.attempts:9} {tally.salts:6}"
    )
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of plaintext")
    given = parser.parse_args()
    if given.kills < 1:
        parser.error("--kills: nothing is shown by no kill")
    print(f"seed {given.seed}, {given.size} bytes of plaintext", flush=True)
    names = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with s3.server() as address, tempfile.TemporaryDirectory() as folder:
        os.environ.update({"AWS_ENDPOINT_URL": address, **names})
        run(given.kills, given.seed, given.size, Path(folder))


if __name__ == "__main__":
    main()

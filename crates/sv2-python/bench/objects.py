"""What objects cost by parts, as tables for docs/scale.md.

    cargo xtask adapters --objects [--size MIB] [--part MIB] [--runs N]   cost of a part; processes
    cargo xtask adapters --objects --engine dask [--size MIB]             an example, from S3 to S3

The first kind measures each step of a part by itself, and then a whole object by 1, 2 and 4 worker
processes and by one process without any, from a file into a folder: contenders take turns, a figure
is the median of its turns, and processor time counts all processes. The second starts an S3 server on
loopback and runs `examples/encrypt_object_ENGINE.py` on it.
"""

import argparse
import hashlib
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import stream_v2 as sv2
from stream_v2 import parts

MIB = 1 << 20


def spent():
    """Seconds of processor that this process and its ended children took, on all threads."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def loaded():
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


class Job:
    """A file that is sealed by parts into a folder."""

    # None is what the plan chooses.
    segment = None

    def __init__(self, folder, size, part_size):
        self.folder, self.plain = folder, folder / "plain"
        text = random.Random(1)
        with open(self.plain, "wb") as file:
            for _ in range(size // MIB):
                file.write(text.randbytes(MIB))
        self.size, self.part_size = size, part_size
        self.key = sv2.Key.generate().save(folder / "job.txt")

    def planned(self):
        return parts.plan(
            self.size, to=self.key, job=self.key, part_size=self.part_size, segment_size=self.segment
        )


def seal(task):
    """One part from file to file; its receipt, its checksum, and the seconds of each step."""
    job, part, start, end, folder, identity, size = task
    marks = [time.perf_counter()]
    with open(Path(folder) / "plain", "rb") as file:
        file.seek(start)
        data = file.read(end - start)
    marks.append(time.perf_counter())
    sealed = parts.seal(job, part, data, identity=sv2.Key.identity_file(identity), size=size)
    marks.append(time.perf_counter())
    Path(folder, f"part-{part:05}").write_bytes(sealed.data)
    marks.append(time.perf_counter())
    receipt = sealed.receipt("an ETag of as many bytes as S3's")
    marks.append(time.perf_counter())
    steps = [after - before for before, after in zip(marks, marks[1:], strict=False)]
    return part, receipt, sealed.crc64, steps


def whole(job, run):
    """The object by parts; seconds of plan, of each step of each part, and of the end."""
    begun = time.perf_counter()
    planned = job.planned()
    planning = time.perf_counter() - begun
    tasks = [
        (planned.job, part, *planned.plaintext(part), str(job.folder), str(job.folder / "job.txt"), job.size)
        for part in range(1, planned.parts + 1)
    ]
    done = list(run(seal, tasks))
    begun = time.perf_counter()
    stored = [(part, None, crc) for part, _, crc, _ in done]
    end = parts.finish(planned, [receipt for _, receipt, _, _ in done], stored)
    Path(job.folder, f"part-{end.tail_part:05}").write_bytes(end.tail)
    return planning, [steps for *_, steps in done], time.perf_counter() - begun, end, len(done[0][1])


def by_processes(job, count):
    with ProcessPoolExecutor(count) as pool:
        whole(job, pool.map)


def costs(size, part_size, runs):
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {loaded()}; "
          f"{size // MIB} MiB in parts of {part_size // MIB} MiB, medians of {runs} turns")  # fmt: skip
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        job = Job(Path(folder), size, part_size)
        contenders = {
            "no process of its own": lambda: whole(job, map),
            **{f"{n} worker processes": lambda n=n: by_processes(job, n) for n in (1, 2, 4)},
        }
        steps, times = [], {name: [] for name in contenders}
        for turn in range(runs + 1):
            for name, work in contenders.items():
                begun, before = time.perf_counter(), spent()
                found = work()
                took = time.perf_counter() - begun, spent() - before
                if found:
                    steps.append(found)
                if turn:
                    times[name].append(took)
        middle = statistics.median
        plan, end = middle(each[0] for each in steps), middle(each[2] for each in steps)
        by_step = [middle(part[at] for each in steps for part in each[1]) for at in range(4)]
        names = ("read", "seal", "write", "receipt")
        print("\n| step | seconds | for |\n|---|---:|---|")
        print(f"| plan | {plan:.4f} | the object |")
        for name, seconds in zip(names, by_step, strict=True):
            print(f"| {name} | {seconds:.4f} | a part |")
        print(f"| finish | {end:.4f} | {len(steps[0][1])} parts, receipts of {steps[0][4]} bytes |")
        # What a driver does with receipts is by segments, so that many small ones show its cost.
        job.segment, job.part_size = 64 << 10, 5 * MIB
        found = whole(job, map)
        count = -(-size // job.segment)
        print(f"| finish | {found[2]:.4f} | {len(found[1])} parts of {count} segments of 64 KiB |")
        print("\n| | seconds | processor seconds | against one process |\n|---|---:|---:|---:|")
        first = middle(wall for wall, _ in times["1 worker processes"])
        for name, turns in times.items():
            wall, cpu = (middle(turn[at] for turn in turns) for at in (0, 1))
            print(f"| {name} | {wall:.2f} | {cpu:.2f} | {first / wall:.2f} |")
        print(f"\n{loaded()} at the end")


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def engine(name, size):
    import boto3
    import s3
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config

    with s3.server() as address, tempfile.TemporaryDirectory() as folder:
        names = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        os.environ.update({"AWS_ENDPOINT_URL": address, **names})
        folder, text = Path(folder), random.Random(1)
        with open(folder / "plain", "wb") as file:
            for _ in range(size // MIB):
                file.write(text.randbytes(MIB))
        wanted = digest_of(folder / "plain")
        # This server says nothing while it copies gigabytes.
        client = boto3.client("s3", config=Config(read_timeout=900))
        client.create_bucket(Bucket="bucket")
        whole = TransferConfig(multipart_threshold=5 << 30)
        client.upload_file(str(folder / "plain"), "bucket", "plain", Config=whole)
        (folder / "plain").unlink()
        key = sv2.Key.generate()
        script = HERE.parent / f"examples/encrypt_object_{name}.py"
        ends = ["s3://bucket/plain", "s3://bucket/sealed", key.recipients()[0], "job.txt"]
        print(f"{size // MIB} MiB, {loaded()}\n$ python {script.name} {' '.join(ends)}", flush=True)
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, script, *ends], cwd=folder, stdout=subprocess.PIPE, text=True)
        lines = done.stdout.splitlines()
        print("\n".join([*lines[:2], "...", *lines[-2:]]))
        print(f"{time.perf_counter() - begun:.0f} seconds, {loaded()} at the end")
        assert done.returncode == 0
        # One request: this server reads the whole object for each range that is asked of it.
        body = client.get_object(Bucket="bucket", Key="sealed")["Body"]
        sv2.decrypt(body, folder / "back", key=key)
        assert digest_of(folder / "back") == wanted, "what came back is something else"
        print(f"SHA-256 {wanted} of the source and of what the object decrypts to")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, help="MiB; by default 512, and 2,048 with --engine")
    parser.add_argument("--part", type=int, default=64, help="MiB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engine", choices=["dask", "ray", "spark"])
    given = parser.parse_args()
    if given.engine:
        engine(given.engine, (given.size or 2048) * MIB)
    else:
        costs((given.size or 512) * MIB, given.part * MIB, given.runs)


if __name__ == "__main__":
    main()

"""Encrypts one object on many machines, into S3, by Ray; and decrypts it, where a place is named.

    python encrypt_object_ray.py s3://bucket/genome.bam s3://sealed/genome.bam.sv2 age1... job.txt [BACK]

The job's identity lies in a file of the same name on every machine: what travels in tasks is that
name. Here the machines are two processes on this one; give ray.init the address of a real cluster.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

import stream_v2 as sv2
from stream_v2.parts import decrypt_object, encrypt_object


@contextlib.contextmanager
def engine() -> Iterator[Any]:
    """A cluster, and what runs tasks on it."""
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 << 20)

    def run(function: Any, tasks: list[Any]) -> Iterator[Any]:
        # A task whose process died is run again.
        @ray.remote(max_retries=3)
        def attempt(task: Any) -> Any:
            return function(task)

        begun = [attempt.remote(task) for task in tasks]
        return (ray.get(each) for each in begun)

    try:
        yield run
    finally:
        ray.shutdown()


def main(source: str, target: str, recipient: str, identity: str, back: str = "") -> None:
    if not Path(identity).exists():
        sv2.Key.generate().save(identity)
    job = sv2.Key.identity_file(identity)
    how = {"identity": job, "part_size": int(os.environ.get("PART_MIB", "64")) << 20}
    with engine() as run:
        done = encrypt_object(
            source,
            target,
            to=[recipient, job],
            map=run,
            progress=lambda parts, total: print(f"{parts} of {total} parts"),
            **how,
        )
        if back:
            decrypt_object(target, back, map=run, **how)
    print(f"{done.size} bytes, CRC-64/NVME {done.checksum}, fingerprint {done.fingerprint}")


if __name__ == "__main__":
    main(*sys.argv[1:])

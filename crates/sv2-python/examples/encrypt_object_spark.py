"""Encrypts one object on many machines, into S3, by Spark; and decrypts it, where a place is named.

    python encrypt_object_spark.py s3://bucket/genome.bam s3://sealed/genome.bam.sv2 age1... job.txt [BACK]

The job's identity lies in a file of the same name on every machine: what travels in tasks is that
name. Here the machines are two processes on this one; spark-submit gives a real cluster.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark import SparkConf, SparkContext

import stream_v2 as sv2
from stream_v2.parts import decrypt_object, encrypt_object


@contextlib.contextmanager
def engine() -> Iterator[Any]:
    """A cluster, and what runs tasks on it."""
    # Two worker processes with a core and a GiB each; the same Python on all machines.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = SparkConf().setMaster("local-cluster[2,1,1024]").setAppName("stream_v2")
    context = SparkContext(conf=settings.set("spark.ui.enabled", "false"))
    try:
        # One task for each part: what fails is run again by itself.
        yield lambda function, tasks: context.parallelize(tasks, len(tasks)).map(function).collect()
    finally:
        context.stop()


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

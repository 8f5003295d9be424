"""Encrypts one object on many machines, into S3, by dask.

    python encrypt_object_dask.py s3://bucket/genome.bam s3://sealed/genome.bam.sv2 age1... job.txt

The job's identity lies in a file of the same name on every machine: what travels in tasks is that
name. Here the machines are two processes on this one; give Client the address of a real cluster.
"""

import sys
from pathlib import Path

from dask.distributed import Client, LocalCluster

import stream_v2 as sv2
from stream_v2.parts import encrypt_object


def main(source: str, target: str, recipient: str, identity: str) -> None:
    if not Path(identity).exists():
        sv2.Key.generate().save(identity)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        done = encrypt_object(
            source,
            target,
            to=recipient,
            identity=sv2.Key.identity_file(identity),
            # Not pure: an attempt that is run again is another attempt.
            map=lambda function, tasks: client.map(function, tasks, pure=False),
            part_size=8 << 20,
            progress=lambda parts, total: print(f"{parts} of {total} parts"),
        )
    print(f"{done.size} bytes, CRC-64/NVME {done.checksum}, fingerprint {done.fingerprint}")


if __name__ == "__main__":
    main(*sys.argv[1:])

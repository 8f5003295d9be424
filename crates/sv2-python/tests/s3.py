"""A real S3 server on loopback, in a process of its own, and a client that counts its requests."""

import contextlib
import os
import re
import subprocess
import sys
import threading

import fsspec.asyn
import s3fs

# The region from the environment: one in the options would be sent as a place for the bucket.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
OPTIONS = {"key": "test", "secret": "test"}


@contextlib.contextmanager
def server():
    """The address of a server that is up; it chooses a free port itself."""
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    )
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"Running on (http://\S+)", line):
                break
        else:
            raise RuntimeError("the server did not start:\n" + "".join(said))
        # Its log would fill the pipe.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found[1]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Counted(s3fs.S3FileSystem):
    """Counts requests and the bytes of objects that they brought."""

    protocol = ("counted-s3",)
    cachable = False
    requests: dict[str, int] = {}
    received = 0

    async def _call_s3(self, method, *arguments, **kwargs):
        Counted.requests[method] = Counted.requests.get(method, 0) + 1
        answer = await super()._call_s3(method, *arguments, **kwargs)
        if method == "get_object":
            Counted.received += answer["ContentLength"]
        return answer

    call_s3 = fsspec.asyn.sync_wrapper(_call_s3)

    @classmethod
    def reset(cls):
        cls.requests, cls.received = {}, 0

"""Lets a colleague open a stream, too: the data stay as they are.

    python share_with_colleague.py report.parquet.sv2 age1... id.txt

What is needed of the colleague is the public key, which `age-keygen -y` or `sv2 keygen` prints.
Only the header is written anew, whatever the length of the stream.
"""

import sys

import stream_v2 as sv2


def main(path: str, recipient: str, identity: str) -> None:
    before = sv2.fingerprint(path, key=sv2.Key.identity_file(identity))
    report = sv2.rewrap(path, key=sv2.Key.identity_file(identity), add=recipient)
    assert report.fingerprint == before, "the content is the same stream"
    print(f"{report.slots} keys open {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])

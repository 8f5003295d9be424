"""cryptography's cobblestone as a program, so that `cargo xtask bench` can measure it beside others.

    cobblestone.py encrypt|decrypt [FILE]

Reads FILE or standard input and writes standard output, 4 MiB at a time, under a key that everybody
knows: it measures and protects nothing.
"""

import sys

from cryptography import cobblestone

KEY = bytes(32)
PIECE = 4 << 20


def main():
    verb, *names = sys.argv[1:]
    kinds = {
        "encrypt": cobblestone.Cobblestone256Encryptor,
        "decrypt": cobblestone.Cobblestone256Decryptor,
    }
    worker = kinds[verb](KEY, b"")
    with open(names[0] if names else 0, "rb", buffering=0) as source, open(1, "wb", buffering=0) as to:

        def write(piece):
            while len(piece):
                piece = memoryview(piece)[to.write(piece) :]

        while piece := source.read(PIECE):
            write(worker.update(piece))
        write(worker.finalize())


if __name__ == "__main__":
    sys.exit(main())

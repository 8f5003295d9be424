"""Speed of the package beside other libraries and the program, as tables for docs/python.md.

    cargo xtask adapters --bench [--size MIB] [--runs N] [--folder DIR]

Every table is one run in which the contenders take turns, A B C and again A B C, and a figure is
the median of its turns; ratios are only taken within a table. Beside the time stands what all threads
took of the processors, which other work on the machine moves less. Files lie in a memory-backed
folder. The first turn of each warms up and does not count.
"""

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import cryptography
import pyrage
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import stream_v2 as sv2

try:
    from cryptography import cobblestone
except ImportError:
    cobblestone = None

PIECE = 64 << 10
PROGRAM = Path(sysconfig.get_path("scripts")) / "sv2"


def spent():
    """Seconds of processor that this process and its children took, on all threads."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def turns(contenders, runs):
    """(Seconds, seconds of processor) of each contender, by name, over so many turns of all."""
    times = {name: [] for name in contenders}
    for turn in range(runs + 1):
        for name, work in contenders.items():
            begun, before = time.perf_counter(), spent()
            result = work()
            took = time.perf_counter() - begun, spent() - before
            del result
            if turn:
                times[name].append(took)
    return times


def table(title, times, size, unit, against):
    """Prints medians, ranges and the ratios to the rows that are named in `against`."""
    print(f"\n{title}\n")
    heads = "".join(f" time / {name} | CPU / {name} |" for name in against)
    print(f"| | median | fastest to slowest, s | CPU, s |{heads}")
    print(f"|---|---:|---:|---:|{'---:|---:|' * len(against)}")
    medians = {
        name: [statistics.median(each[kind] for each in took) for kind in (0, 1)]
        for name, took in times.items()
    }
    for name, took in times.items():
        wall, processor = medians[name]
        rate = f"{size / wall / 1e9:.2f} GB/s" if unit == "GB/s" else f"{wall / size * 1e6:.1f} us"
        ratios = "".join(
            f" {wall / medians[other][0]:.2f} | {processor / medians[other][1]:.2f} |"
            for other in against
        )
        walls = [each[0] for each in took]
        between = f"{min(walls):.3f} to {max(walls):.3f}"
        print(f"| {name} | {rate} | {between} | {processor:.3f} |{ratios}", flush=True)


def by_chunks(key, data):
    """What somebody writes with AESGCM alone: 64 KiB at a time, a counter for a nonce."""
    aead, view = AESGCM(key), memoryview(data)
    return [
        aead.encrypt((at // PIECE).to_bytes(12, "big"), view[at : at + PIECE], None)
        for at in range(0, len(view), PIECE)
    ]


def from_chunks(key, chunks):
    aead = AESGCM(key)
    return b"".join(aead.decrypt(n.to_bytes(12, "big"), each, None) for n, each in enumerate(chunks))


class Memory:
    """Bytes to bytes."""

    def __init__(self, size, runs):
        numbers = random.Random(1)
        data = b"".join(numbers.randbytes(1 << 20) for _ in range(size >> 20))
        key, identity, raw = sv2.Key.raw(bytes(range(32))), pyrage.x25519.Identity.generate(), bytes(32)
        sealers = {
            "stream_v2, 1 thread": lambda: sv2.encrypt(data, to=key, threads=1),
            "stream_v2, 2 threads": lambda: sv2.encrypt(data, to=key, threads=2),
            "AESGCM by 64 KiB": lambda: by_chunks(raw, data),
            "pyrage": lambda: pyrage.encrypt(data, [identity.to_public()]),
        }
        stream = sv2.encrypt(data, to=key)
        chunks, aged = by_chunks(raw, data), pyrage.encrypt(data, [identity.to_public()])
        openers = {
            "stream_v2, 1 thread": lambda: sv2.decrypt(stream, key=key, threads=1),
            "stream_v2, 2 threads": lambda: sv2.decrypt(stream, key=key, threads=2),
            "AESGCM by 64 KiB": lambda: from_chunks(raw, chunks),
            "pyrage": lambda: pyrage.decrypt(aged, [identity]),
        }
        if cobblestone:
            their_key = cobblestone.Cobblestone256Encryptor.generate_key()

            def seal():
                sealer = cobblestone.Cobblestone256Encryptor(their_key, b"")
                return sealer.update(data), sealer.finalize()

            def open_(parts=seal()):
                opener = cobblestone.Cobblestone256Decryptor(their_key, b"")
                return opener.update(parts[0]), opener.update(parts[1]), opener.finalize()

            sealers["cobblestone"], openers["cobblestone"] = seal, open_
        against = ["cobblestone"] if cobblestone else ["AESGCM by 64 KiB"]
        table("Encrypting bytes to bytes:", turns(sealers, runs), size, "GB/s", against)
        table("Decrypting bytes to bytes:", turns(openers, runs), size, "GB/s", against)


class Files:
    """A file to a file."""

    def __init__(self, size, runs, folder):
        self.folder = folder
        plain = folder / "plain"
        with open(plain, "wb") as file:
            numbers = random.Random(2)
            for _ in range(size >> 20):
                file.write(numbers.randbytes(1 << 20))
        (folder / "key").write_text("07" * 32 + "\n")
        os.chmod(folder / "key", 0o600)
        key, identity = sv2.Key.raw_file(folder / "key"), pyrage.x25519.Identity.generate()
        out, sealed, aged = folder / "out", folder / "sealed", folder / "aged"
        sv2.encrypt(plain, sealed, to=key)
        pyrage.encrypt_file(str(plain), str(aged), [identity.to_public()])

        def program(*arguments):
            command = [PROGRAM, *arguments, "--key-file", folder / "key", "-o", out]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

        def fresh(work):
            def run():
                work()
                out.unlink()

            return run

        sealers = {
            "stream_v2": lambda: sv2.encrypt(plain, out, to=key),
            "stream_v2, 1 thread": lambda: sv2.encrypt(plain, out, to=key, threads=1),
            "the program sv2": lambda: program("encrypt", plain),
            "pyrage": lambda: pyrage.encrypt_file(str(plain), str(out), [identity.to_public()]),
        }
        openers = {
            "stream_v2": lambda: sv2.decrypt(sealed, out, key=key),
            "stream_v2, 1 thread": lambda: sv2.decrypt(sealed, out, key=key, threads=1),
            "the program sv2": lambda: program("decrypt", sealed),
            "pyrage": lambda: pyrage.decrypt_file(str(aged), str(out), [identity]),
        }
        if cobblestone:
            cobbled, their_key = folder / "cobbled", cobblestone.Cobblestone256Encryptor.generate_key()

            def through(worker, source, target):
                with open(source, "rb", buffering=0) as file, open(target, "wb", buffering=0) as into:
                    while piece := file.read(4 << 20):
                        into.write(worker.update(piece))
                    into.write(worker.finalize())

            def seal(target):
                through(cobblestone.Cobblestone256Encryptor(their_key, b""), plain, target)

            seal(cobbled)
            sealers["cobblestone by 4 MiB"] = lambda: seal(out)
            openers["cobblestone by 4 MiB"] = lambda: through(
                cobblestone.Cobblestone256Decryptor(their_key, b""), cobbled, out
            )
        against = ["the program sv2", *(["cobblestone by 4 MiB"] if cobblestone else [])]
        for title, contenders in (("Encrypting", sealers), ("Decrypting", openers)):
            times = turns({name: fresh(work) for name, work in contenders.items()}, runs)
            table(f"{title} a file to a file:", times, size, "GB/s", against)
        aged.unlink()
        self.reads(size, runs, plain, sealed, key)

    def reads(self, size, runs, plain, sealed, key):
        """A file object's reads, from front to back and at random."""

        def sequential(opener, piece):
            def run():
                with opener() as file:
                    while file.read(piece):
                        pass

            return run

        contenders = {}
        for piece, name in ((4 << 20, "4 MiB"), (64 << 10, "64 KiB")):
            contenders[f"stream_v2, read({name})"] = sequential(lambda: sv2.open(sealed, key=key), piece)
            contenders[f"plain file, read({name})"] = sequential(lambda: open(plain, "rb"), piece)
        against = ["plain file, read(4 MiB)"]
        table("Reading a file object from front to back:", turns(contenders, runs), size, "GB/s", against)

        # What somebody builds with AESGCM alone: pieces with their tags, one after the other.
        raw, count = bytes(32), 4096
        aead, theirs = AESGCM(raw), self.folder / "pieces"
        with open(plain, "rb") as file, open(theirs, "wb") as into:
            for number in range(size // PIECE):
                into.write(aead.encrypt(number.to_bytes(12, "big"), file.read(PIECE), None))
        numbers = random.Random(3)
        places = [numbers.randrange(size // PIECE) for _ in range(count)]
        anywhere = [numbers.randrange(size - PIECE) for _ in range(count)]

        def ours(read):
            def run():
                with sv2.open(sealed, key=key, cached_frames=0) as file:
                    read(file)

            return run

        def at_places(file):
            for place in places:
                file.read_at(place * PIECE, PIECE)

        def by_seek(file):
            for place in places:
                file.seek(place * PIECE)
                file.read(PIECE)

        def at_any(file):
            for place in anywhere:
                file.read_at(place, PIECE)

        def by_hand():
            with open(theirs, "rb", buffering=0) as file:
                for place in places:
                    file.seek(place * (PIECE + 16))
                    aead.decrypt(place.to_bytes(12, "big"), file.read(PIECE + 16), None)

        def any_by_hand():
            with open(theirs, "rb", buffering=0) as file:
                for place in anywhere:
                    first, last = place // PIECE, (place + PIECE - 1) // PIECE
                    file.seek(first * (PIECE + 16))
                    found = file.read((last - first + 1) * (PIECE + 16))
                    pieces = [
                        aead.decrypt(
                            (first + n).to_bytes(12, "big"),
                            found[n * (PIECE + 16) : (n + 1) * (PIECE + 16)],
                            None,
                        )
                        for n in range(last - first + 1)
                    ]
                    b"".join(pieces)[place - first * PIECE :][:PIECE]

        name = "open().seek().read() and AESGCM"
        contenders = {"read_at": ours(at_places), "seek and read": ours(by_seek), name: by_hand}
        table("64 KiB at random, each a whole frame:", turns(contenders, runs), count, "us", [name])
        contenders = {"read_at": ours(at_any), name: any_by_hand}
        table("64 KiB at random, anywhere:", turns(contenders, runs), count, "us", [name])


def processor():
    """The processor and what matters of it."""
    text = Path("/proc/cpuinfo").read_text()
    name = next((line.split(": ", 1)[1] for line in text.splitlines() if "model name" in line), "?")
    flags = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    known = ["aes", "avx2", "vaes", "avx512f", "vpclmulqdq"]
    return f"{name} ({os.cpu_count()} processors; {' '.join(f for f in known if f in flags)})"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", type=int, default=1024, metavar="MIB")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--folder", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    arguments = arguments.parse_args()
    size = arguments.size << 20
    print(f"{processor()}, {platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(
        f"{arguments.size} MiB, medians of {arguments.runs} turns; stream_v2 {sv2.__version__}, "
        f"cryptography {cryptography.__version__}, pyrage {version('pyrage')}"
    )
    if cobblestone is None:
        print("this cryptography has no cobblestone: AESGCM by chunks stands in for it")
    Memory(size, arguments.runs)
    folder = Path(tempfile.mkdtemp(prefix="sv2-speed-", dir=arguments.folder))
    try:
        Files(size, arguments.runs, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())

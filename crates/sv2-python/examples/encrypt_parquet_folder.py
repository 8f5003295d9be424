"""Encrypts every Parquet file of a folder, and reads it back as one dataset.

    python encrypt_parquet_folder.py trips trips-sealed id.txt

A second run does only what the first one left: a file gets its name when it is whole, so one that
is there is done. The folder that comes out is read as it is, by column, with the key by its name.
"""

import sys
from pathlib import Path

import pyarrow.dataset
import pyarrow.fs

import stream_v2 as sv2
from stream_v2.filesystem import Sv2FileSystem


def encrypt_folder(source: Path, target: Path, key: sv2.Key) -> int:
    """Encrypt what is not there yet, and return how many files that was."""
    count = 0
    for plain in sorted(source.rglob("*.parquet")):
        sealed = target / plain.relative_to(source)
        if sealed.exists():
            continue
        sealed.parent.mkdir(parents=True, exist_ok=True)
        # resume: a run that was cut off goes on in the middle of the file.
        sv2.encrypt(plain, sealed, to=key, key=key, resume=True)
        # Whoever removes the originals does it after this.
        assert sv2.verify(sealed, key=key).undamaged
        count += 1
    return count


def main(source: str, target: str, identity: str) -> None:
    if not Path(identity).exists():
        sv2.Key.generate().save(identity)
        print(f"{identity} is the key of everything that follows: back it up")
    key = sv2.Key.identity_file(identity)
    print(f"{encrypt_folder(Path(source), Path(target), key)} files encrypted")

    fs = Sv2FileSystem(target_protocol="file", identity_file=identity)
    arrow = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs))
    # pyarrow compares the names that it finds with the one that it was given.
    place = str(Path(target).resolve())
    dataset = pyarrow.dataset.dataset(place, format="parquet", filesystem=arrow)
    print(f"{dataset.count_rows()} rows with the columns {', '.join(dataset.schema.names)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

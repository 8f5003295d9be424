"""Gets one file out of an encrypted archive, without the rest of it.

    python one_file_of_an_archive.py sv2::s3://bucket/photos.zip 2026/a.jpg id.txt > a.jpg

A zip archive has a directory at its end, so one member costs a few requests. A tar archive has
none: its headers are read one after the other up to the member, 512 bytes each, and the data
between them are skipped. For many members of a large tar archive, ratarmount's index is what
serves; the index names every file in the clear, so here it stays in memory.
"""

import sys
import tarfile
import zipfile

import fsspec


def member(url: str, name: str, identity: str) -> bytes:
    """The bytes of one member; each was authenticated before it is here."""
    with fsspec.open(url, sv2={"identity_file": identity}) as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                return archive.read(name)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            return archive.extractfile(name).read()


def main(url: str, name: str, identity: str) -> None:
    sys.stdout.buffer.write(member(url, name, identity))


if __name__ == "__main__":
    main(*sys.argv[1:])

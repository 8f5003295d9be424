"""Puts a new identity in place of an old one, for all streams of a folder.

    python rotate_recipient.py sealed old-id.txt new-id.txt

The new identity opens every stream before the old one is taken out. Whoever had the old one may
have kept a copy, or the key of a stream: to lock somebody out of the content, encrypt it anew.
Nobody else may change the recipients of these streams meanwhile.
"""

import sys
from pathlib import Path

import stream_v2 as sv2


def rotate(path: Path, old: sv2.Key, new: sv2.Key) -> None:
    fingerprint = sv2.rewrap(path, key=old, add=new).fingerprint
    # What the new key opens is proved before the old one goes.
    assert sv2.fingerprint(path, key=new) == fingerprint
    while theirs := opened_by(path, old):
        sv2.rewrap(path, key=new, remove=theirs, fingerprint=fingerprint)


def opened_by(path: Path, key: sv2.Key) -> list[int]:
    try:
        slots = sv2.recipients(path, key=key)
    except sv2.NoKeyError:
        return []
    return [n for n, slot in enumerate(slots) if slot.opened]


def main(folder: str, old_identity: str, new_identity: str) -> None:
    if not Path(new_identity).exists():
        sv2.Key.generate().save(new_identity)
    old, new = sv2.Key.identity_file(old_identity), sv2.Key.identity_file(new_identity)
    paths = sorted(Path(folder).rglob("*.sv2"))
    for path in paths:
        rotate(path, old, new)
    print(f"{len(paths)} streams are opened by {new_identity} and no more by {old_identity}")


if __name__ == "__main__":
    main(*sys.argv[1:])

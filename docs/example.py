#!/usr/bin/env python3
"""Computes appendix B of docs/format.md with nothing but `cryptography` and the text of the format.

example.py                     prints the appendix
example.py --check FORMAT.md   fails where the appendix in the file differs
example.py --update FORMAT.md  writes the appendix into the file
example.py --stream OUT        writes the stream itself
"""
import hashlib
import hmac
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x9A6C9329AC4BC9B5 if byte & 1 else 0)
    CRC_TABLE.append(byte)


def crc(data):
    state = 2**64 - 1
    for byte in data:
        state = state >> 8 ^ CRC_TABLE[(state ^ byte) & 0xFF]
    return be(state ^ 2**64 - 1, 8)


def be(value, length):
    return value.to_bytes(length, "big")


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def sha(data):
    return hashlib.sha256(data).digest()


def expand(prk, info, length):
    out, last, count = b"", b"", 0
    while len(out) < length:
        count += 1
        last = mac(prk, last + info + bytes([count]))
        out += last
    return out[:length]


def label(name):
    return b"stream_v2/1 " + name.encode("ascii") + b"\0"


def example():
    """Yields (name, bytes) for every intermediate; the last is the stream."""
    stream_key, context, plaintext = bytes(range(32)), b"", b"hello, stream_v2"
    stream_salt, salt = bytes(range(0x40, 0x60)), bytes(range(0x80, 0x98))
    frame_size, header_len = 256, 256
    yield from (("stream_key", stream_key), ("context", context), ("plaintext", plaintext),
                ("stream_salt", stream_salt), ("salt of segment 0", salt))

    core = bytes.fromhex("895356320d0a1a0a") + be(1, 2) + bytes([1, 0, 8, 0]) + be(0, 2) + stream_salt
    root = expand(stream_key, label("root") + core + sha(context), 64)
    commitment, prk = root[:32], root[32:]
    keys = {name: expand(prk, label(name), 32) for name in ("header", "seal", "journal", "change", "segments")}
    yield from (("core", core), ("SHA-256(context)", sha(context)), ("root", root), ("commitment", commitment),
                ("prk", prk))
    yield from ((f"K_{name}", key) for name, key in keys.items())

    header = core + commitment + be(header_len, 4) + be(0, 4) + be(0, 8)
    header = header.ljust(header_len - 40, b"\0")
    header_mac = mac(keys["header"], header)
    header += header_mac
    header += crc(header)
    yield from (("header_mac", header_mac), ("header CRC", header[-8:]), ("header", header))

    assert 0 < len(plaintext) <= frame_size  # one segment of one frame
    segment_header = b"SV2S" + be(0, 4) + be(0, 8) + be(len(plaintext), 4) + be(0, 4) + salt + commitment[:8]
    okm = expand(keys["segments"], label("segment") + segment_header, 44)
    key, base_nonce = okm[:32], okm[32:]
    segment = segment_header + crc(segment_header)
    yield from (("segment header", segment), ("segment key", key), ("base nonce", base_nonce))

    frame = bytes([1, 0]) + be(0, 2) + be(len(plaintext), 4)
    nonce = be(int.from_bytes(base_nonce, "big") ^ 0, 12)
    sealed = AESGCM(key).encrypt(nonce, plaintext, b"")
    frame += sealed
    frame += crc(frame)
    segment += frame
    footer = crc(segment)
    segment += footer
    yield from (("nonce of frame 0", nonce), ("ciphertext", sealed[:-16]), ("tag", sealed[-16:]), ("frame", frame),
                ("footer", footer))

    index = salt + footer
    page_table = sha(index)
    index_root = sha(page_table)
    trailer = (b"SV2TAIL\n" + be(1, 2) + bytes([0, 0]) + be(header_len, 4) + be(0, 8) + be(1, 8)
               + be(len(plaintext), 8) + index_root + be(0, 8) + be(0, 8))
    seal = mac(keys["seal"], trailer)
    trailer += seal
    trailer += crc(trailer)
    yield from (("index", index), ("page table", page_table), ("index_root", index_root), ("seal", seal),
                ("trailer", trailer), ("fingerprint", sha(label("fingerprint") + header[:80] + trailer[:72])))
    yield "stream", header + segment + header + index + page_table + trailer


def lines_of(items):
    out = ["```"]
    for name, value in items:
        if name == "stream":
            out += [f"length of the stream = {len(value)}", f"SHA-256 of the stream = {sha(value).hex()}",
                    f"CRC of the stream = {crc(value).hex()}"]
            continue
        hexes = value.hex()
        rows = [hexes[at:at + 64] for at in range(0, len(hexes), 64)] or ["(empty)"]
        out += [f"{name} ({len(value)}) ="] + ["  " + row for row in rows]
    return out + ["```"]


def main():
    assert crc(b"123456789").hex() == "ae8b14860a799888"
    items = list(example())
    lines = lines_of(items)
    if len(sys.argv) == 1:
        print("\n".join(lines))
        return
    mode, path = sys.argv[1], Path(sys.argv[2])
    if mode == "--stream":
        path.write_bytes(items[-1][1])
        return
    begin, end = "<!-- example:begin -->\n", "<!-- example:end -->"
    text = path.read_text(encoding="ascii")
    head, rest = text.split(begin)
    new = head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    if mode == "--update":
        path.write_text(new, encoding="ascii")
    elif mode != "--check" or new != text:
        sys.exit(f"example.py: the appendix of {path} is not what is computed")
    else:
        print(f"{path}: the example is as computed")


if __name__ == "__main__":
    main()

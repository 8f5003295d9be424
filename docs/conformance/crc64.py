# SPDX-License-Identifier: MIT OR Apache-2.0
"""CRC-64/NVME as F-102 and F-103 have it, eight bytes a step through four tables of 16 bits."""
import struct


def tables():
    byte = []
    for c in range(256):
        for _ in range(8):
            c = c >> 1 ^ (0x9a6c9329ac4bc9b5 if c & 1 else 0)
        byte.append(c)
    step = lambda c: byte[c & 255] ^ c >> 8
    wide = [[step(step(x)) for x in range(65536)]]
    for _ in range(3):
        wide.append([wide[0][c & 65535] ^ c >> 16 for c in wide[-1]])
    return byte, wide


BYTE, (T0, T1, T2, T3) = tables()


def crc(*parts):
    """The eight bytes that follow these parts on the wire."""
    c = (1 << 64) - 1
    for part in parts:
        whole = len(part) // 8
        for word in struct.unpack_from(f"<{whole}Q", part):
            c ^= word
            c = T3[c & 65535] ^ T2[c >> 16 & 65535] ^ T1[c >> 32 & 65535] ^ T0[c >> 48]
        for x in part[whole * 8:]:
            c = BYTE[(c ^ x) & 255] ^ c >> 8
    return (c ^ (1 << 64) - 1).to_bytes(8, "big")

# SPDX-License-Identifier: MIT OR Apache-2.0
"""Parity files in Python, from docs/parity.md alone: read, judged, made again, and used for a repair.

parity.py --self-test             all vectors of parity.json, both ways
parity.py FILE [PARITY] [-o OUT]  says what is damaged, and writes the file as it was

Slow and plain: for tests, and for whoever has nothing else.
"""
import argparse
import json
import pathlib
import sys
from crc64 import crc

MAGIC, TAIL, HEAD = b"SV2PRTY\n", b"SV2TAIL\n", b"\x89SV2\r\n\x1a\n"
POLYNOMIAL = 0x1002d
BASIS = (0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012,
         0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8, 0xfb34, 0xff38, 0x991e)


class Refused(Exception):
    """One of NotParity, Destroyed, Unsupported, Malformed, Stale, Mixed, BeyondRepair, Contradiction."""


def ceil(a, b):
    return -(-a // b)


def power_of_two(n):
    return 1 << (n - 1).bit_length()


# Section 4: the field and the code.

def field():
    """Logarithms and powers of elements that are numbered by the basis."""
    number = [0] * 65536
    for e in range(65536):
        x = 0
        for i, b in enumerate(BASIS):
            x ^= b if e >> i & 1 else 0
        number[x] = e
    exp, log, x = [0] * 131070, [0] * 65536, 1
    for i in range(65535):
        exp[i] = exp[i + 65535] = number[x]
        log[number[x]] = i
        x <<= 1
        x ^= POLYNOMIAL if x >> 16 else 0
    return exp, log


EXP, LOG = field()


def mul(a, b):
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def inv(a):
    return EXP[-LOG[a] % 65535]


def matrix(data, parity):
    """R-208: parity[i] is the sum of matrix[i][t] * data[t]."""
    chunk = power_of_two(parity)
    slope = 1
    for s in range(1, chunk):
        slope = mul(slope, s)
    rows = []
    for i in range(parity):
        row = []
        for t in range(data):
            point = chunk + t
            scale = 1
            for s in range(chunk):
                scale = mul(scale, s ^ point // chunk * chunk)
            row.append(mul(scale, inv(mul(slope, i ^ point))))
        rows.append(row)
    return rows


def symbols(block):
    """R-209: of each 64 bytes the first 32 are low bytes and the last 32 high bytes."""
    return [block[at + k] | block[at + 32 + k] << 8 for at in range(0, len(block), 64) for k in range(32)]


def block_of(found):
    out = bytearray()
    for at in range(0, len(found), 32):
        part = found[at:at + 32]
        out += bytes(s & 255 for s in part) + bytes(s >> 8 for s in part)
    return bytes(out)


def combine(rows, blocks):
    """One block for each row: the sum of its factors times the symbols of all blocks."""
    words = [symbols(block) for block in blocks]
    out = []
    for row in rows:
        total = [0] * len(words[0])
        for factor, word in zip(row, words):
            for k, s in enumerate(word):
                if s and factor:
                    total[k] ^= EXP[LOG[factor] + LOG[s]]
        out.append(block_of(total))
    return out


def solve(square, right):
    """Gauss: the blocks x with square * x = right."""
    size = len(square)
    rows = [list(row) + [int(k == i) for k in range(size)] for i, row in enumerate(square)]
    for i in range(size):
        pivot = next(k for k in range(i, size) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        factor = inv(rows[i][i])
        rows[i] = [mul(factor, x) for x in rows[i]]
        for k in range(size):
            if k != i and rows[k][i]:
                factor = rows[k][i]
                rows[k] = [x ^ mul(factor, y) for x, y in zip(rows[k], rows[i])]
    return combine([row[size:] for row in rows], right)


# Section 3: areas, blocks and windows.

class Area:
    def __init__(self, start, end, blocks, log2, run, data, parity):
        self.start, self.end, self.blocks = start, end, blocks
        self.block, self.run, self.data, self.parity = 1 << log2, run, data, parity
        if not (6 <= log2 <= 16 and run and data and data % run == 0 and parity
                and data + power_of_two(parity) <= 2048):
            raise Refused("Malformed")
        used = ceil(end - start, self.block) if end > start else 0
        if not (0 < used <= blocks <= 2 * used) or start + blocks * self.block >= 1 << 64:
            raise Refused("Malformed")
        runs = ceil(blocks, run)
        self.windows = ceil(runs, data // run)
        if data > 2 * ceil(runs, self.windows) * run:
            raise Refused("Malformed")
        self.table_len = 16 + 8 * (data + parity) + 8
        self.record_len = 2 * self.table_len + parity * self.block
        self.fields = (end, blocks, log2, run, data, parity)

    def place(self, b):
        """R-206"""
        r = b // self.run
        return r % self.windows, r // self.windows * self.run + b % self.run

    def window(self, w):
        """The blocks of a window that exist, by their numbers in the window."""
        found = {}
        for b in range(ceil(self.end - self.start, self.block)):
            window, i = self.place(b)
            if window == w:
                found[i] = b
        return found

    def range(self, b):
        at = self.start + b * self.block
        return at, min(at + self.block, self.end)

    def tables(self, w):
        """R-303: offsets of both tables of a window in the area's records."""
        home = (w + ceil(self.windows, 2)) % self.windows
        return w * self.record_len, home * self.record_len + self.table_len + self.parity * self.block

    def gap(self):
        """R-207"""
        n = self.parity
        if self.windows > 1:
            n = self.parity // self.run * self.windows * self.run + self.parity % self.run
        return min((n - 1) * self.block + 1, self.end - self.start)


def number(value, size):
    return value.to_bytes(size, "big")


def sound(unit):
    return len(unit) >= 8 and crc(unit[:-8]) == unit[-8:]


def trailer_at(file, end):
    """A trailer of a stream whose checksum holds and whose fields can be right (F-707)."""
    unit = file[end - 128:end] if 128 <= end <= len(file) else b""
    ok = (sound(unit) and unit[:8] == TAIL and unit[8:10] == b"\0\1" and unit[10] <= 2 and unit[11] == 0
          and unit[80:88] == bytes(8) and legal(int.from_bytes(unit[12:16], "big")))
    return unit if ok else None


def legal(header_len):
    return header_len % 64 == 0 and 256 <= header_len <= 65536


class Parity:
    """Section 5: a parity file, its directory taken from either end."""

    def __init__(self, raw):
        self.raw = raw
        count = int.from_bytes(raw[14:16], "big")
        front = self.copy(0, 184 + 24 * count) if count <= 64 else None
        length = int.from_bytes(raw[-16:-12], "big")
        back = self.copy(len(raw) - length, length) if 184 <= length <= 184 + 24 * 64 else None
        unit = front or back
        if unit is None:
            raise Refused("Destroyed" if raw[:8] == MAGIC else "NotParity")
        self.decode(unit)
        if len(raw) < self.full_len // 2:
            raise Refused("Destroyed")

    def copy(self, at, length):
        unit = self.raw[at:at + length] if at >= 0 else b""
        return unit if len(unit) == length and sound(unit) and unit[:8] == MAGIC else None

    def decode(self, unit):
        """R-105"""
        field = lambda at, size: int.from_bytes(unit[at:at + size], "big")
        if field(8, 2) != 1:
            raise Refused("Unsupported")
        count, end = field(14, 2), len(unit) - 16
        if (unit[11] > 1 or not 10 <= field(12, 2) <= 10000 or end != 168 + 24 * count
                or field(end, 4) != len(unit) or field(end + 4, 4)):
            raise Refused("Malformed")
        self.kind, self.crc, self.trailer = unit[10], unit[32:40], unit[40:168]
        if self.kind == 1:
            if trailer_at(self.trailer, 128) is None:
                raise Refused("Malformed")
        elif self.kind != 2 or self.trailer != bytes(128):
            raise Refused("Malformed")
        self.share, self.spread = field(12, 2), unit[11]
        self.file_len, self.full_len, self.areas, self.bodies = field(16, 8), field(24, 8), [], []
        start, body = 0, len(unit)
        for at in range(168, end, 24):
            if unit[at + 17]:
                raise Refused("Malformed")
            area = Area(start, field(at, 8), field(at + 8, 8), unit[at + 16], *(field(at + k, 2) for k in (18, 20, 22)))
            self.areas.append(area)
            self.bodies.append(body)
            start, body = area.end, body + area.windows * area.record_len
        if start != self.file_len or body + len(unit) != self.full_len:
            raise Refused("Malformed")

    def table(self, number_of_area, w):
        """R-302: the checksums of a window, data first."""
        area, body = self.areas[number_of_area], self.bodies[number_of_area]
        for at in area.tables(w):
            unit = self.raw[body + at:body + at + area.table_len]
            if len(unit) == area.table_len and sound(unit) and unit[:16] == number(area.start, 8) + number(w, 8):
                return [unit[k:k + 8] for k in range(16, len(unit) - 8, 8)]
        return None

    def parity_blocks(self, number_of_area, w, table):
        """The sound ones, by number."""
        area = self.areas[number_of_area]
        at = self.bodies[number_of_area] + w * area.record_len + area.table_len
        blocks = (self.raw[at + i * area.block:at + (i + 1) * area.block] for i in range(area.parity))
        return {i: b for i, b in enumerate(blocks) if len(b) == area.block and crc(b) == table[area.data + i]}


def header_at(file, at):
    """A header of a stream whose checksum holds."""
    length = int.from_bytes(file[at + 80:at + 84], "big")
    unit = file[at:at + length] if at >= 0 and legal(length) else b""
    return unit if len(unit) == length and sound(unit) and unit[:8] == HEAD else None


def judge(file, parity):
    """R-402 to R-406: a file that is another one, or was changed on purpose."""
    at_end, at_named = trailer_at(file, len(file)), trailer_at(file, parity.file_len)
    if parity.kind == 2:
        if len(file) > parity.file_len or at_end or at_named:
            raise Refused("Stale")
        return
    for found in (at_end, at_named):
        if found is not None and found != parity.trailer:
            raise Refused("Stale")
    if len(file) > parity.file_len and at_end and not at_named:
        raise Refused("Stale")
    field = lambda at, size: int.from_bytes(parity.trailer[at:at + size], "big")
    digest, n = (32 if parity.trailer[10] else 0), field(24, 8)
    copy = parity.file_len - 128 - 32 * ceil(n, 1024) - n * (32 + digest) - field(12, 4)
    for at in (0, copy):
        unit = header_at(file, at)
        if unit is not None and int.from_bytes(unit[88:96], "big") > field(72, 8):
            raise Refused("Stale")


def repair(file, parity):
    """The file as it was, and how many of its blocks were lost (section 8)."""
    judge(file, parity)
    one_file(parity)
    out, lost_blocks = bytearray(file[:parity.file_len].ljust(parity.file_len, b"\0")), 0
    hopeless = False
    for k, area in enumerate(parity.areas):
        for w in range(area.windows):
            table = parity.table(k, w)
            if table is None:
                hopeless = True
                continue
            present, data, lost = area.window(w), [bytes(area.block)] * area.data, []
            for i, b in present.items():
                at, end = area.range(b)
                block = file[at:end]
                if len(block) == end - at and crc(block) == table[i]:
                    data[i] = block.ljust(area.block, b"\0")
                else:
                    lost.append(i)
            lost_blocks += len(lost)
            if not lost:
                continue
            blocks = parity.parity_blocks(k, w, table)
            if len(blocks) < len(lost):
                hopeless = True
                continue
            rows, use = matrix(area.data, area.parity), sorted(blocks)[:len(lost)]
            known = combine([rows[i] for i in use], data)
            right = [bytes(x ^ y for x, y in zip(have, blocks[i])) for have, i in zip(known, use)]
            for i, block in zip(lost, solve([[rows[p][t] for t in lost] for p in use], right)):
                at, end = area.range(present[i])
                if crc(block[:end - at]) != table[i]:
                    raise Refused("Contradiction")
                out[at:end] = block[:end - at]
    if hopeless:
        raise Refused("BeyondRepair")
    return bytes(out), lost_blocks


def one_file(parity):
    """R-605: the blocks' checksums add up to that of the file, as far as no table is lost."""
    total = bytes(8)
    for k, area in enumerate(parity.areas):
        sums = {}
        for w in range(area.windows):
            table = parity.table(k, w)
            if table is None:
                return
            sums.update({b: table[i] for i, b in area.window(w).items()})
        for b in sorted(sums):
            at, end = area.range(b)
            total = followed(total, sums[b], end - at)
    if total != parity.crc:
        raise Refused("Mixed")


def followed(first, second, size):
    """CRC of two messages one after the other."""
    register = int.from_bytes(first, "big")
    for _ in range(8 * size):
        register = register >> 1 ^ (0x9a6c9329ac4bc9b5 if register & 1 else 0)
    return (register ^ int.from_bytes(second, "big")).to_bytes(8, "big")


def make(file, areas, share, spread):
    """Section 7: the parity file of these bytes, in these areas."""
    trailer = trailer_at(file, len(file))
    bodies = []
    for area in areas:
        body = bytearray(area.windows * area.record_len)
        rows = matrix(area.data, area.parity)
        for w in range(area.windows):
            data, sums = [bytes(area.block)] * area.data, [bytes(8)] * area.data
            for i, b in area.window(w).items():
                at, end = area.range(b)
                data[i], sums[i] = file[at:end].ljust(area.block, b"\0"), crc(file[at:end])
            blocks = combine(rows, data)
            table = number(area.start, 8) + number(w, 8) + b"".join(sums) + b"".join(map(crc, blocks))
            table += crc(table)
            for at in area.tables(w):
                body[at:at + len(table)] = table
            at = w * area.record_len + area.table_len
            body[at:at + area.parity * area.block] = b"".join(blocks)
        bodies.append(bytes(body))
    length = 184 + 24 * len(areas)
    unit = MAGIC + number(1, 2) + bytes([1 if trailer else 2, spread]) + number(share, 2) + number(len(areas), 2)
    unit += number(len(file), 8) + number(2 * length + sum(map(len, bodies)), 8)
    unit += crc(file) + (trailer or bytes(128))
    for area in areas:
        end, blocks, log2, run, data, parity = area.fields
        unit += number(end, 8) + number(blocks, 8) + bytes([log2, 0]) + number(run, 2) + number(data, 2) + number(parity, 2)
    unit += number(length, 4) + bytes(4)
    unit += crc(unit)
    return unit + b"".join(bodies) + unit


def damaged(content, edits):
    content = bytearray(content)
    if "len" in edits:
        content = content[:edits["len"]].ljust(edits["len"], b"\xa5")
    for at, length, mask in edits.get("xor", []):
        for k in range(at, at + length):
            content[k] ^= mask
    return bytes(content)


def self_test():
    path = pathlib.Path(__file__).resolve().parent / "parity.json"
    done = 0
    for vector in json.loads(path.read_text())["vectors"]:
        file, raw = bytes.fromhex(vector["file"]), bytes.fromhex(vector["parity"])
        parity = Parity(raw)
        assert make(file, parity.areas, parity.share, parity.spread) == raw, vector["name"]
        assert [area.gap() for area in parity.areas] == vector["gaps"], vector["name"]
        for case in vector["cases"]:
            try:
                bad = damaged(bytes.fromhex(case["instead"]) if "instead" in case else file, case.get("file", {}))
                other = bytes.fromhex(case["parity_instead"]) if "parity_instead" in case else raw
                found, lost = repair(bad, Parity(damaged(other, case.get("parity", {}))))
                verdict = "repaired" if found == file else "other bytes"
                assert lost == case["lost"], (vector["name"], case["name"], lost)
            except Refused as refused:
                verdict = str(refused)
            assert verdict == case["verdict"], (vector["name"], case["name"], verdict)
            done += 1
    print(f"parity: {done} cases of damage, and every parity file made again byte for byte")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    parser.add_argument("parity", nargs="?", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path)
    args = parser.parse_args()
    if args.self_test:
        return self_test()
    if args.file is None:
        parser.error("name a file")
    beside = args.parity or args.file.with_name(args.file.name + ".par")
    try:
        found, lost = repair(args.file.read_bytes(), Parity(beside.read_bytes()))
    except Refused as refused:
        sys.exit(f"parity.py: {refused}, nothing was written")
    print(f"{lost} blocks lost, all of which can be computed; checksums agree, nothing is authenticated")
    if args.output:
        with open(args.output, "xb") as out:
            out.write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())

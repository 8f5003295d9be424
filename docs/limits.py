#!/usr/bin/env python3
"""Recomputes every figure in the generated tables of docs/format.md, docs/parity.md and docs/scale.md.

limits.py                      prints the tables
limits.py --check FORMAT.md    fails where a table in the file is not what is computed here
limits.py --update FORMAT.md   writes the tables into the file; parity.md and scale.md have tables of their own
"""
import argparse
import sys
from fractions import Fraction
from math import log2
from pathlib import Path

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
FRAME, SEGMENT, HEADER = 64 * KIB, 4 * MIB, 1024
MAX_PLAINTEXT, MAX_SEGMENTS, PAGE = 2**56, 2**32, 1024


def ceil_div(a, b):
    return -(-a // b)


def stream_len(p, frame=FRAME, segment=SEGMENT, header=HEADER, digest=0):
    """Section 2.3, forward, summed part by part and not by the closed form."""
    n = ceil_div(p, segment)
    full, rest = divmod(p, segment)

    def wire(q):
        return 64 + q + 32 * ceil_div(q, frame) + digest + 8

    segments = full * wire(segment) + (wire(rest) if rest else 0)
    return header + segments + header + n * (32 + digest) + 32 * ceil_div(n, PAGE) + 128


def closed_form(p, frame=FRAME, segment=SEGMENT, header=HEADER, digest=0):
    return (2 * header + 128 + p + 32 * ceil_div(p, frame)
            + (104 + 2 * digest) * ceil_div(p, segment) + 32 * ceil_div(p, PAGE * segment))


def plaintext_len(total, frame=FRAME, segment=SEGMENT, header=HEADER, digest=0):
    """Section 2.3, inverse; None where no plaintext has this stream length."""
    wf = frame + 32
    ws = segment // frame * wf + 104 + 2 * digest
    wp = PAGE * ws + 32
    x = total - 2 * header - 128
    if x <= 0:
        return 0 if x == 0 else None
    g, r = (x - 1) // wp, x - (x - 1) // wp * wp - 32
    if r < 1:
        return None
    s, r = (r - 1) // ws, r - (r - 1) // ws * ws - (104 + 2 * digest)
    if r < 1:
        return None
    f, r = (r - 1) // wf, r - (r - 1) // wf * wf - 32
    if r < 1:
        return None
    p = g * PAGE * segment + s * segment + f * frame + r
    fits = p <= min(MAX_PLAINTEXT, segment * MAX_SEGMENTS)
    return p if fits and closed_form(p, frame, segment, header, digest) == total else None


def place(x, frame=FRAME, segment=SEGMENT, header=HEADER, digest=0):
    """Section 2.4: segment, frame, byte in frame, wire offset of plaintext byte x."""
    i, j, z = x // segment, x % segment // frame, x % frame
    wire = 72 + digest + segment + 32 * (segment // frame)
    return i, j, z, header + i * wire + 64 + j * (frame + 32) + 8 + z


def size_name(b):
    for unit, name in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if b >= unit and b % unit == 0:
            return f"{b // unit} {name}"
    return f"{b} B"


def power(x):
    """A probability or count as a power of two with one decimal."""
    x = Fraction(x)
    return f"2^{log2(x.numerator) - log2(x.denominator):.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]


def sizes():
    rows = []
    for name, p in (("0", 0), ("1", 1), ("F", FRAME), ("F + 1", FRAME + 1), ("S", SEGMENT),
                    ("S + 1", SEGMENT + 1), ("3 GiB", 3 * GIB), ("1 TiB", TIB)):
        n = ceil_div(p, SEGMENT)
        total = stream_len(p)
        body = HEADER + p + 32 * ceil_div(p, FRAME) + 72 * n
        assert total == closed_form(p) and plaintext_len(total) == p
        rows.append((name, p, n, ceil_div(p, FRAME), ceil_div(n, PAGE), body, total - 128, total))
    out = table(("plaintext", "P", "segments", "frames", "pages", "tail begins at", "trailer at", "N"), rows)
    places = [(x, *place(x)) for x in (0, FRAME - 1, FRAME, SEGMENT - 1, SEGMENT, 3 * GIB - 1, TIB - 1)]
    out += [""] + table(("plaintext offset", "segment", "frame", "byte in frame", "wire offset"), places)
    below, empty = [], stream_len(0)
    for what, lo, hi in (("below the empty stream", 0, empty - 1),
                         ("between 0 and 1 byte", empty + 1, stream_len(1) - 1),
                         ("between F and F + 1", stream_len(FRAME) + 1, stream_len(FRAME + 1) - 1),
                         ("between S and S + 1", stream_len(SEGMENT) + 1, stream_len(SEGMENT + 1) - 1),
                         ("between 1024 S and 1024 S + 1", stream_len(PAGE * SEGMENT) + 1,
                          stream_len(PAGE * SEGMENT + 1) - 1)):
        assert plaintext_len(lo) is None and plaintext_len(hi) is None
        below.append((what, lo, hi, hi - lo + 1))
    return out + [""] + table(("impossible stream lengths", "from", "to", "how many"), below)


def blocks(segment, frame):
    """Cipher blocks under one AES-GCM key: data, one for each tag, one for the hash key."""
    return segment // 16 + segment // frame + 1


def advantage(b):
    return Fraction(b * b, 2**129)


def limits():
    out = ["Confidentiality of AES-256-GCM: B blocks for each key, advantage B^2/2^129 for one key, and summed over all "
           "keys that 2^60 bytes take.", ""]
    rows = []
    for segment, frame in ((SEGMENT, 256), (SEGMENT, FRAME), (GIB, FRAME), (GIB, MIB)):
        b = blocks(segment, frame)
        keys = 2**60 // segment
        rows.append((size_name(segment), size_name(frame), b, power(b), power(advantage(b)),
                     power(keys), power(keys * advantage(b))))
    out += table(("segment", "frame", "B", "B as a power", "one key", "keys in 2^60 bytes", "all keys"), rows)
    out += ["", "Collision of two salts among q attempts to write a segment of one stream, q(q - 1)/2^193, "
            "and of two derived 352-bit key and nonce pairs, q(q - 1)/2^353.", ""]
    out += table(("q", "salts", "key and nonce"),
                 [(f"2^{e}", power(Fraction(2**e * (2**e - 1), 2**193)),
                   power(Fraction(2**e * (2**e - 1), 2**353))) for e in (32, 48, 60)])
    out += ["", "Forgery of one frame in v tries, L = F/16: AES-256-GCM 2v(L + 1)/2^128, "
            "ChaCha20-Poly1305 v(L + 1)/2^103.", ""]
    rows = []
    for frame in (FRAME, MIB):
        for e in (40, 50, 60):
            blk = frame // 16 + 1
            rows.append((size_name(frame), f"2^{e}", power(Fraction(2 * 2**e * blk, 2**128)),
                         power(Fraction(2**e * blk, 2**103))))
    out += table(("frame", "v", "AES-256-GCM", "ChaCha20-Poly1305"), rows)
    out += ["", "Tries v that keep a forgery at or below 2^-40.", ""]
    rows = []
    for frame in (FRAME, MIB):
        blk = frame // 16 + 1
        rows.append((size_name(frame), power(Fraction(2**128, 2**40 * 2 * blk)),
                     power(Fraction(2**103, 2**40 * blk))))
    out += table(("frame", "AES-256-GCM", "ChaCha20-Poly1305"), rows)
    out += ["", "Key commitment, fingerprint and digests: a collision among q values of 256 bits, q(q - 1)/2^257.", ""]
    out += table(("q", "probability"),
                 [(f"2^{e}", power(Fraction(2**e * (2**e - 1), 2**257))) for e in (64, 96, 112)])
    out += ["", "Search for one of many 256-bit segment keys, m keys and t trial decryptions, m*t/2^256.", ""]
    out += table(("m", "t", "probability"), [("2^64", "2^128", power(Fraction(2**192, 2**256)))])
    out += ["", "Marginal overhead on the wire, and the index that a writer holds for each TiB.", ""]
    rows = []
    for segment, frame, digest in ((SEGMENT, FRAME, 0), (SEGMENT, FRAME, 32), (GIB, FRAME, 0), (GIB, MIB, 0),
                                   (64 * KIB, 4 * KIB, 0), (256, 256, 0)):
        per_page = PAGE * (32 * (segment // frame) + 104 + 2 * digest) + 32
        share = 100 * per_page / (PAGE * segment)
        rows.append((size_name(segment), size_name(frame), digest, f"{share:.4f} %",
                     f"{TIB // segment * (32 + digest)} B"))
    out += table(("segment", "frame", "D", "overhead", "index for each TiB"), rows)
    out += ["", "Extremes.", ""]
    smallest = dict(frame=256, segment=256, header=256)
    out += table(("what", "value"), [
        ("shortest stream, header_len 256, empty", stream_len(0, **smallest)),
        ("empty stream at the default header_len", stream_len(0)),
        ("longest plaintext, S = 4 MiB", size_name(min(MAX_PLAINTEXT, SEGMENT * MAX_SEGMENTS))),
        ("longest plaintext, S = 256 B", size_name(min(MAX_PLAINTEXT, 256 * MAX_SEGMENTS))),
        ("longest stream of all: S = 16 MiB, F = 1 KiB, D = 32, header_len 65536, P = 2^56",
         closed_form(2**56, KIB, 16 * MIB, 65536, 32)),
        ("index of the largest stream, 2^32 segments, D = 32", size_name(MAX_SEGMENTS * 64)),
    ])
    return out


def code_len(data, parity):
    """Data and parity of a window, parity rounded up to a power of two (R-203)."""
    return data + (1 << (parity - 1).bit_length())


def parity_for(data, share):
    return max(2, ceil_div(data * share, 10_000))


def window_geometry(length, share, spread=True):
    """What a writer takes: block length, blocks, run, data and parity of a window."""
    longest = max(k for k in range(1, 2048) if code_len(k, parity_for(k, share)) <= 2048)
    log2 = next((b for b in range(12, 17) if ceil_div(length, 1 << b) <= longest), 16)
    blocks = ceil_div(length, 1 << log2)
    windows = ceil_div(blocks, longest)
    while True:
        even = ceil_div(blocks, windows)
        run = max(1, parity_for(even, share) // 3) if spread and windows > 1 else even
        data = ceil_div(ceil_div(blocks, run), windows) * run
        if code_len(data, parity_for(data, share)) <= 2048:
            return 1 << log2, blocks, run, data, parity_for(data, share)
        windows += 1


def window_count(blocks, run, data):
    return ceil_div(ceil_div(blocks, run), data // run)


def gap(length, block, blocks, run, data, parity):
    """R-207: the longest gap that is filled wherever it begins."""
    windows = window_count(blocks, run, data)
    neighbours = parity if windows == 1 else parity // run * windows * run + parity % run
    return min((neighbours - 1) * block + 1, length)


def parity_file_len(block, blocks, run, data, parity):
    tables = 2 * (16 + 8 * (data + parity) + 8)
    return 2 * (184 + 24) + window_count(blocks, run, data) * (tables + parity * block)


def promise():
    rows = []
    for length, share in ((MIB, 500), (100 * MIB, 500), (GIB, 500), (TIB, 100), (TIB, 500), (TIB, 1000),
                          (6 * TIB + 307 * GIB, 500)):
        block, blocks, run, data, parity = window_geometry(length, share)
        filled = gap(length, block, blocks, run, data, parity)
        size = parity_file_len(block, blocks, run, data, parity)
        rows.append((size_name(length), f"{share / 100:g} %", size_name(block),
                     window_count(blocks, run, data), f"{data} + {parity}", f"any {parity}",
                     f"{filled} B ({100 * filled / length:.2f} %)", f"{size} B ({100 * size / length:.2f} %)"))
    return table(("file", "parity", "block", "windows", "blocks of a window", "lost blocks of each window",
                  "or one gap of", "parity file"), rows)


def check_gap():
    """The gap by trying every place of it, for small areas of every shape."""
    for blocks in range(1, 40):
        for run in range(1, 5):
            for runs in range(1, 5):
                for parity in range(1, 9):
                    data, block = run * runs, 4
                    length, windows = blocks * block - 1, window_count(blocks, run, data)
                    filled = gap(length, block, blocks, run, data, parity)
                    window_of = [b // run % windows for b in range(blocks)]
                    for start in range(length - filled + 1):
                        hit = window_of[start // block:(start + filled - 1) // block + 1]
                        assert max(hit.count(w) for w in set(hit)) <= parity, (blocks, run, runs, parity, start)


MAX_INDEX = 64 * MIB
S3_LEAST, S3_MOST, S3_PARTS, WANTED = 5 * MIB, 5 * GIB, 10_000, 64 * MIB
# Of a receipt before and behind its entries, with an ETag in quotes.
RECEIPT_HEAD, RECEIPT_MAC, ETAG = 48, 32, 34


def parts_of(plaintext, digest=0, wanted=WANTED):
    """Segment size, segments in a part, parts, and bytes of part 1, by S3's rules."""
    segment = SEGMENT
    while ceil_div(plaintext, segment) * (32 + digest) > MAX_INDEX:
        segment *= 2
    segments = ceil_div(plaintext, segment)
    full = 72 + digest + segment + 32 * (segment // FRAME)
    per_part = max(wanted // full, ceil_div(S3_LEAST, full), ceil_div(segments, S3_PARTS - 1), 1)
    parts = ceil_div(segments, per_part)
    last = stream_len(plaintext - (parts - 1) * per_part * segment, FRAME, segment, 0, digest)
    last -= (segments - (parts - 1) * per_part) * (32 + digest) + 128
    last -= 32 * ceil_div(segments - (parts - 1) * per_part, PAGE)
    if parts > 1 and last < S3_LEAST:
        parts -= 1
    return segment, per_part, parts, HEADER + min(per_part, segments) * full


def scale():
    rows = []
    for name, size in (("1 GiB", GIB), ("100 GiB", 100 * GIB), ("1 TiB", TIB), ("10 TiB", 10 * TIB),
                       ("48 TiB", 48 * TIB)):
        for digest in (0, 32):
            segment, per_part, parts, first = parts_of(size, digest)
            segments = ceil_div(size, segment)
            index = segments * (32 + digest)
            assert index <= MAX_INDEX and parts < S3_PARTS and S3_LEAST <= first <= S3_MOST
            receipts = index + parts * (RECEIPT_HEAD + RECEIPT_MAC + ETAG)
            rows.append((name, "SHA-256" if digest else "none", size_name(segment), f"{segments:,}", f"{parts:,}",
                         f"{first:,}", f"{index:,}", f"{receipts:,}", f"{receipts // parts:,}"))
    return table(("plaintext", "digest", "segment", "segments", "parts", "bytes of part 1", "bytes of the index",
                  "bytes of all receipts", "bytes of a receipt"), rows)


# What the model of docs/scale.md takes: seconds of plan, of reading, sealing and storing a part of 64 MiB,
# and of what the driver does for each segment at the end.
PLAN, READ, SEAL, STORE, ENTRY = 0.001, 0.67, 0.41, 0.67, 25e-6


def model():
    rows = []
    for name, size in (("10 GiB", 10 * GIB), ("1 TiB", TIB), ("48 TiB", 48 * TIB)):
        segment, per_part, parts, _ = parts_of(size)
        segments = ceil_div(size, segment)
        part = (READ + SEAL + STORE) * per_part * segment / (64 * MIB)
        row = [name, f"{parts:,}", f"{part:.1f}", f"{segments * ENTRY:.1f}"]
        for machines in (1, 10, 100, 1000):
            seconds = PLAN + ceil_div(parts, machines) * part + segments * ENTRY
            row.append(f"{seconds:,.0f} ({100 * parts * part / machines / seconds:.0f} %)")
        rows.append(row)
    return table(("plaintext", "parts", "seconds of a part", "seconds of the end", "1 machine", "10", "100", "1,000"), rows)


def self_test():
    check_gap()
    for frame, segment, digest in ((256, 256, 0), (256, 1024, 32), (512, 1024, 0)):
        args = dict(frame=frame, segment=segment, header=256, digest=digest)
        possible = {stream_len(p, **args): p for p in range(4 * segment)}
        for total in range(max(possible) + 1):
            assert plaintext_len(total, **args) == possible.get(total), (args, total)
        for p in (PAGE * segment - 1, PAGE * segment, PAGE * segment + 1, 3 * PAGE * segment + segment + 1):
            total = stream_len(p, **args)
            assert total == closed_form(p, **args) and plaintext_len(total, **args) == p


def splice(text, name, lines):
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"limits.py: the markers {begin} and {end} must each occur once")
    head, rest = text.split(begin)
    return head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path)
    parser.add_argument("--update", type=Path)
    args = parser.parse_args()
    self_test()
    path = args.check or args.update
    own = {"parity.md": [promise], "scale.md": [scale, model]}
    names = own.get(path.name if path else None, [sizes, limits])
    blocks_of = {name.__name__: name() for name in (names if path else [*names, *own["parity.md"], *own["scale.md"]])}
    if path is None:
        print("\n\n".join("\n".join(lines) for lines in blocks_of.values()))
        return
    text = new = path.read_text(encoding="ascii")
    for name, lines in blocks_of.items():
        new = splice(new, name, lines)
    if args.update:
        path.write_text(new, encoding="ascii")
    elif new != text:
        pairs = zip(text.splitlines(), new.splitlines())
        wrong = next(((a, b) for a, b in pairs if a != b), ("(shorter or longer)", ""))
        sys.exit(f"limits.py: {path} differs from what is computed\n  printed:  {wrong[0]}\n  computed: {wrong[1]}")
    else:
        print(f"{path}: all figures are as computed")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT OR Apache-2.0
"""The accumulated test of README.md: cases drawn from SHA-256, each written, damaged and read, and one hash over all.

Run `python accumulated.py` to compare with accumulated.json, or with a number to see the line of that case.
"""
import hashlib, json, pathlib, sys
import reference as r
import runner

TRAILER_FIELDS = ((8, 2), (10, 1), (12, 4), (16, 8), (24, 8), (32, 8), (40, 32), (72, 8), (80, 8))
HEADER_FIELDS = ((8, 2), (10, 1), (11, 1), (12, 1), (13, 1), (14, 2), (80, 4), (84, 4), (88, 8), (96, 2), (98, 4), (-41, 1))


class Draw:
    """The numbers and bytes of one case, in order."""
    def __init__(self, case):
        self.case, self.block, self.left = case, 0, b""

    def take(self, size):
        while len(self.left) < size:
            self.left += r.sha256(b"stream_v2 accumulated" + r.b(self.case, 8) + r.b(self.block, 8))
            self.block += 1
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def pick(self, below):
        return int.from_bytes(self.take(8), "big") % below


class Case:
    """Everything that a case draws before its damage."""
    def __init__(self, number):
        self.number, self.draw = number, Draw(number)
        take, pick = self.draw.take, self.draw.pick
        self.key, self.stream_salt, self.metadata_salt = take(32), take(32), take(24)
        self.suite, self.digest, frame_log2, frames_log2 = 1 + pick(2), pick(3), 8 + pick(3), pick(4)
        if number % 500 == 499:                                         # more than one page of the index
            frame_log2, frames_log2, P = 8, 0, 262144 + pick(1024)
        else:
            F, S = 1 << frame_log2, 1 << frame_log2 + frames_log2
            shape = pick(3)
            P = max(0, F * pick(9) + pick(3) - 1) if shape == 0 else max(0, S * pick(4) + pick(3) - 1) if shape == 1 else pick(4096)
        self.plaintext = bytes((x + number) % 251 for x in range(251)) * (P // 251 + 1)
        self.plaintext = self.plaintext[:P]
        self.context = take(pick(40)) if pick(2) == 0 else b""
        slots = pick(4) if pick(3) == 0 else 0
        self.sections = [(1, r.b(2 + pick(65534), 2) + take(pick(50))) for _ in range(slots)]
        self.metadata = b'{"name":"case-%d","user":{"x":"%s"}}' % (number, b"y" * pick(100)) if pick(3) == 0 else None
        bodies = [len(body) for _, body in self.sections]
        bodies += [24 + r.ceil(len(self.metadata), 64) * 64 + 16] if self.metadata else []
        need = r.ceil(96 + 40 + sum(6 + size for size in bodies), 64) * 64
        self.header_len = None if pick(2) == 0 else max(256, need) + 64 * pick(3)
        # F-307: slots as small as these leave room for four more in 4096 bytes.
        natural = max(4096 if slots else 1024, need)
        self.geo = r.Geometry(frame_log2, frames_log2, self.digest, self.header_len or natural)

    def write(self, attempt=b""):
        def salt(i):
            return r.sha256(self.stream_salt + r.b(i, 8) + attempt)[:24]
        g = self.geo
        return r.encrypt(self.key, self.plaintext, suite=self.suite, digest=self.digest, frame_log2=g.frame_log2, frames_log2=g.frames_log2,
                         context=self.context, slotted=bool(self.sections), sections=self.sections, metadata=self.metadata,
                         metadata_salt=self.metadata_salt, header_len=self.header_len, stream_salt=self.stream_salt, salts=salt)


def changed(draw, bytes_at, at, size):
    """The field at this place as zeros, as ones, or one more than it was."""
    value = draw.pick(3)
    old = r.u(bytes_at, at, size)
    return r.b((0, (1 << 8 * size) - 1, (old + 1) % (1 << 8 * size))[value], size)


def put(stream, at, new):
    return stream[:at] + new + stream[at + len(new):]


def flipped(draw, stream, at):
    return put(stream, at, bytes([stream[at] ^ 1 << draw.pick(8)]))


def frames(g, P):
    """Offset and length of every frame."""
    for i in range(g.segments(P)):
        p = min(g.S, P - i * g.S)
        for j in range(r.ceil(p, g.F)):
            yield g.frame_at(i, j), min(g.F, p - j * g.F) + 32


def units(g, P):
    """Offset and length of every unit that has a CRC of its own but footers, in the order of the stream."""
    headers = [(g.segment_at(i), 64) for i in range(g.segments(P))]
    yield from sorted([(0, g.H), *headers, *frames(g, P), (g.tail(P), g.H), (g.total(P) - 128, 128)])


def damaged(case, stream):
    """The stream after its damage, and the key and context that the reader is given."""
    draw, g, P, N = case.draw, case.geo, len(case.plaintext), len(stream)
    key, context, kind = case.key, case.context, case.draw.pick(16)
    if kind == 5:
        stream = flipped(draw, stream, draw.pick(N))
    elif kind == 6:
        all_units = list(units(g, P))
        at, size = all_units[draw.pick(len(all_units))]
        stream = flipped(draw, stream, at + draw.pick(size - 8))
        stream = put(stream, at + size - 8, r.crc(stream[at:at + size - 8]))
    elif kind == 7:
        stream = stream[:draw.pick(N)]
    elif kind == 8:
        at = draw.pick(N)
        stream = stream[:at] + stream[at + 1 + draw.pick(600):]
    elif kind == 9:
        at = draw.pick(N + 1)
        stream = stream[:at] + draw.take(1 + draw.pick(100)) + stream[at:]
    elif kind == 10:
        stream += draw.take(1 + draw.pick(200))
    elif kind == 11 and P:
        every = list(frames(g, P))
        (a, size), (b, other) = every[draw.pick(len(every))], every[draw.pick(len(every))]
        if size == other:
            stream = put(put(stream, a, stream[b:b + size]), b, stream[a:a + size])
    elif kind == 12 and P:
        i = draw.pick(g.segments(P))
        start, stop = g.segment_at(i), min(g.segment_at(i + 1), g.tail(P))
        stream = put(stream, start, case.write(b"\1")[start:stop])
    elif kind == 13:
        at, size = TRAILER_FIELDS[draw.pick(9)]
        t = put(stream[-128:-40], at, changed(draw, stream[-128:], at, size))
        t += r.mac(r.schedule(key, stream[:48], context).seal, t)
        stream = stream[:-128] + t + r.crc(t)
    elif kind == 14:
        at, size = HEADER_FIELDS[draw.pick(12)]
        at = at % g.H
        h = put(stream[:g.H], at, changed(draw, stream, at, size))
        k = r.schedule(key, h[:48], context)
        h = put(h, 48, k.commitment)[:-40]
        h += r.mac(k.header, h)
        h += r.crc(h)
        where = draw.pick(3)
        stream = stream if where == 1 else put(stream, 0, h)
        stream = stream if where == 0 else put(stream, g.tail(P), h)
    elif kind == 15:
        if draw.pick(2) == 0:
            key = key[:31] + bytes([key[31] ^ 1])
        else:
            context += b"\0"
    return stream, key, context


def failed(error):
    named = [str(error.fields[name]) for name in ("unit", "segment", "frame") if name in error.fields]
    binding = error.name in ("AuthenticationFailed", "ChecksumMismatch") and error.fields["unit"] in ("segment", "frame")
    return f"{error.name};{' '.join(named)};{error.fields['offset'] if binding else '-'}"


def outcome(case, stream, key, context):
    """The mode and how it ends."""
    draw, P, info = case.draw, len(case.plaintext), {}
    mode = ("pipe", "pipe", "pipe", "seekable", "seekable", "range", "metadata", "scrub")[draw.pick(8)]
    try:
        if mode == "metadata":
            text = r.read_metadata(key, context, stream)
            return f"{mode} ok {'-' if text is None else r.sha256(text.encode()).hex()}"
        if mode == "scrub":
            listed = [" ".join(str(d[name]) for name in ("unit", "segment", "frame") if name in d) for d in runner.scrub(stream)]
            return f"{mode} ok {';'.join(listed) or '-'}"
    except r.StreamError as error:
        return f"{mode} {failed(error)}"
    if mode == "range":
        released, error = r.read_range(key, context, stream, draw.pick(P + 10), draw.pick(2 * case.geo.F + 10), info=info)
    else:
        released, error = {"pipe": r.decrypt_pipe, "seekable": r.decrypt_seekable}[mode](key, context, stream, info=info)
    amount = f"{len(released)} {r.sha256(released).hex()}"
    if error:
        return f"{mode} {failed(error)}{' ' + amount if mode == 'pipe' else ''}"
    return f"{mode} ok {amount} {info['fingerprint']} {info['revision']} {info['generation']}"


def line(number):
    case = Case(number)
    stream = case.write()
    return f"{number} {len(stream)} {r.sha256(stream).hex()} {outcome(case, *damaged(case, stream))}\n"


def hashes(counts):
    """The hash after each of these numbers of cases, which ascend."""
    found, total = [], bytes(32)
    for number in range(counts[-1]):
        total = r.sha256(total + line(number).encode())
        if number + 1 in counts:
            found.append(total.hex())
    return found


def main(arguments):
    if arguments:
        sys.stdout.write(line(int(arguments[0])))
        return 0
    listed = json.loads(pathlib.Path(__file__).with_name("accumulated.json").read_text())["checkpoints"]
    wrong = [c["cases"] for c, found in zip(listed, hashes([c["cases"] for c in listed])) if c["hash"] != found]
    print(f"the hash differs after {wrong[0]} cases" if wrong else f"{listed[-1]['cases']} cases, all hashes as listed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

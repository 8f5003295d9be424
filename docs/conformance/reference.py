#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""stream_v2, version 1: a reader and writer made from format.md alone.

It aims at being easy to check against the text, not at speed or at the erasure of secrets.
It takes salts as arguments, which F-511 allows only to a hook for tests and vectors: do not encrypt real data with it.
Run `reference.py` for the line protocol of README.md, which is in runner.py together with scrub, or `reference.py --self-test`.
"""
import contextlib, hashlib, hmac, io, os, sys
from dataclasses import dataclass
from types import SimpleNamespace
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from crc64 import crc
from metadata import acceptable
from slots import structure_fault
try:
    from blake3 import blake3
except ImportError:
    blake3 = None

MAGIC, SEGMENT, TRAILER = b"\x89SV2\r\n\x1a\n", b"SV2S", b"SV2TAIL\n"
PAGE, MAX_HEADER, MAX_SEGMENTS = 1024, 65536, 1 << 32
NAMES_UNIT = {"Unsupported", "Malformed", "AuthenticationFailed", "ChecksumMismatch"}
REPLACED = {"Malformed", "Unsupported", "Limit", "NoKeyFits", "WrongKeyOrContext", "AuthenticationFailed", "StaleHeader"}


class StreamError(Exception):
    """An error of section 9: a name, and the place and cause as keywords."""
    def __init__(self, name, **fields):
        super().__init__(name, fields)
        self.name = name
        self.fields = {k: v for k, v in fields.items() if v is not None and (k != "unit" or name in NAMES_UNIT)}


def u(data, at, size):
    return int.from_bytes(data[at:at + size], "big")


def b(value, size):
    return value.to_bytes(size, "big")


def ceil(x, y):
    return -(-x // y)


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def crc_holds(unit):
    return crc(unit[:-8]) == unit[-8:]


@contextlib.contextmanager
def explained(*units):
    """The checksum rule, 9.2: units are (bytes that end in their CRC, or None for "counts as wrong"; its place)."""
    try:
        yield
    except StreamError as e:
        if e.name in REPLACED:
            for unit, place in units:
                if unit is None or not crc_holds(unit):
                    raise StreamError("ChecksumMismatch", what="was " + e.name, **place) from None
        raise


# Geometry and lengths, section 2

@dataclass(frozen=True)
class Geometry:
    frame_log2: int
    frames_log2: int
    digest: int
    H: int

    F = property(lambda g: 1 << g.frame_log2)
    K = property(lambda g: 1 << g.frames_log2)
    S = property(lambda g: 1 << g.frame_log2 + g.frames_log2)
    D = property(lambda g: 32 if g.digest else 0)
    E = property(lambda g: 32 + g.D)                                    # an index entry
    max_plain = property(lambda g: min(1 << 56, g.S * MAX_SEGMENTS))

    def W(g, p):
        return 72 + g.D + p + 32 * ceil(p, g.F)

    def segments(g, P):
        return ceil(P, g.S)

    def tail(g, P):
        return g.H + P + 32 * ceil(P, g.F) + (72 + g.D) * g.segments(P)

    def index(g, P):
        return g.tail(P) + g.H

    def page_table(g, P):
        return g.index(P) + g.segments(P) * g.E

    def total(g, P):
        return g.page_table(P) + 32 * ceil(g.segments(P), PAGE) + 128

    def segment_at(g, i):
        return g.H + i * g.W(g.S)

    def frame_at(g, i, j):
        return g.segment_at(i) + 64 + j * (g.F + 32)


# Keys, section 4

def expand(prk, label, extra, length):
    return HKDFExpand(SHA256(), length, b"stream_v2/1 " + label + b"\0" + extra).derive(prk)


def schedule(key, core, context):
    root = expand(key, b"root", core + sha256(context), 64)
    k = SimpleNamespace(root=root, commitment=root[:32], prk=root[32:])
    for name in ("header", "seal", "journal", "change", "segments"):
        setattr(k, name, expand(k.prk, name.encode(), b"", 32))
    return k


def segment_keys(k, head):
    both = expand(k.segments, b"segment", head[:56], 44)
    return both[:32], both[32:]


def nonce(base, j):
    return b(int.from_bytes(base, "big") ^ j, 12)


def aead(suite, key):
    return (AESGCM if suite == 1 else ChaCha20Poly1305)(key)


def hasher(digest):
    return hashlib.sha256() if digest == 1 else blake3() if digest == 2 else None


def fingerprint(header, trailer):
    return sha256(b"stream_v2/1 fingerprint\0" + header[:80] + trailer[:72])


def segment_header(i, p, salt, commitment):
    head = SEGMENT + bytes(4) + b(i, 8) + b(p, 4) + bytes(4) + salt + commitment[:8]
    return head + crc(head)


def frame_header(j, l):
    return b"\1\0" + b(j, 2) + b(l, 4)


# Header, section 3

def natural_header_len(sections, slotted):
    """F-307: a header that is full stays full, so slots come with room for more of them."""
    need = 96 + sum(6 + len(body) for _, body in sections) + 40
    if not slotted:
        return max(1024, ceil(need, 64) * 64)
    largest = max((6 + len(body) for kind, body in sections if kind == 1), default=0)
    return next((H for H in (4096, 8192, 16384, 32768) if H >= need + 4 * largest), MAX_HEADER)


def header_len_possible(H):
    return H % 64 == 0 and 256 <= H <= MAX_HEADER


def judge_header_len(H, unit, at):
    if H % 64 or H < 256:
        raise StreamError("Malformed", unit=unit, what="header_len", offset=at)
    if H > MAX_HEADER:
        raise StreamError("Limit", unit=unit, what="header_len", value=H, offset=at)


def judge_header(h, key=None, context=b"", at=0, max_segment=1 << 30, unit="header"):
    """F-335 in its order; without a key it stops where the key would be needed.

    key is the stream key, or a function from the slots to the keys in those that open.
    """
    def refuse(when, name, what, value=None):
        if when:
            raise StreamError(name, unit=unit, what=what, value=value, offset=at)
    suite, digest, frame_log2, frames_log2, flags, H = h[10], h[11], h[12], h[13], u(h, 14, 2), u(h, 80, 4)
    refuse(h[:8] != MAGIC, "Malformed", "magic")
    refuse(u(h, 8, 2) != 1, "Unsupported", "version")
    refuse(suite not in (1, 2), "Unsupported", "suite")
    refuse(digest > 2 or digest == 2 and blake3 is None, "Unsupported", "digest")
    refuse(frame_log2 < 8, "Malformed", "frame_log2")
    refuse(frame_log2 > 20, "Limit", "frame_log2", frame_log2)
    refuse(frames_log2 > 14, "Limit", "frames_log2", frames_log2)
    refuse(1 << frame_log2 + frames_log2 > min(max_segment, 1 << 30), "Limit", "segment size", 1 << frame_log2 + frames_log2)
    refuse(flags & ~1, "Unsupported", "flags")
    judge_header_len(H, unit, at)
    refuse(any(h[84:88]), "Malformed", "zero bytes 84 to 88")
    pos, end, slots, metadata = 96, H - 40, [], None
    while end - pos >= 6 and (kind := u(h, pos, 2)):
        size = u(h, pos + 2, 4)
        refuse(pos + 6 + size > end, "Malformed", "section length")
        refuse(2 < kind < 0x8000, "Unsupported", "section")
        refuse(kind == 2 and metadata is not None, "Malformed", "second metadata section")
        refuse(kind == 1 and not flags, "Malformed", "slot without the flag")
        refuse(kind == 1 and size < 2, "Malformed", "slot length")
        refuse(kind == 1 and len(slots) == 64, "Limit", "slots", 65)
        refuse(kind == 2 and size < 40, "Malformed", "metadata length")
        body = h[pos + 6:pos + 6 + size]
        if kind == 1:
            slots.append((u(body, 0, 2), body[2:]))
        if kind == 2:
            metadata = body
        pos += 6 + size
    refuse(any(h[pos:end]), "Malformed", "bytes after the sections")
    fault = structure_fault(slots)
    refuse(fault, "Malformed", fault)
    header = SimpleNamespace(raw=h, at=at, unit=unit, geo=Geometry(frame_log2, frames_log2, digest, H), suite=suite, metadata=metadata,
                             commitment=h[48:80], revision=u(h, 88, 8), keys=None)
    if key is not None:
        found = False
        for candidate in key(slots) if callable(key) else [key]:        # F-327, F-404
            found, keys = True, schedule(candidate, h[:48], context)
            if hmac.compare_digest(keys.commitment, h[48:80]):
                header.keys = keys
                break
        refuse(header.keys is None, "WrongKeyOrContext" if found else "NoKeyFits", None)
        refuse(not hmac.compare_digest(mac(header.keys.header, h[:H - 40]), h[H - 40:H - 8]), "AuthenticationFailed", None)
    return header


# Trailer, section 7.3, in the order of F-707

def judge_trailer_alone(t, at):
    def refuse(when, name, what):
        if when:
            raise StreamError(name, unit="trailer", what=what, offset=at)
    refuse(t[:8] != TRAILER, "Malformed", "magic")
    refuse(u(t, 8, 2) != 1, "Unsupported", "version")
    refuse(t[11] or any(t[80:88]), "Malformed", "zero bytes")
    refuse(t[10] > 2, "Unsupported", "digest")
    judge_header_len(u(t, 12, 4), "trailer", at)


def judge_seal(t, at, header):
    trailer = {"unit": "trailer", "offset": at}
    with explained((t, trailer)):
        if u(t, 12, 4) != header.geo.H or t[10] != header.geo.digest:
            raise StreamError("Malformed", what="header_len or digest unlike the header's", **trailer)
        if not hmac.compare_digest(mac(header.keys.seal, t[:88]), t[88:120]):
            raise StreamError("AuthenticationFailed", unit="seal", offset=at)
    with explained((header.raw, {"unit": header.unit, "offset": header.at})):
        if header.revision < u(t, 72, 8):
            raise StreamError("StaleHeader", what=f"{header.revision} below {u(t, 72, 8)}", offset=header.at)


def judge_lengths(t, at, geo, right):
    """The rest of the trailer; right(n, P) tells whether the stream has these lengths."""
    n, P, place = u(t, 24, 8), u(t, 32, 8), {"unit": "trailer", "offset": at}
    with explained((t, place)):
        if n > MAX_SEGMENTS or P > geo.max_plain:
            raise StreamError("Limit", what="n or P", value=max(n, P), **place)
        if n != geo.segments(P):
            raise StreamError("Malformed", what="n and P", **place)
        if not right(n, P):
            raise StreamError("Malformed", what="length of the stream", **place)
    return n, P


def index_wrong(at, what):
    return StreamError("AuthenticationFailed", unit="index", offset=at, what=what)


# Segments and frames, section 5

class Segment:
    """Key, base nonce and running digest of the segment with this header; frames go through it in order."""
    def __init__(self, header, head):
        secret, self.base = segment_keys(header.keys, head)
        self.cipher, self.running = aead(header.suite, secret), hasher(header.geo.digest)
        self._digest(head[:56])

    def _digest(self, data):                                            # F-601: no CRC enters it
        if self.running:
            self.running.update(data)

    def digest(self):
        return self.running.digest() if self.running else b""

    def seal(self, j, plain):
        frame = frame_header(j, len(plain)) + self.cipher.encrypt(nonce(self.base, j), plain, b"")
        self._digest(frame)
        return frame + crc(frame)

    def open(self, j, l, frame, place, *before):
        """The plaintext of frame j, which must hold l bytes; before are units whose CRC is judged first."""
        with explained(*before, (frame, place)):
            if frame[:8] != frame_header(j, l):
                raise StreamError("Malformed", what="frame header", **place)
            try:
                plain = self.cipher.decrypt(nonce(self.base, j), frame[8:24 + l], b"")
            except InvalidTag:
                raise StreamError("AuthenticationFailed", **place) from None
        self._digest(frame[:24 + l])
        return plain


# Pipe reader, section 8.3

def _exactly(source, size):
    parts, left = [], size
    while left and (more := source.read(left)):
        parts.append(more)
        left -= len(more)
    if left:
        raise StreamError("Unsealed")
    return b"".join(parts)


def pipe_header(take, key, context, max_segment=1 << 30):
    try:
        magic = take(8)
    except StreamError:
        magic = None
    if magic != MAGIC:
        raise StreamError("NotAStream")
    h = magic + take(88)
    possible = header_len_possible(u(h, 80, 4))
    h += take(u(h, 80, 4) - 96) if possible else b""
    with explained((h if possible else None, {"unit": "header", "offset": 0})):
        return judge_header(h, key, context, 0, max_segment)


def _pipe(key, context, source, out, info, max_segment, followed=False):
    pos = 0

    def take(size):
        nonlocal pos
        pos += size
        return _exactly(source, size)

    header = pipe_header(take, key, context, max_segment)
    g, n, P = header.geo, 0, 0
    read, listed, page, pages, table = (hashlib.sha256() for _ in range(5))
    while True:
        at, head = pos, take(64)
        if head[:4] == MAGIC[:4]:
            break
        place = {"unit": "segment", "segment": n, "offset": at}
        with explained((head, place)):
            p = u(head, 16, 4)
            for wrong, name, what in (
                    (head[:4] != SEGMENT, "Malformed", "neither segment nor tail"),
                    (n >= MAX_SEGMENTS, "Limit", "segments"),
                    (any(head[4:8]) or any(head[20:24]), "Malformed", "zero bytes"),
                    (u(head, 8, 8) != n, "Malformed", "index"),
                    (not 1 <= p <= g.S, "Malformed", "plaintext_len"),
                    (P < n * g.S, "Malformed", "segment after a short one"),
                    (P + p > g.max_plain, "Limit", "plaintext"),
                    (head[48:56] != header.commitment[:8], "AuthenticationFailed", None)):
                if wrong:
                    raise StreamError(name, what=what, **place)
        segment, plain = Segment(header, head), []
        body = take(p + 32 * ceil(p, g.F))                              # F-814: all frames are there before one is judged
        for j in range(ceil(p, g.F)):
            l, start = min(g.F, p - j * g.F), j * (g.F + 32)
            frame, where = body[start:start + l + 32], {"unit": "frame", "segment": n, "frame": j, "offset": at + 64 + start}
            plain.append(segment.open(j, l, frame, where, (head, place)))
        out += b"".join(plain)
        read.update(head[24:48] + segment.digest())
        n, P = n + 1, P + p
        take(g.D + 8)
    take(g.H - 64)
    index = pos
    for i in range(n):
        entry = take(g.E)
        listed.update(entry[:24 + g.D])
        page.update(entry)
        if i % PAGE == PAGE - 1 or i == n - 1:
            pages.update(page.digest())
            page = hashlib.sha256()
    page_table = pos
    for _ in range(ceil(n, PAGE)):
        table.update(take(32))
    at, t = pos, take(128)
    with explained((t, {"unit": "trailer", "offset": at})):
        judge_trailer_alone(t, at)
    judge_seal(t, at, header)
    judge_lengths(t, at, g, lambda *lengths: lengths == (n, P))
    if table.digest() != t[40:72]:
        raise index_wrong(page_table, "page table")
    if pages.digest() != t[40:72]:
        raise index_wrong(index, "pages")
    if read.digest() != listed.digest():
        raise index_wrong(index, "salts and digests")
    if not followed and source.read(1):
        raise StreamError("TrailingData", offset=pos)
    info.update(describe(header, t), stream_len=pos)


def describe(header, t):
    return {"fingerprint": fingerprint(header.raw, t).hex(), "revision": header.revision, "generation": u(t, 16, 8)}


# Seekable reader, sections 8.2 and 8.5

def open_seekable(key, context, data, max_segment=1 << 30, any_length=False):
    """What is checked before the page table: the trailer, the header and the lengths, for a salvage without that of the source."""
    N, front = len(data), data[:8] == MAGIC
    at = N - 128
    if at < 0 or data[at:at + 8] != TRAILER:
        raise StreamError("Unsealed" if front else "NotAStream")
    t, place = data[at:], {"unit": "trailer", "offset": at}
    with explained((t, place)):
        judge_trailer_alone(t, at)
    n, D, H = u(t, 24, 8), 32 if t[10] else 0, u(t, 12, 4)
    copy_at = at - 32 * ceil(n, PAGE) - n * (32 + D) - H

    def candidate(start):
        raw, own = data[start:start + H], u(data, start + 80, 4)
        unit = "header copy" if start else "header"
        where = {"unit": unit, "offset": start}
        if data[start:start + 8] == MAGIC:
            fits = header_len_possible(own) and start + own <= N and (start == 0 or own == H)
            if not fits:
                raise StreamError("ChecksumMismatch", what="header_len", **where)
            raw = data[start:start + own]
        with explained((raw, where)):
            header = judge_header(raw, key, context, start, max_segment, unit)
        judge_seal(t, at, header)
        return header

    usable, errors, found = [], [], []
    if callable(key):                                                   # F-328: a key that was found is tried before further slots
        opener = key

        def key(slots):
            yield from found
            for one in opener(slots):
                found.append(one)
                yield one
    for start in ([0] if front else []) + ([copy_at] if copy_at >= H else []):
        try:
            usable.append(candidate(start))
        except StreamError as e:
            errors.append(e)
    if front and usable and found and usable[0].at:                             # the reverse: the front under the copy's key
        try:
            usable.insert(0, candidate(0))
        except StreamError:
            pass
    if not usable and not errors:
        with explained((t, place)):
            raise StreamError("Malformed", what="no place for a header copy", **place)
    if not usable:
        raise errors[0]
    header = max(usable, key=lambda c: c.revision)                      # max takes the first of equals: the front
    g = header.geo
    n, P = judge_lengths(t, at, g, lambda n, P: any_length or g.total(P) == N)
    return SimpleNamespace(data=data, header=header, geo=g, t=t, n=n, P=P, table=data[g.page_table(P):at], pages={})


def open_with_table(*args):
    o = open_seekable(*args)
    if sha256(o.table) != o.t[40:72]:
        raise index_wrong(o.geo.page_table(o.P), "page table")
    return o


def index_entry(o, i):
    q, g = i // PAGE, o.geo
    if q not in o.pages:
        at = g.index(o.P) + q * PAGE * g.E
        page = o.data[at:at + min(PAGE, o.n - q * PAGE) * g.E]
        if sha256(page) != o.table[32 * q:32 * q + 32]:
            raise index_wrong(at, "page")
        o.pages[q] = page
    return o.pages[q][i % PAGE * g.E:][:g.E]


def _segment(o, i):
    """The segment under the header that follows from the sealed index (F-805)."""
    p = min(o.geo.S, o.P - i * o.geo.S)
    return p, Segment(o.header, segment_header(i, p, index_entry(o, i)[:24], o.header.commitment))


def _read_frames(o, i, p, segment, lo, hi):
    """Bytes lo to hi of segment i, frame by frame."""
    g = o.geo
    for j in range(lo // g.F, ceil(hi, g.F)):
        l, at = min(g.F, p - j * g.F), g.frame_at(i, j)
        plain = segment.open(j, l, o.data[at:at + l + 32], {"unit": "frame", "segment": i, "frame": j, "offset": at})
        yield plain[max(0, lo - j * g.F):hi - j * g.F]


def _seekable(key, context, data, out, info, max_segment):
    o = open_with_table(key, context, data, max_segment)
    for i in range(0, o.n, PAGE):
        index_entry(o, i)
    for i in range(o.n):
        p, segment = _segment(o, i)
        plain = b"".join(_read_frames(o, i, p, segment, 0, p))
        if segment.digest() != index_entry(o, i)[24:-8]:
            raise StreamError("DigestMismatch", segment=i)
        out += plain
    info.update(describe(o.header, o.t), stream_len=len(data))


def _range(key, context, data, out, info, max_segment, offset, length, trailer_now):
    o = open_with_table(key, context, data, max_segment)
    pos, end = offset, min(o.P, offset + length)
    try:
        while pos < end:
            i = pos // o.geo.S
            stop = min(end, (i + 1) * o.geo.S)
            for plain in _read_frames(o, i, *_segment(o, i), pos - i * o.geo.S, stop - i * o.geo.S):
                out += plain
            pos = stop
    except StreamError:                                                 # F-824
        if trailer_now is not None and trailer_now[:72] != o.t[:72]:
            raise StreamError("StaleIndex") from None
        raise
    info.update(describe(o.header, o.t))


def _released(work, *args, info=None, max_segment=1 << 30, **more):
    out = bytearray()
    try:
        work(*args[:3], out, {} if info is None else info, max_segment, *args[3:], **more)
    except StreamError as e:
        return bytes(out), e
    return bytes(out), None


def decrypt_pipe(key, context, data, **kw):
    return _released(_pipe, key, context, io.BytesIO(data) if isinstance(data, (bytes, bytearray)) else data, **kw)


def decrypt_seekable(key, context, data, **kw):
    return _released(_seekable, key, context, data, **kw)


def read_range(key, context, data, offset, length, trailer_now=None, **kw):
    return _released(_range, key, context, data, offset, length, trailer_now, **kw)


# Metadata, section 3.4

def read_metadata(key, context, data, piped=False):
    """The metadata of a stream as JSON text, or None where there is none."""
    try:
        if piped:
            raise StreamError("Unsealed")
        header = open_seekable(key, context, data).header
    except StreamError as e:
        if e.name != "Unsealed":
            raise
        header = front_alone(key, context, data)                        # F-340
    text = open_metadata(header)
    return None if text is None else text.rstrip(b" ").decode()


def front_alone(key, context, data):
    source = io.BytesIO(data)
    return pipe_header(lambda size: _exactly(source, size), key, context)


def open_metadata(header):
    """The text with its padding, or None where the header has none."""
    if header.metadata is None:
        return None
    both = expand(header.keys.prk, b"meta", header.metadata[:24], 44)
    try:
        text = aead(header.suite, both[:32]).decrypt(both[32:], header.metadata[24:], b"")
    except InvalidTag:
        raise StreamError("AuthenticationFailed", unit="metadata", offset=header.at) from None
    if not acceptable(text):
        raise StreamError("Malformed", unit="metadata", what="JSON", offset=header.at)
    return text


# Writer, section 10

def seal_metadata(k, suite, metadata, salt=None):
    """The body of a section of type 2 (F-330, F-341)."""
    if not acceptable(metadata):
        raise StreamError("Malformed", unit="metadata", what="JSON")
    salt = salt or os.urandom(24)
    both = expand(k.prk, b"meta", salt, 44)
    return salt + aead(suite, both[:32]).encrypt(both[32:], metadata + b" " * (-len(metadata) % 64), b"")


def seal_segments(header, plaintext, salts=None, first=0):
    """The wire bytes of segments from number first on, and their index entries; salts(i) is for tests and vectors."""
    g, out, index = header.geo, [], b""
    for i, at in enumerate(range(0, len(plaintext), g.S), first):
        plain = plaintext[at:at + g.S]
        salt = salts(i) if salts else os.urandom(24)
        head = segment_header(i, len(plain), salt, header.commitment)
        segment = Segment(header, head)
        wire = head + b"".join(segment.seal(j, plain[j * g.F:(j + 1) * g.F]) for j in range(ceil(len(plain), g.F))) + segment.digest()
        wire += crc(wire)
        out.append(wire)
        index += salt + wire[-8 - g.D:]
    return b"".join(out), index


def tail(header, index, P, generation):
    """Copy, index, page table and trailer of a stream under this header."""
    g = header.geo
    table = b"".join(sha256(index[q:q + PAGE * g.E]) for q in range(0, len(index), PAGE * g.E))
    t = TRAILER + b(1, 2) + bytes([g.digest, 0]) + b(g.H, 4) + b(generation, 8) + b(g.segments(P), 8) + b(P, 8)
    return header.raw + index + table + finish_trailer(header.keys, t + sha256(table) + b(header.revision, 8) + bytes(8))


def finish_trailer(k, t):
    t += mac(k.seal, t)
    return t + crc(t)


def encrypt(key, plaintext, *, suite=1, digest=0, frame_log2=16, frames_log2=6, stream_salt=None, salts=None, context=b"",
            header_len=None, sections=(), metadata=None, metadata_salt=None, revision=0, generation=0, slotted=False):
    """salts and the two other salts are for tests and vectors; sections are (type, body), metadata is JSON text."""
    if len(key) != 32:
        raise ValueError("a stream key has 32 bytes")
    core = MAGIC + b(1, 2) + bytes([suite, digest, frame_log2, frames_log2]) + b(int(slotted), 2) + (stream_salt or os.urandom(32))
    k = schedule(key, core, context)
    sections = list(sections)
    if metadata is not None:
        sections.append((2, seal_metadata(k, suite, metadata, metadata_salt)))
    body = b"".join(b(kind, 2) + b(len(x), 4) + x for kind, x in sections)
    need = ceil(96 + len(body) + 40, 64) * 64
    H = natural_header_len(sections, slotted) if header_len is None else header_len
    if header_len is not None:
        judge_header_len(H, "header", 80)
    if need > min(H, MAX_HEADER):
        raise StreamError("Limit", what="header_len", value=need)
    h = (core + k.commitment + b(H, 4) + bytes(4) + b(revision, 8) + body).ljust(H - 40, b"\0")
    h += mac(k.header, h)
    h += crc(h)
    header = judge_header(h, key, context)
    g, P = header.geo, len(plaintext)
    if P > g.max_plain:
        raise StreamError("Limit", what="plaintext", value=P)
    wire, index = seal_segments(header, plaintext, salts)
    return h + wire + tail(header, index, P, generation)


if __name__ == "__main__":
    sys.modules["reference"] = sys.modules["__main__"]                  # one StreamError for both files
    import runner
    sys.exit(runner.main(sys.argv[1:]))

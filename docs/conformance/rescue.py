# SPDX-License-Identifier: MIT OR Apache-2.0
"""Streams without their end, with something behind it, or damaged: sections 8.6, 8.7 with a key, and 8.9.

The salvage looks everywhere, which small streams allow; runner.py answers by it.
"""
from reference import (
    MAGIC, SEGMENT, TRAILER, Segment, StreamError, aead, b, ceil, crc_holds, decrypt_pipe, front_alone, header_len_possible,
    index_entry, judge_header, judge_trailer_alone, nonce, open_metadata, open_seekable, open_with_table, segment_header, segment_keys,
    sha256, u, PAGE)
from cryptography.exceptions import InvalidTag


def read_unsealed(key, context, data):
    """What was released, and the answer or the error of the header (F-826)."""
    info = {}
    released, error = decrypt_pipe(key, context, data, info=info)
    if error is None:
        del info["stream_len"]
        return released, None, {**info, "sealed": True}
    try:
        header = front_alone(key, context, data)
    except StreamError as e:
        return b"", e, {}
    return released, None, {"sealed": False, "revision": header.revision, "damaged_behind": error.name != "Unsealed"}


# What follows a sealed end, section 8.9

def positions(data, needle):
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def raw_header(data, at=0):
    """The bytes of a header that begins here, as far as its header_len tells."""
    H = u(data, at + 80, 4) if len(data) >= at + 96 else 0
    return data[at:at + H] if header_len_possible(H) and at + H <= len(data) else None


def sound_segment(head, tag, S):
    return (len(head) == 64 and head[:4] == SEGMENT and crc_holds(head) and not any(head[4:8]) and not any(head[20:24])
            and 1 <= u(head, 16, 4) <= S and u(head, 8, 8) < 1 << 32 and head[48:56] == tag)


def sealed_end(data):
    """Where the stream ends that a source begins with (F-839)."""
    raw = raw_header(data)
    try:
        g = judge_header(raw).geo if raw else None
    except StreamError:
        g = None
    if g is None:
        return len(data)

    def ends(N):
        t = data[max(0, N - 128):N]
        if N > len(data) or len(t) < 128:
            return False
        try:
            judge_trailer_alone(t, 0)
        except StreamError:
            return False
        n, P = u(t, 24, 8), u(t, 32, 8)
        return (t[10], u(t, 12, 4)) == (g.digest, g.H) and P <= g.max_plain and n == g.segments(P) and g.total(P) == N

    P, i = 0, 0
    while g.segment_at(i) + 64 <= len(data):
        head = data[g.segment_at(i):g.segment_at(i) + 64]
        if sound_segment(head, raw[48:56], g.S) and u(head, 8, 8) == i:
            P = i * g.S + u(head, 16, 4)
        i += 1
    if ends(g.total(P)):
        return g.total(P)
    places = [at + 128 for at in positions(data, TRAILER) if at < len(data.rstrip(b"\0")) and ends(at + 128)]
    return places[-1] if places else len(data)


# Verify, section 8.7

def verify(key, context, data, scrub_segment):
    """The damaged units by offset (F-829); scrub_segment is what a scrub finds in one segment."""
    o, damage = open_with_table(key, context, data), []
    g = o.geo
    for i in range(0, o.n, PAGE):
        index_entry(o, i)

    def note(unit, offset, what, **where):
        damage.append({"unit": unit, "offset": offset, **where, "what": what})

    def header_at(unit, at):
        here, opened = data[at:at + g.H], o.header.raw
        if here[:-8] != opened[:-8] or not crc_holds(here):
            note(unit, at, "unlike the header that opened" if here[:-8] != opened[:-8] else "checksum")
        if o.header.at == at:
            try:
                open_metadata(o.header)
            except StreamError as e:
                note("metadata", at, e.name)

    header_at("header", 0)
    for i in range(o.n):
        entry, p = index_entry(o, i), min(g.S, o.P - i * g.S)
        before, footer = len(damage), {"unit": "footer", "segment": i, "offset": g.segment_at(i) + g.W(p) - 8 - g.D}
        scrub_segment(g, o.header.commitment, data, i, p, entry, note)
        segment, shut = Segment(o.header, segment_header(i, p, entry[:24], o.header.commitment)), False
        for j in range(ceil(p, g.F)):
            l, at = min(g.F, p - j * g.F), g.frame_at(i, j)
            try:
                segment.open(j, l, data[at:at + l + 32], {})
            except StreamError:
                shut = True
                if not any(d["unit"] == "frame" and d["frame"] == j for d in damage[before:]):
                    note("frame", at, "does not open", segment=i, frame=j)
        if not shut and segment.digest() != entry[24:-8]:               # only a holder of the key can bring this about
            damage[before:] = [d for d in damage[before:] if d["unit"] != "footer"] + [{**footer, "what": "digest"}]
        damage[before:] = sorted(damage[before:], key=lambda d: d["offset"])
    header_at("header copy", g.tail(o.P))
    if not crc_holds(o.t):
        note("trailer", len(data) - 128, "checksum")
    return damage


# Salvage, section 8.6

def locate(key, context, data):
    """The header that opens, and where a tail ends with its trailer, if one holds."""
    try:
        o = open_seekable(key, context, data, any_length=True)
        return o.header, (len(data), o)
    except StreamError as e:
        error = e
    if error.name in ("NoKeyFits", "WrongKeyOrContext"):
        raise error
    for at in reversed(list(positions(data, TRAILER))):
        if at + 128 <= len(data):
            try:
                o = open_seekable(key, context, data[:at + 128], any_length=True)
                return o.header, (at + 128, o)
            except StreamError:
                pass
    try:
        return front_alone(key, context, data), None
    except StreamError as e:
        front = e
    for at in positions(data, MAGIC):
        raw = raw_header(data, at)
        try:
            if raw:
                return judge_header(raw, key, context, at), None
        except StreamError:
            pass
    raise error if front.name == "NotAStream" else front


def salvage(key, context, data):
    """The frames that open as a list of (plaintext or None, length, confirmed), and whether a seal holds."""
    header, sealed = locate(key, context, data)
    g, tag = header.geo, header.commitment[:8]
    heads = [data[at:at + 64] for at in positions(data, SEGMENT) if sound_segment(data[at:at + 64], tag, g.S)]
    index, holds = None, lambda i: False
    if sealed:
        end, o = sealed
        index = end - (g.total(o.P) - g.index(o.P))
        table = data[end - 128 - 32 * ceil(o.n, PAGE):end - 128]

        def holds(i):
            q, at = i // PAGE, index + i // PAGE * PAGE * g.E
            page = data[at:at + min(PAGE, o.n - q * PAGE) * g.E]
            return index >= 0 and sha256(table) == o.t[40:72] and sha256(page) == table[32 * q:32 * q + 32]
    else:
        copies = [at for at in positions(data, header.raw[:80]) if at and at + g.H <= len(data)]
        index = copies[-1] + g.H if copies else None

    def entry_salt(i):
        at = index + i * g.E if index is not None and index >= 0 else len(data)
        return data[at:at + 24] if at + 24 <= len(data) else None

    def salts(i, p):
        if holds(i):
            return [(entry_salt(i), True)]
        own = [(head[24:48], False) for head in heads if u(head, 8, 8) == i and u(head, 16, 4) == p]
        return own + [(entry_salt(i), False)] * (entry_salt(i) is not None)

    def segment_frames(i, p):
        frames, confirmed = [None] * ceil(p, g.F), True
        for salt, is_sealed in salts(i, p):
            secret, base = segment_keys(header.keys, segment_header(i, p, salt, header.commitment))
            cipher = aead(header.suite, secret)
            for j in range(len(frames)):
                size = min(g.F, p - j * g.F) + 16
                places = [] if frames[j] is not None else [g.frame_at(i, j) + 8, *range(len(data) - size + 1)]
                for at in places:
                    try:
                        if len(data[at:at + size]) == size:
                            frames[j] = cipher.decrypt(nonce(base, j), data[at:at + size], b"")
                            confirmed = confirmed and is_sealed
                            break
                    except InvalidTag:
                        pass
        return frames, confirmed

    def length(i):
        return max((u(head, 16, 4) for head in heads if u(head, 8, 8) == i), default=g.S)

    if sealed:
        P = o.P
    else:                                                               # up to the last header, and past a full one by the index
        last = max((u(head, 8, 8) for head in heads), default=None)
        P = 0 if last is None else last * g.S + length(last)
        if P % g.S == 0:
            room = len(data) // (g.S + 32) + 1
            P = max(P, sum(entry_salt(i) is not None for i in range(room)) * g.S)
    while True:
        found = [segment_frames(i, min(g.S, P - i * g.S)) for i in range(g.segments(P))]
        last = max((i for i, (frames, _) in enumerate(found) if any(f is not None for f in frames)), default=-1)
        if sealed or last == len(found) - 1:
            break
        P = last * g.S + length(last) if last >= 0 else 0
    pieces = []
    for i, (frames, confirmed) in enumerate(found):
        p = min(g.S, P - i * g.S)
        pieces += [(plain, min(g.F, p - j * g.F), confirmed) for j, plain in enumerate(frames)]
    return pieces, bool(sealed)


def joined(pieces, wanted):
    """The ranges of the pieces that are wanted, joined where they touch."""
    at, ranges = 0, []
    for piece in pieces:
        end = at + piece[1]
        if wanted(piece):
            if ranges and ranges[-1][1] == at:
                ranges[-1][1] = end
            else:
                ranges.append([at, end])
        at = end
    return ranges


def salvage_answer(key, context, data, gaps):
    pieces, sealed = salvage(key, context, data)
    out = b"".join(bytes(size) if plain is None and gaps == "zero" else plain or b"" for plain, size, _ in pieces)
    return out, {"sealed": sealed, "plaintext_len": sum(size for _, size, _ in pieces),
                 "recovered": sum(size for plain, size, _ in pieces if plain is not None),
                 "lost": joined(pieces, lambda piece: piece[0] is None),
                 "unconfirmed": joined(pieces, lambda piece: piece[0] is not None and not piece[2])}

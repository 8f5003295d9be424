# SPDX-License-Identifier: MIT OR Apache-2.0
"""New versions of a sealed stream, section 11, and streams that many machines seal by parts, appendix A."""
from types import SimpleNamespace
from reference import (
    PAGE, StreamError, _read_frames, _segment, b, ceil, crc, expand, explained, finish_trailer, fingerprint, hmac, index_entry, judge_header,
    mac, open_seekable, open_with_table, seal_metadata, seal_segments, tail, u)

KEEP = object()


def sections(raw):
    """Type and body of each section of a header that was judged."""
    at, end, found = 96, len(raw) - 40, []
    while end - at >= 6 and (kind := u(raw, at, 2)):
        size = u(raw, at + 2, 4)
        found.append((kind, raw[at + 6:at + 6 + size]))
        at += 6 + size
    return found


def rewrite(key, context, data, slots, metadata=KEEP, salt=None):
    """F-1107, F-1108, F-1119, F-1120; metadata is KEEP, None or JSON text."""
    o = open_seekable(key, context, data)
    old, k, H = o.header.raw, o.header.keys, o.geo.H
    if not old[15] & 1:
        raise ValueError("the stream has no flag for slots")
    if o.header.revision == (1 << 64) - 1:
        raise StreamError("Limit", what="revision")
    new = [(1, slot) for slot in slots]
    if metadata is not KEEP and metadata is not None:
        new.append((2, seal_metadata(k, o.header.suite, metadata, salt)))
    new += [(kind, body) for kind, body in sections(old) if kind != 1 and (kind != 2 or metadata is KEEP)]
    body = b"".join(b(kind, 2) + b(len(body), 4) + body for kind, body in new)
    if 96 + len(body) + 40 > H:
        raise StreamError("Limit", what="sections")
    h = (old[:88] + b(o.header.revision + 1, 8) + body).ljust(H - 40, b"\0")
    h += mac(k.header, h)
    h += crc(h)
    judge_header(h, key, context)
    copy, t = o.geo.tail(o.P), o.t[:72] + b(o.header.revision + 1, 8) + o.t[80:88]
    return h + data[H:copy] + h + data[copy + H:-128] + finish_trailer(k, t)


def append(key, context, data, more, salts=None):
    """F-1109, F-1110, F-1121, F-1122."""
    o = open_with_table(key, context, data)
    for i in range(0, o.n, PAGE):
        index_entry(o, i)
    g, generation = o.geo, u(o.t, 16, 8)
    if generation == (1 << 64) - 1:
        raise StreamError("Limit", what="generation")
    if not more:
        return data
    kept, rest = divmod(o.P, g.S)
    if rest:
        p, segment = _segment(o, kept)
        more = b"".join(_read_frames(o, kept, p, segment, 0, p)) + more
        if segment.digest() != index_entry(o, kept)[24:-8]:
            raise StreamError("DigestMismatch", segment=kept)
    P = kept * g.S + len(more)
    if P > g.max_plain:
        raise StreamError("Limit", what="plaintext")
    wire, index = seal_segments(o.header, more, salts, kept)
    start = g.index(o.P)
    return data[:g.segment_at(kept)] + wire + tail(o.header, data[start:start + kept * g.E] + index, P, generation + 1)


# Parts, appendix A

class Refused(Exception):
    """What F-1230 to F-1233 refuse."""


def cut(g, P, q, m):
    """First and end of the segments of each part, with q segments in a part and at least m bytes."""
    n = g.segments(P)
    if not q or not n or P > g.max_plain:
        raise Refused("no parts")
    count = ceil(n, q)
    if count == 1 and g.tail(P) < m:
        raise Refused("less than a part")
    if count > 1 and g.tail(P) - g.segment_at((count - 1) * q) < m:
        count -= 1
    if count >= 1 << 32:
        raise Refused("too many parts")
    return [(i * q, n if i == count - 1 else (i + 1) * q) for i in range(count)]


def parts_mac(k_segments, data):
    return mac(expand(k_segments, b"parts", b"", 32), data)


def make_plan(header, P, tag, q, m):
    cut(header.geo, P, q, m)
    plan = b"SV2PLAN\n" + b(1, 2) + b(len(tag), 2) + b(q, 8) + b(m, 8) + b(P, 8) + tag + header.raw
    return plan + parts_mac(header.keys.segments, plan)


def open_plan(plan, k_segments):
    """F-1230, F-1232."""
    content = plan[:-32]
    if len(plan) < 68 or not hmac.compare_digest(parts_mac(k_segments, content), plan[-32:]):
        raise Refused("MAC of the plan")
    t = u(content, 10, 2)
    raw = content[36 + t:]
    if content[:8] != b"SV2PLAN\n" or u(content, 8, 2) != 1 or len(raw) < 96 or u(raw, 80, 4) != len(raw):
        raise Refused("plan")
    try:
        header = judge_header(raw)
    except StreamError:
        raise Refused("header in the plan") from None
    header.keys = SimpleNamespace(segments=k_segments)
    P = u(content, 28, 8)
    return SimpleNamespace(id=plan[-32:], tag=content[36:36 + t], P=P, header=header, geo=header.geo,
                           parts=cut(header.geo, P, u(content, 12, 8), u(content, 20, 8)))


def seal_part(plan, k_segments, source_len, tag, number, plaintext, stored_as, salts=None):
    plan = open_plan(plan, k_segments)
    if (source_len, tag) != (plan.P, plan.tag) or not 1 <= number <= len(plan.parts):
        raise Refused("source or number")
    first, end = plan.parts[number - 1]
    if len(plaintext) != min(end * plan.geo.S, plan.P) - first * plan.geo.S:
        raise Refused("length of the part")
    wire, index = seal_segments(plan.header, plaintext, salts, first)
    receipt = b"SV2RCPT\n" + b(number, 4) + b(len(stored_as), 2) + bytes(2) + plan.id + stored_as + index
    return (plan.header.raw if number == 1 else b"") + wire, receipt + parts_mac(k_segments, receipt)


def open_receipt(receipt, plan, k_segments):
    content = receipt[:-32]
    if len(receipt) < 80 or not hmac.compare_digest(parts_mac(k_segments, content), receipt[-32:]):
        raise Refused("MAC of a receipt")
    number, e = u(content, 8, 4), u(content, 12, 2)
    if content[:8] != b"SV2RCPT\n" or any(content[14:16]) or content[16:48] != plan.id or not 1 <= number <= len(plan.parts):
        raise Refused("receipt")
    first, end = plan.parts[number - 1]
    if len(content) != 48 + e + (end - first) * plan.geo.E:
        raise Refused("entries of a receipt")
    return number, content[48:48 + e], content[48 + e:]


def shift(register, size):
    """Z of section 6.1, a byte at a time."""
    for _ in range(8 * size):
        register = register >> 1 ^ (0x9a6c9329ac4bc9b5 if register & 1 else 0)
    return register


def join(first, second, size):
    return b(shift(int.from_bytes(first, "big"), size) ^ int.from_bytes(second, "big"), 8)


def part_crc(plan, number, entries):
    """CRC and length of a part from its entries alone."""
    g, head = plan.geo, plan.header.raw if number == 1 else b""
    total, size, first = crc(head), len(head), plan.parts[number - 1][0]
    for i in range(len(entries) // g.E):
        stored = entries[(i + 1) * g.E - 8:(i + 1) * g.E]
        wire = g.W(min(g.S, plan.P - (first + i) * g.S))
        total, size = join(total, join(stored, crc(stored), 8), wire), size + wire
    return total, size


def finish(key, context, plan_bytes, receipts, stored):
    """The tail with length, CRC and fingerprint of the stream (F-1231, F-1233); stored has part, stored_as and crc."""
    raw = plan_bytes[36 + u(plan_bytes, 10, 2):-32]
    if len(plan_bytes) < 68 or len(raw) < 96 or u(raw, 80, 4) != len(raw):
        raise Refused("plan")
    with explained((raw, {"unit": "header", "offset": 0})):
        header = judge_header(raw, key, context)
    plan = open_plan(plan_bytes, header.keys.segments)
    receipts = [open_receipt(receipt, plan, header.keys.segments) for receipt in receipts]
    if any(not 1 <= held["part"] <= len(plan.parts) for held in stored):
        raise Refused("a part that nobody planned")
    index, total, size = b"", crc(b""), 0
    for number in range(1, len(plan.parts) + 1):
        held = [h for h in stored if h["part"] == number]
        if len(held) != 1 or not {"stored_as", "crc"} & set(held[0]):
            raise Refused("stored once")
        fitting = {(name, entries) for part, name, entries in receipts if part == number
                   and held[0].get("stored_as", name) == name
                   and ("crc" not in held[0] or held[0]["crc"] == part_crc(plan, number, entries)[0])}
        if len(fitting) != 1:
            raise Refused("one receipt")
        index += (entries := fitting.pop()[1])
        one, length = part_crc(plan, number, entries)
        total, size = join(total, one, length), size + length
    end = tail(header, index, plan.P, 0)
    return {"tail_len": len(end), "stream_len": size + len(end), "stream_crc": join(total, crc(end), len(end)).hex(),
            "fingerprint": fingerprint(raw, end[-128:]).hex()}, end

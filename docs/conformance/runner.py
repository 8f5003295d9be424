# SPDX-License-Identifier: MIT OR Apache-2.0
"""What reference.py does beside reading and writing: scrub, places by offset, intermediates, and the line protocol of README.md.

What is rescued is in rescue.py, new versions and parts in versions.py.

Run reference.py, not this file.
"""
import base64, json, mmap, os, sys
import rescue, slots, versions
from reference import (
    MAGIC, PAGE, TRAILER, Geometry, StreamError, blake3, ceil, crc, crc_holds, decrypt_pipe, decrypt_seekable, describe, encrypt,
    fingerprint, frame_header, hasher, header_len_possible, index_entry, judge_header, judge_trailer_alone, open_seekable, open_with_table,
    read_metadata, read_range, segment_header, segment_keys, sha256, u)


# Lengths and places, sections 2.3 and 2.4

def plaintext_len(g, N):
    """P from the length of a stream (F-212)."""
    wf = g.F + 32
    ws = g.K * wf + 104 + 2 * g.D
    P, r = 0, N - 2 * g.H - 128
    if r:
        for unit, own, span in ((PAGE * ws + 32, 32, PAGE * g.S), (ws, 104 + 2 * g.D, g.S), (wf, 32, g.F)):
            q = (r - 1) // unit
            r -= q * unit + own
            P += q * span
            if r < 1:
                raise StreamError("ImpossibleLength", value=N)
    if P + r < 0 or P + r > g.max_plain or g.total(P + r) != N:
        raise StreamError("ImpossibleLength", value=N)
    return P + r


def locate(g, x):
    i, j, z = x // g.S, x % g.S // g.F, x % g.F
    return {"segment": i, "frame": j, "byte": z, "wire_offset": g.frame_at(i, j) + 8 + z}


def locate_wire(g, w, P):
    n, T = g.segments(P), g.tail(P)
    if w < g.H:
        return {"part": "header", "byte": w}
    if w >= T:
        parts = (("header copy", T), ("index", g.index(P)), ("page table", g.page_table(P)), ("trailer", g.total(P) - 128))
        name, start = [part for part in parts if part[1] <= w][-1]
        return {"part": name, "byte": w - start}
    i, y = (w - g.H) // g.W(g.S), (w - g.H) % g.W(g.S)
    p = min(g.S, P - i * g.S)
    e = 64 + p + 32 * ceil(p, g.F)
    if y < 64 or y >= e:
        return {"part": "segment header" if y < 64 else "footer", "segment": i, "byte": y if y < 64 else y - e}
    j, q = (y - 64) // (g.F + 32), (y - 64) % (g.F + 32)
    l = min(g.F, p - j * g.F)
    for name, start, stop in (("frame header", 0, 8), ("plaintext", 8, 8 + l), ("tag", 8 + l, 24 + l), ("frame crc", 24 + l, 32 + l)):
        if start <= q < stop:
            return {"part": name, "segment": i, "frame": j, "byte": q - start,
                    **({"offset": i * g.S + j * g.F + q - 8} if name == "plaintext" else {})}


# Scrub, section 8.7, without a key

def scrub(data):
    """The damaged units by offset (F-834 to F-838)."""
    damage, N, data = [], len(data), bytes(data)

    def note(unit, offset, what, **where):
        damage.append({"unit": unit, "offset": offset, **where, "what": what})

    def header_at(start):
        """A header that decodes and whether its CRC holds, or why it does not decode."""
        raw = data[start:start + 96]
        try:
            H = u(raw, 80, 4)
            if raw[:8] != MAGIC:
                raise StreamError("NotAStream")
            if len(raw) < 96 or header_len_possible(H) and start + H > N:
                raise StreamError("Unsealed")
            raw = data[start:start + H] if header_len_possible(H) else raw
            return judge_header(raw, at=start, unit="header copy" if start else "header"), crc_holds(raw)
        except StreamError as e:
            return e, False

    at = N - 128
    t = data[max(at, 0):]
    if len(t) < 128 or t[:8] != TRAILER:
        if data[:8] != MAGIC:
            raise StreamError("NotAStream")
        t = None
    try:
        if t:
            judge_trailer_alone(t, at)
    except StreamError:
        t = None
    candidates, copy_at = [header_at(0)], None
    if t:
        n, H, E = u(t, 24, 8), u(t, 12, 4), 64 if t[10] else 32
        copy_at = at - 32 * ceil(n, PAGE) - n * E - H
        copy_at = copy_at if copy_at >= H else None
        candidates += [header_at(copy_at)] if copy_at is not None else []
    decoded = [c for c in candidates if not isinstance(c[0], StreamError)]
    if not decoded:
        raise candidates[0][0]

    def fits(c):                                                        # F-837
        g, P = c.geo, u(t, 32, 8)
        return P <= g.max_plain and n == g.segments(P) and (H, t[10]) == (g.H, g.digest) and g.total(P) == N

    def first_segment_is_of(c):
        first = data[c.geo.H:c.geo.H + 64]
        return first[:4] == b"SV2S" and crc_holds(first) and first[48:56] == c.commitment[:8]

    header = next((c for c in decoded if c[1]), decoded[0])[0]          # F-835
    both_sound = len(candidates) == 2 and all(c[1] for c in candidates)
    if both_sound and candidates[0][0].raw[:80] != candidates[1][0].raw[:80]:
        front, copy = (c[0] for c in candidates)
        if fits(copy) and (not fits(front) or first_segment_is_of(copy) and not first_segment_is_of(front)):
            header = copy
    g = header.geo
    differ = both_sound and candidates[0][0].raw != candidates[1][0].raw

    if not candidates[0][1]:
        note("header", 0, "crc")
    elif differ and header is candidates[1][0]:
        note("header", 0, "unlike the copy")
    if not t:
        note("trailer", N, "missing")
        return sorted(damage, key=lambda d: d["offset"])
    if not crc_holds(t) or not fits(header):
        note("trailer", at, "fields" if crc_holds(t) else "crc")
    if not fits(header):                                                # nothing says where anything is
        return sorted(damage, key=lambda d: d["offset"])
    if copy_at is None:
        note("header copy", N, "no place")
    elif not candidates[1][1]:
        note("header copy", copy_at, "crc")
    elif differ and header is candidates[0][0]:
        note("header copy", copy_at, "unlike the front")
    P = u(t, 32, 8)
    index, table = g.index(P), g.page_table(P)
    for i in range(n):
        scrub_segment(g, header.commitment, data, i, min(g.S, P - i * g.S), data[index + i * g.E:][:g.E], note)
    for q in range(ceil(n, PAGE)):
        first, last = index + q * PAGE * g.E, index + min(n, (q + 1) * PAGE) * g.E
        if sha256(data[first:last]) != data[table + 32 * q:table + 32 * q + 32]:
            note("index", first, "page")
    if sha256(data[table:at]) != t[40:72]:
        note("index", table, "page table")
    return sorted(damage, key=lambda d: d["offset"])


def scrub_segment(g, commitment, data, i, p, entry, note):
    """What is wrong with segment i of p bytes under its index entry, handed to note."""
    start = g.segment_at(i)
    segment = data[start:start + g.W(p)]
    head, foot, digest = segment[:64], segment[-8 - g.D:], hasher(g.digest)
    body_sound = crc_holds(head) and head[:56] == segment_header(i, p, head[24:48], commitment)[:56]
    if not body_sound:
        note("segment", start, "header", segment=i)
    elif head[24:48] != entry[:24]:
        note("segment", start, "salt unlike the index", segment=i)
    if digest:
        digest.update(head[:56])
    for j in range(ceil(p, g.F)):
        l, place = min(g.F, p - j * g.F), 64 + j * (g.F + 32)
        frame = segment[place:place + l + 32]
        if not crc_holds(frame) or frame[:8] != frame_header(j, l):
            note("frame", start + place, "frame", segment=i, frame=j)
            body_sound = False
        if digest:
            digest.update(frame[:24 + l])
    own = not crc_holds(segment) or digest and digest.digest() != foot[:32]
    if body_sound and own or foot != entry[24:]:
        note("footer", start + len(segment) - 8 - g.D, "crc or digest", segment=i)


# Intermediates for vectors

def trace(key, context, data):
    o = open_with_table(key, context, bytes(data))
    g, k, h = o.geo, o.header.keys, o.header.raw
    segments = []
    for i in range(o.n):
        entry, p, start = index_entry(o, i), min(g.S, o.P - i * g.S), g.segment_at(i)
        head = segment_header(i, p, entry[:24], o.header.commitment)
        secret, base = segment_keys(k, head)
        segments.append({"header": head.hex(), "key": secret.hex(), "base_nonce": base.hex(), "digest": entry[24:24 + g.D].hex(),
                         "crc": entry[-8:].hex(), "frame_crcs": [
                             o.data[g.frame_at(i, j) + l + 24:][:8].hex()
                             for j in range(ceil(p, g.F)) for l in [min(g.F, p - j * g.F)]]})
    fields = {"core": h[:48], "context_hash": sha256(context), "root": k.root, "commitment": k.commitment, "prk": k.prk,
              "K_header": k.header, "K_seal": k.seal, "K_journal": k.journal, "K_change": k.change, "K_segments": k.segments,
              "header_mac": h[-40:-8], "header_crc": h[-8:], "page_table": o.table, "index_root": o.t[40:72],
              "seal": o.t[88:120], "trailer": o.t, "fingerprint": fingerprint(h, o.t), "stream_sha256": sha256(o.data),
              "stream_crc": crc(o.data)}
    return {**{name: value.hex() for name, value in fields.items()}, "stream_len": len(o.data), "segments": segments}


# The line protocol of README.md

def answer(q):
    op = q["op"]
    if op == "version":
        return {"ok": True, "implementation": "reference.py", "format": 1, "suites": [1, 2],
                "digests": [0, 1, 2] if blake3 else [0, 1], "in_order": True,
                "roles": ["pipe", "random", "writer", "scrubber", "slots", "unsealed", "trailing", "verifier", "salvager", "rewriter",
                          "appender", "parts"]}
    if op == "accumulated":
        import accumulated
        return {"ok": True, "hashes": accumulated.hashes(q["checkpoints"])}
    if op == "layout":
        g, reply = Geometry(q["frame_log2"], q["frames_log2"], q["digest"], q["header_len"]), {"ok": True}
        P = plaintext_len(g, q["stream_len"]) if "stream_len" in q else q["plaintext_len"]
        if not 0 <= P <= g.max_plain:
            raise StreamError("Limit", what="plaintext", value=P)
        n = g.segments(P)
        reply.update(plaintext_len=P, segments=n, frames=ceil(P, g.F), pages=ceil(n, PAGE), tail=g.tail(P), index=g.index(P),
                     page_table=g.page_table(P), trailer=g.total(P) - 128, stream_len=g.total(P))
        if "at" in q:
            reply["place"] = locate(g, q["at"])
        if "wire_at" in q:
            reply["wire_place"] = locate_wire(g, q["wire_at"], P)
        return reply

    def source(name):
        if name + "_file" in q:
            with open(q[name + "_file"], "rb") as f:                    # it may be longer than memory
                return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(f.fileno()).st_size else b""
        return base64.b64decode(q[name], validate=True)

    def put(name, data):
        if "out" in q:
            with open(q["out"], "wb") as f:
                f.write(data)
        return {name: base64.b64encode(data).decode()} if q.get("bytes") else {}

    unhex = lambda name: bytes.fromhex(q[name]) if name in q else None
    key, context = unhex("key"), unhex("context") or b""
    if key is None and "identities" in q:
        key = lambda found: slots.keys_in(found, q["identities"], q.get("passphrase"))
    elif op not in ("scrub", "part") and (key is None or len(key) != 32):
        raise ValueError("key")
    if op == "encrypt":
        names = ("suite", "digest", "frame_log2", "frames_log2", "header_len", "revision", "generation", "slotted")
        options = {name: q[name] for name in names if name in q}
        if "dangerous_salts" in q:
            options["salts"] = lambda i: bytes.fromhex(q["dangerous_salts"][i])
        stream = encrypt(key, source("plaintext"), context=context, stream_salt=unhex("dangerous_stream_salt"),
                         metadata_salt=unhex("dangerous_metadata_salt"), metadata=q["metadata"].encode() if "metadata" in q else None,
                         sections=[(kind, bytes.fromhex(body)) for kind, body in q.get("sections", [])], **options)
        return {"ok": True, "stream_len": len(stream), "stream_sha256": sha256(stream).hex(), **put("stream", stream)}
    if op in ("plan", "part", "finish"):
        return parts_answer(op, q, key, context, source, unhex)
    data = source("stream")
    followed = "trailing" in q
    if followed and q.get("mode") != "pipe":
        data = data[:rescue.sealed_end(data)]
    if op == "scrub":
        return {"ok": True, "damage": scrub(data)}
    if op == "verify":
        return {"ok": True, "damage": rescue.verify(key, context, data, scrub_segment)}
    if op == "salvage":
        released, told = rescue.salvage_answer(key, context, data, q["gaps"])
        return {"ok": True, **told, "released_len": len(released), "released_sha256": sha256(released).hex(), **put("released", released)}
    if op in ("rewrite", "append"):
        if op == "append":
            salts = iter(q["dangerous_salts"]) if "dangerous_salts" in q else None
            new = versions.append(key, context, data, source("plaintext"), salts and (lambda i: bytes.fromhex(next(salts))))
        else:
            text = q.get("metadata", versions.KEEP)
            text = text.encode() if isinstance(text, str) else text
            new = versions.rewrite(key, context, data, [bytes.fromhex(slot) for slot in q["slots"]], text, unhex("dangerous_metadata_salt"))
        o = open_seekable(key, context, new)
        return {"ok": True, **describe(o.header, o.t), "stream_len": len(new), "stream_sha256": sha256(new).hex(), **put("stream", new)}
    if op == "trace":
        return {"ok": True, "trace": trace(key, context, data)}
    if op == "metadata":
        return {"ok": True, "metadata": read_metadata(key, context, data, q.get("mode") == "pipe")}
    info = {}
    options = {"info": info, **({"max_segment": q["max_segment"]} if "max_segment" in q else {})}
    if op == "range":
        late = base64.b64decode(q["trailer_now"]) if "trailer_now" in q else None
        released, error = read_range(key, context, data, q["offset"], q["length"], late, **options)
    elif op == "decrypt" and q["mode"] == "unsealed":
        released, error, info = rescue.read_unsealed(key, context, data)
    elif op == "decrypt":
        if followed and q["mode"] == "pipe":
            options["followed"] = True
        released, error = {"pipe": decrypt_pipe, "seekable": decrypt_seekable}[q["mode"]](key, context, data, **options)
    else:
        raise ValueError("op")
    reply = {"ok": error is None, "released_len": len(released), "released_sha256": sha256(released).hex(), **put("released", released)}
    return {**reply, **({"error": error.name, **error.fields} if error else info)}


def parts_answer(op, q, key, context, source, unhex):
    """Appendix A: a plan, a part with its receipt, or the tail."""
    encoded = lambda data: base64.b64encode(data).decode()
    try:
        if op == "plan":
            header = judge_header(encrypt(key, b"", suite=q["suite"], digest=q["digest"], frame_log2=q["frame_log2"],
                                          frames_log2=q["frames_log2"], context=context, header_len=q.get("header_len"),
                                          stream_salt=unhex("dangerous_stream_salt"))[:q["header_len"]], key, context)
            plan = versions.make_plan(header, q["plaintext_len"], unhex("source_tag"), q["segments_in_part"], q["min_part_len"])
            return {"ok": True, "parts": len(versions.open_plan(plan, header.keys.segments).parts), "plan": encoded(plan)}
        if op == "part":
            salts = iter(q["dangerous_salts"]) if "dangerous_salts" in q else None
            wire, receipt = versions.seal_part(source("plan"), unhex("segments_key"), q["source_len"], unhex("source_tag"), q["part"],
                                               source("plaintext"), unhex("stored_as"), salts and (lambda i: bytes.fromhex(next(salts))))
            return {"ok": True, "part_len": len(wire), "part_sha256": sha256(wire).hex(), "receipt": encoded(receipt)}
        stored = [{name: value if name == "part" else bytes.fromhex(value) for name, value in held.items()} for held in q["stored"]]
        told, end = versions.finish(key, context, source("plan"), [base64.b64decode(r) for r in q["receipts"]], stored)
        return {"ok": True, **told, "tail_sha256": sha256(end).hex()}
    except versions.Refused as e:
        return {"ok": False, "error": "Refused", "what": str(e)}


def serve():
    for line in sys.stdin:
        q = {}
        try:
            q = json.loads(line)
            reply = answer(q)
        except StreamError as e:
            reply = {"ok": False, "error": e.name, **e.fields}
        except Exception as e:                                          # a fault of the request or of this program
            reply = {"ok": False, "error": "BadRequest", "what": f"{type(e).__name__}: {e}"}
        print(json.dumps({"id": q.get("id") if isinstance(q, dict) else None, **reply}), flush=True)


def main(arguments):
    if arguments == ["--self-test"]:
        import selftest
        return selftest.main()
    serve()
    return 0

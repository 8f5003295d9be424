# SPDX-License-Identifier: MIT OR Apache-2.0
"""Self-checks of reference.py and runner.py, run by `reference.py --self-test`."""
import json, pathlib, random, re, subprocess, sys
import reference as r
import runner

KEY = bytes(range(32))
BIG = 10 ** 6
UNITS = {"segment header": "segment", "frame header": "frame", "plaintext": "frame", "tag": "frame", "frame crc": "frame", "page table": "index"}


def main():
    for check in (fixed, lengths, round_trips, pages, slots, metadata, flips, placed, clauses, without_blake3, fuzz, protocol):
        print(f"{check.__name__}: {check()}", flush=True)
    return 0


def sample(size, **kw):
    rng = random.Random(repr((size, sorted(kw.items()))))
    plain = rng.randbytes(size)
    pool = rng.randbytes(24 * 1100)
    options = dict(suite=1, digest=0, frame_log2=8, frames_log2=1, header_len=256, stream_salt=rng.randbytes(32),
                   salts=lambda i: pool[24 * i:24 * i + 24], context=b"tenant/object")
    return plain, r.encrypt(KEY, plain, **{**options, **kw})


def both(stream, context=b"tenant/object"):
    return {"pipe": r.decrypt_pipe(KEY, context, stream), "seekable": r.decrypt_seekable(KEY, context, stream)}


def fixed():
    """Appendix B, name by name where format.md is at hand, else by the hash of the stream."""
    assert r.crc(b"123456789").hex() == "ae8b14860a799888" and r.crc(b"12345678", b"9") == r.crc(b"123456789")
    stream = r.encrypt(KEY, b"hello, stream_v2", suite=1, digest=0, frame_log2=8, frames_log2=0, header_len=256,
                       stream_salt=bytes(range(0x40, 0x60)), salts=lambda i: bytes(range(0x80, 0x98)))
    assert len(stream) == 824
    assert r.sha256(stream).hex() == "1714dbd4704b6eaf62548171104e347e9ce8272b0af3810f3cd7da2cb1a08a2c"
    text = pathlib.Path(__file__).resolve().parent.parent / "format.md"
    if not text.exists():
        return "stream by its hash (no format.md)"
    block = text.read_text().split("<!-- example:begin -->")[1].split("<!-- example:end -->")[0]
    named = {name: re.sub(r"\s", "", value) for name, value in re.findall(r"^(\S.*?) \(\d+\) =\n((?:  [0-9a-f]+\n)+)", block, re.M)}
    tr = runner.trace(KEY, b"", stream)
    seg = tr["segments"][0]
    mine = {**tr, "stream_key": KEY.hex(), "plaintext": b"hello, stream_v2".hex(), "stream_salt": stream[16:48].hex(),
            "salt of segment 0": stream[280:304].hex(), "SHA-256(context)": tr["context_hash"], "header CRC": tr["header_crc"],
            "header": stream[:256].hex(), "segment header": seg["header"], "segment key": seg["key"], "base nonce": seg["base_nonce"],
            "nonce of frame 0": r.nonce(bytes.fromhex(seg["base_nonce"]), 0).hex(), "ciphertext": stream[328:344].hex(),
            "tag": stream[344:360].hex(), "frame": stream[320:368].hex(), "footer": stream[368:376].hex(), "index": stream[632:664].hex(),
            "page table": tr["page_table"]}
    for name, value in named.items():
        assert mine[name] == value, name
    assert len(named) == 31 and f"CRC of the stream = {tr['stream_crc']}" in block, len(named)
    return f"{len(named)} values of appendix B, and the stream"


def lengths():
    """The tables of section 2.5, and both directions for every small length."""
    g, count = r.Geometry(16, 6, 0, 1024), 0
    text = pathlib.Path(__file__).resolve().parent.parent / "format.md"
    if text.exists():
        for row in re.findall(r"^\| .* \|$", text.read_text().split("<!-- sizes:begin -->")[1].split("<!-- sizes:end -->")[0], re.M):
            cells = row.strip("| ").split(" | ")
            if len(cells) == 8 and cells[1].isdigit():
                P, n, frames, pages, tail, trailer, N = map(int, cells[1:])
                assert (g.segments(P), r.ceil(P, g.F), r.ceil(n, 1024), g.tail(P), g.total(P) - 128, g.total(P), runner.plaintext_len(g, N)) == (
                    n, frames, pages, tail, trailer, N, P)
            elif len(cells) == 5 and cells[0].isdigit():
                x, i, j, z, w = map(int, cells)
                assert runner.locate(g, x) == {"segment": i, "frame": j, "byte": z, "wire_offset": w}
            elif len(cells) == 4 and cells[1].isdigit():
                first, last, many = map(int, cells[1:])
                assert last - first + 1 == many and impossible(g, first) and impossible(g, last)
                assert not impossible(g, last + 1) and (first == 0 or not impossible(g, first - 1))
            else:
                continue
            count += 1
    for fl, kl, digest in ((8, 0, 0), (8, 1, 1), (8, 3, 0)):
        g, seen = r.Geometry(fl, kl, digest, 256), {}
        for P in range(0, 5000, 7):
            seen[g.total(P)] = P
            assert runner.plaintext_len(g, g.total(P)) == P
            for x in {0, P // 2, P - 1} if P else ():
                place = runner.locate_wire(g, runner.locate(g, x)["wire_offset"], P)
                assert place["part"] == "plaintext" and place["offset"] == x
        assert all(impossible(g, N) or g.total(runner.plaintext_len(g, N)) == N for N in range(0, 6000))
    return f"{count} rows of section 2.5"


def impossible(g, N):
    try:
        runner.plaintext_len(g, N)
    except r.StreamError:
        return True
    return False


def round_trips():
    count = 0
    for fl, kl in ((8, 0), (8, 1), (8, 2), (9, 1)):
        F, S = 1 << fl, 1 << fl + kl
        for size in sorted({0, 1, F - 1, F, F + 1, S - 1, S, S + 1, 2 * S, 3 * S + 1}):
            for suite in (1, 2):
                for digest in (0, 1, 2) if r.blake3 else (0, 1):
                    plain, stream = sample(size, frame_log2=fl, frames_log2=kl, suite=suite, digest=digest, slotted=kl == 1)
                    assert all(got == (plain, None) for got in both(stream).values())
                    assert len(stream) == r.Geometry(fl, kl, digest, 256).total(size) and runner.scrub(stream) == []
                    assert all(e.name == "WrongKeyOrContext" for _, e in both(stream, b"other").values())
                    for a, n in ((0, BIG), (size // 2, 1), (F - 1, 2), (S - 1, S + 2), (size, 9), (size + 5, 1), (0, 0)):
                        assert r.read_range(KEY, b"tenant/object", stream, a, n) == (plain[a:a + n], None)
                    count += 1
    r.encrypt(KEY, b"defaults")
    return f"{count} streams"


def pages():
    """More than one page: 1025 segments."""
    plain, stream = sample(1024 * 256 + 1, frames_log2=0)
    assert all(got == (plain, None) for got in both(stream).values()) and runner.scrub(stream) == []
    g = r.Geometry(8, 0, 0, 256)
    bad = bytearray(stream)
    bad[g.index(len(plain)) + 40] ^= 1
    assert r.read_range(KEY, b"tenant/object", bad, 1024 * 256, 9) == (plain[-1:], None)
    released, error = r.read_range(KEY, b"tenant/object", bad, 0, 9)
    assert released == b"" and (error.name, error.fields["unit"]) == ("AuthenticationFailed", "index")
    released, error = r.read_range(KEY, b"tenant/object", bad, 0, 9, bytes(128))
    assert error.name == "StaleIndex"
    assert {(d["unit"], d.get("segment")) for d in runner.scrub(bad)} == {("index", None), ("segment", 1)}
    return "1025 segments"


def reheader(stream, edit):
    """Change the front header with the stream's key, so that only the structure is at fault; copy it to the tail."""
    h = bytearray(stream[:256])
    edit(h)
    k = r.schedule(KEY, bytes(h[:48]), b"tenant/object")
    h[48:80] = k.commitment
    h[216:248] = r.mac(k.header, bytes(h[:216]))
    h[248:] = r.crc(bytes(h[:248]))
    return bytes(h) + stream[256:]


def age(*stanzas):
    line = lambda s: b"-> " + s + b"\n" + b"A" * 43 + b"\n"
    return b"age-encryption.org/v1\n" + b"".join(map(line, stanzas)) + b"--- " + b"A" * 43 + b"\n" + bytes(64)


def slots():
    one, scrypt = age(b"X25519 " + b"A" * 43), age(b"scrypt AAAAAAAAAAAAAAAAAAAAAA 18")
    slot = lambda file, kind=1: (1, r.b(kind, 2) + file)

    def name(*sections, slotted=True):
        try:
            r.encrypt(KEY, b"x", sections=sections, slotted=slotted, header_len=65536)
        except r.StreamError as e:
            return e.name
    good = [(slot(one),), (slot(one), slot(scrypt)), (slot(age(b"a", b"b c")),), (slot(b"", 2),), (slot(b"zz", 0x8000),),
            ((0x8001, b"?"),), (slot(b"", 2),) * 64]
    assert [name(*s) for s in good] == [None] * len(good)
    bad = [one[:-1], one + b"\0", one.replace(b"/v1", b"/v2"), one.replace(b"-> X", b"->  X"), b"age-encryption.org/v1\n" + one[-112:],
           one.replace(b"A\n-", b"B\n-"), one.replace(b"AA\n-", b"\n-"), scrypt.replace(b" 18", b" 018"), scrypt.replace(b" 18", b" 181"),
           scrypt.replace(b" 18", b" +1"), age(b"scrypt AAAAAAAAAAAAAAAAAAAAAA 18", b"X25519 A"), one.replace(b"A\n-", b"A=\n-")]
    assert [name(slot(s)) for s in bad] == ["Malformed"] * len(bad)
    assert name(slot(scrypt), slot(scrypt)) == "Malformed" and name(slot(one), slotted=False) == "Malformed"
    assert name(*[slot(b"", 2)] * 65) == "Limit" and name((1, b"")) == "Malformed" and name((3, b"")) == "Unsupported"
    assert name((2, bytes(39))) == "Malformed" and name((2, bytes(40)), (2, bytes(40))) == "Malformed"
    return f"{len(good)} accepted, {len(bad) + 6} refused"


def metadata():
    for suite in (1, 2):
        for text in (b"{}", b'{"name":"a","slots":["x"],"user":{"k":"v"},"later":[1e9,null]}' + b" " * 70):
            _, stream = sample(9, suite=suite, metadata=text, metadata_salt=bytes(24), header_len=1024)
            assert r.read_metadata(KEY, b"tenant/object", stream) == text.decode().rstrip(" ")
    bad = [b"[]", b"{", b'{"a":1,"a":1}', b'{"user":{"a":"1","a":"2"}}', b'{"size":1}', b'{"name":".."}', b'{"name":"a/b"}', b'{"name":""}',
           b'{"slots":[1]}', b'{"user":{"a":1}}', b'{"x":NaN}', b'\xff', b"[" * 100000, b'{"name":"\\u0000"}']
    assert not any(r.acceptable(text) for text in bad)
    _, stream = sample(9)                                            # a section that does not open fails only its own call
    stream = reheader(stream, lambda h: h.__setitem__(slice(96, 142), r.b(2, 2) + r.b(40, 4) + bytes(40)))
    assert all(error is None for _, error in both(stream).values())
    try:
        r.read_metadata(KEY, b"tenant/object", stream)
    except r.StreamError as e:
        assert (e.name, e.fields["unit"]) == ("AuthenticationFailed", "metadata")
        return f"{len(bad)} refused"
    raise AssertionError("bad metadata opened")


def parts(stream, size, g):
    """The table of 8.8: for every byte its row, and the modes that need it."""
    for w in range(len(stream)):
        place = runner.locate_wire(g, w, size)
        part, at = place["part"], place["byte"]
        if part == "header":
            yield w, {"pipe"} if at < g.H - 8 else set()
        elif part == "segment header":
            yield w, {"pipe"} if at < 56 else set()
        elif part == "header copy":
            yield w, {"pipe"} if at < 4 else set()
        elif part in ("footer", "frame crc"):
            yield w, set()
        else:
            yield w, set() if part == "trailer" and at >= 120 else {"pipe", "seekable"}


def tiny():
    yield (*sample(700), r.Geometry(8, 1, 0, 256))
    yield (*sample(300, frames_log2=0, digest=1, suite=2, header_len=320, slotted=True,
                   sections=[(0x8001, b"?"), (1, b"\0\2?")], metadata=b"{}", metadata_salt=bytes(24)), r.Geometry(8, 0, 1, 320))


def flips():
    count = 0
    for plain, stream, g in tiny():
        needed = dict(parts(stream, len(plain), g))
        for w, modes in needed.items():
            for mask in (1, 128, 255):
                bad = stream[:w] + bytes([stream[w] ^ mask]) + stream[w + 1:]
                for mode, (released, error) in both(bad).items():
                    assert (error is not None) == (mode in modes), (w, mask, mode, error)
                    assert plain.startswith(released) if error else released == plain
                count += 1
            part = runner.locate_wire(g, w, len(plain))["part"]
            assert any(d["unit"] == UNITS.get(part, part) for d in runner.scrub(bad)), w
        for cut in range(len(stream)):
            got = both(stream[:cut])
            assert got["pipe"][1].name == ("NotAStream" if cut < 8 else "Unsealed"), cut
            assert got["seekable"][1].name == ("NotAStream" if cut < 8 else "Unsealed"), cut
            count += 1
        for cut in range(1, len(stream)):                               # from the front, and one byte from within
            for bad in (stream[cut:], stream[:cut] + stream[cut + 1:], stream[:cut] + b"\0" + stream[cut:]):
                assert all(error for _, error in both(bad).values()), cut
        got = both(stream + b"\0")
        assert got["pipe"][1].name == "TrailingData" and got["pipe"][0] == plain and got["seekable"][1].name == "Unsealed"
        got = both(stream + stream)
        assert got["pipe"][1].name == "TrailingData" and got["seekable"][1].name == "Malformed"
    return f"{count} flips and truncations"


def placed():
    """Errors with their place: an edit, which CRCs are repaired, and what each mode reports."""
    plain, stream = sample(700)
    g, N = r.Geometry(8, 1, 0, 256), len(stream)
    tail, index, table, trailer = g.tail(700), g.index(700), g.page_table(700), N - 128
    s0, s1, f1 = 256, g.segment_at(1), g.frame_at(0, 1)
    units = {"header": (0, 256), "copy": (tail, 256), "s0": (s0, 64), "s1": (s1, 64), "f1": (f1, 288), "tail64": (tail, 64), "trailer": (trailer, 128)}
    ok, frame = ("ok",), ("AuthenticationFailed", "frame", 0, 1)
    cases = [  # (offset, new bytes or mask), units repaired, pipe, seekable
        (f1 + 8, "f1", frame, frame), (f1 + 8, "", ("ChecksumMismatch", "frame", 0, 1), ("ChecksumMismatch", "frame", 0, 1)),
        (f1 + 3, "f1", ("Malformed", "frame", 0, 1), ("Malformed", "frame", 0, 1)),
        (f1 + 285, "", ok, ok), (s0 + 24, "s0", ("AuthenticationFailed", "frame", 0, 0), ok), (s0 + 24, "", ("ChecksumMismatch", "segment", 0), ok),
        (s0, "s0", ("Malformed", "segment", 0), ok), (s1 + 15, "s1", ("Malformed", "segment", 1), ok), (s1 + 5, "s1", ("Malformed", "segment", 1), ok),
        (s1 + 50, "s1", ("AuthenticationFailed", "segment", 1), ok), (s0 + 18, "s0", ("Malformed", "segment", 0), ok),
        (s1 + 19, "s1", ("ChecksumMismatch", "frame", 1, 0), ok),
        (tail, "", ("ChecksumMismatch", "segment", 2), ok), (tail, "tail64", ("Malformed", "segment", 2), ok), (tail + 9, "", ok, ok),
        (index, "", ("AuthenticationFailed", "index"), ("AuthenticationFailed", "index")),
        (table, "", ("AuthenticationFailed", "index"), ("AuthenticationFailed", "index")),
        (trailer, "trailer", ("Malformed", "trailer"), ("Unsealed",)),
        (trailer + 9, "trailer", ("Unsupported", "trailer"), ("Unsupported", "trailer")),
        (trailer + 9, "", ("ChecksumMismatch", "trailer"), ("ChecksumMismatch", "trailer")),
        (trailer + 11, "trailer", ("Malformed", "trailer"), ("Malformed", "trailer")),
        (trailer + 23, "trailer", ("AuthenticationFailed", "seal"), ("AuthenticationFailed", "seal")),
        (0, "", ("NotAStream",), ok), (9, "header", ("Unsupported", "header"), ok), (12, "header", ("WrongKeyOrContext",), ok),
        (96, "header", ("Unsupported", "header"), ok), (215, "header", ("Malformed", "header"), ok), (230, "header", ("AuthenticationFailed", "header"), ok),
        (83, "header", ("ChecksumMismatch", "header"), ok), (255, "", ok, ok)]
    for at, repair, pipe, seekable in cases:
        bad = bytearray(stream)
        bad[at] ^= 1
        for unit in repair.split():
            start, size = units[unit]
            bad[start + size - 8:start + size] = r.crc(bytes(bad[start:start + size - 8]))
        for mode, (released, error) in both(bytes(bad)).items():
            got = ("ok",) if not error else (error.name, *[error.fields[x] for x in ("unit", "segment", "frame") if x in error.fields])
            assert got == (pipe if mode == "pipe" else seekable), (at, repair, mode, got)
    rewritten = stream[trailer:trailer + 72] + r.b(1, 8) + bytes(8)      # sealed revision 1, both headers at 0
    rewritten += r.mac(r.schedule(KEY, stream[:48], b"tenant/object").seal, rewritten)
    stale = both(stream[:trailer] + rewritten + r.crc(rewritten))
    assert all(error.name == "StaleHeader" for _, error in stale.values()) and stale["pipe"][0] == plain
    newer = reheader(stream, lambda h: h.__setitem__(95, 1))          # a header rewrite that stopped half-way
    assert all(got == (plain, None) for got in both(newer).values())
    assert [d["unit"] for d in runner.scrub(newer)] == ["header copy"]
    _, other = sample(700, salts=lambda i: bytes([i] * 24), stream_salt=stream[16:48])
    swapped = stream[:s0] + other[s0:s1] + stream[s1:]                   # an authentic earlier attempt at segment 0
    _, fresh = sample(700, stream_salt=stream[16:48])
    old = fresh[:s0] + other[s0:s1] + fresh[s1:]
    r0, error = r.decrypt_pipe(KEY, b"tenant/object", old)
    assert error.name == "AuthenticationFailed" and error.fields["unit"] == "index" and len(r0) == 700
    assert r.decrypt_seekable(KEY, b"tenant/object", swapped)[1].fields["unit"] == "frame"
    return f"{len(cases)} edits in both modes, and 4 of whole units"


def put(stream, at, new):
    return stream[:at] + new + stream[at + len(new):]


def flip(stream, *places):
    bad = bytearray(stream)
    for at in places:
        bad[at] ^= 1
    return bytes(bad)


def reseal(stream, t):
    t = t[:88] + r.mac(r.schedule(KEY, stream[:48], b"tenant/object").seal, t[:88])
    return stream[:-128] + t + r.crc(t)


def clauses():
    """Clauses that no single flip reaches."""
    def failed(pair):
        return pair[1].name, pair[1].fields.get("unit"), pair[1].fields.get("offset")
    plain, stream = sample(700)
    g, N = r.Geometry(8, 1, 0, 256), len(stream)
    f0, f1, foot, tail = g.frame_at(0, 0), g.frame_at(0, 1), g.segment_at(1) - 8, g.tail(700)
    bad = flip(stream, f0 + 8)
    assert failed(both(bad[:f1 + 287])["pipe"])[0] == "Unsealed"         # the last byte of the last frame is missing (F-814)
    assert failed(both(bad[:f1 + 288])["pipe"]) == ("ChecksumMismatch", "frame", f0)
    assert failed(both(flip(bad, f0 + 287, f1 + 9))["pipe"])[2] == f0
    assert failed(both(flip(stream, g.segment_at(1) + 30))["pipe"]) == ("ChecksumMismatch", "segment", g.segment_at(1))
    assert failed(both(stream[:80])["pipe"])[0] == "Unsealed"            # an impossible header_len is not judged below 96 bytes
    assert failed(both(flip(stream, 83)[:95])["pipe"])[0] == "Unsealed" and failed(both(flip(stream, 83)[:96])["pipe"])[1] == "header"
    assert failed(both(flip(stream, 0, tail + 60))["seekable"]) == ("ChecksumMismatch", "header copy", tail)
    assert failed(both(flip(stream, 0, tail))["seekable"]) == ("ChecksumMismatch", "header copy", tail)
    assert failed(both(flip(stream, N - 40))["pipe"]) == ("ChecksumMismatch", "trailer", N - 128)

    plain, hashed = sample(700, digest=1)                               # only a holder of the key can bring DigestMismatch about
    d = r.Geometry(8, 1, 1, 256)
    at, table = d.index(700) + 24, d.page_table(700)
    forged = put(flip(hashed, at), table, r.sha256(flip(hashed, at)[d.index(700):table]))
    forged = reseal(forged, forged[-128:-88] + r.sha256(forged[table:-128]) + forged[-56:])
    released, error = both(forged)["seekable"]
    assert (error.name, error.fields, released) == ("DigestMismatch", {"segment": 0}, b"")
    assert failed(both(forged)["pipe"])[:2] == ("AuthenticationFailed", "index")
    assert r.read_range(KEY, b"tenant/object", forged, 0, BIG) == (plain, None)

    _, named = sample(9, metadata=b"{}", metadata_salt=bytes(24), header_len=512)
    assert all(r.read_metadata(KEY, b"tenant/object", named[:cut]) == "{}" for cut in (512, 600, len(named) - 1, len(named)))
    edge = r.encrypt(KEY, b"", metadata=b"{" + b" " * 62 + b"}")         # a multiple of 64 gets no padding
    assert r.u(edge, 98, 4) == 24 + 64 + 16

    units = lambda s: [(d["unit"], d.get("segment"), d.get("frame")) for d in runner.scrub(s)]
    for bad in (flip(stream, N - 128), stream[:-1], flip(stream, N - 97)):        # no trailer, no trailer, n
        assert units(bad) == units(flip(bad, f0)) == [("trailer", None, None)]      # F-837
    assert units(flip(stream, f0 + 9, f1 + 9, foot)) == [("frame", 0, 0), ("frame", 0, 1), ("footer", 0, None)]
    assert units(flip(stream, 0)) == [("header", None, None)] and units(flip(stream, 60, tail + 60))[0] == ("header", None, None)
    for bad, name in ((b"", "NotAStream"), (stream[:50], "Unsealed"), (stream[:255], "Unsealed"), (flip(stream[:300], 9), "Unsupported")):
        try:
            raise AssertionError(runner.scrub(bad))
        except r.StreamError as e:
            assert e.name == name, e
    return "all hold"


def without_blake3():
    """F-338: a reader without BLAKE3 refuses a header with digest 2, and judges the trailer as ever."""
    _, plain = sample(700)
    hashed = reheader(plain, lambda h: h.__setitem__(11, 2))
    hashed = put(hashed, r.Geometry(8, 1, 0, 256).tail(700), hashed[:256])
    kept = r.blake3
    r.blake3 = runner.blake3 = None
    try:
        for where in ("pipe", "seekable"):
            error = both(hashed)[where][1]
            assert (error.name, error.fields.get("unit"), error.fields.get("what")) == ("Unsupported", "header", "digest"), error
        assert 2 not in runner.answer({"id": 1, "op": "version"})["digests"]
        trailer = bytearray(plain[-128:])
        trailer[10] = 2
        r.judge_trailer_alone(bytes(trailer), 0)
    finally:
        r.blake3 = runner.blake3 = kept
    return "digest 2 is refused and not offered"


def fuzz(rounds=4000):
    rng, names, pool = random.Random(7), {}, [stream for _, stream, _ in tiny()]
    pool.append(sample(0)[1])
    for _ in range(rounds):
        bad = bytearray(rng.choice(pool))
        for _ in range(rng.choice((1, 1, 2, 5))):
            a, size = rng.randrange(len(bad)), rng.choice((1, 2, 8, 64, 300))
            kind = rng.randrange(6)
            if kind < 2:
                bad[a] = rng.choice((bad[a] ^ 1 << rng.randrange(8), 0, 255, rng.randrange(256)))
            elif kind == 2:
                bad[a:a + size] = rng.randbytes(len(bad[a:a + size]))
            elif kind == 3:
                del bad[a:a + size]
            elif kind == 4:
                bad[a:a] = bad[rng.randrange(len(bad)):][:size]
            else:
                bad[a:a + size] = rng.choice(pool)[a:a + size]
            bad = bad or bytearray(b"x")
        bad = bytes(bad)
        if rng.random() < .3 and len(bad) > 400:                        # let the structure behind commitment and MAC be reached
            edit = [(rng.choice((10, 11, 12, 13, 15, 80, 82, 83, 95, 96, 97, 101, 102, 103, rng.randrange(216))), rng.randrange(256))
                    for _ in range(2)]
            bad = reheader(bad, lambda h: [h.__setitem__(*e) for e in edit])
        if rng.random() < .4 and len(bad) > 400:
            t = bad[-128:-8]
            if rng.random() < .5:
                t = t[:rng.choice((16, 24, 32))] + rng.choice((bytes(8), b"\xff" * 8, rng.randbytes(8), r.b(rng.randrange(9), 8))) + t[40:88]
                t = r.TRAILER + t[8:88].ljust(80, b"\0")
            t = t[:88] + r.mac(r.schedule(KEY, bad[:48], b"tenant/object").seal, t[:88])
            bad = bad[:-128] + t + r.crc(t)
        results = list(both(bad).values()) + [r.read_range(KEY, b"tenant/object", bad, 100, 300)]
        for call in (runner.scrub, lambda s: r.read_metadata(KEY, b"tenant/object", s), lambda s: runner.trace(KEY, b"tenant/object", s)):
            try:
                call(bad)
            except r.StreamError as e:
                results.append((b"", e))
        for _, error in results:
            names[error.name if error else "ok"] = names.get(error.name if error else "ok", 0) + 1
            assert error is None or isinstance(error, r.StreamError)
    return f"{rounds} mutations, {names}"


def protocol():
    ask = [{"id": 1, "op": "version"}, {"id": 2, "op": "encrypt", "key": KEY.hex(), "plaintext": "aGVsbG8sIHN0cmVhbV92Mg==", "suite": 1, "digest": 0,
           "frame_log2": 8, "frames_log2": 0, "header_len": 256, "dangerous_stream_salt": bytes(range(0x40, 0x60)).hex(),
           "dangerous_salts": [bytes(range(0x80, 0x98)).hex()], "bytes": True}, {"id": 3, "op": "layout", "frame_log2": 16, "frames_log2": 6,
           "digest": 0, "header_len": 1024, "stream_len": 4198801, "at": 4194304, "wire_at": 4197520}, {"id": 4, "op": "nothing", "key": KEY.hex()}]

    def run(lines):
        done = subprocess.run([sys.executable, r.__file__], input="".join(json.dumps(q) + "\n" for q in lines), text=True, stdout=subprocess.PIPE)
        return [json.loads(line) for line in done.stdout.splitlines()]
    version, sealed, layout, wrong = run(ask)
    assert version["ok"] and layout["plaintext_len"] == 4194305 and layout["wire_place"]["offset"] == 4194304
    assert wrong == {"id": 4, "ok": False, "error": "BadRequest", "what": wrong["what"]}
    same = {"key": KEY.hex(), "stream": sealed["stream"]}
    rest = run([{"id": n, **q, **same} for n, q in enumerate((
        {"op": "decrypt", "mode": "pipe"}, {"op": "decrypt", "mode": "seekable"}, {"op": "range", "offset": 7, "length": 99, "bytes": True},
        {"op": "scrub"}, {"op": "trace"}, {"op": "metadata"}, {"op": "decrypt", "mode": "pipe", "context": "00"}))])
    assert all(a["ok"] for a in rest[:6]) and rest[3]["damage"] == [] and rest[2]["released"] == "c3RyZWFtX3Yy"
    assert rest[6] == {"id": 6, "ok": False, "released_len": 0, "released_sha256": r.sha256(b"").hex(), "error": "WrongKeyOrContext",
                       "offset": 0}
    return f"{len(ask) + len(rest)} requests"

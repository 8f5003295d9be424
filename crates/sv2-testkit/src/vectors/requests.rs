//! Vectors as requests of the line protocol of `docs/conformance/README.md`.

use serde_json::{Map, Value, json};

use super::encode::{base64, hex};
use super::model::{
    Body, Ends, LayoutRow, Mode, Named, Opener, Origin, Reading, SparseCase, StreamCase, Table,
    Vector, Verdict,
};
use crate::mutate::flip;
use crate::reference::primitives::{crc64, sha256};
use crate::reference::{Params, SegmentTrace};

/// The longest stream, in bytes, whose intermediate values are written out, and which stands in
/// files of vectors as it is.
pub const WRITTEN_OUT: usize = 16 << 10;

/// One request and what its answer must hold. The contents stand beside it, because they may be
/// too long for a line.
pub struct Check<'a> {
    /// The vector.
    pub vector: &'a str,
    /// The layer of the vector.
    pub layer: &'static str,
    /// `pipe`, `seekable`, `range`, `metadata`, `scrub`, `slots`, `writer`, `layout`, `trace`, or
    /// what [`crate::protocol::mode`] says of a request.
    pub mode: &'static str,
    /// The request but for `id`, `stream` and `plaintext`.
    pub request: Map<String, Value>,
    /// Members that the answer must have.
    pub expect: Map<String, Value>,
    /// Units that the list of a scrub must name among others.
    pub damage: Vec<Named>,
    /// The stream, for the member `stream`.
    pub stream: Option<&'a [u8]>,
    /// The plaintext, for the member `plaintext`.
    pub plaintext: Option<&'a [u8]>,
    /// The length and the pieces of a stream with holes, for the member `stream_file`.
    pub sparse: Option<&'a SparseCase>,
}

/// Hands every check of a vector to `sink`, in order.
pub fn each_check(vector: &Vector, sink: &mut dyn FnMut(Check<'_>)) {
    match &vector.body {
        Body::Stream(case) => stream_checks(vector, case, sink),
        Body::Table(table) => table_checks(vector, table, sink),
        Body::Layout(rows) => {
            for row in rows {
                let (request, expect) = layout_check(row);
                sink(check(vector, "layout", request, expect));
            }
        }
        Body::Sparse(sparse) => {
            for reading in &sparse.case.readings {
                let request = request(&sparse.case, &reading.mode);
                let checked = check(vector, reading.mode.name(), request, reading_expect(reading));
                sink(Check { sparse: Some(sparse), ..checked });
            }
        }
        Body::Requests(rows) => {
            for row in rows {
                let checked = check(vector, row.mode, row.request.clone(), row.expect.clone());
                sink(Check { vector: &row.name, ..checked });
            }
        }
        Body::Refusals(rows) => {
            for row in rows {
                let mode = if row.request["op"] == "encrypt" { "writer" } else { "pipe" };
                let expect = members(json!({"ok": false, "error": row.error}));
                sink(check(vector, mode, row.request.clone(), expect));
            }
        }
    }
}

fn check<'a>(
    vector: &'a Vector,
    mode: &'static str,
    request: Map<String, Value>,
    expect: Map<String, Value>,
) -> Check<'a> {
    let (name, layer) = (&vector.name[..], vector.layer);
    let damage = Vec::new();
    let (stream, plaintext, sparse) = (None, None, None);
    Check { vector: name, layer, mode, request, expect, damage, stream, plaintext, sparse }
}

fn stream_checks(vector: &Vector, case: &StreamCase, sink: &mut dyn FnMut(Check<'_>)) {
    for reading in &case.readings {
        let request = request(case, &reading.mode);
        let expect = reading_expect(reading);
        let stream = Some(&case.stream[..]);
        let mode = if case.opener.is_some() { "slots" } else { reading.mode.name() };
        sink(Check { stream, ..check(vector, mode, request, expect) });
    }
    let Some(origin) = case.origin.as_ref().filter(|_| case.swaps.is_empty()) else { return };
    if is_for_writers(&origin.params) {
        let request = writer_request(case, origin);
        let expect = members(json!({
            "ok": true,
            "stream_len": case.stream.len(),
            "stream_sha256": hex(&sha256(&case.stream)),
        }));
        let plaintext = Some(&case.plaintext[..]);
        sink(Check { plaintext, ..check(vector, "writer", request, expect) });
    }
    if case.stream.len() <= WRITTEN_OUT {
        let request = members(json!({"op": "trace", "key": hex(&case.key),
                                     "context": hex(&case.context)}));
        let expect = members(json!({"ok": true, "trace": trace(case, origin)}));
        sink(Check { stream: Some(&case.stream), ..check(vector, "trace", request, expect) });
    }
}

fn table_checks(vector: &Vector, table: &Table, sink: &mut dyn FnMut(Check<'_>)) {
    let base = &table.base;
    let both = |ends: &Ends, stream: &[u8], sink: &mut dyn FnMut(Check<'_>)| {
        let released = base.plaintext[..ends.pipe_released as usize].to_vec();
        let pipe = Reading { mode: Mode::Pipe, verdict: ends.pipe.clone(), released };
        let released = base.plaintext[..ends.seekable_released as usize].to_vec();
        let seekable = Reading { mode: Mode::Seekable, verdict: ends.seekable.clone(), released };
        for reading in [pipe, seekable] {
            let request = request(base, &reading.mode);
            let expect = reading_expect(&reading);
            let checked = check(vector, reading.mode.name(), request, expect);
            sink(Check { stream: Some(stream), ..checked });
        }
    };
    for row in &table.flips {
        for at in row.start..row.end {
            for bit in (0..8).filter(|bit| row.bits & (1 << bit) != 0) {
                both(&row.ends, &flip(&base.stream, at as usize, 1 << bit), sink);
            }
            // One scrub for each byte is enough: whichever bit it is, the unit is the same.
            let lowest = row.bits & row.bits.wrapping_neg();
            let stream = flip(&base.stream, at as usize, lowest);
            let request = members(json!({"op": "scrub"}));
            let checked = check(vector, "scrub", request, members(json!({"ok": true})));
            sink(Check { damage: vec![row.scrub], stream: Some(&stream), ..checked });
        }
    }
    for row in &table.cuts {
        for len in row.start..row.end {
            both(&row.ends, &base.stream[..len as usize], sink);
        }
    }
    for row in &table.patches {
        both(&row.ends, &patched(&base.stream, &row.patches), sink);
    }
}

/// The stream with bytes replaced.
pub fn patched(stream: &[u8], patches: &[(u64, Vec<u8>)]) -> Vec<u8> {
    patches.iter().fold(stream.to_vec(), |stream, (at, bytes)| {
        crate::mutate::overwrite(&stream, *at as usize, bytes)
    })
}

fn layout_check(row: &LayoutRow) -> (Map<String, Value>, Map<String, Value>) {
    let mut request = members(json!({"op": "layout"}));
    request.extend(row.request.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    let expect = match &row.answer {
        Ok(answer) => {
            let mut expect = answer.clone();
            expect.insert("ok".to_owned(), json!(true));
            expect
        }
        Err(name) => members(json!({"ok": false, "error": name})),
    };
    (request, expect)
}

/// The request for a reading, without the stream.
pub(super) fn request(case: &StreamCase, mode: &Mode) -> Map<String, Value> {
    let op = match mode {
        Mode::Pipe | Mode::Seekable => "decrypt",
        other => other.name(),
    };
    let mut request = members(json!({"op": op}));
    if *mode == Mode::Scrub {
        return request;
    }
    match &case.opener {
        None => {
            request.insert("key".to_owned(), json!(hex(&case.key)));
        }
        Some(opener) => request.extend(opener_members(opener)),
    }
    request.insert("context".to_owned(), json!(hex(&case.context)));
    match mode {
        Mode::Pipe | Mode::Seekable => {
            request.insert("mode".to_owned(), json!(mode.name()));
        }
        Mode::Range { offset, len, trailer_now } => {
            request.insert("offset".to_owned(), json!(offset));
            request.insert("length".to_owned(), json!(len));
            if let Some(trailer) = trailer_now {
                request.insert("trailer_now".to_owned(), json!(base64(trailer)));
            }
        }
        Mode::Metadata | Mode::Scrub => {}
    }
    if let Some(most) = case.max_segment.filter(|_| *mode != Mode::Metadata) {
        request.insert("max_segment".to_owned(), json!(most));
    }
    request
}

/// What slots are opened with.
pub(super) fn opener_members(opener: &Opener) -> Map<String, Value> {
    let mut given = members(json!({"identities": opener.identities}));
    given.extend(opener.passphrase.map(|text| ("passphrase".to_owned(), json!(text))));
    given
}

/// What the answer to a reading must hold.
pub(super) fn reading_expect(reading: &Reading) -> Map<String, Value> {
    let mut expect = members(json!({"ok": reading.verdict.is_sound()}));
    let mut insert = |name: &str, value: Value| {
        expect.insert(name.to_owned(), value);
    };
    match &reading.verdict {
        Verdict::Sound(summary) => {
            insert("revision", json!(summary.revision));
            insert("generation", json!(summary.generation));
            insert("fingerprint", json!(summary.fingerprint.map(|bytes| hex(&bytes))));
        }
        Verdict::Metadata(text) => insert("metadata", json!(text)),
        Verdict::Damage(units) if units.is_empty() => insert("damage", json!([])),
        Verdict::Damage(units) => {
            let units: Vec<Value> =
                units.iter().map(|unit| Value::Object(named_members(unit))).collect();
            insert("damage_exactly", json!(units));
        }
        Verdict::Failed(kind, named, _) => {
            insert("error", json!(format!("{kind:?}")));
            for (name, value) in named_members(named) {
                insert(&name, value);
            }
            if let Some(offset) = reading.verdict.binding_offset() {
                insert("offset", json!(offset));
            }
        }
    }
    let is_whole = matches!(reading.mode, Mode::Pipe | Mode::Seekable);
    let is_range = matches!(reading.mode, Mode::Range { .. });
    if is_whole || is_range && reading.verdict.is_sound() {
        insert("released_len", json!(reading.released.len()));
        insert("released_sha256", json!(hex(&sha256(&reading.released))));
    }
    expect
}

/// Unit, segment and frame, where they are.
pub fn named_members(named: &Named) -> Map<String, Value> {
    let mut members = Map::new();
    members.extend(named.unit.map(|unit| ("unit".to_owned(), json!(unit))));
    members.extend(named.segment.map(|segment| ("segment".to_owned(), json!(segment))));
    members.extend(named.frame.map(|frame| ("frame".to_owned(), json!(frame))));
    members
}

/// Whether a writer of a new stream may write this: revision and generation 0, no sections but
/// slots, and the flag exactly where there are some.
pub fn is_for_writers(params: &Params) -> bool {
    params.revision == 0
        && params.generation == 0
        && params.sections.iter().all(|(kind, _)| *kind == 1)
        && params.slotted != params.sections.is_empty()
}

fn writer_request(case: &StreamCase, origin: &Origin) -> Map<String, Value> {
    let mut request = writer_members(origin);
    request.remove("revision");
    request.remove("generation");
    request.insert("op".to_owned(), json!("encrypt"));
    request.insert("key".to_owned(), json!(hex(&case.key)));
    request.insert("context".to_owned(), json!(hex(&case.context)));
    let salts: Vec<String> = origin.salts.iter().map(|salt| hex(salt)).collect();
    request.insert("dangerous_salts".to_owned(), json!(salts));
    request
}

/// What a writer is given, in the words of an encrypt request, but for the segment salts.
pub(super) fn writer_members(origin: &Origin) -> Map<String, Value> {
    let params = &origin.params;
    let sections: Vec<Value> =
        params.sections.iter().map(|(kind, body)| json!([kind, hex(body)])).collect();
    let mut given = members(json!({
        "suite": params.suite,
        "digest": params.digest,
        "frame_log2": params.frame_log2,
        "frames_log2": params.frames_log2,
        "slotted": params.slotted,
        "header_len": params.header_len,
        "revision": params.revision,
        "generation": params.generation,
        "sections": sections,
        "dangerous_stream_salt": hex(&params.stream_salt),
    }));
    if let Some((json, salt)) = &params.metadata {
        let text = String::from_utf8_lossy(json);
        given.insert("metadata".to_owned(), json!(text));
        given.insert("dangerous_metadata_salt".to_owned(), json!(hex(salt)));
    }
    given
}

/// The intermediate values, as the line protocol names them.
pub(super) fn trace(case: &StreamCase, origin: &Origin) -> Map<String, Value> {
    let trace = &origin.trace;
    let keys = &trace.keys;
    let header = &trace.header;
    let mac_at = header.len() - 40;
    let segments: Vec<Value> = trace.segments.iter().map(segment_trace).collect();
    members(json!({
        "core": hex(&header[..48]),
        "context_hash": hex(&sha256(&case.context)),
        "root": hex(&keys.root),
        "commitment": hex(&keys.commitment),
        "prk": hex(&keys.prk),
        "K_header": hex(&keys.k_header),
        "K_seal": hex(&keys.k_seal),
        "K_journal": hex(&keys.k_journal),
        "K_change": hex(&keys.k_change),
        "K_segments": hex(&keys.k_segments),
        "header_mac": hex(&header[mac_at..mac_at + 32]),
        "header_crc": hex(&header[mac_at + 32..]),
        "page_table": hex(&trace.page_hashes.concat()),
        "index_root": hex(&trace.index_root),
        "seal": hex(&trace.seal),
        "trailer": hex(&trace.trailer),
        "fingerprint": hex(&trace.fingerprint),
        "stream_sha256": hex(&sha256(&case.stream)),
        "stream_crc": format!("{:016x}", crc64(&case.stream)),
        "stream_len": case.stream.len(),
        "segments": segments,
    }))
}

fn segment_trace(segment: &SegmentTrace) -> Value {
    let crcs: Vec<String> =
        segment.frames.iter().map(|frame| format!("{:016x}", frame.crc)).collect();
    json!({
        "header": hex(&segment.header),
        "key": hex(&segment.key),
        "base_nonce": hex(&segment.base_nonce),
        "digest": hex(&segment.digest),
        "crc": format!("{:016x}", segment.crc),
        "frame_crcs": crcs,
    })
}

/// The members of an object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

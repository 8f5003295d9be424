//! New versions of a sealed stream: other slots and metadata, or more plaintext.

use serde_json::{Value, json};

use super::age_files::{SCRYPT, X25519};
use super::asked::{about, row, told, vector};
use super::base::{KEY, LEN, painted_salt, sound, tiny};
use super::changed::{HEADER_LEN, both_headers, copy_start, trailer};
use super::encode::{base64, hex, unhex};
use super::ends::named;
use super::model::{RequestRow, StreamCase, Vector};
use super::slots::age_slot;
use crate::mutate::{find, flip, regions};
use crate::paint::paint;
use crate::protocol::Members;
use crate::reference::Params;
use crate::reference::forge::{refresh_crc, reseal_header};
use crate::reference::primitives::sha256;

pub(super) fn vectors() -> Vec<Vector> {
    vec![
        vector(
            "rewrites",
            "header",
            "Other slots and metadata under the next revision, and rewrites that are refused (F-1107).",
            named("rewrite", rewrites()),
        ),
        vector(
            "appends",
            "segment",
            "More plaintext under the next generation, and appends that are refused (F-1109).",
            named("append", appends()),
        ),
    ]
}

/// A slot of a private kind.
fn slot(number: u8, len: usize) -> Vec<u8> {
    [&[0x80, number][..], &vec![number; len]].concat()
}

fn slotted() -> StreamCase {
    let metadata = Some((br#"{"name":"a"}"#.to_vec(), painted_salt(2, 0)));
    let sections = vec![(1, slot(1, 9)), (0x8001, b"kept".to_vec()), (1, slot(2, 4))];
    let params = Params { slotted: true, header_len: 384, sections, metadata, ..tiny() };
    sound(&params, LEN)
}

fn rewrite(stream: &[u8], slots: &[Vec<u8>], more: Value) -> Members {
    let slots: Vec<String> = slots.iter().map(|slot| hex(slot)).collect();
    let mut request = about(stream, json!({"op": "rewrite", "slots": slots}));
    if let Value::Object(more) = more {
        request.extend(more);
    }
    request
}

fn rewrites() -> Vec<RequestRow> {
    let base = slotted();
    let (stream, end) = (&base.stream, base.stream.len());
    let copy = find(&regions(stream), "copy.magic", None, None).start;
    let len = 384;
    let one = vec![slot(3, 20)];
    let ask = |name: &str, stream: &[u8], slots: &[Vec<u8>], written: &str| {
        row(name, rewrite(stream, slots, json!({})), written)
    };
    let resealed = |at: usize, value: u8| {
        let mut stream = stream.clone();
        for start in [0, copy] {
            stream[start + at] = value;
            reseal_header(&KEY, b"vectors", &mut stream[start..start + len]);
        }
        stream
    };
    let mut last = stream.clone();
    for start in [0, copy] {
        last[start + 88..start + 96].fill(0xFF);
        reseal_header(&KEY, b"vectors", &mut last[start..start + len]);
    }
    let mut newer = stream.clone();
    newer[95] = 7;
    reseal_header(&KEY, b"vectors", &mut newer[..len]);
    let mut seal = stream.clone();
    seal[end - 20] ^= 1;
    refresh_crc(&mut seal[end - 128..]);
    let salt = hex(&painted_salt(3, 0));
    let with = |text: &str| json!({"metadata": text, "dangerous_metadata_salt": salt});
    let many: Vec<Vec<u8>> = (0..65).map(|number| slot(number, 0)).collect();
    let wide = sound(&Params { slotted: true, header_len: 4096, ..tiny() }, 100).stream;
    let frame = find(&regions(stream), "frame.ciphertext", Some(0), Some(0)).start;
    let unfit = json!({"ok": false, "error": "Malformed"});
    vec![
        ask("another slot", stream, &one, "revision 1, generation 0"),
        ask(
            "three slots",
            stream,
            &[slot(1, 9), slot(2, 4), slot(3, 3)],
            "revision 1, generation 0",
        ),
        row(
            "other metadata",
            rewrite(stream, &one, with(r#"{"name":"b"}"#)),
            "revision 1, generation 0",
        ),
        row(
            "no metadata",
            rewrite(stream, &one, json!({"metadata": null})),
            "revision 1, generation 0",
        ),
        ask("a damaged front", &flip(stream, 70, 1), &one, "revision 1, generation 0"),
        ask("a damaged copy", &flip(stream, copy + 70, 1), &one, "revision 1, generation 0"),
        ask("a front that is newer", &newer, &one, "revision 8, generation 0"),
        ask("a damaged frame", &flip(stream, frame, 1), &one, "revision 1, generation 0"),
        ask("a damaged page table", &flip(stream, end - 129, 1), &one, "revision 1, generation 0"),
        ask("the last revision", &last, &one, "Limit"),
        ask("a slot that does not fit", stream, &[slot(3, 250)], "Limit"),
        ask("65 slots", &wide, &many, "Limit"),
        ask("a slot that is no age file", &wide, &[age_slot(b"no age file").1], "Malformed header"),
        ask(
            "two passphrase slots",
            &wide,
            &[age_slot(&unhex(SCRYPT)).1, age_slot(&unhex(SCRYPT)).1],
            "Malformed header",
        ),
        ask("an age slot", &wide, &[age_slot(&unhex(X25519)).1], "revision 1, generation 0"),
        told("metadata that are an array", rewrite(stream, &one, with("[]")), unfit),
        ask("a wrong seal", &seal, &one, "AuthenticationFailed seal"),
        ask("a missing trailer", &stream[..end - 128], &one, "Unsealed"),
        ask(
            "a slot for a stream without the flag",
            &sound(&tiny(), 100).stream,
            &one,
            "BadRequest",
        ),
        ask("a header with an unknown section", &resealed(96, 0x70), &one, "Unsupported header"),
    ]
}

fn appends() -> Vec<RequestRow> {
    let base = sound(&tiny(), LEN);
    let (stream, end) = (&base.stream, base.stream.len());
    let all = regions(stream);
    let copy = copy_start(&base);
    let request = |stream: &[u8], len: usize| {
        let salts: Vec<String> = (0..4).map(|index| hex(&painted_salt(5, index))).collect();
        let more: Vec<u8> = paint(len).iter().map(|byte| byte ^ 0x5A).collect();
        about(stream, json!({"op": "append", "plaintext": base64(&more), "dangerous_salts": salts}))
    };
    let ask = |name: &str, stream: &[u8], len: usize, written: &str| {
        row(name, request(stream, len), written)
    };
    let text = |segment, frame| find(&all, "frame.ciphertext", Some(segment), Some(frame)).start;
    let entry = find(&all, "index.salt", Some(0), None).start;
    let mut newer = stream.clone();
    newer[95] = 4;
    reseal_header(&KEY, b"vectors", &mut newer[..HEADER_LEN]);
    let revised = both_headers(&base, |header| header[95] = 5);
    let revised = trailer(&base.with_stream(revised), |trailer| trailer[79] = 5);
    let last = trailer(&base, |trailer| trailer[16..24].fill(0xFF));
    let mut foreign = request(stream, 9);
    foreign.insert("context".to_owned(), json!(""));
    vec![
        ask("to a short segment", stream, 600, "revision 0, generation 1"),
        ask("within the short segment", stream, 9, "revision 0, generation 1"),
        ask("up to the end of a segment", stream, 236, "revision 0, generation 1"),
        ask("to a full segment", &sound(&tiny(), 1024).stream, 9, "revision 0, generation 1"),
        ask("to an empty stream", &sound(&tiny(), 0).stream, 700, "revision 0, generation 1"),
        ask("of nothing", stream, 0, "revision 0, generation 0"),
        ask(
            "to another generation",
            &trailer(&base, |it| it[23] = 6),
            9,
            "revision 0, generation 7",
        ),
        ask("to a damaged front", &flip(stream, 70, 1), 9, "revision 0, generation 1"),
        ask("to a damaged copy", &flip(stream, copy + 70, 1), 9, "revision 0, generation 1"),
        ask("to a front that is newer", &newer, 9, "revision 4, generation 1"),
        ask("to another revision", &revised, 9, "revision 5, generation 1"),
        ask(
            "behind a damaged full segment",
            &flip(stream, text(0, 1), 1),
            9,
            "revision 0, generation 1",
        ),
        ask(
            "to a damaged short segment",
            &flip(stream, text(2, 0), 1),
            9,
            "ChecksumMismatch frame 2 0",
        ),
        ask("to a short segment with another digest", &other_digest(&base), 9, "DigestMismatch 2"),
        ask("to a damaged index", &flip(stream, entry, 1), 9, "AuthenticationFailed index"),
        ask(
            "to a damaged page table",
            &flip(stream, end - 129, 1),
            9,
            "AuthenticationFailed index",
        ),
        ask("to the last generation", &last, 9, "Limit"),
        ask("to a missing trailer", &stream[..end - 128], 9, "Unsealed"),
        ask("to a followed stream", &[stream, &b"\n"[..]].concat(), 9, "Unsealed"),
        row("under another context", foreign, "WrongKeyOrContext"),
    ]
}

/// The stream with another sealed digest of its last segment.
fn other_digest(base: &StreamCase) -> Vec<u8> {
    let mut stream = base.stream.clone();
    let all = regions(&stream);
    let index = find(&all, "index.salt", Some(0), None).start;
    let table = find(&all, "page_table.hash", None, None).start;
    stream[find(&all, "index.digest", Some(2), None).start] ^= 1;
    let page = sha256(&stream[index..table]);
    stream[table..table + 32].copy_from_slice(&page);
    trailer(&base.with_stream(stream), |trailer| trailer[40..72].copy_from_slice(&sha256(&page)))
}

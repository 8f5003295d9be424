//! Streams whose end is missing, and streams that something follows; metadata on a pipe.

use serde_json::{Value, json};

use super::asked::{about, row, told, vector};
use super::base::{LEN, painted_salt, sound, stream_salt, tiny};
use super::changed::{HEADER_LEN, both_headers, copy_start, trailer};
use super::model::{RequestRow, Vector};
use crate::mutate::{Region, find, flip, overwrite, regions};
use crate::reference::Params;
use crate::reference::forge::{refresh_crc, reseal_header};

pub(super) fn vectors() -> Vec<Vector> {
    vec![
        vector(
            "unsealed-reads",
            "end",
            "Streams without their end, read from the front because the caller asks for it (F-826).",
            unsealed(),
        ),
        vector(
            "followed-streams",
            "end",
            "Sealed streams that something follows, which the caller asks to leave alone (F-839).",
            followed(),
        ),
        vector(
            "piped-metadata",
            "metadata",
            "Metadata as a pipe has them: from the front header alone (F-340).",
            piped_metadata(),
        ),
    ]
}

fn at(stream: &[u8], name: &str, segment: u64, frame: u32) -> Region {
    find(&regions(stream), name, Some(segment), Some(frame)).clone()
}

fn unsealed() -> Vec<RequestRow> {
    let base = sound(&tiny(), LEN);
    let stream = &base.stream;
    let tail = copy_start(&base);
    let second = find(&regions(stream), "segment.magic", Some(1), None).start;
    let header_of = |segment| find(&regions(stream), "segment.salt", Some(segment), None).start;
    let other = super::base::sound_with(
        &tiny(),
        &mut |index| painted_salt(9, index),
        &crate::paint::paint(LEN),
    );
    let attempt = overwrite(stream, HEADER_LEN, &other.stream[HEADER_LEN..second]);
    let mut seal = stream.clone();
    let end = seal.len();
    seal[end - 20] ^= 1;
    refresh_crc(&mut seal[end - 128..]);
    let ask = |name: &str, stream: &[u8], written: &str| {
        row(name, about(stream, json!({"op": "decrypt", "mode": "unsealed"})), written)
    };
    let mut rows = vec![
        ask("a sealed stream", stream, "sealed, 1300 released"),
        ask("nothing", &[], "NotAStream"),
        ask("a header that is cut", &stream[..200], "Unsealed"),
        ask("a header alone", &stream[..HEADER_LEN], "unsealed, 0 released"),
        ask("cut in segment 1", &stream[..second + 500], "unsealed, 512 released"),
        ask("cut in front of segment 1", &stream[..second], "unsealed, 512 released"),
        ask("the last footer cut", &stream[..tail - 3], "unsealed, 1300 released"),
        ask("the tail missing", &stream[..tail], "unsealed, 1300 released"),
        ask("the trailer cut", &stream[..end - 1], "unsealed, 1300 released"),
        ask(
            "a frame damaged",
            &flip(stream, at(stream, "frame.ciphertext", 1, 1).start, 1),
            "unsealed, 512 released, damaged behind",
        ),
        ask(
            "a segment header damaged",
            &flip(stream, header_of(2), 1),
            "unsealed, 1024 released, damaged behind",
        ),
        ask("a wrong seal", &seal, "unsealed, 1300 released, damaged behind"),
        ask("an earlier attempt", &attempt, "unsealed, 1300 released, damaged behind"),
        ask(
            "a byte behind",
            &[stream, &[0][..]].concat(),
            "unsealed, 1300 released, damaged behind",
        ),
        ask("a damaged header", &flip(stream, 60, 1), "ChecksumMismatch header"),
    ];
    let mut foreign = about(&stream[..tail], json!({"op": "decrypt", "mode": "unsealed"}));
    foreign.insert("key".to_owned(), json!("11".repeat(32)));
    rows.push(row("another key", foreign, "WrongKeyOrContext"));
    named("unsealed", rows)
}

/// The rows under names that begin alike.
pub(super) fn named(start: &str, rows: Vec<RequestRow>) -> Vec<RequestRow> {
    let rename = |row: RequestRow| RequestRow { name: format!("{start}: {}", row.name), ..row };
    rows.into_iter().map(rename).collect()
}

fn followed() -> Vec<RequestRow> {
    let stream = sound(&tiny(), LEN).stream;
    let empty = sound(&tiny(), 0).stream;
    let end = stream.len();
    let sibling = sound(&Params { stream_salt: stream_salt(9), ..tiny() }, 700).stream;
    let lost_front = overwrite(&stream, 0, &[0; 300]);
    let frame = at(&stream, "frame.ciphertext", 0, 1).start;
    let last = find(&regions(&stream), "segment.crc", Some(2), None).start;
    let with = |stream: &[u8], more: &[u8]| [stream, more].concat();
    let mut rows = Vec::new();
    let mut ask = |name: &str, stream: &[u8], [pipe, seekable]: [&str; 2]| {
        for (mode, written) in [("pipe", pipe), ("seekable", seekable)] {
            let asked = json!({"op": "decrypt", "mode": mode, "trailing": "ignore"});
            rows.push(row(&format!("{name}, {mode}"), about(stream, asked), written));
        }
    };
    let all = ["1300 released"; 2];
    ask("nothing", &stream, all);
    ask("a line feed", &with(&stream, b"\n"), all);
    ask("zeros", &with(&stream, &[0; 700]), all);
    ask("bytes and zeros", &with(&stream, &[&[0x55; 90][..], &[0; 300]].concat()), all);
    ask("the trailer once more", &with(&stream, &stream[end - 128..]), all);
    ask("another stream", &with(&stream, &sibling), all);
    ask("behind an empty stream", &with(&empty, &[7; 40]), ["0 released"; 2]);
    ask(
        "behind a stream that is cut",
        &with(&stream[..end - 1], &[0; 40]),
        // On a pipe the first of the zeros takes the place of the lost byte.
        ["1300 released", "1300 released"],
    );
    ask("behind a lost front", &with(&lost_front, b"\n"), ["NotAStream", "NotAStream"]);
    ask("behind a damaged last segment header", &with(&flip(&stream, last, 1), &[0; 40]), all);
    ask(
        "behind a damaged frame",
        &with(&flip(&stream, frame, 1), b"\n"),
        ["ChecksumMismatch frame 0 1"; 2],
    );
    let junk = with(&stream, &[&[0x55; 90][..], &[0; 300]].concat());
    let other = |name: &str, stream: &[u8], more: Value, written: &str| {
        let mut request = about(stream, more);
        request.insert("trailing".to_owned(), json!("ignore"));
        row(name, request, written)
    };
    rows.push(other(
        "a range",
        &junk,
        json!({"op": "range", "offset": 500, "length": 900}),
        "800 released",
    ));
    rows.push(other("a scrub", &junk, json!({"op": "scrub"}), "success"));
    rows.push(other(
        "a scrub of damage",
        &flip(&junk, frame, 1),
        json!({"op": "scrub"}),
        "frame 0 1",
    ));
    rows.push(other("a verification", &junk, json!({"op": "verify"}), "success"));
    named("followed", rows)
}

fn piped_metadata() -> Vec<RequestRow> {
    let with = |json: &[u8]| {
        let metadata = Some((json.to_vec(), painted_salt(2, 0)));
        sound(&Params { metadata, header_len: 320, ..tiny() }, 600).stream
    };
    let text = br#"{"name":"report.txt"}"#;
    let stream = with(text);
    let small = Params { metadata: Some((b"{}".to_vec(), painted_salt(2, 0))), ..tiny() };
    let base = sound(&small, 600);
    let altered = both_headers(&base, |header| header[96 + 6 + 24] ^= 1);
    // A rewrite that stopped behind the front: no seal vouches for it yet.
    let mut newer = base.stream.clone();
    newer[95] += 1;
    reseal_header(&base.key, b"vectors", &mut newer[..HEADER_LEN]);
    let stale = trailer(&base, |trailer| trailer[79] = 3);
    let none = sound(&tiny(), 600).stream;
    let request = |stream: &[u8]| about(stream, json!({"op": "metadata", "mode": "pipe"}));
    let ask = |name: &str, stream: &[u8], written: &str| row(name, request(stream), written);
    let mut foreign = request(&stream);
    foreign.insert("context".to_owned(), json!(""));
    let refused = json!({"ok": false, "error": "Malformed", "unit": "metadata"});
    named(
        "piped metadata",
        vec![
            ask("of a sealed stream", &stream, r#"{"name":"report.txt"}"#),
            ask("none", &none, "null"),
            ask("of a header alone", &stream[..320], r#"{"name":"report.txt"}"#),
            ask("of a header that is cut", &stream[..319], "Unsealed"),
            ask("of a front that is newer than the seal", &newer, "{}"),
            ask("of a front that is older than the seal", &stale, "{}"),
            ask("of a damaged front", &flip(&stream, 60, 1), "ChecksumMismatch header"),
            ask("without a magic", &flip(&stream, 0, 1), "NotAStream"),
            ask("that do not open", &altered, "AuthenticationFailed metadata"),
            row("under another context", foreign, "WrongKeyOrContext"),
            told("that are an array", request(&with(b"[]")), refused),
        ],
    )
}

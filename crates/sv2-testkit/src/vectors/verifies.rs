//! Verifications with the key: whole lists of damage, by offset.

use serde_json::json;

use super::asked::{about, row, told, vector};
use super::base::{LEN, painted_salt, sound, sound_with, tiny};
use super::changed::{HEADER_LEN, both_headers, copy_start, trailer, with_right_crc};
use super::ends::named;
use super::model::{RequestRow, Vector};
use crate::mutate::{find, flip, overwrite, regions};
use crate::paint::paint;
use crate::reference::Params;
use crate::reference::forge::{refresh_crc, reseal_header};
use crate::reference::primitives::sha256;

pub(super) fn vectors() -> Vec<Vector> {
    vec![vector(
        "verifications",
        "frame",
        "Everything that a verification with the key lists, or the error that it ends in (F-829).",
        named("verify", rows()),
    )]
}

fn rows() -> Vec<RequestRow> {
    let base = sound(&tiny(), LEN);
    let stream = &base.stream;
    let (end, copy) = (stream.len(), copy_start(&base));
    let all = regions(stream);
    let field = |name: &str, segment: u64| find(&all, name, Some(segment), None).start;
    let in_frame =
        |name: &str, segment: u64, frame: u32| find(&all, name, Some(segment), Some(frame)).start;
    let ask = |name: &str, stream: &[u8], written: &str| {
        row(name, about(stream, json!({"op": "verify"})), written)
    };
    let flipped = |at: usize| flip(stream, at, 1);
    let repaired = |at: usize, start: usize, len: usize| {
        with_right_crc(&base, at, &[stream[at] ^ 1], start..start + len)
    };
    let text = in_frame("frame.ciphertext", 1, 0);
    let frame = in_frame("frame.header", 1, 0);
    let first = field("segment.magic", 0);
    let second = field("segment.magic", 1);
    let footer = field("footer.crc", 1);
    let entry = field("index.crc", 1);
    let other = sound_with(&tiny(), &mut |index| painted_salt(9, index), &paint(LEN)).stream;
    let attempt = overwrite(stream, first, &other[first..first + 64]);
    let planted = repaired(96, 0, HEADER_LEN);
    let mut newer = stream.clone();
    newer[95] += 1;
    reseal_header(&base.key, b"vectors", &mut newer[..HEADER_LEN]);
    let mut seal = stream.clone();
    seal[end - 20] ^= 1;
    refresh_crc(&mut seal[end - 128..]);
    let many = [HEADER_LEN - 1, first + 30, text, footer, copy + 70, end - 1]
        .into_iter()
        .fold(stream.clone(), |stream, at| flip(&stream, at, 1));
    let mut foreign = about(stream, json!({"op": "verify"}));
    foreign.insert("key".to_owned(), json!("11".repeat(32)));
    let metadata =
        |json: &[u8]| Params { metadata: Some((json.to_vec(), painted_salt(2, 0))), ..tiny() };
    let closed = both_headers(&sound(&metadata(b"{}"), 600), |header| header[96 + 6 + 24] ^= 1);
    let unfit = sound(&metadata(b"[]"), 600).stream;
    let listed = json!({"ok": true, "damage_exactly": [{"unit": "metadata", "offset": 0}]});
    vec![
        ask("a sound stream", stream, "success"),
        ask("an empty stream", &sound(&tiny(), 0).stream, "success"),
        ask("a flipped ciphertext", &flipped(text), "frame 1 0"),
        ask(
            "a flipped ciphertext under right checksums",
            &forged(&base, text),
            "frame 1 0, footer 1",
        ),
        ask("a frame header", &flipped(frame + 3), "frame 1 0"),
        ask("a frame header under a right checksum", &repaired(frame + 3, frame, 288), "frame 1 0"),
        ask("a frame's checksum", &flipped(frame + 287), "frame 1 0"),
        ask("a segment header", &flipped(second + 30), "segment 1"),
        ask("a segment header's checksum", &flipped(second + 60), "segment 1"),
        ask("the header of an earlier attempt", &attempt, "segment 0, footer 0"),
        ask("a footer's checksum", &flipped(footer), "footer 1"),
        ask("a footer's digest", &flipped(footer - 30), "footer 1"),
        ask("the front", &flipped(60), "header"),
        ask("the front's checksum", &flipped(HEADER_LEN - 1), "header"),
        ask("a front that was planted", &planted, "header"),
        ask("a front that is newer", &newer, "header copy"),
        ask("the copy", &flipped(copy + 60), "header copy"),
        ask("the copy's checksum", &flipped(copy + HEADER_LEN - 1), "header copy"),
        ask("the trailer's checksum", &flipped(end - 1), "trailer"),
        ask("six places", &many, "header, segment 0, frame 1 0, footer 1, header copy, trailer"),
        ask("an index entry", &flipped(entry), "AuthenticationFailed index"),
        ask("the page table", &flipped(end - 129), "AuthenticationFailed index"),
        ask("the seal", &seal, "AuthenticationFailed seal"),
        ask("another length", &trailer(&base, |it| it[39] ^= 1), "Malformed trailer"),
        ask("a missing trailer", &stream[..end - 128], "Unsealed"),
        ask("a digest that a holder of the key forged", &other_digest(), "footer 0"),
        ask("metadata that do not open", &closed, "metadata"),
        told("metadata that are an array", about(&unfit, json!({"op": "verify"})), listed),
        row("another key", foreign, "WrongKeyOrContext"),
    ]
}

/// A byte changed by someone without the key, who makes right every checksum that covers it.
fn forged(base: &super::model::StreamCase, at: usize) -> Vec<u8> {
    let mut stream = base.stream.clone();
    let regions = regions(&stream);
    let of = |name: &str, frame| find(&regions, name, Some(1), frame);
    let frame = of("frame.header", Some(0)).start..of("frame.crc", Some(0)).end;
    let segment = of("segment.magic", None).start..of("footer.crc", None).end;
    stream[at] ^= 1;
    refresh_crc(&mut stream[frame]);
    refresh_crc(&mut stream[segment]);
    stream
}

/// A stream whose index and footer have another digest of segment 0, sealed by a holder of the key.
fn other_digest() -> Vec<u8> {
    let base = sound(&tiny(), LEN);
    let mut stream = base.stream.clone();
    let regions = regions(&stream);
    let digest = find(&regions, "footer.digest", Some(0), None);
    let first = find(&regions, "segment.magic", Some(0), None).start;
    let second = find(&regions, "segment.magic", Some(1), None).start;
    stream[digest.start] ^= 1;
    refresh_crc(&mut stream[first..second]);
    let index = find(&regions, "index.salt", Some(0), None).start;
    let footer = stream[second - 40..second].to_vec();
    stream[index + 24..index + 64].copy_from_slice(&footer);
    let table = find(&regions, "page_table.hash", None, None).start;
    let page = sha256(&stream[index..table]);
    stream[table..table + 32].copy_from_slice(&page);
    let changed = base.with_stream(stream);
    trailer(&changed, |trailer| trailer[40..72].copy_from_slice(&sha256(&page)))
}

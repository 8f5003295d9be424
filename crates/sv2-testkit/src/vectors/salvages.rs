//! Salvages of damaged files: what opens, what is lost, and what nothing confirms.

use serde_json::json;

use super::asked::{about, row, vector};
use super::base::{LEN, painted_salt, sound, sound_with, stream_salt, tiny};
use super::changed::{HEADER_LEN, copy_start};
use super::ends::named;
use super::model::{RequestRow, Vector};
use crate::mutate::{find, flip, insert, overwrite, regions, remove};
use crate::paint::paint;
use crate::reference::Params;

pub(super) fn vectors() -> Vec<Vector> {
    vec![vector(
        "salvages",
        "frame",
        "What a salvage gets out of a damaged file, and what it says of the rest (F-833).",
        named("salvage", rows()),
    )]
}

fn rows() -> Vec<RequestRow> {
    let base = sound(&tiny(), LEN);
    let stream = &base.stream;
    let (end, copy) = (stream.len(), copy_start(&base));
    let all = regions(stream);
    let start = |segment| find(&all, "segment.magic", Some(segment), None).start;
    let text = |segment, frame| find(&all, "frame.ciphertext", Some(segment), Some(frame)).start;
    let entry = |segment| find(&all, "index.salt", Some(segment), None).start;
    let mut rows = Vec::new();
    let mut ask = |name: &str, stream: &[u8], written: &str| {
        for (gaps, more) in [("zero", ""), ("skip", ", gaps left out")] {
            // Only what is lost makes a difference.
            if gaps == "zero" || written.contains("lost") {
                let request = about(stream, json!({"op": "salvage", "gaps": gaps}));
                let lost: u64 = ranges(written, "lost").map(|(start, end)| end - start).sum();
                let all: u64 = ranges(written, "of").map(|(_, end)| end).sum();
                let released = if gaps == "zero" { all } else { all - lost };
                let text = written.split(" of ").next().unwrap_or(written);
                let written = match all {
                    0 if !written.contains(" of ") => written.to_owned(),
                    _ => format!("{text}, {all} in all, {released} released"),
                };
                rows.push(row(&format!("{name}{more}"), request, &written));
            }
        }
    };
    ask("a sound stream", stream, "sealed of 0-1300");
    ask("an empty stream", &sound(&tiny(), 0).stream, "sealed of 0-0");
    ask("a damaged frame", &flip(stream, text(0, 1), 1), "sealed, lost 256-512 of 0-1300");
    ask("a lost front", &overwrite(stream, 0, &[0; 200]), "sealed of 0-1300");
    ask("a lost segment header", &overwrite(stream, start(1), &[0; 64]), "sealed of 0-1300");
    ask(
        "segment 1 cut out",
        &remove(stream, start(1)..start(2)),
        "sealed, lost 512-1024 of 0-1300",
    );
    ask(
        "bytes within a frame",
        &insert(stream, text(1, 0) + 9, &[0x55; 70]),
        "sealed, lost 512-768 of 0-1300",
    );
    ask(
        "bytes missing within a frame",
        &remove(stream, text(1, 0) + 9..text(1, 0) + 40),
        "sealed, lost 512-768 of 0-1300",
    );
    ask("the first sector gone", &remove(stream, 0..300), "sealed of 0-1300");
    let moved = stream[start(0)..start(1)].to_vec();
    ask(
        "segment 0 at the end",
        &[&remove(stream, start(0)..start(1)), &moved[..]].concat(),
        "sealed of 0-1300",
    );
    ask("a line feed behind", &[stream, &b"\n"[..]].concat(), "sealed of 0-1300");
    ask("two streams under one key", &[stream, &second_stream()[..]].concat(), "sealed of 0-700");
    ask(
        "a damaged page of the index",
        &flip(stream, entry(1), 1),
        "sealed, unconfirmed 0-1300 of 0-1300",
    );
    let no_page = flip(stream, entry(1), 1);
    ask(
        "a damaged page and segment header",
        &overwrite(&no_page, start(1), &[0; 64]),
        "sealed, lost 512-1024, unconfirmed 0-512, unconfirmed 1024-1300 of 0-1300",
    );
    ask(
        "a damaged page table",
        &flip(stream, end - 129, 1),
        "sealed, unconfirmed 0-1300 of 0-1300",
    );
    ask("a lost trailer", &stream[..end - 128], "unsealed, unconfirmed 0-1300 of 0-1300");
    ask(
        "a lost trailer and segment header",
        &overwrite(&stream[..end - 128], start(1), &[0; 64]),
        "unsealed, unconfirmed 0-1300 of 0-1300",
    );
    ask("a lost tail", &stream[..copy], "unsealed, unconfirmed 0-1300 of 0-1300");
    ask(
        "cut within segment 2",
        &stream[..text(2, 1) + 3],
        "unsealed, lost 1280-1300, unconfirmed 0-1280 of 0-1300",
    );
    ask(
        "cut behind the last segment header",
        &stream[..start(2) + 70],
        "unsealed, unconfirmed 0-1024 of 0-1024",
    );
    ask(
        "a lost tail and segment header",
        &overwrite(&stream[..copy], start(1), &[0; 64]),
        "unsealed, lost 512-1024, unconfirmed 0-512, unconfirmed 1024-1300 of 0-1300",
    );
    ask("a header alone", &stream[..HEADER_LEN], "unsealed of 0-0");
    ask("a tail alone", &stream[copy..], "sealed, lost 0-1300 of 0-1300");
    ask(
        "a segment and the copy of the header",
        &[&stream[start(0)..start(1)], &stream[copy..copy + HEADER_LEN]].concat(),
        "unsealed, unconfirmed 0-512 of 0-512",
    );
    ask(
        "an earlier attempt at segment 0",
        &attempt(stream, start(0)..start(1)),
        "sealed, lost 0-512 of 0-1300",
    );
    ask(
        "an earlier attempt without a tail",
        &attempt(stream, start(0)..start(1))[..copy],
        "unsealed, unconfirmed 0-1300 of 0-1300",
    );
    ask("no stream at all", &[0x55; 3000], "NotAStream");
    ask(
        "a front that is damaged, and no copy",
        &flip(stream, 60, 1)[..copy],
        "ChecksumMismatch header",
    );
    let mut foreign = about(stream, json!({"op": "salvage", "gaps": "zero"}));
    foreign.insert("key".to_owned(), json!("11".repeat(32)));
    rows.push(row("another key", foreign, "WrongKeyOrContext"));
    rows
}

/// The ranges behind a word, such as `lost 0-256`.
fn ranges<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (u64, u64)> + 'a {
    let words = text.split([' ', ',']).filter(|part| !part.is_empty());
    let pairs = words.clone().zip(words.skip(1));
    pairs.filter(move |(first, _)| *first == word).filter_map(|(_, range)| {
        let (start, end) = range.split_once('-')?;
        Some((start.parse().ok()?, end.parse().ok()?))
    })
}

fn second_stream() -> Vec<u8> {
    sound(&Params { stream_salt: stream_salt(9), ..tiny() }, 700).stream
}

/// The stream with the same bytes of an attempt under other salts.
fn attempt(stream: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
    let other = sound_with(&tiny(), &mut |index| painted_salt(9, index), &paint(LEN)).stream;
    overwrite(stream, range.start, &other[range.clone()])
}

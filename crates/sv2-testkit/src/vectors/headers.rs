//! Bad headers: fields, sections, the copy, and headers of another age.

use super::base::{LEN, bad, sound, tiny};
use super::changed::{HEADER_LEN, both_headers, copy_start};
use super::model::{StreamCase, Vector};
use crate::mutate::{flip, overwrite};
use crate::reference::Params;
use crate::reference::forge::reseal_header;

/// All vectors of the header layer but slots and metadata.
pub(super) fn vectors() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let mut vectors = fields(&base);
    vectors.extend(sections());
    vectors.extend(copies(&base));
    vectors.extend(revisions(&base));
    vectors.extend(limits(&base));
    vectors
}

/// Values that a holder of the key put into both headers.
fn fields(base: &StreamCase) -> Vec<Vector> {
    let cases: [(&str, usize, &[u8], &str); 22] = [
        ("version-0", 8, &[0, 0], "Unsupported header"),
        ("version-2", 8, &[0, 2], "Unsupported header"),
        ("version-256", 8, &[1, 0], "Unsupported header"),
        ("suite-0", 10, &[0], "Unsupported header"),
        ("suite-3", 10, &[3], "Unsupported header"),
        ("suite-255", 10, &[255], "Unsupported header"),
        ("digest-3", 11, &[3], "Unsupported header"),
        ("digest-255", 11, &[255], "Unsupported header"),
        ("frame-log2-0", 12, &[0], "Malformed header"),
        ("frame-log2-7", 12, &[7], "Malformed header"),
        ("frame-log2-21", 12, &[21], "Limit"),
        ("frame-log2-255", 12, &[255], "Limit"),
        ("frames-log2-15", 13, &[15], "Limit"),
        ("frames-log2-255", 13, &[255], "Limit"),
        ("segment-above-1-gib", 12, &[20, 11], "Limit"),
        ("segment-above-1-gib-by-frames", 12, &[17, 14], "Limit"),
        ("header-zero-bytes", 84, &[0, 0, 0, 1], "Malformed header"),
        ("section-of-critical-type-3", 96, &[0, 3], "Unsupported header"),
        ("section-of-critical-type-7fff", 96, &[0x7F, 0xFF], "Unsupported header"),
        ("byte-after-the-end-of-sections", 98, &[1], "Malformed header"),
        ("last-byte-before-the-mac", 215, &[1], "Malformed header"),
        ("version-before-suite", 8, &[0, 2, 9, 9], "Unsupported header"),
    ];
    cases
        .into_iter()
        .map(|(name, at, bytes, error)| {
            let change = |header: &mut [u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
            let stream = both_headers(base, change);
            let scenario = "A field of both headers is not one of version 1, under a right MAC.";
            bad(base.with_stream(stream), &format!("header-{name}"), "header", scenario, [error; 2])
        })
        .collect()
}

/// Section lists that no writer makes.
fn sections() -> Vec<Vector> {
    type Sections = Vec<(u16, Vec<u8>)>;
    let cases: [(&str, Sections, &str); 5] = [
        ("section-type-3", vec![(3, Vec::new())], "Unsupported header"),
        ("critical-after-skippable", vec![(0x8000, vec![1]), (9, vec![2])], "Unsupported header"),
        ("end-with-a-body", vec![(0, vec![1])], "Malformed header"),
        ("metadata-too-short", vec![(2, vec![0; 39])], "Malformed header"),
        ("metadata-twice", vec![(2, vec![0; 40]), (2, vec![0; 40])], "Malformed header"),
    ];
    let mut vectors: Vec<Vector> = cases
        .into_iter()
        .map(|(name, sections, error)| {
            let params = Params { sections, header_len: 512, ..tiny() };
            let case = StreamCase { origin: None, ..sound(&params, 300) };
            let scenario = "The sections of the header break a rule.";
            bad(case, &format!("sections-{name}"), "header", scenario, [error; 2])
        })
        .collect();
    let base = sound(&tiny(), 300);
    for (name, len) in [
        ("one-too-long", 115_u32),
        ("i32-min", 0x8000_0000),
        ("u32-max", u32::MAX),
        ("u32-max-minus-95", u32::MAX - 95),
    ] {
        let stream = both_headers(&base, |header| {
            header[96..98].copy_from_slice(&[0x80, 0]);
            header[98..102].copy_from_slice(&len.to_be_bytes());
        });
        vectors.push(bad(
            base.with_stream(stream),
            &format!("section-length-{name}"),
            "header",
            "A section is longer than the room before the MAC.",
            ["Malformed header"; 2],
        ));
    }
    vectors
}

/// Front and copy that are not alike.
fn copies(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let copy = copy_start(base);
    let front_gone = overwrite(stream, 0, &[0; HEADER_LEN]);
    let copy_gone = overwrite(stream, copy, &[0; HEADER_LEN]);
    let both_gone = overwrite(&front_gone, copy, &[0; HEADER_LEN]);
    let both_flipped = flip(&flip(stream, 60, 1), copy + 60, 1);
    let front_bare = flip(&both_flipped, 0, 1);
    let other = sound(&Params { stream_salt: [9; 32], ..tiny() }, LEN).stream;
    let foreign_front = overwrite(stream, 0, &other[..HEADER_LEN]);
    let foreign_copy = overwrite(stream, copy, &other[..HEADER_LEN]);
    let longer = flip(stream, copy + 82, 2);
    // F-907: a copy of another length has no place for a checksum, whatever else is wrong with it.
    let resized = |version: u8| {
        let mut stream = front_gone.clone();
        let header = &mut stream[copy..copy + HEADER_LEN];
        header[9] = version;
        header[83] = 0x40;
        reseal_header(&base.key, &base.context, header);
        stream
    };
    let cases: [(&str, Vec<u8>, [&str; 2], &str); 13] = [
        (
            "front-zeroed",
            front_gone.clone(),
            ["NotAStream", "success"],
            "The front header is zeros.",
        ),
        (
            "front-flipped",
            flip(stream, 60, 1),
            ["ChecksumMismatch header", "success"],
            "A bit of the commitment of the front header is flipped.",
        ),
        (
            "copy-differs",
            flip(stream, copy + 60, 1),
            ["success", "success"],
            "The header copy differs from a sound front.",
        ),
        (
            "copy-magic-word",
            flip(stream, copy, 1),
            ["ChecksumMismatch segment 3", "success"],
            "The first word of the header copy is wrong.",
        ),
        (
            "copy-zeroed",
            copy_gone,
            ["ChecksumMismatch segment 3", "success"],
            "The header copy is zeros.",
        ),
        (
            "both-zeroed",
            both_gone,
            ["NotAStream", "ChecksumMismatch header copy"],
            "Both headers are zeros: the error is that of the copy.",
        ),
        (
            "both-flipped",
            both_flipped,
            ["ChecksumMismatch header", "ChecksumMismatch header"],
            "Both headers are damaged: the error is that of the front.",
        ),
        (
            "front-without-magic-copy-damaged",
            front_bare,
            ["NotAStream", "ChecksumMismatch header copy"],
            "The front has no magic and the copy is damaged.",
        ),
        (
            "front-of-a-sibling",
            foreign_front,
            ["AuthenticationFailed segment 0", "success"],
            "The front header is that of another stream under the same key.",
        ),
        (
            "copy-of-a-sibling",
            foreign_copy,
            ["success", "success"],
            "The header copy is that of another stream under the same key.",
        ),
        (
            "copy-of-another-length-alone",
            resized(1),
            ["NotAStream", "ChecksumMismatch header copy"],
            "The front is gone, and the copy has another length under a right checksum.",
        ),
        (
            "copy-of-another-length-and-version",
            resized(2),
            ["NotAStream", "ChecksumMismatch header copy"],
            "The front is gone, and the copy has another length and version.",
        ),
        (
            "copy-of-another-length",
            longer,
            ["success", "success"],
            "The header copy claims another header_len than the trailer.",
        ),
    ];
    cases
        .into_iter()
        .map(|(name, stream, outcomes, scenario)| {
            bad(base.with_stream(stream), &format!("header-{name}"), "header", scenario, outcomes)
        })
        .collect()
}

/// Headers of an earlier and a later rewrite.
fn revisions(base: &StreamCase) -> Vec<Vector> {
    let copy = copy_start(base);
    let new = sound(&Params { revision: 3, ..tiny() }, LEN);
    let stale = both_headers(&new, |header| header[95] = 2);
    let old_front = overwrite(&new.stream, 0, &stale[..HEADER_LEN]);
    let old_copy = overwrite(&new.stream, copy, &stale[..HEADER_LEN]);
    let damaged = overwrite(&old_front, copy, &flip(&new.stream[..HEADER_LEN], 60, 1));
    let stale_and_rotten = flip(&flip(&stale, HEADER_LEN - 1, 1), copy + HEADER_LEN - 1, 1);
    let mut ahead = base.stream.clone();
    ahead[copy + 95] = 1;
    reseal_header(&base.key, &base.context, &mut ahead[copy..copy + HEADER_LEN]);
    let mut forged = base.stream.clone();
    for start in [0, copy] {
        forged[start + 95] = 1;
        crate::reference::forge::refresh_crc(&mut forged[start..start + HEADER_LEN]);
    }
    let cases: [(&str, Vec<u8>, [&str; 2], &str); 7] = [
        (
            "old-in-both-places",
            stale,
            ["StaleHeader", "StaleHeader"],
            "A header of an earlier revision was put back in both places.",
        ),
        (
            "old-in-front",
            old_front,
            ["StaleHeader", "success"],
            "A header of an earlier revision was put back at the front alone.",
        ),
        (
            "old-in-the-copy",
            old_copy,
            ["success", "success"],
            "A header of an earlier revision was put back as the copy alone.",
        ),
        (
            "old-in-front-copy-damaged",
            damaged,
            ["StaleHeader", "StaleHeader"],
            "An earlier header at the front, and a damaged copy.",
        ),
        (
            "old-and-damaged-checksums",
            stale_and_rotten,
            ["ChecksumMismatch header", "ChecksumMismatch header"],
            "Earlier headers in both places, and their checksums wrong.",
        ),
        (
            "new-in-the-copy",
            ahead,
            ["success", "success"],
            "A header rewrite that stopped after the copy.",
        ),
        (
            "mac-not-made-with-the-key",
            forged,
            ["AuthenticationFailed header", "AuthenticationFailed header"],
            "The revision was raised without the key, the checksums made right.",
        ),
    ];
    cases
        .into_iter()
        .map(|(name, stream, outcomes, scenario)| {
            bad(new.with_stream(stream), &format!("header-{name}"), "header", scenario, outcomes)
        })
        .collect()
}

/// The reader's own maximum of S.
fn limits(base: &StreamCase) -> Vec<Vector> {
    let limited = StreamCase { max_segment: Some(511), origin: None, ..base.clone() };
    let mut wrong_key = limited.clone();
    wrong_key.key[0] ^= 1;
    vec![
        bad(
            limited,
            "header-above-the-callers-limit",
            "header",
            "Segments larger than the reader's own maximum.",
            ["Limit"; 2],
        ),
        bad(
            wrong_key,
            "header-above-the-callers-limit-wrong-key",
            "header",
            "Segments larger than the reader's own maximum, which is judged before the key.",
            ["Limit"; 2],
        ),
    ]
}

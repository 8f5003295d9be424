//! Segments and frames that are not what or where they should be.

use super::base::{LEN, bad, painted_salt, sound, sound_with, tiny};
use super::changed::fields;
use super::model::{Mode, StreamCase, Vector, Verdict};
use crate::mutate::{
    duplicate, find, flip, frame_range, insert, overwrite, remove, segment_range, swap,
};
use crate::paint::paint;
use crate::reference::forge::refresh_crc;
use crate::reference::{FailureKind, Params, encrypt};

/// All vectors of the layers segment and frame.
pub(super) fn vectors() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let mut vectors = moved_segments(&base);
    vectors.extend(moved_frames(&base));
    vectors.extend(foreign(&base));
    vectors.extend(forged(&base));
    vectors.push(replaced_under_a_reader(&base));
    vectors
}

type Case<'a> = (&'a str, Vec<u8>, [&'a str; 2], &'a str);

fn all(base: &StreamCase, layer: &'static str, cases: Vec<Case<'_>>) -> Vec<Vector> {
    let vector = |(name, stream, outcomes, scenario): Case<'_>| {
        bad(base.with_stream(stream), &format!("{layer}-{name}"), layer, scenario, outcomes)
    };
    cases.into_iter().map(vector).collect()
}

fn moved_segments(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let fields = fields(base);
    let segment = |index| segment_range(&fields, index);
    let tail = segment(2).end;
    let third = stream[segment(2)].to_vec();
    let swapped = swap(stream, segment(0), segment(1));
    let trailing = "ChecksumMismatch trailer";
    all(
        base,
        "segment",
        vec![
            (
                "swapped",
                swapped,
                ["Malformed segment 0", "AuthenticationFailed frame 0 0"],
                "Two full segments are exchanged.",
            ),
            (
                "first-twice",
                duplicate(stream, segment(0)),
                ["Malformed segment 1", "Malformed trailer"],
                "The first segment is there twice.",
            ),
            (
                "last-twice",
                duplicate(stream, segment(2)),
                ["Malformed segment 3", "Malformed trailer"],
                "The last, short segment is there twice.",
            ),
            (
                "first-dropped",
                remove(stream, segment(0)),
                ["Malformed segment 0", "Malformed trailer"],
                "The first segment is missing.",
            ),
            (
                "middle-dropped",
                remove(stream, segment(1)),
                ["Malformed segment 1", "Malformed trailer"],
                "A segment in the middle is missing.",
            ),
            (
                "last-dropped",
                remove(stream, segment(2)),
                [trailing, "Malformed trailer"],
                "The last segment is missing, so a pipe reader looks for the trailer too early.",
            ),
            (
                "all-dropped",
                remove(stream, segment(0).start..tail),
                [trailing, "Malformed trailer"],
                "All segments are missing.",
            ),
            (
                "extra-after-a-short-one",
                insert(stream, tail, &renumbered(&third, 3)),
                ["Malformed segment 3", "Malformed trailer"],
                "A further segment, rightly numbered, follows the short last one.",
            ),
            (
                "overwritten-by-another",
                overwrite(stream, segment(0).start, &stream[segment(1)]),
                ["Malformed segment 0", "AuthenticationFailed frame 0 0"],
                "The second segment stands in the place of the first as well.",
            ),
            (
                "garbage-between",
                insert(stream, segment(1).start, &[0x55; 64]),
                ["ChecksumMismatch segment 1", "Malformed trailer"],
                "64 bytes that are nothing stand between two segments.",
            ),
            (
                "footer-missing",
                remove(stream, segment(2).end - 40..segment(2).end),
                ["ChecksumMismatch segment 3", "Malformed trailer"],
                "The footer of the last segment is missing.",
            ),
        ],
    )
}

/// A segment with another index in its header and the header's CRC right.
fn renumbered(segment: &[u8], index: u64) -> Vec<u8> {
    let mut segment = segment.to_vec();
    segment[8..16].copy_from_slice(&index.to_be_bytes());
    refresh_crc(&mut segment[..64]);
    segment
}

fn moved_frames(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let fields = fields(base);
    let frame = |segment, frame| frame_range(&fields, segment, frame);
    let frames_swapped = swap(stream, frame(0, 0), frame(0, 1));
    let copied = overwrite(stream, frame(0, 1).start, &stream[frame(0, 0)]);
    let across = overwrite(stream, frame(1, 0).start, &stream[frame(0, 0)]);
    let bodies_swapped = {
        let body = |range: std::ops::Range<usize>| range.start + 8..range.end - 8;
        let mut stream = swap(stream, body(frame(0, 0)), body(frame(0, 1)));
        refresh_crc(&mut stream[frame(0, 0)]);
        refresh_crc(&mut stream[frame(0, 1)]);
        stream
    };
    let mut both_wrong = flip(&flip(stream, frame(1, 1).start + 20, 1), frame(0, 1).start + 3, 2);
    refresh_crc(&mut both_wrong[frame(0, 1)]);
    all(
        base,
        "frame",
        vec![
            (
                "swapped",
                frames_swapped,
                ["Malformed frame 0 0"; 2],
                "Two frames of one segment are exchanged.",
            ),
            (
                "repeated",
                copied,
                ["Malformed frame 0 1"; 2],
                "The first frame stands in the place of the second as well.",
            ),
            (
                "from-another-segment",
                across,
                ["AuthenticationFailed frame 1 0"; 2],
                "A frame stands in the same place of another segment.",
            ),
            (
                "bodies-swapped",
                bodies_swapped,
                ["AuthenticationFailed frame 0 0"; 2],
                "Ciphertexts and tags of two frames are exchanged, their checksums made right.",
            ),
            (
                "dropped",
                remove(stream, frame(1, 0)),
                ["Malformed frame 1 0", "Malformed trailer"],
                "A frame is missing.",
            ),
            (
                "extra",
                duplicate(stream, frame(1, 0)),
                ["Malformed frame 1 1", "Malformed trailer"],
                "A frame is there twice.",
            ),
            (
                "first-of-several-bad",
                both_wrong,
                ["Malformed frame 0 1"; 2],
                "Two frames are bad in two ways, and the first in the stream is named.",
            ),
        ],
    )
}

fn foreign(base: &StreamCase) -> Vec<Vector> {
    let stream = &base.stream;
    let fields = fields(base);
    let (first, middle) = (segment_range(&fields, 0), segment_range(&fields, 1));
    let sibling = sound(&Params { stream_salt: [9; 32], ..tiny() }, LEN).stream;
    let mut older_salts = |index| painted_salt(7, index);
    let older = encrypt(&base.key, &tiny(), &mut older_salts, &paint(LEN));
    let mut tagged = sibling[first.clone()].to_vec();
    tagged[48..56].copy_from_slice(&stream[48..56]);
    refresh_crc(&mut tagged[..64]);
    let header_of_older = overwrite(stream, middle.start, &older[middle.start..][..64]);
    let one_frame =
        overwrite(stream, frame_range(&fields, 1, 0).start, &older[frame_range(&fields, 1, 0)]);
    let mut vectors = all(
        base,
        "segment",
        vec![
            (
                "of-a-sibling",
                overwrite(stream, first.start, &sibling[first.clone()]),
                ["AuthenticationFailed segment 0", "AuthenticationFailed frame 0 0"],
                "A segment of another stream under the same key, in its own place.",
            ),
            (
                "of-a-sibling-retagged",
                overwrite(stream, first.start, &tagged),
                ["AuthenticationFailed frame 0 0", "AuthenticationFailed frame 0 0"],
                "A segment of another stream under the same key, its stream_tag made that of this one.",
            ),
            (
                "older-attempt",
                overwrite(stream, middle.start, &older[middle.clone()]),
                ["AuthenticationFailed index", "AuthenticationFailed frame 1 0"],
                "An earlier, authentic attempt of a segment, which the seal does not cover.",
            ),
            (
                "older-attempt-header-only",
                header_of_older,
                ["AuthenticationFailed frame 1 0", "success"],
                "The header of an earlier attempt before the frames of the sealed one.",
            ),
            (
                "older-attempt-one-frame",
                one_frame,
                ["AuthenticationFailed frame 1 0"; 2],
                "One frame of an earlier attempt.",
            ),
        ],
    );
    let mut same_salts = |index| painted_salt(1, index);
    let other = encrypt(&base.key, &tiny(), &mut same_salts, &[0x55; LEN]);
    let rewritten = overwrite(stream, middle.start, &other[middle]);
    vectors.extend(all(
        base,
        "digest",
        vec![(
            "same-salt-other-content",
            rewritten.clone(),
            ["AuthenticationFailed index", "DigestMismatch 1"],
            "A holder of the key sealed other content under the salt of a sealed segment.",
        )],
    ));
    let mut forged_footer = rewritten;
    let footer = find(&fields, "footer.digest", Some(1), None);
    forged_footer[footer.range()].copy_from_slice(&stream[footer.range()]);
    vectors.extend(all(
        base,
        "digest",
        vec![(
            "same-salt-other-content-old-footer",
            forged_footer,
            ["AuthenticationFailed index", "DigestMismatch 1"],
            "The same with the footer of the sealed segment.",
        )],
    ));
    vectors
}

/// Bits that were changed by someone who makes the checksum of the unit right.
fn forged(base: &StreamCase) -> Vec<Vector> {
    let fields = fields(base);
    let mut vectors = Vec::new();
    for (field, error) in [
        ("header", "Malformed frame 1 1"),
        ("ciphertext", "AuthenticationFailed frame 1 1"),
        ("tag", "AuthenticationFailed frame 1 1"),
    ] {
        let at = find(&fields, &format!("frame.{field}"), Some(1), Some(1)).start;
        let damaged = flip(&base.stream, at, 0x10);
        let mut forged = damaged.clone();
        refresh_crc(&mut forged[frame_range(&fields, 1, 1)]);
        let mut case = base.with_stream(forged);
        for (offset, len) in [(0, 768), (512, 300), (1024, 276)] {
            case.read(Mode::Range { offset, len, trailer_now: None });
        }
        let name = format!("frame-forged-{field}");
        let ranges = std::mem::take(&mut case.readings);
        let mut vector =
            bad(case, &name, "frame", "A forged frame with a right checksum.", [error; 2]);
        if let super::Body::Stream(case) = &mut vector.body {
            case.readings.extend(ranges);
        }
        vectors.push(vector);
        let name = format!("damaged-{field}");
        let scenario = "A damaged frame.";
        vectors.extend(all(
            base,
            "frame",
            vec![(&name, damaged, ["ChecksumMismatch frame 1 1"; 2], scenario)],
        ));
    }
    vectors
}

/// A range reader that meets a bad frame looks at the trailer again (F-824).
fn replaced_under_a_reader(base: &StreamCase) -> Vector {
    let at = find(&fields(base), "frame.tag", Some(1), Some(0)).start;
    let mut case = base.with_stream(flip(&base.stream, at, 1));
    let newer = sound_with(
        &Params { generation: 1, ..tiny() },
        &mut |index| painted_salt(8, index),
        &paint(LEN),
    );
    let trailer = |stream: &[u8]| stream[stream.len() - 128..].to_vec();
    let (old, new) = (trailer(&case.stream), trailer(&newer.stream));
    for (offset, now) in [(0, &old), (512, &old), (512, &new), (600, &new), (0, &new)] {
        let len = if offset == 0 { 512 } else { 200 };
        case.read(Mode::Range { offset, len, trailer_now: Some(now.clone()) });
        // Only a failure makes a reader look again.
        if let Some(reading) = case.readings.last_mut()
            && !reading.verdict.is_sound()
            && *now == new
        {
            let named = super::model::Named::NOTHING;
            reading.verdict = Verdict::Failed(FailureKind::StaleIndex, named, None);
        }
    }
    let outcomes: Vec<String> =
        case.readings.iter().map(|reading| reading.verdict.to_string()).collect();
    let damaged = "ChecksumMismatch frame 1 0";
    assert_eq!(outcomes, ["success", damaged, "StaleIndex", "StaleIndex", "success"]);
    let scenario = "A bad frame under a range reader, the trailer as it was and replaced.";
    case.named("range-of-a-replaced-stream", "index", scenario)
}

//! Frames of a sibling stream, and segments beyond the end of one that is full.

use super::base::{KEY, LEN, bad, painted_salt, sound, tiny};
use super::changed::fields;
use super::model::{StreamCase, Vector};
use crate::mutate::{frame_range, insert, overwrite, segment_range};
use crate::paint::paint;
use crate::reference::Params;
use crate::reference::forge::sealed_segment;

/// Authentic parts of one key in places that are not theirs.
pub(super) fn vectors() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let fields = fields(&base);
    let sibling = sound(&Params { stream_salt: [9; 32], ..tiny() }, LEN).stream;
    let frame = frame_range(&fields, 1, 0);
    let of_sibling = overwrite(&base.stream, frame.start, &sibling[frame]);
    let all_frames = segment_range(&fields, 1);
    let frames = all_frames.start + 64..all_frames.end - 40;
    let frames_of_sibling = overwrite(&base.stream, frames.start, &sibling[frames]);
    let failed = ["AuthenticationFailed frame 1 0"; 2];
    let mut vectors = vec![
        bad(
            base.with_stream(of_sibling),
            "frame-of-a-sibling",
            "frame",
            "A frame of another stream under the same key, in its own place.",
            failed,
        ),
        bad(
            base.with_stream(frames_of_sibling),
            "frames-of-a-sibling",
            "frame",
            "All frames of a segment are those of another stream under the same key.",
            failed,
        ),
    ];
    vectors.push(extra(&sound(&tiny(), 1024), "full"));
    vectors.push(extra(&sound(&tiny(), 0), "empty"));
    vectors
}

/// A segment that a holder of the key made for the place after the last one.
fn extra(base: &StreamCase, name: &str) -> Vector {
    let Some(origin) = &base.origin else { unreachable!("a sound stream has an origin") };
    let number = origin.salts.len() as u64;
    let plaintext = paint(512);
    let frames = [&plaintext[..256], &plaintext[256..]];
    let salt = painted_salt(1, number);
    let segment = sealed_segment(&tiny(), &origin.trace.keys, number, &salt, &frames);
    let tail = origin.params.layout().tail_offset(base.plaintext.len() as u64) as usize;
    debug_assert_eq!(base.key, KEY);
    // The tail holds an entry less than the pipe reader reads, so the trailer is cut short.
    bad(
        base.with_stream(insert(&base.stream, tail, &segment)),
        &format!("segment-extra-after-a-{name}-stream"),
        "segment",
        "An authentic segment follows where the sealed stream has none.",
        ["Unsealed", "Malformed trailer"],
    )
}

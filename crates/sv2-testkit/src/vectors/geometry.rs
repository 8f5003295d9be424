//! Divisions into segments and frames that the format does not have, sealed by a holder of the key.

use super::base::{KEY, bad, painted_salt, sound, tiny};
use super::model::{StreamCase, Vector};
use crate::paint::paint;
use crate::reference::forge::{reseal_trailer, sealed_segment};
use crate::reference::primitives::sha256;

/// A division of 600 bytes, or of what its lengths sum to: the lengths of the frames of each
/// segment.
type Division = &'static [&'static [usize]];

/// Streams with right keys, nonces, checksums, index and seal, and another division.
pub(super) fn vectors() -> Vec<Vector> {
    // A frame of another length has its CRC where its position demands none.
    let lengths_differ = "Malformed trailer";
    let after_short = "Malformed segment 1";
    let cases: [(&str, Division, [&str; 2], &str); 10] = [
        (
            "canonical",
            &[&[256, 256], &[88]],
            ["success"; 2],
            "The one division that the format has, made as the others are.",
        ),
        (
            "two-short-segments",
            &[&[256, 44], &[256, 44]],
            [after_short, lengths_differ],
            "Two segments of 300 bytes in place of 512 and 88.",
        ),
        (
            "short-segment-first",
            &[&[88], &[256, 256]],
            [after_short, "ChecksumMismatch frame 0 0"],
            "The short segment comes first, which leaves the length of the stream as it is.",
        ),
        (
            "more-segments-than-needed",
            &[&[256], &[256], &[88]],
            [after_short, lengths_differ],
            "Three segments in place of two.",
        ),
        (
            "empty-last-segment",
            &[&[256, 256], &[]],
            ["Malformed segment 1", lengths_differ],
            "A full segment and one without a byte.",
        ),
        (
            "empty-segment-of-an-empty-plaintext",
            &[&[]],
            ["Malformed segment 0", lengths_differ],
            "An empty plaintext as one segment without a byte.",
        ),
        (
            "short-frame-first",
            &[&[44, 256, 212], &[88]],
            ["ChecksumMismatch frame 0 0", lengths_differ],
            "Three frames in a segment that has two.",
        ),
        (
            "frames-of-other-sizes",
            &[&[255, 257], &[88]],
            ["ChecksumMismatch frame 0 0"; 2],
            "Two frames of 255 and 257 bytes.",
        ),
        (
            "empty-last-frame",
            &[&[256, 256, 0], &[88]],
            ["ChecksumMismatch segment 1", lengths_differ],
            "A frame without a byte after the last one.",
        ),
        (
            "segment-longer-than-s",
            &[&[256, 256, 88]],
            ["Malformed segment 0", lengths_differ],
            "One segment of 600 bytes where a segment has 512.",
        ),
    ];
    cases
        .into_iter()
        .map(|(name, division, outcomes, scenario)| {
            let case = divided(division);
            bad(case, &format!("geometry-{name}"), "length", scenario, outcomes)
        })
        .collect()
}

/// The stream with this division.
fn divided(division: Division) -> StreamCase {
    let params = tiny();
    let len = division.iter().copied().flatten().sum();
    let plaintext = paint(len);
    let base = sound(&params, len);
    let Some(origin) = &base.origin else { unreachable!("a sound stream has an origin") };
    let header = &origin.trace.header;
    let (mut stream, mut index, mut at) = (header.clone(), Vec::new(), 0);
    for (number, lens) in (0..).zip(division) {
        let mut frames = Vec::new();
        for len in *lens {
            frames.push(&plaintext[at..at + len]);
            at += len;
        }
        let salt = painted_salt(1, number);
        let segment = sealed_segment(&params, &origin.trace.keys, number, &salt, &frames);
        index.extend(salt);
        index.extend(&segment[segment.len() - 40..]);
        stream.extend(segment);
    }
    let table: Vec<u8> = index.chunks(1024 * 64).flat_map(sha256).collect();
    let mut trailer = origin.trace.trailer;
    trailer[24..32].copy_from_slice(&(division.len() as u64).to_be_bytes());
    trailer[40..72].copy_from_slice(&sha256(&table));
    reseal_trailer(&KEY, &base.context, header, &mut trailer);
    stream.extend([&header[..], &index, &table, &trailer].concat());
    base.with_stream(stream)
}

//! Streams that were taken apart and put together wrongly, with checksums, MACs and the seal made
//! right again where the key holder or anyone could: the engine judges them as the reference does.

use sv2_core::Driver;
use sv2_testkit::mutate::{
    duplicate, find, flip, frame_range, insert, overwrite, regions, remove, segment_range, swap,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::FailureKind::{self, *};
use sv2_testkit::reference::forge::{refresh_crc, reseal_header, reseal_trailer};
use sv2_testkit::reference::{Limits, Params, decrypt_pipe, decrypt_seekable, encrypt};

use crate::harness::{KEY, decrypt_options, salt, stream};
use crate::outcome::{assert_same, memory, pipe};

/// Segments of 512, 512 and 276 bytes.
pub(crate) const LEN: usize = 1300;
pub(crate) const HEADER_LEN: usize = 256;

pub(crate) fn params() -> Params {
    Params::tiny(1, 1, 1)
}

/// Both readers of the engine end as those of the reference, by two drivers; the kinds are
/// returned, pipe first.
#[track_caller]
pub(crate) fn judge(wire: &[u8], case: &str) -> (Option<FailureKind>, Option<FailureKind>) {
    let piped = decrypt_pipe(&KEY, b"", wire, &Limits::FORMAT);
    let sought = decrypt_seekable(&KEY, b"", wire, &Limits::FORMAT);
    for options in [decrypt_options(Driver::Inline, 1), decrypt_options(Driver::Ordered, 2)] {
        assert_same(&pipe(wire, &options), &piped, &format!("{case}, pipe"));
        assert_same(&memory(wire, &options), &sought, &format!("{case}, seekable"));
    }
    (piped.kind(), sought.kind())
}

/// [`judge`], and both kinds are `expected`.
#[track_caller]
pub(crate) fn both(wire: &[u8], expected: FailureKind, case: &str) {
    assert_eq!(judge(wire, case), (Some(expected), Some(expected)), "{case}");
}

pub(crate) fn copy_at(wire: &[u8]) -> usize {
    find(&regions(wire), "copy.magic", None, None).start
}

fn forge_trailer(wire: &mut [u8], change: impl Fn(&mut [u8])) {
    let header = wire[..HEADER_LEN].to_vec();
    let start = wire.len() - 128;
    change(&mut wire[start..]);
    reseal_trailer(&KEY, b"", &header, &mut wire[start..]);
}

/// F-502 to F-505, F-805: the stored segment headers count on a pipe alone.
#[test]
fn segment_headers_are_judged_on_a_pipe_alone() {
    let cases: [(usize, &[u8], FailureKind); 9] = [
        (0, b"SV2X", Malformed),
        (4, &[1], Malformed),
        (8, &[0, 0, 0, 0, 0, 0, 0, 2], Malformed),
        (16, &[0, 0, 0, 0], Malformed),
        (16, &[0, 0, 2, 1], Malformed),
        (16, &[0xFF; 4], Malformed),
        (20, &[1], Malformed),
        (24, &[9], AuthenticationFailed),
        (48, &[9], AuthenticationFailed),
    ];
    let wire = stream(&params(), LEN);
    let start = segment_range(&regions(&wire), 1).start;
    for (at, bytes, expected) in cases {
        let case = format!("segment header {at} {bytes:?}");
        let mut changed = overwrite(&wire, start + at, bytes);
        assert_eq!(judge(&changed, &case), (Some(ChecksumMismatch), None), "{case}");
        refresh_crc(&mut changed[start..start + 64]);
        assert_eq!(judge(&changed, &case), (Some(expected), None), "{case}");
    }
    // A legal length that is not the segment's gives another key.
    let mut shorter = overwrite(&wire, start + 16, &300_u32.to_be_bytes());
    refresh_crc(&mut shorter[start..start + 64]);
    assert_eq!(judge(&shorter, "plaintext_len 300"), (Some(AuthenticationFailed), None));
}

/// F-513, F-515, F-516, F-906: frame headers, with and without a right checksum.
#[test]
fn frame_headers_must_be_what_their_place_demands() {
    let wire = stream(&params(), LEN);
    let frame = frame_range(&regions(&wire), 1, 1);
    for (at, mask) in [(0, 2), (1, 1), (3, 1), (4, 0x80), (7, 1)] {
        let mut changed = flip(&wire, frame.start + at, mask);
        both(&changed, ChecksumMismatch, &format!("frame header byte {at}"));
        refresh_crc(&mut changed[frame.clone()]);
        both(&changed, Malformed, &format!("frame header byte {at}, right CRC"));
    }
    let mut forged = flip(&wire, frame.start + 100, 1);
    refresh_crc(&mut forged[frame.clone()]);
    both(&forged, AuthenticationFailed, "a forged ciphertext");
    let start = segment_range(&regions(&wire), 1).start;
    let both_crcs = flip(&flip(&wire, frame.start + 100, 1), start + 60, 1);
    both(&both_crcs, ChecksumMismatch, "frame and the CRC of the segment header");
}

/// F-502, F-512, F-513: frames in another order, twice, or not at all.
#[test]
fn moved_frames_are_refused() {
    let wire = stream(&params(), LEN);
    let all = regions(&wire);
    let (first, second) = (frame_range(&all, 0, 0), frame_range(&all, 0, 1));
    let (foreign, other) = (frame_range(&all, 1, 0), frame_range(&all, 1, 1));
    both(&swap(&wire, first.clone(), second.clone()), Malformed, "swapped in a segment");
    both(&swap(&wire, first.clone(), foreign), AuthenticationFailed, "swapped across segments");
    both(&swap(&wire, first.clone(), other), Malformed, "swapped across places");
    let twice = overwrite(&wire, second.start, &wire[first.clone()]);
    both(&twice, Malformed, "one frame twice");
    judge(&duplicate(&wire, first.clone()), "a frame more");
    judge(&remove(&wire, second), "a frame less");
}

/// F-208, F-502, F-805, F-819: segments in another order, twice, missing, of another stream.
#[test]
fn moved_segments_are_refused() {
    let wire = stream(&params(), LEN);
    let all = regions(&wire);
    let [first, second, last] = [0, 1, 2].map(|index| segment_range(&all, index));
    let swapped = swap(&wire, first.clone(), second.clone());
    assert_eq!(judge(&swapped, "swapped"), (Some(Malformed), Some(AuthenticationFailed)));
    both(&duplicate(&wire, first.clone()), Malformed, "doubled");
    both(&remove(&wire, second.clone()), Malformed, "dropped");
    let dropped = remove(&wire, last.clone());
    assert_eq!(judge(&dropped, "the last one dropped"), (Some(ChecksumMismatch), Some(Malformed)));
    both(&duplicate(&wire, last), Malformed, "the short one doubled");

    let other = Params { stream_salt: [0x66; 32], ..params() };
    let foreign = stream(&other, LEN);
    let spliced = overwrite(&wire, first.start, &foreign[first.clone()]);
    both(&spliced, AuthenticationFailed, "a segment of another stream");
}

/// F-208 on a pipe: a segment, sound in itself, after a short one; F-503 for its index.
#[test]
fn nothing_but_the_tail_follows_a_short_segment() {
    let short = stream(&params(), 700);
    let longer = stream(&params(), LEN);
    let third = longer[segment_range(&regions(&longer), 2)].to_vec();
    let tail = params().layout().tail_offset(700) as usize;
    let wire = insert(&short, tail, &third);
    both(&wire, Malformed, "a third segment");
    let mut foreign = wire.clone();
    foreign[tail + 48] ^= 1;
    refresh_crc(&mut foreign[tail..tail + 64]);
    both(&foreign, Malformed, "a third segment with a foreign tag");
    let damaged = flip(&wire, tail + 10, 1);
    assert_eq!(judge(&damaged, "a third segment, damaged").0, Some(ChecksumMismatch));
}

/// F-801, F-819: an older attempt of a segment, authentic by itself.
#[test]
fn an_older_attempt_is_refused_by_the_sealed_index() {
    let wire = stream(&params(), LEN);
    let older = encrypt(&KEY, &params(), &mut |index| [index as u8; 24], &paint(LEN));
    for index in 0..3 {
        let range = segment_range(&regions(&wire), index);
        let spliced = overwrite(&wire, range.start, &older[range.clone()]);
        both(&spliced, AuthenticationFailed, &format!("older attempt of segment {index}"));
        let released = pipe(&spliced, &decrypt_options(Driver::Inline, 1)).released;
        assert_eq!(released, paint(LEN), "a pipe reader learns of it at the end");
    }
}

/// F-811, F-819: content that the key holder changed under the sealed salt.
#[test]
fn content_changed_under_the_same_salt_is_a_digest_mismatch() {
    for digest in [1, 2] {
        let params = Params { digest, ..params() };
        let wire = stream(&params, LEN);
        let forged = encrypt(&KEY, &params, &mut salt, &[0; LEN]);
        let range = segment_range(&regions(&wire), 1);
        let spliced = overwrite(&wire, range.start, &forged[range.clone()]);
        let kinds = judge(&spliced, "changed content");
        assert_eq!(kinds, (Some(AuthenticationFailed), Some(DigestMismatch)));
    }
    // Without a digest it is what section 4.2 says it is: not noticed.
    let params = Params { digest: 0, ..params() };
    let wire = stream(&params, LEN);
    let forged = encrypt(&KEY, &params, &mut salt, &[0; LEN]);
    let range = segment_range(&regions(&wire), 1);
    let spliced = overwrite(&wire, range.start, &forged[range.clone()]);
    assert_eq!(judge(&spliced, "changed content without a digest"), (None, None));
}

/// F-705 to F-707: each field of the trailer under a right seal.
#[test]
fn trailer_fields_are_judged_in_front_of_and_behind_the_seal() {
    let cases: [(usize, &[u8], FailureKind); 15] = [
        (8, &[0, 2], Unsupported),
        (10, &[3], Unsupported),
        (10, &[2], Malformed),
        (11, &[1], Malformed),
        (12, &[0, 0, 1, 1], Malformed),
        (12, &[0, 1, 0, 64], Limit),
        (12, &[0, 0, 2, 0], Malformed),
        (24, &[0, 0, 0, 2], Limit),
        (31, &[2], Malformed),
        (31, &[4], Malformed),
        (32, &[1], Limit),
        (32, &[0xFF; 8], Limit),
        (39, &[0], Malformed),
        (79, &[1], StaleHeader),
        (87, &[1], Malformed),
    ];
    for (at, bytes, expected) in cases {
        let mut wire = stream(&params(), LEN);
        forge_trailer(&mut wire, |trailer| trailer[at..at + bytes.len()].copy_from_slice(bytes));
        both(&wire, expected, &format!("trailer {at} {bytes:?}"));
    }
    let mut wire = stream(&params(), LEN);
    forge_trailer(&mut wire, |trailer| trailer[23] = 77);
    assert_eq!(judge(&wire, "another generation"), (None, None));
}

/// F-707, F-708, F-906: the seal, with and without a right checksum.
#[test]
fn a_wrong_seal_is_told_apart_from_damage() {
    let wire = stream(&params(), LEN);
    let start = wire.len() - 128;
    for at in [16, 40, 88, 119] {
        let mut changed = flip(&wire, start + at, 1);
        both(&changed, ChecksumMismatch, &format!("trailer byte {at}"));
        refresh_crc(&mut changed[start..]);
        both(&changed, AuthenticationFailed, &format!("trailer byte {at}, right CRC"));
    }
}

/// F-703, F-704, F-819: index and page table, over more than one page.
#[test]
fn index_and_page_table_must_hash_to_the_sealed_root() {
    let params = Params::tiny(1, 0, 0);
    let wire = stream(&params, 256 * 1030);
    let layout = params.layout();
    let index = layout.index_offset(256 * 1030) as usize;
    let table = layout.page_table_offset(256 * 1030) as usize;
    for at in [index, index + 1024 * 32 + 5, table, table + 40] {
        let changed = flip(&wire, at, 4);
        assert_eq!(
            judge(&changed, &format!("byte {at}")),
            (Some(AuthenticationFailed), Some(AuthenticationFailed))
        );
    }
}

/// F-209, F-707, F-813, F-821, F-902: what stands behind the tail, and a tail that is there twice.
#[test]
fn bytes_behind_the_tail_are_refused() {
    let wire = stream(&params(), LEN);
    let (trailer, tail) = (wire.len() - 128, copy_at(&wire));
    for garbage in [&[0][..], &[0; 128], &[0xFF; 300]] {
        let longer = [&wire, garbage].concat();
        let case = format!("{} bytes of garbage", garbage.len());
        assert_eq!(judge(&longer, &case), (Some(TrailingData), Some(Unsealed)), "{case}");
    }
    let doubled = duplicate(&wire, trailer..wire.len());
    assert_eq!(judge(&doubled, "trailer twice").0, Some(TrailingData));
    judge(&duplicate(&wire, tail..wire.len()), "tail twice");
    judge(&[&wire[..], &wire].concat(), "the stream twice");
    judge(&insert(&wire, tail, &[0; 64]), "bytes in front of the tail");
    judge(&remove(&wire, tail..tail + HEADER_LEN), "no copy");
    judge(&remove(&wire, tail..trailer), "nothing but the trailer");
}

/// F-205, F-204: an empty stream, and one that claims to be.
#[test]
fn an_empty_stream_has_no_segment() {
    let empty = stream(&params(), 0);
    assert_eq!(judge(&empty, "empty"), (None, None));
    for (offset, _) in empty.iter().enumerate().step_by(3) {
        judge(&flip(&empty, offset, 0x20), &format!("empty, byte {offset}"));
    }
    let full = stream(&params(), LEN);
    let mut lying = full.clone();
    forge_trailer(&mut lying, |trailer| trailer[24..40].fill(0));
    both(&lying, Malformed, "a trailer that claims nothing");
}

/// F-329, F-333: metadata that do not open fail no decrypt.
#[test]
fn metadata_that_do_not_open_do_not_fail_a_decrypt() {
    let metadata = Some((b"{}".to_vec(), [4; 24]));
    let params = Params { metadata, header_len: 320, ..params() };
    let mut wire = stream(&params, LEN);
    let copy = copy_at(&wire);
    for start in [0, copy] {
        wire[start + 96 + 6 + 30] ^= 1;
        reseal_header(&KEY, b"", &mut wire[start..start + 320]);
    }
    assert_eq!(judge(&wire, "metadata changed"), (None, None));
}

//! Streams that were taken apart and put together wrongly, with checksums, MACs and the seal made
//! right again where the key holder or anyone could: the engine judges them as the reference does.

use sv2_core::Driver;
use sv2_testkit::mutate::{
    duplicate, find, flip, frame_range, insert, overwrite, regions, remove, segment_range, swap,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::FailureKind::{self, *};
use sv2_testkit::reference::forge::{refresh_crc, reseal_header, reseal_trailer};
use sv2_testkit::reference::{
    Limits, Params, decrypt_pipe, decrypt_seekable, encrypt, encrypt_traced,
};

use crate::harness::{KEY, decrypt_options, salt, stream};
use crate::outcome::{assert_same, memory, pipe};

/// Segments of 512, 512 and 276 bytes.
const LEN: usize = 1300;
const HEADER_LEN: usize = 256;

fn params() -> Params {
    Params::tiny(1, 1, 1)
}

/// Both readers of the engine end as those of the reference, by two drivers; the kinds are
/// returned, pipe first.
#[track_caller]
fn judge(wire: &[u8], case: &str) -> (Option<FailureKind>, Option<FailureKind>) {
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
fn both(wire: &[u8], expected: FailureKind, case: &str) {
    assert_eq!(judge(wire, case), (Some(expected), Some(expected)), "{case}");
}

fn copy_at(wire: &[u8]) -> usize {
    find(&regions(wire), "copy.magic", None, None).start
}

/// Changes front and copy in the same way and makes both hold together again.
fn forge_headers(wire: &mut [u8], change: impl Fn(&mut [u8])) {
    for start in [0, copy_at(wire)] {
        let header = &mut wire[start..start + HEADER_LEN];
        change(header);
        reseal_header(&KEY, b"", header);
    }
}

fn forge_trailer(wire: &mut [u8], change: impl Fn(&mut [u8])) {
    let header = wire[..HEADER_LEN].to_vec();
    let start = wire.len() - 128;
    change(&mut wire[start..]);
    reseal_trailer(&KEY, b"", &header, &mut wire[start..]);
}

/// F-106, F-302 to F-305, F-312 to F-315, F-335: each field of a header, behind a right MAC.
#[test]
fn header_fields_are_refused_in_their_order_behind_a_right_mac() {
    let cases: [(usize, &[u8], FailureKind); 15] = [
        (8, &[0, 2], Unsupported),
        (10, &[3], Unsupported),
        (10, &[0], Unsupported),
        (11, &[3], Unsupported),
        (12, &[7], Malformed),
        (12, &[21], Limit),
        (13, &[15], Limit),
        (12, &[20, 11], Limit),
        (14, &[0, 2], Unsupported),
        (84, &[1], Malformed),
        (96, &[0x7F, 0xFF], Unsupported),
        (96, &[0, 1, 0, 0, 0, 2, 0, 9], Malformed),
        (96, &[0x80, 0, 0, 0, 0, 115], Malformed),
        (96, &[0, 2, 0, 0, 0, 39], Malformed),
        (215, &[1], Malformed),
    ];
    for (at, bytes, expected) in cases {
        let mut wire = stream(&params(), LEN);
        forge_headers(&mut wire, |header| header[at..at + bytes.len()].copy_from_slice(bytes));
        both(&wire, expected, &format!("header {at} {bytes:?}"));
    }
}

/// F-335: of two wrong fields the one that is judged first is named.
#[test]
fn of_two_wrong_header_fields_the_first_in_order_is_named() {
    let cases: [(&[(usize, u8)], FailureKind); 4] = [
        (&[(9, 2), (12, 7)], Unsupported),
        (&[(12, 21), (15, 2)], Limit),
        (&[(15, 4), (84, 1)], Unsupported),
        (&[(84, 1), (96, 0x7F)], Malformed),
    ];
    for (fields, expected) in cases {
        let mut wire = stream(&params(), LEN);
        forge_headers(&mut wire, |header| {
            for (at, byte) in fields {
                header[*at] = *byte;
            }
        });
        both(&wire, expected, &format!("{fields:?}"));
    }
}

/// F-306, F-907: no place is left for a right checksum, however much of the header is there.
#[test]
fn an_impossible_header_len_is_a_wrong_checksum_as_soon_as_it_was_read() {
    for len in [0_u32, 192, 257, 65_600, u32::MAX] {
        let wire = stream(&params(), LEN);
        let copy = copy_at(&wire);
        let wire = overwrite(&wire, 80, &len.to_be_bytes());
        let wire = overwrite(&wire, copy + 80, &len.to_be_bytes());
        both(&wire, ChecksumMismatch, &format!("header_len {len}"));
        for kept in [96, 97, 255, 256] {
            let case = format!("header_len {len}, {kept} bytes");
            assert_eq!(judge(&wire[..kept], &case).0, Some(ChecksumMismatch), "{case}");
        }
        assert_eq!(judge(&wire[..95], "a cut prefix").0, Some(Unsealed));
    }
    // A possible length that is not the stream's.
    let wire = overwrite(&stream(&params(), LEN), 80, &320_u32.to_be_bytes());
    assert_eq!(judge(&wire, "header_len 320"), (Some(ChecksumMismatch), None));
    let wire = overwrite(&stream(&params(), LEN), 80, &65_536_u32.to_be_bytes());
    assert_eq!(judge(&wire, "header_len 65536"), (Some(Unsealed), None));
}

/// F-404, F-905, F-906: the commitment and the MAC, with and without a right checksum.
#[test]
fn commitment_and_mac_are_told_apart_from_damage() {
    for (at, kind) in
        [(48, WrongKeyOrContext), (20, WrongKeyOrContext), (220, AuthenticationFailed)]
    {
        let wire = stream(&params(), LEN);
        let copy = copy_at(&wire);
        let mut wire = flip(&flip(&wire, at, 1), copy + at, 1);
        both(&wire, ChecksumMismatch, &format!("damage at {at}"));
        for start in [0, copy] {
            refresh_crc(&mut wire[start..start + HEADER_LEN]);
        }
        both(&wire, kind, &format!("forged at {at}"));
    }
}

/// F-806 to F-809, F-831: which of front and copy is used, and whose error is reported.
#[test]
fn front_and_copy_stand_in_for_each_other_on_a_seekable_source() {
    let wire = stream(&params(), LEN);
    let copy = copy_at(&wire);
    assert_eq!(judge(&flip(&wire, 60, 1), "front damaged"), (Some(ChecksumMismatch), None));
    assert_eq!(judge(&flip(&wire, 0, 1), "front without magic"), (Some(NotAStream), None));
    assert_eq!(judge(&flip(&wire, copy + 60, 1), "copy damaged"), (None, None));
    assert_eq!(
        judge(&flip(&wire, copy + 2, 1), "copy without magic"),
        (Some(ChecksumMismatch), None)
    );

    let no_front = flip(&wire, 0, 1);
    let mut no_magic = flip(&no_front, copy + 6, 1);
    assert_eq!(judge(&no_magic, "neither has the magic").1, Some(ChecksumMismatch));
    refresh_crc(&mut no_magic[copy..copy + HEADER_LEN]);
    assert_eq!(judge(&no_magic, "neither has it, the copy's CRC is right").1, Some(Malformed));
    let damaged = flip(&no_front, copy + 70, 1);
    assert_eq!(judge(&damaged, "no front, damaged copy").1, Some(ChecksumMismatch));
    let mut longer = overwrite(&no_front, copy + 80, &320_u32.to_be_bytes());
    refresh_crc(&mut longer[copy..copy + HEADER_LEN]);
    assert_eq!(judge(&longer, "a copy of another length").1, Some(ChecksumMismatch));

    // The lengths of the trailer leave no room for a copy.
    let mut lost = no_front.clone();
    let trailer = lost.len() - 128;
    lost[trailer + 24..trailer + 32].copy_from_slice(&1000_u64.to_be_bytes());
    assert_eq!(judge(&lost, "no room, damaged trailer").1, Some(ChecksumMismatch));
    refresh_crc(&mut lost[trailer..]);
    assert_eq!(judge(&lost, "no room, trailer with a right CRC").1, Some(Malformed));
    lost[trailer + 24..trailer + 32].copy_from_slice(&[0xFF; 8]);
    refresh_crc(&mut lost[trailer..]);
    assert_eq!(judge(&lost, "a number of segments that overflows").1, Some(Malformed));
}

/// F-806, F-807: a renewed copy is used before it was sealed, and the header revision is reported.
#[test]
fn the_higher_revision_wins() {
    let wire = stream(&params(), LEN);
    for start in [0, copy_at(&wire)] {
        let mut renewed = wire.clone();
        renewed[start + 95] = 1;
        reseal_header(&KEY, b"", &mut renewed[start..start + HEADER_LEN]);
        assert_eq!(judge(&renewed, "one header renewed"), (None, None));
        let report = memory(&renewed, &decrypt_options(Driver::Inline, 1)).result;
        assert_eq!(report.expect("a usable header").revision, 1);
    }
}

/// F-707, F-806: an old header that was put back.
#[test]
fn an_old_header_is_stale() {
    let new = Params { revision: 3, generation: 9, ..params() };
    let (sound, trace) = encrypt_traced(&KEY, &new, &mut salt, &paint(LEN));
    assert_eq!(judge(&sound, "revision 3, generation 9"), (None, None));
    let mut wire = sound.clone();
    forge_headers(&mut wire, |header| header[95] = 2);
    both(&wire, StaleHeader, "both put back");
    let copy = copy_at(&wire);
    let front_alone = overwrite(&wire, copy, &trace.header);
    assert_eq!(judge(&front_alone, "the front put back"), (Some(StaleHeader), None));
    let mut damaged = wire;
    damaged[HEADER_LEN - 1] ^= 1;
    damaged[copy + HEADER_LEN - 1] ^= 1;
    both(&damaged, ChecksumMismatch, "both put back, with a wrong CRC");
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

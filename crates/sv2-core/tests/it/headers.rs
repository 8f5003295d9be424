//! Headers that were changed, with checksums and MACs made right again where the key holder or
//! anyone could, and headers of older revisions: the engine judges them as the reference does.

use sv2_core::{Driver, StreamError, Unit};
use sv2_testkit::mutate::{flip, overwrite};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::FailureKind::{self, *};
use sv2_testkit::reference::forge::{refresh_crc, reseal_header};
use sv2_testkit::reference::{Params, encrypt_traced};

use crate::harness::{KEY, decrypt_options, salt, stream};
use crate::outcome::memory;
use crate::structure::{HEADER_LEN, LEN, both, copy_at, judge, params};

/// Changes front and copy in the same way and makes both hold together again.
fn forge_headers(wire: &mut [u8], change: impl Fn(&mut [u8])) {
    for start in [0, copy_at(wire)] {
        let header = &mut wire[start..start + HEADER_LEN];
        change(header);
        reseal_header(&KEY, b"", header);
    }
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
    // A copy that would begin inside the front header is none either.
    let segments = (trailer as u64 - 256 - 32 - 100) / 64;
    lost[trailer + 24..trailer + 32].copy_from_slice(&segments.to_be_bytes());
    refresh_crc(&mut lost[trailer..]);
    let ended = memory(&lost, &decrypt_options(Driver::Inline, 1));
    assert_eq!(judge(&lost, "a copy inside the front").1, Some(Malformed));
    let error = ended.result.expect_err("no header");
    assert!(matches!(error, StreamError::Malformed { unit: Unit::Trailer, .. }), "{error:?}");
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

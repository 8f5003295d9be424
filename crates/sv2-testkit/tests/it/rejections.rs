//! Each error of section 8 by a stream that earns it, with the unit it is pinned to.

use sv2_testkit::mutate::{
    duplicate, find, flip, frame_range, insert, overwrite, regions, remove, segment_range, swap,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::FailureKind::{self, *};
use sv2_testkit::reference::forge::{refresh_crc, reseal_header, reseal_trailer};
use sv2_testkit::reference::{
    Failure, Limits, Params, Unit, decrypt_pipe, decrypt_seekable, encrypt, encrypt_traced,
};

use crate::{KEY, salt, stream};

const LEN: usize = 1300;

fn params() -> Params {
    Params::tiny(1, 1, 1)
}

fn pipe(wire: &[u8]) -> Failure {
    decrypt_pipe(&KEY, b"", wire, &Limits::FORMAT).result.expect_err("a bad stream")
}

fn seekable(wire: &[u8]) -> Failure {
    decrypt_seekable(&KEY, b"", wire, &Limits::FORMAT).result.expect_err("a bad stream")
}

fn kinds(wire: &[u8]) -> (FailureKind, FailureKind) {
    (pipe(wire).kind, seekable(wire).kind)
}

/// Changes front and copy in the same way and makes both hold together again.
fn forge_headers(wire: &mut [u8], change: impl Fn(&mut [u8])) {
    let header_len = 256;
    let copy = find(&regions(wire), "copy.magic", None, None).start;
    for start in [0, copy] {
        let header = &mut wire[start..start + header_len];
        change(header);
        reseal_header(&KEY, b"", header);
    }
}

fn forge_trailer(wire: &mut [u8], change: impl Fn(&mut [u8])) {
    let header = wire[..256].to_vec();
    let start = wire.len() - 128;
    change(&mut wire[start..]);
    reseal_trailer(&KEY, b"", &header, &mut wire[start..]);
}

#[test]
fn another_key_or_context_is_named_as_such() {
    let wire = stream(&params(), LEN);
    for (key, context) in [([8; 32], &b""[..]), (KEY, &b"other"[..])] {
        let pipe = decrypt_pipe(&key, context, &wire, &Limits::FORMAT);
        let seekable = decrypt_seekable(&key, context, &wire, &Limits::FORMAT);
        assert_eq!(pipe.kind(), Some(WrongKeyOrContext));
        assert_eq!(pipe, seekable);
    }
}

#[test]
fn what_is_no_stream_is_named_as_such() {
    assert_eq!(kinds(b""), (NotAStream, NotAStream));
    assert_eq!(kinds(&[0x55; 3000]), (NotAStream, NotAStream));
}

#[test]
fn unknown_and_impossible_header_fields_are_refused_behind_a_right_mac() {
    let cases: [(usize, &[u8], FailureKind); 11] = [
        (8, &[0, 2], Unsupported),
        (10, &[3], Unsupported),
        (11, &[3], Unsupported),
        (12, &[7], Malformed),
        (12, &[21], Limit),
        (13, &[15], Limit),
        (12, &[20, 11], Limit),
        (14, &[0, 2], Unsupported),
        (84, &[1], Malformed),
        (96, &[0x7F, 0xFF], Unsupported),
        (215, &[1], Malformed),
    ];
    for (at, bytes, expected) in cases {
        let mut wire = stream(&params(), LEN);
        forge_headers(&mut wire, |header| header[at..at + bytes.len()].copy_from_slice(bytes));
        assert_eq!(kinds(&wire), (expected, expected), "{at} {bytes:?}");
    }
}

#[test]
fn a_header_length_that_cannot_be_leaves_no_place_for_a_right_checksum() {
    for len in [0_u32, 192, 257, 65600, u32::MAX] {
        let mut wire = stream(&params(), LEN);
        let copy = find(&regions(&wire), "copy.header_len", None, None).start;
        for at in [80, copy] {
            wire = overwrite(&wire, at, &len.to_be_bytes());
        }
        assert_eq!(kinds(&wire), (ChecksumMismatch, ChecksumMismatch), "{len}");
    }
}

#[test]
fn sections_are_held_to_their_rules() {
    let age = |stanzas: &str| {
        let mac = "A".repeat(43);
        let mut slot = vec![0, 1];
        slot.extend(format!("age-encryption.org/v1\n{stanzas}--- {mac}\n").bytes());
        slot.extend([0; 64]);
        slot
    };
    let x25519 = format!("-> X25519 {}\n{}\n", "A".repeat(43), "A".repeat(43));
    let scrypt = format!("-> scrypt AAAA 18\n{}\n", "A".repeat(43));
    let both = format!("{x25519}{scrypt}");
    let mut unended = age(&x25519);
    unended.push(0);
    let kms = || (1, vec![0, 9, 1, 2, 3]);
    type Sections = Vec<(u16, Vec<u8>)>;
    let cases: Vec<(bool, Sections, Option<FailureKind>)> = vec![
        (true, vec![(1, age(&x25519)), (1, age(&scrypt)), kms()], None),
        (true, vec![(1, age(&x25519)); 3], None),
        (true, vec![kms(); 64], None),
        (true, vec![kms(); 65], Some(Limit)),
        (false, vec![kms()], Some(Malformed)),
        (true, vec![(1, vec![0])], Some(Malformed)),
        (true, vec![(1, age(&scrypt)), (1, age(&scrypt))], Some(Malformed)),
        (true, vec![(1, age(&both))], Some(Malformed)),
        (true, vec![(1, age(""))], Some(Malformed)),
        (true, vec![(1, unended)], Some(Malformed)),
        (true, vec![(1, age("-> \n\n"))], Some(Malformed)),
        (true, vec![(1, age("-> X25519\nA*==\n"))], Some(Malformed)),
        (true, vec![(1, age("-> X25519\nAAB\n"))], Some(Malformed)),
        (true, vec![(1, age("-> X25519\nAB\n"))], Some(Malformed)),
        (true, vec![(1, age("-> X25519\nA\n"))], Some(Malformed)),
        (true, vec![(1, age("-> X25519\nAAE\n"))], None),
        (false, vec![(2, vec![0; 40])], None),
        (false, vec![(2, vec![0; 39])], Some(Malformed)),
        (false, vec![(2, vec![0; 40]), (2, vec![0; 40])], Some(Malformed)),
        (false, vec![(3, vec![])], Some(Unsupported)),
        (false, vec![(0x8003, vec![1; 9])], None),
        (false, vec![(0, vec![1])], Some(Malformed)),
    ];
    for (number, (slotted, sections, expected)) in cases.into_iter().enumerate() {
        let params = Params { slotted, sections, header_len: 4096, ..params() };
        let wire = stream(&params, LEN);
        let pipe = decrypt_pipe(&KEY, b"", &wire, &Limits::FORMAT);
        let seekable = decrypt_seekable(&KEY, b"", &wire, &Limits::FORMAT);
        assert_eq!(pipe.kind(), expected, "case {number}");
        assert_eq!(seekable.kind(), expected, "case {number}");
    }
}

#[test]
fn the_callers_limit_on_the_segment_size_is_kept() {
    let wire = stream(&params(), LEN);
    let below = Limits { max_segment_size: 511 };
    assert_eq!(decrypt_pipe(&KEY, b"", &wire, &below).kind(), Some(Limit));
    assert_eq!(decrypt_seekable(&KEY, b"", &wire, &below).kind(), Some(Limit));
    let equal = Limits { max_segment_size: 512 };
    assert!(decrypt_pipe(&KEY, b"", &wire, &equal).result.is_ok());
}

#[test]
fn a_forged_frame_is_pinned_by_segment_frame_and_offset() {
    let wire = stream(&params(), LEN);
    let regions = regions(&wire);
    let tag = find(&regions, "frame.tag", Some(1), Some(1));
    let frame = frame_range(&regions, 1, 1);
    let damaged = flip(&wire, tag.start, 1);
    let mut forged = damaged.clone();
    refresh_crc(&mut forged[frame.clone()]);
    for (wire, kind) in [(damaged, ChecksumMismatch), (forged, AuthenticationFailed)] {
        let expected = Failure {
            kind,
            unit: Unit::Frame,
            segment: Some(1),
            frame: Some(1),
            offset: Some(frame.start as u64),
        };
        assert_eq!(pipe(&wire), expected);
        assert_eq!(seekable(&wire), expected);
        let released = decrypt_pipe(&KEY, b"", &wire, &Limits::FORMAT).released;
        assert_eq!(released, paint(512));
    }
}

#[test]
fn a_wrong_frame_header_is_malformed_and_the_first_bad_frame_is_named() {
    let mut wire = stream(&params(), LEN);
    let regions = regions(&wire);
    for frame in [0, 1] {
        let range = frame_range(&regions, 0, frame);
        wire[range.start + 3] ^= 2;
        refresh_crc(&mut wire[range]);
    }
    for failure in [pipe(&wire), seekable(&wire)] {
        assert_eq!((failure.kind, failure.frame), (Malformed, Some(0)));
    }
}

#[test]
fn moved_segments_are_out_of_order_on_a_pipe_and_do_not_open_when_seekable() {
    let wire = stream(&params(), LEN);
    let regions = regions(&wire);
    let (first, second) = (segment_range(&regions, 0), segment_range(&regions, 1));
    let swapped = swap(&wire, first.clone(), second.clone());
    assert_eq!(kinds(&swapped), (Malformed, AuthenticationFailed));
    assert_eq!(kinds(&duplicate(&wire, first.clone())), (Malformed, Malformed));
    assert_eq!(kinds(&remove(&wire, second)), (Malformed, Malformed));
    assert_eq!(pipe(&swapped).offset, Some(first.start as u64));
}

/// The index of a pipe reader is as long as what it read, so it looks for the trailer too early.
#[test]
fn a_dropped_last_segment_leaves_no_trailer_where_a_pipe_reader_expects_it() {
    let wire = stream(&params(), LEN);
    let dropped = remove(&wire, segment_range(&regions(&wire), 2));
    let trailer = dropped.len() as u64 - 128 - 64;
    assert_eq!(pipe(&dropped), Failure::new(ChecksumMismatch, Unit::Trailer, trailer));
    assert_eq!(seekable(&dropped).kind, Malformed);
}

#[test]
fn a_segment_after_a_short_one_is_malformed() {
    let params = params();
    let wire = stream(&params, 700);
    let longer = stream(&params, LEN);
    let third = longer[segment_range(&regions(&longer), 2)].to_vec();
    let tail = params.layout().tail_offset(700) as usize;
    let failure = pipe(&insert(&wire, tail, &third));
    assert_eq!((failure.kind, failure.unit), (Malformed, Unit::SegmentHeader));
    assert_eq!((failure.segment, failure.offset), (Some(2), Some(tail as u64)));
}

#[test]
fn segment_header_fields_are_checked_on_a_pipe_and_never_read_when_seekable() {
    let cases: [(&str, FailureKind); 6] = [
        ("segment.magic", ChecksumMismatch),
        ("segment.reserved_a", Malformed),
        ("segment.reserved_b", Malformed),
        ("segment.index", Malformed),
        ("segment.stream_tag", AuthenticationFailed),
        ("segment.salt", AuthenticationFailed),
    ];
    let wire = stream(&params(), LEN);
    let regions = regions(&wire);
    for (name, expected) in cases {
        let region = find(&regions, name, Some(1), None);
        let start = segment_range(&regions, 1).start;
        let damaged = flip(&wire, region.start, 1);
        let mut forged = damaged.clone();
        if name != "segment.magic" {
            refresh_crc(&mut forged[start..start + 64]);
        }
        assert_eq!(pipe(&damaged).kind, ChecksumMismatch, "{name}");
        assert_eq!(pipe(&damaged).unit, Unit::SegmentHeader, "{name}");
        let unit = if name == "segment.salt" { Unit::Frame } else { Unit::SegmentHeader };
        assert_eq!((pipe(&forged).kind, pipe(&forged).unit), (expected, unit), "{name}");
        assert!(decrypt_seekable(&KEY, b"", &forged, &Limits::FORMAT).result.is_ok());
    }
}

#[test]
fn an_older_attempt_of_a_segment_is_refused_by_the_index() {
    let params = params();
    let wire = stream(&params, LEN);
    let older = encrypt(&KEY, &params, &mut |index| [index as u8; 24], &paint(LEN));
    let range = segment_range(&regions(&wire), 1);
    let spliced = overwrite(&wire, range.start, &older[range.clone()]);
    let failure = pipe(&spliced);
    assert_eq!((failure.kind, failure.unit), (AuthenticationFailed, Unit::Index));
    assert_eq!(seekable(&spliced).unit, Unit::Frame);
    let released = decrypt_pipe(&KEY, b"", &spliced, &Limits::FORMAT).released;
    assert_eq!(released, paint(LEN), "a pipe reader learns of it at the end");
}

#[test]
fn content_changed_by_a_key_holder_under_the_same_salt_is_a_digest_mismatch() {
    let params = params();
    let wire = stream(&params, LEN);
    let forged = encrypt(&KEY, &params, &mut salt, &[0; LEN]);
    let range = segment_range(&regions(&wire), 1);
    let spliced = overwrite(&wire, range.start, &forged[range.clone()]);
    let failure = seekable(&spliced);
    assert_eq!((failure.kind, failure.segment), (DigestMismatch, Some(1)));
    assert_eq!(decrypt_seekable(&KEY, b"", &spliced, &Limits::FORMAT).released, paint(512));
    assert_eq!(pipe(&spliced).kind, AuthenticationFailed);
    assert_eq!(pipe(&spliced).unit, Unit::Index);
}

#[test]
fn trailer_fields_are_checked_in_front_of_and_behind_the_seal() {
    let cases: [(usize, &[u8], FailureKind); 13] = [
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
        (39, &[0], Malformed),
        (87, &[1], Malformed),
    ];
    for (at, bytes, expected) in cases {
        let mut wire = stream(&params(), LEN);
        forge_trailer(&mut wire, |trailer| trailer[at..at + bytes.len()].copy_from_slice(bytes));
        assert_eq!(kinds(&wire), (expected, expected), "{at} {bytes:?}");
    }
}

#[test]
fn a_wrong_seal_under_a_right_crc_is_not_authentic() {
    let mut wire = stream(&params(), LEN);
    let start = wire.len() - 128;
    wire[start + 88] ^= 1;
    assert_eq!(pipe(&wire).unit, Unit::Trailer);
    assert_eq!(kinds(&wire), (ChecksumMismatch, ChecksumMismatch));
    refresh_crc(&mut wire[start..]);
    for failure in [pipe(&wire), seekable(&wire)] {
        let expected = Failure::new(AuthenticationFailed, Unit::Seal, start as u64);
        assert_eq!(failure, expected);
    }
}

#[test]
fn index_and_page_table_must_hash_to_the_sealed_root() {
    let wire = stream(&params(), LEN);
    let regions = regions(&wire);
    let index = find(&regions, "index.salt", Some(0), None).start;
    let table = find(&regions, "page_table.hash", None, None).start;
    for (flipped_at, named) in [(index + 90, index), (table + 5, table)] {
        let expected = Failure::new(AuthenticationFailed, Unit::Index, named as u64);
        let wire = flip(&wire, flipped_at, 4);
        assert_eq!(pipe(&wire), expected);
        assert_eq!(seekable(&wire), expected);
    }
}

#[test]
fn bytes_after_the_trailer_are_an_error() {
    let mut wire = stream(&params(), LEN);
    let end = wire.len() as u64;
    wire.push(0);
    assert_eq!(pipe(&wire), Failure::new(TrailingData, Unit::Stream, end));
    assert_eq!(seekable(&wire).kind, Unsealed);
}

#[test]
fn bytes_between_the_front_and_a_sound_tail_break_the_exact_length() {
    let wire = stream(&params(), LEN);
    let tail = params().layout().tail_offset(LEN as u64) as usize;
    let failure = seekable(&insert(&wire, tail, &[0; 64]));
    assert_eq!((failure.kind, failure.unit), (Malformed, Unit::Trailer));
}

#[test]
fn an_old_header_put_back_in_both_places_is_stale() {
    let new = Params { revision: 3, ..params() };
    let (mut wire, trace) = encrypt_traced(&KEY, &new, &mut salt, &paint(LEN));
    forge_headers(&mut wire, |header| header[95] = 2);
    assert_eq!(pipe(&wire), Failure::new(StaleHeader, Unit::Header, 0));
    assert_eq!(seekable(&wire), Failure::new(StaleHeader, Unit::Header, 0));

    let copy = find(&regions(&wire), "copy.magic", None, None).start;
    let wire = overwrite(&wire, copy, &trace.header);
    let summary = decrypt_seekable(&KEY, b"", &wire, &Limits::FORMAT).result.expect("the copy");
    assert_eq!((summary.header, summary.revision), (Unit::HeaderCopy, 3));
    assert_eq!(pipe(&wire).kind, StaleHeader);
}

#[test]
fn of_two_usable_headers_the_higher_revision_wins_and_then_the_front() {
    let wire = stream(&params(), LEN);
    let copy = find(&regions(&wire), "copy.magic", None, None).start;
    let used = |wire: &[u8]| {
        let outcome = decrypt_seekable(&KEY, b"", wire, &Limits::FORMAT);
        outcome.result.map(|summary| summary.header)
    };
    assert_eq!(used(&wire), Ok(Unit::Header));
    assert_eq!(used(&flip(&wire, 50, 1)), Ok(Unit::HeaderCopy));
    let mut renewed = wire.clone();
    renewed[copy + 95] = 1;
    reseal_header(&KEY, b"", &mut renewed[copy..copy + 256]);
    assert_eq!(used(&renewed), Ok(Unit::HeaderCopy));
}

#[test]
fn of_two_unusable_headers_the_front_is_named_unless_it_is_no_header() {
    let wire = stream(&params(), LEN);
    let copy = find(&regions(&wire), "copy.magic", None, None).start;
    let both = flip(&flip(&wire, 60, 1), copy + 60, 1);
    assert_eq!(seekable(&both), Failure::new(ChecksumMismatch, Unit::Header, 0));
    let gone = flip(&both, 0, 1);
    let expected = Failure::new(ChecksumMismatch, Unit::HeaderCopy, copy as u64);
    assert_eq!(seekable(&gone), expected);
    assert_eq!(pipe(&gone).kind, NotAStream);
}

//! Getting out what still authenticates.

use proptest::prelude::*;
use sv2_core::{
    DigestAlg, Gaps, InputSource, OutputSink, SalvageReport, StreamError, StreamReader, salvage,
};
use sv2_testkit::mutate;
use sv2_testkit::paint::paint;
use sv2_testkit::reference::forge::{refresh_crc, reseal_trailer};
use sv2_testkit::reference::{Params, encrypt};

use crate::support::{
    FRAME, FRAME_WIRE, HEADER_LEN, SEGMENT, frame_at, segment_wire, stream, with_key,
};

const LEN: usize = 5 * SEGMENT + FRAME + 100;

fn salvaged(wire: &[u8], gaps: Gaps) -> Result<(Vec<u8>, SalvageReport), StreamError> {
    let mut plaintext = Vec::new();
    let report = with_key(|keys, options| {
        let output = OutputSink::Memory(&mut plaintext);
        salvage(InputSource::Memory(wire), output, keys, options, gaps)
    })?;
    Ok((plaintext, report))
}

/// Checks both kinds of output against what the report says is lost, and returns the report.
fn consistent(wire: &[u8], len: usize) -> SalvageReport {
    let original = paint(len);
    let (zeroed, report) = salvaged(wire, Gaps::Zero).expect("salvages");
    let mut expected = original.clone();
    expected.truncate(report.plaintext_len as usize);
    let mut kept = Vec::new();
    let mut at = 0;
    for lost in &report.lost {
        let (start, end) = (lost.start as usize, lost.end as usize);
        kept.extend_from_slice(&original[at..start]);
        expected[start..end].fill(0);
        at = end;
    }
    kept.extend_from_slice(&original[at..report.plaintext_len as usize]);
    assert!(zeroed == expected, "zeros exactly where the report says");
    let (skipped, again) = salvaged(wire, Gaps::Skip).expect("salvages");
    assert!(skipped == kept, "the rest, closed up");
    assert_eq!((&again.lost, again.recovered), (&report.lost, skipped.len() as u64));
    report
}

#[test]
fn a_sound_stream_is_salvaged_whole() {
    for digest in [DigestAlg::None, DigestAlg::Blake3] {
        let report = consistent(&stream(LEN, digest), LEN);
        assert!(report.is_complete() && report.unconfirmed.is_empty());
    }
}

/// F-833: exactly the frames that were touched are lost.
#[test]
fn damaged_frames_cost_themselves_and_no_more() {
    let digest = DigestAlg::Sha256;
    let mut wire = stream(LEN, digest);
    for (segment, frame) in [(0, 0), (0, 1), (3, 2)] {
        wire[frame_at(digest, segment, frame) + 31] ^= 1;
    }
    let report = consistent(&wire, LEN);
    let frame = FRAME as u64;
    let third = 3 * SEGMENT as u64 + 2 * frame;
    assert_eq!(report.lost, [0..2 * frame, third..third + frame]);
    assert!(report.sealed && report.unconfirmed.is_empty());
}

#[test]
fn damaged_checksums_and_segment_headers_cost_nothing() {
    let digest = DigestAlg::None;
    let mut wire = stream(LEN, digest);
    wire[frame_at(digest, 1, 1) + FRAME_WIRE - 3] ^= 1;
    wire[HEADER_LEN + 2 * segment_wire(digest) + 30] ^= 1;
    wire[HEADER_LEN + 2 * segment_wire(digest) + 1] ^= 1;
    assert!(consistent(&wire, LEN).is_complete());
}

/// Bytes that went missing inside a segment cost the frames they touch: what follows moved, in
/// the segment and behind it.
#[test]
fn missing_bytes_cost_the_frames_they_touch() {
    let digest = DigestAlg::None;
    let wire = stream(LEN, digest);
    let at = frame_at(digest, 2, 1) + 10;
    let report = consistent(&mutate::remove(&wire, at..at + 37), LEN);
    let start = (2 * SEGMENT + FRAME) as u64;
    assert_eq!(report.lost, std::slice::from_ref(&(start..start + FRAME as u64)));
}

#[test]
fn inserted_bytes_cost_the_frames_they_touch() {
    let digest = DigestAlg::None;
    let wire = stream(LEN, digest);
    let at = frame_at(digest, 1, 3) + 10;
    let report = consistent(&mutate::insert(&wire, at, &[0x53; 1000]), LEN);
    let start = (SEGMENT + 3 * FRAME) as u64;
    assert_eq!(report.lost, std::slice::from_ref(&(start..start + FRAME as u64)));
}

#[test]
fn a_whole_segment_cut_out_is_what_is_lost() {
    let digest = DigestAlg::None;
    let wire = stream(LEN, digest);
    let start = HEADER_LEN + 2 * segment_wire(digest);
    let report = consistent(&mutate::remove(&wire, start..start + segment_wire(digest)), LEN);
    let lost = 2 * SEGMENT as u64..3 * SEGMENT as u64;
    assert_eq!(report.lost, std::slice::from_ref(&lost));
}

#[test]
fn lost_first_sectors_are_replaced_by_the_header_copy() {
    let mut wire = stream(LEN, DigestAlg::None);
    wire[..700].fill(0);
    assert!(consistent(&wire, LEN).is_complete());
}

/// F-826: without the tail nothing proves that this is all.
#[test]
fn a_lost_tail_leaves_the_segments_that_are_there() {
    let digest = DigestAlg::None;
    let wire = stream(LEN, digest);
    let cut = &wire[..frame_at(digest, 4, 2) + 5];
    let report = consistent(cut, LEN);
    assert!(!report.sealed && !report.is_complete());
    let lost = (4 * SEGMENT + 2 * FRAME) as u64..5 * SEGMENT as u64;
    assert_eq!(report.lost, std::slice::from_ref(&lost));
    assert_eq!(report.unconfirmed.len(), 1, "no index confirms a version");
}

/// F-833: what a header claims counts only where something opens under it, so that bytes which
/// anybody can write do not stretch the output to terabytes.
#[test]
fn a_forged_segment_header_does_not_set_the_end_of_an_unsealed_stream() {
    let digest = DigestAlg::None;
    let wire = stream(LEN, digest);
    let cut = &wire[..frame_at(digest, 4, 2) + 5];
    let mut forged = wire[HEADER_LEN..HEADER_LEN + 64].to_vec();
    forged[8..16].copy_from_slice(&u64::from(u32::MAX).to_be_bytes());
    refresh_crc(&mut forged);
    let honest = consistent(cut, LEN);
    let claimed = consistent(&[cut, &forged, &[0; 2000]].concat(), LEN);
    assert_eq!(claimed.plaintext_len, honest.plaintext_len);
    assert_eq!((claimed.lost, claimed.recovered), (honest.lost, honest.recovered));
}

/// F-802: a geometry of huge segments costs no more memory than there are bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_short_stream_of_huge_segments_is_salvaged_in_little_memory() {
    let params = Params { frame_log2: 20, frames_log2: 10, ..Params::tiny(1, 0, 0) };
    let mut wire = encrypt(&[9; 32], &params, &mut |_| [1; 24], &paint(5000));
    // A sealed claim of a full segment, of which a few bytes are there.
    let trailer = wire.len() - 128;
    wire[trailer + 32..trailer + 40].copy_from_slice(&(1_u64 << 30).to_be_bytes());
    let (header, rest) = wire.split_at_mut(256);
    reseal_trailer(&[9; 32], b"", header, &mut rest[trailer - 256..]);
    let (kept, report) = salvaged(&wire, Gaps::Skip).expect("salvages");
    assert!(kept.is_empty() && report.sealed);
    assert_eq!(report.lost, std::slice::from_ref(&(0..1 << 30)));
    let status = std::fs::read_to_string("/proc/self/status").expect("what Linux says of it");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 512 << 10, "{kib} KiB were in use at once");
}

#[test]
fn header_and_trailer_both_lost_leave_the_copy() {
    let mut wire = stream(LEN, DigestAlg::None);
    wire[..64].fill(0xFF);
    let len = wire.len();
    wire[len - 128..].fill(0);
    let report = consistent(&wire, LEN);
    assert!(!report.sealed && report.lost.is_empty());
    assert_eq!(report.plaintext_len, LEN as u64);
}

#[test]
fn a_damaged_page_leaves_its_segments_unconfirmed() {
    let digest = DigestAlg::None;
    let mut wire = stream(LEN, digest);
    let at = wire.len() - 128 - 32 - 3;
    wire[at] ^= 1;
    let report = consistent(&wire, LEN);
    assert!(report.lost.is_empty());
    assert_eq!(report.unconfirmed, std::slice::from_ref(&(0..LEN as u64)));
}

#[test]
fn several_damages_at_once_are_survived() {
    let digest = DigestAlg::None;
    let mut wire = stream(LEN, digest);
    wire[..100].fill(0);
    wire[frame_at(digest, 0, 3) + 40] ^= 8;
    let at = frame_at(digest, 3, 0) + 1;
    let wire = mutate::remove(&wire, at..at + 20);
    let report = consistent(&wire, LEN);
    let frame = FRAME as u64;
    let third = 3 * SEGMENT as u64;
    assert_eq!(report.lost, [3 * frame..4 * frame, third..third + frame]);
}

/// F-604: a stream whose seal is lost has no fingerprint, so it is not the one that was pinned.
#[test]
fn a_pinned_stream_is_salvaged_only_under_its_seal() {
    let wire = stream(LEN, DigestAlg::None);
    let pinned = |wire: &[u8], expected| {
        with_key(|key, options| {
            let mut options = options.clone();
            options.expected_fingerprint = Some(expected);
            let mut out = Vec::new();
            let output = OutputSink::Memory(&mut out);
            let salvaged =
                salvage(InputSource::Memory(wire), output, key, &options, Gaps::Skip).map(drop);
            assert!(salvaged.is_ok() || out.is_empty());
            salvaged
        })
    };
    let fingerprint = with_key(|key, options| {
        let reader = StreamReader::open(InputSource::Memory(&wire), key, options).expect("sound");
        reader.fingerprint()
    });
    assert!(pinned(&wire, fingerprint).is_ok());
    assert!(matches!(pinned(&wire, [0; 32]), Err(StreamError::WrongFingerprint)));
    let cut = &wire[..wire.len() - 1];
    assert!(matches!(pinned(cut, fingerprint), Err(StreamError::Unsealed { .. })));
}

#[test]
fn what_is_no_stream_stays_none() {
    for bytes in [&b""[..], b"hello", &[0; 5000]] {
        assert!(matches!(salvaged(bytes, Gaps::Zero), Err(StreamError::NotAStream)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is overwritten, what comes out is the plaintext or a reported gap.
    #[test]
    fn random_damage_never_yields_a_wrong_byte(
        holes in prop::collection::vec((0usize..9000, 1usize..200, any::<u8>()), 0..6),
        cut in prop::option::of((0usize..9000, 1usize..300)),
    ) {
        let mut wire = stream(LEN, DigestAlg::None);
        for (at, len, value) in holes {
            let at = at % wire.len();
            let end = (at + len).min(wire.len());
            wire[at..end].fill(value);
        }
        if let Some((at, len)) = cut {
            let at = at % wire.len();
            wire = mutate::remove(&wire, at..(at + len).min(wire.len()));
        }
        if salvaged(&wire, Gaps::Zero).is_ok() {
            consistent(&wire, LEN);
        }
    }
}

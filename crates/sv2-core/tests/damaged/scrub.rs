//! Finding damage without a key, and settling it with one.

use sv2_core::{
    DamageMap, DigestAlg, Fault, InputSource, RunOptions, StreamError, Unit, scrub, verify,
};
use sv2_testkit::mutate;
use sv2_testkit::reference::forge::refresh_crc;

use crate::support::{FRAME, FRAME_WIRE, HEADER_LEN, SEGMENT, frame_at, stream, with_key};

const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

fn scrubbed(wire: &[u8]) -> Result<DamageMap, StreamError> {
    scrub(InputSource::Memory(wire), &RunOptions::automatic())
}

fn verified(wire: &[u8]) -> Result<DamageMap, StreamError> {
    with_key(|keys, options| verify(InputSource::Memory(wire), keys, options))
}

#[test]
fn a_sound_stream_has_no_damage() {
    for digest in DIGESTS {
        for len in [0, 1, FRAME, SEGMENT, SEGMENT + 1, 3 * SEGMENT + FRAME + 9] {
            let wire = stream(len, digest);
            let found = scrubbed(&wire).expect("a stream");
            assert!(found.is_undamaged() && !found.authenticated, "{len}: {:?}", found.damages);
            assert_eq!(found.plaintext_len, len as u64);
            let found = verified(&wire).expect("a stream");
            assert!(found.is_undamaged() && found.authenticated, "{len}: {:?}", found.damages);
        }
    }
}

/// F-828: whichever byte of a stream rots, scrub notices, and names a unit that holds the byte.
#[test]
fn every_flipped_byte_is_found_and_pinned_without_a_key() {
    for digest in DIGESTS {
        let wire = stream(SEGMENT + FRAME + 3, digest);
        for (at, damaged) in mutate::flips(&wire, 0x10) {
            let found = match scrubbed(&damaged) {
                Ok(found) => found,
                // Without the front's first bytes and a trailer nothing says this is a stream.
                Err(error) => panic!("byte {at}: {error:?}"),
            };
            assert!(!found.is_undamaged(), "byte {at}");
            let pinned = found.damages.iter().any(|damage| {
                let at = at as u64;
                (damage.offset..damage.offset + damage.len).contains(&at)
                    || damage.fault == Fault::Missing
                    || damage.unit == Unit::Index
            });
            assert!(pinned, "byte {at} is outside of {:?}", found.damages);
        }
    }
}

/// F-830: damage is listed to the end, and frames carry their plaintext's place.
#[test]
fn several_damaged_frames_are_all_listed() {
    let digest = DigestAlg::None;
    let mut wire = stream(4 * SEGMENT, digest);
    for (segment, frame) in [(0, 1), (2, 0), (2, 3)] {
        wire[frame_at(digest, segment, frame) + 100] ^= 0xFF;
    }
    let found = scrubbed(&wire).expect("a stream");
    let places: Vec<_> = found
        .damages
        .iter()
        .map(|damage| (damage.unit, damage.fault, damage.plaintext.clone()))
        .collect();
    let frame = |segment: u64, frame: u32| {
        let start = segment * SEGMENT as u64 + u64::from(frame) * FRAME as u64;
        (Unit::Frame { segment, frame }, Fault::Checksum, Some(start..start + FRAME as u64))
    };
    assert_eq!(places, [frame(0, 1), frame(2, 0), frame(2, 3)]);
    assert_eq!(found.damaged_plaintext, 3 * FRAME as u64);
}

/// F-830: with the key a wrong checksum over good data is told from bad data.
#[test]
fn a_key_tells_a_damaged_checksum_from_damaged_data() {
    for digest in DIGESTS {
        let wire = stream(2 * SEGMENT, digest);
        let at = frame_at(digest, 1, 1);
        let crc_only = mutate::flip(&wire, at + FRAME_WIRE - 1, 4);
        let data = mutate::flip(&wire, at + 50, 4);
        assert_eq!(scrubbed(&crc_only).expect("a stream").damages[0].fault, Fault::Checksum);
        let fault = |wire: &[u8]| verified(wire).expect("sealed").damages[0].fault;
        assert_eq!(fault(&crc_only), Fault::ChecksumOnly);
        assert_eq!(fault(&data), Fault::Checksum);
    }
}

/// F-830: a header that opened the stream under a wrong checksum is good data.
#[test]
fn a_key_tells_a_damaged_checksum_of_header_and_trailer_from_damaged_data() {
    let wire = stream(2 * SEGMENT, DigestAlg::None);
    let copy = wire.len() - 128 - 32 - 2 * 32 - HEADER_LEN;
    for (at, unit) in [
        (HEADER_LEN - 1, Unit::Header),
        (copy + HEADER_LEN - 1, Unit::HeaderCopy),
        (wire.len() - 1, Unit::Trailer),
    ] {
        let found = verified(&mutate::flip(&wire, at, 4)).expect("sealed");
        let faults: Vec<_> = found.damages.iter().map(|it| (it.unit, it.fault)).collect();
        assert_eq!(faults, [(unit, Fault::ChecksumOnly)], "byte {at}");
    }
}

/// A forger repairs every checksum: scrub is blind to that, verify is not.
#[test]
fn only_a_key_finds_a_forged_frame() {
    let digest = DigestAlg::None;
    let mut wire = stream(SEGMENT, digest);
    let at = frame_at(digest, 0, 2);
    wire[at + 50] ^= 1;
    refresh_crc(&mut wire[at..at + FRAME_WIRE]);
    let start = frame_at(digest, 0, 0) - 64;
    let end = start + 64 + 4 * FRAME_WIRE + 8;
    refresh_crc(&mut wire[start..end]);
    let entry = wire.len() - 128 - 32 - 8;
    let crc: [u8; 8] = wire[end - 8..end].try_into().expect("eight bytes");
    wire[entry..entry + 8].copy_from_slice(&crc);
    let without = scrubbed(&wire).expect("a stream");
    // The forger cannot repair the page table without breaking index_root under the seal.
    assert!(without.damages.iter().all(|damage| damage.unit == Unit::Index));
    let entry_only = mutate::overwrite(&wire, entry, &stream(SEGMENT, digest)[entry..entry + 8]);
    assert!(scrubbed(&entry_only).is_ok());
    // Under the sealed index the frame is what fails.
    let original = stream(SEGMENT, digest);
    let mut forged = original.clone();
    forged[at + 50] ^= 1;
    refresh_crc(&mut forged[at..at + FRAME_WIRE]);
    let found = verified(&forged).expect("sealed");
    assert!(found.damages.iter().any(|damage| {
        damage.unit == Unit::Frame { segment: 0, frame: 2 } && damage.fault == Fault::Authentication
    }));
}

#[test]
fn a_stream_without_its_tail_is_scrubbed_as_far_as_it_goes() {
    let digest = DigestAlg::None;
    let wire = stream(4 * SEGMENT, digest);
    let cut = frame_at(digest, 3, 1);
    let mut damaged = wire[..cut].to_vec();
    damaged[frame_at(digest, 1, 0) + 9] ^= 1;
    let found = scrubbed(&damaged).expect("a stream");
    assert!(!found.sealed);
    assert!(!found.by_place && !found.end_is_known);
    assert_eq!((found.segments, found.plaintext_len), (4, 4 * SEGMENT as u64));
    let lost: Vec<_> =
        found.damages.iter().map(|damage| (damage.unit, damage.last, damage.units)).collect();
    let frame = |segment, frame| Unit::Frame { segment, frame };
    // The damaged frame, the torn one with those behind it, and the trailer.
    let (torn, last) = (frame(3, 1), frame(3, 3));
    let expected =
        [(frame(1, 0), frame(1, 0), 1), (torn, last, 3), (Unit::Trailer, Unit::Trailer, 1)];
    assert_eq!(lost, expected);
    assert!(found.damages.iter().all(|damage| damage.fault == Fault::Missing));
    assert_eq!(found.damaged_plaintext, 4 * FRAME as u64);
}

/// F-829: of two headers with right checksums the key tells which one is the stream's, and what
/// is verified is what a decrypt reads.
#[test]
fn a_planted_header_of_another_geometry_does_not_mislead_verify() {
    let digest = DigestAlg::Sha256;
    let mut wire = stream(2 * SEGMENT + 5, digest);
    // Frames of 512 bytes instead of 256.
    wire[12] += 1;
    refresh_crc(&mut wire[..HEADER_LEN]);
    let differs = Fault::Disagrees("header and header copy");
    let front = (Unit::Header, differs);
    let (len, segments) = (2 * SEGMENT as u64 + 5, 3);
    let found = scrubbed(&wire).expect("a stream");
    let faults: Vec<_> = found.damages.iter().map(|damage| (damage.unit, damage.fault)).collect();
    assert_eq!(faults, [front], "the length and the segments are those of the copy");

    let found = verified(&wire).expect("the copy opens");
    assert_eq!((found.plaintext_len, found.segments, found.authenticated), (len, segments, true));
    let faults: Vec<_> = found.damages.iter().map(|damage| (damage.unit, damage.fault)).collect();
    assert_eq!(faults, [front]);

    wire[frame_at(digest, 1, 2) + 100] ^= 1;
    let found = verified(&wire).expect("the copy opens");
    let faults: Vec<_> = found.damages.iter().map(|damage| (damage.unit, damage.fault)).collect();
    let frame = Unit::Frame { segment: 1, frame: 2 };
    assert_eq!(faults, [front, (frame, Fault::Checksum)]);
}

/// F-831: decrypt is silent about a copy that differs, scrub is not.
#[test]
fn a_header_copy_that_differs_is_reported() {
    let wire = stream(10, DigestAlg::None);
    let copy = wire.len() - 128 - 32 - 32 - 1024;
    let mut differing = wire.clone();
    differing[copy + 95] ^= 1;
    refresh_crc(&mut differing[copy..copy + 1024]);
    let found = scrubbed(&differing).expect("a stream");
    assert_eq!(found.damages.len(), 1);
    assert_eq!(found.damages[0].unit, Unit::HeaderCopy);
}

/// F-813: what ends inside its header is unsealed, not malformed.
#[test]
fn a_stream_cut_inside_its_header_is_unsealed() {
    let wire = stream(10, DigestAlg::None);
    for cut in [8, 95, 96, 500, 1023] {
        assert!(matches!(scrubbed(&wire[..cut]), Err(StreamError::Unsealed { .. })), "{cut}");
    }
    assert!(matches!(scrubbed(&wire[..7]), Err(StreamError::NotAStream)));
}

//! Segments under their entries in the sealed index, as a seekable reader opens them.

use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameIndex, SegmentIndex};
use sv2_headers::{DigestAlg, IndexEntry};
use sv2_segment_worker::{SegmentInput, SegmentWorkerError};

use crate::support::{Parameters, SMALL, each, open, plaintext, seal};

/// F-805: the 64 stored bytes are not looked at, whatever they are.
#[test]
fn the_stored_header_is_without_effect() {
    for parameters in each() {
        let segment = seal(&parameters.sealer(), 3, 600);
        for filling in [0x00, 0xFF, 0x53] {
            let mut wire = segment.wire.to_vec();
            wire[..64].fill(filling);
            let opened = open(&parameters.opener(), 3, &wire, Some(segment.entry));
            assert_eq!(opened, Ok(plaintext(600)));
        }
    }
}

/// F-801: membership in the sealed version is the salt's doing.
#[test]
fn a_segment_under_another_salt_does_not_open() {
    for parameters in each() {
        let segment = seal(&parameters.sealer(), 0, 600);
        for at in 0..24 {
            let mut entry = segment.entry;
            entry.salt[at] ^= 1;
            let source = FrameWorkerError::AuthenticationFailed { frame: FrameIndex(0) };
            let expected =
                SegmentWorkerError::Frame { segment: SegmentIndex(0), offset: 64, source };
            let opened = open(&parameters.opener(), 0, &segment.wire, Some(entry));
            assert_eq!(opened, Err(expected), "byte {at}");
        }
    }
}

/// F-811: every bit of the digest counts, and nothing is released without it.
#[test]
fn a_segment_with_another_digest_is_refused() {
    for digest in [DigestAlg::Sha256, DigestAlg::Blake3] {
        let parameters = Parameters { digest, ..SMALL };
        let segment = seal(&parameters.sealer(), 0, 600);
        for bit in 0..256 {
            let mut entry = segment.entry;
            entry.digest[bit / 8] ^= 1 << (bit % 8);
            let opened = open(&parameters.opener(), 0, &segment.wire, Some(entry));
            let expected = SegmentWorkerError::DigestMismatch { segment: SegmentIndex(0) };
            assert_eq!(opened, Err(expected), "bit {bit}");
        }
    }
}

/// Who holds the key and reuses a salt replaces content where there is no digest, and is found
/// out where there is one (section 4.2).
#[test]
fn content_that_was_replaced_under_the_sealed_salt_is_found_by_the_digest_alone() {
    for parameters in each() {
        let sealer = parameters.hazardous_sealer([9; 24]);
        let entry = seal(&sealer, 0, 600).entry;
        let other = vec![0xDD; 600];
        let input = SegmentInput { index: SegmentIndex(0), plaintext: other.clone().into() };
        let forged = sealer.encrypt(input).expect("a segment").wire;
        let expected = match parameters.digest {
            DigestAlg::None => Ok(other),
            _ => Err(SegmentWorkerError::DigestMismatch { segment: SegmentIndex(0) }),
        };
        assert_eq!(open(&parameters.opener(), 0, &forged, Some(entry)), expected);
    }
}

/// A damaged frame goes before the digest that it makes wrong.
#[test]
fn a_frame_that_does_not_open_is_reported_before_the_digest() {
    let parameters = Parameters { digest: DigestAlg::Sha256, ..SMALL };
    let segment = seal(&parameters.sealer(), 0, 600);
    let mut wire = segment.wire.to_vec();
    wire[64 + 288 + 8] ^= 1;
    let entry = IndexEntry { digest: [0; 32], ..segment.entry };
    let source = FrameWorkerError::ChecksumMismatch { frame: FrameIndex(1) };
    let expected = SegmentWorkerError::Frame { segment: SegmentIndex(0), offset: 64 + 288, source };
    assert_eq!(open(&parameters.opener(), 0, &wire, Some(entry)), Err(expected));
}

/// F-602: the checksum in the entry is not looked at.
#[test]
fn the_checksum_of_the_entry_is_without_effect() {
    let segment = seal(&SMALL.sealer(), 0, 600);
    let entry = IndexEntry { crc: !segment.entry.crc, ..segment.entry };
    assert_eq!(open(&SMALL.opener(), 0, &segment.wire, Some(entry)), Ok(plaintext(600)));
}

//! What was sealed opens to the same bytes, on every path, and is built as section 5 says.

use bytes::Bytes;
use proptest::prelude::*;
use sv2_crypto::SegmentDigest;
use sv2_framing::{FrameIndex, SegmentIndex, crc};
use sv2_headers::DigestAlg;
use sv2_segment_worker::{Explain, SegmentInput, SegmentWire};

use crate::support::{DIGESTS, Parameters, SMALL, SUITES, each, joined, plaintext, seal};

/// The lengths around every border of the small geometry.
const LENGTHS: [usize; 12] = [1, 2, 255, 256, 257, 511, 512, 513, 768, 769, 1023, 1024];

/// F-517: the footer's CRC is that of every earlier byte, computed in one pass over them, and
/// the index repeats it (F-702).
#[test]
fn the_joined_checksum_is_that_of_the_whole_segment() {
    for parameters in each() {
        for len in LENGTHS {
            let segment = seal(&parameters.sealer(), 7, len);
            let (covered, stored) = segment.wire.split_at(segment.wire.len() - 8);
            assert_eq!(stored, crc::crc64(covered).to_be_bytes(), "{len} of {parameters:?}");
            assert_eq!(segment.entry.crc.to_be_bytes(), stored);
        }
    }
}

/// F-601: over the first 56 bytes of the header and, of each frame, all but its CRC.
#[test]
fn the_digest_covers_header_and_frames_without_checksums() {
    for parameters in each() {
        for len in LENGTHS {
            let (segment, layout) = (seal(&parameters.sealer(), 7, len), parameters.layout(len));
            let mut digest = SegmentDigest::new(parameters.digest);
            digest.update(&segment.wire[..56]);
            for frame in 0..layout.frame_count() {
                let range = layout.frame(FrameIndex(frame));
                digest.update(&segment.wire[range.start..range.end - 8]);
            }
            assert_eq!(segment.entry.digest, digest.finish());
            let stored = &segment.wire[layout.footer()][..parameters.digest.len()];
            assert_eq!(segment.entry.digest[..parameters.digest.len()], *stored);
        }
    }
}

/// F-512: one frame header a frame, with its number and the length that its place demands.
#[test]
fn frame_headers_say_place_and_length() {
    let wire = seal(&SMALL.sealer(), 0, 1000).wire;
    let heads: Vec<_> =
        (0..4).map(|frame| format!("{:02x?}", &wire[64 + 288 * frame..][..8])).collect();
    insta::assert_snapshot!(heads.join("\n"), @r"
        [01, 00, 00, 00, 00, 00, 01, 00]
        [01, 00, 00, 01, 00, 00, 01, 00]
        [01, 00, 00, 02, 00, 00, 01, 00]
        [01, 00, 00, 03, 00, 00, 00, e8]
        ");
}

#[test]
fn sealing_in_place_and_sealing_a_copy_make_the_same_bytes() {
    for parameters in each() {
        for len in LENGTHS {
            let sealer = parameters.hazardous_sealer([0x11; 24]);
            let copied = seal(&sealer, 9, len);
            let layout = parameters.layout(len);
            let mut wire = vec![0xEE; layout.wire_len()];
            let mut rest = &plaintext(len)[..];
            for slot in layout.plaintext_slots() {
                let (part, more) = rest.split_at(slot.len());
                wire[slot].copy_from_slice(part);
                rest = more;
            }
            let entry = sealer.encrypt_in_place(SegmentIndex(9), len as u32, &mut wire);
            assert_eq!(entry, Ok(copied.entry));
            assert_eq!(wire, copied.wire);
        }
    }
}

#[test]
fn opening_in_place_and_opening_a_whole_segment_agree() {
    for parameters in each() {
        for len in LENGTHS {
            let (opener, segment) = (parameters.opener(), seal(&parameters.sealer(), 4, len));
            let wire = segment.wire.clone();
            let index = SegmentIndex(4);
            let whole = opener.decrypt(SegmentWire { index, wire, sealed: None });
            let whole = whole.expect("authentic");
            assert_eq!(whole.plaintext_len() as usize, len);
            assert_eq!(whole.frames().len(), len.div_ceil(256));
            assert_eq!((whole.salt, whole.digest), (segment.entry.salt, segment.entry.digest));
            assert_eq!(joined(&whole), plaintext(len));
            assert_eq!(whole.into_plaintext(), plaintext(len));

            for explain in [Explain::Now, Explain::CallerRereads] {
                let mut wire = segment.wire.to_vec();
                let header = opener.judge_header(index, &wire).expect("of this stream");
                let digest = opener.decrypt_in_place(&header, &mut wire, explain);
                assert_eq!(digest, Ok(segment.entry.digest));
                let slots = parameters.layout(len).plaintext_slots();
                let opened: Vec<u8> = slots.flat_map(|slot| wire[slot].to_vec()).collect();
                assert_eq!(opened, plaintext(len));
            }
        }
    }
}

/// Wire bytes that somebody else holds are opened in a copy.
#[test]
fn shared_wire_bytes_stay_as_they_were() {
    let segment = seal(&SMALL.sealer(), 0, 600);
    let kept = segment.wire.clone();
    let before = kept.to_vec();
    let input = SegmentWire { index: SegmentIndex(0), wire: segment.wire, sealed: None };
    let opened = SMALL.opener().decrypt(input).expect("authentic");
    assert_eq!(opened.into_plaintext(), plaintext(600));
    assert_eq!(kept, before);
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (0..2usize, 0..3usize, 8..=12u8, 0..=4u8, any::<[u8; 32]>()).prop_map(
        |(suite, digest, frame_log2, frames_log2, stream_salt)| {
            let (suite, digest) = (SUITES[suite], DIGESTS[digest]);
            Parameters { suite, digest, frame_log2, frames_log2, stream_salt }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// F-105: for any geometry, number, salt and content; the salt alone makes two attempts
    /// differ, and the worker that seals does not.
    #[test]
    fn any_segment_opens_to_what_was_sealed(
        parameters in parameters(),
        index in 0u64..1 << 32,
        salt: [u8; 24],
        len in any::<prop::sample::Index>(),
        seed: u8,
    ) {
        let segment_size = 1usize << (parameters.frame_log2 + parameters.frames_log2);
        let len = 1 + len.index(segment_size);
        let content: Bytes = (0..len).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect();
        let index = SegmentIndex(index);
        let input = SegmentInput { index, plaintext: content.clone() };
        let segment = parameters.hazardous_sealer(salt).encrypt(input.clone());
        let segment = segment.expect("a segment of the stream");
        let again = parameters.hazardous_sealer(salt).encrypt(input).expect("the same");
        prop_assert_eq!(&again, &segment);
        prop_assert_eq!(segment.wire.len(), parameters.layout(len).wire_len());
        prop_assert_eq!(segment.entry.salt, salt);
        for sealed in [None, Some(segment.entry)] {
            let wire = Bytes::copy_from_slice(&segment.wire);
            let opened = parameters.opener().decrypt(SegmentWire { index, wire, sealed });
            prop_assert_eq!(opened.expect("authentic").into_plaintext(), &content);
        }
        prop_assert_eq!(parameters.digest == DigestAlg::None, segment.entry.digest == [0; 32]);
    }
}

//! Header, frames and footer of a segment tile its wire bytes (sections 2.2 and 2.3).

use proptest::prelude::*;
use sv2_framing::{FrameIndex, SegmentLayout};
use sv2_headers::{DigestAlg, Geometry};

const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

/// F-206, F-207, F-209, F-512: one part begins where the other ends, each has the length that
/// the format gives it, and the plaintext slots hold all of the plaintext.
fn assert_tiles(geometry: Geometry, digest: DigestAlg, plaintext_len: u64) {
    let layout = SegmentLayout::new(geometry, digest, plaintext_len).expect("1..=S");
    let frame_size = u64::from(geometry.frame_size());
    let frame_count = plaintext_len.div_ceil(frame_size);
    assert_eq!(u64::from(layout.frame_count()), frame_count);
    assert_eq!(layout.frame_size(), geometry.frame_size());
    let (mut at, mut left) = (64, plaintext_len);
    for (frame, slot) in (0..layout.frame_count()).map(FrameIndex).zip(layout.plaintext_slots()) {
        let len = left.min(frame_size);
        let header = layout.frame_header(frame);
        assert_eq!((header.index, u64::from(header.ciphertext_len)), (frame, len));
        assert_eq!(layout.frame(frame), at..at + len as usize + 32);
        assert_eq!(slot, at + 8..at + 8 + len as usize);
        assert_eq!(layout.plaintext_slot(frame), slot);
        at += len as usize + 32;
        left -= len;
    }
    assert_eq!(left, 0);
    assert_eq!(layout.plaintext_slots().len() as u64, frame_count);
    assert_eq!(layout.body_len(), at);
    assert_eq!(layout.footer(), at..at + digest.len() + 8);
    // W(p) as section 2.3 writes it.
    let wire_len = 72 + digest.len() as u64 + plaintext_len + 32 * frame_count;
    assert_eq!(layout.wire_len() as u64, wire_len);
    assert_eq!(u64::from(layout.plaintext_len()), plaintext_len);
    let back = SegmentLayout::from_wire_len(geometry, digest, layout.wire_len());
    assert_eq!(back, Some(layout));
}

#[test]
fn every_length_of_small_segments_is_tiled() {
    for digest in DIGESTS {
        for frames_log2 in 0..=2 {
            let geometry = Geometry::new(8, frames_log2).expect("within limits");
            for plaintext_len in 1..=geometry.segment_size() {
                assert_tiles(geometry, digest, plaintext_len);
            }
        }
    }
}

/// F-503: no segment is empty and none is longer than S.
#[test]
fn lengths_that_no_segment_has_have_no_layout() {
    for (frame_log2, frames_log2) in [(8, 0), (8, 14), (16, 6), (20, 10)] {
        let geometry = Geometry::new(frame_log2, frames_log2).expect("within limits");
        let size = geometry.segment_size();
        for digest in DIGESTS {
            for plaintext_len in [0, size + 1, u64::from(u32::MAX) + 2, u64::MAX] {
                assert_eq!(SegmentLayout::new(geometry, digest, plaintext_len), None);
            }
            let full = SegmentLayout::full(geometry, digest);
            assert_eq!(SegmentLayout::new(geometry, digest, size), Some(full));
            assert_eq!(u32::from(full.frame_count()), geometry.frames_per_segment());
        }
    }
}

#[test]
fn a_wire_length_belongs_to_at_most_one_plaintext_length() {
    for digest in DIGESTS {
        let geometry = Geometry::new(8, 2).expect("within limits");
        let of_plaintext: std::collections::BTreeMap<usize, SegmentLayout> = (1..=1024)
            .filter_map(|len| SegmentLayout::new(geometry, digest, len))
            .map(|layout| (layout.wire_len(), layout))
            .collect();
        assert_eq!(of_plaintext.len(), 1024);
        for wire_len in 0..2000 {
            let layout = SegmentLayout::from_wire_len(geometry, digest, wire_len);
            assert_eq!(layout.as_ref(), of_plaintext.get(&wire_len), "{wire_len}");
        }
        assert_eq!(SegmentLayout::from_wire_len(geometry, digest, usize::MAX), None);
    }
}

fn geometries() -> impl Strategy<Value = Geometry> {
    (8u8..=20, 0u8..=14)
        .prop_filter_map("at most 2^30", |(frame, frames)| Geometry::new(frame, frames).ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_geometry_is_tiled(
        geometry in geometries(),
        digest in 0..3usize,
        at in any::<prop::sample::Index>(),
        border in any::<bool>(),
        step in 0u64..3,
    ) {
        let (size, frame) = (geometry.segment_size(), u64::from(geometry.frame_size()));
        let mut plaintext_len = 1 + at.index(size as usize) as u64;
        if border {
            plaintext_len = (plaintext_len.div_ceil(frame) * frame + step - 1).min(size);
        }
        assert_tiles(geometry, DIGESTS[digest], plaintext_len);
    }
}

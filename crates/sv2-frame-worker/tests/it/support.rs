//! A small segment: its cipher, its layout and its frames.

use std::ops::Range;

use sv2_crypto::hazmat::segment_sealer;
use sv2_crypto::{Backend, SegmentOpener, SegmentSealer, SegmentsKey};
use sv2_frame_worker::{EncryptFrameWorker, FrameInput};
use sv2_framing::{FrameIndex, SegmentLayout};
use sv2_headers::{DigestAlg, Geometry, Suite};

use crate::appendix::{array, example};

pub(crate) const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
/// Two full frames of 256 bytes and a short one.
pub(crate) const LEN: usize = 600;

/// What opens under the key of the worked example.
pub(crate) fn opener(suite: Suite) -> SegmentOpener {
    let (key, keyed) = key();
    key.segment_opener(&keyed, suite, Backend::Ring).expect("ring is in every build")
}

/// What seals under it.
pub(crate) fn sealer(suite: Suite) -> SegmentSealer {
    let (key, keyed) = key();
    segment_sealer(&key, &keyed, suite, Backend::Ring).expect("ring is in every build")
}

fn key() -> (SegmentsKey, [u8; 56]) {
    let keyed: [u8; 56] = example("segment header")[..56].try_into().expect("64 bytes");
    (SegmentsKey::from_bytes(array("K_segments")), keyed)
}

pub(crate) fn layout(plaintext_len: usize) -> SegmentLayout {
    let geometry = Geometry::new(8, 2).expect("within limits");
    SegmentLayout::new(geometry, DigestAlg::None, plaintext_len as u64).expect("1..=S")
}

/// Where a frame of a segment of 600 bytes is, by section 5.
pub(crate) fn record(frame: u16) -> Range<usize> {
    let start = 64 + 288 * usize::from(frame);
    start..start + if frame < 2 { 288 } else { LEN - 512 + 32 }
}

/// Bytes that differ from place to place.
pub(crate) fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// A segment of 600 bytes with all frames sealed; its header and footer stay zero.
pub(crate) fn sealed(suite: Suite) -> Vec<u8> {
    let layout = layout(LEN);
    let mut wire = vec![0; layout.wire_len()];
    let content = plaintext(LEN);
    let mut sealer = sealer(suite);
    let mut worker = EncryptFrameWorker::new(&mut sealer, layout);
    for frame in 0..3u16 {
        let start = 256 * usize::from(frame);
        let slot = layout.plaintext_slot(FrameIndex(frame));
        wire[slot.clone()].copy_from_slice(&content[start..start + slot.len()]);
        let input = FrameInput { index: FrameIndex(frame), record: &mut wire[record(frame)] };
        worker.encrypt(input).expect("a frame of the segment");
    }
    wire
}

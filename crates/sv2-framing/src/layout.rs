//! Lengths and offsets inside one segment (format.md section 2).

use core::ops::Range;

use sv2_headers::{DigestAlg, Geometry};

use crate::{FrameHeader, FrameIndex};

/// Length of a segment header in bytes.
pub const SEGMENT_HEADER_LEN: usize = 64;
/// Length of a frame header in bytes.
pub const FRAME_HEADER_LEN: usize = 8;
/// Length of an AEAD tag in bytes.
pub const TAG_LEN: usize = 16;
/// Length of a frame's checksum in bytes.
pub const FRAME_CRC_LEN: usize = 8;
/// Bytes that a frame has beyond its plaintext.
pub const FRAME_OVERHEAD: usize = FRAME_HEADER_LEN + TAG_LEN + FRAME_CRC_LEN;

/// Length of a segment footer in bytes: digest and checksum.
#[must_use]
pub const fn footer_len(digest: DigestAlg) -> usize {
    digest.len() + 8
}

/// Where everything is in the wire bytes of a segment with `plaintext_len` bytes of plaintext.
///
/// All ranges are in bytes from the start of the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentLayout {
    geometry: Geometry,
    digest: DigestAlg,
    plaintext_len: u32,
}

impl SegmentLayout {
    /// The layout of a segment, or `None` where `plaintext_len` is not in `1..=S`.
    #[must_use]
    pub fn new(geometry: Geometry, digest: DigestAlg, plaintext_len: u64) -> Option<Self> {
        if plaintext_len == 0 || plaintext_len > geometry.segment_size() {
            return None;
        }
        // A segment has at most 2^30 bytes of plaintext.
        Some(Self { geometry, digest, plaintext_len: plaintext_len as u32 })
    }

    /// The layout of a full segment.
    #[must_use]
    pub fn full(geometry: Geometry, digest: DigestAlg) -> Self {
        Self { geometry, digest, plaintext_len: geometry.segment_size() as u32 }
    }

    /// The layout of the segment whose wire bytes are `wire_len`, or `None` where no segment has
    /// that length.
    #[must_use]
    pub fn from_wire_len(geometry: Geometry, digest: DigestAlg, wire_len: usize) -> Option<Self> {
        let frames = wire_len.checked_sub(SEGMENT_HEADER_LEN + footer_len(digest))?;
        let full_frame_len = geometry.frame_size() as usize + FRAME_OVERHEAD;
        let count = frames.div_ceil(full_frame_len);
        let plaintext_len = frames.checked_sub(count * FRAME_OVERHEAD)?;
        Self::new(geometry, digest, plaintext_len as u64)
            .filter(|layout| layout.wire_len() == wire_len)
    }

    /// Plaintext bytes of the segment, `1..=2^30`.
    #[must_use]
    pub fn plaintext_len(self) -> u32 {
        self.plaintext_len
    }

    /// `F`: plaintext bytes of a full frame, `2^8..=2^20`.
    #[must_use]
    pub fn frame_size(self) -> u32 {
        self.geometry.frame_size()
    }

    /// `k`: frames of the segment, `1..=2^14`.
    #[must_use]
    pub fn frame_count(self) -> u16 {
        self.plaintext_len.div_ceil(self.geometry.frame_size()) as u16
    }

    /// Wire bytes from the segment header up to the footer.
    #[must_use]
    pub fn body_len(self) -> usize {
        SEGMENT_HEADER_LEN
            + self.plaintext_len as usize
            + FRAME_OVERHEAD * self.frame_count() as usize
    }

    /// `W(p)`: wire bytes of the segment.
    #[must_use]
    pub fn wire_len(self) -> usize {
        self.body_len() + footer_len(self.digest)
    }

    /// The header that a frame of the segment must have: its number and its length.
    ///
    /// This and the ranges below have a meaning for frames below
    /// [`SegmentLayout::frame_count`] only.
    #[must_use]
    pub fn frame_header(self, frame: FrameIndex) -> FrameHeader {
        let start = u32::from(frame.0) << self.geometry.frame_log2();
        let left = self.plaintext_len.saturating_sub(start);
        FrameHeader { index: frame, ciphertext_len: left.min(self.geometry.frame_size()) }
    }

    /// A whole frame: header, ciphertext, tag, checksum.
    #[must_use]
    pub fn frame(self, frame: FrameIndex) -> Range<usize> {
        let start = SEGMENT_HEADER_LEN
            + frame.0 as usize * (self.geometry.frame_size() as usize + FRAME_OVERHEAD);
        start..start + self.frame_header(frame).ciphertext_len as usize + FRAME_OVERHEAD
    }

    /// The plaintext slot of a frame, which holds its ciphertext after sealing.
    #[must_use]
    pub fn plaintext_slot(self, frame: FrameIndex) -> Range<usize> {
        let start = self.frame(frame).start + FRAME_HEADER_LEN;
        start..start + self.frame_header(frame).ciphertext_len as usize
    }

    /// The plaintext slots of all frames, in order.
    pub fn plaintext_slots(self) -> impl ExactSizeIterator<Item = Range<usize>> + Clone {
        (0..self.frame_count()).map(move |frame| self.plaintext_slot(FrameIndex(frame)))
    }

    /// The footer.
    #[must_use]
    pub fn footer(self) -> Range<usize> {
        self.body_len()..self.wire_len()
    }
}

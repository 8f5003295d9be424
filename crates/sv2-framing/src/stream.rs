//! Lengths and offsets of a whole stream, in both directions (format.md section 2).

use sv2_headers::{DigestAlg, Geometry, IndexShape, TRAILER_LEN};

use crate::layout::{FRAME_OVERHEAD, SEGMENT_HEADER_LEN, SegmentLayout, footer_len};
use crate::{FrameIndex, SegmentIndex};

/// Where a byte of plaintext lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaintextPosition {
    /// Its segment.
    pub segment: SegmentIndex,
    /// Its frame.
    pub frame: FrameIndex,
    /// Bytes from the start of the frame's plaintext.
    pub offset: u32,
}

/// The four parameters by which plaintext length and stream length determine each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLayout {
    /// Frame and segment sizes.
    pub geometry: Geometry,
    /// The segment digest.
    pub digest: DigestAlg,
    /// Length of the header, in bytes.
    pub header_len: u32,
}

impl StreamLayout {
    /// `W(S)`: wire bytes of a full segment.
    #[must_use]
    pub fn full_segment_len(self) -> u64 {
        self.full_segment().wire_len() as u64
    }

    /// The layout of a full segment.
    #[must_use]
    pub fn full_segment(self) -> SegmentLayout {
        SegmentLayout::full(self.geometry, self.digest)
    }

    /// Plaintext bytes before a segment.
    #[must_use]
    pub fn plaintext_offset(self, segment: SegmentIndex) -> u64 {
        segment.0 * self.geometry.segment_size()
    }

    /// Where a segment begins, in bytes from the start of the stream.
    #[must_use]
    pub fn segment_offset(self, segment: SegmentIndex) -> u64 {
        u64::from(self.header_len) + segment.0 * self.full_segment_len()
    }

    /// Plaintext bytes of a segment in a stream of `plaintext_len` bytes, or `None` behind its
    /// last segment.
    #[must_use]
    pub fn segment_plaintext_len(self, plaintext_len: u64, segment: SegmentIndex) -> Option<u32> {
        let start = segment.0.checked_mul(self.geometry.segment_size())?;
        let left = plaintext_len.checked_sub(start).filter(|&left| left > 0)?;
        Some(left.min(self.geometry.segment_size()) as u32)
    }

    /// The layout of a segment in a stream of `plaintext_len` bytes, or `None` behind its last.
    #[must_use]
    pub fn segment_layout(
        self,
        plaintext_len: u64,
        segment: SegmentIndex,
    ) -> Option<SegmentLayout> {
        let len = self.segment_plaintext_len(plaintext_len, segment)?;
        SegmentLayout::new(self.geometry, self.digest, len.into())
    }

    /// Bytes of all segments of a stream of `plaintext_len` bytes, at most
    /// [`Geometry::max_plaintext_len`].
    #[must_use]
    pub fn segments_len(self, plaintext_len: u64) -> u64 {
        let per_segment = (SEGMENT_HEADER_LEN + footer_len(self.digest)) as u64;
        let segments = self.geometry.segment_count(plaintext_len);
        let frames = plaintext_len.div_ceil(u64::from(self.geometry.frame_size()));
        plaintext_len + segments * per_segment + frames * FRAME_OVERHEAD as u64
    }

    /// Where the tail begins: the first byte of the header copy.
    #[must_use]
    pub fn tail_offset(self, plaintext_len: u64) -> u64 {
        u64::from(self.header_len) + self.segments_len(plaintext_len)
    }

    /// Where the index begins.
    #[must_use]
    pub fn index_offset(self, plaintext_len: u64) -> u64 {
        self.tail_offset(plaintext_len) + u64::from(self.header_len)
    }

    /// Length of a sealed stream of `plaintext_len` bytes, or `None` where that is more than a
    /// stream may hold.
    #[must_use]
    pub fn stream_len(self, plaintext_len: u64) -> Option<u64> {
        if plaintext_len > self.geometry.max_plaintext_len() {
            return None;
        }
        let index = IndexShape::new(self.geometry.segment_count(plaintext_len), self.digest);
        Some(self.index_offset(plaintext_len) + index.total_len() + TRAILER_LEN as u64)
    }

    /// The plaintext length of a sealed stream of `stream_len` bytes, or `None` where no stream
    /// with these parameters has that length.
    ///
    /// The stream's length is strictly increasing in the plaintext's, so bisection finds the one
    /// candidate and the forward formula confirms it (F-212).
    #[must_use]
    pub fn plaintext_len(self, stream_len: u64) -> Option<u64> {
        let (mut low, mut high) = (0, self.geometry.max_plaintext_len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.stream_len(middle)? < stream_len {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (self.stream_len(low)? == stream_len).then_some(low)
    }

    /// The segment, frame and place in it of a plaintext offset.
    #[must_use]
    pub fn position(self, plaintext_offset: u64) -> PlaintextPosition {
        let in_segment = plaintext_offset & (self.geometry.segment_size() - 1);
        PlaintextPosition {
            segment: SegmentIndex(plaintext_offset / self.geometry.segment_size()),
            frame: FrameIndex((in_segment >> self.geometry.frame_log2()) as u16),
            offset: (in_segment & u64::from(self.geometry.frame_size() - 1)) as u32,
        }
    }

    /// Where a frame begins, in bytes from the start of the stream.
    #[must_use]
    pub fn frame_offset(self, segment: SegmentIndex, frame: FrameIndex) -> u64 {
        let frame_len = u64::from(self.geometry.frame_size()) + FRAME_OVERHEAD as u64;
        self.segment_offset(segment) + SEGMENT_HEADER_LEN as u64 + u64::from(frame.0) * frame_len
    }
}

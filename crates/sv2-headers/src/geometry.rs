//! Frame and segment sizes and their limits (format.md section 2).

use crate::HeaderError;

/// Frame size that writers use unless told otherwise: 2^16 bytes.
pub const DEFAULT_FRAME_LOG2: u8 = 16;
/// Frames in a segment that writers use unless told otherwise: 2^6.
pub const DEFAULT_FRAMES_LOG2: u8 = 6;
/// The largest segment, in plaintext bytes.
pub const MAX_SEGMENT_SIZE: u64 = 1 << 30;
/// The largest number of segments in a stream.
pub const MAX_SEGMENTS: u64 = 1 << 32;
/// The longest plaintext of a stream whose segments do not set a lower bound, in bytes.
pub const MAX_PLAINTEXT_LEN: u64 = 1 << 56;

const FRAME_LOG2: core::ops::RangeInclusive<u8> = 8..=20;
const MAX_FRAMES_LOG2: u8 = 14;

/// How plaintext is cut: `F` bytes a frame, `K` frames a segment, `S = F * K`.
///
/// A value of this type is always within the format's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    frame_log2: u8,
    frames_log2: u8,
}

impl Geometry {
    /// 64 KiB frames, 4 MiB segments.
    pub const STANDARD: Self =
        Self { frame_log2: DEFAULT_FRAME_LOG2, frames_log2: DEFAULT_FRAMES_LOG2 };

    /// Geometry from the two logarithms that a header carries.
    ///
    /// # Errors
    /// `Malformed` below a minimum, `Limit` above a maximum: `8 <= frame_log2 <= 20`,
    /// `frames_log2 <= 14`, segments of at most 2^30 bytes.
    pub fn new(frame_log2: u8, frames_log2: u8) -> Result<Self, HeaderError> {
        // F-304, and by it F-201 to F-203.
        let (min, max) = (*FRAME_LOG2.start(), *FRAME_LOG2.end());
        if frame_log2 < min {
            return Err(HeaderError::Malformed { what: "frame_log2", offset: 12 });
        }
        if frame_log2 > max {
            return Err(limit("frame_log2", frame_log2.into(), max.into()));
        }
        if frames_log2 > MAX_FRAMES_LOG2 {
            return Err(limit("frames_log2", frames_log2.into(), MAX_FRAMES_LOG2.into()));
        }
        let geometry = Self { frame_log2, frames_log2 };
        if geometry.segment_size() > MAX_SEGMENT_SIZE {
            return Err(limit("segment size", geometry.segment_size(), MAX_SEGMENT_SIZE));
        }
        Ok(geometry)
    }

    /// Geometry from sizes in plaintext bytes, both powers of two.
    ///
    /// # Errors
    /// `Malformed` for a size that is no power of two or a segment smaller than a frame;
    /// otherwise as [`Geometry::new`].
    pub fn from_sizes(frame_size: u64, segment_size: u64) -> Result<Self, HeaderError> {
        if !frame_size.is_power_of_two() {
            return Err(HeaderError::Malformed { what: "frame size", offset: 12 });
        }
        if !segment_size.is_power_of_two() || segment_size < frame_size {
            return Err(HeaderError::Malformed { what: "segment size", offset: 13 });
        }
        // Both logarithms are below 64 and fit a byte.
        let frame_log2 = frame_size.trailing_zeros() as u8;
        let frames_log2 = segment_size.trailing_zeros() as u8 - frame_log2;
        Self::new(frame_log2, frames_log2)
    }

    /// Binary logarithm of the frame size.
    #[must_use]
    pub const fn frame_log2(self) -> u8 {
        self.frame_log2
    }

    /// Binary logarithm of the number of frames in a full segment.
    #[must_use]
    pub const fn frames_log2(self) -> u8 {
        self.frames_log2
    }

    /// `F`: plaintext bytes in a full frame, 256 to 2^20.
    #[must_use]
    pub const fn frame_size(self) -> u32 {
        1 << self.frame_log2
    }

    /// `K`: frames in a full segment, 1 to 2^14.
    #[must_use]
    pub const fn frames_per_segment(self) -> u32 {
        1 << self.frames_log2
    }

    /// `S`: plaintext bytes in a full segment, 256 to 2^30.
    #[must_use]
    pub const fn segment_size(self) -> u64 {
        1 << (self.frame_log2 + self.frames_log2)
    }

    /// The longest plaintext in bytes (F-204): `min(2^56, S * 2^32)`.
    #[must_use]
    pub const fn max_plaintext_len(self) -> u64 {
        let by_segments = self.segment_size() << 32;
        if by_segments < MAX_PLAINTEXT_LEN { by_segments } else { MAX_PLAINTEXT_LEN }
    }

    /// `n` (F-205): segments that a plaintext of this many bytes makes.
    #[must_use]
    pub const fn segment_count(self, plaintext_len: u64) -> u64 {
        plaintext_len.div_ceil(self.segment_size())
    }
}

fn limit(what: &'static str, value: u64, max: u64) -> HeaderError {
    HeaderError::Limit { what, value, max }
}

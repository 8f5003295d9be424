//! Why a segment was not sealed or not opened (format.md section 9).

use sv2_crypto::CryptoError;
use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, SegmentIndex};

/// A segment that was not sealed or not opened; nothing of its buffer may be released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentWorkerError {
    /// The segment header is not what its place demands, and its checksum holds.
    #[error("segment {segment} has a malformed header")]
    Header {
        /// The segment that was expected.
        segment: SegmentIndex,
        /// What the decoder found.
        source: FrameError,
    },
    /// The segment header is not what was written: its checksum is wrong as well.
    #[error("the checksum of the header of segment {segment} does not match")]
    HeaderChecksumMismatch {
        /// The segment that was expected.
        segment: SegmentIndex,
    },
    /// The segment belongs to another stream.
    #[error("segment {segment} belongs to another stream")]
    ForeignSegment {
        /// The segment that was expected.
        segment: SegmentIndex,
    },
    /// A frame was not sealed or not opened.
    #[error("segment {segment} failed at byte {offset}")]
    Frame {
        /// The segment.
        segment: SegmentIndex,
        /// Where the frame begins, in bytes from the start of the segment.
        offset: u64,
        /// What the frame worker found.
        source: FrameWorkerError,
    },
    /// All frames opened, but the digest is not the sealed one.
    #[error("the digest of segment {segment} does not match")]
    DigestMismatch {
        /// The segment.
        segment: SegmentIndex,
    },
    /// A buffer or a plaintext that cannot be a segment of this stream.
    #[error("{have} bytes cannot be segment {segment}, which has {need}")]
    Length {
        /// The segment.
        segment: SegmentIndex,
        /// Bytes that were needed, or the most that are possible.
        need: u64,
        /// Bytes that were given.
        have: u64,
    },
    /// No salt or no cipher was to be had.
    #[error("segment {segment} could not be begun")]
    Crypto {
        /// The segment.
        segment: SegmentIndex,
        /// What failed.
        source: CryptoError,
    },
}

impl SegmentWorkerError {
    /// The segment that the error is about.
    #[must_use]
    pub fn segment(&self) -> SegmentIndex {
        match self {
            Self::Header { segment, .. }
            | Self::HeaderChecksumMismatch { segment }
            | Self::ForeignSegment { segment }
            | Self::Frame { segment, .. }
            | Self::DigestMismatch { segment }
            | Self::Length { segment, .. }
            | Self::Crypto { segment, .. } => *segment,
        }
    }
}

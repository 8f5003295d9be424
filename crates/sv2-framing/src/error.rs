//! What can be wrong with the bytes of a segment before any key is tried (format.md section 9).

use crate::{FrameIndex, SegmentIndex};

/// Bytes of a segment that are not what section 5 of `docs/format.md` demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Fewer bytes than the unit has.
    #[error("{have} bytes where {need} are needed")]
    Truncated {
        /// Bytes that the unit has.
        need: u64,
        /// Bytes that were given.
        have: u64,
    },
    /// A segment header that cannot stand where it stands.
    #[error("{what} of segment {segment} is malformed")]
    SegmentHeader {
        /// The segment that was expected.
        segment: SegmentIndex,
        /// The field or rule.
        what: &'static str,
    },
    /// A segment behind the last one, or past the last byte, that a stream may have.
    #[error("{what} is {value} at segment {segment}, the maximum is {max}")]
    Limit {
        /// The segment that was expected.
        segment: SegmentIndex,
        /// The quantity.
        what: &'static str,
        /// What it would be with this segment.
        value: u64,
        /// The largest value that a stream may have.
        max: u64,
    },
    /// A frame header that is not the one its position and the segment's length demand.
    #[error("the header of frame {frame} is malformed")]
    FrameHeader {
        /// The frame that was expected.
        frame: FrameIndex,
    },
}

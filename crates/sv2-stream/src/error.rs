//! Why the bytes of a stream were refused (format.md section 9).

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use sv2_crypto::SlotError;
use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, SegmentIndex, StreamLayout};
use sv2_headers::{HeaderError, checksum};
use sv2_segment_worker::SegmentWorkerError;

/// A part of a stream that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// The header at the front.
    Header,
    /// The copy of the header in the tail.
    HeaderCopy,
    /// The header of a segment.
    Segment {
        /// The segment's number.
        segment: u64,
    },
    /// The footer of a segment.
    Footer {
        /// The segment's number.
        segment: u64,
    },
    /// A frame.
    Frame {
        /// The segment's number.
        segment: u64,
        /// The frame's number in its segment.
        frame: u32,
    },
    /// The index or its page table.
    Index,
    /// The trailer.
    Trailer,
    /// The seal in the trailer.
    Seal,
    /// The sealed metadata.
    Metadata,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("header"),
            Self::HeaderCopy => f.write_str("header copy"),
            Self::Segment { segment } => write!(f, "header of segment {segment}"),
            Self::Footer { segment } => write!(f, "footer of segment {segment}"),
            Self::Frame { segment, frame } => write!(f, "frame {frame} of segment {segment}"),
            Self::Index => f.write_str("index"),
            Self::Trailer => f.write_str("trailer"),
            Self::Seal => f.write_str("seal"),
            Self::Metadata => f.write_str("metadata"),
        }
    }
}

impl Unit {
    /// The unit in a sentence: with an article where it has no number.
    #[must_use]
    pub fn named(self) -> String {
        match self {
            Self::Frame { .. } => self.to_string(),
            _ => format!("the {self}"),
        }
    }
}

/// Why a stream, or bytes that were handed in for one, were refused.
///
/// Offsets are in bytes from the start of the stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The input is no `stream_v2` stream at all.
    #[error("the input is not a stream_v2 stream")]
    NotAStream,
    /// The stream uses a version, suite, digest, flag or section that this program does not know.
    #[error("{what} {value} in {} is not supported", unit.named())]
    Unsupported {
        /// Where it was found.
        unit: Unit,
        /// The field.
        what: &'static str,
        /// What it held.
        value: u64,
    },
    /// Bytes that no writer may produce.
    #[error("{} is malformed: {what} at byte {offset}", unit.named())]
    Malformed {
        /// Where it was found.
        unit: Unit,
        /// The field or rule.
        what: &'static str,
        /// Where the field or unit begins.
        offset: u64,
    },
    /// A value above a maximum of the format or of the caller.
    #[error("{what} is {value}, the maximum is {max}")]
    Limit {
        /// The quantity.
        what: &'static str,
        /// What was found.
        value: u64,
        /// The largest value that is accepted.
        max: u64,
    },
    /// No key slot of the stream opened.
    #[error("no key slot of the stream opens")]
    NoKeyFits {
        /// What whoever tried the slots has to say.
        source: Option<SlotError>,
    },
    /// A key was given or found, but it is not the key of this stream under this context.
    #[error("the key or the context is not that of this stream")]
    WrongKeyOrContext,
    /// The bytes are consistent, but not what the holder of the key wrote.
    #[error("authentication of {} at byte {offset} failed", unit.named())]
    AuthenticationFailed {
        /// What failed.
        unit: Unit,
        /// Where it begins.
        offset: u64,
    },
    /// The header is older than the one that was sealed.
    #[error("the header has revision {found}, the stream was sealed with revision {sealed}")]
    StaleHeader {
        /// The header's revision.
        found: u64,
        /// The sealed revision.
        sealed: u64,
    },
    /// The bytes are not what was written: a checksum is wrong.
    #[error("the checksum of {} at byte {offset} does not match", unit.named())]
    ChecksumMismatch {
        /// What is damaged.
        unit: Unit,
        /// Where it begins.
        offset: u64,
    },
    /// All frames of a segment are authentic, but its digest is not the sealed one.
    #[error("the digest of segment {segment} does not match")]
    DigestMismatch {
        /// The segment.
        segment: u64,
    },
    /// The input ends without a trailer: the end of the stream is missing.
    #[error("{}", unsealed(*segments))]
    Unsealed {
        /// Whole segments that were found, where the reader counted them; else 0.
        segments: u64,
    },
    /// There are bytes after the trailer.
    #[error("there are bytes after the end of the stream at byte {offset}")]
    TrailingData {
        /// Where the stream ended.
        offset: u64,
    },
    /// The stream is sound, but not the one that the caller pinned.
    #[error("the stream has another fingerprint than the one that was expected")]
    WrongFingerprint,
    /// The stream was replaced while it was being read.
    #[error("the stream was replaced while it was being read")]
    StaleIndex,
    /// The key slots and other sections do not fit into the header, whose length cannot change
    /// while the rest of the stream stays.
    #[error("the sections need {needed} bytes, the header has room for {available}")]
    HeaderFull {
        /// Bytes of all sections, with 6 for the head of each.
        needed: u64,
        /// Bytes that the header has for them.
        available: u64,
    },
    /// The operating system's random source failed, or a cipher refused what no input can cause.
    #[error("a cryptographic primitive failed")]
    Crypto(#[from] sv2_crypto::CryptoError),
    /// Receipts that do not make a stream.
    #[error("{what} segment {segment}")]
    Receipt {
        /// The segment.
        segment: u64,
        /// What is the matter.
        what: &'static str,
    },
    /// Bytes or a number that the caller handed in and that were not asked for.
    #[error("{0}")]
    Misuse(&'static str),
}

fn unsealed(segments: u64) -> String {
    match segments {
        0 => "the stream has no trailer at its end".into(),
        1 => "the stream ends after 1 whole segment without a trailer".into(),
        _ => format!("the stream ends after {segments} whole segments without a trailer"),
    }
}

impl FormatError {
    /// Whether a wrong checksum of the unit at fault takes this error's place (F-905).
    fn yields_to_checksum(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. }
                | Self::Unsupported { .. }
                | Self::Limit { .. }
                | Self::NoKeyFits { .. }
                | Self::WrongKeyOrContext
                | Self::AuthenticationFailed { .. }
                | Self::StaleHeader { .. }
        )
    }

    /// The error of a header, trailer or index that begins at `base` in the stream.
    #[must_use]
    pub fn from_header(error: HeaderError, unit: Unit, base: u64) -> Self {
        match error {
            HeaderError::NotAStream if unit == Unit::Header => Self::NotAStream,
            HeaderError::NotAStream => Self::Malformed { unit, what: "magic", offset: base },
            HeaderError::Unsupported { what, value } => Self::Unsupported { unit, what, value },
            HeaderError::Malformed { what, offset } => {
                Self::Malformed { unit, what, offset: base + offset }
            }
            HeaderError::Limit { what, value, max } => Self::Limit { what, value, max },
            _ => Self::Malformed { unit, what: "length", offset: base },
        }
    }

    /// The error of a segment, with its place in the stream.
    #[must_use]
    pub fn from_segment(error: &SegmentWorkerError, layout: &StreamLayout) -> Self {
        Self::from_segment_at(error, layout.segment_offset(error.segment()))
    }

    /// The error of a segment that begins at `start` in the stream.
    #[must_use]
    pub fn from_segment_at(error: &SegmentWorkerError, start: u64) -> Self {
        let index = error.segment();
        let segment = index.0;
        let unit = Unit::Segment { segment };
        match error {
            SegmentWorkerError::Header {
                source: FrameError::Limit { what, value, max, .. },
                ..
            } => Self::Limit { what, value: *value, max: *max },
            SegmentWorkerError::Header { source, .. } => {
                let what = match source {
                    FrameError::SegmentHeader { what, .. } => what,
                    _ => "length",
                };
                Self::Malformed { unit, what, offset: start }
            }
            SegmentWorkerError::HeaderChecksumMismatch { .. } => {
                Self::ChecksumMismatch { unit, offset: start }
            }
            SegmentWorkerError::ForeignSegment { .. } => {
                Self::AuthenticationFailed { unit, offset: start }
            }
            SegmentWorkerError::Frame { offset, source, .. } => {
                Self::from_frame(source, index, start + offset)
            }
            SegmentWorkerError::DigestMismatch { .. } => Self::DigestMismatch { segment },
            SegmentWorkerError::Crypto { source, .. } => Self::Crypto(*source),
            _ => Self::Malformed { unit, what: "length", offset: start },
        }
    }

    fn from_frame(error: &FrameWorkerError, segment: SegmentIndex, offset: u64) -> Self {
        let unit = |frame: &sv2_framing::FrameIndex| Unit::Frame {
            segment: segment.0,
            frame: frame.0.into(),
        };
        match error {
            FrameWorkerError::ChecksumMismatch { frame } => {
                Self::ChecksumMismatch { unit: unit(frame), offset }
            }
            FrameWorkerError::AuthenticationFailed { frame } => {
                Self::AuthenticationFailed { unit: unit(frame), offset }
            }
            FrameWorkerError::Malformed { frame, .. } => {
                Self::Malformed { unit: unit(frame), what: "frame header", offset }
            }
            FrameWorkerError::Cipher { source, .. } => Self::Crypto(*source),
            _ => Self::Crypto(sv2_crypto::CryptoError::TooLong),
        }
    }

    /// The error as it stands, or `ChecksumMismatch` where the unit's checksum, its last eight
    /// bytes, is wrong (F-905).
    #[must_use]
    pub fn or_damaged(self, unit_bytes: &[u8], unit: Unit, offset: u64) -> Self {
        if self.yields_to_checksum() && !checksum::holds(unit_bytes) {
            Self::ChecksumMismatch { unit, offset }
        } else {
            self
        }
    }
}

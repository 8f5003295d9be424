//! The errors of a stream (format.md section 9) and of the world around it.

use std::error::Error;
use std::fmt;
use std::io;

use sv2_frame_worker::FrameWorkerError;
use sv2_framing::{FrameError, SegmentIndex, StreamLayout};
use sv2_headers::HeaderError;
use sv2_pipeline::PipelineError;
use sv2_segment_worker::SegmentWorkerError;

use crate::resume::CheckpointError;

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
    fn named(self) -> String {
        match self {
            Self::Frame { .. } => self.to_string(),
            _ => format!("the {self}"),
        }
    }
}

/// Why a stream was not written or not read.
///
/// Offsets are in bytes from the start of the stream; where the input is a pipe, from its start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
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
        source: Option<SlotFailure>,
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
    /// The input could not be read.
    #[error("reading failed at byte {offset}")]
    Read {
        /// Bytes that had been read, or the position that was asked for.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// The output could not be written.
    #[error("writing failed at byte {offset}")]
    Write {
        /// Bytes that had been written, or the position that was asked for.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// The output exists and was not to be replaced.
    #[error("the output exists")]
    OutputExists,
    /// The input was shorter or longer at the end than at the start.
    #[error("the input changed while it was being read, at byte {offset}")]
    InputChanged {
        /// Where it was first seen.
        offset: u64,
    },
    /// The key slots and other sections do not fit into the header, whose length cannot change
    /// while the rest of the stream stays.
    #[error("the sections need {needed} bytes, the header has room for {available}")]
    HeaderFull {
        /// Bytes of all sections, with 6 for the head of each.
        needed: u64,
        /// Bytes that the header has for them.
        available: u64,
    },
    /// Another call or program is changing the stream.
    #[error("the stream is being changed by another program")]
    Busy,
    /// The file beside the stream that makes a change safe could not be written, read or removed.
    #[error("the file beside the stream that makes its change safe could not be used")]
    Sidecar(#[source] io::Error),
    /// A change of the stream was begun and is neither finished nor taken back.
    #[error("a change of the stream is unfinished: {what}")]
    UnfinishedChange {
        /// Why, or what happens next.
        what: &'static str,
        /// What stopped it.
        source: Option<Box<StreamError>>,
    },
    /// What an interrupted call left cannot be continued, or what the next one needs cannot be
    /// left.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The caller's token was set.
    #[error("cancelled before segment {segment}")]
    Cancelled {
        /// The first segment that was not finished.
        segment: u64,
    },
    /// A worker ended without a result; a defect of this program.
    #[error("the result of segment {segment} was lost")]
    WorkerLost {
        /// The segment.
        segment: u64,
    },
    /// No thread could be started.
    #[error("no thread could be started")]
    Spawn(#[source] io::Error),
    /// Options that contradict each other or the format.
    #[error("{0}")]
    Usage(&'static str),
    /// The operating system's random source failed, or a cipher refused what no input can cause.
    #[error("a cryptographic primitive failed")]
    Crypto(#[from] sv2_crypto::CryptoError),
}

fn unsealed(segments: u64) -> String {
    match segments {
        0 => "the stream has no trailer at its end".to_owned(),
        1 => "the stream ends after 1 whole segment without a trailer".to_owned(),
        _ => format!("the stream ends after {segments} whole segments without a trailer"),
    }
}

/// The error of whoever tried the key slots.
pub(crate) type SlotFailure = Box<dyn Error + Send + Sync>;

/// The kinds that a program decides on, for its exit code for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Reading, writing or a thread failed.
    Io,
    /// Not a stream, or one of another version.
    NotAStream,
    /// Not what a writer produces, or above a limit.
    Malformed,
    /// Tampered with, or rolled back.
    Unauthentic,
    /// Damaged by accident.
    Damaged,
    /// The end is missing.
    Unsealed,
    /// No key, or the wrong one.
    Key,
    /// The caller's options.
    Usage,
    /// What was to be resumed does not match.
    Checkpoint,
    /// The caller's wish.
    Cancelled,
}

impl StreamError {
    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAStream | Self::Unsupported { .. } => ErrorKind::NotAStream,
            Self::Malformed { .. } | Self::Limit { .. } | Self::TrailingData { .. } => {
                ErrorKind::Malformed
            }
            Self::NoKeyFits { .. } | Self::WrongKeyOrContext => ErrorKind::Key,
            Self::AuthenticationFailed { .. }
            | Self::StaleHeader { .. }
            | Self::DigestMismatch { .. }
            | Self::WrongFingerprint
            | Self::StaleIndex => ErrorKind::Unauthentic,
            Self::ChecksumMismatch { .. } => ErrorKind::Damaged,
            Self::Unsealed { .. } => ErrorKind::Unsealed,
            Self::Checkpoint(error) if !error.is_transient() => ErrorKind::Checkpoint,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Checkpoint(_)
            | Self::InputChanged { .. }
            | Self::Busy
            | Self::Sidecar(_)
            | Self::UnfinishedChange { .. }
            | Self::WorkerLost { .. }
            | Self::Spawn(_)
            | Self::Crypto(_) => ErrorKind::Io,
            Self::OutputExists | Self::HeaderFull { .. } | Self::Usage(_) => ErrorKind::Usage,
            Self::Cancelled { .. } => ErrorKind::Cancelled,
        }
    }

    /// Whether a wrong checksum of the unit at fault takes this error's place (F-905).
    pub(crate) fn yields_to_checksum(&self) -> bool {
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
    pub(crate) fn from_header(error: HeaderError, unit: Unit, base: u64) -> Self {
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
    pub(crate) fn from_segment(error: &SegmentWorkerError, layout: &StreamLayout) -> Self {
        Self::from_segment_at(error, layout.segment_offset(error.segment()))
    }

    /// The error of a segment that begins at `start` in the stream.
    pub(crate) fn from_segment_at(error: &SegmentWorkerError, start: u64) -> Self {
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
            SegmentWorkerError::WorkerLost { .. } => Self::WorkerLost { segment },
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
}

/// The error that decided a run, in the words of a stream.
pub(crate) fn pipeline_error(error: PipelineError<StreamError>) -> StreamError {
    match error {
        PipelineError::Failed(error) => error,
        PipelineError::WorkerLost { segment } => StreamError::WorkerLost { segment },
        PipelineError::Cancelled { segment } => StreamError::Cancelled { segment },
        PipelineError::Spawn(source) => StreamError::Spawn(source),
        _ => StreamError::WorkerLost { segment: 0 },
    }
}

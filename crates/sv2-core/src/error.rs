//! The errors of a stream (format.md section 9) and of the world around it.

mod layers;

use std::io;
use std::path::PathBuf;

use sv2_crypto::SlotError;
use sv2_framing::StreamLayout;
use sv2_segment_worker::SegmentWorkerError;
use sv2_stream::FormatError;
pub use sv2_stream::Unit;

pub(crate) use self::layers::pipeline_error;
use crate::OutputFault;
use crate::change::ChangeFault;
use crate::resume::CheckpointError;

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
    /// The name of the output is not written to; nothing was done.
    #[error("the output {0}")]
    OutputRefused(OutputFault),
    /// The output is whole, but did not get its name, or it is not sure that the name is on stable
    /// storage.
    #[error("the output is whole, but naming it failed")]
    OutputKept {
        /// Where the whole output is.
        kept: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The input was shorter or longer at the end than at the start, or somebody wrote to a stream
    /// while it was read, so that what was read of it belongs to no version.
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
    ChangeRecord(#[source] io::Error),
    /// A change of the stream was cut off, and neither finished nor taken back.
    #[error("a change of the stream is unfinished: {what}")]
    UnfinishedChange {
        /// What happens next.
        what: &'static str,
        /// What stopped it.
        source: Box<StreamError>,
    },
    /// A change record lies beside the stream and was not used; neither file was written.
    #[error("the change record beside the stream is not used: {0}")]
    RefusedChange(ChangeFault),
    /// The file system has no locks, without which two programs could change one stream at once.
    #[error("the file cannot be locked")]
    NoLocks(#[source] io::Error),
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
    /// What no input can cause: a defect of this program. Trying again does not help.
    #[error("a defect of this program shows at segment {segment}")]
    Defect {
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
    /// Cancelled by the caller.
    Cancelled,
    /// Somebody else is changing the stream; the same call may succeed later.
    Busy,
    /// A defect of this program or of the system below it; trying again does not help.
    Internal,
}

impl ErrorKind {
    /// Whether it is a verdict over the bytes of a stream, and not about a key or the world.
    pub(crate) fn is_about_bytes(self) -> bool {
        matches!(
            self,
            Self::NotAStream | Self::Malformed | Self::Unauthentic | Self::Damaged | Self::Unsealed
        )
    }
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
            | Self::StaleIndex
            | Self::RefusedChange(ChangeFault::Forged) => ErrorKind::Unauthentic,
            Self::RefusedChange(_) => ErrorKind::Io,
            Self::ChecksumMismatch { .. } => ErrorKind::Damaged,
            Self::Unsealed { .. } => ErrorKind::Unsealed,
            Self::Checkpoint(error) if !error.is_transient() => ErrorKind::Checkpoint,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::OutputKept { .. }
            | Self::Checkpoint(_)
            | Self::InputChanged { .. }
            | Self::ChangeRecord(_)
            | Self::UnfinishedChange { .. }
            | Self::NoLocks(_)
            | Self::Spawn(_) => ErrorKind::Io,
            Self::Busy => ErrorKind::Busy,
            Self::Defect { .. } | Self::Crypto(_) => ErrorKind::Internal,
            Self::OutputExists
            | Self::OutputRefused(_)
            | Self::HeaderFull { .. }
            | Self::Usage(_) => ErrorKind::Usage,
            Self::Cancelled { .. } => ErrorKind::Cancelled,
        }
    }

    /// The part of the stream that the error is about, where it is about one.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::Unsupported { unit, .. }
            | Self::Malformed { unit, .. }
            | Self::AuthenticationFailed { unit, .. }
            | Self::ChecksumMismatch { unit, .. } => Some(*unit),
            Self::StaleHeader { .. } => Some(Unit::Header),
            Self::Unsealed { .. } | Self::TrailingData { .. } => Some(Unit::Trailer),
            _ => None,
        }
    }

    /// Where in the input or output the error is, in bytes from its start.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Malformed { offset, .. }
            | Self::AuthenticationFailed { offset, .. }
            | Self::ChecksumMismatch { offset, .. }
            | Self::TrailingData { offset }
            | Self::Read { offset, .. }
            | Self::Write { offset, .. }
            | Self::InputChanged { offset } => Some(*offset),
            _ => None,
        }
    }

    /// The number of the segment that the error is about, or before which a call was cancelled.
    #[must_use]
    pub fn segment(&self) -> Option<u64> {
        match (self, self.unit()) {
            (
                Self::DigestMismatch { segment }
                | Self::Cancelled { segment }
                | Self::Defect { segment },
                _,
            ) => Some(*segment),
            (
                _,
                Some(
                    Unit::Segment { segment }
                    | Unit::Footer { segment }
                    | Unit::Frame { segment, .. },
                ),
            ) => Some(segment),
            _ => None,
        }
    }

    /// What the operating system, a reader or a writer said, where that is the cause.
    #[must_use]
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::OutputKept { source, .. }
            | Self::ChangeRecord(source)
            | Self::Spawn(source) => Some(source),
            _ => None,
        }
    }

    /// The error of a segment, with its place in the stream.
    pub(crate) fn from_segment(error: &SegmentWorkerError, layout: &StreamLayout) -> Self {
        FormatError::from_segment(error, layout).into()
    }
}

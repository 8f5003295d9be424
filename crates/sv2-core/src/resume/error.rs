//! Why a resumable call does not go on from what an earlier one left.

use std::fmt;
use std::io;

/// One of the files that a resumable call leaves beside its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckpointFile {
    /// What was written of the output so far.
    Output,
    /// The journal of a decrypt.
    Journal,
}

impl fmt::Display for CheckpointFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Output => "unfinished output",
            Self::Journal => "journal",
        })
    }
}

/// Why a file is not believed to be this user's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FileFault {
    /// It is a symbolic link.
    #[error("is a symbolic link")]
    Link,
    /// It is no regular file.
    #[error("is no regular file")]
    Special,
    /// Somebody else owns it.
    #[error("belongs to another user")]
    Owner,
    /// Its group or others may write to it.
    #[error("can be written to by other users")]
    Writable,
    /// It has another name, a hard link.
    #[error("has a second name, a hard link")]
    Names,
}

/// Why a resumable call does not go on from what an earlier one left (local-files.md sections 2
/// and 3).
///
/// Nothing was changed then: both files are as they were found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file could not be opened, read, written or brought to stable storage.
    ///
    /// This one may also come in the middle of a call; what was counted before it stays counted.
    #[error("the {file} could not be used")]
    File {
        /// Which one.
        file: CheckpointFile,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another call or program is working on the same output.
    #[error("another program is working on the unfinished output")]
    InUse,
    /// A file that somebody else may have put there or may change (F-1115).
    #[error("the {file} {fault}")]
    NotOurs {
        /// Which one.
        file: CheckpointFile,
        /// What is wrong with it.
        fault: FileFault,
    },
    /// A file that is not what such a call leaves.
    #[error("the {file} was not left by an interrupted call: {what}")]
    Foreign {
        /// Which one.
        file: CheckpointFile,
        /// The part that is not as it must be.
        what: &'static str,
    },
    /// The unfinished stream was begun with other options than those of this call (F-1114).
    #[error("the unfinished output was begun with another {option}")]
    Differs {
        /// The option.
        option: &'static str,
    },
    /// The journal names another stream, or another state of the stream (F-1106).
    #[error("the journal is that of another stream or of another state of the stream")]
    OtherStream,
    /// A record of the journal, which is not its last one, is not authentic (F-1203).
    #[error("record {record} of the journal is not authentic")]
    BrokenRecord {
        /// Its number: 0 is the head of the journal.
        record: u64,
    },
    /// The unfinished output is shorter than its journal counts (F-1204).
    #[error("the unfinished output has {len} bytes, its journal counts {counted}")]
    Shorter {
        /// Bytes of the unfinished output.
        len: u64,
        /// Bytes that the journal counts.
        counted: u64,
    },
    /// No earlier call of this user left the file for this output: it may have been put there
    /// (F-1116).
    #[error("no earlier call of this user left the {file} for this output")]
    NotMarked {
        /// Which one.
        file: CheckpointFile,
    },
    /// Others can rename files in the folder of the output, and no mark can be kept by which ours
    /// are known again (F-1116).
    #[error("other users can rename files in the folder, and there is no place for a mark")]
    Unmarkable,
    /// The unfinished output is a whole sealed stream, and no mark says that it is ours (F-1116).
    #[error("the unfinished output is a whole sealed stream")]
    Sealed,
    /// The plaintext of a segment that the journal counts is not that of the stream (F-1118).
    #[error("segment {segment} of the unfinished output is not what its journal counts")]
    Changed {
        /// The segment's number.
        segment: u64,
    },
    /// The file system has no locks, without which two calls could work on one output.
    #[error("the {file} cannot be locked")]
    NoLocks {
        /// Which one.
        file: CheckpointFile,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is nothing to go on from.
    #[error("there is no unfinished output")]
    Missing,
    /// There is an unfinished output and no journal that says how much of it counts.
    #[error("the unfinished output has no journal")]
    NoJournal,
}

impl CheckpointError {
    pub(crate) fn file(file: CheckpointFile) -> impl Fn(io::Error) -> Self {
        move |source| Self::File { file, source }
    }

    /// Whether this is a failure of the machine, or of the moment, and no mismatch.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::File { .. } | Self::InUse | Self::NoLocks { .. })
    }
}

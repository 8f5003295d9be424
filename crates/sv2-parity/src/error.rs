//! What stops work on a parity file.

use std::io;

/// One of the files that take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The file that is protected.
    Data,
    /// Its parity file.
    Parity,
    /// What is written.
    Output,
}

/// What stops work on a parity file; nothing was written then but to an output that is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// A file could not be read.
    #[error("{part} cannot be read at offset {offset}")]
    Read {
        /// Which file.
        part: Part,
        /// Where in it.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("{part} cannot be written at offset {offset}")]
    Write {
        /// Which file.
        part: Part,
        /// Where in it.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// It does not begin, nor end, like a parity file.
    #[error("this is no parity file")]
    NotParity,
    /// Both copies of the directory are damaged, or half of the file is missing.
    #[error("the parity file is damaged beyond use: {0}")]
    Destroyed(&'static str),
    /// A later version of the format.
    #[error("the parity file has version {0}, which this program does not know")]
    Unsupported(u16),
    /// The directory holds under its checksum, and cannot be right.
    #[error("the parity file makes no sense: {what} (directory, offset {offset})")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where in the directory.
        offset: u64,
    },
    /// The file is not the one that was protected, or no longer.
    #[error("the parity file is stale: {0}")]
    Stale(&'static str),
    /// More was lost than the parity gives back.
    #[error("{blocks} blocks are lost for good, in {windows} windows with more damage than parity")]
    BeyondRepair {
        /// Windows that cannot be repaired.
        windows: u64,
        /// Blocks that are lost in these windows.
        blocks: u64,
    },
    /// Each table holds under its checksum, and together they are not of the file that the parity
    /// file names: parts of it are of another version.
    #[error("parts of the parity file are of another version of the file")]
    Mixed,
    /// Parity and checksums of one window contradict each other; nothing that follows from them is
    /// written.
    #[error("parity and checksums of window {window} contradict each other")]
    Contradiction {
        /// The window.
        window: u64,
    },
    /// The file changed while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// The file is damaged where the parity would have to follow a change.
    #[error("the file is damaged at offset {0}, so that its parity file cannot follow the change")]
    Damaged(u64),
    /// Who watched the work stopped it.
    #[error("cancelled")]
    Cancelled,
    /// The call asks for something that cannot be.
    #[error("{0}")]
    Usage(&'static str),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Data => "the file",
            Self::Parity => "the parity file",
            Self::Output => "the output",
        })
    }
}

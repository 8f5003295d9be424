//! Calls that can be interrupted at any point and continued by a later one (local-files.md
//! sections 2 and 3).
//!
//! What is written goes to an unfinished file beside the output, which gets the output's name at
//! the end and stays where it is when a call fails or its process dies.
//! An encrypt needs nothing else: every segment proves by itself what it is.
//! A decrypt keeps a journal of what is on stable storage.

mod checkpoint;
mod decrypt;
mod encrypt;
mod error;
mod files;
mod journal;
mod kept;
mod mark;

use std::path::PathBuf;

use crate::{Existing, FileAttributes};

pub use decrypt::decrypt_resumable;
pub use encrypt::{encrypt_resumable, resume_encrypt};
pub use error::{CheckpointError, CheckpointFile, FileFault};

/// Plaintext bytes between two checkpoints of a decrypt, unless the caller says otherwise.
const CHECKPOINT_DISTANCE: u64 = 64 << 20;

/// A named output that a call leaves unfinished, for a later one to go on from, when it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResumableOutput {
    /// The name that the finished file gets.
    pub path: PathBuf,
    /// What to do where it exists.
    pub existing: Existing,
    /// Plaintext bytes between two checkpoints of a decrypt; at least a segment.
    ///
    /// A decrypt whose process is killed, or whose machine stops, does at most so much again, and
    /// what was being written to stable storage meanwhile.
    pub checkpoint_distance: u64,
    /// The folder of this user's own, absolute, in which a call leaves a mark for the later one
    /// that goes on from it, such as `~/.local/state/sv2`; it is made where it is not there.
    ///
    /// Without it, and where no mark can be kept there, an encrypt goes on only in a folder in
    /// which nobody else can rename files, and a decrypt reads again what its journal counts.
    pub state: Option<PathBuf>,
    /// What the finished file gets: the time before it has its name, the mode right after.
    pub attributes: FileAttributes,
}

impl ResumableOutput {
    /// An output with a checkpoint of a decrypt every 64 MiB, and without a place for marks.
    #[must_use]
    pub fn new(path: PathBuf, existing: Existing) -> Self {
        Self {
            path,
            existing,
            checkpoint_distance: CHECKPOINT_DISTANCE,
            state: None,
            attributes: FileAttributes::default(),
        }
    }

    /// The same with another distance between the checkpoints of a decrypt, in plaintext bytes.
    #[must_use]
    pub fn checkpoint_distance(self, len: u64) -> Self {
        Self { checkpoint_distance: len, ..self }
    }

    /// The same with a folder of this user's for marks.
    #[must_use]
    pub fn state(self, folder: PathBuf) -> Self {
        Self { state: Some(folder), ..self }
    }

    /// Where a file of an interrupted call lies, if there is one: beside the output, under its
    /// name and a suffix.
    #[must_use]
    pub fn file(&self, file: CheckpointFile) -> PathBuf {
        file.beside(&self.path)
    }

    /// Whether an interrupted call left something; what it is worth shows when it is resumed.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.file(CheckpointFile::Output).symlink_metadata().is_ok()
    }
}

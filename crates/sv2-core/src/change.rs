//! Changing a sealed stream in place (format.md section 11 and appendix A.2).
//!
//! Every change goes through a sidecar: a file beside the stream that is on stable storage before
//! the first byte of the stream changes, and by which a change that was cut off is finished or
//! taken back.
//! Nothing here makes a seal over segments that were found without their index (F-1112).

mod append;
mod replay;
mod rewrap;
mod sidecar;
mod storage;

use std::path::{Path, PathBuf};

use sv2_headers::MAX_SEGMENT_SIZE;

use crate::io::{PositionedInput, ReadAt};
use crate::{DecryptOptions, RandomSource, RunOptions, StreamError};

pub use append::{append, append_on};
pub use rewrap::{HeaderChange, HeaderContent, MetadataChange, RewrapReport, rewrap, rewrap_on};
pub use storage::{ChangeFile, ChangeStorage};

use storage::FileStorage;

/// How a stream is changed.
#[derive(Debug, Clone)]
pub struct ChangeOptions {
    /// The context that the stream was written with.
    pub context: Vec<u8>,
    /// The largest segment that is accepted, in plaintext bytes; bounds memory.
    pub max_segment_size: u64,
    /// The fingerprint that the stream must have before the change, where the caller pinned one.
    pub expected_fingerprint: Option<[u8; 32]>,
    /// Where salts come from: the operating system, except for vectors and tests.
    pub random: RandomSource,
    /// Threads, backend and observation of an append.
    pub run: RunOptions,
}

impl ChangeOptions {
    /// Streams of any legal segment size under an empty context, salts of the system.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            context: Vec::new(),
            max_segment_size: MAX_SEGMENT_SIZE,
            expected_fingerprint: None,
            random: RandomSource::System,
            run: RunOptions::automatic(),
        }
    }

    /// The same demands for a read.
    fn for_reading(&self) -> DecryptOptions {
        DecryptOptions {
            context: self.context.clone(),
            max_segment_size: self.max_segment_size,
            expected_fingerprint: self.expected_fingerprint,
            run: self.run.clone(),
            ..DecryptOptions::standard()
        }
    }
}

/// What was found beside a stream and done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// There was nothing: no change is unfinished.
    Nothing,
    /// A sidecar that is not whole was removed, beside a stream that needs none (F-1206).
    Discarded,
    /// A change that was cut off was finished: the stream is in its new state.
    Finished,
    /// A change that was cut off was taken back: the stream is in its old state.
    TakenBack,
}

/// The sidecar beside a stream, where there is one: a change was cut off or is under way.
///
/// A reader that fails on such a stream says so: the stream may be half changed, and [`recover`],
/// or the next change, brings it to its old or its new sealed state.
/// A name that leads to the stream through a symbolic link is followed; another hard link to the
/// stream is not known here.
#[must_use]
pub fn unfinished_change(path: &Path) -> Option<PathBuf> {
    let sidecar = storage::sidecar_path(path).ok()?;
    sidecar.symlink_metadata().is_ok().then_some(sidecar)
}

/// Finishes or takes back a change of the stream at `path` that was cut off (F-1207); needs no
/// key.
///
/// Every change does this first.
///
/// # Errors
/// `Busy` while a change is under way; `UnfinishedChange` where the sidecar is of another stream,
/// or of another state of this one, or is damaged beside a stream that needs it: nothing was
/// written then, and it is for the caller to judge which of the two files to keep.
/// `Sidecar` with a [`FileFault`](crate::FileFault) inside where somebody who may not write to the
/// stream may have written the sidecar (F-1213).
/// `Read`, `Write` and `Sidecar`: the sidecar is still there then, and a later call goes on.
pub fn recover(path: &Path) -> Result<Recovery, StreamError> {
    recover_on(&FileStorage::open(path)?)
}

/// As [`recover`], on a storage of the caller's.
///
/// # Errors
/// As [`recover`], but for `Busy`, which is the storage's own affair.
pub fn recover_on(storage: &dyn ChangeStorage) -> Result<Recovery, StreamError> {
    replay::recover(storage)
}

/// The stream of a storage, for those who read it.
fn stream_source(storage: &dyn ChangeStorage) -> Result<PositionedInput<'_>, StreamError> {
    let source: Box<dyn ReadAt + '_> = Box::new(StreamSource(storage));
    let len = source.len().map_err(|source| StreamError::Read { offset: 0, source })?;
    Ok(PositionedInput::Custom { source, len })
}

struct StreamSource<'s>(&'s dyn ChangeStorage);

impl ReadAt for StreamSource<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(ChangeFile::Stream, buffer, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        let len = self.0.len(ChangeFile::Stream)?;
        len.ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

//! Changing a sealed stream in place (format.md section 11, local-files.md section 1).
//!
//! Every change goes through a record: a file beside the stream that is on stable storage before
//! the first byte of the stream changes, and by which a change that was cut off is finished or
//! taken back.
//! Nothing here makes a seal over segments that were found without their index (F-1112).

mod append;
mod found;
mod record;
mod replay;
mod rewrap;
mod storage;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sv2_headers::MAX_SEGMENT_SIZE;

use crate::io::{PositionedInput, ReadAt};
use crate::key::KeyRing;
use crate::{DecryptOptions, KeySource, RandomSource, RunOptions, StreamError};

pub use append::{append, append_on};
pub use rewrap::{HeaderChange, HeaderContent, MetadataChange, RewrapReport, rewrap, rewrap_on};
pub use storage::{ChangeFile, ChangeStorage, name_beside, open_beside};

pub(crate) use storage::try_lock;

use storage::FileStorage;

/// How a stream is changed.
#[derive(Clone)]
#[non_exhaustive]
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
    /// Is told of an earlier change that was cut off, once it is settled; not where there was none.
    pub recovered: Option<RecoveryObserver>,
}

impl fmt::Debug for ChangeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeOptions")
            .field("context", &self.context)
            .field("max_segment_size", &self.max_segment_size)
            .field("expected_fingerprint", &self.expected_fingerprint)
            .field("random", &self.random)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
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
            recovered: None,
        }
    }

    /// The same with the context that the stream was written with.
    #[must_use]
    pub fn context(self, context: impl Into<Vec<u8>>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The same with another largest segment, in plaintext bytes.
    #[must_use]
    pub fn max_segment_size(self, max: u64) -> Self {
        Self { max_segment_size: max, ..self }
    }

    /// The same for the stream with this fingerprint only.
    #[must_use]
    pub fn expected_fingerprint(self, fingerprint: [u8; 32]) -> Self {
        Self { expected_fingerprint: Some(fingerprint), ..self }
    }

    /// The same with other threads, backend and observation.
    #[must_use]
    pub fn run(self, run: RunOptions) -> Self {
        Self { run, ..self }
    }

    /// The same with somebody who is told of an earlier change that was cut off.
    #[must_use]
    pub fn recovered(self, observer: impl Fn(Recovery) + Send + Sync + 'static) -> Self {
        Self { recovered: Some(Arc::new(observer)), ..self }
    }

    /// Settles what an earlier change left, and tells the observer.
    fn recover(
        &self,
        storage: &dyn ChangeStorage,
        ring: &mut KeyRing<'_>,
    ) -> Result<Recovery, StreamError> {
        let recovery = replay::recover(storage, ring)?;
        if let (Some(told), true) = (&self.recovered, recovery != Recovery::Nothing) {
            told(recovery);
        }
        Ok(recovery)
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
    /// A change record that is not whole was removed, beside a stream that needs none (F-1206).
    Discarded,
    /// A change that was cut off was finished: the stream is in its new state.
    Finished,
    /// A change that was cut off was taken back: the stream is in its old state.
    TakenBack,
}

/// What a change record says of itself and of the stream beside it; nothing of it is authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeClaim {
    /// An append was cut off or is under way; who has the key takes it back or finds it done.
    Append,
    /// A rewrite of the header was cut off or is under way; who has the key finishes it.
    Rewrite,
    /// A record that would be refused, whoever has the key.
    Unfit(ChangeFault),
}

/// Why a change record is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeFault {
    /// It is cut short or damaged, and the stream is in no sealed state (F-1206).
    #[error("it is cut short or damaged")]
    Incomplete,
    /// It has another version.
    #[error("it was written by another version of this program")]
    Unknown,
    /// A field of it is impossible (F-1210, F-1212).
    #[error("it is whole but makes no sense")]
    Malformed,
    /// It names another stream than the one that it lies beside.
    #[error("it belongs to another stream")]
    OtherStream,
    /// The stream is in a state that this change neither comes from nor passes through.
    #[error("it belongs to another state of this stream")]
    OtherState,
    /// No holder of the stream's key wrote it (F-1214).
    #[error("it was not written by a holder of the stream's key")]
    Forged,
}

/// Is told what became of a change that was cut off, before the next one begins.
pub type RecoveryObserver = Arc<dyn Fn(Recovery) + Send + Sync>;

/// The change record beside a stream, where there is one: a change was cut off or is under way.
///
/// A reader that fails on such a stream says so: the stream may be half changed, and [`recover`],
/// or the next change, brings it to its old or its new sealed state.
/// A name that leads to the stream through a symbolic link is followed; another hard link to the
/// stream is not known here.
#[must_use]
pub fn unfinished_change(path: &Path) -> Option<PathBuf> {
    let record = storage::record_path(path).ok()?;
    record.symlink_metadata().is_ok().then_some(record)
}

/// What the change record beside the stream at `path` claims, without a key; `None` where there is
/// none.
///
/// Nothing is changed, and no lock is asked for or taken.
///
/// # Errors
/// `Read`; `ChangeRecord`, with a [`FileFault`](crate::FileFault) inside where somebody who may
/// not write to the stream may have written the record (F-1213).
pub fn inspect_change(path: &Path) -> Result<Option<ChangeClaim>, StreamError> {
    inspect_change_on(&FileStorage::look(path)?)
}

/// As [`inspect_change`], on a storage of the caller's.
///
/// # Errors
/// As [`inspect_change`].
pub fn inspect_change_on(storage: &dyn ChangeStorage) -> Result<Option<ChangeClaim>, StreamError> {
    replay::claim(storage)
}

/// Finishes or takes back a change of the stream at `path` that was cut off (F-1207).
///
/// The key has to be that of the stream: nothing is replayed that no holder of it wrote (F-1214).
/// Every change does this first.
///
/// # Errors
/// `Busy` while a change is under way, `NoLocks` where the file system has no locks.
/// `RefusedChange` where the record is of another stream, of another state of this one, of somebody
/// without the key, or damaged beside a stream that needs it: nothing was written then, and it is
/// for the caller to judge which of the two files to keep.
/// `ChangeRecord` with a [`FileFault`](crate::FileFault) inside where somebody who may not write
/// to the stream may have written the record (F-1213).
/// `NoKeyFits` and `WrongKeyOrContext` where there is a record, and it is not opened.
/// `Read`, `Write` and `ChangeRecord`: the record is still there then, and a later call goes on.
pub fn recover(
    path: &Path,
    keys: &KeySource<'_>,
    options: &ChangeOptions,
) -> Result<Recovery, StreamError> {
    recover_on(&FileStorage::open(path)?, keys, options)
}

/// As [`recover`], on a storage of the caller's.
///
/// # Errors
/// As [`recover`], but for `Busy` and `NoLocks`, which are the storage's own affair.
pub fn recover_on(
    storage: &dyn ChangeStorage,
    keys: &KeySource<'_>,
    options: &ChangeOptions,
) -> Result<Recovery, StreamError> {
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    options.recover(storage, &mut ring)
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

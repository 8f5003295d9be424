//! A file, its parity file beside it, and the work on both.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use sv2_core::{
    Cancellation, RunOptions, StreamError, name_beside, open_beside, unfinished_change,
};
use sv2_parity::{Identity, ParityError, SUFFIX, Sidecar, Work};

use super::fault::{self, system};
use crate::error::Trouble;
use crate::run::Tell;

/// A parity file that lies beside a file, and that only who may write to the file can have made.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    file: File,
}

impl Found {
    /// Looks beside `file`, which was opened by the name `path`; none where there is none.
    pub(crate) fn beside(file: &File, path: &Path) -> Result<Option<Self>, Trouble> {
        let parity = parity_path(path)?;
        match open_beside(&parity, file) {
            Ok(opened) => Ok(Some(Self { path: parity, file: opened })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault::refused(&parity, path, error)),
        }
    }

    /// Its directory, judged.
    pub(crate) fn open(&self) -> Result<Sidecar<'_>, ParityError> {
        Sidecar::open(&self.file)
    }
}

/// Where the parity file of a file is.
pub(crate) fn parity_path(path: &Path) -> Result<PathBuf, Trouble> {
    name_beside(path, SUFFIX).map_err(|error| system(path, error))
}

/// Opens a regular file by name for reading; none where it is something else, which is not waited
/// for.
pub(super) fn open_plain(path: &Path) -> io::Result<Option<File>> {
    let file = unwaited(&mut File::options(), path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Opens without waiting for a pipe's other end.
fn unwaited(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // The bits of an open are a C int.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    options.read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Opens a regular file by name, which no change is under way of.
pub(crate) fn open_settled(path: &Path, write: bool) -> Result<File, Trouble> {
    let failed = |error| system(path, error);
    let file = unwaited(File::options().write(write), path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Trouble::Usage(format!("{path:?} is no regular file")));
    }
    let locked = if write { file.try_lock() } else { file.try_lock_shared() };
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StreamError::Busy.into()),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    match unfinished_change(path) {
        None => Ok(file),
        Some(record) => Err(Trouble::Told {
            class: "UnfinishedChangeError",
            text: format!(
                "a change of {path:?} is under way or was cut off ({record:?} lies beside it); \
                 recover() with the key finishes it or takes it back"
            ),
            offset: None,
        }),
    }
}

/// Whether both are one file.
pub(crate) fn same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether the file is the stream of this parity file, as it is now.
pub(crate) fn names(sidecar: &Sidecar<'_>, file: &File) -> Result<bool, ParityError> {
    let trailer = sv2_parity::identify(file)?;
    Ok(match (&sidecar.directory().identity, trailer) {
        (Identity::Stream { trailer }, Some(found)) => *trailer == found,
        _ => false,
    })
}

/// Work of which a caller is told, and that can be interrupted.
pub(crate) struct Watch {
    threads: NonZeroUsize,
    cancel: Cancellation,
    tell: Tell,
    total: u64,
    done: AtomicU64,
}

impl Watch {
    /// Work of `total` bytes, of which every part that is run tells its own.
    pub(crate) fn new(run: &RunOptions, tell: Tell, total: u64) -> Self {
        let all = || available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (threads, cancel) = (run.threads.unwrap_or_else(all), run.cancel.clone());
        Self { threads, cancel, tell, total, done: AtomicU64::new(0) }
    }

    /// Runs a part of it.
    pub(crate) fn work<T>(&self, call: impl FnOnce(&Work<'_>) -> T) -> T {
        let observer = |bytes: u64| {
            let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            (self.tell)(done.min(self.total), Some(self.total));
            if self.cancel.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        call(&Work { threads: self.threads, observer: &observer })
    }
}

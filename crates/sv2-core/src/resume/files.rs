//! The files beside an output that is not finished: judged, locked, made at once, and renamed.
//!
//! Both ends of a call may be in a folder that others can write to, so a file is used only where
//! this user alone can have written it (format.md F-1115).

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use tempfile::{PathPersistError, TempPath};

use crate::io::{Unfinished, folder_of, sync};
use crate::resume::{CheckpointError, CheckpointFile, FileFault};
use crate::{Existing, StreamError};

/// What the name of an unfinished output ends with; the rest is the name of the output.
const OUTPUT_SUFFIX: &str = ".unfinished";
/// What the name of a journal ends with.
const JOURNAL_SUFFIX: &str = ".sv2-journal";
/// Others may write.
const OTHERS_WRITE: u32 = 0o022;

impl CheckpointFile {
    /// Its name beside the output `path`.
    pub(crate) fn beside(self, path: &Path) -> PathBuf {
        let mut name = OsString::from(path.as_os_str());
        name.push(match self {
            Self::Output => OUTPUT_SUFFIX,
            Self::Journal => JOURNAL_SUFFIX,
        });
        name.into()
    }
}

/// Refuses an output that exists and is not to be replaced, or that cannot be replaced.
pub(super) fn check_target(path: &Path, existing: Existing) -> Result<(), StreamError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Err(StreamError::Usage("what can be resumed is written to a file by name"))
        }
        Ok(_) if existing == Existing::Refuse => Err(StreamError::OutputExists),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StreamError::Write { offset: 0, source }),
    }
}

/// A file that was judged and is locked for this call.
pub(super) struct Held {
    pub(super) file: File,
    pub(super) which: CheckpointFile,
    path: PathBuf,
}

impl Held {
    /// Opens the file beside `output` where there is one.
    pub(super) fn open(
        output: &Path,
        which: CheckpointFile,
    ) -> Result<Option<Self>, CheckpointError> {
        let path = which.beside(output);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        // The bits of an open are a C int.
        let opened =
            OpenOptions::new().read(true).write(true).custom_flags(flags.bits() as i32).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                return Err(CheckpointError::NotOurs { file: which, fault: FileFault::Link });
            }
            Err(source) => return Err(CheckpointError::File { file: which, source }),
        };
        let held = Self { file, which, path };
        held.judge()?;
        held.lock()?;
        // Whoever held the lock before may have renamed the file to its final name.
        let failed = CheckpointError::file(which);
        let named = match fs::symlink_metadata(&held.path) {
            Ok(named) => Some(named),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let opened = held.file.metadata().map_err(failed)?;
        match named {
            Some(named) if same_file(&named, &opened) => Ok(Some(held)),
            _ => Err(CheckpointError::InUse),
        }
    }

    /// Makes the file with this content, of which nothing or all is found after a crash.
    pub(super) fn create(
        output: &Path,
        which: CheckpointFile,
        content: &[u8],
    ) -> Result<Self, CheckpointError> {
        let failed = CheckpointError::file(which);
        let path = which.beside(output);
        let folder = folder_of(&path);
        let mode = Permissions::from_mode(0o600);
        let (mut file, temporary) = Unfinished::create(folder, mode).map_err(&failed)?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(&failed)?;
        let held = Self { file, which, path };
        // A file system without owners and modes is found out now, and not when it is too late.
        held.judge()?;
        held.lock()?;
        temporary.persist(&held.path, Existing::Refuse).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CheckpointError::InUse,
            _ => failed(error),
        })?;
        sync_folder(&held.path).map_err(failed)?;
        Ok(held)
    }

    fn judge(&self) -> Result<(), CheckpointError> {
        let metadata = self.file.metadata().map_err(CheckpointError::file(self.which))?;
        let fault = if !metadata.is_file() {
            FileFault::Special
        } else if metadata.uid() != rustix::process::geteuid().as_raw() {
            FileFault::Owner
        } else if metadata.mode() & OTHERS_WRITE != 0 {
            FileFault::Writable
        } else if metadata.nlink() != 1 {
            FileFault::Names
        } else {
            return Ok(());
        };
        Err(CheckpointError::NotOurs { file: self.which, fault })
    }

    fn lock(&self) -> Result<(), CheckpointError> {
        self.file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => CheckpointError::InUse,
            TryLockError::Error(source) => CheckpointError::File { file: self.which, source },
        })
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> Result<u64, CheckpointError> {
        Ok(self.file.metadata().map_err(CheckpointError::file(self.which))?.len())
    }

    /// Removes the file.
    pub(super) fn remove(self) -> Result<(), CheckpointError> {
        let removed = fs::remove_file(&self.path).and_then(|()| sync_folder(&self.path));
        removed.map_err(CheckpointError::file(self.which))
    }

    /// Brings the file to stable storage, gives it the name of the output and brings that there
    /// too; `mode` are its permission bits from then on, where they change.
    ///
    /// A call that fails before the rename leaves the file where it is.
    pub(super) fn finish(
        self,
        output: &Path,
        existing: Existing,
        mode: Option<Permissions>,
    ) -> Result<(), StreamError> {
        let len = self.len()?;
        let failed = |source| StreamError::Write { offset: len, source };
        self.file.sync_all().map_err(failed)?;
        let mut path = TempPath::try_from_path(&self.path).map_err(failed)?;
        path.disable_cleanup(true);
        let renamed = match existing {
            Existing::Replace => path.persist(output),
            Existing::Refuse => path.persist_noclobber(output),
        };
        renamed.map_err(|PathPersistError { error, .. }| match error.kind() {
            io::ErrorKind::AlreadyExists => StreamError::OutputExists,
            _ => failed(error),
        })?;
        // Not before: an unfinished file that others may write to would not be continued.
        if let Some(mode) = mode {
            self.file.set_permissions(mode).map_err(failed)?;
        }
        sync_folder(output).map_err(failed)
    }
}

/// The permissions that a new stream gets in the folder of `path`: what the process's mask leaves
/// of reading and writing for all.
pub(super) fn stream_permissions(path: &Path) -> io::Result<Permissions> {
    let (file, _probe) = Unfinished::create(folder_of(path), Permissions::from_mode(0o666))?;
    Ok(file.metadata()?.permissions())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    sync(&File::open(folder_of(path))?)
}

fn same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

//! The files beside an output that is not finished: judged, locked, made at once, and renamed.
//!
//! Both ends of a call may be in a folder that others can write to, so a file is used only where
//! this user alone can have written it (format.md F-1115).

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::change::try_lock;
use crate::io::{
    OutputPlace, Temporary, check_any_order, folder_of, open_regular, output_failure, rename_to,
    sync, sync_folder,
};
use crate::resume::{CheckpointError, CheckpointFile, FileFault};
use crate::system::{self, OTHERS_WRITE, has_no_locks};
use crate::{Existing, FileAttributes, ResumableOutput, StreamError};

/// What the name of an unfinished output ends with; the rest is the name of the output.
const OUTPUT_SUFFIX: &str = ".unfinished";
/// What the name of a journal ends with.
const JOURNAL_SUFFIX: &str = ".sv2-journal";

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
    let found = OutputPlace::find(path).map_err(|source| output_failure(0, source))?;
    match found {
        OutputPlace::Vacant => Ok(()),
        OutputPlace::File(_) if existing == Existing::Refuse => Err(StreamError::OutputExists),
        OutputPlace::File(_) => Ok(()),
        OutputPlace::Folder | OutputPlace::Open(_) => {
            Err(StreamError::Usage("what can be resumed is written to a file by name"))
        }
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
        let mut fault = None;
        let opened = open_regular(&path, OpenOptions::new().read(true).write(true), |found| {
            fault = special(found);
            fault.map_or(Ok(()), |_| Err(io::ErrorKind::PermissionDenied.into()))
        });
        let file = match (opened, fault) {
            (Ok(file), _) => file,
            (Err(_), Some(fault)) => return Err(CheckpointError::NotOurs { file: which, fault }),
            (Err(error), None) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            (Err(source), None) => return Err(CheckpointError::File { file: which, source }),
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
            Some(named) if system::is_same_file(&named, &opened) == Some(true) => Ok(Some(held)),
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
        let (mut file, temporary) = Temporary::create(folder, 0o600).map_err(&failed)?;
        file.write_all(content).map_err(&failed)?;
        // What is resumed is written by numbers of segments.
        check_any_order(&file).and_then(|()| sync(&file)).map_err(&failed)?;
        let held = Self { file, which, path };
        // A file system without owners and modes is found out now, and not when it is too late.
        held.judge()?;
        held.lock()?;
        temporary.rename(&held.path, Existing::Refuse).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CheckpointError::InUse,
            _ => failed(error),
        })?;
        sync_folder(&held.path, &held.file).map_err(failed)?;
        Ok(held)
    }

    fn judge(&self) -> Result<(), CheckpointError> {
        let metadata = self.file.metadata().map_err(CheckpointError::file(self.which))?;
        let Some(owned) = system::ownership(&metadata) else {
            let what = "this system does not tell whose a file is";
            let source = io::Error::new(io::ErrorKind::Unsupported, what);
            return Err(CheckpointError::File { file: self.which, source });
        };
        let fault = if let Some(fault) = special(&metadata) {
            fault
        } else if owned.user != system::user() {
            FileFault::Owner
        } else if owned.mode & OTHERS_WRITE != 0 {
            FileFault::Writable
        } else if owned.names != 1 {
            FileFault::Names
        } else {
            return Ok(());
        };
        Err(CheckpointError::NotOurs { file: self.which, fault })
    }

    fn lock(&self) -> Result<(), CheckpointError> {
        try_lock(&self.file).map_err(|error| match error {
            TryLockError::WouldBlock => CheckpointError::InUse,
            TryLockError::Error(source) if has_no_locks(&source) => {
                CheckpointError::NoLocks { file: self.which, source }
            }
            TryLockError::Error(source) => CheckpointError::File { file: self.which, source },
        })
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> Result<u64, CheckpointError> {
        Ok(self.file.metadata().map_err(CheckpointError::file(self.which))?.len())
    }

    /// Removes the file.
    pub(super) fn remove(self) -> Result<(), CheckpointError> {
        let removed =
            fs::remove_file(&self.path).and_then(|()| sync_folder(&self.path, &self.file));
        removed.map_err(CheckpointError::file(self.which))
    }

    /// Brings the file to stable storage, gives it the name of the output and brings that there
    /// too; `mode` are its permission bits from then on, where they change.
    ///
    /// A call that fails before the rename leaves the file where it is.
    pub(super) fn finish(
        self,
        output: &ResumableOutput,
        mode: Option<Permissions>,
    ) -> Result<(), StreamError> {
        let ResumableOutput { path, existing, attributes, .. } = output;
        let len = self.len()?;
        let failed = |source| StreamError::Write { offset: len, source };
        let time = FileAttributes { mode: None, ..*attributes };
        time.give(&self.file).map_err(failed)?;
        sync(&self.file).map_err(failed)?;
        rename_to(&self.path, path, *existing).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StreamError::OutputExists,
            _ => failed(error),
        })?;
        // Not before: an unfinished file that others may write to would not be continued.
        match (attributes.mode, mode) {
            (Some(asked), _) => system::set_mode(&self.file, asked & 0o777).map_err(failed)?,
            (None, Some(mode)) => self.file.set_permissions(mode).map_err(failed)?,
            (None, None) => {}
        }
        sync_folder(path, &self.file).map_err(failed)
    }
}

/// The permissions that a new stream gets in the folder of `path`: what the process's mask leaves
/// of reading and writing for all.
pub(super) fn stream_permissions(path: &Path) -> io::Result<Permissions> {
    let (file, _probe) = Temporary::create(folder_of(path), 0o666)?;
    Ok(file.metadata()?.permissions())
}

/// What keeps a name from being that of a file, as it is found without opening it.
fn special(found: &Metadata) -> Option<FileFault> {
    if found.is_symlink() {
        return Some(FileFault::Link);
    }
    (!found.is_file()).then_some(FileFault::Special)
}

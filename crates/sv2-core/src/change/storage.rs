//! The two files of a change, and what is asked of whoever stores them.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::io::{check_any_order, open_regular, sync_folder};
use crate::system::{self, FileExt, OTHERS_WRITE, has_no_locks};
use crate::{FileFault, StreamError};

/// What the name of a change record ends with; the rest is the name of the stream (local-files.md
/// section 1.1).
const SUFFIX: &str = ".sv2-change";

/// One of the two files of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeFile {
    /// The stream that is changed.
    Stream,
    /// The change record beside it.
    Record,
}

/// Where a stream and its change record are stored.
///
/// Files need none of this: the functions that take a path bring their own.
/// Another storage must have these properties, on which the safety of a change rests: after
/// `sync` everything that was written to that file is on stable storage, after `sync_folder` so
/// is the presence or absence of the change record, and nobody else changes either file meanwhile.
pub trait ChangeStorage: Send + Sync {
    /// Bytes of a file; `None` where it does not exist.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>>;

    /// Reads at most `buffer.len()` bytes from `offset` on; 0 only at the end.
    ///
    /// # Errors
    /// Whatever the storage says; `Interrupted` is tried again.
    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, beyond the end too.
    ///
    /// # Errors
    /// Whatever the storage says; any part of `bytes` may have been written then.
    fn write_all_at(&self, file: ChangeFile, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the stream to `len` bytes.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn cut_stream(&self, len: u64) -> io::Result<()>;

    /// Brings what was written to a file, and its length, to stable storage.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn sync(&self, file: ChangeFile) -> io::Result<()>;

    /// Makes an empty change record where there is none.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one, and whatever else the storage says.
    fn create_record(&self) -> io::Result<()>;

    /// Removes the change record.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn remove_record(&self) -> io::Result<()>;

    /// Brings the presence or absence of the change record to stable storage.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn sync_folder(&self) -> io::Result<()>;
}

/// Locks a file for this process alone, or says that somebody else has; a signal is no answer.
pub(crate) fn try_lock(file: &File) -> Result<(), TryLockError> {
    loop {
        match file.try_lock() {
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            locked => return locked,
        }
    }
}

/// A stream in a regular file, locked for one change, and its change record in the same folder.
pub(super) struct FileStorage {
    stream: File,
    record_path: PathBuf,
    record: Mutex<Option<File>>,
}

impl FileStorage {
    /// Opens a stream for a change and locks it (F-1209).
    pub(super) fn open(path: &Path) -> Result<Self, StreamError> {
        let failed = |source| StreamError::Read { offset: 0, source };
        let record_path = record_path(path).map_err(failed)?;
        let stream = File::options().read(true).write(true).open(path).map_err(failed)?;
        if !stream.metadata().map_err(failed)?.is_file() {
            return Err(StreamError::Usage("only a stream in a file can be changed in place"));
        }
        try_lock(&stream).map_err(|error| match error {
            TryLockError::WouldBlock => StreamError::Busy,
            TryLockError::Error(source) if has_no_locks(&source) => StreamError::NoLocks(source),
            TryLockError::Error(source) => failed(source),
        })?;
        Ok(Self { stream, record_path, record: Mutex::new(None) })
    }

    /// Opens a stream for a look at it and its record: nothing is locked, and no write succeeds.
    pub(super) fn look(path: &Path) -> Result<Self, StreamError> {
        let failed = |source| StreamError::Read { offset: 0, source };
        let record_path = record_path(path).map_err(failed)?;
        let stream = File::open(path).map_err(failed)?;
        Ok(Self { stream, record_path, record: Mutex::new(None) })
    }

    fn record(&self) -> MutexGuard<'_, Option<File>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `call` on one of the files.
    fn with<T>(
        &self,
        file: ChangeFile,
        call: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        match file {
            ChangeFile::Stream => call(&self.stream),
            ChangeFile::Record => {
                let mut record = self.record();
                match &mut *record {
                    Some(file) => call(file),
                    none => call(none.insert(open_beside(&self.record_path, &self.stream)?)),
                }
            }
        }
    }
}

impl ChangeStorage for FileStorage {
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>> {
        match self.with(file, File::metadata) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(file, |file| file.read_at(buffer, offset))
    }

    fn write_all_at(&self, file: ChangeFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.with(file, |file| file.write_all_at(bytes, offset))
    }

    fn cut_stream(&self, len: u64) -> io::Result<()> {
        self.stream.set_len(len)
    }

    fn sync(&self, file: ChangeFile) -> io::Result<()> {
        self.with(file, File::sync_all)
    }

    fn create_record(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        system::for_owner_alone(&mut options);
        let record = options.open(&self.record_path)?;
        // A stream on a file system that takes no writes at offsets would be left half-changed.
        if let Err(error) = check_any_order(&record) {
            std::fs::remove_file(&self.record_path)?;
            return Err(error);
        }
        *self.record() = Some(record);
        Ok(())
    }

    fn remove_record(&self) -> io::Result<()> {
        *self.record() = None;
        std::fs::remove_file(&self.record_path)
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.record_path, &self.stream)
    }
}

/// The change record's name.
pub(super) fn record_path(stream: &Path) -> io::Result<PathBuf> {
    name_beside(stream, SUFFIX)
}

/// The name of a file beside another one: that of the other, symbolic links followed, and a suffix.
///
/// # Errors
/// Whatever the system says of the path.
pub fn name_beside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let path = path.canonicalize()?;
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(suffix);
    Ok(path.with_file_name(name))
}

/// Opens for reading a file that lies beside `owner` and that nobody can have written who may not
/// write to `owner` (F-1213).
///
/// # Errors
/// `PermissionDenied` with a [`FileFault`] inside where somebody else may have written it, and
/// whatever the system says.
pub fn open_beside(path: &Path, owner: &File) -> io::Result<File> {
    let refused = |fault: FileFault| io::Error::new(io::ErrorKind::PermissionDenied, fault);
    let found = open_regular(path, OpenOptions::new().read(true), |found| {
        if found.is_symlink() {
            return Err(refused(FileFault::Link));
        }
        if found.is_file() { Ok(()) } else { Err(refused(FileFault::Special)) }
    })?;
    let told = |file: &File| Ok::<_, io::Error>(system::ownership(&file.metadata()?));
    // Where nobody tells whose a file is, who may write to the folder has to be trusted.
    let (Some(beside), Some(owner)) = (told(&found)?, told(owner)?) else { return Ok(found) };
    // Root could write to any stream.
    let owners = [system::user(), owner.user, 0];
    let fault = if !owners.contains(&beside.user) {
        FileFault::Owner
    } else if beside.mode & !owner.mode & OTHERS_WRITE != 0 {
        FileFault::Writable
    } else if beside.names != 1 {
        FileFault::Names
    } else {
        return Ok(found);
    };
    Err(refused(fault))
}

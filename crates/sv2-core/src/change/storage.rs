//! The two files of a change, and what is asked of whoever stores them.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::io::open_regular;
use crate::{FileFault, StreamError};

/// Bits of a mode by which group and others write.
const OTHERS_WRITE: u32 = 0o022;

/// What the name of a sidecar ends with; the rest is the name of the stream (appendix A.2).
const SUFFIX: &str = ".sv2-change";

/// One of the two files of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeFile {
    /// The stream that is changed.
    Stream,
    /// The sidecar beside it.
    Sidecar,
}

/// Where a stream and its sidecar are stored.
///
/// Files need none of this: the functions that take a path bring their own.
/// Another storage must have these properties, on which the safety of a change rests: after
/// `sync` everything that was written to that file is on stable storage, after `sync_folder` so
/// is the presence or absence of the sidecar, and nobody else changes either file meanwhile.
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

    /// Makes an empty sidecar where there is none.
    ///
    /// # Errors
    /// `AlreadyExists` where there is one, and whatever else the storage says.
    fn create_sidecar(&self) -> io::Result<()>;

    /// Removes the sidecar.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn remove_sidecar(&self) -> io::Result<()>;

    /// Brings the presence or absence of the sidecar to stable storage.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A stream in a regular file, locked for one change, and its sidecar in the same folder.
pub(super) struct FileStorage {
    stream: File,
    sidecar_path: PathBuf,
    sidecar: Mutex<Option<File>>,
}

impl FileStorage {
    /// Opens a stream for a change and locks it (F-1209).
    pub(super) fn open(path: &Path) -> Result<Self, StreamError> {
        let failed = |source| StreamError::Read { offset: 0, source };
        let sidecar_path = sidecar_path(path).map_err(failed)?;
        let stream = File::options().read(true).write(true).open(path).map_err(failed)?;
        if !stream.metadata().map_err(failed)?.is_file() {
            return Err(StreamError::Usage("only a stream in a file can be changed in place"));
        }
        stream.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StreamError::Busy,
            TryLockError::Error(source) => failed(source),
        })?;
        Ok(Self { stream, sidecar_path, sidecar: Mutex::new(None) })
    }

    fn sidecar(&self) -> MutexGuard<'_, Option<File>> {
        self.sidecar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `call` on one of the files.
    fn with<T>(
        &self,
        file: ChangeFile,
        call: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        match file {
            ChangeFile::Stream => call(&self.stream),
            ChangeFile::Sidecar => {
                let mut sidecar = self.sidecar();
                match &mut *sidecar {
                    Some(file) => call(file),
                    none => call(none.insert(self.open_sidecar()?)),
                }
            }
        }
    }

    /// Opens a sidecar that an earlier change left, and that nobody can have written who may not
    /// write to the stream (F-1213).
    fn open_sidecar(&self) -> io::Result<File> {
        let refused = |fault: FileFault| io::Error::new(io::ErrorKind::PermissionDenied, fault);
        // What an earlier change left is read and never written.
        let found = open_regular(&self.sidecar_path, OpenOptions::new().read(true), |found| {
            if found.is_symlink() {
                return Err(refused(FileFault::Link));
            }
            if found.is_file() { Ok(()) } else { Err(refused(FileFault::Special)) }
        })?;
        let (sidecar, stream) = (found.metadata()?, self.stream.metadata()?);
        let user = rustix::process::geteuid().as_raw();
        // Root could write to any stream.
        let owners = [user, stream.uid(), 0];
        let fault = if !owners.contains(&sidecar.uid()) {
            FileFault::Owner
        } else if sidecar.mode() & !stream.mode() & OTHERS_WRITE != 0 {
            FileFault::Writable
        } else if sidecar.nlink() != 1 {
            FileFault::Names
        } else {
            return Ok(found);
        };
        Err(refused(fault))
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

    fn create_sidecar(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        *self.sidecar() = Some(options.open(&self.sidecar_path)?);
        Ok(())
    }

    fn remove_sidecar(&self) -> io::Result<()> {
        *self.sidecar() = None;
        std::fs::remove_file(&self.sidecar_path)
    }

    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.sidecar_path.parent().unwrap_or(Path::new("/"));
        match File::open(folder)?.sync_all() {
            // Some file systems have nothing to sync of a folder.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }
}

/// The sidecar's name: that of the stream, symbolic links followed, and a suffix.
pub(super) fn sidecar_path(stream: &Path) -> io::Result<PathBuf> {
    let stream = stream.canonicalize()?;
    let mut name = OsString::from(stream.file_name().unwrap_or_default());
    name.push(SUFFIX);
    Ok(stream.with_file_name(name))
}

//! Files that appear under their name when they are complete, for what the program itself writes.
//!
//! Streams and their plaintext are written by `sv2-core`, which has files of this kind of its own.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sv2_core::Existing;
use tempfile::{NamedTempFile, PathPersistError, TempPath};

static REGISTER: Mutex<Register> = Mutex::new(Register { closed: false, paths: Vec::new() });

struct Register {
    closed: bool,
    paths: Vec<PathBuf>,
}

/// Removes the files that are not complete, and lets no further one be made.
pub(crate) fn remove_unfinished() {
    let mut register = register();
    register.closed = true;
    for path in register.paths.drain(..) {
        let _ = std::fs::remove_file(path);
    }
}

/// A file under a temporary name, which vanishes when dropped.
pub(super) struct Partial {
    file: File,
    temporary: TempPath,
    path: PathBuf,
    existing: Existing,
}

impl Partial {
    /// Makes the file in the folder of `path`, for its owner's eyes alone.
    pub(super) fn create(path: &Path, existing: Existing) -> io::Result<Self> {
        let mut register = register();
        if register.closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let temporary = tempfile::Builder::new()
            .prefix(".sv2-")
            .suffix(".part")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder_of(path))?;
        let (file, temporary) = NamedTempFile::into_parts(temporary);
        register.paths.push(temporary.to_path_buf());
        Ok(Self { file, temporary, path: path.to_owned(), existing })
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes the content durable and gives the file its name.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        // What can fail does so before the file has its name.
        let folder = File::open(folder_of(&self.path))?;
        let name = self.temporary.to_path_buf();
        let persisted = match self.existing {
            Existing::Replace => self.temporary.persist(&self.path),
            Existing::Refuse => self.temporary.persist_noclobber(&self.path),
        };
        register().paths.retain(|path| *path != name);
        // The error holds the temporary file, which is removed with it.
        persisted.map_err(|PathPersistError { error, .. }| error)?;
        sync(&folder)
    }
}

/// Syncs, where the file system can.
pub(super) fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete_and_never_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let make = |existing| {
            let mut partial = Partial::create(&path, existing).unwrap();
            partial.file().write_all(b"content").unwrap();
            partial
        };
        drop(make(Existing::Refuse));
        assert_eq!(names(), 0);
        let late = make(Existing::Refuse);
        make(Existing::Refuse).finish().unwrap();
        assert_eq!(late.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        make(Existing::Replace).finish().unwrap();
        assert_eq!((names(), std::fs::read(&path).unwrap()), (1, b"content".to_vec()));
    }
}

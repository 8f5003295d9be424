//! Temporary output files that are not finished, so that a program that must end can remove them.
//!
//! Without this a process that ends while a call is blocked in a read leaves its file behind.

use std::collections::HashSet;
use std::fs::{File, Permissions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, PathPersistError, TempPath};

use crate::Existing;

static REGISTER: LazyLock<Mutex<Register>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Register {
    closed: bool,
    paths: HashSet<PathBuf>,
}

/// Removes the temporary files of all calls of this process that write to a named output, and
/// lets no further one be made: such calls fail with `Write`.
///
/// It is for a program that is about to end, from a thread that handles an interrupt while a call
/// may be blocked in a read. Calls that still run fail when they finish their output.
pub fn remove_unfinished_outputs() {
    let mut register = register();
    register.closed = true;
    for path in register.paths.drain() {
        // The call may have ended in this moment; then there is nothing to remove.
        let _ = std::fs::remove_file(path);
    }
}

/// A temporary file that vanishes when dropped, unless it was renamed.
pub(crate) struct Unfinished {
    path: TempPath,
    // Dropped after the path: a file leaves the register when it is gone.
    registered: Registered,
}

/// An entry of the register.
struct Registered(PathBuf);

impl Drop for Registered {
    fn drop(&mut self) {
        register().paths.remove(&self.0);
    }
}

impl Unfinished {
    /// Makes a temporary file in `folder`.
    pub(crate) fn create(folder: &Path, permissions: Permissions) -> io::Result<(File, Self)> {
        let mut register = register();
        if register.closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let temporary = tempfile::Builder::new()
            .prefix(".sv2-")
            .suffix(".part")
            .permissions(permissions)
            .tempfile_in(folder)?;
        let (file, path) = NamedTempFile::into_parts(temporary);
        let name = path.to_path_buf();
        register.paths.insert(name.clone());
        Ok((file, Self { path, registered: Registered(name) }))
    }

    /// Gives the file its name.
    pub(crate) fn persist(self, path: &Path, existing: Existing) -> io::Result<()> {
        let Self { path: temporary, registered } = self;
        let persisted = match existing {
            Existing::Replace => temporary.persist(path),
            Existing::Refuse => temporary.persist_noclobber(path),
        };
        // The error holds the temporary file, which is removed with it.
        let persisted = persisted.map_err(|PathPersistError { error, .. }| error);
        drop(registered);
        persisted
    }
}

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

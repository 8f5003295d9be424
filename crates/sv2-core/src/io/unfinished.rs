//! Outputs that are not finished: files without a name where the system can make them, else files
//! under a temporary name, which a program that must end can remove.
//!
//! A file without a name is gone whatever ends the process. The others are registered, because a
//! process that ends while a call is blocked in a read would leave them behind.

mod naming;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use sv2_pipeline::Cancellation;
use tempfile::{NamedTempFile, TempPath};

pub(crate) use self::naming::{NamingError, rename_to};
use crate::Existing;
use crate::io::{NamePlace, folder_of};
use crate::system;

static REGISTER: LazyLock<Mutex<Register>> = LazyLock::new(Mutex::default);

/// File systems, by their device, on which a file without a name got one.
#[cfg(target_os = "linux")]
static NAMED: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Register {
    closed: bool,
    paths: HashSet<PathBuf>,
    /// The output that got its name last.
    finished: Option<PathBuf>,
}

/// Removes the temporary files of all calls of this process that write to a named output, and
/// lets no further one be made or get its name: such calls fail with `Write` or `Cancelled`.
///
/// It is for a program that is about to end, from a thread that handles an interrupt while a call
/// may be blocked in a read. When it returns, each output either had its name before or has none;
/// the one that got its name last is returned.
pub fn remove_unfinished_outputs() -> Option<PathBuf> {
    let mut register = register();
    register.closed = true;
    for path in register.paths.drain() {
        // The call may have ended in this moment; then there is nothing to remove.
        let _ = std::fs::remove_file(path);
    }
    register.finished.clone()
}

/// A file that is not finished; it vanishes when dropped, unless it got its name.
pub(crate) enum Unfinished {
    /// A file without a name, which gets one by a link.
    #[cfg(target_os = "linux")]
    Nameless,
    /// A file under a temporary name.
    Named(Temporary),
}

/// A temporary name of a file.
pub(crate) struct Temporary {
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
    /// Makes a file that is to be named `path`, with `mode` as the mask of the process allows; it
    /// has no name until then where the file system can give it one later.
    pub(crate) fn create(path: &Path, mode: u32) -> io::Result<(File, Self)> {
        let folder = folder_of(path);
        #[cfg(target_os = "linux")]
        if let Some(file) = nameless(folder, mode) {
            if register().closed {
                return Err(io::ErrorKind::Interrupted.into());
            }
            return Ok((file, Self::Nameless));
        }
        let (file, temporary) = Temporary::create(folder, mode)?;
        Ok((file, Self::Named(temporary)))
    }

    /// Whether it has a temporary name.
    pub(crate) fn has_name(&self) -> bool {
        matches!(self, Self::Named(_))
    }

    /// Gives the file its name, unless `cancel` was set before.
    pub(crate) fn persist(
        self,
        file: &File,
        place: &NamePlace,
        existing: Existing,
        cancel: &Cancellation,
    ) -> Result<(), NamingError> {
        let named = match self {
            #[cfg(target_os = "linux")]
            Self::Nameless => {
                let mut register = register();
                if register.closed || cancel.is_cancelled() {
                    return Err(NamingError::Cancelled);
                }
                let linked = naming::link(file, place.reached(), existing);
                if linked.is_ok() {
                    register.finished = Some(place.shown().to_owned());
                }
                drop(register);
                linked
            }
            Self::Named(temporary) => temporary.persist(place, existing, cancel),
        };
        // What came in the moment of the naming counts as before it, where nothing was replaced.
        if named.is_ok()
            && existing == Existing::Refuse
            && cancel.is_cancelled()
            && take_back(file, place.reached()).is_ok()
        {
            register().finished = None;
            return Err(NamingError::Cancelled);
        }
        named
    }
}

/// Removes the name that a file got, if it is still its.
fn take_back(file: &File, path: &Path) -> io::Result<()> {
    let (named, opened) = (std::fs::symlink_metadata(path)?, file.metadata()?);
    if system::is_same_file(&named, &opened) != Some(true) {
        return Err(io::ErrorKind::NotFound.into());
    }
    std::fs::remove_file(path)
}

impl Temporary {
    /// Makes a file under a temporary name in `folder`, with `mode` as the mask of the process
    /// allows.
    pub(crate) fn create(folder: &Path, mode: u32) -> io::Result<(File, Self)> {
        let mut register = register();
        if register.closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".sv2-").suffix(".part");
        system::temporary_mode(&mut builder, mode);
        let temporary = builder.tempfile_in(folder)?;
        let (file, path) = NamedTempFile::into_parts(temporary);
        let name = path.to_path_buf();
        register.paths.insert(name.clone());
        Ok((file, Self { path, registered: Registered(name) }))
    }

    /// Gives a file its name whose content is worth nothing without it: it is removed where that
    /// fails.
    pub(crate) fn rename(self, path: &Path, existing: Existing) -> io::Result<()> {
        let Self { path: mut temporary, registered } = self;
        let renamed = rename_to(&temporary, path, existing);
        temporary.disable_cleanup(renamed.is_ok());
        drop(temporary);
        drop(registered);
        renamed
    }

    /// As [`Unfinished::persist`].
    pub(crate) fn persist(
        self,
        place: &NamePlace,
        existing: Existing,
        cancel: &Cancellation,
    ) -> Result<(), NamingError> {
        let Self { path: mut temporary, registered } = self;
        let named = {
            let mut register = register();
            if register.closed || cancel.is_cancelled() {
                Err(NamingError::Cancelled)
            } else {
                let renamed = naming::rename(&temporary, place.reached(), existing);
                if renamed.is_ok() {
                    register.finished = Some(place.shown().to_owned());
                }
                renamed
            }
        };
        // What was renamed is gone from its old name, and what is kept is to stay.
        temporary.disable_cleanup(!matches!(named, Err(NamingError::Cancelled)));
        drop(temporary);
        drop(registered);
        named
    }
}

/// A file without a name in `folder`; none where the system has none or could not name it later.
#[cfg(target_os = "linux")]
fn nameless(folder: &Path, mode: u32) -> Option<File> {
    let file = system::nameless(folder, mode)?;
    let [device, _] = system::identity(&file.metadata().ok()?)?;
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    if named.contains(&device) {
        return Some(file);
    }
    // Whether a name can be given is found out before the work and not behind it: a second such
    // file gets a name for a moment, once for each file system.
    let probe = system::nameless(folder, 0o600)?;
    let name = tempfile::Builder::new()
        .prefix(".sv2-")
        .suffix(".part")
        .make_in(folder, |name| system::link_to(&probe, name))
        .ok()?;
    drop(name);
    named.insert(device);
    Some(file)
}

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

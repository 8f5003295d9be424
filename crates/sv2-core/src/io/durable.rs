//! Bringing files, and their names, to stable storage.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::system;

/// Syncs, where the file system can.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if cannot_sync(&error) => Ok(()),
        other => other,
    }
}

/// Brings the name of `file` to stable storage, where the file system can.
pub(crate) fn sync_folder(path: &Path, file: &File) -> io::Result<()> {
    let synced = match system::open_folder(folder_of(path)) {
        Ok(folder) => folder.sync_all(),
        // A folder may be one that is written to and not listed.
        Err(_) => system::sync_file_system(file),
    };
    match synced {
        Err(error) if cannot_sync(&error) => Ok(()),
        other => other,
    }
}

/// Whether a file system says that it has nothing to sync, and not that it failed.
fn cannot_sync(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

/// The folder that holds a name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

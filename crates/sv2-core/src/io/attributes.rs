//! What a finished file gets besides its bytes, before it has its name.

use std::fs::File;
use std::io;
use std::time::SystemTime;

use crate::system;

/// The time and the permissions that a finished output gets, through the open file: nothing that
/// took its name meanwhile gets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileAttributes {
    /// The time of its last change; `None` is the time of its last write.
    pub modified: Option<SystemTime>,
    /// Its permission bits, of which only those of 0777 count; `None` leaves those that every
    /// output gets. Only Unix has them.
    pub mode: Option<u32>,
}

impl FileAttributes {
    /// Gives them to a file.
    pub(crate) fn give(&self, file: &File) -> io::Result<()> {
        if let Some(modified) = self.modified {
            file.set_modified(modified)?;
        }
        match self.mode {
            Some(mode) => system::set_mode(file, mode & 0o777),
            None => Ok(()),
        }
    }
}

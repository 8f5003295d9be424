//! What a file system says of a file that changes with every write to it.

use std::fs::File;
use std::io;
use std::time::SystemTime;

/// Length of a file and time of its last write; two that differ have a write between them, and not
/// only another name, owner or mode.
///
/// Two that are equal may have one as well: times tick in steps of milliseconds, and so whoever
/// asks compares the bytes that every change of a stream writes, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    len: u64,
    /// `None` where the system does not tell.
    written: Option<SystemTime>,
}

impl Stamp {
    /// That of a file now.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { len: metadata.len(), written: metadata.modified().ok() })
    }
}

//! What Linux alone has, as every other system answers.

use std::fs::File;
use std::io;

/// Where a sparse file holds bytes; nobody is asked.
pub(crate) fn data_of(_: &File, _: u64, _: u64) -> Option<Vec<(u64, u64)>> {
    None
}

/// Brings a file to stable storage, which is as much of its file system as can be asked for: of other
/// files and of names nothing.
pub(crate) fn sync_file_system(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Whether the file system of a file takes writes in any order; nobody is asked.
pub(crate) fn takes_any_order(_: &File) -> bool {
    true
}

/// Pipes stay as they are.
pub(crate) fn grow_pipe(_: &File) {}

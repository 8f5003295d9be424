//! The stream that a command reads, as it was when it was opened: a change in place that came and
//! went meanwhile left other bytes at both ends, whatever else the reader met.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::names::Name;

/// Bytes of each end that are compared: every change of a stream writes to one of them.
const END: u64 = 4 << 10;

/// What was opened last; a command reads one stream after the other.
static OPENED: Mutex<Option<(PathBuf, State)>> = Mutex::new(None);

/// A file at some time.
#[derive(PartialEq, Eq)]
struct State {
    len: u64,
    written: (i64, i64),
    changed: (i64, i64),
    front: Vec<u8>,
    end: Vec<u8>,
}

impl State {
    fn of(file: &File, metadata: &Metadata) -> io::Result<Self> {
        let len = metadata.len();
        let part = |offset: u64| {
            let mut bytes = vec![0; END.min(len) as usize];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        };
        Ok(Self {
            len,
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            front: part(0)?,
            end: part(len.saturating_sub(END))?,
        })
    }
}

/// Keeps what a stream is now that it is opened.
pub(crate) fn opened(path: &Path, file: &File, metadata: &Metadata) {
    if metadata.is_file() {
        let state = State::of(file, metadata).ok().map(|state| (path.to_owned(), state));
        *OPENED.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Whether somebody wrote to a stream, or put another one in its place, since it was opened.
pub(crate) fn has_changed(name: &Name) -> bool {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let (Some((path, before)), Some(of)) = (&*opened, name.path()) else { return false };
    let now = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        State::of(&file, &metadata)
    };
    path == of && now().is_ok_and(|now| now != *before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_write_is_seen_within_one_tick_of_the_clock_and_a_look_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sv2");
        std::fs::write(&path, vec![7; 10_000]).unwrap();
        let name = Name::File(path.clone());
        let file = File::options().read(true).write(true).open(&path).unwrap();
        opened(&path, &file, &file.metadata().unwrap());
        assert!(!has_changed(&name));
        file.write_all_at(&[8], 9_999).unwrap();
        assert!(has_changed(&name));
        opened(&path, &file, &file.metadata().unwrap());
        assert!(!has_changed(&name));
        (&file).write_all(&[9]).unwrap();
        assert!(has_changed(&name));
        assert!(!has_changed(&Name::Stdin));
    }
}

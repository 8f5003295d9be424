//! Named outputs that are brought to stable storage together (F-1006): what a sync costs, many small
//! files share.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sv2_pipeline::Cancellation;

use crate::io::durable::{folder_of, sync, sync_folder};
use crate::io::unfinished::Unfinished;
use crate::io::{Existing, NamePlace};
use crate::{StreamError, system};

/// As many outputs on one file system share a sync of all of it, which writes what others left there,
/// too; fewer are synced one by one.
const SHARED: u64 = 8;

/// Outputs that were written whole and have no name yet; dropped, it leaves nothing of them.
///
/// Each holds its file open, and for its name its folder, by up to two descriptors. It may be cloned;
/// clones are the same batch.
#[derive(Clone, Default)]
pub struct OutputBatch(Arc<Mutex<Vec<Written>>>);

/// An output that was written.
pub(crate) struct Written {
    /// The number that the caller knows it by.
    pub(crate) ticket: u64,
    pub(crate) file: File,
    // Before the place, whose folder is held until an unfinished file is gone.
    pub(crate) unfinished: Unfinished,
    pub(crate) place: NamePlace,
    pub(crate) existing: Existing,
    pub(crate) len: u64,
}

impl OutputBatch {
    /// A batch of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Outputs that wait for their names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Bytes of all of them, which may not be on stable storage yet.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|one| one.len).sum()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&self, written: Written) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(written);
    }

    /// Makes all outputs durable, gives them their names, and makes the names durable: one sync for
    /// each file system that 8 or more of them are on and one for each file, then the names, then one
    /// sync for each folder. The result of each output is given with its ticket, those that got no
    /// name first; one that failed stops no other.
    ///
    /// Nothing gets a name once `cancel` is set.
    #[must_use]
    pub fn finish(&self, cancel: &Cancellation) -> Vec<(u64, Result<(), StreamError>)> {
        let written = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut systems = HashMap::<u64, u64>::new();
        for one in &written {
            let file = one.file.metadata().ok().and_then(|file| system::identity(&file));
            let Some([device, _]) = file else { continue };
            let count = systems.entry(device).or_default();
            *count += 1;
            if *count == SHARED {
                // What failed is told by the file that it belongs to.
                let _ = system::sync_file_system(&one.file);
            }
        }
        let (mut results, mut named) = (Vec::new(), Vec::new());
        for one in written {
            let Written { ticket, file, unfinished, place, existing, len } = one;
            // Of a file that the sync of its file system reached this only asks how that ended.
            let done = sync(&file)
                .map_err(|source| StreamError::Write { offset: len, source })
                .and_then(|()| {
                    let named = unfinished.persist(&file, &place, existing, cancel);
                    named.map_err(|error| error.told(&place, len))
                });
            match done {
                Ok(()) => named.push((ticket, file, place)),
                Err(error) => results.push((ticket, Err(error))),
            }
        }
        let mut folders = Folders::default();
        results.extend(named.into_iter().map(|(ticket, file, place)| {
            let synced = folders.sync(&file, &place);
            let kept = |source| StreamError::OutputKept { kept: place.shown().to_owned(), source };
            (ticket, synced.map_err(kept))
        }));
        results
    }
}

/// Folders that were synced, and how that ended, by device and inode.
#[derive(Default)]
struct Folders(HashMap<[u64; 2], Option<i32>>);

impl Folders {
    /// Brings the name of a file to stable storage, unless that of another file in its folder was.
    fn sync(&mut self, file: &File, place: &NamePlace) -> io::Result<()> {
        let folder = std::fs::metadata(folder_of(place.reached())).ok();
        let Some(folder) = folder.and_then(|folder| system::identity(&folder)) else {
            return sync_folder(place.reached(), file);
        };
        if let Some(ended) = self.0.get(&folder) {
            return ended.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)));
        }
        let ended = sync_folder(place.reached(), file);
        let code = match &ended {
            Ok(()) => Some(None),
            Err(error) => error.raw_os_error().map(Some),
        };
        if let Some(code) = code {
            self.0.insert(folder, code);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::NamedOutput;

    fn written(batch: &OutputBatch, path: &std::path::Path, ticket: u64) {
        let named = NamedOutput::create(path, Existing::Refuse, 0o600).unwrap();
        named.file().write_all(b"all of it").unwrap();
        named.within(batch, ticket).finish(&Cancellation::new()).unwrap();
    }

    #[test]
    fn outputs_of_a_batch_have_no_name_before_all_are_durable() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let batch = OutputBatch::new();
        fs::create_dir(at("below")).unwrap();
        for (ticket, name) in (0..).zip(["a", "b", "below/c", "d"]) {
            written(&batch, &at(name), ticket);
        }
        assert_eq!((batch.len(), at("a").exists(), at("below/c").exists()), (4, false, false));
        assert_eq!(batch.bytes(), 4 * 9);
        // One name is taken meanwhile, and keeps no other from having its own.
        fs::write(at("b"), b"another").unwrap();
        let results = batch.finish(&Cancellation::new());
        let tickets: Vec<_> =
            results.iter().map(|(ticket, done)| (*ticket, done.is_ok())).collect();
        assert_eq!(tickets, [(1, false), (0, true), (2, true), (3, true)]);
        for name in ["a", "below/c", "d"] {
            assert_eq!(fs::read(at(name)).unwrap(), b"all of it", "{name}");
        }
        assert_eq!(fs::read(at("b")).unwrap(), b"another");
        assert!(batch.is_empty() && batch.finish(&Cancellation::new()).is_empty());
    }

    #[test]
    fn a_batch_that_is_cancelled_or_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for cancelled in [true, false] {
            let batch = OutputBatch::new();
            written(&batch, &folder.path().join("a"), 7);
            if cancelled {
                let cancel = Cancellation::new();
                cancel.cancel();
                let results = batch.finish(&cancel);
                assert!(matches!(results[..], [(7, Err(StreamError::Cancelled { .. }))]));
            }
            drop(batch);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}

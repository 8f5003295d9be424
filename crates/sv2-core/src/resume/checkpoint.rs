//! Checkpoints of a decrypt: what is on stable storage is counted in the journal, on a thread
//! beside the workers (local-files.md section 3.1, F-1201).
//!
//! The plaintext of the counted segments is brought to stable storage first, then the record is
//! written, and it is on stable storage itself before the next one is begun: so only the last
//! record can be torn.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, scope};

use crate::StreamError;
use crate::resume::journal::Chain;
use crate::resume::{CheckpointError, CheckpointFile};

/// What a checkpoint needs of the two files.
pub(super) trait CheckpointStorage: Sync {
    /// Brings the plaintext that was written to stable storage.
    fn sync_output(&self) -> io::Result<()>;

    /// Writes a record of the journal.
    fn write_record(&self, record: &[u8], offset: u64) -> io::Result<()>;

    /// Brings the journal to stable storage.
    fn sync_journal(&self) -> io::Result<()>;
}

/// Segments that are written, in any order, and how many of them there are from the front.
pub(super) struct Frontier {
    state: Mutex<Finished>,
    /// Segments between two checkpoints.
    distance: u64,
    ask: SyncSender<Ask>,
    failed: AtomicBool,
}

/// What the thread of the checkpoints is asked.
enum Ask {
    Checkpoint,
    End,
}

/// Ends the thread of the checkpoints when dropped, by a panic too.
struct End<'a>(&'a SyncSender<Ask>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        // A thread that ended before, by an error, hears nothing any more.
        let _ = self.0.send(Ask::End);
    }
}

struct Finished {
    /// All segments below this one are written.
    count: u64,
    /// Segments beyond it that are written too: at most one for each worker.
    ahead: BTreeSet<u64>,
    /// The count at which the next checkpoint is asked for.
    next: u64,
}

impl Frontier {
    /// Takes in a segment that was written, and asks for a checkpoint where it is time for one.
    ///
    /// # Errors
    /// `Cancelled` where a checkpoint failed, so that the run ends; the run's error is then the
    /// checkpoint's.
    pub(super) fn finish(&self, segment: u64) -> Result<(), StreamError> {
        let mut state = self.state();
        let Finished { count, ahead, next } = &mut *state;
        ahead.insert(segment);
        while ahead.remove(count) {
            *count += 1;
        }
        if *count >= *next {
            *next = count.saturating_add(self.distance);
            // Where one is asked for already, it will count this segment too, or the next does.
            let _ = self.ask.try_send(Ask::Checkpoint);
        }
        match self.failed.load(Ordering::Relaxed) {
            true => Err(StreamError::Cancelled { segment }),
            false => Ok(()),
        }
    }

    fn count(&self) -> u64 {
        self.state().count
    }

    fn state(&self) -> MutexGuard<'_, Finished> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work`, with checkpoints every `distance` segments on a thread of their own, and with a
/// last one where it fails.
///
/// # Errors
/// The one of a checkpoint, where one failed, and else that of `work`; `Spawn`.
///
/// # Panics
/// A panic of `work` goes on once the thread has ended.
pub(super) fn with_checkpoints<T>(
    storage: &dyn CheckpointStorage,
    chain: &mut Chain,
    distance: u64,
    work: impl FnOnce(&Frontier) -> Result<T, StreamError>,
) -> Result<T, StreamError> {
    let (ask, asked) = sync_channel(1);
    let count = chain.count();
    let state = Finished { count, ahead: BTreeSet::new(), next: count.saturating_add(distance) };
    let frontier =
        Frontier { state: Mutex::new(state), distance, ask, failed: AtomicBool::new(false) };
    let (done, counted) = scope(|scope| {
        let (frontier, chain) = (&frontier, &mut *chain);
        let keeper = move || {
            for asked in asked {
                let Ask::Checkpoint = asked else { break };
                checkpoint(storage, chain, frontier)?;
            }
            Ok(())
        };
        let thread = Builder::new().name("sv2-checkpoints".into());
        let thread = thread.spawn_scoped(scope, keeper).map_err(StreamError::Spawn)?;
        let done = {
            let _end = End(&frontier.ask);
            work(frontier)
        };
        let counted: Result<(), CheckpointError> =
            thread.join().unwrap_or_else(|payload| resume_unwind(payload));
        Ok::<_, StreamError>((done, counted))
    })?;
    counted?;
    if done.is_err() {
        // What is not counted is done again; the error that is reported is the one before.
        let _ = checkpoint(storage, chain, &frontier);
    }
    done
}

/// Counts what is written by now, where that is more than was counted.
fn checkpoint(
    storage: &dyn CheckpointStorage,
    chain: &mut Chain,
    frontier: &Frontier,
) -> Result<(), CheckpointError> {
    // Before the sync: a segment that is finished while it runs may not be part of it.
    let count = frontier.count();
    if count <= chain.count() {
        return Ok(());
    }
    let (record, offset) = chain.next(count);
    let done = storage
        .sync_output()
        .map_err(CheckpointError::file(CheckpointFile::Output))
        .and_then(|()| {
            let written = storage.write_record(&record, offset);
            let kept = written.and_then(|()| storage.sync_journal());
            kept.map_err(CheckpointError::file(CheckpointFile::Journal))
        });
    match done {
        Ok(()) => chain.advance(count, &record),
        // The workers see it and end.
        Err(_) => frontier.failed.store(true, Ordering::Relaxed),
    }
    done
}

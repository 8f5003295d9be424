//! Threads: each takes the next window and does all of it.
//!
//! The pipeline's driver of this kind lies above the ciphers, which this crate must not know.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Area, ParityError};

/// Threads together take no more memory than this, unless a single one does.
const MEMORY: u64 = 1 << 30;

/// How work is done, and who watches it.
pub struct Work<'w> {
    /// Threads, at most; fewer where windows are large.
    pub threads: NonZeroUsize,
    /// Is told, from any thread, how many bytes of the file were worked on since the last call,
    /// and stops the work where it breaks.
    pub observer: &'w (dyn Fn(u64) -> ControlFlow<()> + Sync),
}

impl Work<'_> {
    /// Work on this thread alone that nobody watches.
    #[must_use]
    pub fn alone() -> Self {
        Self { threads: NonZeroUsize::MIN, observer: &|_| ControlFlow::Continue(()) }
    }

    /// Threads for windows of these areas, of which each takes a whole one into memory.
    pub(crate) fn threads_for(&self, areas: &[Area]) -> usize {
        let most = (MEMORY / memory_for(areas).max(1)).max(1);
        self.threads.get().min(usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Memory of that many threads in bytes.
    pub(crate) fn memory(&self, areas: &[Area]) -> u64 {
        memory_for(areas) * self.threads_for(areas) as u64
    }

    /// Tells the observer.
    pub(crate) fn tell(&self, bytes: u64) -> Result<(), ParityError> {
        match (self.observer)(bytes) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ParityError::Cancelled),
        }
    }
}

/// Data and parity of the largest window, as many blocks that are computed from them, tables, and
/// the slices that the code works on.
fn memory_for(areas: &[Area]) -> u64 {
    let of = |area: &Area| {
        let blocks = u64::from(area.geometry().data()) + 2 * u64::from(area.geometry().parity());
        blocks * area.geometry().block_len() as u64 + (8 << 20)
    };
    areas.iter().map(of).max().unwrap_or(0)
}

/// Runs `work` for `0..count` on `threads` threads, of which the caller's is one.
///
/// The error is the one of the lowest item that failed; items behind it may be done or not.
pub(crate) fn run<S>(
    threads: usize,
    count: u64,
    init: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, u64) -> Result<(), ParityError> + Sync,
) -> Result<(), ParityError> {
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let failed: Mutex<Option<(u64, ParityError)>> = Mutex::new(None);
    let body = || {
        let mut state = None;
        while !stop.load(Ordering::Relaxed) {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= count {
                return;
            }
            if let Err(error) = work(state.get_or_insert_with(&init), item) {
                stop.store(true, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(first, _)| item < *first) {
                    *failed = Some((item, error));
                }
                return;
            }
        }
    };
    let more = threads.min(usize::try_from(count).unwrap_or(usize::MAX)).saturating_sub(1);
    thread::scope(|scope| {
        for _ in 0..more {
            // Where the system has no thread left, those that there are do the work.
            let _ = thread::Builder::new().name("sv2-parity".into()).spawn_scoped(scope, body);
        }
        body();
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

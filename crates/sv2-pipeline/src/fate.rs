//! What becomes of an item, and how an early end is made known.
//!
//! Every item that is begun gets exactly one fate. The earliest item whose fate is not success
//! decides the run; the [`Horizon`] only saves work behind it and never decides anything itself.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::PipelineError;
use crate::sync::{AtomicU64, Ordering, ScopedJoinHandle};

/// The payload of a caught panic.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Why an item was not finished.
pub(crate) enum Stop<E> {
    /// A callback returned an error.
    Failed(E),
    /// A callback panicked.
    Panicked(Payload),
    /// The token was cancelled before the item was finished.
    Cancelled,
    /// Whoever held the item dropped it.
    Lost,
}

impl<E> Stop<E> {
    /// Turns the stop of `item` into the error of the run, or lets a caught panic go on. To be
    /// called on the caller's thread after all other threads were joined.
    pub(crate) fn into_error(self, item: u64) -> PipelineError<E> {
        match self {
            Self::Failed(error) => PipelineError::Failed(error),
            Self::Panicked(payload) => resume_unwind(payload),
            Self::Cancelled => PipelineError::Cancelled { segment: item },
            Self::Lost => PipelineError::WorkerLost { segment: item },
        }
    }
}

/// Runs a callback and turns its error or panic into a [`Stop`].
///
/// What the callback borrows may be left half changed by a panic. No callback is called again
/// with such state: a stopped item ends the thread's use of it.
pub(crate) fn attempt<T, E>(callback: impl FnOnce() -> Result<T, E>) -> Result<T, Stop<E>> {
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Stop::Failed(error)),
        Err(payload) => Err(Stop::Panicked(payload)),
    }
}

/// Joins a thread of a run. A panic outside the callbacks, say in the drop of a caller's type, is
/// kept in `stray` if it is the first.
pub(crate) fn join<T>(handle: ScopedJoinHandle<'_, T>, stray: &mut Option<Payload>) -> Option<T> {
    match handle.join() {
        Ok(report) => Some(report),
        Err(payload) => {
            stray.get_or_insert(payload);
            None
        }
    }
}

/// The earliest item known to have stopped. Items behind it need no work, items before it do.
///
/// It only ever falls. Readers may see it late, which costs work and nothing else, so relaxed
/// ordering is enough.
pub(crate) struct Horizon(AtomicU64);

impl Horizon {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Records that `item` stopped, or that nothing behind it is wanted.
    pub(crate) fn lower(&self, item: u64) {
        self.0.fetch_min(item, Ordering::Relaxed);
    }

    /// Whether `item` lies behind a stopped item, so that its fate cannot matter.
    pub(crate) fn is_before(&self, item: u64) -> bool {
        self.0.load(Ordering::Relaxed) < item
    }
}

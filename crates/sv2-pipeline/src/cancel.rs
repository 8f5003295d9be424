//! The cancellation token. It is a flag that is looked at, not a signal that interrupts.

use crate::sync::{Arc, AtomicBool, Ordering};

/// A shared flag that asks a run to end early. Clones share the flag, and it is never cleared.
///
/// The drivers look at it between callbacks. A callback that blocks, such as a read from a silent
/// pipe, delays the end of the run until it returns.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    cancelled: Arc<AtomicBool>,
}

impl Cancellation {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every run that holds this token to end. What was written before this call is visible
    /// to whoever sees [`is_cancelled`](Self::is_cancelled) return true.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// The flag itself, for whoever can only set one, as a handler of signals does.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.cancelled.clone()
    }

    /// Whether [`cancel`](Self::cancel) was called on this token or one of its clones.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

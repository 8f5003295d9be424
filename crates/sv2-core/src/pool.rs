//! Threads and memory that several calls share.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sv2_pipeline::Cancellation;

use crate::StreamError;

/// How often a call that waits for memory looks at its token, which wakes nobody.
const PATIENCE: Duration = Duration::from_millis(20);

/// A bound on the threads and the segment buffers of all calls that hold it.
///
/// A call takes the memory of one segment when it begins, and waits until there is so much; what
/// more it takes, and which threads, depends on what is free then. Without a free thread it works
/// on the caller's. So no call waits for another one while it holds a thread, and every call that
/// has begun comes to its end.
///
/// What counts is the segments that a call holds: its index, 32 bytes for each segment, and the
/// windows of 4 MiB in which a salvage looks for parts come on top.
///
/// Writers and readers ([`EncryptWriter`](crate::EncryptWriter),
/// [`DecryptReader`](crate::DecryptReader), [`StreamReader`](crate::StreamReader)) start no thread
/// and stay open as long as their owner likes, so that they take nothing of a pool.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    memory: u64,
    free: Mutex<Free>,
    returned: Condvar,
}

struct Free {
    threads: usize,
    memory: u64,
}

impl Pool {
    /// At most so many threads beside those of the callers, and so many bytes of buffers.
    #[must_use]
    pub fn new(threads: usize, memory: u64) -> Self {
        let free = Mutex::new(Free { threads, memory });
        Self(Arc::new(Shared { memory, free, returned: Condvar::new() }))
    }

    /// Waits for `memory` bytes.
    pub(crate) fn lease(&self, memory: u64, cancel: &Cancellation) -> Result<Lease, StreamError> {
        let max = self.0.memory;
        if memory > max {
            return Err(StreamError::Limit { what: "memory of a segment", value: memory, max });
        }
        let mut free = self.free();
        while free.memory < memory {
            if cancel.is_cancelled() {
                return Err(StreamError::Cancelled { segment: 0 });
            }
            let waited = self.0.returned.wait_timeout(free, PATIENCE);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        free.memory -= memory;
        drop(free);
        Ok(Lease { pool: self.clone(), threads: 0, memory })
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.free();
        f.debug_struct("Pool")
            .field("free_threads", &free.threads)
            .field("free_memory", &free.memory)
            .finish_non_exhaustive()
    }
}

/// What a call has of a pool, until it ends.
pub(crate) struct Lease {
    pool: Pool,
    threads: usize,
    memory: u64,
}

impl Lease {
    /// Takes up to so many threads and more buffers of `len` bytes each; nothing at all where fewer
    /// than `least` threads or no buffer are free.
    pub(crate) fn take(
        &mut self,
        least: usize,
        threads: usize,
        buffers: usize,
        len: u64,
    ) -> Option<(usize, usize)> {
        let mut free = self.pool.free();
        let buffers = usize::try_from(free.memory / len.max(1)).unwrap_or(usize::MAX).min(buffers);
        let threads = free.threads.min(threads);
        if threads < least || buffers == 0 {
            return None;
        }
        free.threads -= threads;
        free.memory -= buffers as u64 * len;
        self.threads += threads;
        self.memory += buffers as u64 * len;
        Some((threads, buffers))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut free = self.pool.free();
        free.threads += self.threads;
        free.memory += self.memory;
        drop(free);
        self.pool.0.returned.notify_all();
    }
}

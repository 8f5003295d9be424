//! How many threads and buffers a run may use.

use std::num::NonZeroUsize;

/// The size of a run. Both numbers are used as given; the caller keeps them sensible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineOptions {
    /// Worker threads. The ordered driver adds one source thread and uses the caller's thread as
    /// the sink; the positional driver counts the caller's thread as a worker.
    pub threads: NonZeroUsize,
    /// The most buffers that exist at once in the ordered driver, which is also the most items in
    /// flight. Memory in use is at most `buffers` times the size of one buffer. A few hundred
    /// bytes are set aside for each at the start. The other drivers do not read it.
    pub buffers: NonZeroUsize,
}

impl PipelineOptions {
    /// So many workers and buffers.
    #[must_use]
    pub const fn new(threads: NonZeroUsize, buffers: NonZeroUsize) -> Self {
        Self { threads, buffers }
    }

    /// Options for `threads` workers with `2 * threads + 2` buffers: for each worker one item
    /// being worked on and one waiting, one buffer being filled and one being emptied.
    pub fn for_threads(threads: NonZeroUsize) -> Self {
        let buffers = threads.saturating_mul(TWO).saturating_add(2);
        Self::new(threads, buffers)
    }
}

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

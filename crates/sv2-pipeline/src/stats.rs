//! Where the time of a run went.

use std::time::{Duration, Instant};

/// What a successful run did. Times are monotonic clock time.
///
/// `source_time` and `sink_time` are at most `wall`; `work_time` is at most `threads * wall`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunStats {
    /// Items that were finished, which is all of them.
    pub items: u64,
    /// Workers that were at hand: threads of the run that execute the work callback.
    pub threads: usize,
    /// From the start of the run to the end of its last thread.
    pub wall: Duration,
    /// Time inside the source and the making of buffers.
    pub source_time: Duration,
    /// Time inside the work callback, summed over the workers.
    pub work_time: Duration,
    /// Time inside the sink.
    pub sink_time: Duration,
    /// Time in which a thread had nothing to do, summed: the source waiting for a free buffer,
    /// workers waiting for an item or for the last worker, the sink waiting for a result.
    pub waiting_time: Duration,
    /// The most buffers that existed at once. The positional driver counts worker states.
    pub peak_buffers: usize,
}

/// Splits a thread's time into consecutive laps, so that one clock reading ends one stage and
/// begins the next.
pub(crate) struct Stopwatch {
    last: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { last: Instant::now() }
    }

    /// The time since the start or the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        let lap = now.saturating_duration_since(self.last);
        self.last = now;
        lap
    }
}

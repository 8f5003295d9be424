//! The inline driver: one thread, one buffer, no channel.

use std::time::Instant;

use crate::cancel::Cancellation;
use crate::error::PipelineError;
use crate::ordered::Fed;
use crate::stats::{RunStats, Stopwatch};

/// Runs a job on the caller's thread with one buffer, with the outcome of
/// [`run_ordered`](crate::run_ordered): items 0, 1, 2, .. pass through `source`, `work` and `sink`
/// until `source` gives [`Fed::End`].
///
/// # Errors
///
/// [`PipelineError::Failed`] with the first error of a callback, and
/// [`PipelineError::Cancelled`] with the item that was not delivered. The buffer, or the item that
/// holds it, was handed to the callback that failed; otherwise it is dropped.
///
/// # Panics
///
/// A panic of a callback passes through.
pub fn run_inline<B, J, R, E>(
    cancel: &Cancellation,
    buffer: B,
    mut source: impl FnMut(u64, B) -> Result<Fed<B, J>, E>,
    mut work: impl FnMut(u64, J) -> Result<R, E>,
    mut sink: impl FnMut(u64, R) -> Result<B, E>,
) -> Result<RunStats, PipelineError<E>> {
    let begun = Instant::now();
    let mut clock = Stopwatch::start();
    let mut stats = RunStats { threads: 1, peak_buffers: 1, ..RunStats::default() };
    let mut buffer = buffer;
    loop {
        let item = stats.items;
        check(cancel, item)?;
        let job = match source(item, buffer).map_err(PipelineError::Failed)? {
            Fed::Job(job) => job,
            Fed::End(_) => break,
        };
        stats.source_time += clock.lap();
        check(cancel, item)?;
        let result = work(item, job).map_err(PipelineError::Failed)?;
        stats.work_time += clock.lap();
        check(cancel, item)?;
        buffer = sink(item, result).map_err(PipelineError::Failed)?;
        stats.sink_time += clock.lap();
        stats.items += 1;
    }
    stats.source_time += clock.lap();
    stats.wall = begun.elapsed();
    Ok(stats)
}

fn check<E>(cancel: &Cancellation, segment: u64) -> Result<(), PipelineError<E>> {
    if cancel.is_cancelled() { Err(PipelineError::Cancelled { segment }) } else { Ok(()) }
}

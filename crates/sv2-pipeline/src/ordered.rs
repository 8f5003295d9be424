//! The ordered driver: a source thread, worker threads, and a sink on the caller's thread that
//! sees the items in order.
//!
//! Three bounded channels form a circle: tasks from the source to the workers, the ring's slots
//! from the workers to the sink, and empty buffers from the sink back to the source. An item holds
//! a buffer all the way round, so no channel can be full when it is sent to, and the only waits
//! are the source's for a buffer, a worker's for a task and the sink's for the next slot. Each of
//! them ends: the sink drops its end of the buffer channel when it stops, the source drops the
//! task channel when it stops, every worker thread takes tasks until then, and every begun item
//! fills its slot, be it by being dropped.

mod ring;
mod stages;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::time::Instant;

use self::ring::Ring;
use self::stages::{Task, WorkerReport, deliver, feed, serve, until_closed};
use crate::cancel::Cancellation;
use crate::error::PipelineError;
use crate::fate::{Stop, join};
use crate::inline::run_inline;
use crate::options::PipelineOptions;
use crate::stats::RunStats;
use crate::sync::{Builder, Receiver, bounded, scope};

/// What a source gives for an empty buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed<B, J> {
    /// The item, which carries the buffer.
    Job(J),
    /// There are no more items; the buffer goes back unused.
    End(B),
}

/// Runs a job whose source and sink must see the items in order, with the work between them done
/// on `options.threads` threads.
///
/// - `make_buffer` is called on the source thread when no returned buffer is at hand, and at most
///   `options.buffers` times.
/// - Where the system grants fewer threads there are fewer, and where it grants none everything runs
///   on the caller's thread, as by [`run_inline`](crate::run_inline).
/// - `source` runs on a thread of its own. It gets the item number and an empty buffer (new, or as
///   `sink` gave it back) and gives the item or the end.
/// - `work` runs on the worker threads, in any order and at the same time for different items.
/// - `sink` runs on the caller's thread for items 0, 1, 2, .. without gaps and gives the buffer
///   back.
///
/// An item that was not delivered is dropped, and so is every buffer at the end.
///
/// # Errors
///
/// The one earliest in stream order. An error of `source` or `work` at item `k` is reported after
/// all items before `k` went through `sink`, and none after; an error of `sink` at `k` comes before
/// everything that happens to later items. [`PipelineError::Cancelled`] names the item that would
/// have been delivered next.
///
/// # Panics
///
/// A panic of a callback counts as the failure of its item. If that item decides the run, the
/// panic goes on with its own payload after all threads were joined.
pub fn run_ordered<B, J, R, E>(
    options: PipelineOptions,
    cancel: &Cancellation,
    make_buffer: impl FnMut() -> B + Send,
    source: impl FnMut(u64, B) -> Result<Fed<B, J>, E> + Send,
    work: impl Fn(u64, J) -> Result<R, E> + Sync,
    sink: impl FnMut(u64, R) -> Result<B, E>,
) -> Result<RunStats, PipelineError<E>>
where
    B: Send,
    J: Send,
    R: Send,
    E: Send,
{
    let builder = |name| Builder::new().name(name);
    run_or_inline(options, builder, cancel, make_buffer, source, work, sink)
}

/// The ordered driver with as many threads as the system grants, and the inline one where it grants
/// none: then no item was begun.
fn run_or_inline<B, J, R, E>(
    options: PipelineOptions,
    builder: impl Fn(String) -> Builder,
    cancel: &Cancellation,
    make_buffer: impl FnMut() -> B + Send,
    source: impl FnMut(u64, B) -> Result<Fed<B, J>, E> + Send,
    work: impl Fn(u64, J) -> Result<R, E> + Sync,
    sink: impl FnMut(u64, R) -> Result<B, E>,
) -> Result<RunStats, PipelineError<E>>
where
    B: Send,
    J: Send,
    R: Send,
    E: Send,
{
    let ring = Ring::new(options.buffers);
    let crew = Crew { threads: options.threads, builder };
    let worker = |tasks: &Receiver<_>| serve(tasks, cancel, &work);
    let buffers = options.buffers;
    // Each is dropped where and when it is done with, so it is handed over when a thread is there.
    let (mut input, mut output) = (Some((make_buffer, source)), Some(sink));
    let ended = run_with(&ring, buffers, cancel, crew, &mut input, worker, &mut output);
    match (ended, input, output) {
        (Err(PipelineError::Spawn(_)), Some((mut make_buffer, source)), Some(sink)) => {
            run_inline(cancel, make_buffer(), source, work, sink)
        }
        (ended, ..) => ended,
    }
}

/// How many workers there are and how a named thread is configured.
struct Crew<F> {
    threads: NonZeroUsize,
    builder: F,
}

/// The engine behind [`run_ordered`], with the body of a worker thread as a parameter.
///
/// Input and output are taken once all threads are there; where one is refused they are left.
fn run_with<'r, B, J, R, E>(
    ring: &'r Ring<R, E>,
    buffers: NonZeroUsize,
    cancel: &Cancellation,
    crew: Crew<impl Fn(String) -> Builder>,
    input: &mut Option<(
        impl FnMut() -> B + Send,
        impl FnMut(u64, B) -> Result<Fed<B, J>, E> + Send,
    )>,
    worker: impl Fn(&Receiver<Task<'r, J, R, E>>) -> WorkerReport + Sync,
    output: &mut Option<impl FnMut(u64, R) -> Result<B, E>>,
) -> Result<RunStats, PipelineError<E>>
where
    B: Send,
    J: Send,
    R: Send,
    E: Send,
{
    let begun = Instant::now();
    let worker = &worker;
    let mut stats = RunStats { threads: crew.threads.get(), ..RunStats::default() };
    let mut stray = None;

    let end = scope(|scope| {
        // The channel ends live in this closure, so a refused thread drops them on the way out and
        // the threads that were started come to their end before the scope does.
        let (task_sender, task_receiver) = bounded(buffers.get());
        let (free_sender, free_receiver) = bounded(buffers.get());
        let mut workers = Vec::with_capacity(crew.threads.get());
        for index in 0..crew.threads.get() {
            let tasks = task_receiver.clone();
            let builder = (crew.builder)(format!("sv2-worker-{index}"));
            match builder.spawn_scoped(scope, move || until_closed(&tasks, worker)) {
                Ok(handle) => workers.push(handle),
                // Fewer threads do the same work.
                Err(_) if index > 0 => break,
                Err(error) => return Err(error),
            }
        }
        let threads = workers.len();
        let builder = (crew.builder)("sv2-source".to_owned());
        let feeder = builder.spawn_scoped(scope, move || {
            let (make_buffer, source) = input.take()?;
            Some(feed(ring, buffers, cancel, free_receiver, task_sender, make_buffer, source))
        })?;

        let Some(sink) = output.take() else { return Ok(Ok(())) };
        let (report, end) = deliver(ring, cancel, free_sender, sink);
        stats.items = report.items;
        stats.sink_time = report.sink_time;
        stats.waiting_time = report.waiting_time;
        if let Some(report) = join(feeder, &mut stray).flatten() {
            stats.source_time = report.source_time;
            stats.waiting_time += report.waiting_time;
            stats.peak_buffers = report.buffers_made;
        }
        for handle in workers {
            if let Some(report) = join(handle, &mut stray) {
                stats.work_time += report.work_time;
                stats.waiting_time += report.waiting_time;
            }
        }
        stats.threads = threads;
        Ok(end)
    })
    .map_err(PipelineError::Spawn)?;

    match (end, stray) {
        (Ok(()) | Err((_, Stop::Lost)), Some(payload)) => resume_unwind(payload),
        (Err((item, stop)), _) => Err(stop.into_error(item)),
        (Ok(()), None) => {
            stats.wall = begun.elapsed();
            Ok(stats)
        }
    }
}

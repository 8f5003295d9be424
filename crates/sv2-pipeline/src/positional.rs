//! The positional driver: each worker takes the next item number and does the whole item itself.
//!
//! Nothing is handed from thread to thread. Numbers are handed out in order, so when one fails,
//! every lower number has been taken by a worker that finishes it or fails itself.

#[cfg(test)]
mod tests;

use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use crate::cancel::Cancellation;
use crate::error::PipelineError;
use crate::fate::{Horizon, Stop, attempt, join};
use crate::options::PipelineOptions;
use crate::stats::{RunStats, Stopwatch};
use crate::sync::{AtomicU64, Builder, Ordering, scope};

/// Runs `work` for the items `0..count` on at most `options.threads` threads, of which the
/// caller's is one, and gives the results in item order.
///
/// No thread is started for one worker, and never more workers than items are used. `init` makes
/// a worker's state on that worker's thread when it has taken its first item; `work` gets the
/// state and the item number. `options.buffers` is not used: memory is bounded by one state for
/// each worker and the results.
///
/// # Errors
///
/// The one of the lowest item. All items below it were finished; items above it may have been
/// finished too, and their results are dropped. [`PipelineError::Cancelled`] names the lowest item
/// that was not finished; a job whose items were all finished, or that has none, is not cancelled.
///
/// # Panics
///
/// A panic of `work`, or of `init` for a worker's first item, counts as the failure of the item.
/// If that item decides the run, the panic goes on with its own payload after all threads were
/// joined.
pub fn run_positional<W, R, E>(
    options: PipelineOptions,
    cancel: &Cancellation,
    count: u64,
    init: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, u64) -> Result<R, E> + Sync,
) -> Result<(Vec<R>, RunStats), PipelineError<E>>
where
    R: Send,
    E: Send,
{
    let builder = |name| Builder::new().name(name);
    run_with(options, count, builder, |counter| take_items(counter, cancel, &init, &work))
}

/// Hands out the item numbers and knows which of them are still wanted.
struct Counter {
    next: AtomicU64,
    count: u64,
    horizon: Horizon,
}

impl Counter {
    fn new(count: u64) -> Self {
        Self { next: AtomicU64::new(0), count, horizon: Horizon::new() }
    }

    /// The next number, or None when none is left or wanted. A number that is given must be
    /// finished or reported: the numbers behind it rely on that.
    fn take(&self) -> Option<u64> {
        let item = self.next.fetch_add(1, Ordering::Relaxed);
        (item < self.count && !self.horizon.is_before(item)).then_some(item)
    }
}

/// What one worker brings back.
struct WorkerReport<R, E> {
    results: Vec<(u64, R)>,
    stop: Option<(u64, Stop<E>)>,
    states_made: usize,
    work_time: Duration,
    finished: Instant,
}

/// The engine behind [`run_positional`], with the body of a worker as a parameter.
fn run_with<R, E>(
    options: PipelineOptions,
    count: u64,
    builder: impl Fn(String) -> Builder,
    worker: impl Fn(&Counter) -> WorkerReport<R, E> + Sync,
) -> Result<(Vec<R>, RunStats), PipelineError<E>>
where
    R: Send,
    E: Send,
{
    let begun = Instant::now();
    let useful = usize::try_from(count).unwrap_or(usize::MAX).max(1);
    let threads = options.threads.get().min(useful);
    let counter = Counter::new(count);
    let (worker, counter) = (&worker, &counter);
    let mut stray = None;

    let reports = if threads == 1 {
        vec![worker(counter)]
    } else {
        scope(|scope| {
            let mut handles = Vec::with_capacity(threads - 1);
            for index in 1..threads {
                let builder = builder(format!("sv2-worker-{index}"));
                match builder.spawn_scoped(scope, move || worker(counter)) {
                    Ok(handle) => handles.push(handle),
                    // Fewer threads do the same work, and this one does it all if there is none.
                    Err(_) => break,
                }
            }
            let mut reports = Vec::with_capacity(threads);
            reports.push(worker(counter));
            for handle in handles {
                reports.extend(join(handle, &mut stray));
            }
            reports
        })
    };
    let ended = Instant::now();

    let mut stats = RunStats { items: count, threads: reports.len(), ..RunStats::default() };
    let mut results = Vec::new();
    let mut first_stop: Option<(u64, Stop<E>)> = None;
    for report in reports {
        stats.work_time += report.work_time;
        stats.waiting_time += ended.saturating_duration_since(report.finished);
        stats.peak_buffers += report.states_made;
        results.extend(report.results);
        if let Some((item, stop)) = report.stop
            && first_stop.as_ref().is_none_or(|(first, _)| item < *first)
        {
            first_stop = Some((item, stop));
        }
    }
    if let Some((item, stop)) = first_stop {
        return Err(stop.into_error(item));
    }
    if let Some(payload) = stray {
        resume_unwind(payload);
    }
    let results = in_order(results, count).map_err(|item| Stop::Lost.into_error(item))?;
    stats.wall = begun.elapsed();
    Ok((results, stats))
}

/// One worker: does the items it is given until none is left or one of its own stops.
fn take_items<W, R, E>(
    counter: &Counter,
    cancel: &Cancellation,
    init: impl Fn() -> W,
    work: impl Fn(&mut W, u64) -> Result<R, E>,
) -> WorkerReport<R, E> {
    let mut results = Vec::new();
    let mut state = None;
    let mut stop = None;
    let mut work_time = Duration::ZERO;
    loop {
        // Asked before an item is taken: what was taken in front of a cancellation is finished, so
        // that nothing is missing before the item at which the run stops.
        let is_cancelled = cancel.is_cancelled();
        let Some(item) = counter.take() else { break };
        let done = if is_cancelled {
            Err(Stop::Cancelled)
        } else {
            let mut clock = Stopwatch::start();
            let done = attempt(|| work(state.get_or_insert_with(&init), item));
            work_time += clock.lap();
            done
        };
        match done {
            Ok(result) => results.push((item, result)),
            Err(reason) => {
                counter.horizon.lower(item);
                stop = Some((item, reason));
                break;
            }
        }
    }
    let states_made = usize::from(state.is_some());
    WorkerReport { results, stop, states_made, work_time, finished: Instant::now() }
}

/// Sorts the results of all workers. Gives the lowest item without a result, if there is one.
fn in_order<R>(mut results: Vec<(u64, R)>, count: u64) -> Result<Vec<R>, u64> {
    // Each worker's results ascend, and the stable sort merges such runs in linear time.
    results.sort_by_key(|(item, _)| *item);
    let gap = (0..).zip(&results).find(|(expected, (item, _))| expected != item);
    match gap {
        Some((missing, _)) => Err(missing),
        None if results.len() as u64 != count => Err(results.len() as u64),
        None => Ok(results.into_iter().map(|(_, result)| result).collect()),
    }
}

//! The three stages of the ordered driver: [`feed`] on the source thread, [`serve`] on the workers
//! and [`deliver`] on the caller's.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::Fed;
use super::ring::{Outcome, Promise, Ring};
use crate::cancel::Cancellation;
use crate::fate::{Stop, attempt};
use crate::stats::Stopwatch;
use crate::sync::{Receiver, Sender, TryRecvError};

/// One item on its way to a worker.
pub(super) struct Task<'r, J, R, E> {
    pub(super) promise: Promise<'r, R, E>,
    pub(super) job: J,
}

#[derive(Default)]
pub(super) struct SourceReport {
    pub(super) source_time: Duration,
    pub(super) waiting_time: Duration,
    pub(super) buffers_made: usize,
}

#[derive(Default)]
pub(super) struct WorkerReport {
    pub(super) work_time: Duration,
    pub(super) waiting_time: Duration,
}

#[derive(Default)]
pub(super) struct SinkReport {
    pub(super) items: u64,
    pub(super) sink_time: Duration,
    pub(super) waiting_time: Duration,
}

/// The source thread: gets a buffer, fills it, hands the item to the workers.
pub(super) fn feed<'r, B, J, R, E>(
    ring: &'r Ring<R, E>,
    buffers: NonZeroUsize,
    cancel: &Cancellation,
    free: Receiver<B>,
    tasks: Sender<Task<'r, J, R, E>>,
    mut make_buffer: impl FnMut() -> B,
    mut source: impl FnMut(u64, B) -> Result<Fed<B, J>, E>,
) -> SourceReport {
    let mut report = SourceReport::default();
    let mut clock = Stopwatch::start();
    for item in 0.. {
        let grant = acquire(&free, report.buffers_made < buffers.get());
        report.waiting_time += clock.lap();
        let Some(grant) = grant else { break };
        if ring.horizon.is_before(item) {
            break;
        }
        let promise = ring.promise(item);
        if cancel.is_cancelled() {
            promise.keep(Outcome::Stopped(Stop::Cancelled));
            break;
        }
        let made = &mut report.buffers_made;
        let fed = attempt(|| {
            let buffer = match grant {
                Grant::Returned(buffer) => buffer,
                Grant::New => {
                    *made += 1;
                    make_buffer()
                }
            };
            source(item, buffer)
        });
        report.source_time += clock.lap();
        match fed {
            // The channel has room for every buffer and the workers hold it open. Were it not so,
            // the dropped promise would tell the sink.
            Ok(Fed::Job(job)) => {
                if tasks.try_send(Task { promise, job }).is_err() {
                    break;
                }
            }
            Ok(Fed::End(_)) => {
                promise.keep(Outcome::End);
                break;
            }
            Err(stop) => {
                promise.keep(Outcome::Stopped(stop));
                break;
            }
        }
    }
    report
}

/// Leave to begin an item.
enum Grant<B> {
    Returned(B),
    New,
}

/// Takes a returned buffer, else leave to make one, else waits for a buffer to be returned. None
/// when the sink has stopped.
fn acquire<B>(free: &Receiver<B>, may_make: bool) -> Option<Grant<B>> {
    match free.try_recv() {
        Ok(buffer) => Some(Grant::Returned(buffer)),
        Err(TryRecvError::Disconnected) => None,
        Err(TryRecvError::Empty) if may_make => Some(Grant::New),
        Err(TryRecvError::Empty) => free.recv().ok().map(Grant::Returned),
    }
}

/// A worker thread around its body: however the body ends, tasks are taken until the source has
/// stopped. A channel keeps what was sent to it when its receivers go, so a task that no one took
/// would leave the sink waiting for its slot; a task that is taken and dropped counts as lost.
pub(super) fn until_closed<'r, J, R, E>(
    tasks: &Receiver<Task<'r, J, R, E>>,
    body: impl Fn(&Receiver<Task<'r, J, R, E>>) -> WorkerReport,
) -> WorkerReport {
    let report = catch_unwind(AssertUnwindSafe(|| body(tasks)));
    while let Ok(task) = tasks.recv() {
        // The drop of a caller's type may panic too; the first panic is the one that counts.
        drop(catch_unwind(AssertUnwindSafe(|| drop(task))));
    }
    report.unwrap_or_else(|payload| resume_unwind(payload))
}

/// The body of a worker thread: does tasks until the source has stopped and none is left.
pub(super) fn serve<J, R, E>(
    tasks: &Receiver<Task<'_, J, R, E>>,
    cancel: &Cancellation,
    work: impl Fn(u64, J) -> Result<R, E>,
) -> WorkerReport {
    let mut report = WorkerReport::default();
    let mut clock = Stopwatch::start();
    loop {
        let task = tasks.recv();
        report.waiting_time += clock.lap();
        let Ok(Task { promise, job }) = task else {
            return report;
        };
        if promise.is_moot() {
            continue;
        }
        if cancel.is_cancelled() {
            promise.keep(Outcome::Stopped(Stop::Cancelled));
            continue;
        }
        let outcome = match attempt(|| work(promise.item(), job)) {
            Ok(result) => Outcome::Done(result),
            Err(stop) => Outcome::Stopped(stop),
        };
        report.work_time += clock.lap();
        promise.keep(outcome);
    }
}

/// The sink on the caller's thread: empties the slots in order until the end or the first stop.
pub(super) fn deliver<B, R, E>(
    ring: &Ring<R, E>,
    cancel: &Cancellation,
    free: Sender<B>,
    mut sink: impl FnMut(u64, R) -> Result<B, E>,
) -> (SinkReport, Result<(), (u64, Stop<E>)>) {
    let mut report = SinkReport::default();
    let mut clock = Stopwatch::start();
    let end = loop {
        let item = report.items;
        if cancel.is_cancelled() {
            break Err((item, Stop::Cancelled));
        }
        let outcome = ring.wait(item);
        report.waiting_time += clock.lap();
        let result = match outcome {
            Outcome::Done(_) if cancel.is_cancelled() => break Err((item, Stop::Cancelled)),
            Outcome::Done(result) => result,
            Outcome::End => break Ok(()),
            Outcome::Stopped(stop) => break Err((item, stop)),
        };
        let delivered = attempt(|| sink(item, result));
        report.sink_time += clock.lap();
        match delivered {
            // A source that has ended takes no more buffers, and the buffer is dropped.
            Ok(buffer) => drop(free.try_send(buffer)),
            Err(stop) => break Err((item, stop)),
        }
        report.items += 1;
    };
    ring.horizon.lower(report.items);
    (report, end)
}

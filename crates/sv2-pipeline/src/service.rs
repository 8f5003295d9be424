//! The receive-process-send loop behind both pipelines: the ordered driver between two channels.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sv2_segment_worker::SegmentWorkerError;

use crate::error::ServiceError;
use crate::sync::{Builder, Receiver, Sender, bounded, recv_unless};
use crate::{Cancellation, Fed, PipelineError, PipelineOptions, run_ordered};

/// How a pipeline runs.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    options: PipelineOptions,
    pub(crate) first: u64,
    pub(crate) cancel: Cancellation,
}

impl Service {
    pub(crate) fn new(options: PipelineOptions) -> Self {
        Self { options, first: 0, cancel: Cancellation::new() }
    }
}

/// The results of a segment service, in order.
///
/// They end after the last input's, or with the first error.
/// Dropping them ends the threads of the service, also where its input is idle.
#[derive(Debug)]
pub struct Results<T> {
    results: Receiver<Result<T, ServiceError>>,
    /// Nothing is ever sent: the service sees that it is gone.
    _wanted: Sender<()>,
}

impl<T> Results<T> {
    /// Waits for the next result; `None` after the last one.
    pub fn recv(&self) -> Option<Result<T, ServiceError>> {
        self.results.recv().ok()
    }

    /// The channel behind them, for whoever waits for several at once or for so long only.
    pub fn receiver(&self) -> &Receiver<Result<T, ServiceError>> {
        &self.results
    }
}

impl<T> Iterator for Results<T> {
    type Item = Result<T, ServiceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.recv()
    }
}

/// Why the loop stopped early.
enum Stop {
    /// A worker's error.
    Worker(SegmentWorkerError),
    /// Nobody wants the results any more.
    ReceiverGone,
}

/// Starts the loop on a thread of its own.
pub(crate) fn start<I, O>(
    service: &Service,
    input: Receiver<I>,
    work: impl Fn(u64, I) -> Result<O, SegmentWorkerError> + Send + Sync + 'static,
) -> Results<O>
where
    I: Send + 'static,
    O: Send + 'static,
{
    let (sender, results) = bounded(1);
    let (wanted, gone) = bounded(1);
    let Service { options, first, cancel } = service.clone();
    let refused = sender.clone();
    let next = move || recv_unless(&input, &gone);
    let thread = Builder::new().name("sv2-pipeline".into());
    let started = thread.spawn(move || run(options, first, &cancel, next, &sender, work));
    if started.is_err() {
        // The channel has room for one result and nobody else sends.
        let _ = refused.try_send(Err(ServiceError::WorkerLost { segment: first }));
    }
    Results { results, _wanted: wanted }
}

fn run<I: Send, O: Send>(
    options: PipelineOptions,
    first: u64,
    cancel: &Cancellation,
    mut next: impl FnMut() -> Option<I> + Send,
    results: &Sender<Result<O, ServiceError>>,
    work: impl Fn(u64, I) -> Result<O, SegmentWorkerError> + Sync,
) {
    let mut delivered = first;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        run_ordered(
            options,
            cancel,
            || (),
            |_, ()| Ok(next().map_or(Fed::End(()), Fed::Job)),
            |item, job| work(first + item, job).map_err(Stop::Worker),
            |_, output| {
                results.send(Ok(output)).map_err(|_| Stop::ReceiverGone)?;
                delivered += 1;
                Ok(())
            },
        )
    }));
    let segment = delivered;
    let error = match ended {
        Ok(Ok(_)) | Ok(Err(PipelineError::Failed(Stop::ReceiverGone))) => return,
        Ok(Err(PipelineError::Failed(Stop::Worker(error)))) => error.into(),
        Ok(Err(PipelineError::Cancelled { .. })) => ServiceError::Cancelled { segment },
        Ok(Err(_)) => ServiceError::WorkerLost { segment },
        Err(payload) => ServiceError::Panicked { segment, message: message(&*payload) },
    };
    // Nobody is left to tell where this fails.
    let _ = results.send(Err(error));
}

/// The words of a panic.
fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

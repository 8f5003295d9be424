//! The receive-process-send loop behind both pipelines: the ordered driver between two channels.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sv2_segment_worker::SegmentWorkerError;

use crate::sync::{Builder, Receiver, Sender, bounded};
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
) -> Receiver<Result<O, SegmentWorkerError>>
where
    I: Send + 'static,
    O: Send + 'static,
{
    let (results, output) = bounded(1);
    let Service { options, first, cancel } = service.clone();
    let refused = results.clone();
    let thread = Builder::new().name("sv2-pipeline".into());
    let started = thread.spawn(move || run(options, first, &cancel, &input, &results, work));
    if started.is_err() {
        // The channel has room for one result and nobody else sends.
        let _ = refused.try_send(Err(SegmentWorkerError::worker_lost(first)));
    }
    output
}

fn run<I: Send, O: Send>(
    options: PipelineOptions,
    first: u64,
    cancel: &Cancellation,
    input: &Receiver<I>,
    results: &Sender<Result<O, SegmentWorkerError>>,
    work: impl Fn(u64, I) -> Result<O, SegmentWorkerError> + Sync,
) {
    let mut delivered = first;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        run_ordered(
            options,
            cancel,
            || (),
            |_, ()| Ok(input.recv().map_or(Fed::End(()), Fed::Job)),
            |item, job| work(first + item, job).map_err(Stop::Worker),
            |_, output| {
                results.send(Ok(output)).map_err(|_| Stop::ReceiverGone)?;
                delivered += 1;
                Ok(())
            },
        )
    }));
    let error = match ended {
        Ok(Ok(_)) | Ok(Err(PipelineError::Failed(Stop::ReceiverGone))) => return,
        Ok(Err(PipelineError::Failed(Stop::Worker(error)))) => error,
        Ok(Err(PipelineError::Cancelled { .. })) => SegmentWorkerError::cancelled(delivered),
        Ok(Err(_)) => SegmentWorkerError::worker_lost(delivered),
        Err(payload) => SegmentWorkerError::panicked(delivered, &message(&*payload)),
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

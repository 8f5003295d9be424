//! The drivers of `sv2-pipeline`, compiled from its own source files over primitives that a model
//! checker schedules.
//!
//! [`sync`] stands where the pipeline has its module of the same name; nothing else differs. The
//! models are the tests of this package.

// A library that shares its files with another crate uses a part of them.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "the pipeline's files, in part")]

#[path = "../../sv2-pipeline/src"]
mod pipeline {
    pub mod cancel;
    pub mod error;
    pub mod fate;
    pub mod inline;
    pub mod options;
    pub mod ordered;
    pub mod positional;
    pub mod service;
    pub mod stats;
}
pub mod sync;

use pipeline::{cancel, error, fate, inline, options, ordered, stats};

pub use pipeline::cancel::Cancellation;
pub use pipeline::error::{PipelineError, ServiceError};
pub use pipeline::inline::run_inline;
pub use pipeline::options::PipelineOptions;
pub use pipeline::ordered::{Fed, run_ordered};
pub use pipeline::positional::run_positional;
pub use pipeline::service::Results;
pub use pipeline::stats::RunStats;

use sv2_segment_worker::SegmentWorkerError;

/// The loop behind the segment services, with a work of the model's own.
///
/// `first` is the number of the first item. The results end as those of the services do.
pub fn start_service<I: Send + 'static, O: Send + 'static>(
    options: PipelineOptions,
    first: u64,
    cancel: Cancellation,
    input: sync::Receiver<I>,
    work: impl Fn(u64, I) -> Result<O, SegmentWorkerError> + Send + Sync + 'static,
) -> Results<O> {
    let mut service = pipeline::service::Service::new(options);
    service.first = first;
    service.cancel = cancel;
    pipeline::service::start(&service, input, work)
}

//! Sealing the segments that a program feeds in, from a network or a store for example.

use bytes::Bytes;
use crossbeam_channel::Receiver;
use sv2_segment_worker::{EncryptSegmentWorker, EncryptedSegment, SegmentInput};

use crate::service::{self, Results, Service};
use crate::{Cancellation, PipelineOptions};

/// Seals plaintext segments on several threads, in order.
#[derive(Clone, Debug)]
pub struct EncryptPipeline {
    worker: EncryptSegmentWorker,
    service: Service,
}

impl EncryptPipeline {
    /// A pipeline that begins at segment 0.
    #[must_use]
    pub fn new(worker: EncryptSegmentWorker, options: PipelineOptions) -> Self {
        Self { worker, service: Service::new(options) }
    }

    /// Numbers the first segment `segment`: the resume point of an interrupted job.
    #[must_use]
    pub fn resume_at(mut self, segment: u64) -> Self {
        self.service.first = segment;
        self
    }

    /// Stops between segments when `cancel` is set; the results then end with an error.
    #[must_use]
    pub fn with_cancellation(mut self, cancel: Cancellation) -> Self {
        self.service.cancel = cancel;
        self
    }

    /// Seals each plaintext segment that arrives and hands the results out in the same order.
    ///
    /// Every segment but the last has exactly S bytes; the caller cuts.
    /// The results end after the last input's, or with the first error: what a worker reported,
    /// `Panicked` for a worker's panic, `WorkerLost` for a result that never came.
    /// The index and the tail are the caller's: [`EncryptedSegment::entry`] is what the index
    /// must hold.
    /// Dropping the results ends the threads quietly, also while the input is idle.
    #[must_use]
    pub fn process_stream(&self, input: Receiver<Bytes>) -> Results<EncryptedSegment> {
        let worker = self.worker.clone();
        service::start(&self.service, input, move |segment, plaintext| {
            worker.encrypt(SegmentInput::new(segment, plaintext))
        })
    }
}

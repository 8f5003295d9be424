//! Opening the segments that a program feeds in, from a network or a store for example.

use bytes::Bytes;
use crossbeam_channel::Receiver;
use sv2_segment_worker::{DecryptSegmentWorker, DecryptedSegment, SegmentWire};

use crate::service::{self, Results, Service};
use crate::{Cancellation, PipelineOptions};

/// Opens wire segments on several threads, in order.
#[derive(Clone, Debug)]
pub struct DecryptPipeline {
    worker: DecryptSegmentWorker,
    service: Service,
}

impl DecryptPipeline {
    /// A pipeline that begins at segment 0.
    #[must_use]
    pub fn new(worker: DecryptSegmentWorker, options: PipelineOptions) -> Self {
        Self { worker, service: Service::new(options) }
    }

    /// Expects segment `segment` first: the resume point of an interrupted job.
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

    /// Opens each wire segment that arrives and hands the results out in the same order.
    ///
    /// Each input is one whole segment, header and footer included.
    /// The results end after the last input's, or with the first error: what a worker reported,
    /// `Panicked` for a worker's panic, `WorkerLost` for a result that never came.
    /// The end of the input proves nothing: that the stream is whole and that no segment stems
    /// from an older attempt, only its seal tells. Use [`DecryptPipeline::process_sealed`] where
    /// the index is known.
    /// Dropping the results ends the threads quietly, also while the input is idle.
    #[must_use]
    pub fn process_stream(&self, input: Receiver<Bytes>) -> Results<DecryptedSegment> {
        let worker = self.worker.clone();
        service::start(&self.service, input, move |segment, wire| {
            worker.decrypt(SegmentWire::new(segment, wire))
        })
    }

    /// As [`DecryptPipeline::process_stream`], for segments that carry their sealed index entry
    /// and their own number.
    #[must_use]
    pub fn process_sealed(&self, input: Receiver<SegmentWire>) -> Results<DecryptedSegment> {
        let worker = self.worker.clone();
        service::start(&self.service, input, move |_, wire| worker.decrypt(wire))
    }
}

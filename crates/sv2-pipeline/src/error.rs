//! Why a run ended early. Positions are item numbers, counted from 0; in a stream an item is a
//! segment.

use sv2_segment_worker::SegmentWorkerError;

/// The reason that decided a run: the one earliest in stream order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError<E> {
    /// A source, work or sink callback returned this error. Every earlier item is finished.
    #[error("a pipeline callback failed")]
    Failed(#[source] E),
    /// The result of this item never arrived. It is a bug of this crate, not of the input.
    #[error("the result of segment {segment} was lost")]
    WorkerLost {
        /// The item without a result.
        segment: u64,
    },
    /// The run was cancelled.
    #[error("cancelled before segment {segment}")]
    Cancelled {
        /// The first item that was not delivered to the sink or, without a sink, not finished.
        segment: u64,
    },
    /// The system refused a thread. No thread of the run is left.
    #[error("a pipeline thread could not be started")]
    Spawn(#[source] std::io::Error),
}

/// Why the results of a segment service ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A worker refused the segment.
    #[error(transparent)]
    Segment(#[from] SegmentWorkerError),
    /// A worker panicked over the segment; the message is the panic's own.
    #[error("a worker panicked over segment {segment}: {message}")]
    Panicked {
        /// The segment.
        segment: u64,
        /// The panic's message.
        message: String,
    },
    /// The caller's token was set before the segment was handed out.
    #[error("cancelled before segment {segment}")]
    Cancelled {
        /// The segment.
        segment: u64,
    },
    /// A worker ended without a result for the segment, or none could be started.
    #[error("the worker for segment {segment} was lost")]
    WorkerLost {
        /// The segment.
        segment: u64,
    },
}

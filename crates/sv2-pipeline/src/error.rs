//! Why a run ended early. Positions are item numbers, counted from 0; in a stream an item is a
//! segment.

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

//! Threads, order, bounds and cancellation for stream_v2 segments.
//!
//! Three drivers run a job of numbered items: [`run_ordered`] (a source, N workers, an ordered
//! sink), [`run_positional`] (each worker does whole items by number) and [`run_inline`] (one
//! thread). They are generic over the caller's types and know no bytes, keys or files.
//!
//! The rules are the same for each. Every item has exactly one fate, and the earliest item in
//! stream order whose fate is not success decides the run. A panic in a callback is such a fate:
//! all threads are joined, then it goes on on the caller's thread with its own payload. A missing
//! result is [`PipelineError::WorkerLost`] and never the end of the stream. Cancellation is seen
//! between callbacks; a callback that blocks is not interrupted.
//!
//! [`EncryptPipeline`] and [`DecryptPipeline`] put the ordered driver between two channels, for
//! programs that feed whole segments from a network or a store.

mod cancel;
mod decrypt;
mod encrypt;
mod error;
mod fate;
mod inline;
mod options;
mod ordered;
mod positional;
mod service;
mod stats;
mod sync;
#[cfg(test)]
mod watchdog;

pub use cancel::Cancellation;
pub use decrypt::DecryptPipeline;
pub use encrypt::EncryptPipeline;
pub use error::{PipelineError, ServiceError};
pub use inline::run_inline;
pub use options::PipelineOptions;
pub use ordered::{Fed, run_ordered};
pub use positional::run_positional;
pub use service::Results;
pub use stats::RunStats;

// The types of others in the signatures of the services.
pub use bytes::Bytes;
pub use crossbeam_channel::Receiver;

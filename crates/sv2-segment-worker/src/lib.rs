//! One segment of a `stream_v2` stream as a pure function: plaintext to wire and back.
//!
//! Sections 5 and 6 of `docs/format.md`.
//! A segment worker holds the key of the stream's segments, never the key that seals the stream.
//! It knows no file, no thread, no channel and no clock, and it never panics on input.

#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod context;
mod decrypt;
mod encrypt;
mod error;
mod types;

pub use context::SegmentCryptoContext;
pub use decrypt::DecryptSegmentWorker;
pub use encrypt::EncryptSegmentWorker;
pub use error::SegmentWorkerError;
pub use sv2_frame_worker::Explain;
pub use types::{DecryptedSegment, EncryptedSegment, SegmentInput, SegmentWire};

//! One frame of a `stream_v2` segment, sealed or opened in place.
//!
//! Section 5 of `docs/format.md`.
//! A frame worker knows its frame, its segment's cipher and its segment's layout; it knows no
//! other frame, no file, no thread and no clock, and it never panics on input.

#![doc = include_str!("../README.md")]
#![no_std]

mod decrypt;
mod encrypt;
mod error;
mod types;

pub use decrypt::{DecryptFrameWorker, Explain};
pub use encrypt::EncryptFrameWorker;
pub use error::FrameWorkerError;
pub use types::{FrameInput, FrameOutput};

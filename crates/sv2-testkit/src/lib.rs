//! The reference implementation of stream_v2 and the tools that tests share.
//!
//! Nothing here depends on an engine crate, so what the engine does is compared with code that
//! shares neither its layout arithmetic nor its primitives (BLAKE3 excepted).
//! Speed, secrets in memory and constant time are no concern here: never use it outside of tests.

#![forbid(unsafe_code)]

pub mod accumulated;
pub mod faulty;
pub mod mark;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod mutate;
pub mod paint;
pub mod protocol;
pub mod reference;
pub mod rescue;
pub mod vectors;

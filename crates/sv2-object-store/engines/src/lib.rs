//! What DataFusion and delta-rs do over encrypted objects, and what it costs.
//!
//! A package for tests, an example and figures; never published.

#![allow(clippy::duplicate_mod, reason = "one body, once for each version of object_store")]

#[cfg(feature = "delta")]
pub mod delta;
#[cfg(feature = "sql")]
pub mod sql;
pub mod v0_13;
#[cfg(feature = "speed")]
pub mod v0_14;

use sv2_object_store::{RawKey, StreamKey};

/// The key of every store here.
#[must_use]
pub fn key() -> RawKey {
    RawKey(StreamKey::from_bytes([1; 32]))
}

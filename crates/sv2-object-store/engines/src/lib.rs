//! What DataFusion and delta-rs do over encrypted objects, and what it costs.
//!
//! A package for tests and an example; never published.

pub mod counting;
#[cfg(feature = "delta")]
pub mod delta;
#[cfg(feature = "sql")]
pub mod sql;

use sv2_object_store::{RawKey, StreamKey};

/// The key of every store here.
#[must_use]
pub fn key() -> RawKey {
    RawKey(StreamKey::from_bytes([1; 32]))
}

//! `stream_v2` over any `object_store`: each object is a sealed stream, and readers see plaintext.
//!
//! The format is `docs/format.md` of the project; which bytes are read when is decided by
//! `sv2-stream`. Nothing here is handed out before it was authenticated.
//!
//! `object_store` is at two versions in the field, with the same methods; [`v0_13`] and [`v0_14`]
//! are the same source over each.

#![doc = include_str!("../README.md")]
#![allow(clippy::duplicate_mod, reason = "one body, once for each version of object_store")]

#[cfg(any(feature = "object_store_013", feature = "object_store_014"))]
mod backlog;
mod error;
#[cfg(any(feature = "object_store_013", feature = "object_store_014"))]
mod frames;
mod keys;
mod options;
#[cfg(any(feature = "object_store_013", feature = "object_store_014"))]
mod sealing;
#[cfg(any(feature = "object_store_013", feature = "object_store_014"))]
mod task;
#[cfg(feature = "object_store_013")]
pub mod v0_13;
#[cfg(feature = "object_store_014")]
pub mod v0_14;

pub use error::{ObjectError, ObjectFault};
pub use keys::{AgeKeys, KeyError, KeyProvider, NewKey, RawKey, ReadKey, key_by_path};
pub use options::{Foreign, Sizes, StoreOptions};

pub use sv2_core::{
    DigestAlg, FetchPolicy, Geometry, KeyOpener, Section, StreamHeader, StreamKey, Suite,
};
pub use sv2_stream::{FormatError, Unit};

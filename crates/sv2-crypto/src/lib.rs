//! Key schedule, AEAD, digests and salts of the `stream_v2` format.
//!
//! Sections 4 and 6 of `docs/format.md`.
//! This is the only crate that names a cipher library; none of its types leave it.
//! It knows no layout beyond the lengths that it is handed and does no IO, other than drawing
//! random bytes from the operating system.

#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod aead;
mod backend;
mod digest;
mod error;
#[cfg(feature = "hazmat")]
pub mod hazmat;
mod key;
mod mac;
mod opener;
mod salt;
mod schedule;
mod secret;

pub use aead::{NONCE_LEN, SegmentOpener, SegmentSealer, TAG_LEN};
pub use backend::Backend;
pub use digest::{SegmentDigest, Sha256, fingerprint, sha256};
pub use error::CryptoError;
pub use key::StreamKey;
pub use mac::MacKey;
pub use opener::{KeyOpener, SlotError};
pub use salt::RandomSource;
pub use schedule::{RootKeys, SegmentsKey};

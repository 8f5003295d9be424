//! The stream header, trailer and index of the `stream_v2` format: bytes to structs and back.
//!
//! Sections 2, 3 and 7 of `docs/format.md`.
//! This crate knows no key, no cipher, no hash and no file: a decoded struct is *well formed*,
//! never *authentic*.

#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod error;
mod geometry;
mod header;
mod id;
mod index;
mod section;
mod slot;
mod trailer;

pub use sv2_crc as checksum;

pub use error::HeaderError;
pub use geometry::{
    DEFAULT_FRAME_LOG2, DEFAULT_FRAMES_LOG2, Geometry, MAX_PLAINTEXT_LEN, MAX_SEGMENT_SIZE,
    MAX_SEGMENTS,
};
pub use header::{
    DEFAULT_HEADER_LEN, DEFAULT_SLOTTED_HEADER_LEN, HEADER_CORE_LEN, HEADER_MAGIC,
    HEADER_PREFIX_LEN, HEADER_TRAILING_LEN, MAX_HEADER_LEN, MIN_HEADER_LEN, StreamHeader, VERSION,
    fitting_header_len, peek_geometry, peek_header_len,
};
pub use id::{DigestAlg, Suite};
pub use index::{IndexEntry, IndexShape, PAGE_ENTRIES};
pub use section::{
    MAX_SLOTS, PRIVATE_SLOT_KINDS, SECTION_METADATA, SECTION_SLOT, SLOT_KIND_AGE, Section,
    sections_len,
};
pub use slot::{AgeSlot, age_slot};
pub use trailer::{TRAILER_LEN, TRAILER_MAGIC, Trailer};

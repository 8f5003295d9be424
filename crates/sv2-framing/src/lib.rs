//! The segment and frame layout of the `stream_v2` format, without any cipher.
//!
//! Sections 2 and 5 of `docs/format.md`: segment header, frame header, frame record, segment
//! footer, the offsets of all of them, and the algebra that joins checksums.
//! This crate knows no key and no file; what it decodes is *well formed*, never *authentic*.

#![doc = include_str!("../README.md")]
#![no_std]

mod decode;
mod encode;
mod error;
mod layout;
mod stream;
mod types;

pub use sv2_crc as crc;

pub use decode::{FrameRecord, decode_footer, decode_frame, decode_segment_header};
pub use encode::{encode_footer, encode_segment_header};
pub use error::FrameError;
pub use layout::{
    FRAME_CRC_LEN, FRAME_HEADER_LEN, FRAME_OVERHEAD, SEGMENT_HEADER_LEN, SegmentLayout, TAG_LEN,
    footer_len,
};
pub use stream::{PlaintextPosition, StreamLayout};
pub use types::{
    FrameHeader, FrameIndex, SEGMENT_KEYED_LEN, SEGMENT_MAGIC, SegmentFooter, SegmentHeader,
    SegmentIndex,
};

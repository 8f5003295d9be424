//! Whole `stream_v2` streams as pure state machines: opening, ranges, sealing, without IO.
//!
//! The sections of `docs/format.md` that speak of whole streams: 3, 4, 7, 8 and 9.
//! Nothing here reads a file, starts a thread, asks a clock or waits: the caller is told which
//! bytes are needed, brings them however it likes, and hands them in.

#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod error;
mod header;
mod key;
mod metadata;
mod object;
mod opened;
mod opening;
pub mod parts;
mod pieces;
mod pipe;
mod plaintext;
mod plan;
mod read_ahead;
mod sealing;
mod tail;

pub use error::{FormatError, Unit};
pub use header::{HeaderStart, KeyedHeader, NewHeader, check_slots, room_of, signed_in};
pub use key::{KeyRing, KeySource, fitting};
pub use metadata::{open_metadata, seal_metadata};
pub use object::ObjectCrc;
pub use opened::{OpenedStream, Page};
pub use opening::{Depth, Opening, OpeningOptions, Step};
pub use pipe::{PipeIndex, PipeIndexCheck};
pub use plaintext::Plaintext;
pub use plan::{FetchPolicy, PageState, Plan};
pub use read_ahead::ReadAhead;
pub use sealing::{Receipt, StreamSealer};
pub use tail::{IndexBuilder, copy_offset, fingerprint_of, judge_revision, judge_trailer};

//! What the fuzz targets do with an input: one function each, replayed by plain tests.
//!
//! The first byte of an input selects parameters, the rest is what a reader would get; for
//! [`differential`], [`salvage`] and [`scrub`] the input is a [script](script::case) that makes it.
//! A function panics where the engine breaks a promise: it accepts bytes that it would not write,
//! or releases plaintext that was never sealed.
//! All seeds hold [painted](sv2_testkit::paint) plaintext under one known key, so any other released
//! byte is a forgery.

mod change;
mod damaged;
mod decode;
mod differential;
mod opening;
mod parity;
mod parts;
pub mod script;
mod sections;
pub mod seeds;
mod segment;
mod stream;

pub use change::change_replay;
pub use damaged::{salvage, scrub};
pub use decode::{framing_decode, header_decode, tail_decode};
pub use differential::differential;
pub use opening::opening;
pub use parity::{parity_repair, parity_seeds};
pub use parts::parts_read;
pub use sections::{metadata_decode, slot_decode};
pub use segment::segment_decrypt;
pub use stream::stream_decrypt;

/// The body of a target.
pub type Body = fn(&[u8]) -> Verdict;

/// Every target's name and body.
pub const TARGETS: [(&str, Body); 14] = [
    ("framing_decode", framing_decode),
    ("header_decode", header_decode),
    ("tail_decode", tail_decode),
    ("segment_decrypt", segment_decrypt),
    ("stream_decrypt", stream_decrypt),
    ("differential", differential),
    ("salvage", salvage),
    ("scrub", scrub),
    ("metadata_decode", metadata_decode),
    ("slot_decode", slot_decode),
    ("change_replay", change_replay),
    ("parity_repair", parity_repair),
    ("opening", opening),
    ("parts_read", parts_read),
];

/// What the engine made of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of it was as the format demands.
    Accepted,
    /// A typed error.
    Refused,
}

impl Verdict {
    fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Accepted } else { Self::Refused }
    }
}

/// The stream key of all seeds.
pub const KEY: [u8; 32] = [0x42; 32];

/// The first byte as a selector, and the rest.
fn split(data: &[u8]) -> Option<(u8, &[u8])> {
    data.split_first().map(|(&selector, rest)| (selector, rest))
}

//! What a scrub or a verification found (format.md section 8.7).

use std::ops::Range;
use std::time::Duration;

use crate::Unit;

/// What is wrong with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Its checksum does not match its bytes.
    Checksum,
    /// Its checksum does not match, but with the key its bytes are authentic: a damaged checksum
    /// over good data.
    ChecksumOnly,
    /// Its bytes are consistent, but not authentic.
    Authentication,
    /// A field is not what its place demands.
    Malformed(&'static str),
    /// It differs from what another part of the stream says of it.
    Disagrees(&'static str),
    /// It is not there.
    Missing,
}

/// One damaged unit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The unit.
    pub unit: Unit,
    /// What is wrong with it.
    pub fault: Fault,
    /// Where it begins, in bytes from the start of the stream.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// The plaintext that it carries, as offsets into the whole plaintext; `None` where it
    /// carries none.
    pub plaintext: Option<Range<u64>>,
}

/// Everything that a scrub or a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamageMap {
    /// Whether a key authenticated what was read; without one only accidents are found.
    pub authenticated: bool,
    /// Whether the stream has a trailer.
    pub sealed: bool,
    /// Bytes of the stream.
    pub stream_len: u64,
    /// Plaintext bytes, as the trailer says, or as the segments that are there make likely.
    pub plaintext_len: u64,
    /// Segments that were looked at.
    pub segments: u64,
    /// Frames that were looked at.
    pub frames: u64,
    /// Plaintext bytes of a frame, for drawing.
    pub frame_size: u32,
    /// What is damaged, in the order of the stream.
    pub damages: Vec<Damage>,
    /// Time that it took.
    pub wall: Duration,
}

impl DamageMap {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty()
    }

    /// Plaintext bytes that lie in damaged units; damaged checksums over good data not counted.
    #[must_use]
    pub fn damaged_plaintext(&self) -> u64 {
        self.damages
            .iter()
            .filter(|damage| damage.fault != Fault::ChecksumOnly)
            .filter_map(|damage| damage.plaintext.as_ref())
            .map(|range| range.end - range.start)
            .sum()
    }
}

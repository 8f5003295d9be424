//! Positions and records of a segment (format.md section 5).

use core::fmt;

/// The first four bytes of every segment.
pub const SEGMENT_MAGIC: [u8; 4] = *b"SV2S";
/// Bytes of a segment header that are bound into the segment's key.
pub const SEGMENT_KEYED_LEN: usize = 56;

/// The number of a segment in its stream, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SegmentIndex(pub u64);

/// The number of a frame in its segment, from 0; below 2^14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FrameIndex(pub u16);

impl fmt::Display for SegmentIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a segment header says; its checksum is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The segment's number.
    pub index: SegmentIndex,
    /// Plaintext bytes of the segment, `1..=S`.
    pub plaintext_len: u32,
    /// Drawn when the segment was begun; one salt, one pass.
    pub salt: [u8; 24],
    /// The first eight bytes of the stream's commitment.
    pub stream_tag: [u8; 8],
}

impl SegmentHeader {
    /// The 56 bytes that are bound into the segment's key.
    #[must_use]
    pub fn keyed(&self) -> [u8; SEGMENT_KEYED_LEN] {
        let mut bytes = [0; SEGMENT_KEYED_LEN];
        bytes[0..4].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..16].copy_from_slice(&self.index.0.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.plaintext_len.to_be_bytes());
        bytes[24..48].copy_from_slice(&self.salt);
        bytes[48..56].copy_from_slice(&self.stream_tag);
        bytes
    }
}

/// The eight bytes before a frame's ciphertext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The frame's number in its segment.
    pub index: FrameIndex,
    /// Ciphertext bytes without the tag, `1..=F`.
    pub ciphertext_len: u32,
}

impl FrameHeader {
    /// The header's bytes; the one comparison by which a reader judges a frame header.
    #[must_use]
    pub fn encode(self) -> [u8; 8] {
        let [j0, j1] = self.index.0.to_be_bytes();
        let [l0, l1, l2, l3] = self.ciphertext_len.to_be_bytes();
        [0x01, 0x00, j0, j1, l0, l1, l2, l3]
    }
}

/// What stands behind the last frame of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFooter {
    /// The segment's digest; zero and not on the wire where the stream has none.
    pub digest: [u8; 32],
    /// Checksum of every earlier byte of the segment.
    pub crc: u64,
}

//! What goes into a segment worker and what comes out.

use bytes::{Bytes, BytesMut};
use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_headers::IndexEntry;

/// Plaintext of one segment.
#[derive(Debug, Clone)]
pub struct SegmentInput {
    /// The segment's number.
    pub index: SegmentIndex,
    /// Its plaintext, `1..=S` bytes; only the last segment of a stream may have fewer than S.
    pub plaintext: Bytes,
}

impl SegmentInput {
    /// Plaintext of segment number `segment`.
    #[must_use]
    pub fn new(segment: u64, plaintext: Bytes) -> Self {
        Self { index: SegmentIndex(segment), plaintext }
    }
}

/// One segment, ready for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedSegment {
    /// The segment's number.
    pub index: SegmentIndex,
    /// Bytes of plaintext, `1..=S`.
    pub plaintext_len: u32,
    /// The segment's wire bytes, header and footer included.
    pub wire: Bytes,
    /// What the stream's index must hold of it.
    pub entry: IndexEntry,
}

/// Wire bytes of one segment.
#[derive(Debug, Clone)]
pub struct SegmentWire {
    /// The segment's number as the caller counts it.
    pub index: SegmentIndex,
    /// Header, frames and footer.
    pub wire: Bytes,
    /// The segment's entry in the sealed index, where the caller has it; its checksum is not
    /// looked at.
    pub sealed: Option<IndexEntry>,
}

impl SegmentWire {
    /// Wire bytes of segment number `segment`, whose index entry is not known.
    #[must_use]
    pub fn new(segment: u64, wire: Bytes) -> Self {
        Self { index: SegmentIndex(segment), wire, sealed: None }
    }
}

/// One opened segment: every byte of plaintext was authenticated.
#[derive(Debug)]
pub struct DecryptedSegment {
    /// The segment's number.
    pub index: SegmentIndex,
    /// The salt it was sealed under.
    pub salt: [u8; 24],
    /// Its recomputed digest; zero where the stream has none.
    pub digest: [u8; 32],
    pub(crate) layout: SegmentLayout,
    pub(crate) buffer: BytesMut,
}

impl DecryptedSegment {
    /// Bytes of plaintext, `1..=S`.
    #[must_use]
    pub fn plaintext_len(&self) -> u32 {
        self.layout.plaintext_len()
    }

    /// The plaintext, frame by frame, without a copy.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.layout.plaintext_slots().map(|slot| &self.buffer[slot])
    }

    /// The plaintext in one piece, moved together inside the segment's own buffer.
    #[must_use]
    pub fn into_plaintext(mut self) -> Bytes {
        let mut end = 0;
        for slot in self.layout.plaintext_slots() {
            let len = slot.len();
            self.buffer.copy_within(slot, end);
            end += len;
        }
        self.buffer.truncate(end);
        self.buffer.freeze()
    }
}

//! Sealing a stream segment by segment, in any order and on any machine (format.md section 10).

use alloc::vec;
use alloc::vec::Vec;

use sv2_crypto::{Backend, RandomSource, StreamKey};
use sv2_framing::{SegmentIndex, StreamLayout};
use sv2_headers::{IndexEntry, Trailer};
use sv2_segment_worker::{EncryptSegmentWorker, SegmentCryptoContext};

use crate::{FormatError, IndexBuilder, KeyedHeader, NewHeader};

/// What the tail of a stream must hold of a segment that was sealed.
///
/// A segment that is sealed again has another salt and so another receipt; only the one of the
/// bytes that are in the stream makes a stream that opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The segment's number.
    pub segment: u64,
    /// Its plaintext bytes.
    pub plaintext_len: u32,
    /// Its entry in the index.
    pub entry: IndexEntry,
}

/// A new stream: its header is made, its segments are sealed as they come.
#[derive(Debug)]
pub struct StreamSealer {
    keyed: KeyedHeader,
    worker: EncryptSegmentWorker,
}

impl StreamSealer {
    /// Makes the header of a new stream; salts come from `random`.
    ///
    /// # Errors
    /// As [`KeyedHeader::create`].
    pub fn begin(
        key: &StreamKey,
        new: &NewHeader<'_>,
        random: &RandomSource,
        backend: Backend,
    ) -> Result<Self, FormatError> {
        let keyed = KeyedHeader::create(key, new, random)?;
        Ok(Self::under(keyed, random, backend))
    }

    /// A sealer under a header that exists already.
    #[must_use]
    pub fn under(keyed: KeyedHeader, random: &RandomSource, backend: Backend) -> Self {
        let key = keyed.segments_key();
        let context = SegmentCryptoContext::new(&keyed.header, key, backend, random.clone());
        Self { keyed, worker: EncryptSegmentWorker::new(context) }
    }

    /// The header: the first bytes of the stream.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.keyed.bytes
    }

    /// Lengths and offsets of the stream; segment `n` belongs at its
    /// [`segment_offset`](StreamLayout::segment_offset).
    #[must_use]
    pub fn layout(&self) -> StreamLayout {
        self.keyed.layout()
    }

    /// The header with its keys.
    #[must_use]
    pub fn keyed(&self) -> &KeyedHeader {
        &self.keyed
    }

    /// Who seals the segments.
    #[must_use]
    pub fn worker(&self) -> &EncryptSegmentWorker {
        &self.worker
    }

    /// Seals the plaintext that lies in the slots of `wire`, which has exactly the length of the
    /// segment: as [`StreamSealer::seal`] without a copy.
    ///
    /// # Errors
    /// As [`StreamSealer::seal`]; `wire` is then unspecified and must not be released.
    pub fn seal_in_place(
        &self,
        segment: u64,
        plaintext_len: u32,
        wire: &mut [u8],
    ) -> Result<Receipt, FormatError> {
        let entry = self
            .worker
            .encrypt_in_place(SegmentIndex(segment), plaintext_len, wire)
            .map_err(|error| FormatError::from_segment(&error, &self.layout()))?;
        Ok(Receipt { segment, plaintext_len, entry })
    }

    /// Seals the plaintext of one segment, from any thread and in any order: `1..=S` bytes, and
    /// fewer than `S` only in the last segment of the stream.
    ///
    /// # Errors
    /// `Misuse` for a plaintext that no segment has, `Malformed` for a number that no stream has;
    /// `Crypto`.
    pub fn seal(&self, segment: u64, plaintext: &[u8]) -> Result<(Vec<u8>, Receipt), FormatError> {
        let layout = self.worker.context().layout(plaintext.len() as u64);
        let layout = layout.ok_or(FormatError::Misuse("no segment has so many bytes"))?;
        let mut wire = vec![0; layout.wire_len()];
        let mut rest = plaintext;
        for slot in layout.plaintext_slots() {
            let (part, more) = rest.split_at(slot.len());
            wire[slot].copy_from_slice(part);
            rest = more;
        }
        let receipt = self.seal_in_place(segment, layout.plaintext_len(), &mut wire)?;
        Ok((wire, receipt))
    }

    /// The tail of the stream whose segments have these receipts, which may come in any order.
    ///
    /// # Errors
    /// `Receipt` for the first segment that is missing, has two receipts, or is short without
    /// being the last.
    pub fn finish(&self, mut receipts: Vec<Receipt>) -> Result<(Vec<u8>, Trailer), FormatError> {
        receipts.sort_by_key(|receipt| receipt.segment);
        let full = self.layout().geometry.segment_size();
        let mut index = IndexBuilder::new(self.layout().digest);
        for (segment, receipt) in (0..).zip(&receipts) {
            let what = match receipt.segment {
                found if found > segment => "a receipt is missing for",
                found if found < segment => "there are two receipts for",
                _ if index.plaintext_len() < segment * full => "a short segment comes before",
                _ => {
                    index.push(&receipt.entry, receipt.plaintext_len);
                    continue;
                }
            };
            return Err(FormatError::Receipt { what, segment: segment.min(receipt.segment) });
        }
        Ok(index.into_tail(&self.keyed, 0))
    }
}

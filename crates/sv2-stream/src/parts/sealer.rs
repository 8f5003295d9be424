//! A machine that seals parts.

use alloc::vec;
use alloc::vec::Vec;

use sv2_crypto::{Backend, RandomSource, SegmentsKey};
use sv2_framing::{SegmentIndex, StreamLayout};
use sv2_segment_worker::{EncryptSegmentWorker, SegmentCryptoContext};

use crate::parts::{PartReceipt, PartSpec, PartsError, PartsPlan, SourcePin};
use crate::{FormatError, Receipt};

/// Seals parts of a planned stream, from any thread and in any order, with the key of its segments
/// alone.
#[derive(Debug)]
pub struct PartSealer {
    plan: PartsPlan,
    key: SegmentsKey,
    worker: EncryptSegmentWorker,
}

impl PartSealer {
    /// Reads a plan; the source must still be the one that it was made for.
    ///
    /// # Errors
    /// `ForeignPlan` where the plan is not authentic under this key, `SourceChanged`.
    pub fn open(
        plan: &[u8],
        key: SegmentsKey,
        source: &SourcePin,
        backend: Backend,
        random: &RandomSource,
    ) -> Result<Self, PartsError> {
        let (plan, header) = PartsPlan::open(plan, &key)?;
        if *source != plan.source {
            return Err(PartsError::SourceChanged);
        }
        let context_key = SegmentsKey::from_slice(key.expose()).ok_or(PartsError::ForeignPlan)?;
        let context = SegmentCryptoContext::new(&header, context_key, backend, random.clone());
        Ok(Self { plan, key, worker: EncryptSegmentWorker::new(context) })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &PartsPlan {
        &self.plan
    }

    /// Lengths and offsets of the stream.
    #[must_use]
    pub fn layout(&self) -> StreamLayout {
        self.plan.table.layout
    }

    /// Seals one segment of a part; its bytes follow those of the segment before it in the part,
    /// and those of the first segment of part 1 follow the header.
    ///
    /// # Errors
    /// `NoSuchPart`; `Segments` where the segment is not one of the part, or its plaintext has
    /// another length than planned; `Format` with `Crypto`.
    pub fn seal_segment(
        &self,
        part: u32,
        segment: u64,
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Receipt), PartsError> {
        let spec = self.plan.part(part)?;
        let number = SegmentIndex(segment);
        let layout = self.layout().segment_layout(self.plan.table.plaintext_len, number);
        let layout = layout
            .filter(|layout| layout.plaintext_len() as usize == plaintext.len())
            .filter(|_| spec.segments.contains(&segment))
            .ok_or(PartsError::Segments { part, segment })?;
        let mut wire = vec![0; layout.wire_len()];
        let mut rest = plaintext;
        for slot in layout.plaintext_slots() {
            let (here, more) = rest.split_at(slot.len());
            wire[slot].copy_from_slice(here);
            rest = more;
        }
        let plaintext_len = layout.plaintext_len();
        let entry = self
            .worker
            .encrypt_in_place(number, plaintext_len, &mut wire)
            .map_err(|error| FormatError::from_segment(&error, &self.layout()))?;
        Ok((wire, Receipt { segment, plaintext_len, entry }))
    }

    /// Seals a whole part from its plaintext, and returns its wire bytes, which are to be stored,
    /// with their receipt.
    ///
    /// # Errors
    /// As [`PartSealer::seal_segment`].
    pub fn seal_part(
        &self,
        part: u32,
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, PartReceipt), PartsError> {
        let spec = self.plan.part(part)?;
        let (segments, wanted) = (spec.segments.clone(), spec.plaintext.end - spec.plaintext.start);
        if plaintext.len() as u64 != wanted {
            let full = plaintext.len() as u64 / self.layout().geometry.segment_size();
            let segment = (segments.start + full).min(segments.end - 1);
            return Err(PartsError::Segments { part, segment });
        }
        let mut wire = Vec::with_capacity((spec.wire.end - spec.wire.start) as usize);
        if part == 1 {
            wire.extend_from_slice(self.plan.header());
        }
        let mut receipts = Vec::new();
        let pieces = plaintext.chunks(self.layout().geometry.segment_size() as usize);
        for (segment, piece) in segments.zip(pieces) {
            let (sealed, receipt) = self.seal_segment(part, segment, piece)?;
            wire.extend_from_slice(&sealed);
            receipts.push(receipt);
        }
        Ok((wire, self.receipt(part, receipts)?))
    }

    /// The receipt of a part whose segments have these receipts, in any order.
    ///
    /// # Errors
    /// `NoSuchPart`; `Segments` for the first segment that is missing, there twice, or of another
    /// part.
    pub fn receipt(
        &self,
        part: u32,
        mut receipts: Vec<Receipt>,
    ) -> Result<PartReceipt, PartsError> {
        let PartSpec { segments, .. } = self.plan.part(part)?;
        receipts.sort_by_key(|receipt| receipt.segment);
        let wrong = |segment| PartsError::Segments { part, segment };
        for (segment, receipt) in segments.clone().zip(&receipts) {
            if receipt.segment != segment {
                return Err(wrong(segment.min(receipt.segment)));
            }
        }
        let found = segments.start + receipts.len() as u64;
        if found != segments.end {
            return Err(wrong(found.min(segments.end)));
        }
        let entries = receipts.into_iter().map(|receipt| receipt.entry).collect();
        Ok(PartReceipt { part, plan: self.plan.id, entries, stored_as: Vec::new() })
    }

    /// The bytes of a receipt, for whoever finishes the stream; they hold no secret.
    #[must_use]
    pub fn encode(&self, receipt: &PartReceipt) -> Vec<u8> {
        receipt.encode(self.layout().digest, &self.key)
    }
}

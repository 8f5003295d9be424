//! What a machine gives for a part that it sealed and stored.

use alloc::vec::Vec;

use sv2_crypto::SegmentsKey;
use sv2_framing::crc::{CRC_LEN, combine, crc64};
use sv2_headers::{DigestAlg, IndexEntry};

use crate::parts::{PartSpec, PartsError, PartsPlan};

/// The first bytes of a receipt.
const MAGIC: [u8; 8] = *b"SV2RCPT\n";
const HEAD_LEN: usize = 8 + 4 + 2 + 2 + 32;
const MAC_LEN: usize = 32;

/// What the tail must know of a part, and by what the store knows its bytes.
///
/// Its size is that of the part's entries in the index, and about 100 bytes more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartReceipt {
    pub(super) part: u32,
    pub(super) plan: [u8; 32],
    pub(super) entries: Vec<IndexEntry>,
    pub(super) stored_as: Vec<u8>,
}

impl PartReceipt {
    /// The part's number.
    #[must_use]
    pub fn part(&self) -> u32 {
        self.part
    }

    /// What the store called the bytes, an ETag for example; empty where it called them nothing.
    #[must_use]
    pub fn stored_as(&self) -> &[u8] {
        &self.stored_as
    }

    /// The same receipt for bytes that a store calls so; at most 65,535 bytes.
    #[must_use]
    pub fn with_stored_as(self, stored_as: impl Into<Vec<u8>>) -> Self {
        Self { stored_as: stored_as.into(), ..self }
    }

    /// CRC-64/NVME of the part's wire bytes, from those of its segments.
    ///
    /// # Errors
    /// `NoSuchPart` and `Segments` where the receipt is not of this plan.
    pub fn crc64(&self, plan: &PartsPlan) -> Result<u64, PartsError> {
        let spec = plan.part(self.part)?;
        let mut crc = match self.part {
            1 => crc64(plan.header()),
            _ => crc64(&[]),
        };
        for (segment, entry) in spec.segments.clone().zip(&self.entries) {
            let layout = plan.table.layout;
            let number = sv2_framing::SegmentIndex(segment);
            let segment_layout = layout.segment_layout(plan.table.plaintext_len, number);
            let wrong = PartsError::Segments { part: self.part, segment };
            let len = segment_layout.ok_or(wrong)?.wire_len() as u64;
            let whole = combine(entry.crc, crc64(&entry.crc.to_be_bytes()), CRC_LEN as u64);
            crc = combine(crc, whole, len);
        }
        Ok(crc)
    }

    /// The most bytes of a receipt of so many segments.
    pub(super) fn max_len(segments: u64, digest: DigestAlg) -> u64 {
        let entries = segments.saturating_mul(IndexEntry::len(digest) as u64);
        entries.saturating_add((HEAD_LEN + usize::from(u16::MAX) + MAC_LEN) as u64)
    }

    /// The receipt's bytes, authentic under a key that follows from `K_segments`.
    #[must_use]
    pub(super) fn encode(&self, digest: DigestAlg, key: &SegmentsKey) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.part.to_be_bytes());
        bytes.extend_from_slice(&(self.stored_as.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&self.plan);
        bytes.extend_from_slice(&self.stored_as);
        for entry in &self.entries {
            entry.encode(digest, &mut bytes);
        }
        let mac = key.parts_key().sign(&[&bytes]);
        bytes.extend_from_slice(&mac);
        bytes
    }

    /// Reads a receipt that is authentic and of this plan.
    pub(super) fn open(
        bytes: &[u8],
        plan: &PartsPlan,
        key: &SegmentsKey,
    ) -> Result<Self, PartsError> {
        let part =
            bytes.get(8..12).and_then(|part| part.try_into().ok()).map_or(0, u32::from_be_bytes);
        let altered = || PartsError::AlteredReceipt { part };
        let (content, mac) = bytes.split_last_chunk::<MAC_LEN>().ok_or_else(altered)?;
        let (head, rest) = content.split_at_checked(HEAD_LEN).ok_or_else(altered)?;
        // A receipt of another stream's plan is told apart from one that was altered, which costs
        // an attacker nothing that he could not say otherwise.
        if head[..8] == MAGIC && head[16..48] != plan.id {
            return Err(PartsError::ForeignReceipt { part });
        }
        key.parts_key().verify(content, mac).map_err(|_| altered())?;
        if head[..8] != MAGIC || head[14..16] != [0; 2] {
            return Err(altered());
        }
        let named_len = usize::from(u16::from_be_bytes([head[12], head[13]]));
        let (stored_as, entries) = rest.split_at_checked(named_len).ok_or_else(altered)?;
        let spec: PartSpec = plan.part(part)?;
        let digest = plan.table.layout.digest;
        let found = entries.len() / IndexEntry::len(digest);
        let wanted = spec.segments.end - spec.segments.start;
        if entries.len() % IndexEntry::len(digest) != 0 || found as u64 != wanted {
            return Err(PartsError::Segments { part, segment: spec.segments.start });
        }
        let entries = entries
            .chunks_exact(IndexEntry::len(digest))
            .map(|entry| IndexEntry::decode(digest, entry).map_err(|_| altered()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { part, plan: plan.id, entries, stored_as: stored_as.to_vec() })
    }
}

//! Whoever plans a stream of parts and finishes it.

use alloc::vec::Vec;

use sv2_crypto::{RandomSource, SegmentsKey, StreamKey};
use sv2_framing::crc::{combine, crc64};
use sv2_headers::Trailer;

use crate::parts::table::Table;
use crate::parts::{PartReceipt, PartRule, PartsError, PartsPlan, SourcePin};
use crate::{IndexBuilder, KeyRing, KeyedHeader, NewHeader, Unit};

/// A stream of parts with its keys.
#[derive(Debug)]
pub struct Coordinator {
    keyed: KeyedHeader,
    plan: PartsPlan,
}

/// What a store says of a part that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredPart {
    /// The part's number.
    pub part: u32,
    /// What the store calls its bytes, an ETag for example; `None` where it calls them nothing.
    pub stored_as: Option<Vec<u8>>,
    /// CRC-64/NVME of its bytes, where the store computed one.
    pub crc64: Option<u64>,
}

impl StoredPart {
    /// A part that a store knows by this name.
    #[must_use]
    pub fn named(part: u32, stored_as: impl Into<Vec<u8>>) -> Self {
        Self { part, stored_as: Some(stored_as.into()), crc64: None }
    }

    /// A part of which its checksum is known.
    #[must_use]
    pub fn checked(part: u32, crc64: u64) -> Self {
        Self { part, stored_as: None, crc64: Some(crc64) }
    }

    /// The same with the checksum that the store computed.
    #[must_use]
    pub fn crc64(self, crc64: u64) -> Self {
        Self { crc64: Some(crc64), ..self }
    }

    /// Whether the bytes are those of the receipt, as far as the store told; one that told nothing
    /// has none.
    fn is_of(&self, receipt: &PartReceipt, plan: &PartsPlan) -> Result<bool, PartsError> {
        let named = self.stored_as.as_ref().map(|name| *name == receipt.stored_as);
        let checked = self.crc64.map(|crc| receipt.crc64(plan).map(|own| own == crc));
        let checked = checked.transpose()?;
        Ok(named.unwrap_or(true) && checked.unwrap_or(true) && (named, checked) != (None, None))
    }
}

/// The end of a stream of parts: what is left to store, and what completes the object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The last part: the tail of the stream.
    pub tail: Vec<u8>,
    /// Its number.
    pub tail_part: u32,
    /// All parts before it with what the store calls them, in order.
    pub parts: Vec<(u32, Vec<u8>)>,
    /// CRC-64/NVME of the whole object.
    pub crc64: u64,
    /// Bytes of the whole object.
    pub len: u64,
    /// The stream's fingerprint.
    pub fingerprint: [u8; 32],
    /// What the tail says.
    pub trailer: Trailer,
}

impl Coordinator {
    /// Draws a header and plans the parts.
    ///
    /// # Errors
    /// `Format` as [`KeyedHeader::create`]; `NoCut` where the plaintext is too short or too long
    /// for the rule, or the tag of the source has more than 65,535 bytes.
    pub fn plan(
        key: &StreamKey,
        new: &NewHeader<'_>,
        source: SourcePin,
        rule: &PartRule,
        random: &RandomSource,
    ) -> Result<Self, PartsError> {
        let plaintext_len = source.len;
        if u16::try_from(source.tag.len()).is_err() {
            return Err(PartsError::NoCut { plaintext_len, why: "its tag is too long" });
        }
        let keyed = KeyedHeader::create(key, new, random)?;
        let table = Table::cut(keyed.layout(), plaintext_len, rule)?;
        let (header, key) = (keyed.bytes.clone(), keyed.segments_key());
        let plan = PartsPlan::new(source, table, rule.min_len, header, &key);
        Ok(Self { keyed, plan })
    }

    /// Goes on with a plan, after a restart for example.
    ///
    /// # Errors
    /// `Format` where the header does not open, `ForeignPlan` where the plan is not authentic.
    pub fn reopen(plan: &[u8], ring: &mut KeyRing<'_>) -> Result<Self, PartsError> {
        let header = PartsPlan::header_in(plan).ok_or(PartsError::ForeignPlan)?;
        let keyed = KeyedHeader::open(header.to_vec(), ring, Unit::Header, 0)?;
        let (plan, _) = PartsPlan::open(plan, &keyed.segments_key())?;
        Ok(Self { keyed, plan })
    }

    /// The plan.
    #[must_use]
    pub fn parts_plan(&self) -> &PartsPlan {
        &self.plan
    }

    /// The one secret that a machine needs to seal parts (F-406). It opens every segment: hand it
    /// out wrapped, and never inside what an engine logs, pickles or shows.
    #[must_use]
    pub fn segments_key(&self) -> SegmentsKey {
        self.keyed.segments_key()
    }

    /// Judges a receipt before it is kept with others, and says of which part it is.
    ///
    /// # Errors
    /// `AlteredReceipt`, `ForeignReceipt`, `NoSuchPart` and `Segments`, as [`Coordinator::finish`].
    pub fn judge_receipt(&self, receipt: &[u8]) -> Result<u32, PartsError> {
        let receipt = PartReceipt::open(receipt, &self.plan, &self.keyed.segments_key())?;
        Ok(receipt.part)
    }

    /// The most bytes of a receipt of this plan.
    #[must_use]
    pub fn max_receipt_len(&self) -> u64 {
        // All parts have as many segments as the first, but for the last one.
        let ends = [1, self.plan.parts()].into_iter().filter_map(|part| self.plan.part(part).ok());
        let segments = ends.map(|spec| spec.segments.end - spec.segments.start).max().unwrap_or(0);
        PartReceipt::max_len(segments, self.keyed.header.digest)
    }

    /// Makes the tail from the receipts of all parts and from what the store holds.
    ///
    /// Receipts come in any order, and of any number of attempts; of those of a part the one
    /// counts whose bytes the store holds.
    ///
    /// # Errors
    /// `AlteredReceipt` and `ForeignReceipt` for one that is not of this plan; then of the first
    /// part that is not in order `MissingReceipt`, `NotStored`, `StaleReceipt`,
    /// `AmbiguousReceipt`; `NoSuchPart` for what the store holds besides.
    pub fn finish(
        &self,
        receipts: &[impl AsRef<[u8]>],
        stored: &[StoredPart],
    ) -> Result<Finished, PartsError> {
        let key = self.keyed.segments_key();
        let receipts = receipts
            .iter()
            .map(|bytes| PartReceipt::open(bytes.as_ref(), &self.plan, &key))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = stored.iter().find(|stored| self.plan.part(stored.part).is_err()) {
            return Err(PartsError::NoSuchPart { part: other.part });
        }
        let layout = self.keyed.layout();
        let mut index = IndexBuilder::new(layout.digest);
        let (mut parts, mut crc) = (Vec::new(), crc64(&[]));
        for part in 1..=self.plan.parts() {
            let receipt = self.chosen(part, &receipts, stored)?;
            let spec = self.plan.part(part)?;
            crc = combine(crc, receipt.crc64(&self.plan)?, spec.wire.end - spec.wire.start);
            for (segment, entry) in spec.segments.zip(&receipt.entries) {
                let number = sv2_framing::SegmentIndex(segment);
                let len = layout.segment_plaintext_len(self.plan.source.len, number);
                index.push(entry, len.ok_or(PartsError::Segments { part, segment })?);
            }
            parts.push((part, receipt.stored_as.clone()));
        }
        let (tail, trailer) = index.into_tail(&self.keyed, 0);
        let len = layout.tail_offset(trailer.plaintext_len) + tail.len() as u64;
        Ok(Finished {
            crc64: combine(crc, crc64(&tail), tail.len() as u64),
            tail,
            tail_part: self.plan.parts() + 1,
            parts,
            len,
            fingerprint: self.keyed.fingerprint(&trailer),
            trailer,
        })
    }

    /// The receipt of the attempt whose bytes the store holds.
    fn chosen<'r>(
        &self,
        part: u32,
        receipts: &'r [PartReceipt],
        stored: &[StoredPart],
    ) -> Result<&'r PartReceipt, PartsError> {
        let mut of_part = receipts.iter().filter(|receipt| receipt.part == part).peekable();
        if of_part.peek().is_none() {
            return Err(PartsError::MissingReceipt { part });
        }
        let mut held = stored.iter().filter(|stored| stored.part == part);
        let (Some(held), None) = (held.next(), held.next()) else {
            return Err(PartsError::NotStored { part });
        };
        let mut chosen: Option<&PartReceipt> = None;
        for receipt in of_part {
            if !held.is_of(receipt, &self.plan)? {
                continue;
            }
            match chosen {
                // The same receipt may have been delivered twice.
                Some(other) if other != receipt => {
                    return Err(PartsError::AmbiguousReceipt { part });
                }
                _ => chosen = Some(receipt),
            }
        }
        chosen.ok_or(PartsError::StaleReceipt { part })
    }
}

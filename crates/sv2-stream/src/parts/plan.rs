//! The plan that every machine of a job has: no secret, and authentic to whoever has `K_segments`.

use alloc::vec::Vec;

use sv2_crypto::SegmentsKey;
use sv2_framing::StreamLayout;
use sv2_headers::StreamHeader;

use crate::parts::table::Table;
use crate::parts::{PartSpec, PartsError};

/// The first bytes of a plan.
const MAGIC: [u8; 8] = *b"SV2PLAN\n";
/// Its version.
const VERSION: u16 = 1;
/// Bytes before the pin: magic, version, its length, segments in a part, shortest part, plaintext.
const HEAD_LEN: usize = 8 + 2 + 2 + 8 + 8 + 8;
const MAC_LEN: usize = 32;

/// What tells whether a source is still the one that was planned for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePin {
    /// Bytes of the source.
    pub len: u64,
    /// An ETag, a version or a time of change, as the caller spells it; at most 65,535 bytes.
    pub tag: Vec<u8>,
}

impl SourcePin {
    /// A source of so many bytes, known by this tag.
    #[must_use]
    pub fn new(len: u64, tag: impl Into<Vec<u8>>) -> Self {
        Self { len, tag: tag.into() }
    }
}

/// What is to be sealed, and by which parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartsPlan {
    pub(super) source: SourcePin,
    pub(super) table: Table,
    pub(super) min_len: u64,
    pub(super) header_bytes: Vec<u8>,
    /// The MAC of the plan, which receipts name it by.
    pub(super) id: [u8; MAC_LEN],
}

impl PartsPlan {
    pub(super) fn new(
        source: SourcePin,
        table: Table,
        min_len: u64,
        header_bytes: Vec<u8>,
        key: &SegmentsKey,
    ) -> Self {
        let mut plan = Self { source, table, min_len, header_bytes, id: [0; MAC_LEN] };
        plan.id = key.parts_key().sign(&[&plan.content()]);
        plan
    }

    /// The plan's bytes; they hold no secret.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.content();
        bytes.extend_from_slice(&self.id);
        bytes
    }

    fn content(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        // The coordinator refuses longer tags.
        bytes.extend_from_slice(&(self.source.tag.len() as u16).to_be_bytes());
        for number in [self.table.per_part, self.min_len, self.source.len] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.source.tag);
        bytes.extend_from_slice(&self.header_bytes);
        bytes
    }

    /// Reads a plan that is authentic under this key, and the header in it.
    pub(super) fn open(
        bytes: &[u8],
        key: &SegmentsKey,
    ) -> Result<(Self, StreamHeader), PartsError> {
        let content = bytes.split_last_chunk::<MAC_LEN>();
        let (content, id) = content.ok_or(PartsError::ForeignPlan)?;
        key.parts_key().verify(content, id).map_err(|_| PartsError::ForeignPlan)?;
        Self::decode(content, *id).ok_or(PartsError::ForeignPlan)
    }

    /// Reads a plan that nobody has judged, for whoever scrubs parts and has no key: what it says is
    /// a claim.
    ///
    /// # Errors
    /// `ForeignPlan` where the bytes cannot be those of a plan.
    pub fn claimed(bytes: &[u8]) -> Result<Self, PartsError> {
        let (content, id) = bytes.split_last_chunk::<MAC_LEN>().ok_or(PartsError::ForeignPlan)?;
        Self::decode(content, *id).map(|(plan, _)| plan).ok_or(PartsError::ForeignPlan)
    }

    /// Whether a plan is authentic under this key.
    #[must_use]
    pub fn is_of(bytes: &[u8], key: &SegmentsKey) -> bool {
        Self::open(bytes, key).is_ok()
    }

    /// Lengths and offsets of the stream.
    #[must_use]
    pub fn layout(&self) -> StreamLayout {
        self.table.layout
    }

    /// Reads the content of a plan, which whoever trusts it has authenticated.
    fn decode(content: &[u8], id: [u8; MAC_LEN]) -> Option<(Self, StreamHeader)> {
        let (head, rest) = content.split_at_checked(HEAD_LEN)?;
        let be_u64 = |at: usize| {
            head.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes)
        };
        if head[..8] != MAGIC || head[8..10] != VERSION.to_be_bytes() {
            return None;
        }
        let tag_len = usize::from(u16::from_be_bytes([head[10], head[11]]));
        let (per_part, min_len, len) = (be_u64(12)?, be_u64(20)?, be_u64(28)?);
        let (tag, header_bytes) = rest.split_at_checked(tag_len)?;
        let header = StreamHeader::decode(header_bytes).ok()?;
        let layout = StreamLayout {
            geometry: header.geometry,
            digest: header.digest,
            header_len: header.header_len,
        };
        if per_part == 0 || len > header.geometry.max_plaintext_len() {
            return None;
        }
        let table = Table::with(layout, len, per_part, min_len)?;
        let source = SourcePin::new(len, tag);
        Some((Self { source, table, min_len, header_bytes: header_bytes.to_vec(), id }, header))
    }

    /// The bytes of the stream's header in the bytes of a plan that nobody has judged yet, for
    /// whoever opens its slots.
    #[must_use]
    pub fn header_in(bytes: &[u8]) -> Option<&[u8]> {
        let content = bytes.split_last_chunk::<MAC_LEN>()?.0;
        let tag_len = content.get(10..12).map(|len| u16::from_be_bytes([len[0], len[1]]))?;
        content.get(HEAD_LEN + usize::from(tag_len)..)
    }

    /// The source that the plan was made for.
    #[must_use]
    pub fn source(&self) -> &SourcePin {
        &self.source
    }

    /// The stream's header, with which part 1 begins.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header_bytes
    }

    /// The number of parts with segments, which are numbered from 1; the tail is one more.
    #[must_use]
    pub fn parts(&self) -> u32 {
        self.table.parts()
    }

    /// A part.
    ///
    /// # Errors
    /// `NoSuchPart`.
    pub fn part(&self, number: u32) -> Result<PartSpec, PartsError> {
        self.table.part(number).ok_or(PartsError::NoSuchPart { part: number })
    }
}

//! Where a stream is cut into parts.

use core::ops::Range;

use sv2_framing::{SegmentIndex, StreamLayout};
use sv2_headers::{DigestAlg, Geometry, IndexEntry};

use crate::parts::PartsError;

/// The index of a stream whose geometry [`geometry_for`] chose takes at most this many bytes,
/// which whoever finishes it holds in memory.
const MAX_INDEX_LEN: u64 = 64 << 20;

/// What a store takes for parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartRule {
    /// The fewest bytes of every part but the last.
    pub min_len: u64,
    /// The most bytes of a part.
    pub max_len: u64,
    /// The most parts, the tail among them.
    pub max_parts: u32,
    /// Bytes that a part should have, where that many parts are allowed.
    pub wanted_len: u64,
}

impl PartRule {
    /// Amazon S3 and what follows it: 5 MiB to 5 GiB, at most 10,000 parts; 64 MiB are wanted.
    /// Stores that want parts of equal length cannot be served (format.md section 17).
    #[must_use]
    pub const fn s3() -> Self {
        Self { min_len: 5 << 20, max_len: 5 << 30, max_parts: 10_000, wanted_len: 64 << 20 }
    }

    /// The same, but with another wanted length.
    #[must_use]
    pub const fn wanted_len(self, wanted_len: u64) -> Self {
        Self { wanted_len, ..self }
    }

    /// The same, but with other bounds on the length of a part.
    #[must_use]
    pub const fn bounds(self, min_len: u64, max_len: u64) -> Self {
        Self { min_len, max_len, ..self }
    }

    /// The same, but with another maximum of parts.
    #[must_use]
    pub const fn max_parts(self, max_parts: u32) -> Self {
        Self { max_parts, ..self }
    }
}

/// A part of a stream; ranges are in bytes from the start of plaintext and stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartSpec {
    /// Its number, from 1.
    pub number: u32,
    /// Its segments.
    pub segments: Range<u64>,
    /// Their plaintext.
    pub plaintext: Range<u64>,
    /// Its wire bytes: those of its segments, and of the header in part 1.
    pub wire: Range<u64>,
}

/// The geometry by which the index of so much plaintext stays under 64 MiB: the standard one, or
/// the next with segments large enough.
#[must_use]
pub fn geometry_for(plaintext_len: u64, digest: DigestAlg) -> Geometry {
    let standard = Geometry::STANDARD;
    let frame_log2 = standard.frame_size().trailing_zeros() as u8;
    let first = (standard.segment_size() / u64::from(standard.frame_size())).trailing_zeros() as u8;
    let small_enough = |geometry: &Geometry| {
        let segments = geometry.segment_count(plaintext_len.min(geometry.max_plaintext_len()));
        segments.saturating_mul(IndexEntry::len(digest) as u64) <= MAX_INDEX_LEN
    };
    let larger = (first..=u8::MAX).map_while(|log2| Geometry::new(frame_log2, log2).ok());
    let mut last = standard;
    for geometry in larger {
        last = geometry;
        if small_enough(&geometry) {
            break;
        }
    }
    last
}

/// A stream's layout with the number of segments in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) layout: StreamLayout,
    pub(super) plaintext_len: u64,
    pub(super) per_part: u64,
    parts: u32,
}

impl Table {
    /// Cuts by a rule.
    pub(super) fn cut(
        layout: StreamLayout,
        plaintext_len: u64,
        rule: &PartRule,
    ) -> Result<Self, PartsError> {
        let refused = |why| PartsError::NoCut { plaintext_len, why };
        if plaintext_len > layout.geometry.max_plaintext_len() {
            return Err(refused("segments of this size cannot hold it"));
        }
        let segments = layout.geometry.segment_count(plaintext_len);
        let full = layout.full_segment_len();
        // The tail is a part too.
        let most = u64::from(rule.max_parts.saturating_sub(1)).max(1);
        let per_part = (rule.wanted_len / full)
            .max(rule.min_len.div_ceil(full))
            .max(segments.div_ceil(most))
            .max(1);
        let table = Self::with(layout, plaintext_len, per_part, rule.min_len)
            .ok_or(refused("it is too short for a part, so that one call should seal it"))?;
        // The first part has the header and the last one what is left; all others are like the
        // first without it.
        let too_long = |part: PartSpec| part.wire.end - part.wire.start > rule.max_len;
        if [1, table.parts].into_iter().filter_map(|part| table.part(part)).any(too_long) {
            return Err(refused("a part would be too long for the rule"));
        }
        Ok(table)
    }

    /// Parts of so many segments each; what is left behind them and is too short for a part is
    /// part of the last one, since the tail comes behind it and only it may be short. `None` where all of it is too short.
    pub(super) fn with(
        layout: StreamLayout,
        plaintext_len: u64,
        per_part: u64,
        min_len: u64,
    ) -> Option<Self> {
        let segments = layout.geometry.segment_count(plaintext_len);
        // The last part is as long as its last segment lets it be, however many it has.
        let parts = segments.div_ceil(per_part);
        let before = parts.saturating_sub(1) * per_part;
        let before_len = before.checked_mul(layout.full_segment_len())?;
        let last_len = layout.segments_len(plaintext_len).saturating_sub(before_len);
        let parts = match parts {
            0 => return None,
            1 if layout.tail_offset(plaintext_len) < min_len => return None,
            1 => 1,
            parts if last_len < min_len => parts - 1,
            parts => parts,
        };
        Some(Self { layout, plaintext_len, per_part, parts: u32::try_from(parts).ok()? })
    }

    /// Parts with segments; the tail is one more.
    pub(super) fn parts(&self) -> u32 {
        self.parts
    }

    pub(super) fn part(&self, number: u32) -> Option<PartSpec> {
        if number == 0 || number > self.parts {
            return None;
        }
        let first = u64::from(number - 1) * self.per_part;
        let segments = self.layout.geometry.segment_count(self.plaintext_len);
        let end = if number == self.parts { segments } else { first + self.per_part };
        let plaintext_at =
            |segment| self.layout.plaintext_offset(SegmentIndex(segment)).min(self.plaintext_len);
        let wire_end = match end == segments {
            true => self.layout.tail_offset(self.plaintext_len),
            false => self.layout.segment_offset(SegmentIndex(end)),
        };
        let wire_start = match number {
            1 => 0,
            _ => self.layout.segment_offset(SegmentIndex(first)),
        };
        Some(PartSpec {
            number,
            segments: first..end,
            plaintext: plaintext_at(first)..plaintext_at(end),
            wire: wire_start..wire_end,
        })
    }
}

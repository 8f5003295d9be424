//! What is known of a damaged stream, and where its segments may be.

use std::collections::BTreeMap;

use sv2_framing::{SegmentHeader, SegmentIndex};
use sv2_headers::{IndexEntry, PAGE_ENTRIES};

use crate::StreamError;
use crate::header::KeyedHeader;
use crate::salvage::Salt;

/// How often each byte of the source may be read on behalf of frames: a damaged stream has no
/// more than five places for each segment, and a forger can have each header claim the same bytes.
const FRAME_READS: u64 = 8;

/// A segment whose header was found, with a checksum that holds.
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) header: SegmentHeader,
}

/// What is known of a damaged stream before its frames are tried.
pub(crate) struct Map {
    pub(crate) keyed: KeyedHeader,
    pub(crate) sealed: bool,
    pub(crate) plaintext_len: u64,
    /// Pages of the index by number; those that fail are absent.
    pages: BTreeMap<u64, Vec<u8>>,
    /// Segments by number; those whose header is damaged are absent.
    found: BTreeMap<u64, Found>,
    /// Where headers were found, in order; only where they are so many that segments are not
    /// looked for at every place where they may be.
    crowd: Option<Vec<u64>>,
}

impl Map {
    /// Puts together what was found in a source of `source_len` bytes.
    pub(crate) fn new(
        keyed: KeyedHeader,
        sealed_len: Option<u64>,
        pages: BTreeMap<u64, Vec<u8>>,
        found: BTreeMap<u64, Found>,
        source_len: u64,
    ) -> Self {
        let (sealed, plaintext_len) = (sealed_len.is_some(), sealed_len.unwrap_or_default());
        let mut map = Self { keyed, sealed, plaintext_len, pages, found, crowd: None };
        map.end_with_last_found();
        map.look_for_crowd(source_len);
        map
    }

    pub(crate) fn segments(&self) -> u64 {
        self.keyed.header.geometry.segment_count(self.plaintext_len)
    }

    /// Without a seal, forgets what was found behind the last segment of which `opens` says that
    /// something opens: a header alone proves nothing, and the end of the output follows from it.
    pub(crate) fn end_with_last_that(
        &mut self,
        mut opens: impl FnMut(&Self, u64) -> Result<bool, StreamError>,
    ) -> Result<(), StreamError> {
        while !self.sealed
            && let Some((&last, _)) = self.found.last_key_value()
            && !opens(self, last)?
        {
            self.found.remove(&last);
            self.end_with_last_found();
        }
        Ok(())
    }

    /// Without a seal, the plaintext ends with the last segment that was found.
    fn end_with_last_found(&mut self) {
        if !self.sealed {
            let size = self.keyed.header.geometry.segment_size();
            let end = |(segment, last): (&u64, &Found)| {
                segment * size + u64::from(last.header.plaintext_len)
            };
            self.plaintext_len = self.found.last_key_value().map_or(0, end);
        }
    }

    /// Where the salt of a segment is to be had.
    pub(crate) fn salt(&self, segment: u64) -> Salt {
        let digest = self.keyed.header.digest;
        let len = IndexEntry::len(digest);
        let at = (segment % PAGE_ENTRIES) as usize * len;
        self.pages
            .get(&(segment / PAGE_ENTRIES))
            .and_then(|page| IndexEntry::decode(digest, page.get(at..at + len)?).ok())
            .map_or(Salt::OwnHeader, Salt::Sealed)
    }

    /// The segment with this number, if its header was found.
    pub(crate) fn found(&self, segment: u64) -> Option<&Found> {
        self.found.get(&segment)
    }

    /// Where a segment may be, best guess first: where its header is, where it lies seen from its
    /// neighbours, and where it belongs.
    ///
    /// In a crowd that is one place, so that no byte is read for more than one header.
    pub(crate) fn places(&self, segment: u64) -> Vec<u64> {
        let mut places: Vec<u64> =
            self.found(segment).map(|found| found.offset).into_iter().collect();
        for guess in self.guesses(segment) {
            if !places.contains(&guess) {
                places.push(guess);
            }
        }
        if self.crowd.is_some() {
            places.truncate(1);
        }
        places
    }

    /// In a crowd, where the frames of a segment at `start` must end: at the next header.
    pub(crate) fn reach(&self, start: u64) -> u64 {
        let Some(crowd) = &self.crowd else { return u64::MAX };
        crowd.get(crowd.partition_point(|&at| at <= start)).copied().unwrap_or(u64::MAX)
    }

    /// Finds out whether trying every segment at all of its places would read far more than
    /// there is.
    fn look_for_crowd(&mut self, source_len: u64) {
        let layout = self.keyed.layout();
        let mut left = source_len.saturating_mul(FRAME_READS);
        let segments: Box<dyn Iterator<Item = u64>> = match self.sealed {
            true => Box::new(0..self.segments()),
            // Without a seal, a segment whose header was not found has no salt to be tried with.
            false => Box::new(self.found.keys().copied()),
        };
        for segment in segments {
            let index = SegmentIndex(segment);
            let Some(segment_layout) = layout.segment_layout(self.plaintext_len, index) else {
                continue;
            };
            let len = segment_layout.wire_len() as u64;
            for place in self.places(segment).into_iter().chain(self.place_from_behind(segment)) {
                let reads = source_len.saturating_sub(place).min(len);
                let Some(rest) = left.checked_sub(reads) else {
                    let mut crowd: Vec<u64> =
                        self.found.values().map(|found| found.offset).collect();
                    crowd.sort_unstable();
                    self.crowd = Some(crowd);
                    return;
                };
                left = rest;
            }
        }
    }

    /// Where a segment lies seen from the one right behind it, whatever its own header says.
    pub(crate) fn place_from_behind(&self, segment: u64) -> Option<u64> {
        let next = self.found(segment + 1).filter(|_| self.crowd.is_none())?;
        let index = SegmentIndex(segment);
        let layout = self.keyed.layout().segment_layout(self.plaintext_len, index)?;
        next.offset.checked_sub(layout.wire_len() as u64)
    }

    /// Where a segment without a header of its own may be: where it belongs, and where it lies
    /// seen from its neighbours.
    ///
    /// In a crowd the neighbours, which may be forged, are not asked.
    fn guesses(&self, segment: u64) -> Vec<u64> {
        let layout = self.keyed.layout();
        if self.crowd.is_some() {
            return vec![layout.segment_offset(SegmentIndex(segment))];
        }
        let len = layout.full_segment_len();
        let mut guesses = Vec::new();
        if let Some((&before, found)) = self.found.range(..segment).next_back() {
            guesses.push(found.offset + (segment - before) * len);
        }
        if let Some((&after, found)) = self.found.range(segment + 1..).next() {
            guesses.extend(
                (after - segment)
                    .checked_mul(len)
                    .and_then(|distance| found.offset.checked_sub(distance)),
            );
        }
        guesses.push(layout.segment_offset(SegmentIndex(segment)));
        guesses
    }
}

//! What is known of a damaged stream: the salts of its segments, and where they may be.

use std::collections::BTreeMap;
use std::ops::Range;

use sv2_framing::{SegmentHeader, SegmentIndex};
use sv2_headers::{IndexEntry, PAGE_ENTRIES};

use crate::StreamError;
use crate::extents::Holes;
use crate::header::KeyedHeader;
use crate::io::PositionedInput;
use crate::survey::{FoundHeader, Survey};

/// How often each byte of the source may be read on behalf of frames: a damaged stream has no
/// more than a few places for each segment, and a forger can have each header claim the same bytes.
const FRAME_READS: u64 = 8;

/// Attempts at one segment that are tried.
const MOST_ATTEMPTS: usize = 8;

/// A key for a segment, and whether a page of the index that the seal covers confirms it.
pub(super) struct Attempt {
    pub(super) header: SegmentHeader,
    pub(super) confirmed: bool,
}

/// What the tail of a stream says.
#[derive(Default)]
pub(super) struct Sealed {
    pub(super) plaintext_len: u64,
    /// Where the trailer ends.
    pub(super) end: u64,
    /// Pages of the index by number, and whether they agree with the page table.
    pub(super) pages: BTreeMap<u64, (Vec<u8>, bool)>,
}

/// What is known of a damaged stream before its frames are tried.
pub(super) struct Map {
    pub(super) keyed: KeyedHeader,
    /// What the seal covers; `None` where no seal holds.
    pub(super) sealed: Option<Sealed>,
    pub(super) plaintext_len: u64,
    source_len: u64,
    pub(super) holes: Holes,
    /// Where an index without a seal may begin: behind a header copy.
    loose_index: Option<u64>,
    /// Segments by number; those whose header is damaged are absent.
    headers: BTreeMap<u64, Vec<FoundHeader>>,
    /// Where segments begin as their frames have it.
    starts: BTreeMap<u64, Vec<i64>>,
    /// Where headers were found, in order; only where they are so many that segments are not
    /// looked for at every place where they may be.
    crowd: Option<Vec<u64>>,
    /// The segments of which something may lie in the source, in order and apart.
    likely: Vec<Range<u64>>,
}

impl Map {
    /// Puts together what was found in a source of `source_len` bytes, holes included.
    pub(super) fn new(
        keyed: KeyedHeader,
        sealed: Option<Sealed>,
        loose_index: Option<u64>,
        survey: &Survey,
        (source_len, holes): (u64, Holes),
    ) -> Self {
        let mut headers: BTreeMap<u64, Vec<FoundHeader>> = BTreeMap::new();
        for found in &survey.headers {
            let of_segment = headers.entry(found.header.index.0).or_default();
            if of_segment.len() < MOST_ATTEMPTS {
                of_segment.push(*found);
            }
        }
        let mut map = Self {
            plaintext_len: sealed.as_ref().map_or(0, |sealed| sealed.plaintext_len),
            keyed,
            sealed,
            source_len,
            holes,
            loose_index,
            headers,
            starts: BTreeMap::new(),
            crowd: None,
            likely: Vec::new(),
        };
        let layout = map.keyed.layout();
        for (segment, run) in survey.placed() {
            map.add_start(segment, run.start(&layout));
        }
        map.end_with_last_found();
        map.settle();
        map
    }

    /// Takes in where a segment begins, as one of its frames has it.
    pub(super) fn add_start(&mut self, segment: u64, start: i64) {
        let starts = self.starts.entry(segment).or_default();
        if !starts.contains(&start) && starts.len() < 2 * MOST_ATTEMPTS {
            starts.push(start);
        }
    }

    /// Finds out again which segments are likely, and whether there is a crowd.
    pub(super) fn settle(&mut self) {
        self.likely = self.find_likely();
        self.look_for_crowd();
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.crowd.is_some()
    }

    pub(super) fn segments(&self) -> u64 {
        self.keyed.header.geometry.segment_count(self.plaintext_len)
    }

    /// The run of segments from `segment` on that are likely, or that are not, and which it is.
    pub(super) fn run_from(&self, segment: u64) -> (Range<u64>, bool) {
        let at = self.likely.partition_point(|run| run.end <= segment);
        match self.likely.get(at) {
            Some(run) if run.start <= segment => (segment..run.end, true),
            Some(run) => (segment..run.start, false),
            None => (segment..self.segments(), false),
        }
    }

    /// The likely segments, in order.
    pub(super) fn likely(&self) -> impl Iterator<Item = u64> + '_ {
        self.likely.iter().cloned().flatten()
    }

    /// Without a seal, forgets what was found behind the last segment of which `opens` says that
    /// something opens: a header alone proves nothing, and the end of the output follows from it.
    pub(super) fn end_with_last_that(
        &mut self,
        mut opens: impl FnMut(&Self, u64) -> Result<bool, StreamError>,
    ) -> Result<(), StreamError> {
        while self.sealed.is_none()
            && let Some(last) = self.segments().checked_sub(1)
        {
            // What is behind the last likely segment has no byte in the source.
            let end = self.likely.last().map_or(0, |run| run.end);
            if end <= last {
                self.plaintext_len = end * self.keyed.header.geometry.segment_size();
                continue;
            }
            if opens(self, last)? {
                break;
            }
            self.headers.remove(&last);
            self.starts.split_off(&last);
            let before = self.plaintext_len;
            self.end_with_last_found();
            // Where neither header nor frame is left, one segment less.
            let size = self.keyed.header.geometry.segment_size();
            if self.plaintext_len >= before {
                self.plaintext_len = last * size;
            }
            let count = self.segments();
            while self.likely.last().is_some_and(|run| run.start >= count) {
                self.likely.pop();
            }
            if let Some(last) = self.likely.last_mut() {
                last.end = last.end.min(count);
            }
        }
        Ok(())
    }

    /// Without a seal, the plaintext ends with the last segment that was found.
    fn end_with_last_found(&mut self) {
        if self.sealed.is_some() {
            return;
        }
        let size = self.keyed.header.geometry.segment_size();
        let by_header = self.headers.last_key_value().map_or(0, |(segment, found)| {
            let len = found.iter().map(|found| found.header.plaintext_len).max().unwrap_or(0);
            segment * size + u64::from(len)
        });
        // Without a header a frame's salt may be in an index that nothing seals, which has an entry
        // for each of as many segments as the source has room for.
        let by_frame = self.loose_index.map_or(0, |index| {
            let entries = self.source_len.saturating_sub(index)
                / IndexEntry::len(self.keyed.header.digest) as u64;
            let room = self.source_len / self.keyed.layout().full_segment_len() + 1;
            let by_start = self.starts.last_key_value().map_or(0, |(last, _)| last + 1);
            entries.min(room.max(by_start)).saturating_mul(size)
        });
        let max = self.keyed.header.geometry.max_plaintext_len();
        // A header of a short segment is that of the last one.
        let is_short = !by_header.is_multiple_of(size);
        self.plaintext_len = if is_short { by_header } else { by_header.max(by_frame) }.min(max);
    }

    /// The keys under which a segment may open, the confirmed one alone where there is one.
    pub(super) fn attempts(
        &self,
        source: &PositionedInput<'_>,
        segment: u64,
        plaintext_len: u32,
    ) -> Vec<Attempt> {
        let stream_tag = std::array::from_fn(|at| self.keyed.header.commitment[at]);
        let index = SegmentIndex(segment);
        let of = |salt| SegmentHeader { index, plaintext_len, salt, stream_tag };
        let page = self.sealed.as_ref().and_then(|it| it.pages.get(&(segment / PAGE_ENTRIES)));
        let entry = page.and_then(|(page, holds)| Some((self.entry(segment, page)?, *holds)));
        if let Some((entry, true)) = entry {
            return vec![Attempt { header: of(entry.salt), confirmed: true }];
        }
        let own = self.headers.get(&segment).into_iter().flatten().map(|found| found.header);
        let own = own.filter(|header| header.plaintext_len == plaintext_len);
        // What nothing confirms may still be right.
        let loose = entry.map(|(entry, _)| of(entry.salt));
        let loose = loose.or_else(|| self.loose_salt(source, segment).map(of));
        let mut attempts: Vec<Attempt> = Vec::new();
        for header in own.chain(loose) {
            if attempts.iter().all(|attempt| attempt.header.salt != header.salt) {
                attempts.push(Attempt { header, confirmed: false });
            }
        }
        attempts
    }

    fn entry(&self, segment: u64, page: &[u8]) -> Option<IndexEntry> {
        let digest = self.keyed.header.digest;
        let len = IndexEntry::len(digest);
        let at = (segment % PAGE_ENTRIES) as usize * len;
        IndexEntry::decode(digest, page.get(at..at + len)?).ok()
    }

    /// The salt where an index without a seal has it.
    fn loose_salt(&self, source: &PositionedInput<'_>, segment: u64) -> Option<[u8; 24]> {
        let len = IndexEntry::len(self.keyed.header.digest) as u64;
        let at = self.loose_index?.checked_add(segment.checked_mul(len)?)?;
        let mut salt = [0; 24];
        (at.checked_add(24)? <= source.len()).then_some(())?;
        source.read_exact_at(&mut salt, at).ok()?;
        Some(salt)
    }

    /// Where a segment may begin, best guess first: where its header is, where its frames have it,
    /// where it lies seen from its neighbours, and where it belongs seen from either end.
    ///
    /// In a crowd that is one place, so that no byte is read for more than one header.
    pub(super) fn places(&self, segment: u64) -> Vec<i64> {
        let mut places = Vec::new();
        let mut add = |place: i64| {
            if !places.contains(&place) {
                places.push(place);
            }
        };
        let own = self.headers.get(&segment).into_iter().flatten();
        own.for_each(|found| add(found.offset as i64));
        self.starts.get(&segment).into_iter().flatten().for_each(|&start| add(start));
        self.guesses(segment).for_each(&mut add);
        if self.crowd.is_some() {
            places.truncate(1);
        }
        places
    }

    /// In a crowd, where the frames of a segment at `start` must end: at the next header.
    pub(super) fn reach(&self, start: i64) -> u64 {
        let Some(crowd) = &self.crowd else { return u64::MAX };
        let next = crowd.partition_point(|&at| at as i64 <= start);
        crowd.get(next).copied().unwrap_or(u64::MAX)
    }

    /// Where a segment without a header of its own may begin.
    ///
    /// In a crowd the neighbours, which may be forged, are not asked.
    fn guesses(&self, segment: u64) -> impl Iterator<Item = i64> {
        let full = self.keyed.layout().full_segment_len() as i64;
        let known = if self.crowd.is_some() { None } else { Some(&self.headers) };
        let before = known.and_then(|headers| {
            let (&before, found) = headers.range(..segment).next_back()?;
            let steps = i64::try_from(segment - before).ok()?;
            (found.last()?.offset as i64).checked_add(steps.checked_mul(full)?)
        });
        let after = known.and_then(|headers| {
            let (&after, found) = headers.range(segment + 1..).next()?;
            let steps = i64::try_from(after - segment).ok()?;
            (found.first()?.offset as i64).checked_sub(steps.checked_mul(full)?)
        });
        let belongs = self.belongs(segment);
        let from_end =
            self.shift().filter(|&shift| shift != 0).and_then(|shift| belongs?.checked_add(shift));
        [before, after, belongs, from_end].into_iter().flatten()
    }

    /// Where a segment begins in a stream that nothing happened to.
    fn belongs(&self, segment: u64) -> Option<i64> {
        let full = self.keyed.layout().full_segment_len();
        let offset = segment.checked_mul(full)?.checked_add(self.keyed.layout().header_len.into());
        i64::try_from(offset?).ok()
    }

    /// By how much the tail lies behind its place.
    pub(super) fn shift(&self) -> Option<i64> {
        let sealed = self.sealed.as_ref()?;
        let belongs = self.keyed.layout().stream_len(sealed.plaintext_len)?;
        Some(sealed.end as i64 - belongs as i64)
    }

    /// Finds out whether trying every segment at all of its places would read far more than
    /// there is.
    fn look_for_crowd(&mut self) {
        if self.crowd.is_none() && self.reads_too_much() {
            let found = self.headers.values().flatten().map(|found| found.offset);
            let mut crowd: Vec<u64> = found.collect();
            crowd.sort_unstable();
            self.crowd = Some(crowd);
        }
    }

    fn reads_too_much(&self) -> bool {
        let layout = self.keyed.layout();
        let mut left = self.holes.data_len().saturating_mul(FRAME_READS);
        for segment in self.likely() {
            let index = SegmentIndex(segment);
            let Some(segment_layout) = layout.segment_layout(self.plaintext_len, index) else {
                continue;
            };
            let len = segment_layout.wire_len() as i64;
            for place in self.places(segment) {
                let end = place.saturating_add(len).min(self.source_len as i64).max(0);
                let reads = self.holes.data_len_in(&(place.max(0) as u64..end as u64));
                let Some(rest) = left.checked_sub(reads) else { return true };
                left = rest;
            }
        }
        false
    }

    /// The segments that may lie in the source: at their places seen from either end, at and near
    /// their headers, and where their frames are.
    ///
    /// They are no more than a multiple of what the source has room for.
    fn find_likely(&self) -> Vec<Range<u64>> {
        let full = self.keyed.layout().full_segment_len() as i64;
        let len = self.source_len as i64;
        let count = self.segments();
        let mut likely: Vec<Range<u64>> = Vec::new();
        for shift in [Some(0), self.shift()].into_iter().flatten() {
            likely.extend(self.in_data(shift, 0..count));
        }
        let pieces = self.holes.data_in(0..self.source_len).count() as u64;
        let mut room = self.holes.data_len() / full as u64 * 8 + 8 * pieces + 64;
        let mut known = self.headers.iter().peekable();
        let mut previous = 0;
        while let Some((&segment, found)) = known.next() {
            likely.push(segment..segment + 1);
            let next = known.peek().map_or(count, |(next, _)| **next);
            let (Some(first), Some(last)) = (found.first(), found.last()) else { continue };
            // Its neighbours up to the next header that was found, on either side.
            let behind = ((len - last.offset as i64) / full) as u64 + 1;
            let before = (first.offset as i64 / full) as u64 + 1;
            let start = segment.saturating_sub(before).max(previous);
            let end = segment.saturating_add(behind).min(next);
            previous = segment + 1;
            for (found, near) in [(first, start..segment), (last, segment..end)] {
                let shift = self.belongs(segment).map(|place| found.offset as i64 - place);
                for near in shift.into_iter().flat_map(|shift| self.in_data(shift, near.clone())) {
                    let Some(rest) = room.checked_sub(near.end - near.start) else { break };
                    room = rest;
                    likely.push(near);
                }
            }
        }
        likely.extend(self.starts.keys().map(|&segment| segment..segment.saturating_add(1)));
        joined(likely, count)
    }

    /// Those of a run of segments of which data lies in the source, where they lie `shift` bytes
    /// behind their places; what lies in a hole of a sparse file is nobody's.
    fn in_data(&self, shift: i64, segments: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let full = self.keyed.layout().full_segment_len();
        let base = shift.saturating_add(self.keyed.layout().header_len.into());
        let place = move |segment: u64| {
            let place = i64::try_from(segment.saturating_mul(full)).unwrap_or(i64::MAX);
            place.saturating_add(base).max(0) as u64
        };
        let of = move |offset: u64| (offset as i64).saturating_sub(base).max(0) as u64 / full;
        let span = place(segments.start)..place(segments.end).min(self.source_len);
        self.holes
            .data_in(span)
            .map(move |data| {
                let first = of(data.start).max(segments.start);
                first..of(data.end - 1).saturating_add(1).min(segments.end)
            })
            .filter(|run| !run.is_empty())
    }
}

/// Ranges in order, joined where they touch, cut at `end`.
fn joined(mut ranges: Vec<Range<u64>>, end: u64) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let range = range.start.min(end)..range.end.min(end);
        match joined.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

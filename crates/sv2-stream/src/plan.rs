//! Ranges of plaintext: which bytes of the stream hold them, and opening those (format.md section
//! 8.5).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use sv2_framing::{FrameIndex, SegmentIndex, SegmentLayout};
use sv2_segment_worker::DecryptSegmentWorker;

use crate::pieces::{Pieces, joined};
use crate::plaintext::OpenedRun;
use crate::{FormatError, OpenedStream, Page, Plaintext};

/// How wire ranges are cut and joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchPolicy {
    /// The most bytes of one wire range; a range of one frame, or that holds the last frame of a
    /// segment with the frames before it, may have one frame more.
    pub max_len: u64,
    /// Wire ranges that are no further apart than so many bytes are fetched as one.
    pub join_gap: u64,
}

impl FetchPolicy {
    /// Four standard segments in one range, and a gap of two standard frames: over a network
    /// a round trip is dearer than that many bytes.
    #[must_use]
    pub const fn standard() -> Self {
        Self { max_len: 17 << 20, join_gap: 128 << 10 }
    }

    /// The same, but with another maximum for a range, in bytes.
    #[must_use]
    pub const fn max_len(self, max_len: u64) -> Self {
        Self { max_len, ..self }
    }

    /// The same, but with another gap that is read to save a request, in bytes.
    #[must_use]
    pub const fn join_gap(self, join_gap: u64) -> Self {
        Self { join_gap, ..self }
    }
}

/// What a caller knows of a page of the index.
#[derive(Debug, Clone)]
pub enum PageState {
    /// It was checked.
    Known(Page),
    /// It is not known: the plan fetches it.
    Missing,
    /// Somebody else is fetching it: the caller brings it with [`Plan::supply_page`], so that a
    /// page is fetched once whoever asks.
    Elsewhere,
}

/// Frames of one segment that follow one another.
#[derive(Debug)]
struct Run {
    layout: SegmentLayout,
    segment: SegmentIndex,
    first: u16,
    last: u16,
    /// Where its frames are in the stream.
    wire: Range<u64>,
}

/// Bytes of the stream that are fetched together.
#[derive(Debug)]
struct Fetch {
    range: Range<u64>,
    bytes: Vec<u8>,
}

/// Which bytes of a stream are needed for some ranges of its plaintext, and then their plaintext.
///
/// Fetch [`Plan::wire`], hand the bytes in, take the checked pages for later plans, and open.
#[derive(Debug)]
pub struct Plan {
    runs: Vec<Run>,
    fetches: Vec<Fetch>,
    /// Of every page that the runs need: its bytes once checked, or why they are none.
    pages: BTreeMap<u64, Result<PageState, FormatError>>,
    pieces: Pieces,
}

impl OpenedStream {
    /// A plan for these ranges of plaintext, which may be in any order and overlap; what is beyond
    /// the end of the stream is left out (F-822).
    ///
    /// `pages` says what is known of the index beyond the pages that came with the end of the
    /// stream; it is asked once for each page.
    /// The stream's page table must have been judged when it was opened.
    pub fn plan(
        &self,
        ranges: &[Range<u64>],
        policy: &FetchPolicy,
        mut pages: impl FnMut(u64) -> PageState,
    ) -> Plan {
        let runs = self.runs(ranges, policy);
        let mut needed = BTreeMap::new();
        for run in &runs {
            let number = self.shape.page_of(run.segment.0);
            needed.entry(number).or_insert_with(|| {
                Ok(match self.known_page(number) {
                    Some(page) => PageState::Known(page.clone()),
                    None => pages(number),
                })
            });
        }
        let missing = |state: &Result<_, _>| matches!(state, Ok(PageState::Missing));
        let pages = needed.iter().filter(|(_, state)| missing(state));
        let mut parts: Vec<_> = pages.map(|(&number, _)| self.page_range(number)).collect();
        parts.extend(runs.iter().map(|run| run.wire.clone()));
        let fetches = coalesced(parts, policy);
        Plan { runs, fetches, pages: needed, pieces: Pieces::default() }
    }

    /// The frames that hold these ranges, each once and in order.
    fn runs(&self, ranges: &[Range<u64>], policy: &FetchPolicy) -> Vec<Run> {
        let frame_size = u64::from(self.layout.geometry.frame_size());
        let cut = ranges.iter().map(|range| range.start..range.end.min(self.len()));
        let whole_frames = cut.filter(|range| range.start < range.end).map(|range| {
            let end = range.end.next_multiple_of(frame_size).min(self.len());
            range.start / frame_size * frame_size..end
        });
        let mut runs = Vec::new();
        for range in joined(whole_frames.collect()) {
            let mut at = range.start;
            while at < range.end {
                let first = self.layout.position(at);
                let Some(layout) = self.layout.segment_layout(self.len(), first.segment) else {
                    break;
                };
                let end =
                    self.layout.plaintext_offset(first.segment) + u64::from(layout.plaintext_len());
                let last = self.layout.position(end.min(range.end) - 1).frame;
                self.push_runs(&mut runs, first.segment, layout, (first.frame.0, last.0), policy);
                at = end;
            }
        }
        runs
    }

    /// Cuts frames of one segment into runs that fit the policy; the last frame of a segment is
    /// never cut off from the one before it, since a request costs more than a frame.
    fn push_runs(
        &self,
        runs: &mut Vec<Run>,
        segment: SegmentIndex,
        layout: SegmentLayout,
        (mut first, last): (u16, u16),
        policy: &FetchPolicy,
    ) {
        let start = self.layout.segment_offset(segment);
        let frame_len = layout.frame(FrameIndex(0)).len() as u64;
        // A segment has at most 2^14 frames.
        let most = (policy.max_len / frame_len).clamp(1, 1 << 14) as u16;
        while first <= last {
            let left = last - first + 1;
            let count = if left <= most || left == most + 1 && last + 1 == layout.frame_count() {
                left
            } else {
                most
            };
            let until = first + count - 1;
            let wire = start + layout.frame(FrameIndex(first)).start as u64
                ..start + layout.frame(FrameIndex(until)).end as u64;
            runs.push(Run { layout, segment, first, last: until, wire });
            first = until + 1;
        }
    }
}

impl Plan {
    /// The ranges of the stream to be fetched, in order, none touching another; all of them can be
    /// fetched at the same time.
    pub fn wire(&self) -> impl ExactSizeIterator<Item = Range<u64>> {
        self.fetches.iter().map(|fetch| fetch.range.clone())
    }

    /// What of [`Plan::wire`] was not handed in.
    #[must_use]
    pub fn missing(&self) -> Vec<Range<u64>> {
        let open = self.fetches.iter().filter(|fetch| fetch.bytes.is_empty());
        self.pieces.missing(&open.map(|fetch| fetch.range.clone()).collect::<Vec<_>>())
    }

    /// Takes bytes that begin at `offset` in the stream; those of a whole range of [`Plan::wire`]
    /// are not copied, and of those that were not asked for, nothing is kept.
    pub fn supply(&mut self, offset: u64, bytes: Vec<u8>) {
        let len = bytes.len() as u64;
        let whole = |fetch: &&mut Fetch| {
            fetch.bytes.is_empty() && fetch.range == (offset..offset.saturating_add(len))
        };
        match self.fetches.iter_mut().find(whole) {
            Some(fetch) => fetch.bytes = bytes,
            None => {
                let from = self.fetches.partition_point(|fetch| fetch.range.end <= offset);
                let open = self.fetches[from..].iter().filter(|fetch| fetch.bytes.is_empty());
                let here = open.take_while(|fetch| fetch.range.start < offset.saturating_add(len));
                self.pieces.insert(here.map(|fetch| &fetch.range), offset, &bytes);
            }
        }
    }

    /// Checks the pages that were fetched, and hands them out for later plans.
    ///
    /// One that fails is an error of [`Plan::open`], where the stream's order has it.
    ///
    /// # Errors
    /// `Misuse` where bytes are missing.
    pub fn take_pages(&mut self, stream: &OpenedStream) -> Result<Vec<Page>, FormatError> {
        self.gather()?;
        let mut taken = Vec::new();
        for (&number, state) in &mut self.pages {
            if matches!(state, Ok(PageState::Missing)) {
                let (fetch, part) = part(&self.fetches, &stream.page_range(number))?;
                let bytes = &self.fetches[fetch].bytes[part];
                *state = stream.check_page(number, bytes).map(|page| {
                    taken.push(page.clone());
                    PageState::Known(page)
                });
            }
        }
        Ok(taken)
    }

    /// The pages that the caller has to bring.
    pub fn pages_elsewhere(&self) -> impl Iterator<Item = u64> {
        let elsewhere = |state: &_| matches!(state, Ok(PageState::Elsewhere));
        self.pages.iter().filter(move |(_, state)| elsewhere(state)).map(|(&number, _)| number)
    }

    /// Takes a page that was checked elsewhere.
    pub fn supply_page(&mut self, page: Page) {
        if let Some(state) = self.pages.get_mut(&page.number()) {
            *state = Ok(PageState::Known(page));
        }
    }

    /// Opens every frame of the plan, once, where it lies.
    ///
    /// # Errors
    /// The first failure in the order of the stream: `AuthenticationFailed` of a page, or
    /// `AuthenticationFailed` or `Malformed` or `ChecksumMismatch` of a frame, of which
    /// [`OpenedStream::explain`] may know more.
    /// `Misuse` where bytes or a page are missing.
    pub fn open(
        mut self,
        stream: &OpenedStream,
        worker: &DecryptSegmentWorker,
    ) -> Result<Plaintext, FormatError> {
        self.take_pages(stream)?;
        let Self { runs, mut fetches, mut pages, .. } = self;
        let mut opened = Vec::with_capacity(runs.len());
        let mut current: Option<Page> = None;
        for Run { layout, segment, first, last, wire } in runs {
            let number = stream.shape.page_of(segment.0);
            let page = match current.take().filter(|page| page.number() == number) {
                Some(page) => page,
                None => match pages.remove(&number) {
                    Some(Ok(PageState::Known(page))) => page,
                    Some(Err(error)) => return Err(error),
                    _ => return Err(FormatError::Misuse("a page of the plan is missing")),
                },
            };
            let missing = FormatError::Misuse("a page of another stream");
            let salt = page.entry(segment).ok_or(missing)?.salt;
            current = Some(page);
            let header = worker.context().sealed_header(segment, layout.plaintext_len(), salt);
            let (buffer, part) = part(&fetches, &wire)?;
            let records = &mut fetches[buffer].bytes[part.clone()];
            worker
                .decrypt_frames(&header, FrameIndex(first), records)
                .map_err(|error| FormatError::from_segment(&error, &stream.layout))?;
            let base = stream.layout.plaintext_offset(segment);
            opened.push(OpenedRun::new(layout, base, first..=last, buffer, part.start));
        }
        let buffers = fetches.into_iter().map(|fetch| fetch.bytes).collect();
        Ok(Plaintext::new(opened, buffers))
    }

    /// Puts together what came in pieces.
    fn gather(&mut self) -> Result<(), FormatError> {
        for fetch in self.fetches.iter_mut().filter(|fetch| fetch.bytes.is_empty()) {
            let bytes = self.pieces.get(fetch.range.clone());
            fetch.bytes = bytes.ok_or(FormatError::Misuse("bytes of the plan are missing"))?;
        }
        Ok(())
    }
}

/// Where a part of the stream is in what was fetched: which fetch, and its bytes there.
fn part(fetches: &[Fetch], range: &Range<u64>) -> Result<(usize, Range<usize>), FormatError> {
    let missing = FormatError::Misuse("bytes of the plan are missing");
    let nth = fetches.partition_point(|fetch| fetch.range.end <= range.start);
    let found = fetches.get(nth).and_then(|fetch| {
        let start = usize::try_from(range.start.checked_sub(fetch.range.start)?).ok()?;
        let end = start.checked_add(usize::try_from(range.end - range.start).ok()?)?;
        (end <= fetch.bytes.len()).then_some((nth, start..end))
    });
    found.ok_or(missing)
}

/// Joins ranges over small gaps, as long as they stay short.
fn coalesced(mut parts: Vec<Range<u64>>, policy: &FetchPolicy) -> Vec<Fetch> {
    parts.sort_by_key(|part| part.start);
    let mut fetches: Vec<Fetch> = Vec::new();
    for part in parts {
        match fetches.last_mut() {
            Some(Fetch { range, .. })
                if part.start <= range.end.saturating_add(policy.join_gap)
                    && part.end - range.start <= policy.max_len =>
            {
                range.end = range.end.max(part.end);
            }
            _ => fetches.push(Fetch { range: part, bytes: Vec::new() }),
        }
    }
    fetches
}

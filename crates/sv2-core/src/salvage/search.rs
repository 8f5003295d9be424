//! Frames that lie where nothing says that they do: tried wherever they fit (F-833).
//!
//! What is tried is bounded by a multiple of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sv2_framing::{
    FRAME_HEADER_LEN, FrameIndex, SEGMENT_HEADER_LEN, SegmentHeader, SegmentIndex, SegmentLayout,
    TAG_LEN,
};
use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::decrypt::DecryptJob;
use crate::io::PositionedInput;
use crate::salvage::map::Map;
use crate::salvage::recover::{open_at, recover};
use crate::survey::{FRAME_OVERHEAD, Run, Survey};

/// Bytes that are opened in vain for each byte of the source, and however little there is.
const VAIN_OPENINGS: u64 = 8;
const VAIN_BASE: u64 = 4 << 20;

/// Frames that are looked for; a stream that lost more has lost them in large pieces.
const MOST_MISSING: usize = 1 << 16;

/// A frame that nothing has been found of.
struct Missing {
    segment: u64,
    frame: u16,
    layout: SegmentLayout,
    header: SegmentHeader,
}

impl Missing {
    /// Bytes of its ciphertext and tag.
    fn sealed_len(&self) -> u64 {
        (self.layout.plaintext_slot(FrameIndex(self.frame)).len() + TAG_LEN) as u64
    }

    /// Where its segment begins if its ciphertext begins at `place`.
    fn start(&self, place: u64) -> i64 {
        place as i64 - self.layout.plaintext_slot(FrameIndex(self.frame)).start as i64
    }
}

/// Looks for what the map does not place, and adds to it what is found.
pub(super) fn search(
    source: &PositionedInput<'_>,
    map: &mut Map,
    survey: &Survey,
    job: &DecryptJob,
    cancel: &Cancellation,
) -> Result<(), StreamError> {
    if map.is_crowded() {
        return Ok(());
    }
    let mut search = Search {
        source,
        job,
        cancel,
        left: map.holes.data_len().saturating_mul(VAIN_OPENINGS).saturating_add(VAIN_BASE),
        missing: Vec::new(),
        used: Vec::new(),
        buffer: Vec::new(),
    };
    let placed = search.confirm(map, survey)?;
    search.find_missing(map, &placed)?;
    let mut found = search.try_runs(map, survey)?;
    found.extend(search.try_gaps(map)?);
    for (segment, start) in found {
        map.add_start(segment, start);
    }
    map.settle();
    Ok(())
}

struct Search<'s> {
    source: &'s PositionedInput<'s>,
    job: &'s DecryptJob,
    cancel: &'s Cancellation,
    /// Bytes that may still be opened in vain.
    left: u64,
    missing: Vec<Missing>,
    /// Bytes of the source that are known to be something.
    used: Vec<Range<u64>>,
    buffer: Vec<u8>,
}

impl Search<'_> {
    /// Opens a frame whose ciphertext may begin at `place`; what does not open is paid for.
    fn opens(&mut self, missing: &Missing, place: u64) -> bool {
        self.buffer.clear();
        let Missing { header, layout, frame, .. } = missing;
        let place = place as i64;
        let opens =
            open_at(self.source, self.job, header, *layout, *frame, place, &mut self.buffer);
        if !opens {
            self.left = self.left.saturating_sub(missing.sealed_len());
        }
        opens
    }

    fn check_cancel(&self) -> Result<(), StreamError> {
        if self.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        Ok(())
    }

    /// The first attempt at a segment, and its layout.
    fn key_of(&self, map: &Map, segment: u64) -> Vec<(SegmentHeader, SegmentLayout)> {
        let index = SegmentIndex(segment);
        let Some(layout) = map.keyed.layout().segment_layout(map.plaintext_len, index) else {
            return Vec::new();
        };
        let attempts = map.attempts(self.source, segment, layout.plaintext_len());
        attempts.into_iter().map(|attempt| (attempt.header, layout)).collect()
    }

    /// Opens the first frame of every run that claims a place, and returns the frames of those
    /// that are what they claim, by segment.
    fn confirm(
        &mut self,
        map: &Map,
        survey: &Survey,
    ) -> Result<BTreeMap<u64, Vec<Range<u16>>>, StreamError> {
        let layout = map.keyed.layout();
        let mut placed: BTreeMap<u64, Vec<Range<u16>>> = BTreeMap::new();
        self.used.extend(
            survey
                .headers
                .iter()
                .map(|header| header.offset..header.offset + SEGMENT_HEADER_LEN as u64),
        );
        for (segment, run) in survey.placed() {
            self.check_cancel()?;
            let place = run.offset + FRAME_HEADER_LEN as u64;
            let opens = self.key_of(map, segment).into_iter().any(|(header, layout)| {
                run.first < layout.frame_count()
                    && self.opens(&Missing { segment, frame: run.first, layout, header }, place)
            });
            if opens {
                placed.entry(segment).or_default().push(run.first..run.first + run.count);
                self.used.push(run.offset..run.end(&layout));
            }
            if self.left == 0 {
                break;
            }
        }
        Ok(placed)
    }

    /// Tries the places that the map knows, and lists what is missing still.
    fn find_missing(
        &mut self,
        map: &Map,
        placed: &BTreeMap<u64, Vec<Range<u16>>>,
    ) -> Result<(), StreamError> {
        for segment in map.likely() {
            let keys = self.key_of(map, segment);
            let Some((_, layout)) = keys.first() else { continue };
            let covered: u64 = placed
                .get(&segment)
                .map_or(0, |runs| runs.iter().map(|run| u64::from(run.end - run.start)).sum());
            if covered >= u64::from(layout.frame_count()) {
                continue;
            }
            self.check_cancel()?;
            let buffer = std::mem::take(&mut self.buffer);
            let recovered = recover(self.source, map, self.job, segment, buffer)?;
            for piece in recovered.pieces() {
                let frame = recovered.layout().frame(FrameIndex(piece.frame));
                let start = piece.start + frame.start as i64;
                let end = start + frame.len() as i64;
                self.used.push(start.max(0) as u64..end.max(0) as u64);
            }
            let room = MOST_MISSING.saturating_sub(self.missing.len());
            for frame in recovered.missing().take(room) {
                for &(header, layout) in &keys {
                    if self.missing.len() < MOST_MISSING {
                        self.missing.push(Missing { segment, frame, layout, header });
                    }
                }
            }
            self.buffer = recovered.into_buffer();
        }
        Ok(())
    }

    /// Tries runs of frames that nothing places as every missing frame of their number.
    fn try_runs(&mut self, map: &Map, survey: &Survey) -> Result<Vec<(u64, i64)>, StreamError> {
        let layout = map.keyed.layout();
        let mut found = Vec::new();
        let mut by_frame: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (at, missing) in self.missing.iter().enumerate() {
            by_frame.entry(missing.frame).or_default().push(at);
        }
        let used = joined(std::mem::take(&mut self.used));
        let is_used = |run: &Run| {
            let at = used.partition_point(|range| range.end <= run.offset);
            used.get(at).is_some_and(|range| range.start <= run.offset)
        };
        let mut more = Vec::new();
        let mut gone = BTreeSet::new();
        for run in survey.runs.iter().filter(|run| !is_used(run)) {
            self.check_cancel()?;
            // The first frame may be missing no more while a later one is.
            for step in 0..run.count {
                let frame = run.first + step;
                let stride = u64::from(layout.geometry.frame_size()) + FRAME_OVERHEAD;
                let place = run.offset + u64::from(step) * stride + FRAME_HEADER_LEN as u64;
                let candidates = by_frame.get(&frame).map_or(&[][..], Vec::as_slice);
                let hit = candidates.iter().copied().find(|at| {
                    let missing = std::mem::take(&mut self.missing);
                    let opens = !gone.contains(at)
                        && self.left > 0
                        && missing.get(*at).is_some_and(|missing| self.opens(missing, place));
                    self.missing = missing;
                    opens
                });
                if let Some(at) = hit
                    && let Some(missing) = self.missing.get(at)
                {
                    found.push((missing.segment, missing.start(place)));
                    more.push(run.offset..run.end(&layout));
                    let segment = missing.segment;
                    let rest = frame..run.first + run.count;
                    gone.extend((0..self.missing.len()).filter(|&at| {
                        self.missing.get(at).is_some_and(|missing| {
                            missing.segment == segment && rest.contains(&missing.frame)
                        })
                    }));
                    break;
                }
            }
        }
        let mut at = 0;
        self.missing.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        self.used = used;
        self.used.extend(more);
        Ok(found)
    }

    /// Tries what is missing at every place of what is left of the source, small gaps first.
    fn try_gaps(&mut self, map: &Map) -> Result<Vec<(u64, i64)>, StreamError> {
        let mut found = Vec::new();
        let mut at = 0;
        let mut gaps = Vec::new();
        for used in joined(std::mem::take(&mut self.used)) {
            if used.start > at {
                gaps.push(at..used.start);
            }
            at = at.max(used.end);
        }
        gaps.push(at..self.source.len().max(at));
        // Nothing lies in a hole of a sparse file.
        let mut gaps: Vec<_> = gaps.into_iter().flat_map(|gap| map.holes.data_in(gap)).collect();
        gaps.sort_by_key(|gap| gap.end - gap.start);
        self.missing.sort_by_key(Missing::sealed_len);
        for gap in gaps {
            let mut place = gap.start;
            while let Some(least) = self.missing.first().map(Missing::sealed_len)
                && place + least <= gap.end
            {
                self.check_cancel()?;
                let missing = std::mem::take(&mut self.missing);
                let room = gap.end - place;
                let fitting = missing.partition_point(|missing| missing.sealed_len() <= room);
                let hit = missing
                    .iter()
                    .take(fitting)
                    .position(|missing| self.left > 0 && self.opens(missing, place));
                self.missing = missing;
                match hit {
                    Some(at) => {
                        let missing = self.missing.remove(at);
                        found.push((missing.segment, missing.start(place)));
                        place += missing.sealed_len();
                    }
                    None if self.left == 0 => return Ok(found),
                    None => place += 1,
                }
            }
        }
        Ok(found)
    }
}

/// Ranges in order, joined where they touch.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

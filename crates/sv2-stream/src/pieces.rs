//! Bytes of a stream that were handed in, in whatever order and cut they came.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

/// Pieces by offset, none overlapping another.
#[derive(Debug, Default)]
pub(crate) struct Pieces(BTreeMap<u64, Vec<u8>>);

impl Pieces {
    /// Takes what is in `wanted` and not there yet; of bytes that come twice the first ones stay.
    pub(crate) fn insert<'w>(
        &mut self,
        wanted: impl IntoIterator<Item = &'w Range<u64>>,
        offset: u64,
        bytes: &[u8],
    ) {
        let end = offset.saturating_add(bytes.len() as u64);
        let here = wanted.into_iter().map(|range| range.start.max(offset)..range.end.min(end));
        for part in self.missing(&here.collect::<Vec<_>>()) {
            // Inside `bytes`, so both fit.
            let part_bytes = &bytes[(part.start - offset) as usize..(part.end - offset) as usize];
            self.put(part.start, part_bytes);
        }
    }

    /// Puts a piece where there is none, joined to one that ends there: what comes in order lies
    /// in one piece.
    fn put(&mut self, start: u64, bytes: &[u8]) {
        match self.0.range_mut(..start).next_back() {
            Some((&at, piece)) if at + piece.len() as u64 == start => {
                piece.extend_from_slice(bytes);
            }
            _ => {
                self.0.insert(start, bytes.to_vec());
            }
        }
    }

    /// What of these ranges is not there.
    pub(crate) fn missing(&self, wanted: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        for range in wanted {
            let mut at = range.start;
            while at < range.end {
                let covered = self.covered_to(at);
                if covered > at {
                    at = covered;
                    continue;
                }
                let next = self.0.range(at..range.end).next().map_or(range.end, |(&next, _)| next);
                missing.push(at..next);
                at = next;
            }
        }
        missing
    }

    /// Where the piece that holds the byte at `at` ends, or `at` where none does.
    fn covered_to(&self, at: u64) -> u64 {
        let piece = self.0.range(..=at).next_back();
        piece.map_or(at, |(&start, piece)| at.max(start + piece.len() as u64))
    }

    /// The bytes of a range, if they are all there.
    pub(crate) fn get(&self, range: Range<u64>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (&start, piece) = self.0.range(..=at).next_back()?;
            let end = range.end.min(start + piece.len() as u64);
            bytes.extend_from_slice(piece.get((at - start) as usize..(end - start) as usize)?);
            if end == at {
                return None;
            }
            at = end;
        }
        Some(bytes)
    }
}

/// The same ranges in order, those that touch as one.
pub(crate) fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges.into_iter().filter(|range| range.start < range.end) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

//! The holes of a sparse file, which cost its maker nothing and must cost a reader as little.

use std::ops::Range;

use crate::io::PositionedInput;
use crate::system::data_of;

/// Where a source holds bytes; everything between is zeros that nobody wrote.
pub(crate) struct Holes {
    /// Starts and ends of data, in order and apart; one where the source has no holes.
    data: Vec<(u64, u64)>,
    /// Bytes of data in front of each of them.
    before: Vec<u64>,
    len: u64,
}

impl Holes {
    /// Asks the file system; a source that is no sparse file has no holes.
    pub(crate) fn of(source: &PositionedInput<'_>) -> Self {
        let len = source.len();
        let data = match source {
            PositionedInput::File { file, base, .. } => data_of(file, *base, len),
            PositionedInput::Start { whole, .. } => {
                let mut data = Self::of(whole).data;
                data.retain(|&(start, _)| start < len);
                data.iter_mut().for_each(|(_, end)| *end = len.min(*end));
                Some(data)
            }
            PositionedInput::Memory(_) | PositionedInput::Custom { .. } => None,
        };
        Self::between(data.unwrap_or_else(|| vec![(0, len)]), len)
    }

    fn between(data: Vec<(u64, u64)>, len: u64) -> Self {
        let mut sum = 0;
        let mut add = |&(start, end): &(u64, u64)| {
            sum += end - start;
            sum - (end - start)
        };
        let before = data.iter().map(&mut add).collect();
        Self { data, before, len }
    }

    /// Bytes of data in all.
    pub(crate) fn data_len(&self) -> u64 {
        self.data_before(self.len)
    }

    /// Bytes of data in front of `offset`.
    fn data_before(&self, offset: u64) -> u64 {
        let next = self.data.partition_point(|&(start, _)| start < offset);
        let Some(last) = next.checked_sub(1) else { return 0 };
        let (start, end) = self.data[last];
        self.before[last] + end.min(offset) - start
    }

    /// Bytes of data in a range.
    pub(crate) fn data_len_in(&self, range: &Range<u64>) -> u64 {
        self.data_before(range.end).saturating_sub(self.data_before(range.start))
    }

    /// The data in a range, in order.
    pub(crate) fn data_in(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.data.partition_point(|&(_, end)| end <= range.start);
        let data = self.data[first..].iter().take_while(move |&&(start, _)| start < range.end);
        let within = data.map(move |&(start, end)| start.max(range.start)..end.min(range.end));
        within.filter(|data| !data.is_empty())
    }

    /// Where the last byte ends that was ever written.
    pub(crate) fn end_of_data(&self) -> u64 {
        self.data.last().map_or(0, |&(_, end)| end)
    }

    /// The end of the hole that `offset` lies in, or `offset` where there are bytes.
    pub(crate) fn end_of_hole(&self, offset: u64) -> u64 {
        let next = self.data.partition_point(|&(_, end)| end <= offset);
        match self.data.get(next) {
            Some(&(start, _)) => start.max(offset),
            None => self.len.max(offset),
        }
    }

    /// The end of the data that `offset` lies in, or `offset` where there is a hole.
    pub(crate) fn end_of_run(&self, offset: u64) -> u64 {
        let next = self.data.partition_point(|&(_, end)| end <= offset);
        match self.data.get(next) {
            Some(&(start, end)) if start <= offset => end,
            _ => offset,
        }
    }

    /// Whether no byte of a range was ever written.
    pub(crate) fn cover(&self, range: &Range<u64>) -> bool {
        range.start < range.end && self.end_of_hole(range.start) >= range.end
    }

    /// Whether a hole of at least `least` bytes lies in a range.
    pub(crate) fn reach_into(&self, range: &Range<u64>, least: u64) -> bool {
        let mut at = range.start;
        for data in self.data_in(range.clone()) {
            if data.start - at >= least {
                return true;
            }
            at = data.end;
        }
        range.end.saturating_sub(at) >= least
    }
}

//! Ranges on the command line: `OFF:LEN`, where either may have a suffix and OFF may count from
//! the end.

use std::ops;

use crate::size;

/// A range of a plaintext whose length is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    start: Start,
    /// `None` is up to the end.
    len: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    FromStart(u64),
    FromEnd(u64),
}

impl Range {
    /// Everything.
    pub(super) const WHOLE: Self = Self { start: Start::FromStart(0), len: None };

    /// Whether its place depends on where the plaintext ends.
    pub(super) fn counts_from_the_end(&self) -> bool {
        matches!(self.start, Start::FromEnd(_))
    }

    /// The bytes of a plaintext of `total` bytes that are in the range, like a positioned read:
    /// what lies beyond the end is not there.
    pub(super) fn within(self, total: u64) -> ops::Range<u64> {
        let start = match self.start {
            Start::FromStart(offset) => offset.min(total),
            Start::FromEnd(back) => total.saturating_sub(back),
        };
        let end = self.len.map_or(total, |len| start.saturating_add(len).min(total));
        start..end
    }
}

/// Reads a range such as `4K:100`, `1M:`, `1M` or `-64K:512`.
pub(super) fn parse(text: &str) -> Result<Range, String> {
    let (offset, len) = text.split_once(':').unwrap_or((text, ""));
    let (from_end, offset) = match offset.strip_prefix('-') {
        Some(offset) => (true, offset),
        None => (false, offset),
    };
    let told = |error| format!("{error}; a range is OFF:LEN, as in 4K:100, 1M: or -64K:512");
    let offset = size::parse(offset).map_err(told)?;
    let start = if from_end { Start::FromEnd(offset) } else { Start::FromStart(offset) };
    let len = if len.is_empty() { None } else { Some(size::parse(len).map_err(told)?) };
    Ok(Range { start, len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_like_positioned_reads() {
        for (text, total, range) in [
            ("0:10", 100, 0..10),
            ("90:20", 100, 90..100),
            ("100:1", 100, 100..100),
            ("1G:1G", 100, 100..100),
            ("7:", 100, 7..100),
            ("7", 100, 7..100),
            ("7:0", 100, 7..7),
            ("-10:4", 100, 90..94),
            ("-10:", 100, 90..100),
            ("-0:5", 100, 100..100),
            ("-1K:8", 100, 0..8),
            ("1K:1K", 1 << 20, 1024..2048),
            ("1:18446744073709551615", 100, 1..100),
            ("0:", 0, 0..0),
        ] {
            assert_eq!(parse(text).unwrap().within(total), range, "{text} of {total}");
        }
        assert_eq!(Range::WHOLE.within(100), 0..100);
    }

    #[test]
    fn what_is_no_range_is_told_with_an_example() {
        for bad in ["", ":", ":5", "-", "-:5", "a:5", "1:2:3", "1:-2", "--1:2", "1.5K:1", "0x10:1"]
        {
            let told = parse(bad).expect_err(bad);
            assert!(told.contains("OFF:LEN"), "{bad}: {told}");
        }
    }
}

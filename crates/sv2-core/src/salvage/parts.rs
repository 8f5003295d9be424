//! Which bytes of a source belong to the stream, and which to no part of it.

use std::ops::Range;

use sv2_framing::StreamLayout;

/// Bytes of the source whose place in the stream is known.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: i64,
    end: i64,
    /// By how much they lie behind their place.
    shift: i64,
}

/// What was recovered, as runs of bytes with one shift each.
#[derive(Debug)]
pub(super) struct Parts {
    layout: StreamLayout,
    parts: Vec<Part>,
}

impl Parts {
    pub(super) fn new(layout: StreamLayout) -> Self {
        Self { layout, parts: Vec::new() }
    }

    /// Takes in `range` of a stream, in bytes from its start, which begins at `shift`.
    ///
    /// What lies between parts of one shift is damaged where it is, and joins them.
    pub(super) fn push(&mut self, range: Range<u64>, shift: i64) {
        let (start, end) = (range.start as i64 + shift, range.end as i64 + shift);
        match self.parts.last_mut() {
            Some(last) if last.shift == shift && last.start <= start => {
                last.end = last.end.max(end);
            }
            _ => self.parts.push(Part { start, end, shift }),
        }
    }

    /// Takes in a header of `len` bytes, where what follows a front at `shift` was found.
    pub(super) fn push_front(&mut self, len: u64, shift: i64) {
        if self.parts.iter().any(|part| part.shift == shift) {
            self.parts.push(Part { start: shift, end: shift + len as i64, shift });
        }
    }

    /// The ranges of a source of `len` bytes that belong to no part of the stream and to no damage
    /// of one, in order.
    pub(super) fn foreign(mut self, len: u64) -> Vec<Range<u64>> {
        let len = len as i64;
        self.parts.sort_by_key(|part| (part.start, part.end));
        let mut foreign = Vec::new();
        let mut before = Part { start: 0, end: 0, shift: 0 };
        let none = self.parts.is_empty();
        let behind = Part { start: len, end: len, shift: i64::MAX };
        for part in self.parts.iter().chain([&behind]) {
            let gap = part.start.clamp(0, len) - before.end.clamp(0, len);
            // What is missing of the stream between the two may be the debris that lies there.
            let missing = match part.shift {
                i64::MAX if none => i64::MAX,
                i64::MAX => 0,
                shift => (part.start - shift) - (before.end - before.shift),
            };
            if gap > 0 && gap > missing.max(0) {
                foreign.push(before.end.max(0) as u64..part.start.min(len) as u64);
            }
            if part.end > before.end {
                before = *part;
            }
        }
        foreign
    }

    pub(super) fn layout(&self) -> StreamLayout {
        self.layout
    }
}

#[cfg(test)]
mod tests {
    use sv2_headers::{DigestAlg, Geometry};

    use super::*;

    fn foreign(parts: &[(u64, u64, i64)], len: u64) -> Vec<(u64, u64)> {
        let geometry = Geometry::new(8, 2).expect("a legal geometry");
        let layout = StreamLayout { geometry, digest: DigestAlg::None, header_len: 256 };
        let mut all = Parts::new(layout);
        for &(start, end, shift) in parts {
            all.push(start..end, shift);
        }
        all.foreign(len).into_iter().map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn bytes_that_came_in_are_foreign_and_damage_in_place_is_not() {
        let none: [(u64, u64); 0] = [];
        assert_eq!(foreign(&[(0, 50, 0), (60, 100, 0)], 100), none);
        assert_eq!(foreign(&[(0, 50, 0), (50, 100, 7)], 107), [(50, 57)]);
        assert_eq!(foreign(&[(0, 100, 9)], 109), [(0, 9)]);
        assert_eq!(foreign(&[(0, 100, 0)], 130), [(100, 130)]);
        // A hole of 20 bytes that left debris of the 30 it touched.
        assert_eq!(foreign(&[(0, 50, 0), (80, 100, -20)], 80), none);
        // As many bytes too many as were lost and ten more.
        assert_eq!(foreign(&[(0, 50, 0), (80, 100, 10)], 110), [(50, 90)]);
        // The stream's first part is gone, and something else is in front.
        assert_eq!(foreign(&[(40, 100, 100)], 200), [(0, 140)]);
        // A copy of what was used elsewhere.
        assert_eq!(foreign(&[(0, 50, 0), (50, 100, 50)], 150), [(50, 100)]);
    }
}

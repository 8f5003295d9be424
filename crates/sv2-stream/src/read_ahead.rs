//! How far a reader that goes through a stream reads ahead of itself.

use sv2_framing::StreamLayout;

/// Windows of plaintext that double while one follows the other.
///
/// A read that follows none fetches no more than it asks for, so that jumping about costs nothing.
#[derive(Debug, Clone, Default)]
pub struct ReadAhead {
    max: u64,
    len: u64,
    /// Where the last window ended.
    next: Option<u64>,
}

impl ReadAhead {
    /// Windows of at most `max` bytes of plaintext, and a little more where a segment ends there.
    #[must_use]
    pub fn new(max: u64) -> Self {
        Self { max, len: 0, next: None }
    }

    /// The end of the window to fetch for a read of `wanted` bytes from `offset` on, in a stream of
    /// `plaintext_len` bytes.
    ///
    /// A window ends with a frame, and with the segment where little more than that is left of it:
    /// the rest would cost a request of its own.
    pub fn window(
        &mut self,
        layout: StreamLayout,
        plaintext_len: u64,
        offset: u64,
        wanted: u64,
    ) -> u64 {
        let frame_size = u64::from(layout.geometry.frame_size());
        self.len = match self.next {
            Some(next) if next == offset => self.len.saturating_mul(2).min(self.max).max(wanted),
            _ => wanted,
        };
        let end = offset.saturating_add(self.len.max(1));
        let end = end.checked_next_multiple_of(frame_size).unwrap_or(u64::MAX);
        let segment_size = layout.geometry.segment_size();
        let segment_end = end.checked_next_multiple_of(segment_size).unwrap_or(u64::MAX);
        let near = segment_end - end <= frame_size.max(self.len.min(segment_size) / 8);
        let end = if near { segment_end } else { end }.min(plaintext_len);
        self.len = end.saturating_sub(offset);
        self.next = Some(end);
        end
    }
}

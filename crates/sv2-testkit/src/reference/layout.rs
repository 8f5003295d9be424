//! The geometry of section 2: every length and offset of a stream as a closed form.

/// What fixes the layout of a stream: the four values of the header that lengths depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Binary logarithm of the frame size in bytes.
    pub frame_log2: u8,
    /// Binary logarithm of the number of frames in a full segment.
    pub frames_log2: u8,
    /// Digest id: 0 adds no bytes to segments and index entries, any other adds 32.
    pub digest: u8,
    /// Length of the header, and of its copy, in bytes.
    pub header_len: u32,
}

impl Layout {
    /// F, the plaintext bytes of a full frame.
    pub fn frame_size(&self) -> u64 {
        1 << self.frame_log2
    }

    /// S, the plaintext bytes of a full segment.
    pub fn segment_size(&self) -> u64 {
        1 << (self.frame_log2 + self.frames_log2)
    }

    /// D, the bytes of a segment digest.
    pub fn digest_len(&self) -> u64 {
        if self.digest == 0 { 0 } else { 32 }
    }

    /// The longest plaintext that this geometry may hold: min(2^56, S * 2^32).
    pub fn max_plaintext_len(&self) -> u64 {
        (1 << 56).min(self.segment_size() << 32)
    }

    /// n, the number of segments of `plaintext_len` bytes.
    pub fn segment_count(&self, plaintext_len: u64) -> u64 {
        plaintext_len.div_ceil(self.segment_size())
    }

    /// The plaintext bytes of segment `index` of a stream of `plaintext_len` bytes.
    pub fn segment_plaintext_len(&self, plaintext_len: u64, index: u64) -> u64 {
        (plaintext_len - index * self.segment_size()).min(self.segment_size())
    }

    /// The frames of a segment with `p` plaintext bytes.
    pub fn frame_count(&self, p: u64) -> u64 {
        p.div_ceil(self.frame_size())
    }

    /// The plaintext bytes of frame `frame` of a segment with `p` plaintext bytes.
    pub fn frame_plaintext_len(&self, p: u64, frame: u64) -> u64 {
        (p - frame * self.frame_size()).min(self.frame_size())
    }

    /// The wire bytes of all frames of a segment with `p` plaintext bytes.
    pub fn frames_len(&self, p: u64) -> u64 {
        p + 32 * self.frame_count(p)
    }

    /// W(p), the wire bytes of a segment with `p` plaintext bytes.
    pub fn segment_len(&self, p: u64) -> u64 {
        64 + self.frames_len(p) + self.digest_len() + 8
    }

    /// Where segment `index` begins.
    pub fn segment_offset(&self, index: u64) -> u64 {
        u64::from(self.header_len) + index * self.segment_len(self.segment_size())
    }

    /// Where frame `frame` of segment `index` begins.
    pub fn frame_offset(&self, index: u64, frame: u64) -> u64 {
        self.segment_offset(index) + 64 + frame * (32 + self.frame_size())
    }

    /// Where the tail, that is the header copy, begins.
    pub fn tail_offset(&self, plaintext_len: u64) -> u64 {
        let full = plaintext_len / self.segment_size();
        let rest = plaintext_len % self.segment_size();
        self.segment_offset(full) + if rest == 0 { 0 } else { self.segment_len(rest) }
    }

    /// The bytes of one index entry.
    pub fn entry_len(&self) -> u64 {
        32 + self.digest_len()
    }

    /// Where the index begins.
    pub fn index_offset(&self, plaintext_len: u64) -> u64 {
        self.tail_offset(plaintext_len) + u64::from(self.header_len)
    }

    /// Where the page table begins.
    pub fn page_table_offset(&self, plaintext_len: u64) -> u64 {
        let entries = self.segment_count(plaintext_len) * self.entry_len();
        self.index_offset(plaintext_len) + entries
    }

    /// Where the trailer begins.
    pub fn trailer_offset(&self, plaintext_len: u64) -> u64 {
        let pages = self.segment_count(plaintext_len).div_ceil(1024);
        self.page_table_offset(plaintext_len) + 32 * pages
    }

    /// The bytes of a stream of `plaintext_len` plaintext bytes.
    pub fn stream_len(&self, plaintext_len: u64) -> u64 {
        self.trailer_offset(plaintext_len) + 128
    }

    /// The plaintext length of a stream of `stream_len` bytes, or `None` where no plaintext gives
    /// that length. [`Layout::stream_len`] is strictly increasing, so a binary search finds it.
    pub fn plaintext_len(&self, stream_len: u64) -> Option<u64> {
        let (mut low, mut high) = (0, self.max_plaintext_len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.stream_len(middle) < stream_len {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (self.stream_len(low) == stream_len).then_some(low)
    }
}

//! Bytes that came in some cut and leave in another, without a copy.

use std::collections::VecDeque;

use bytes::Bytes;

/// Chunks in order.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    chunks: VecDeque<Bytes>,
    len: u64,
}

impl Backlog {
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len() as u64;
            self.chunks.push_back(chunk);
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The first `len` bytes, or all where there are fewer.
    pub(crate) fn take(&mut self, len: u64) -> Vec<Bytes> {
        let mut left = len.min(self.len);
        let mut taken = Vec::new();
        self.len -= left;
        while left > 0 {
            let Some(mut chunk) = self.chunks.pop_front() else { break };
            // What is left is shorter than the chunk, so it fits.
            let part = match (chunk.len() as u64) > left {
                true => {
                    let part = chunk.split_to(left as usize);
                    self.chunks.push_front(chunk);
                    part
                }
                false => chunk,
            };
            left -= part.len() as u64;
            taken.push(part);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_another_cut_than_they_came() {
        let mut backlog = Backlog::default();
        for chunk in ["ab", "", "cdefg", "h"] {
            backlog.push(Bytes::from_static(chunk.as_bytes()));
        }
        let mut cuts = Vec::new();
        for len in [0, 1, 3, 4, 9] {
            cuts.push(backlog.take(len).concat());
        }
        assert_eq!(cuts, [&b""[..], b"a", b"bcd", b"efgh", b""]);
        assert_eq!(backlog.len(), 0);
    }
}

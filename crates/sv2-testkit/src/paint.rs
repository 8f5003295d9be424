//! Input whose every byte tells where it belongs, and the lengths at which layouts change.

use std::io::Read;

/// The period of the pattern: a prime, so that no frame or segment size is a multiple of it.
pub const PERIOD: u64 = 251;

/// The painted byte at `offset`.
pub fn byte_at(offset: u64) -> u8 {
    (offset % PERIOD) as u8
}

/// The first `len` painted bytes.
pub fn paint(len: usize) -> Vec<u8> {
    painted_range(0, len)
}

/// `len` painted bytes from `offset` on.
pub fn painted_range(offset: u64, len: usize) -> Vec<u8> {
    (offset..).take(len).map(byte_at).collect()
}

/// The offset of the first byte of `bytes` that is not painted as if they began at `offset`.
pub fn first_unpainted(offset: u64, bytes: &[u8]) -> Option<u64> {
    (offset..).zip(bytes).find(|(at, byte)| byte_at(*at) != **byte).map(|(at, _)| at)
}

/// Lengths around the borders of frames and segments: 0, 1, F-1, F, F+1, S-1, S, S+1, 2S, 3S+1,
/// in rising order and each once.
pub fn boundary_lengths(frame: u64, segment: u64) -> Vec<u64> {
    let mut lengths = vec![
        0,
        1,
        frame - 1,
        frame,
        frame + 1,
        segment - 1,
        segment,
        segment + 1,
        2 * segment,
        3 * segment + 1,
    ];
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

/// Painted input of any length that takes no memory.
#[derive(Clone, Debug)]
pub struct PaintReader {
    at: u64,
    end: u64,
}

impl PaintReader {
    /// A reader of `len` painted bytes.
    pub fn new(len: u64) -> PaintReader {
        PaintReader { at: 0, end: len }
    }
}

impl Read for PaintReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = (buffer.len() as u64).min(self.end - self.at) as usize;
        for byte in &mut buffer[..len] {
            *byte = byte_at(self.at);
            self.at += 1;
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_and_slices_carry_the_same_pattern() {
        let mut read = Vec::new();
        PaintReader::new(1000).read_to_end(&mut read).expect("memory does not fail");
        assert_eq!(read, paint(1000));
        assert_eq!(read[700..], painted_range(700, 300));
        assert_eq!(read[250..252], [250, 0]);
    }

    #[test]
    fn a_moved_or_changed_byte_is_found() {
        let mut bytes = painted_range(500, 300);
        assert_eq!(first_unpainted(500, &bytes), None);
        assert_eq!(first_unpainted(501, &bytes), Some(501));
        bytes[17] ^= 1;
        assert_eq!(first_unpainted(500, &bytes), Some(517));
    }

    #[test]
    fn boundary_lengths_are_rising_and_unique_also_where_frame_and_segment_are_equal() {
        assert_eq!(boundary_lengths(256, 256), [0, 1, 255, 256, 257, 512, 769]);
        assert_eq!(boundary_lengths(4, 16), [0, 1, 3, 4, 5, 15, 16, 17, 32, 49]);
    }
}

//! Plaintext that is computed from its offset, so that no copy of it is needed.

use std::io::{self, Read};

/// The eight bytes at eight times this number.
pub(crate) fn word(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// Fills `out` with the plaintext from `offset` on.
pub(crate) fn fill(offset: u64, out: &mut [u8]) {
    let mut at = offset;
    let mut rest = out;
    while !rest.is_empty() {
        let bytes = word(at / 8).to_le_bytes();
        let bytes = &bytes[(at % 8) as usize..];
        let count = bytes.len().min(rest.len());
        rest[..count].copy_from_slice(&bytes[..count]);
        at += count as u64;
        rest = &mut rest[count..];
    }
}

/// Reads `len` bytes of it.
pub(crate) struct Source {
    at: u64,
    len: u64,
}

impl Source {
    pub(crate) fn new(len: u64) -> Self {
        Self { at: 0, len }
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(usize::try_from(self.len - self.at).unwrap_or(usize::MAX));
        fill(self.at, &mut out[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

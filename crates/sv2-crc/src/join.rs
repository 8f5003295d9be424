//! Joining checksums, so that a segment's CRC costs no second pass (format.md section 6.1).
//!
//! A CRC is linear: appending `n` zero bytes to a message multiplies its register by `x^(8n)` in
//! GF(2)\[x\] modulo the polynomial.
//! Hence `crc(a || b) = shift(crc(a), len(b)) ^ crc(b)`, where start value and final inversion
//! cancel out.
//! For the one length that recurs, that of a full frame, the multiplication is a table.

use alloc::boxed::Box;

use crate::CRC_LEN;
use crate::polynomial::{multiply, power_of_x8};

/// For each byte of a register, what it is multiplied to.
type Tables = [[u64; 256]; 8];

/// What the checksum of a full frame of the standard geometry covers: header, 64 KiB, tag.
const STANDARD_FRAME: u64 = 8 + (64 << 10) + 16;
/// A stored checksum.
const WORD: u64 = CRC_LEN as u64;
/// Making tables costs as much as half of a small stream, so the two that nearly every stream
/// needs are made by the compiler.
static STANDARD_FRAME_TABLES: Tables = tables(STANDARD_FRAME);
static WORD_TABLES: Tables = tables(WORD);

const fn tables(len: u64) -> Tables {
    let factor = power_of_x8(len);
    let mut tables = [[0; 256]; 8];
    let mut place = 0;
    while place < 8 {
        let mut bit = 0;
        while bit < 8 {
            let basis = multiply(1 << (8 * place + bit), factor);
            let mut high = 0;
            while high < 1 << bit {
                tables[place][high | 1 << bit] = tables[place][high] ^ basis;
                high += 1;
            }
            bit += 1;
        }
        place += 1;
    }
    tables
}

/// Multiplication by a fixed `x^(8n)`: eight table look-ups.
#[derive(Debug, Clone)]
pub struct Shift(Held);

#[derive(Debug, Clone)]
enum Held {
    Static(&'static Tables),
    Made(Box<Tables>),
}

impl Shift {
    /// The operator for appending a message of `len` bytes.
    #[must_use]
    pub fn new(len: u64) -> Self {
        Self(match len {
            STANDARD_FRAME => Held::Static(&STANDARD_FRAME_TABLES),
            WORD => Held::Static(&WORD_TABLES),
            _ => Held::Made(Box::new(tables(len))),
        })
    }

    /// The register after that many zero bytes more.
    #[inline]
    #[must_use]
    pub fn apply(&self, register: u64) -> u64 {
        let tables = match &self.0 {
            Held::Static(tables) => tables,
            Held::Made(tables) => &**tables,
        };
        let mut out = 0;
        for (table, byte) in tables.iter().zip(register.to_le_bytes()) {
            out ^= table[byte as usize];
        }
        out
    }
}

/// The operators that a segment needs: one for a full frame and one for eight bytes.
#[derive(Debug, Clone)]
pub struct SegmentCrc {
    full_frame_len: u64,
    full_frame: Shift,
    word: Shift,
}

impl SegmentCrc {
    /// Operators for frames whose checksum covers `full_frame_len` bytes when they are full.
    #[must_use]
    pub fn new(full_frame_len: u64) -> Self {
        Self { full_frame_len, full_frame: Shift::new(full_frame_len), word: Shift::new(WORD) }
    }

    /// The checksum of a message followed by `part_len` bytes whose own checksum is `part`.
    #[inline]
    #[must_use]
    pub fn append(&self, crc: u64, part: u64, part_len: u64) -> u64 {
        if part_len == self.full_frame_len {
            self.full_frame.apply(crc) ^ part
        } else {
            combine(crc, part, part_len)
        }
    }

    /// The checksum of a message followed by a checksum as it is stored.
    #[inline]
    #[must_use]
    pub fn append_stored(&self, crc: u64, stored: u64) -> u64 {
        // One step of the register over eight bytes: the message's bytes enter at its low end,
        // and a big-endian value read as little-endian is its byte swap.
        !self.word.apply(!crc ^ stored.swap_bytes())
    }
}

/// The checksum of a message with checksum `first` followed by `second_len` bytes with checksum
/// `second`, for any length.
#[must_use]
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    multiply(first, power_of_x8(second_len)) ^ second
}

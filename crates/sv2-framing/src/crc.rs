//! Joining checksums, so that a segment's CRC costs no second pass (format.md section 6.1).
//!
//! A CRC is linear: appending `n` zero bytes to a message multiplies its register by `x^(8n)` in
//! GF(2)\[x\] modulo the polynomial.
//! Hence `crc(a || b) = shift(crc(a), len(b)) ^ crc(b)`, where start value and final inversion
//! cancel out.
//! For the one length that recurs, that of a full frame, the multiplication is a table.

use alloc::boxed::Box;
use alloc::vec;

pub use sv2_headers::checksum::{CRC_LEN, crc64};

/// The reflected polynomial of CRC-64/NVME.
const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;
/// The polynomial 1 in the reflected representation.
const ONE: u64 = 1 << 63;

/// Multiplication by a fixed `x^(8n)`: eight table look-ups.
#[derive(Debug, Clone)]
pub struct Shift {
    tables: Box<[[u64; 256]; 8]>,
}

impl Shift {
    /// The operator for appending a message of `len` bytes.
    #[must_use]
    pub fn new(len: u64) -> Self {
        let factor = power_of_x8(len);
        let mut tables: Box<[[u64; 256]; 8]> = match vec![[0u64; 256]; 8].try_into() {
            Ok(tables) => tables,
            Err(_) => unreachable!("a vector of eight tables has eight tables"),
        };
        for (position, table) in tables.iter_mut().enumerate() {
            for bit in 0..8 {
                let basis = multiply(1 << (8 * position + bit), factor);
                for high in 0..1usize << bit {
                    table[high | 1 << bit] = table[high] ^ basis;
                }
            }
        }
        Self { tables }
    }

    /// The register after that many zero bytes more.
    #[inline]
    #[must_use]
    pub fn apply(&self, register: u64) -> u64 {
        let bytes = register.to_le_bytes();
        let mut out = 0;
        for (table, byte) in self.tables.iter().zip(bytes) {
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
        Self {
            full_frame_len,
            full_frame: Shift::new(full_frame_len),
            word: Shift::new(CRC_LEN as u64),
        }
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

/// `x^(8n)` modulo the polynomial.
fn power_of_x8(n: u64) -> u64 {
    let mut power = ONE;
    let mut square = ONE >> 8;
    let mut left = n;
    while left != 0 {
        if left & 1 == 1 {
            power = multiply(power, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    power
}

/// The product of two reflected polynomials modulo the polynomial.
fn multiply(a: u64, b: u64) -> u64 {
    let (mut product, mut shifted) = (0, b);
    for bit in (0..64).rev() {
        if a >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = if shifted & 1 == 1 { shifted >> 1 ^ POLYNOMIAL } else { shifted >> 1 };
    }
    product
}

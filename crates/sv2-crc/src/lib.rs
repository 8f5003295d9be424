//! CRC-64/NVME as the format stores it: big-endian, behind the bytes that it covers (sections 6
//! and 6.1 of `docs/format.md`).
//!
//! A checksum finds accidents; it proves nothing about who wrote the bytes.

#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod join;
mod kernel;
mod polynomial;
mod table;

pub use join::{SegmentCrc, Shift, combine};
pub use kernel::{Kernel, crc64};

/// Length of a stored checksum in bytes.
pub const CRC_LEN: usize = 8;

/// Writes the checksum of all but the last eight bytes of `unit` into its last eight, most
/// significant byte first (F-103).
///
/// A unit shorter than eight bytes is left as it is.
pub fn store(unit: &mut [u8]) {
    if let Some((covered, stored)) = unit.split_last_chunk_mut::<CRC_LEN>() {
        *stored = crc64(covered).to_be_bytes();
    }
}

/// Whether the last eight bytes of `unit` are the checksum of the bytes before them.
#[must_use]
pub fn holds(unit: &[u8]) -> bool {
    unit.split_last_chunk::<CRC_LEN>()
        .is_some_and(|(covered, stored)| u64::from_be_bytes(*stored) == crc64(covered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_check_value_is_reproduced() {
        assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut unit = [0x5Au8; 40];
        store(&mut unit);
        assert!(holds(&unit));
        for bit in 0..unit.len() * 8 {
            unit[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&unit), "bit {bit}");
            unit[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_unit_without_room_for_a_checksum_never_holds() {
        assert!(!holds(&[0; 7]));
    }
}

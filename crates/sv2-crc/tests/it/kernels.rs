//! Every kernel against the one by tables, and that one bit by bit in `joining`.

use proptest::prelude::*;
use sv2_crc::{Kernel, crc64};

fn painted(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at >> 8) as u8).collect()
}

#[test]
fn all_kernels_agree_on_every_length_and_alignment() {
    let message = painted(1400);
    for start in 0..33 {
        for end in start..message.len() {
            let part = &message[start..end];
            let expected = Kernel::Table.crc64(part);
            for kernel in Kernel::available() {
                assert_eq!(kernel.crc64(part), expected, "{kernel:?} {start}..{end}");
            }
        }
    }
}

/// Whatever bit is set alone, each kernel sees it at its place.
#[test]
fn all_kernels_agree_on_every_single_bit() {
    let mut message = vec![0; 600];
    for bit in 0..message.len() * 8 {
        message[bit / 8] ^= 1 << (bit % 8);
        let expected = Kernel::Table.crc64(&message);
        for kernel in Kernel::available() {
            assert_eq!(kernel.crc64(&message), expected, "{kernel:?} bit {bit}");
        }
        message[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn the_checksum_of_a_call_is_that_of_the_fastest_kernel() {
    assert!(Kernel::available().contains(&Kernel::fastest()));
    let message = painted(70_000);
    assert_eq!(crc64(&message), Kernel::Table.crc64(&message));
}

proptest! {
    #[test]
    fn all_kernels_agree_on_any_message(
        message in prop::collection::vec(any::<u8>(), 0..20_000),
        start in 0usize..64,
    ) {
        let part = message.get(start..).unwrap_or(&message);
        let expected = Kernel::Table.crc64(part);
        for kernel in Kernel::available() {
            prop_assert_eq!(kernel.crc64(part), expected, "{:?}", kernel);
        }
    }
}

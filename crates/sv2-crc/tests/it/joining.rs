//! Joined checksums against checksums of the joined bytes (section 6.1).

use proptest::prelude::*;
use sv2_crc::{SegmentCrc, Shift, combine, crc64};

/// Bytes that repeat nowhere near.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 56) as u8
        })
        .collect()
}

/// F-102: bit by bit from polynomial, initial value and final XOR, and the published check value.
#[test]
fn the_checksum_is_the_one_that_the_format_names() {
    let bit_by_bit = |message: &[u8]| {
        let mut register = u64::MAX;
        for byte in message {
            register ^= u64::from(*byte);
            for _ in 0..8 {
                let low = register & 1;
                register >>= 1;
                if low == 1 {
                    register ^= 0x9A6C_9329_AC4B_C9B5;
                }
            }
        }
        !register
    };
    assert_eq!(bit_by_bit(b"123456789"), 0xAE8B_1486_0A79_9888);
    for len in 0..300 {
        assert_eq!(crc64(&bytes(len)), bit_by_bit(&bytes(len)), "{len}");
    }
}

#[test]
fn checksums_of_any_two_short_messages_join() {
    let message = bytes(300);
    let crcs: Vec<Vec<u64>> = (0..=300)
        .map(|start| (start..=300).map(|end| crc64(&message[start..end])).collect())
        .collect();
    for start in [0, 1, 7, 8, 9, 150] {
        for end in start..=300 {
            for cut in start..=end {
                let (first, second) = (crcs[start][cut - start], crcs[cut][end - cut]);
                let joined = combine(first, second, (end - cut) as u64);
                assert_eq!(joined, crcs[start][end - start], "{start}..{cut}..{end}");
            }
        }
    }
}

#[test]
fn appending_nothing_changes_nothing() {
    let crc = crc64(b"abc");
    assert_eq!(combine(crc, crc64(b""), 0), crc);
    assert_eq!(Shift::new(0).apply(crc), crc);
    assert_eq!(combine(crc64(b""), crc, 3), crc);
}

/// Lengths that no memory holds: shifting twice is shifting by the sum.
#[test]
fn long_shifts_add_up() {
    let crc = crc64(b"abc");
    for exponent in 0..62 {
        let (half, whole) = (1u64 << exponent, 2u64 << exponent);
        let twice = Shift::new(half).apply(Shift::new(half).apply(crc));
        assert_eq!(Shift::new(whole).apply(crc), twice, "2^{exponent}");
    }
}

/// The message of a segment: parts that are followed by their own checksums, as frames are.
fn assert_whole_pass(joins: &SegmentCrc, head: &[u8], parts: &[&[u8]]) {
    let (mut message, mut crc) = (head.to_vec(), crc64(head));
    for part in parts {
        let part_crc = crc64(part);
        message.extend_from_slice(part);
        crc = joins.append(crc, part_crc, part.len() as u64);
        assert_eq!(crc, crc64(&message));
        message.extend_from_slice(&part_crc.to_be_bytes());
        crc = joins.append_stored(crc, part_crc);
        assert_eq!(crc, crc64(&message));
    }
}

#[test]
fn checksums_of_frames_join_to_that_of_the_segment() {
    let message = bytes(4 * 280 + 64);
    let (head, frames) = message.split_at(64);
    for last in 25..=280 {
        let mut parts: Vec<&[u8]> = frames.chunks(280).take(3).collect();
        parts.push(&frames[3 * 280..][..last]);
        assert_whole_pass(&SegmentCrc::new(280), head, &parts);
    }
}

proptest! {
    #[test]
    fn any_two_messages_join(
        first in prop::collection::vec(any::<u8>(), 0..3000),
        second in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let joined = combine(crc64(&first), crc64(&second), second.len() as u64);
        prop_assert_eq!(joined, crc64(&[first, second].concat()));
    }

    #[test]
    fn tables_do_what_the_formula_does(len: u64, register: u64) {
        prop_assert_eq!(Shift::new(len).apply(register), combine(register, 0, len));
    }

    #[test]
    fn any_parts_join_to_the_whole(
        full in 1u64..600,
        head in prop::collection::vec(any::<u8>(), 0..100),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..5),
    ) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        assert_whole_pass(&SegmentCrc::new(full), &head, &parts);
    }
}

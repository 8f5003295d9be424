//! Segment headers and footers: every value of every byte, every cut, every border.

use proptest::prelude::*;
use sv2_framing::{
    FrameError, SEGMENT_MAGIC, SegmentFooter, SegmentHeader, SegmentIndex, decode_footer,
    decode_segment_header, encode_footer, encode_segment_header, footer_len,
};
use sv2_headers::{DigestAlg, Geometry, checksum};

const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

/// Four frames of 256 bytes.
fn small() -> Geometry {
    Geometry::new(8, 2).expect("within limits")
}

fn header(index: u64, plaintext_len: u32) -> SegmentHeader {
    let (salt, stream_tag) = ([0x5A; 24], *b"stream_t");
    SegmentHeader { index: SegmentIndex(index), plaintext_len, salt, stream_tag }
}

fn wrong(index: u64, what: &'static str) -> Result<SegmentHeader, FrameError> {
    Err(FrameError::SegmentHeader { segment: SegmentIndex(index), what })
}

/// F-501: the layout of the segment header; F-101.
#[test]
fn a_segment_header_has_its_fields_at_their_offsets() {
    let header = SegmentHeader {
        index: SegmentIndex(0x0102_0304_0506_0708),
        plaintext_len: 0x1112_1314,
        salt: std::array::from_fn(|at| 0x20 + at as u8),
        stream_tag: std::array::from_fn(|at| 0x40 + at as u8),
    };
    let bytes = encode_segment_header(&header);
    let rows: Vec<String> = bytes
        .chunks(8)
        .enumerate()
        .map(|(row, bytes)| format!("{:2} {}", 8 * row, hex(bytes)))
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
         0 53 56 32 53 00 00 00 00
         8 01 02 03 04 05 06 07 08
        16 11 12 13 14 00 00 00 00
        24 20 21 22 23 24 25 26 27
        32 28 29 2a 2b 2c 2d 2e 2f
        40 30 31 32 33 34 35 36 37
        48 40 41 42 43 44 45 46 47
        56 3b e6 7c e3 e5 f8 bc e9
        ");
    assert!(checksum::holds(&bytes));
    assert_eq!(bytes[..56], header.keyed());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// F-502, F-503, F-505, F-104: a byte that is demanded admits one value, every other byte any;
/// F-602: the checksum is not looked at.
#[test]
fn every_value_of_every_byte_of_a_segment_header_is_judged() {
    let index = 0x0102_0304;
    let bytes = encode_segment_header(&header(index, 600));
    for (at, value) in (0..64).flat_map(|at| (0..=255u8).map(move |value| (at, value))) {
        let mut other = bytes;
        other[at] = value;
        let decoded = decode_segment_header(&other, small(), SegmentIndex(index));
        let mut expected = header(index, 600);
        let expected = match at {
            _ if value == bytes[at] => Ok(expected),
            0..4 => wrong(index, "magic"),
            4..8 | 20..24 => wrong(index, "reserved bytes"),
            8..16 => wrong(index, "index"),
            16..20 => {
                let field = u32::from_be_bytes([other[16], other[17], other[18], other[19]]);
                expected.plaintext_len = field;
                if (1..=1024).contains(&field) {
                    Ok(expected)
                } else {
                    wrong(index, "plaintext_len")
                }
            }
            24..48 => {
                expected.salt[at - 24] = value;
                Ok(expected)
            }
            48..56 => {
                expected.stream_tag[at - 48] = value;
                Ok(expected)
            }
            _ => Ok(expected),
        };
        assert_eq!(decoded, expected, "byte {at} set to {value:#04x}");
    }
}

#[test]
fn a_cut_segment_header_is_not_judged() {
    let bytes = encode_segment_header(&header(0, 1));
    for have in 0..64 {
        let decoded = decode_segment_header(&bytes[..have], small(), SegmentIndex(0));
        assert_eq!(decoded, Err(FrameError::Truncated { need: 64, have: have as u64 }));
    }
    let longer = [&bytes[..], &[0xFF; 9]].concat();
    assert!(decode_segment_header(&longer, small(), SegmentIndex(0)).is_ok());
}

/// F-505: of several faults the first in the order is reported.
#[test]
fn faults_of_a_segment_header_are_reported_in_order() {
    type Fault = (&'static str, fn(&mut [u8; 64]));
    // The second fault is that of the place, which no byte can have.
    let faults: [Fault; 5] = [
        ("magic", |bytes| bytes[0] ^= 1),
        ("number of segments", |_| {}),
        ("reserved bytes", |bytes| bytes[22] = 1),
        ("index", |bytes| bytes[15] ^= 1),
        ("plaintext_len", |bytes| bytes[16..20].fill(0xFF)),
    ];
    for set in 1u32..1 << faults.len() {
        let has = |fault: usize| set >> fault & 1 == 1;
        let place = if has(1) { 1 << 32 } else { 5 };
        let mut bytes = encode_segment_header(&header(place, 600));
        for (at, (_, make)) in faults.iter().enumerate() {
            if has(at) {
                make(&mut bytes);
            }
        }
        let (first, _) = faults[set.trailing_zeros() as usize];
        let said = match decode_segment_header(&bytes, small(), SegmentIndex(place)) {
            Err(FrameError::SegmentHeader { what, .. } | FrameError::Limit { what, .. }) => what,
            other => panic!("{set:#b}: {other:?}"),
        };
        assert_eq!(said, first, "{set:#b}");
    }
}

/// F-204, F-505: the last segment that may be, by number and by plaintext.
#[test]
fn segments_behind_the_last_possible_one_are_over_a_limit() {
    let decode = |geometry, index| {
        let bytes = encode_segment_header(&header(index, 1));
        decode_segment_header(&bytes, geometry, SegmentIndex(index))
    };
    assert!(decode(small(), (1 << 32) - 1).is_ok());
    let limit = |index, what, value, max| {
        Err(FrameError::Limit { segment: SegmentIndex(index), what, value, max })
    };
    let (index, max) = (1 << 32, 1 << 32);
    assert_eq!(decode(small(), index), limit(index, "number of segments", max + 1, max));
    let most = u64::MAX;
    assert_eq!(decode(small(), most), limit(most, "number of segments", u64::MAX, max));

    let large = Geometry::new(20, 10).expect("2^30 bytes");
    assert!(decode(large, (1 << 26) - 1).is_ok());
    for (geometry, last) in [(small(), (1 << 32) - 1), (large, (1 << 26) - 1)] {
        let full = header(last, geometry.segment_size() as u32);
        let bytes = encode_segment_header(&full);
        assert_eq!(decode_segment_header(&bytes, geometry, SegmentIndex(last)), Ok(full));
    }
    let (index, max) = (1 << 26, 1 << 56);
    assert_eq!(decode(large, index), limit(index, "plaintext length", max + 1, max));
}

/// F-503: 1 to S.
#[test]
fn plaintext_lengths_of_a_segment_end_at_the_segment_size() {
    for geometry in [small(), Geometry::new(20, 10).expect("2^30 bytes")] {
        let size = geometry.segment_size() as u32;
        for (plaintext_len, fits) in
            [(0, false), (1, true), (size - 1, true), (size, true), (size + 1, false)]
        {
            let bytes = encode_segment_header(&header(0, plaintext_len));
            let decoded = decode_segment_header(&bytes, geometry, SegmentIndex(0));
            let expected = match fits {
                true => Ok(header(0, plaintext_len)),
                false => wrong(0, "plaintext_len"),
            };
            assert_eq!(decoded, expected);
        }
    }
}

/// F-210: what follows is told by four bytes, and a segment's are these.
#[test]
fn the_magic_of_a_segment_is_that_of_the_format() {
    assert_eq!(SEGMENT_MAGIC, [0x53, 0x56, 0x32, 0x53]);
}

/// F-517: a footer is D + 8 bytes and nothing else.
#[test]
fn footers_have_one_length_for_each_digest() {
    let footer = SegmentFooter { digest: [0xD1; 32], crc: 0x0102_0304_0506_0708 };
    for digest in DIGESTS {
        let need = digest.len() + 8;
        assert_eq!(footer_len(digest), need);
        for have in 0..=need + 33 {
            let mut out = vec![0xEE; have];
            let encoded = encode_footer(&footer, digest, &mut out);
            if have == need {
                assert_eq!(encoded, Ok(()));
                assert!(out[..digest.len()].iter().all(|&byte| byte == 0xD1));
                assert_eq!(out[digest.len()..], [1, 2, 3, 4, 5, 6, 7, 8]);
                let expected = match digest {
                    DigestAlg::None => SegmentFooter { digest: [0; 32], ..footer },
                    _ => footer,
                };
                assert_eq!(decode_footer(&out, digest), Ok(expected));
            } else {
                let error = FrameError::Truncated { need: need as u64, have: have as u64 };
                assert_eq!(encoded, Err(error));
                assert!(out.iter().all(|&byte| byte == 0xEE), "left as it was");
                assert_eq!(decode_footer(&out, digest), Err(error));
            }
        }
    }
}

proptest! {
    #[test]
    fn any_segment_header_survives_the_way_to_bytes_and_back(
        index in 0u64..1 << 32,
        plaintext_len in 1u32..=1024,
        salt: [u8; 24],
        stream_tag: [u8; 8],
    ) {
        let header =
            SegmentHeader { index: SegmentIndex(index), plaintext_len, salt, stream_tag };
        let bytes = encode_segment_header(&header);
        prop_assert_eq!(decode_segment_header(&bytes, small(), header.index), Ok(header));
    }

    /// Hostile bytes: an answer, never a panic.
    #[test]
    fn any_bytes_are_answered(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        index: u64,
        exponents in (8u8..=20, 0u8..=10),
    ) {
        let geometry = Geometry::new(exponents.0, exponents.1).expect("within limits");
        let decoded = decode_segment_header(&bytes, geometry, SegmentIndex(index));
        prop_assert!(decoded.is_err(), "no magic in random bytes: {decoded:?}");
    }
}

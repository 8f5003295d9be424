//! Trailers: every value of every byte, and counts that cannot be.

use proptest::prelude::*;
use sv2_headers::{DigestAlg, Geometry, HeaderError, Trailer, checksum};

use crate::appendix::array;

fn malformed<T>(what: &'static str, offset: u64) -> Result<T, HeaderError> {
    Err(HeaderError::Malformed { what, offset })
}

fn unsupported<T>(what: &'static str, value: u64) -> Result<T, HeaderError> {
    Err(HeaderError::Unsupported { what, value })
}

/// What section 7.3 says of the trailer of the example with one byte changed.
fn judge(bytes: &[u8; 128], at: usize) -> Result<(), HeaderError> {
    match at {
        0..8 => malformed("trailer magic", 0),
        8 | 9 => unsupported("version", u16::from_be_bytes([bytes[8], bytes[9]]).into()),
        10 if bytes[10] > 2 => unsupported("digest", bytes[10].into()),
        11 => malformed("reserved bytes", 11),
        12..16 => {
            let header_len = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
            if !header_len.is_multiple_of(64) || header_len < 256 {
                return malformed("header_len", 12);
            }
            if header_len > 65_536 {
                let value = header_len.into();
                return Err(HeaderError::Limit { what: "header_len", value, max: 65_536 });
            }
            Ok(())
        }
        80..88 => malformed("reserved bytes", 80),
        _ => Ok(()),
    }
}

/// F-104, F-106, F-306, F-705, F-707; F-602: the checksum is not looked at.
#[test]
fn every_value_of_every_byte_of_a_trailer_is_judged() {
    let bytes: [u8; 128] = array("trailer");
    for (at, value) in (0..128).flat_map(|at| (0..=255u8).map(move |value| (at, value))) {
        let mut other = bytes;
        other[at] = value;
        let expected = if other == bytes { Ok(()) } else { judge(&other, at) };
        let decoded = Trailer::decode(&other);
        assert_eq!(decoded.clone().map(drop), expected, "byte {at} set to {value:#04x}");
        if let Ok(trailer) = decoded {
            let mut again = trailer.encode();
            assert!(checksum::holds(&again));
            again[120..].copy_from_slice(&other[120..]);
            assert_eq!(again, other, "byte {at} set to {value:#04x}");
        }
    }
}

#[test]
fn the_layout_of_a_trailer() {
    let trailer = Trailer {
        digest: DigestAlg::Blake3,
        header_len: 0x0000_0400,
        generation: 0x1011_1213_1415_1617,
        segments: 0x1819_1A1B_1C1D_1E1F,
        plaintext_len: 0x2021_2223_2425_2627,
        index_root: std::array::from_fn(|at| 0x28 + at as u8),
        revision: 0x4849_4A4B_4C4D_4E4F,
        seal: std::array::from_fn(|at| 0x58 + at as u8),
    };
    let rows: Vec<String> = trailer
        .encode()
        .chunks(16)
        .enumerate()
        .map(|(row, bytes)| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:3} {hex}", 16 * row)
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
          0 5356325441494c0a0001020000000400
         16 101112131415161718191a1b1c1d1e1f
         32 202122232425262728292a2b2c2d2e2f
         48 303132333435363738393a3b3c3d3e3f
         64 404142434445464748494a4b4c4d4e4f
         80 000000000000000058595a5b5c5d5e5f
         96 606162636465666768696a6b6c6d6e6f
        112 707172737475767742dd2f038446bf56
        ");
}

/// F-204, F-205, F-707: the limits first, then that the two counts agree.
#[test]
fn counts_are_those_of_a_stream() {
    let trailer = Trailer::decode(&array("trailer")).expect("well formed");
    let check = |geometry, segments, plaintext_len| {
        Trailer { segments, plaintext_len, ..trailer.clone() }.check_counts(geometry)
    };
    let disagree = malformed("number of segments", 24);
    let limit = |what, value, max| Err(HeaderError::Limit { what, value, max });

    let small = Geometry::new(8, 0).expect("within limits");
    for (segments, plaintext_len) in [(0, 0), (1, 1), (1, 256), (2, 257), (1 << 32, 1 << 40)] {
        assert_eq!(check(small, segments, plaintext_len), Ok(()));
        assert!(check(small, segments ^ 1, plaintext_len).is_err());
    }
    assert_eq!(check(small, 1, 0), disagree);
    assert_eq!(check(small, 0, 1), disagree);
    assert_eq!(check(small, 1 << 32, (1 << 40) - 256), disagree);
    let (max, what) = (1 << 32, "number of segments");
    assert_eq!(check(small, max + 1, 1), limit(what, max + 1, max));
    assert_eq!(check(small, u64::MAX, u64::MAX), limit(what, u64::MAX, max));
    let (max, what) = (1 << 40, "plaintext length");
    assert_eq!(check(small, 1 << 32, max + 1), limit(what, max + 1, max));
    assert_eq!(check(small, 1, u64::MAX), limit(what, u64::MAX, max));

    let large = Geometry::new(20, 10).expect("within limits");
    let max = 1 << 56;
    assert_eq!(check(large, 1 << 26, max), Ok(()));
    assert_eq!(check(large, 1 << 26, max + 1), limit(what, max + 1, max));
}

proptest! {
    #[test]
    fn any_trailer_survives_the_way_to_bytes_and_back(
        digest in 0..=2u8,
        steps in 4u32..=1024,
        numbers: [u64; 4],
        index_root: [u8; 32],
        seal: [u8; 32],
    ) {
        let [generation, segments, plaintext_len, revision] = numbers;
        let trailer = Trailer {
            digest: DigestAlg::from_id(digest).expect("0 to 2"),
            header_len: 64 * steps,
            generation,
            segments,
            plaintext_len,
            index_root,
            revision,
            seal,
        };
        let bytes = trailer.encode();
        prop_assert!(checksum::holds(&bytes));
        prop_assert_eq!(Trailer::decode(&bytes), Ok(trailer));
    }
}

//! Headers: every value of every byte, every cut, every length.

use proptest::prelude::*;
use sv2_headers::{
    DigestAlg, Geometry, HeaderError, SLOT_KIND_AGE, Section, StreamHeader, Suite, checksum,
    fitting_header_len, peek_header_len,
};

use crate::appendix::example;
use crate::support::{encoded, header, passphrase_slot, recipient_slot};

fn malformed<T>(what: &'static str, offset: u64) -> Result<T, HeaderError> {
    Err(HeaderError::Malformed { what, offset })
}

fn unsupported<T>(what: &'static str, value: u64) -> Result<T, HeaderError> {
    Err(HeaderError::Unsupported { what, value })
}

/// What F-306 says of a header_len.
fn judge_len(header_len: u32) -> Result<(), HeaderError> {
    if !header_len.is_multiple_of(64) || header_len < 256 {
        return malformed("header_len", 80);
    }
    if header_len > 65_536 {
        let value = header_len.into();
        return Err(HeaderError::Limit { what: "header_len", value, max: 65_536 });
    }
    Ok(())
}

/// What section 3 says of the header of the example with one byte changed.
fn judge(bytes: &[u8], at: usize) -> Result<(), HeaderError> {
    let value = bytes[at];
    match at {
        0..8 => Err(HeaderError::NotAStream),
        8 | 9 => unsupported("version", u16::from_be_bytes([bytes[8], bytes[9]]).into()),
        10 if matches!(value, 1 | 2) => Ok(()),
        10 => unsupported("suite", value.into()),
        11 if value < 3 => Ok(()),
        11 => unsupported("digest", value.into()),
        12 if value < 8 => malformed("frame_log2", 12),
        12 if value <= 20 => Ok(()),
        12 => Err(HeaderError::Limit { what: "frame_log2", value: value.into(), max: 20 }),
        13 if value <= 14 => Ok(()),
        13 => Err(HeaderError::Limit { what: "frames_log2", value: value.into(), max: 14 }),
        15 if value == 1 => Ok(()),
        14 | 15 => unsupported("flag", u16::from_be_bytes([bytes[14], bytes[15]]).into()),
        80..84 => {
            let header_len = u32::from_be_bytes([bytes[80], bytes[81], bytes[82], bytes[83]]);
            judge_len(header_len)?;
            Err(HeaderError::Truncated { need: header_len.into(), have: 256 })
        }
        84..88 => malformed("reserved bytes", 84),
        // A section type with the top bit set and a body of no bytes.
        96 if value >= 0x80 => Ok(()),
        96 => unsupported("section", u64::from(value) << 8),
        97 if value == 1 => malformed("key slot in a stream without the slotted flag", 96),
        97 if value == 2 => malformed("metadata section", 96),
        97 => unsupported("section", value.into()),
        98..216 => malformed("padding after the sections", 96),
        _ => Ok(()),
    }
}

/// F-301, F-302, F-303, F-304, F-305, F-306, F-313, F-104, F-106: a byte that is demanded admits its values, and every
/// other byte any; F-602: the checksum is not looked at.
#[test]
fn every_value_of_every_byte_of_a_header_is_judged() {
    let bytes = example("header");
    for (at, value) in (0..256).flat_map(|at| (0..=255u8).map(move |value| (at, value))) {
        let mut other = bytes.clone();
        other[at] = value;
        let expected = if other == bytes { Ok(()) } else { judge(&other, at) };
        let decoded = StreamHeader::decode(&other);
        assert_eq!(decoded.clone().map(drop), expected, "byte {at} set to {value:#04x}");
        if let Ok(header) = decoded {
            let mut again = header.encode().expect("what was decoded");
            // The checksum is no part of what was decoded.
            again[248..].copy_from_slice(&other[248..]);
            assert_eq!(again, other, "byte {at} set to {value:#04x}");
        }
    }
}

/// F-814: a header that is not all there is not judged behind its magic.
#[test]
fn a_cut_header_is_not_judged() {
    let bytes = encoded(vec![recipient_slot()]);
    for have in 0..bytes.len() {
        let expected = match have {
            0..8 => HeaderError::NotAStream,
            8..96 => HeaderError::Truncated { need: 96, have: have as u64 },
            _ => HeaderError::Truncated { need: 1024, have: have as u64 },
        };
        assert_eq!(StreamHeader::decode(&bytes[..have]), Err(expected), "cut at {have}");
    }
}

#[test]
fn what_follows_a_header_is_not_looked_at() {
    let mut bytes = encoded(Vec::new());
    let alone = StreamHeader::decode(&bytes);
    bytes.extend_from_slice(&[0xFF; 100]);
    assert_eq!(StreamHeader::decode(&bytes), alone);
}

/// F-306: all lengths up to twice the longest, and the largest of each kind.
#[test]
fn header_lengths_are_multiples_of_64_within_bounds() {
    let prefix = example("header");
    for header_len in (0..=131_200).chain([u32::MAX - 63, u32::MAX - 62, u32::MAX]) {
        let mut bytes = prefix.clone();
        bytes[80..84].copy_from_slice(&header_len.to_be_bytes());
        let decoded = StreamHeader::decode_prefix(&bytes).map(|header| header.header_len);
        assert_eq!(decoded, judge_len(header_len).map(|()| header_len));
        assert_eq!(peek_header_len(&bytes), judge_len(header_len).ok().map(|()| header_len));
    }
    assert_eq!(peek_header_len(&prefix[..83]), None);
}

#[test]
fn a_prefix_tells_all_but_sections_and_mac() {
    let whole = header(vec![recipient_slot()]);
    let bytes = whole.encode().expect("sections that fit");
    let expected = StreamHeader { sections: Vec::new(), mac: [0; 32], ..whole };
    assert_eq!(StreamHeader::decode_prefix(&bytes[..96]), Ok(expected));
}

/// A header of this length takes these sections and gives them back.
fn assert_holds(header_len: u32, slotted: bool, sections: Vec<Section>) {
    let header = StreamHeader { header_len, slotted, ..header(sections) };
    let decoded = header.encode().and_then(|bytes| StreamHeader::decode(&bytes));
    assert_eq!(decoded.as_ref(), Ok(&header));
}

/// F-307: without slots the default, or the least multiple of 64 that holds the sections.
#[test]
fn header_lengths_that_writers_use_hold_the_sections() {
    let sections = |len: usize| vec![Section { kind: 0x8000, body: vec![1; len] }];
    assert_eq!(fitting_header_len(&[], false), Ok(1024));
    for body_len in (0..5000).chain([65_394 - 64, 65_394 - 63, 65_393, 65_394]) {
        let need: usize = 96 + 6 + body_len + 40;
        let expected = (need.div_ceil(64) as u32 * 64).max(1024);
        assert_eq!(fitting_header_len(&sections(body_len), false), Ok(expected), "{body_len}");
        if body_len % 997 == 0 || body_len > 65_000 {
            assert_holds(expected, false, sections(body_len));
        }
    }
    let what = "bytes of sections in the header";
    let error = HeaderError::Limit { what, value: 65_401, max: 65_400 };
    for slotted in [false, true] {
        assert_eq!(fitting_header_len(&sections(65_395), slotted), Err(error.clone()));
    }
}

/// F-307: whoever makes a stream for some recipients can add four more of the largest kind.
#[test]
fn a_new_header_has_room_for_four_more_of_its_largest_slots() {
    let slot = |len: usize| Section::slot(SLOT_KIND_AGE + 1, &vec![1; len]);
    assert_eq!(fitting_header_len(&[], true), Ok(4096));
    for (len, slots, expected) in [
        (200, 1, 4096),
        (1683, 1, 16_384),
        (1683, 3, 16_384),
        (1683, 30, 65_536),
        (8000, 8, 65_536),
    ] {
        let mut sections = vec![slot(len); slots];
        assert_eq!(fitting_header_len(&sections, true), Ok(expected), "{slots} slots of {len}");
        assert_holds(expected, true, sections.clone());
        if expected < 65_536 {
            sections.extend(vec![slot(len); 4]);
            assert_holds(expected, true, sections);
        }
    }
    // One byte decides whether the next power of two is needed.
    let filled = |len: usize| vec![slot(100), Section { kind: 0x8000, body: vec![1; len] }];
    let rest = 4096 - (96 + 40) - 5 * (6 + 2 + 100) - 6;
    assert_eq!(fitting_header_len(&filled(rest), true), Ok(4096));
    assert_eq!(fitting_header_len(&filled(rest + 1), true), Ok(8192));
}

/// F-1108: sections that do not fit into header_len are refused, those that just fit are not.
#[test]
fn sections_that_do_not_fit_are_not_encoded() {
    let of_len = |len| header(vec![Section { kind: 0x8001, body: vec![7; len] }]);
    let room = 1024 - 96 - 40;
    assert!(of_len(room - 6).encode().is_ok());
    let what = "bytes of sections in the header";
    let error = HeaderError::Limit { what, value: room as u64 + 1, max: room as u64 };
    assert_eq!(of_len(room - 5).encode(), Err(error));
}

#[test]
fn impossible_header_lengths_are_not_encoded() {
    for header_len in [0, 64, 192, 255, 257, 1000, 65_537, 65_600, u32::MAX] {
        let header = StreamHeader { header_len, ..header(Vec::new()) };
        assert_eq!(header.encode().map(drop), judge_len(header_len), "{header_len}");
    }
}

#[test]
fn the_layout_of_a_header_with_sections() {
    let metadata = Section { kind: 2, body: (0x80..0xB0).collect() };
    let later = Section { kind: 0x8123, body: vec![0x99; 3] };
    let kms = Section::slot(0x8001, b"kms");
    let header = StreamHeader { header_len: 256, ..header(vec![kms, metadata, later]) };
    let bytes = header.encode().expect("sections that fit");
    assert!(checksum::holds(&bytes));
    let rows: Vec<String> = bytes
        .chunks(16)
        .enumerate()
        .map(|(row, bytes)| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:3} {hex}", 16 * row)
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
          0 895356320d0a1a0a0001020210060001
         16 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a
         32 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a
         48 c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0
         64 c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0
         80 00000100000000000102030405060708
         96 00010000000580016b6d730002000000
        112 30808182838485868788898a8b8c8d8e
        128 8f909192939495969798999a9b9c9d9e
        144 9fa0a1a2a3a4a5a6a7a8a9aaabacadae
        160 af812300000003999999000000000000
        176 00000000000000000000000000000000
        192 00000000000000000000000000000000
        208 00000000000000003a3a3a3a3a3a3a3a
        224 3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a
        240 3a3a3a3a3a3a3a3a11b2959209da8edd
        ");
}

fn headers() -> impl Strategy<Value = StreamHeader> {
    let section = prop_oneof![
        (0x8000..=u16::MAX, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, body)| Section { kind, body }),
        (2..=u16::MAX, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, bytes)| Section::slot(kind, &bytes)),
        Just(recipient_slot()),
    ];
    let metadata = prop::option::of(prop::collection::vec(any::<u8>(), 40..200));
    let sizes = (1..=2u8, 0..=2u8, 8..=20u8, 0..=10u8, 0u32..40);
    let fields = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<u64>(), any::<[u8; 32]>());
    (sizes, fields, prop::collection::vec(section, 0..8), metadata, any::<bool>()).prop_map(
        |(sizes, (stream_salt, commitment, revision, mac), mut sections, metadata, phrase)| {
            let (suite, digest, frame_log2, frames_log2, more) = sizes;
            sections.extend(metadata.map(|body| Section { kind: 2, body }));
            sections.extend(phrase.then(passphrase_slot));
            StreamHeader {
                suite: Suite::from_id(suite).expect("1 or 2"),
                digest: DigestAlg::from_id(digest).expect("0 to 2"),
                geometry: Geometry::new(frame_log2, frames_log2).expect("within limits"),
                slotted: sections.iter().any(|section| section.kind == 1),
                stream_salt,
                commitment,
                header_len: fitting_header_len(&sections, false).expect("it fits") + 64 * more,
                revision,
                sections,
                mac,
            }
        },
    )
}

proptest! {
    /// F-308, F-314: what is decoded is what was encoded, sections that nobody knows included.
    #[test]
    fn any_header_survives_the_way_to_bytes_and_back(header in headers()) {
        let bytes = header.encode().expect("a legal header");
        prop_assert_eq!(bytes.len(), header.header_len as usize);
        prop_assert!(checksum::holds(&bytes));
        prop_assert_eq!(StreamHeader::decode(&bytes), Ok(header));
    }

    /// F-802: hostile bytes are answered, and what passes says of itself what the bytes say.
    #[test]
    fn any_header_with_altered_bytes_is_answered(
        header in headers(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = header.encode().expect("a legal header");
        for (at, value) in changes {
            // Sections and what follows, where structure is.
            let at = 88 + at.index(bytes.len() - 88);
            bytes[at] = value;
        }
        if let Ok(decoded) = StreamHeader::decode(&bytes) {
            let mut again = decoded.encode().expect("what was decoded");
            let crc_at = again.len() - 8;
            again[crc_at..].copy_from_slice(&bytes[crc_at..]);
            prop_assert_eq!(again, bytes);
        }
    }
}

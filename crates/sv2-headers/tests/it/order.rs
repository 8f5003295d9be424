//! Of several faults the first in the order of checks is reported (F-335, F-707).

use sv2_headers::{HeaderError, Section, StreamHeader, Trailer};

use crate::support::{age_file, encoded, header, recipient_slot};

/// A short name for what was reported.
fn said<T: std::fmt::Debug>(decoded: Result<T, HeaderError>) -> &'static str {
    match decoded {
        Err(HeaderError::NotAStream) => "magic",
        Err(
            HeaderError::Unsupported { what, .. }
            | HeaderError::Malformed { what, .. }
            | HeaderError::Limit { what, .. },
        ) => what,
        other => panic!("no fault of those that were made: {other:?}"),
    }
}

type Fault<B> = (&'static str, fn(&mut B));

/// Makes every set of faults and expects the first of each.
fn assert_order<B: Clone, T: std::fmt::Debug>(
    sound: &B,
    faults: &[Fault<B>],
    decode: impl Fn(&B) -> Result<T, HeaderError>,
) {
    assert!(decode(sound).is_ok());
    for set in 1u32..1 << faults.len() {
        let mut bytes = sound.clone();
        for (at, (_, make)) in faults.iter().enumerate() {
            if set >> at & 1 == 1 {
                make(&mut bytes);
            }
        }
        let (first, _) = faults[set.trailing_zeros() as usize];
        assert_eq!(said(decode(&bytes)), first, "{set:#b}");
    }
}

/// F-335: from the magic to the age files in the slots.
#[test]
fn faults_of_a_header_are_reported_in_order() {
    let later = || Section { kind: 0x8000, body: Vec::new() };
    // The slot ends 6 + 2 bytes and an age file behind offset 96; two empty sections follow it.
    let second = 96 + 8 + age_file(&[crate::support::X25519]).len();
    assert_eq!(second, 336);
    let sound = encoded(vec![recipient_slot(), later(), later()]);
    let faults: [Fault<Vec<u8>>; 12] = [
        ("magic", |bytes| bytes[7] ^= 1),
        ("version", |bytes| bytes[9] = 2),
        ("suite", |bytes| bytes[10] = 3),
        ("digest", |bytes| bytes[11] = 3),
        ("frame_log2", |bytes| bytes[12] = 7),
        ("frames_log2", |bytes| bytes[13] = 15),
        ("flag", |bytes| bytes[14] = 0x80),
        ("header_len", |bytes| bytes[83] = 1),
        ("reserved bytes", |bytes| bytes[87] = 1),
        ("section", |bytes| bytes[336] = 0x7F),
        ("padding after the sections", |bytes| bytes[700] = 1),
        ("age file in a key slot", |bytes| bytes[104] ^= 1),
    ];
    assert_order(&sound, &faults, |bytes| StreamHeader::decode(bytes));
}

/// F-335: sections are judged as each is met, whatever the rule that is broken.
#[test]
fn faults_of_sections_are_reported_in_the_order_of_the_sections() {
    let slot = Section::slot(9, b"");
    let faulty: [(&str, Section); 4] = [
        ("key slot", Section { kind: 1, body: vec![0] }),
        ("metadata section", Section { kind: 2, body: vec![0; 39] }),
        ("section", Section { kind: 3, body: Vec::new() }),
        ("section length", Section { kind: 0x8000, body: Vec::new() }),
    ];
    for (first, (name, one)) in faulty.iter().enumerate() {
        let others = faulty.iter().enumerate().filter(|(at, _)| *at != first);
        for (_, (_, other)) in others {
            let mut bytes = encoded(Vec::new());
            let mut at = 96;
            for section in [&slot, one, other] {
                bytes[at..at + 2].copy_from_slice(&section.kind.to_be_bytes());
                let len = match section.kind {
                    0x8000 => u32::MAX,
                    _ => section.body.len() as u32,
                };
                bytes[at + 2..at + 6].copy_from_slice(&len.to_be_bytes());
                at += 6 + section.body.len();
            }
            assert_eq!(said(StreamHeader::decode(&bytes)), *name);
        }
    }
}

/// F-335: a slot that the flag forbids goes before an unknown section behind it, and that before
/// a second metadata section.
#[test]
fn rules_of_different_kinds_keep_to_the_order_of_the_sections() {
    let mut bytes = encoded(vec![
        recipient_slot(),
        Section { kind: 0x8003, body: Vec::new() },
        Section { kind: 2, body: vec![1; 40] },
        Section { kind: 0x8002, body: vec![1; 40] },
    ]);
    bytes[336] = 0;
    bytes[342 + 46] = 0;
    assert_eq!(said(StreamHeader::decode(&bytes)), "section");
    bytes[15] = 0;
    let flag = "key slot in a stream without the slotted flag";
    assert_eq!(said(StreamHeader::decode(&bytes)), flag);
    bytes[15] = 1;
    bytes[336] = 0x80;
    assert_eq!(said(StreamHeader::decode(&bytes)), "second metadata section");
}

/// F-335: age files are judged when all sections and the bytes behind them have been.
#[test]
fn age_files_are_judged_last() {
    let broken = Section::slot(1, b"no age file");
    let mut bytes = encoded(vec![Section::slot(9, b"no age file"), recipient_slot()]);
    bytes[102..104].copy_from_slice(&1u16.to_be_bytes());
    assert_eq!(said(StreamHeader::decode(&bytes)), "age file in a key slot");
    bytes[900] = 1;
    assert_eq!(said(StreamHeader::decode(&bytes)), "padding after the sections");
    assert_eq!(said(header(vec![broken]).encode()), "age file in a key slot");
}

/// F-707: from the magic to header_len, which is as far as a trailer can be judged alone.
#[test]
fn faults_of_a_trailer_are_reported_in_order() {
    let sound: [u8; 128] = crate::appendix::array("trailer");
    let faults: [Fault<[u8; 128]>; 5] = [
        ("trailer magic", |bytes| bytes[0] ^= 1),
        ("version", |bytes| bytes[8] = 1),
        ("reserved bytes", |bytes| bytes[85] = 1),
        ("digest", |bytes| bytes[10] = 3),
        ("header_len", |bytes| bytes[15] = 1),
    ];
    assert_order(&sound, &faults, Trailer::decode);
}

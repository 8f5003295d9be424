//! The rules on sections and slots, one test each (sections 3.2 and 3.3).

use sv2_headers::{HeaderError, Section, StreamHeader, sections_len};

use crate::support::{age_file, encoded, header, passphrase_slot, recipient_slot};

fn malformed<T>(what: &'static str, offset: u64) -> Result<T, HeaderError> {
    Err(HeaderError::Malformed { what, offset })
}

fn encode(sections: Vec<Section>) -> Result<(), HeaderError> {
    header(sections).encode().map(drop)
}

/// Decodes a header whose sections are these bytes, which need not be what a writer may write.
fn decode_raw(slotted: bool, area: &[u8]) -> Result<Vec<Section>, HeaderError> {
    let mut bytes = encoded(Vec::new());
    bytes[15] = u8::from(slotted);
    bytes[96..96 + area.len()].copy_from_slice(area);
    StreamHeader::decode(&bytes).map(|header| header.sections)
}

fn raw(sections: &[Section]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for section in sections {
        bytes.extend_from_slice(&section.kind.to_be_bytes());
        bytes.extend_from_slice(&(section.body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&section.body);
    }
    assert_eq!(bytes.len(), sections_len(sections));
    bytes
}

/// Writer and reader say the same of the same sections.
fn assert_both(sections: &[Section], expected: &Result<(), HeaderError>) {
    assert_eq!(&encode(sections.to_vec()), expected);
    let decoded = decode_raw(true, &raw(sections));
    assert_eq!(&decoded.clone().map(drop), expected);
    assert!(decoded.is_err() || decoded.as_deref() == Ok(sections));
}

fn later(len: usize) -> Section {
    Section { kind: 0x8000, body: vec![0xAB; len] }
}

/// F-312: a section may end where the MAC begins and not behind it.
#[test]
fn sections_end_before_the_mac() {
    let room = 1024 - 40 - 96;
    for len in 0..room + 200 {
        let mut area = raw(&[later(0)]);
        area[2..6].copy_from_slice(&(len as u32).to_be_bytes());
        area.resize(room, 0xAB);
        if len > room - 6 {
            assert_eq!(decode_raw(true, &area), malformed("section length", 96), "{len}");
        } else {
            area[6 + len..].fill(0);
            assert_eq!(decode_raw(true, &area), Ok(vec![later(len)]), "{len}");
        }
    }
    let mut area = raw(&[later(4), later(0)]);
    area[12..16].fill(0xFF);
    assert_eq!(decode_raw(true, &area), malformed("section length", 106));
}

/// F-313: from the ending type 0 on all bytes are zero, the five that may remain too.
#[test]
fn bytes_behind_the_sections_are_zero() {
    let room = 1024 - 40 - 96;
    for used in [0, 10, room - 12, room - 7, room - 6, room - 5, room - 1, room] {
        let sections = if used == 0 { Vec::new() } else { vec![later(used - 6)] };
        let sound = raw(&sections);
        let mut area = sound.clone();
        area.resize(room, 0);
        assert_eq!(decode_raw(true, &area), Ok(sections));
        for at in used..room {
            let mut area = area.clone();
            area[at] = 0x01;
            let decoded = decode_raw(true, &area);
            if room - used >= 6 && at - used < 2 {
                // The first two bytes are a type, and 0x0100 and 0x0001 are none that may pass.
                assert!(decoded.is_err(), "{at}");
            } else {
                let offset = 96 + used as u64;
                assert_eq!(decoded, malformed("padding after the sections", offset), "{at}");
            }
        }
    }
}

/// F-314: by the top bit alone, for every type there is.
#[test]
fn unknown_sections_are_skipped_or_refused_by_their_top_bit() {
    for kind in 3..=u16::MAX {
        let section = Section { kind, body: vec![kind as u8; 3] };
        let expected = match kind {
            0x8000.. => Ok(()),
            _ => Err(HeaderError::Unsupported { what: "section", value: kind.into() }),
        };
        let decoded = decode_raw(true, &raw(std::slice::from_ref(&section)));
        assert_eq!(decoded.map(drop), expected, "{kind:#06x}");
        if kind.is_power_of_two() {
            assert_eq!(encode(vec![section]), expected, "{kind:#06x}");
        }
    }
}

/// A section of type 0 would end the list, so that a writer cannot mean it.
#[test]
fn a_section_of_type_zero_is_not_encoded() {
    let end = Section { kind: 0, body: Vec::new() };
    assert_eq!(encode(vec![later(1), end]), malformed("section of type 0", 103));
}

/// F-315
#[test]
fn a_second_metadata_section_is_refused() {
    let metadata = || Section { kind: 2, body: vec![1; 40] };
    assert_both(&[metadata()], &Ok(()));
    assert_both(&[later(0), metadata(), later(0)], &Ok(()));
    let second = malformed("second metadata section", 96 + 46 + 6);
    assert_both(&[metadata(), later(0), metadata()], &second);
}

/// F-316, F-323: of any kind.
#[test]
fn a_slot_without_the_flag_is_refused() {
    for slot in [recipient_slot(), Section::slot(2, b""), Section::slot(0xFFFF, b"x")] {
        let expected = malformed("key slot in a stream without the slotted flag", 96);
        assert_eq!(decode_raw(false, &raw(std::slice::from_ref(&slot))), expected);
        let mut unslotted = header(vec![slot.clone()]);
        unslotted.slotted = false;
        assert_eq!(
            unslotted.encode().map(drop),
            malformed("key slot in a stream without the slotted flag", 96,)
        );
        assert_both(&[slot], &Ok(()));
    }
    assert_eq!(decode_raw(true, &[]), Ok(Vec::new()), "the flag without a slot is legal");
}

/// F-318: a slot has a kind.
#[test]
fn a_slot_without_a_kind_is_refused() {
    for len in 0..2 {
        let slot = Section { kind: 1, body: vec![0x80; len] };
        assert_eq!(slot.as_slot(), None);
        assert_both(&[slot], &malformed("key slot", 96));
    }
    let slot = Section { kind: 1, body: vec![0x80; 2] };
    assert_eq!(slot.as_slot(), Some((0x8080, &[][..])));
    assert_both(&[slot], &Ok(()));
    assert_eq!(later(5).as_slot(), None);
}

/// F-319, F-323: 64, whatever their kinds.
#[test]
fn more_than_64_slots_are_refused() {
    let slots = |count| vec![Section::slot(0x9000, b""); count];
    assert_both(&slots(64), &Ok(()));
    let expected = Err(HeaderError::Limit { what: "number of key slots", value: 65, max: 64 });
    assert_both(&slots(65), &expected);
}

/// F-320, F-323: a slot of kind 1 is an age file; one of another kind is anything.
/// F-322: a header with a broken slot does not decode, so that no slot of it can be tried, not
/// even a sound one before it.
#[test]
fn a_slot_of_kind_one_is_an_age_file() {
    let file = age_file(&[crate::support::X25519]);
    assert_both(&[Section::slot(1, &file)], &Ok(()));
    for broken in [&b""[..], b"age", &file[1..], &file[..file.len() - 1]] {
        let expected = malformed("age file in a key slot", 96 + 7);
        assert_both(&[later(1), Section::slot(1, broken)], &expected);
        let at = 96 + sections_len(&[passphrase_slot()]) as u64;
        let expected = malformed("age file in a key slot", at);
        assert_both(&[passphrase_slot(), Section::slot(1, broken)], &expected);
        for kind in [0, 2, 0x7FFF, 0x8000, 0xFFFF] {
            assert_both(&[later(1), Section::slot(kind, broken)], &Ok(()));
        }
    }
}

/// F-321: one passphrase a stream, and it stands alone in its file.
#[test]
fn a_second_scrypt_stanza_is_refused() {
    assert_both(&[recipient_slot(), passphrase_slot(), recipient_slot()], &Ok(()));
    let at = 96 + sections_len(&[passphrase_slot(), recipient_slot()]) as u64;
    let sections = [passphrase_slot(), recipient_slot(), passphrase_slot()];
    assert_both(&sections, &malformed("second scrypt stanza", at));
    let both = age_file(&[crate::support::SCRYPT, crate::support::X25519]);
    assert_both(&[Section::slot(1, &both)], &malformed("age file in a key slot", 96));
}

/// F-329: salt and tag, around metadata that may be empty.
#[test]
fn metadata_is_at_least_a_salt_and_a_tag_long() {
    for len in 0..60 {
        let metadata = Section { kind: 2, body: vec![1; len] };
        let expected = if len < 40 { malformed("metadata section", 96) } else { Ok(()) };
        assert_both(&[metadata], &expected);
    }
}

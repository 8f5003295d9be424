//! The two kinds of section that are decoded: age files in key slots, and metadata.

mod json;

use crate::{KEY, Verdict, split};
use sv2_core::{InputSource, KeySource, StreamError, StreamKey, read_metadata};
use sv2_headers::{AgeSlot, age_slot};
use sv2_testkit::reference::age_file::stanza_types;
use sv2_testkit::reference::{Params, encrypt, open_metadata};

/// Judges the input as the age file of a key slot.
///
/// # Panics
///
/// Where engine and reference disagree on whether it is one, or on its kind.
pub fn slot_decode(data: &[u8]) -> Verdict {
    let slot = age_slot(data);
    let expected = stanza_types(data).and_then(|types| match types[..] {
        [b"scrypt"] => Some(true),
        _ if types.contains(&&b"scrypt"[..]) => None,
        _ => Some(false),
    });
    let is_scrypt = slot.map(|slot| matches!(slot, AgeSlot::Scrypt { .. }));
    assert_eq!(is_scrypt, expected, "{slot:?}");
    if let Some(AgeSlot::Scrypt { log_n }) = slot {
        assert!((1..100).contains(&log_n));
        let stanza = data.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        assert!(stanza.ends_with(format!(" {log_n}").as_bytes()));
    }
    if slot.is_some() { Verdict::Accepted } else { Verdict::Refused }
}

/// The longest metadata that are sealed here; a header holds up to 64 KiB of them.
const MAX_JSON_LEN: usize = 4000;

/// Seals the input as the metadata of a stream and reads them back.
///
/// The first byte is the suite, and whether the stream is read as from a pipe.
///
/// # Panics
///
/// Where engine and a JSON library disagree on whether they are metadata (F-332), or where other
/// bytes come back than were sealed.
pub fn metadata_decode(data: &[u8]) -> Verdict {
    let Some((selector, json)) = split(data) else { return Verdict::Refused };
    let json = &json[..json.len().min(MAX_JSON_LEN)];
    let header_len = (256 + json.len() as u32).next_multiple_of(64) + 128;
    let metadata = Some((json.to_vec(), [9; 24]));
    let params = Params { metadata, header_len, ..Params::tiny(1 + (selector & 1), 0, 0) };
    let stream = encrypt(&KEY, &params, &mut |_| [1; 24], b"");
    let sealed = open_metadata(&KEY, b"", &stream).expect("the reference opens what it sealed");

    let input = match selector & 2 {
        0 => InputSource::Memory(&stream),
        _ => InputSource::Reader(Box::new(stream.as_slice())),
    };
    let key = StreamKey::from_bytes(KEY);
    let read = read_metadata(input, &KeySource::Key(&key), b"");
    match json::judge(&sealed.clone().unwrap_or_default()) {
        json::Judgement::Metadata => assert_eq!(read.expect("these are metadata"), sealed),
        json::Judgement::Other => {
            assert!(matches!(read, Err(StreamError::Malformed { .. })), "{read:?}");
            return Verdict::Refused;
        }
        json::Judgement::Unknown if read.is_err() => return Verdict::Refused,
        json::Judgement::Unknown => {}
    }
    Verdict::Accepted
}

//! Keys that come out of the slots of a stream (format.md section 3.3).

use std::cell::Cell;

use sv2_core::{
    Driver, InputSource, KeySource, OutputSink, Section, SlotError, StreamError, StreamKey,
    StreamReport, decrypt_stream_with,
};
use sv2_testkit::mutate::{find, flip, regions};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Params;
use sv2_testkit::reference::forge::reseal_header;

use crate::harness::{KEY, decrypt_options, stream};

type Fits<'a> = &'a mut dyn FnMut(&StreamKey) -> bool;

fn slotted() -> Params {
    let slot = |kind: u8| (1, vec![0, kind, 1, 2, 3]);
    Params { slotted: true, sections: vec![slot(9), slot(8)], ..Params::tiny(1, 0, 0) }
}

/// Decrypts by slots, and returns how often the slots were asked.
fn by_slots(
    wire: &[u8],
    piped: bool,
    open: impl Fn(&[Section], Fits<'_>) -> Result<StreamKey, SlotError>,
) -> (usize, Vec<u8>, Result<StreamReport, StreamError>) {
    let asked = Cell::new(0);
    let counted = |sections: &[Section], fits: Fits<'_>| {
        asked.set(asked.get() + 1);
        open(sections, fits)
    };
    let options = decrypt_options(Driver::Inline, 1);
    let mut out = Vec::new();
    let input = match piped {
        true => InputSource::Reader(Box::new(wire)),
        false => InputSource::Memory(wire),
    };
    let keys = KeySource::Slots(&counted);
    let result = decrypt_stream_with(input, OutputSink::Memory(&mut out), &keys, &options);
    (asked.get(), out, result)
}

/// Tries a wrong key and then the right one, as two slots might give them.
fn second_fits(sections: &[Section], fits: Fits<'_>) -> Result<StreamKey, SlotError> {
    assert_eq!(sections.len(), 2);
    assert_eq!(sections[0].as_slot(), Some((9, &[1, 2, 3][..])));
    for bytes in [[1; 32], KEY] {
        let key = StreamKey::from_bytes(bytes);
        if fits(&key) {
            return Ok(key);
        }
    }
    Err("no slot".into())
}

/// F-327: slots are tried until a key fits the commitment.
#[test]
fn a_key_that_fits_opens_the_stream() {
    let wire = stream(&slotted(), 700);
    for piped in [true, false] {
        let (asked, out, result) = by_slots(&wire, piped, second_fits);
        assert_eq!(result.expect("the second key fits").bytes_out, 700);
        assert_eq!((asked, out), (1, paint(700)));
    }
}

/// F-328: the key that was found by one header is tried on the other before a slot is opened.
#[test]
fn a_found_key_is_tried_on_the_other_header_first() {
    let wire = stream(&slotted(), 700);
    let copy = find(&regions(&wire), "copy.magic", None, None).start;
    let mut renewed = wire.clone();
    renewed[copy + 95] = 1;
    reseal_header(&KEY, b"", &mut renewed[copy..copy + 256]);
    let (asked, out, result) = by_slots(&renewed, false, second_fits);
    assert_eq!(result.expect("both headers are usable").revision, 1);
    assert_eq!((asked, out), (1, paint(700)));

    // A front whose MAC is damaged after its key was found.
    let mac = find(&regions(&wire), "header.mac", None, None).start;
    let (asked, out, result) = by_slots(&flip(&wire, mac, 1), false, second_fits);
    assert!(result.is_ok());
    assert_eq!((asked, out), (1, paint(700)));
}

/// F-404: a slot opened, but to a key of another stream.
#[test]
fn a_slot_with_another_key_is_a_wrong_key() {
    let wire = stream(&slotted(), 700);
    for piped in [true, false] {
        let (_, out, result) = by_slots(&wire, piped, |_, fits| {
            assert!(!fits(&StreamKey::from_bytes([1; 32])));
            Err("none of them".into())
        });
        assert!(matches!(result, Err(StreamError::WrongKeyOrContext)), "{result:?}");
        assert!(out.is_empty());
        // A key that was handed back without having been found to fit is none either.
        let (_, _, result) = by_slots(&wire, piped, |_, _| Ok(StreamKey::from_bytes([1; 32])));
        assert!(matches!(result, Err(StreamError::WrongKeyOrContext)), "{result:?}");
    }
}

/// F-404: no slot opened at all; whoever tried them is the source of the error.
#[test]
fn no_open_slot_is_no_key_that_fits() {
    let wire = stream(&slotted(), 700);
    for piped in [true, false] {
        let (asked, out, result) = by_slots(&wire, piped, |_, _| Err("all are locked".into()));
        let Err(error @ StreamError::NoKeyFits { .. }) = result else {
            panic!("{result:?}");
        };
        let source = std::error::Error::source(&error).expect("a source");
        assert_eq!(source.to_string(), "all are locked");
        assert_eq!((asked, out.len()), (1, 0));
    }
}

/// F-337, F-335: slots are not opened where the structure of the header does not hold.
#[test]
fn slots_of_a_malformed_header_are_not_opened() {
    let wire = stream(&slotted(), 700);
    let copy = find(&regions(&wire), "copy.magic", None, None).start;
    let damaged = flip(&flip(&wire, 84, 1), copy + 84, 1);
    for piped in [true, false] {
        let (asked, _, result) = by_slots(&damaged, piped, second_fits);
        assert!(matches!(result, Err(StreamError::ChecksumMismatch { .. })), "{result:?}");
        assert_eq!(asked, 0);
    }
}

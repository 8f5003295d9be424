//! What a scrub makes of a stream, unit by unit (format.md section 8.7).

use sv2_core::{
    Damage, DamageMap, DigestAlg, Fault, InputSource, RunOptions, StreamError, Unit, scrub,
    scrub_with,
};
use sv2_testkit::mutate::{find, flip, regions};
use sv2_testkit::reference::forge::refresh_crc;

use crate::support::{FRAME, FRAME_WIRE, HEADER_LEN, SEGMENT, frame_at, stream};

const DIGEST: DigestAlg = DigestAlg::Sha256;
/// Three full segments and a short one.
const LEN: usize = 3 * SEGMENT + FRAME + 9;

fn scrubbed(wire: &[u8]) -> Result<DamageMap, StreamError> {
    scrub(InputSource::Memory(wire), &RunOptions::automatic())
}

#[track_caller]
fn units(wire: &[u8]) -> Vec<Unit> {
    let mut units = Vec::new();
    let run = RunOptions::automatic();
    let mut each = |damage: &Damage| units.push(damage.unit);
    scrub_with(InputSource::Memory(wire), &run, &mut each).expect("a stream");
    units
}

fn start(wire: &[u8], name: &str, segment: Option<u64>) -> usize {
    find(&regions(wire), name, segment, None).start
}

/// The stream with a byte of its trailer changed, and the trailer's checksum right.
fn with_trailer(wire: &[u8], at: usize, mask: u8) -> Vec<u8> {
    let trailer = wire.len() - 128;
    let mut changed = flip(wire, trailer + at, mask);
    refresh_crc(&mut changed[trailer..]);
    changed
}

/// F-834: only where neither header decodes there is an error, and it is the front's.
#[test]
fn without_a_header_that_decodes_the_error_is_that_of_the_front() {
    let wire = stream(LEN, DIGEST);
    let copy = start(&wire, "copy.magic", None);
    let version = |at: usize| at + 9;
    let neither = flip(&flip(&wire, version(0), 2), version(copy), 2);
    assert!(matches!(scrubbed(&neither), Err(StreamError::Unsupported { .. })), "no checksum rule");
    let no_magic = flip(&flip(&wire, 0, 1), version(copy), 2);
    assert!(matches!(scrubbed(&no_magic), Err(StreamError::NotAStream)));
    let no_end = flip(&flip(&wire, 0, 1), wire.len() - 128, 1);
    assert!(matches!(scrubbed(&no_end), Err(StreamError::NotAStream)));
    assert!(matches!(scrubbed(&wire[..700]), Err(StreamError::Unsealed { .. })));
    assert_eq!(units(&flip(&wire, version(0), 2)), [Unit::Header]);
    assert_eq!(units(&flip(&wire, version(copy), 2)), [Unit::HeaderCopy]);
}

/// F-835: geometry is taken from a header whose checksum is right.
#[test]
fn a_header_that_decodes_to_something_else_is_not_believed() {
    let wire = stream(LEN, DIGEST);
    let copy = start(&wire, "copy.magic", None);
    let frame_log2 = 12;
    let front = flip(&wire, frame_log2, 1);
    let found = scrubbed(&front).expect("a stream");
    assert_eq!((found.frame_size, units(&front)), (FRAME as u32, vec![Unit::Header]));
    // Where neither checksum is right, the front counts: these frames are none of its.
    let both = flip(&front, copy + HEADER_LEN - 1, 1);
    let found = scrubbed(&both).expect("a stream");
    assert_eq!(found.frame_size, 2 * FRAME as u32);
    let only_crcs = flip(&flip(&wire, HEADER_LEN - 1, 1), copy + HEADER_LEN - 1, 1);
    assert_eq!(units(&only_crcs), [Unit::Header, Unit::HeaderCopy]);
}

/// F-836: a trailer that cannot be one is missing, and so are copy and index.
#[test]
fn a_trailer_that_cannot_be_one_is_missing() {
    let wire = stream(3 * SEGMENT, DIGEST);
    for (field, at, mask) in [
        ("version", 9, 2),
        ("reserved byte", 11, 1),
        ("reserved bytes", 84, 1),
        ("digest", 10, 0x40),
        ("header_len", 15, 1),
    ] {
        let found = scrubbed(&with_trailer(&wire, at, mask)).expect("a stream");
        assert!(!found.sealed, "{field}");
        let last = found.damages.last().expect("the trailer");
        assert_eq!((last.unit, last.fault), (Unit::Trailer, Fault::Missing), "{field}");
        assert_eq!(last.offset, wire.len() as u64, "{field}");
        let others = [Unit::HeaderCopy, Unit::Index];
        assert!(!found.damages.iter().any(|damage| others.contains(&damage.unit)), "{field}");
    }
}

/// F-837: where trailer and length do not fit, nothing has a place, and the parts are looked for.
#[test]
fn counts_that_do_not_fit_leave_the_parts_that_are_found() {
    let wire = stream(3 * SEGMENT + 1, DIGEST);
    let len = 3 * SEGMENT as u64 + 1;
    for (field, at, mask, end) in
        [("n", 31, 1, len), ("P", 39, 2, len + 2), ("P beyond the maximum", 32, 0x80, len)]
    {
        let found = scrubbed(&with_trailer(&wire, at, mask)).expect("a stream");
        assert!(!found.by_place, "{field}");
        assert_eq!((found.segments, found.plaintext_len), (4, end), "{field}");
        let trailer = found.damages.last().expect("the trailer");
        assert_eq!(trailer.unit, Unit::Trailer, "{field}");
        assert_eq!(found.damaged_plaintext, end - len, "{field}");
        let others = [Unit::HeaderCopy, Unit::Index];
        assert!(!found.damages.iter().any(|damage| others.contains(&damage.unit)), "{field}");
    }
    let longer = [&wire[..start(&wire, "copy.magic", None)], &wire[HEADER_LEN..]].concat();
    let found = scrubbed(&longer).expect("a stream");
    assert!(!found.by_place && found.damaged_plaintext == 0, "the length decides as well");
    assert_eq!(scrubbed(&wire).expect("a stream").segments, 4);
}

/// F-837: bytes that went missing cost the frames they touch, as they do in a salvage.
#[test]
fn a_hole_in_the_middle_costs_the_frames_it_touches() {
    let wire = stream(LEN, DIGEST);
    let frame = frame_at(DIGEST, 1, 2);
    let mut cut = wire.clone();
    cut.drain(frame + 10..frame + 70);
    let found = scrubbed(&cut).expect("a stream");
    let lost = found.damages.first().expect("a frame");
    assert_eq!((lost.unit, lost.fault), (Unit::Frame { segment: 1, frame: 2 }, Fault::Missing));
    assert_eq!((lost.offset, lost.len), (frame as u64, FRAME_WIRE as u64 - 60));
    let start = (SEGMENT + 2 * FRAME) as u64;
    assert_eq!(lost.plaintext, Some(start..start + FRAME as u64));
    assert!(found.end_is_known && found.damages.len() == 2, "{:?}", found.damages);
}

/// F-835: of two sound headers that one leads to which length and segments belong.
#[test]
fn the_header_that_segments_and_trailer_agree_with_leads() {
    let wire = stream(LEN, DIGEST);
    let other = stream(LEN, DIGEST);
    let front = [&other[..HEADER_LEN], &wire[HEADER_LEN..]].concat();
    assert_eq!(units(&front), [Unit::Header]);
    let copy = start(&wire, "copy.magic", None);
    let mut back = wire.clone();
    back[copy..copy + HEADER_LEN].copy_from_slice(&other[..HEADER_LEN]);
    assert_eq!(units(&back), [Unit::HeaderCopy]);
}

/// F-838: each unit for itself, and no consequence of it.
#[test]
fn damage_of_one_unit_is_listed_as_that_unit() {
    let wire = stream(LEN, DIGEST);
    let at = |name| start(&wire, name, None);
    let segment = |segment| Unit::Segment { segment };
    let footer = |segment| Unit::Footer { segment };
    let frame = frame_at(DIGEST, 1, 2);
    let cases = [
        (40, Unit::Header),
        (at("copy.magic") + 40, Unit::HeaderCopy),
        (frame + 50, Unit::Frame { segment: 1, frame: 2 }),
        (frame + FRAME_WIRE - 1, Unit::Frame { segment: 1, frame: 2 }),
        (start(&wire, "footer.crc", Some(2)), footer(2)),
        (start(&wire, "footer.digest", Some(3)), footer(3)),
        (start(&wire, "segment.salt", Some(1)), segment(1)),
        (at("page_table.hash") + 3, Unit::Index),
        (wire.len() - 50, Unit::Trailer),
    ];
    for (place, unit) in cases {
        let mut found = units(&flip(&wire, place, 4));
        found.dedup();
        assert_eq!(found, [unit], "byte {place}");
    }
    // Without a key neither side of a difference is known to be right.
    let salt = start(&wire, "index.salt", Some(1));
    assert_eq!(units(&flip(&wire, salt, 4)), [segment(1), Unit::Index]);
    let crc = start(&wire, "index.crc", Some(2));
    assert_eq!(units(&flip(&wire, crc, 4)), [footer(2), Unit::Index]);
}

/// F-838: a field that its place does not allow, under a checksum that is right.
#[test]
fn fields_that_their_place_does_not_allow_are_listed() {
    let wire = stream(LEN, DIGEST);
    let header = start(&wire, "segment.magic", Some(1));
    for at in [0, 5, 15, 19, 21, 30, 50] {
        let mut changed = flip(&wire, header + at, 2);
        refresh_crc(&mut changed[header..header + 64]);
        let found = units(&changed);
        assert!(found.contains(&Unit::Segment { segment: 1 }), "byte {at}: {found:?}");
    }
    let frame = frame_at(DIGEST, 0, 1);
    let mut changed = flip(&wire, frame + 1, 2);
    refresh_crc(&mut changed[frame..frame + FRAME_WIRE]);
    assert_eq!(units(&changed), [Unit::Frame { segment: 0, frame: 1 }]);
    for (field, at) in [("header_len", 14), ("digest", 10)] {
        let found = scrubbed(&with_trailer(&wire, at, 1)).expect("a stream");
        assert!(found.damages.iter().any(|damage| damage.unit == Unit::Trailer), "{field}");
    }
}

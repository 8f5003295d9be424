//! The scrub without the key.

use sv2_testkit::mutate::{find, flip, flips, overwrite, regions, segment_range};
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::{Damage, FailureKind, Params, Unit};

use crate::stream;

const LEN: usize = 1300;

/// The damage of a stream of which a header decodes.
fn scrub(stream: &[u8]) -> Vec<Damage> {
    sv2_testkit::reference::scrub(stream).expect("a header decodes")
}

#[test]
fn a_sound_stream_has_no_damage() {
    for digest in 0..=2 {
        for len in [0, 1, 512, LEN] {
            assert_eq!(scrub(&stream(&Params::tiny(1, digest, 1), len)), []);
        }
    }
}

#[test]
fn every_flip_is_found() {
    let wire = stream(&Params::tiny(2, 1, 1), 700);
    for (offset, flipped) in flips(&wire, 0x40) {
        assert_ne!(scrub(&flipped), [], "{offset}");
    }
}

#[test]
fn damage_is_pinned_to_the_frame() {
    let wire = stream(&Params::tiny(1, 2, 1), LEN);
    let regions = regions(&wire);
    let frame = find(&regions, "frame.header", Some(1), Some(1)).start;
    let footer = find(&regions, "footer.digest", Some(1), None).start;
    let of_segment = |unit, frame, offset: usize| Damage {
        unit,
        segment: Some(1),
        frame,
        offset: offset as u64,
    };
    let damaged_frame = of_segment(Unit::Frame, Some(1), frame);
    assert_eq!(scrub(&flip(&wire, frame + 50, 1)), [damaged_frame]);
    // The footer is named by itself only where it disagrees with the index.
    let both = flip(&flip(&wire, frame + 50, 1), footer, 1);
    assert_eq!(scrub(&both), [damaged_frame, of_segment(Unit::Footer, None, footer)]);
}

#[test]
fn a_digest_that_is_wrong_in_footer_and_index_alike_is_found() {
    let wire = stream(&Params::tiny(1, 1, 1), LEN);
    let regions = regions(&wire);
    let footer = find(&regions, "footer.digest", Some(0), None).start;
    let entry = find(&regions, "index.digest", Some(0), None).start;
    let mut changed = flip(&wire, footer, 1);
    refresh_crc(&mut changed[segment_range(&regions, 0)]);
    changed.copy_within(footer..footer + 40, entry);
    let units: Vec<Unit> = scrub(&changed).iter().map(|damage| damage.unit).collect();
    assert_eq!(units, [Unit::Footer, Unit::Index]);
}

#[test]
fn copies_that_differ_are_reported_though_both_are_sound() {
    let params = Params::tiny(1, 0, 1);
    let wire = stream(&params, LEN);
    let other = stream(&Params { revision: 1, ..params.clone() }, LEN);
    let copy = find(&regions(&wire), "copy.magic", None, None).start;
    let mixed = overwrite(&wire, copy, &other[..256]);
    let expected =
        Damage { unit: Unit::HeaderCopy, segment: None, frame: None, offset: copy as u64 };
    assert_eq!(scrub(&mixed), [expected]);
}

/// F-834, F-836, F-837: without a trailer nothing has a place.
#[test]
fn without_trailer_no_segment_is_listed_and_without_header_nothing() {
    let wire = stream(&Params::tiny(1, 0, 1), 1024);
    let frame = find(&regions(&wire), "frame.header", Some(1), Some(1)).start;
    let cut = &flip(&wire, frame + 50, 1)[..wire.len() - 1];
    let units: Vec<Unit> = scrub(cut).iter().map(|damage| damage.unit).collect();
    assert_eq!(units, [Unit::Trailer]);
    let refused = |stream: &[u8]| {
        let failure = sv2_testkit::reference::scrub(stream).expect_err("no header decodes");
        (failure.kind, failure.unit)
    };
    assert_eq!(refused(&[]), (FailureKind::NotAStream, Unit::Stream));
    assert_eq!(refused(&wire[..255]), (FailureKind::Unsealed, Unit::Stream));
    assert_eq!(refused(&flip(&wire[..300], 9, 2)), (FailureKind::Unsupported, Unit::Header));
}

//! The scrub without the key.

use sv2_testkit::mutate::{find, flip, flips, overwrite, regions, segment_range};
use sv2_testkit::reference::forge::refresh_crc;
use sv2_testkit::reference::{Damage, Params, Unit, scrub};

use crate::stream;

const LEN: usize = 1300;

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
    let expected =
        [of_segment(Unit::Frame, Some(1), frame), of_segment(Unit::Footer, None, footer)];
    assert_eq!(scrub(&flip(&wire, frame + 50, 1)), expected);
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

#[test]
fn without_trailer_only_what_can_be_located_is_named() {
    let wire = stream(&Params::tiny(1, 0, 1), LEN);
    let cut = &wire[..wire.len() - 1];
    assert_eq!(scrub(cut).iter().map(|damage| damage.unit).collect::<Vec<_>>(), [Unit::Trailer]);
    let units: Vec<Unit> = scrub(&[]).iter().map(|damage| damage.unit).collect();
    assert_eq!(units, [Unit::Header, Unit::Trailer]);
}

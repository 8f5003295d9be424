//! Every conformance vector through the engine: each driver, each backend, 1, 2, 3 and 7 threads,
//! from memory, files, pipes and readers that dribble, with the released bytes compared.
//!
//! A test run takes threads, backends and outputs in turn; `cargo xtask conformance --matrix` takes
//! each threads and backend for each reading.
//!
//! The vectors that are opened by slots are played in `sv2-keys`, which opens them.
//! `cargo xtask vectors --check` holds the committed files to the same source.

mod accumulated;
mod expect;
mod names;
mod pairs;
mod sparse;
mod subject;
mod tables;
mod ways;
mod whole;
mod writers;

use sv2_testkit::vectors::{Body, FAMILIES, Mode, StreamCase, Vector};

use ways::Ways;

/// The vectors of one subject.
fn family(name: &str) -> Vec<Vector> {
    let found = FAMILIES.iter().find(|(known, _)| *known == name);
    let (_, make) = found.unwrap_or_else(|| panic!("no family {name}"));
    make()
}

/// Plays all readings of all streams of a family and returns how many there were.
fn play(name: &str) -> usize {
    let mut ways = Ways::new();
    let mut played = 0;
    for vector in family(name) {
        let Body::Stream(case) = &vector.body else { continue };
        for reading in &case.readings {
            let name = &vector.name;
            match &reading.mode {
                Mode::Pipe => whole::pipe(name, case, reading, &mut ways),
                Mode::Seekable => whole::seekable(name, case, reading, &mut ways),
                Mode::Range { .. } => whole::range(name, case, reading, &mut ways),
                Mode::Metadata => whole::metadata(name, case, reading),
                Mode::Scrub => whole::scrub(name, case, reading, &mut ways),
            }
            played += 1;
        }
        write(&vector, case, &mut ways);
    }
    played
}

fn write(vector: &Vector, case: &StreamCase, ways: &mut Ways) {
    if let Some(origin) = case.origin.as_ref().filter(|_| case.swaps.is_empty()) {
        writers::write(&vector.name, case, origin, ways);
    }
}

/// F-101 to F-106, F-401 to F-405, F-801, F-1001.
#[test]
fn sound_streams_of_all_suites_and_digests_are_written_and_read() {
    assert!(play("positive") >= 300);
}

/// F-201 to F-203, F-304, F-306, F-314, F-403.
#[test]
fn sound_streams_of_all_parameters_are_written_and_read() {
    assert!(play("parameters") >= 300);
}

/// F-702 to F-704, F-820.
#[test]
fn streams_of_many_segments_are_written_and_read() {
    assert!(play("large") >= 15);
}

/// F-301 to F-315, F-335, F-806 to F-808, F-812.
#[test]
fn bad_headers_are_judged_in_the_order_of_the_format() {
    assert!(play("headers") >= 90);
}

/// F-316 to F-323.
#[test]
fn slots_are_held_to_their_structure_under_a_raw_key() {
    assert!(play("slots") >= 100);
}

/// F-828, F-830, F-834 to F-838.
#[test]
fn scrubs_list_each_damaged_unit_and_no_other() {
    assert!(play("scrubs") >= 35);
}

/// F-205 to F-208, F-505, F-512.
#[test]
fn divisions_that_the_format_does_not_have_are_refused() {
    assert!(play("geometry") >= 20);
    assert!(play("foreign") >= 8);
}

/// F-329, F-332, F-333.
#[test]
fn bad_metadata_fail_only_the_call_that_asks_for_them() {
    assert!(play("metadata") >= 60);
}

/// F-336, F-404.
#[test]
fn another_key_or_context_is_refused_also_where_a_frame_opens_under_two_keys() {
    assert!(play("commitment") >= 14);
}

/// F-501 to F-517, F-803, F-811, F-816, F-824.
#[test]
fn misplaced_and_forged_segments_and_frames_are_refused() {
    assert!(play("segments") >= 60);
}

/// F-701 to F-707, F-813, F-818 to F-821, F-902.
#[test]
fn bad_tails_and_ends_are_refused() {
    assert!(play("tails") >= 60);
}

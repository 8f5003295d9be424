//! What leaves a decrypt before it fails (format.md section 8.4).

use sv2_core::{Driver, Existing, InputSource, OutputSink, decrypt_stream_v2};
use sv2_testkit::faulty::{Faulty, Operation, SharedSink};
use sv2_testkit::mutate::{find, flip, regions};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Limits, Params, decrypt_pipe};

use crate::harness::{KEY, decrypt_options, key, names_in, stream};
use crate::outcome::pipe_in_pieces;

/// Twenty segments of 256 bytes and one of 5.
const LEN: usize = 256 * 20 + 5;

/// F-803, F-816, F-904: on a pipe the segments before the failure, whole and in order.
#[test]
fn a_pipe_releases_the_whole_segments_before_the_failure() {
    let wire = stream(&Params::tiny(1, 0, 0), LEN);
    let all = regions(&wire);
    for segment in 0..=20_usize {
        let tag = find(&all, "frame.tag", Some(segment as u64), Some(0)).start;
        let damaged = flip(&wire, tag, 1);
        for (driver, threads) in [(Driver::Ordered, 3), (Driver::Inline, 1)] {
            let ended = pipe_in_pieces(&damaged, &[500], &decrypt_options(driver, threads));
            assert!(ended.result.is_err());
            assert_eq!(ended.released, paint(segment * 256), "segment {segment} {driver:?}");
            let reference = decrypt_pipe(&KEY, b"", &damaged, &Limits::FORMAT);
            assert_eq!(ended.released, reference.released);
        }
    }
}

/// F-810: on a seekable source not a byte before trailer, page table and pages hold.
#[test]
fn a_seekable_source_releases_nothing_without_its_seal() {
    let wire = stream(&Params::tiny(1, 1, 0), LEN);
    let all = regions(&wire);
    for name in ["trailer.seal", "trailer.plaintext_len", "trailer.index_root", "page_table.hash"] {
        let damaged = flip(&wire, find(&all, name, None, None).start, 1);
        nothing_is_released(&damaged, name);
    }
    let salt = find(&all, "index.salt", Some(20), None).start;
    nothing_is_released(&flip(&wire, salt, 1), "the last index entry");
    nothing_is_released(&wire[..wire.len() - 1], "a cut trailer");
}

fn nothing_is_released(damaged: &[u8], case: &str) {
    for (driver, threads) in [(Driver::Ordered, 2), (Driver::Inline, 1), (Driver::Positional, 2)] {
        let options = decrypt_options(driver, threads);
        let writer = Faulty::new(SharedSink::default());
        let counters = writer.counters();
        let output = OutputSink::Writer(Box::new(writer));
        let result = decrypt_stream_v2(InputSource::Memory(damaged), output, &key(), &options);
        assert!(result.is_err(), "{case}");
        assert_eq!(counters.calls(Operation::Write), 0, "{case} {driver:?}");

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plaintext");
        let output = OutputSink::Path { path, existing: Existing::Refuse };
        let result = decrypt_stream_v2(InputSource::Memory(damaged), output, &key(), &options);
        assert!(result.is_err(), "{case}");
        assert_eq!(names_in(&folder), [] as [&str; 0], "{case} {driver:?}");
    }
}

/// F-811: a segment whose digest fails is not released, though all its frames opened.
#[test]
fn a_segment_whose_digest_fails_is_held_back() {
    let params = Params::tiny(1, 1, 0);
    let wire = stream(&params, LEN);
    let other =
        sv2_testkit::reference::encrypt(&KEY, &params, &mut crate::harness::salt, &vec![0; LEN]);
    let range = sv2_testkit::mutate::segment_range(&regions(&wire), 2);
    let forged = sv2_testkit::mutate::overwrite(&wire, range.start, &other[range.clone()]);
    for (driver, threads) in [(Driver::Ordered, 3), (Driver::Inline, 1)] {
        let ended = crate::outcome::memory(&forged, &decrypt_options(driver, threads));
        assert!(ended.result.is_err());
        assert_eq!(ended.released, paint(512), "{driver:?}");
    }
}

//! Comparing an outcome of the engine with the verdict of a vector.

use sv2_core::{StreamError, StreamReport};
use sv2_testkit::vectors::Verdict;

use crate::names::error_name;

/// Fails where the engine ended otherwise than the vector says.
///
/// # Panics
///
/// With the name of the vector and the way it was read.
pub(crate) fn ends_as(
    name: &str,
    way: &str,
    done: &Result<StreamReport, StreamError>,
    verdict: &Verdict,
) {
    match (done, verdict) {
        (Ok(report), Verdict::Sound(summary)) => {
            let found = (report.fingerprint, report.revision, report.generation);
            let expected = (summary.fingerprint, summary.revision, summary.generation);
            assert_eq!(found, expected, "{name}, {way}");
            assert!(report.sealed, "{name}, {way}");
        }
        (Err(error), verdict) => fails_as(name, way, error, verdict),
        (Ok(_), verdict) => panic!("{name}, {way}: success instead of {verdict}"),
    }
}

/// Fails where an error is not the one of the vector, or names another place.
///
/// # Panics
///
/// With the name of the vector and the way it was read.
pub(crate) fn fails_as(name: &str, way: &str, error: &StreamError, verdict: &Verdict) {
    let found = error_name(error);
    let Verdict::Failed(kind, named, _) = verdict else {
        panic!("{name}, {way}: {error} instead of {verdict}");
    };
    let found_text = (found.error.to_owned(), found.unit, found.segment, found.frame);
    let expected = (format!("{kind:?}"), named.unit, named.segment, named.frame);
    assert_eq!(found_text, expected, "{name}, {way}");
    if let Some(offset) = verdict.binding_offset() {
        assert_eq!(found.offset, Some(offset), "{name}, {way}");
    }
}

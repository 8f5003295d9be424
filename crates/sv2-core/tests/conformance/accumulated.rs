//! The first cases of the accumulated test, by the reference and by the engine in all ways.

use serde_json::Value;
use sv2_core::Driver;
use sv2_testkit::accumulated::{Reference, hashes};

use crate::subject::accumulated;
use crate::ways::Ways;

/// Cases that are run here; `cargo xtask conformance --accumulated` runs all that are listed.
const CASES: u64 = 1000;

/// The committed hashes up to [`CASES`].
fn listed() -> (Vec<u64>, Vec<String>) {
    let text = include_str!("../../../../docs/conformance/accumulated.json");
    let listed: Value = serde_json::from_str(text).expect("a list of checkpoints");
    let checkpoints = listed["checkpoints"].as_array().expect("a list of checkpoints");
    let pair = |checkpoint: &Value| {
        let hash = checkpoint["hash"].as_str().expect("a hash").to_owned();
        (checkpoint["cases"].as_u64().expect("a number of cases"), hash)
    };
    let (counts, hashes): (Vec<u64>, Vec<String>) =
        checkpoints.iter().map(pair).filter(|(cases, _)| *cases <= CASES).unzip();
    assert_eq!(counts.last(), Some(&CASES));
    (counts, hashes)
}

#[test]
fn the_reference_comes_to_the_listed_hashes() {
    let (counts, expected) = listed();
    assert_eq!(hashes(&counts, &mut Reference), expected);
}

/// F-105, F-801, F-901: written, damaged and read by drivers, threads and backends in turn.
#[test]
fn the_engine_comes_to_the_listed_hashes_whichever_way_it_runs() {
    let (counts, expected) = listed();
    let mut ways = Ways::new();
    let mut drivers = [Driver::Ordered, Driver::Inline, Driver::Positional].into_iter().cycle();
    let answer = accumulated(&counts.into(), || {
        let driver = drivers.next().unwrap_or(Driver::Inline);
        ways.next(driver).0
    });
    assert_eq!(answer["hashes"], Value::from(expected));
}

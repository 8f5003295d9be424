//! Every committed corpus file through its fuzz target's body.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use sv2_fuzz_bodies::{TARGETS, Verdict, seeds};

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a target's corpus by name.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = fuzz_folder().join("corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the corpus is committed");
    let files = entries.map(|entry| {
        let entry = entry.expect("the folder can be read");
        let name = entry.file_name().into_string().expect("names are ASCII");
        (name, fs::read(entry.path()).expect("the file can be read"))
    });
    files.collect()
}

/// Replays a corpus and checks the verdicts that names promise.
fn replay(target: &str, at_least: usize) {
    let (_, body) =
        TARGETS.iter().find(|(name, _)| *name == target).expect("a body for the target");
    let files = corpus(target);
    assert!(files.len() >= at_least, "{target} has only {} files", files.len());
    for (name, data) in &files {
        let verdict = body(data);
        if name.starts_with("good") {
            assert_eq!(verdict, Verdict::Accepted, "{target}/{name}");
        }
        if name.starts_with("bad") {
            assert_eq!(verdict, Verdict::Refused, "{target}/{name}");
        }
    }
}

#[test]
fn framing_corpus_has_its_verdicts() {
    replay("framing_decode", 45);
}

#[test]
fn header_corpus_has_its_verdicts() {
    replay("header_decode", 50);
}

#[test]
fn tail_corpus_has_its_verdicts() {
    replay("tail_decode", 60);
}

#[test]
fn segment_corpus_has_its_verdicts() {
    replay("segment_decrypt", 100);
}

#[test]
fn stream_corpus_has_its_verdicts() {
    replay("stream_decrypt", 100);
}

#[test]
fn differential_corpus_has_its_verdicts() {
    replay("differential", 80);
}

#[test]
fn salvage_corpus_has_its_verdicts() {
    replay("salvage", 80);
}

#[test]
fn scrub_corpus_has_its_verdicts() {
    replay("scrub", 80);
}

/// F-332.
#[test]
fn metadata_corpus_has_its_verdicts() {
    replay("metadata_decode", 10);
}

/// F-320, F-321.
#[test]
fn slot_corpus_has_its_verdicts() {
    replay("slot_decode", 6);
}

/// F-1206, F-1207, F-1210, F-1212, F-1214, F-1215.
#[test]
fn change_corpus_has_its_verdicts() {
    replay("change_replay", 25);
}

///
#[test]
fn parity_corpus_has_its_verdicts() {
    replay("parity_repair", 90);
}

/// F-804 to F-810, F-822, F-823.
#[test]
fn opening_corpus_has_its_verdicts() {
    replay("opening", 100);
}

/// F-1230 to F-1234.
#[test]
fn parts_corpus_has_its_verdicts() {
    replay("parts_read", 15);
}

#[test]
fn every_target_has_a_body_that_is_replayed() {
    let folder = fuzz_folder().join("fuzz_targets");
    let entries = fs::read_dir(folder).expect("the targets are committed");
    let mut targets: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    targets.sort();
    let mut bodies = TARGETS.map(|(name, _)| name);
    bodies.sort_unstable();
    assert_eq!(targets, bodies);
}

#[test]
fn committed_seeds_are_what_the_reference_makes() {
    let files = TARGETS.map(|(target, _)| (target, corpus(target)));
    let files = BTreeMap::from(files);
    for seed in seeds::seeds() {
        let committed = files[seed.target].get(&seed.name);
        assert!(committed == Some(&seed.data), "{}/{} is out of date", seed.target, seed.name);
    }
}

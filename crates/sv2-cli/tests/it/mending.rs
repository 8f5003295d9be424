//! `sv2 repair` without a parity file: what follows from the rest of a stream is put back.

use serde_json::Value;

use crate::bad_streams::{frame, with_stream};
use crate::sandbox::Sandbox;

/// Flips a bit at each place of `a.sv2`; what it was is given back.
fn damage(sandbox: &Sandbox, places: &[usize]) -> Vec<u8> {
    let whole = sandbox.read("a.sv2");
    let mut bad = whole.clone();
    for &at in places {
        bad[at] ^= 0x20;
    }
    sandbox.write("a.sv2", &bad);
    whole
}

/// F-841, F-842, F-843, F-844: a new file by default, in place with -f, and said before.
#[test]
fn what_follows_from_the_rest_of_a_stream_comes_back_without_parity() {
    let sandbox = with_stream();
    let end = sandbox.read("a.sv2").len();
    let (trailer, entry) = (end - 128 + 41, end - 128 - 32 - 8 * 32 + 3);
    let whole = damage(&sandbox, &[30, frame(3, 0) - 9, frame(5, 0) - 70, entry, trailer]);
    let bad = sandbox.read("a.sv2");
    let ended = sandbox.run(&["verify", "a.sv2"]);
    assert!(ended.text().contains("hint: sv2 repair a.sv2\n"), "{}", ended.text());

    let before = sandbox.names();
    let ended = sandbox.good(&["repair", "-n", "a.sv2"]);
    for words in [
        "no parity file is used",
        "can be put back: 1 front header from its copy, 1 trailer, 1 piece of the index",
        "1 segment header, 1 segment footer",
        "a scrub would say then: no damage",
    ] {
        assert!(ended.stderr.contains(words), "'{words}' is not in: {}", ended.stderr);
    }
    assert_eq!((sandbox.names(), sandbox.read("a.sv2")), (before, bad.clone()));

    let ended = sandbox.good(&["repair", "a.sv2"]);
    let words = "checksums agree, and nothing was authenticated; scrubbed: no damage";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert_eq!((sandbox.read("a.sv2.repaired"), sandbox.read("a.sv2")), (whole.clone(), bad));
    sandbox.bad(&["repair", "a.sv2"], 2, &["already exists"]);
    sandbox.good(&["repair", "a.sv2", "-o", "other"]);
    let ended = sandbox.good(&["repair", "--json", "-f", "--backup", "old", "a.sv2"]);
    let report: Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!((&report["undamaged"], &report["authenticated"]), (&true.into(), &false.into()));
    assert_eq!(report["mends"].as_array().unwrap().len(), 5);
    assert_eq!(sandbox.read("a.sv2"), whole);
    assert_eq!(sandbox.read("other"), whole);
    assert_ne!(sandbox.read("old"), whole);
    let ended = sandbox.good(&["repair", "-f", "a.sv2"]);
    assert!(ended.stderr.contains("a.sv2: no damage; no parity file is used"), "{}", ended.stderr);
    sandbox.good(&["verify", "-K", "key", "a.sv2"]);
}

/// Bytes behind the sealed end go with the user's word alone; a new file leaves them behind.
#[test]
fn what_stands_behind_a_sealed_end_is_cut_off_in_place_only_on_request() {
    let sandbox = with_stream();
    let whole = damage(&sandbox, &[30]);
    let longer = [&sandbox.read("a.sv2")[..], &[7; 999]].concat();
    sandbox.write("a.sv2", &longer);
    let words = ["999 bytes stand behind the end of the stream", "sv2 repair -f --cut a.sv2"];
    sandbox.bad(&["repair", "-f", "a.sv2"], 2, &words);
    assert_eq!(sandbox.read("a.sv2"), longer);
    let ended = sandbox.good(&["repair", "a.sv2"]);
    assert!(ended.stderr.contains("the end, behind which 999 bytes stand"), "{}", ended.stderr);
    sandbox.good(&["repair", "-f", "--cut", "a.sv2"]);
    assert_eq!((sandbox.read("a.sv2.repaired"), sandbox.read("a.sv2")), (whole.clone(), whole));
}

#[test]
fn what_does_not_follow_stays_damaged_and_is_told() {
    let sandbox = with_stream();
    damage(&sandbox, &[frame(2, 1) + 40]);
    let (before, bad) = (sandbox.names(), sandbox.read("a.sv2"));
    let ended = sandbox.run(&["repair", "a.sv2"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    for words in ["1 damaged part", "nothing of it follows", "--salvage=zero a.sv2"] {
        assert!(ended.stderr.contains(words), "'{words}' is not in: {}", ended.stderr);
    }
    assert_eq!((sandbox.names(), sandbox.read("a.sv2")), (before, bad));
    // Beside something that does follow.
    damage(&sandbox, &[70]);
    let ended = sandbox.run(&["repair", "a.sv2"]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("scrubbed: the stream is damaged"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--salvage=zero a.sv2.repaired"), "{}", ended.stderr);
    let ended = sandbox.run(&["verify", "a.sv2.repaired"]);
    assert!(ended.text().contains("1 damaged part, with 256 bytes"), "{}", ended.text());
}

#[test]
fn a_parity_file_comes_first_unless_it_is_not_wanted() {
    let sandbox = with_stream();
    sandbox.good(&["protect", "a.sv2"]);
    let whole = damage(&sandbox, &[30]);
    let ended = sandbox.good(&["repair", "-n", "a.sv2"]);
    assert!(ended.stderr.contains("1 block bad"), "{}", ended.stderr);
    sandbox.good(&["repair", "-f", "--without-parity", "a.sv2"]);
    assert_eq!(sandbox.read("a.sv2"), whole);
    sandbox.write("copy", &whole);
    sandbox.bad(&["repair", "--without-parity", "--from", "copy", "a.sv2"], 2, &["--from"]);
    std::fs::remove_file(sandbox.path("a.sv2.par")).unwrap();
    sandbox.bad(&["repair", "--from", "copy", "a.sv2"], 2, &["there is no '", "--from needs"]);
    sandbox.write("photo", b"photo");
    sandbox.bad(&["repair", "photo"], 6, &["there is no '", "only a stream can be repaired"]);
}

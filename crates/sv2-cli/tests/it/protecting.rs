//! `sv2 protect`, `repair` and what other commands do with a parity file.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::sandbox::{Sandbox, mode, painted};

/// A sandbox with a stream of some hundred blocks and its parity file.
fn protected() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("plain", &painted(700_000));
    let sizes = ["--segment-size", "64K", "-K", "key", "--protect"];
    sandbox.good(&[&["encrypt", "plain", "-o", "a.sv2"][..], &sizes].concat());
    assert_eq!(sandbox.names(), ["a.sv2", "a.sv2.par", "key", "plain"]);
    sandbox
}

/// Zeroes bytes of `a.sv2`; what it was is given back.
fn damage(sandbox: &Sandbox, ranges: &[(usize, usize)]) -> Vec<u8> {
    let whole = sandbox.read("a.sv2");
    let mut bad = whole.clone();
    for &(at, len) in ranges {
        bad[at..at + len].iter_mut().for_each(|byte| *byte ^= 0x55);
    }
    sandbox.write("a.sv2", &bad);
    whole
}

#[test]
fn what_is_promised_is_said_and_what_is_lost_comes_back() {
    let sandbox = protected();
    fs::remove_file(sandbox.path("a.sv2.par")).unwrap();
    let ended = sandbox.good(&["protect", "a.sv2"]);
    assert!(
        ended.stderr.contains("repairs any 9 bad blocks of 4.0 KiB in each"),
        "{}",
        ended.stderr
    );
    sandbox.bad(&["protect", "a.sv2"], 2, &["a.sv2.par' already exists", "sv2 protect -f a.sv2"]);

    let whole = damage(&sandbox, &[(0, 1000), (300_000, 20_000)]);
    let ended = sandbox.run(&["verify", "--map", "a.sv2"]);
    assert!(ended.text().contains("7 blocks bad in 1 window, repairable"), "{}", ended.text());
    assert!(ended.text().contains("hint: sv2 repair a.sv2\n"), "{}", ended.text());
    assert!(ended.text().contains("[r....") && ended.text().contains("r repairable"));

    let ended = sandbox.good(&["repair", "--dry-run", "a.sv2"]);
    assert!(ended.stderr.contains("7 blocks bad in 1 window, repairable"), "{}", ended.stderr);
    let before = sandbox.names();
    let ended = sandbox.good(&["repair", "a.sv2"]);
    assert!(ended.stderr.contains("nothing was authenticated; scrubbed: no damage"));
    assert_eq!(sandbox.read("a.sv2.repaired"), whole);
    assert_ne!(sandbox.read("a.sv2"), whole);
    sandbox.bad(&["repair", "a.sv2"], 2, &["already exists"]);
    sandbox.good(&["repair", "a.sv2", "-o", "other"]);
    sandbox.good(&["repair", "a.sv2", "-f", "--backup", "old"]);
    assert_eq!((sandbox.read("a.sv2"), sandbox.read("other")), (whole.clone(), whole));
    assert_ne!(sandbox.read("old"), sandbox.read("a.sv2"));
    assert_eq!(sandbox.names().len(), before.len() + 3);
    let ended = sandbox.good(&["repair", "a.sv2"]);
    assert!(ended.stderr.contains("no block bad"), "{}", ended.stderr);
    sandbox.good(&["verify", "-K", "key", "a.sv2"]);
}

/// R-602: more than was promised is refused, and nothing is written.
#[test]
fn more_damage_than_parity_is_refused_and_another_copy_helps() {
    let sandbox = protected();
    let whole = damage(&sandbox, &[(100_000, 60_000)]);
    let (bad, before) = (sandbox.read("a.sv2"), sandbox.names());
    let words = ["lost for good", "nothing was written", "sv2 repair --from COPY a.sv2"];
    for arguments in [&["repair", "a.sv2"][..], &["repair", "-f", "a.sv2"]] {
        sandbox.bad(arguments, 5, &words);
    }
    assert_eq!(sandbox.run(&["repair", "-n", "a.sv2"]).code, 5);
    assert_eq!((sandbox.read("a.sv2"), sandbox.names()), (bad, before));
    let mut copy = whole.clone();
    copy[400_000..440_000].fill(0);
    sandbox.write("copy", &copy);
    let ended = sandbox.good(&["repair", "-f", "--from", "copy", "a.sv2"]);
    assert!(ended.stderr.contains("taken from the other copy"), "{}", ended.stderr);
    assert_eq!(sandbox.read("a.sv2"), whole);
    sandbox.bad(&["repair", "--from", "a.sv2", "a.sv2"], 2, &["is the file itself"]);
}

#[test]
fn bytes_behind_the_end_are_cut_in_place_only_on_request() {
    let sandbox = protected();
    let whole = sandbox.read("a.sv2");
    sandbox.write("a.sv2", &[&whole[..], &[7; 99]].concat());
    let words = ["99 bytes stand behind the end", "sv2 repair -f --cut a.sv2"];
    sandbox.bad(&["repair", "-f", "a.sv2"], 2, &words);
    sandbox.good(&["repair", "-f", "--cut", "a.sv2"]);
    assert_eq!(sandbox.read("a.sv2"), whole);
    sandbox.write("a.sv2", &whole[..whole.len() - 5000]);
    sandbox.good(&["repair", "-f", "a.sv2"]);
    assert_eq!(sandbox.read("a.sv2"), whole);
}

/// R-402: recipients who were removed do not come back.
#[test]
fn a_parity_file_of_an_earlier_version_repairs_nothing() {
    let sandbox = protected();
    let (old, parity) = (sandbox.read("a.sv2"), sandbox.read("a.sv2.par"));
    sandbox.write("more", b"more");
    sandbox.good(&["append", "-K", "key", "a.sv2", "more"]);
    let new = sandbox.read("a.sv2");
    assert_ne!(sandbox.read("a.sv2.par"), parity, "it follows");
    sandbox.write("a.sv2.par", &parity);
    damage(&sandbox, &[(50_000, 10)]);
    let bad = sandbox.read("a.sv2");
    let words = ["stale", "sealed anew", "sv2 protect -f a.sv2"];
    sandbox.bad(&["repair", "-f", "a.sv2"], 7, &words);
    assert_eq!(sandbox.read("a.sv2"), bad);
    assert!(sandbox.run(&["verify", "a.sv2"]).text().contains("parity: a.sv2: the parity file is"));
    sandbox.write("a.sv2", &old);
    sandbox.good(&["repair", "-n", "a.sv2"]);
    assert_ne!(new, old);
}

/// R-407: where nothing is left that tells the version, a repair says so, however quiet it is to be.
#[test]
fn a_repair_of_seal_and_headers_says_that_it_may_be_an_earlier_version() {
    let sandbox = protected();
    let whole = sandbox.read("a.sv2");
    let copy = whole.len() - 128 - 32 - 11 * 32 - 1024;
    for (places, is_told) in [
        (&[(60, 4), (copy + 60, 4), (whole.len() - 60, 4)][..], true),
        (&[(60, 4), (copy + 60, 4)], false),
        (&[(60, 4), (whole.len() - 60, 4)], false),
    ] {
        sandbox.write("a.sv2", &whole);
        damage(&sandbox, places);
        let ended = sandbox.good(&["repair", "-f", "-q", "a.sv2"]);
        assert!(sandbox.read("a.sv2") == whole);
        let words = ["nothing tells whether it was changed after", "sv2 recipients list a.sv2"];
        let told = words.map(|word| ended.stderr.contains(word));
        assert_eq!(told, [is_told; 2], "{places:?}: {}", ended.stderr);
    }
}

/// R-501: the parity file is true after each change, or is said to be stale.
#[test]
fn append_and_recipients_keep_the_parity_file_true() {
    let sandbox = Sandbox::new();
    sandbox.write("plain", &painted(300_000));
    sandbox.good(&["keygen", "-o", "id"]);
    sandbox.good(&["keygen", "-o", "other"]);
    let recipient = |name: &str| {
        let text = String::from_utf8(sandbox.read(name)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        line.unwrap().to_owned()
    };
    let (one, other) = (recipient("id"), recipient("other"));
    sandbox.good(&["encrypt", "plain", "-r", &one, "-o", "a.sv2", "--protect=10%"]);
    for change in [
        &["append", "-i", "id", "a.sv2", "plain"][..],
        &["recipients", "add", "-i", "id", "-r", &other, "a.sv2"],
        &["append", "-i", "id", "a.sv2", "plain"],
        &["recipients", "rm", "-i", "id", "--slot", "1", "a.sv2"],
    ] {
        let ended = sandbox.good(change);
        assert!(ended.stderr.contains("a.sv2.par' follows"), "{change:?}: {}", ended.stderr);
        let whole = damage(&sandbox, &[(0, 100), (200_000, 100)]);
        sandbox.good(&["repair", "-f", "a.sv2"]);
        assert_eq!(sandbox.read("a.sv2"), whole, "{change:?}");
    }
    let ended = sandbox.good(&["append", "-i", "id", "a.sv2", "/dev/null"]);
    assert!(!ended.stderr.contains("a.sv2.par"), "{}", ended.stderr);
    // Damage that the change does not touch must not become what is protected.
    let whole = damage(&sandbox, &[(100_000, 1)]);
    let ended = sandbox.good(&["recipients", "add", "-i", "id", "-r", &other, "a.sv2"]);
    assert!(ended.stderr.contains("the parity file is stale now: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: make the parity file anew: sv2 protect -f a.sv2"));
    assert_ne!(sandbox.read("a.sv2"), whole);
}

#[test]
fn any_other_file_is_protected_repaired_and_verified_too() {
    let sandbox = Sandbox::new();
    let photo: Vec<u8> =
        (0..500_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    sandbox.write("photo", &photo);
    fs::set_permissions(sandbox.path("photo"), Permissions::from_mode(0o600)).unwrap();
    sandbox.good(&["protect", "--parity", "20%", "--spread", "none", "photo"]);
    assert_eq!(
        mode(&sandbox.path("photo.par")),
        0o600,
        "who may not read it reads no parity of it"
    );
    sandbox.good(&["verify", "photo"]);
    let mut bad = photo.clone();
    bad[9..90_000].fill(3);
    sandbox.write("photo", &bad);
    let ended = sandbox.run(&["verify", "--map", "photo"]);
    assert_eq!(ended.code, 5);
    assert!(ended.text().contains("22 blocks bad in 1 window, repairable"), "{}", ended.text());
    let ended = sandbox.run(&["verify", "--json", "photo"]);
    let report: Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!(report["parity"]["bad_blocks"], 22);
    assert_eq!((&report["check"], &report["authenticated"]), (&"parity".into(), &false.into()));
    let ended = sandbox.good(&["repair", "--json", "photo"]);
    let report: Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!((&report["blocks_computed"], &report["authenticated"]), (&22.into(), &false.into()));
    assert_eq!(sandbox.read("photo.repaired"), photo);
    sandbox.write("photo", &[&photo[..], b"x"].concat());
    sandbox.bad(&["repair", "photo"], 7, &["has grown since", "sv2 protect -f photo"]);
}

/// F-1213: a parity file that others may have written is not used.
#[test]
fn a_parity_file_that_others_may_have_written_is_not_used() {
    let sandbox = protected();
    damage(&sandbox, &[(5, 5)]);
    let parity = sandbox.path("a.sv2.par");
    fs::set_permissions(&parity, Permissions::from_mode(0o666)).unwrap();
    sandbox.bad(&["repair", "a.sv2"], 2, &["planted", "sv2 protect -f a.sv2"]);
    fs::set_permissions(&parity, Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&parity, sandbox.path("second")).unwrap();
    sandbox.bad(&["repair", "a.sv2"], 2, &["planted"]);
    fs::remove_file(&parity).unwrap();
    std::os::unix::fs::symlink("second", &parity).unwrap();
    sandbox.bad(&["repair", "a.sv2"], 2, &["planted"]);
    assert!(!sandbox.path("a.sv2.repaired").exists());
}

#[test]
fn what_is_no_parity_file_or_one_of_another_file_is_named() {
    let sandbox = protected();
    let parity = sandbox.read("a.sv2.par");
    sandbox.write("a.sv2.par", b"hello");
    sandbox.bad(&["repair", "a.sv2"], 6, &["a.sv2.par': this is no parity file"]);
    sandbox.write("a.sv2.par", &parity[..300]);
    sandbox.bad(&["repair", "a.sv2"], 5, &["damaged beyond use", "sv2 protect -f a.sv2"]);
    fs::remove_file(sandbox.path("a.sv2.par")).unwrap();
    let ended = sandbox.good(&["repair", "a.sv2"]);
    assert!(ended.stderr.contains("no damage; no parity file is used"), "{}", ended.stderr);
    sandbox.write("b", &painted(700_000));
    sandbox.write("b.par", &parity);
    sandbox.bad(&["repair", "b"], 5, &["lost for good"]);
    sandbox.bad(&["protect", "."], 2, &["is no regular file"]);
    sandbox.bad(
        &["encrypt", "plain", "-K", "key", "-o", "-", "--protect"],
        2,
        &["--protect needs"],
    );
}

/// A change that was cut off is settled first, and nobody repairs under a change.
#[test]
fn a_repair_waits_for_no_change_and_repairs_no_half_changed_stream() {
    let sandbox = protected();
    damage(&sandbox, &[(5, 5)]);
    sandbox.write("a.sv2.sv2-change", b"");
    sandbox.bad(&["repair", "-f", "a.sv2"], 7, &["change of the stream", "/dev/null"]);
    fs::remove_file(sandbox.path("a.sv2.sv2-change")).unwrap();
    let file = File::open(sandbox.path("a.sv2")).unwrap();
    file.lock().unwrap();
    sandbox.bad(&["repair", "-f", "a.sv2"], 1, &["another program is changing"]);
}

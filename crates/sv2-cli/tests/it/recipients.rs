//! Recipients that come and go in the header of a sealed stream.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, painted};

/// A sandbox with the identities `one`, `two`, `three` and a stream `a.sv2` for the first two,
/// labelled; returns their recipients, too.
fn with_stream() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    let make = |name| sandbox.good(&["keygen", "-o", name]).text().trim().to_owned();
    let recipients: Vec<String> = ["one", "two", "three"].map(make).to_vec();
    sandbox.write("a", &painted(5000));
    let labels = ["--label", "alice", "--label", "bob", "--name", "--meta", "k=v"];
    let names = ["-r", &recipients[0], "-r", &recipients[1]];
    let sizes = ["--frame-size", "256", "--segment-size", "1K"];
    sandbox.good(&[&["encrypt", "a"], &labels[..], &names[..], &sizes[..]].concat());
    (sandbox, recipients)
}

fn listed(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let ended = sandbox.good(&[&["recipients", "list", "--json", "a.sv2"], arguments].concat());
    serde_json::from_str(ended.text()).unwrap()
}

fn opens(sandbox: &Sandbox, identity: &str) -> bool {
    let ended = sandbox.run(&["decrypt", "a.sv2", "-o", "-", "-i", identity]);
    assert!(ended.code == 4 || (ended.code == 0 && ended.stdout == sandbox.read("a")));
    ended.code == 0
}

/// The bytes between the headers, and the length.
fn body(stream: &[u8], header_len: usize, tail_len: usize) -> &[u8] {
    &stream[header_len..stream.len() - tail_len]
}

#[test]
fn labels_are_for_who_holds_a_key() {
    let (sandbox, _) = with_stream();
    let with_key = listed(&sandbox, &["-i", "two"]);
    let kind = "X25519 (age1..)";
    assert_eq!(
        with_key["slots"],
        json!([
            { "slot": 0, "content": kind, "label": "alice", "opened": false },
            { "slot": 1, "content": kind, "label": "bob", "opened": true },
        ])
    );
    assert_eq!((&with_key["authenticated"], &with_key["revision"]), (&json!(true), &json!(0)));
    let text = sandbox.good(&["recipients", "list", "-i", "one", "a.sv2"]);
    let lines: Vec<&str> = text.text().lines().collect();
    assert_eq!(lines[0], "a.sv2: 2 key slots, header revision 0");
    assert!(lines[1].contains("0  X25519 (age1..)  alice (opened by your key)"), "{lines:?}");
    assert!(lines[2].ends_with("bob"), "{lines:?}");

    let without = sandbox.good(&["recipients", "list", "a.sv2"]);
    assert_eq!(without.text(), format!("a.sv2: 2 key slots, by kind\n   2 x {kind}\n"));
    assert!(without.stderr.contains("nothing was verified"), "{}", without.stderr);
    assert_eq!(listed(&sandbox, &[])["slots"], Value::Null);
    assert_eq!(listed(&sandbox, &[])["kinds"], json!({ kind: 2 }));
    sandbox.bad(&["recipients", "list", "-i", "three", "a.sv2"], 4, &["no key slot opens"]);
}

/// F-1107: revision, front, copy and trailer change, and nothing else. F-324: each recipient is
/// removed by itself.
#[test]
fn a_recipient_comes_and_goes_and_the_content_stays() {
    let (sandbox, recipients) = with_stream();
    let before = sandbox.read("a.sv2");
    let fingerprint = sandbox.good(&["fingerprint", "-i", "one", "a.sv2"]).stdout;
    assert!(!opens(&sandbox, "three"));
    let add = ["recipients", "add", "a.sv2", "-i", "one", "-r", &recipients[2]];
    let told = sandbox.good(&[&add[..], &["--label", "carol"]].concat()).stderr;
    assert!(told.contains("a.sv2: 3 key slots, before 2; header revision 1"), "{told}");
    for identity in ["one", "two", "three"] {
        assert!(opens(&sandbox, identity), "{identity}");
    }
    let after = sandbox.read("a.sv2");
    // Five segments, an index of one page, a page table of one hash, the trailer.
    let tail_len = 4096 + 5 * 32 + 32 + 128;
    assert_eq!(body(&before, 4096, tail_len), body(&after, 4096, tail_len));
    assert_eq!(after[..4096], after[after.len() - tail_len..][..4096]);
    assert_eq!(sandbox.good(&["fingerprint", "-i", "one", "a.sv2"]).stdout, fingerprint);
    let list = listed(&sandbox, &["-i", "three"]);
    let labels: Vec<&Value> =
        list["slots"].as_array().unwrap().iter().map(|slot| &slot["label"]).collect();
    assert_eq!(labels, ["alice", "bob", "carol"]);
    let seen = sandbox.good(&["inspect", "--json", "-i", "three", "a.sv2"]);
    let seen: Value = serde_json::from_str(seen.text()).unwrap();
    assert_eq!(seen["metadata"]["name"], json!("a"), "{seen}");
    assert_eq!(seen["metadata"]["user"], json!({ "k": "v" }), "{seen}");

    let remove = ["recipients", "rm", "a.sv2", "-i", "three", "--label", "alice"];
    let told = sandbox.good(&remove).stderr;
    assert!(told.contains("2 key slots, before 3; header revision 2"), "{told}");
    assert!(told.contains("removal is not revocation"), "{told}");
    assert!(!opens(&sandbox, "one") && opens(&sandbox, "two") && opens(&sandbox, "three"));
    let by_number = ["recipients", "rm", "a.sv2", "-i", "three", "--slot", "0", "--json"];
    let report: Value = serde_json::from_str(sandbox.good(&by_number).text()).unwrap();
    for (member, value) in [
        ("command", json!("recipients rm")),
        ("slots_before", json!(2)),
        ("slots", json!(1)),
        ("revision", json!(3)),
        ("generation", json!(0)),
        ("recovery", json!(null)),
    ] {
        assert_eq!(report[member], value, "{member}: {report}");
    }
    assert!(!opens(&sandbox, "two") && opens(&sandbox, "three"));
    assert_eq!(listed(&sandbox, &["-i", "three"])["slots"][0]["label"], json!("carol"));
    assert_eq!(sandbox.names(), ["a", "a.sv2", "one", "three", "two"]);
}

#[test]
fn nobody_is_locked_out_unasked() {
    let (sandbox, _) = with_stream();
    let rm = |rest: &[&'static str]| [&["recipients", "rm", "a.sv2", "-i", "one"], rest].concat();
    for (rest, words) in [
        (&["--label", "alice"][..], &["the slot that your key opens", "--force"][..]),
        (&["--slot", "0", "--slot", "1", "--force"], &["the last key slot", "recipients add"]),
        (&["--slot", "2"], &["there is no slot 2, but slots 0 to 1"]),
        (&["--label", "dave"], &["no slot has the label 'dave'"]),
        (&[], &["--slot"]),
    ] {
        let before = sandbox.read("a.sv2");
        sandbox.bad(&rm(rest), 2, words);
        assert_eq!(sandbox.read("a.sv2"), before, "{rest:?}");
    }
    // A second identity that opens another slot is as good.
    sandbox.good(&rm(&["--label", "alice", "-i", "two"]));
    assert!(!opens(&sandbox, "one") && opens(&sandbox, "two"));
    let (sandbox, _) = with_stream();
    sandbox.good(&[&["recipients", "rm", "a.sv2", "-i", "one"], &["--slot=0", "-f"][..]].concat());
    assert!(!opens(&sandbox, "one") && opens(&sandbox, "two"));
}

#[test]
fn the_old_passphrase_opens_and_the_new_one_takes_its_place() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"plaintext", "old");
    sandbox.write("old", b"old\n");
    sandbox.write("new", b"new\n");
    let add = ["recipients", "add", "a.sv2", "--new-passphrase-file", "new"];
    let with = |passphrase| [&add[..], &["--passphrase-file", passphrase]].concat();
    sandbox.bad(&with("new"), 4, &["the passphrase is wrong"]);
    sandbox.bad(&with("old"), 2, &["cannot have two", "--replace-passphrase"]);
    sandbox.good(&[&with("old")[..], &["--replace-passphrase"]].concat());
    let decrypt = ["decrypt", "a.sv2", "-o", "-", "--passphrase-file"];
    sandbox.bad(&[&decrypt[..], &["old"]].concat(), 4, &["the passphrase is wrong"]);
    assert_eq!(sandbox.good(&[&decrypt[..], &["new"]].concat()).stdout, b"plaintext");
    let list = listed(&sandbox, &["--passphrase-file", "new"]);
    assert_eq!(list["slots"][0]["opened"], json!(true), "{list}");
    assert_eq!(list["kinds"], json!({ "passphrase (scrypt, N = 2^18)": 1 }));
    let alone = ["recipients", "add", "a.sv2", "-r", "age1", "--replace-passphrase"];
    sandbox.bad(&alone, 2, &["needs --new-passphrase"]);
}

/// F-1108.
#[test]
fn what_does_not_fit_is_refused_with_the_way_out() {
    let sandbox = Sandbox::new();
    let recipient = sandbox.good(&["keygen", "-o", "one"]).text().trim().to_owned();
    sandbox.write("a", b"plaintext");
    let encrypt = ["encrypt", "a", "--no-self", "-r", &recipient, "--header-size"];
    sandbox.bad(&[&encrypt[..], &["256"]].concat(), 2, &["need ", "larger --header-size"]);
    sandbox.bad(&[&encrypt[..], &["1000"]].concat(), 2, &["a multiple of 64"]);
    sandbox.good(&[&encrypt[..], &["640"]].concat());
    let before = sandbox.read("a.sv2");
    assert_eq!(before[80..84], 640u32.to_be_bytes());
    let other = sandbox.good(&["keygen", "-o", "two"]).text().trim().to_owned();
    let add = ["recipients", "add", "a.sv2", "-i", "one", "-r", &other];
    let words = ["a.sv2: the sections need ", "cannot grow", "sv2 encrypt --header-size 2K"];
    sandbox.bad(&add, 2, &words);
    assert_eq!(sandbox.read("a.sv2"), before);
    sandbox.good(&[&encrypt[..], &["2K", "-f"]].concat());
    sandbox.good(&add);
}

#[test]
fn what_has_no_slots_or_no_key_stays_as_it_is() {
    let (sandbox, recipients) = with_stream();
    sandbox.raw_key();
    sandbox.good(&["encrypt", "a", "-o", "raw.sv2", "-K", "key"]);
    let mut cut = sandbox.read("a.sv2");
    cut.truncate(cut.len() - 5);
    sandbox.write("cut.sv2", &cut);
    let mut damaged = sandbox.read("a.sv2");
    let seal = damaged.len() - 20;
    damaged[seal] ^= 1;
    sandbox.write("bad.sv2", &damaged);
    for (rest, code, words) in [
        (&["raw.sv2", "-K", "key"][..], 2, &["without key slots and can get none"][..]),
        (&["a.sv2", "-i", "three"], 4, &["a.sv2: no key slot opens"]),
        (&["a.sv2"], 4, &["a.sv2: no key slot opens"]),
        (&["cut.sv2", "-i", "one"], 3, &["no trailer"]),
        (&["bad.sv2", "-i", "one"], 5, &["checksum mismatch", "trailer"]),
        (&["a", "-i", "one"], 6, &["not a stream_v2 stream"]),
        (&["missing", "-i", "one"], 1, &["cannot change 'missing'"]),
    ] {
        let before: Vec<_> = sandbox.names().iter().map(|name| sandbox.read(name)).collect();
        let add = [&["recipients", "add", "-r", &recipients[2]], rest].concat();
        sandbox.bad(&add, code, words);
        let remove = [&["recipients", "rm", "--slot", "0"], rest].concat();
        sandbox.bad(&remove, code, words);
        let after: Vec<_> = sandbox.names().iter().map(|name| sandbox.read(name)).collect();
        assert_eq!(after, before, "{rest:?}");
    }
    sandbox.bad(&["recipients", "add", "a.sv2", "-i", "one"], 2, &["no new recipient is named"]);
    let labels = ["--label", "x", "--label", "y"];
    let add = ["recipients", "add", "a.sv2", "-i", "one", "-r", &recipients[2]];
    sandbox.bad(&[&add[..], &labels].concat(), 2, &["2 times for 1 recipient"]);
    let encrypt = ["encrypt", "a", "-o", "b", "-r", &recipients[2]];
    sandbox.bad(&[&encrypt[..], &labels].concat(), 2, &["2 times for 1 recipient"]);
    sandbox.bad(&["encrypt", "a", "-o", "b", "-K", "key", "--label", "x"], 2, &["--label"]);
}

/// Everyone has one slot, and whose it is shows where that was asked for.
#[test]
fn duplicates_are_told_and_dropped_and_slots_show_whose_they_are() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"plaintext");
    let alice = sandbox.good(&["keygen", "-o", "alice"]).text().trim().to_owned();
    let bob = sandbox.good(&["keygen", "-o", "bob"]).text().trim().to_owned();
    sandbox.write("team", format!("{bob}\n{alice}\n").as_bytes());
    let encrypt = ["encrypt", "a", "--self", "-r", &alice, "-R", "team", "-i", "alice"];
    let told = sandbox.good(&[&encrypt[..], &["--label-recipients"]].concat()).stderr;
    assert_eq!(told.matches(&format!("{alice} is named twice and gets one slot")).count(), 2);
    let listed = sandbox.good(&["recipients", "list", "a.sv2"]);
    assert_eq!(listed.text().matches(&alice).count(), 1, "{}", listed.text());
    assert!(listed.text().contains(&bob) && listed.text().contains("3 key slots"));
    // Adding one who is there changes nothing.
    let before = sandbox.read("a.sv2");
    let add = ["recipients", "add", "a.sv2", "-r", &bob];
    let ended = sandbox.run(&add);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains(&format!("{bob} has a slot already")), "{}", ended.stderr);
    assert_eq!(sandbox.read("a.sv2"), before);
}

#[test]
fn a_removal_says_what_it_does_not_do() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"plaintext");
    let (one, two) = ("one", "two");
    for name in [one, two] {
        sandbox.good(&["keygen", "-o", name]);
    }
    let labels = ["--label", "", "--label", "bob", "--label", "bob"];
    let encrypt = ["encrypt", "a", "--self", "-i", one, "-i", two];
    sandbox.good(&[&encrypt[..], &labels].concat());
    let told = sandbox.good(&["recipients", "rm", "a.sv2", "--slot", "1"]).stderr;
    assert!(told.contains("slot 1 is gone, and slot 2 of the same label still opens"), "{told}");
    assert!(told.contains("removal is not revocation"), "{told}");
    assert!(told.contains("hint: ") && told.contains("sv2 decrypt a.sv2 -o - | sv2 encrypt"));
    let told = sandbox.good(&["recipients", "rm", "a.sv2", "--slot", "1"]).stderr;
    assert!(!told.contains("still opens"), "{told}");
}

/// F-324: refused before anything is read, with a way out.
#[test]
fn more_recipients_than_slots_are_refused_before_the_work() {
    let sandbox = Sandbox::new();
    let keys: Vec<String> =
        (0..65).map(|_| sv2_keys::generate_identity().recipient().to_string()).collect();
    sandbox.write("team", keys.join("\n").as_bytes());
    let encrypt = ["encrypt", "--no-self", "-R", "team", "-o", "out.sv2"];
    // Nothing is read: the input would never end.
    let words = ["65 recipients are named", "64 key slots", "sv2 keygen -o group.txt"];
    let endless = sandbox.bad(&[&encrypt[..], &["/dev/zero"]].concat(), 2, &words);
    assert!(endless.stdout.is_empty());
    sandbox.write("team", keys[1..].join("\n").as_bytes());
    sandbox.write("a", b"plaintext");
    sandbox.good(&[&encrypt[..], &["a"]].concat());
    assert!(sandbox.good(&["inspect", "out.sv2"]).text().contains("X25519"));
}

/// Who opens the stream with a slot of his own has one, although no label says so.
#[test]
fn who_has_a_slot_gets_no_second_one() {
    let (sandbox, recipients) = with_stream();
    let before = sandbox.read("a.sv2");
    let add = ["recipients", "add", "a.sv2", "-i", "two", "-r"];
    let ended = sandbox.run(&[&add[..], &[&recipients[1]]].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let there = format!("a.sv2: {} has a slot already", recipients[1]);
    assert!(ended.stderr.contains(&there), "{}", ended.stderr);
    assert_eq!(sandbox.read("a.sv2"), before);
    // A second key of somebody is told of, and added.
    let told = sandbox.good(&[&add[..], &[&recipients[2], "--label", "alice"]].concat()).stderr;
    assert!(told.contains("a.sv2: another slot has the label 'alice'"), "{told}");
    assert!(told.contains("3 key slots, before 2"), "{told}");
}

#[test]
fn an_identity_in_place_of_recipients_is_told_with_the_way_to_its_recipient() {
    let (sandbox, recipients) = with_stream();
    let secret = String::from_utf8(sandbox.read("three")).unwrap();
    let secret = secret.lines().find(|line| !line.starts_with('#')).unwrap();
    let hint = "hint: to print its recipient: sv2 keygen --show three";
    for arguments in [
        &["encrypt", "a", "-o", "b", "-R", "three"][..],
        &["recipients", "add", "a.sv2", "-i", "one", "-R", "three"],
    ] {
        let ended = sandbox.bad(arguments, 2, &["'three' holds a secret identity", hint]);
        assert!(!ended.stderr.contains(secret));
    }
    assert_eq!(sandbox.good(&["keygen", "--show", "three"]).text().trim(), recipients[2]);
    // What is neither is told as before.
    sandbox.write("neither", b"hello\n");
    sandbox.bad(&["encrypt", "a", "-o", "b", "-R", "neither"], 2, &["line 1", "not a recipient"]);
}

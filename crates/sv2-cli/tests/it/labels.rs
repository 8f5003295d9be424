//! Labels name recipients in the order of the command line, whatever options these come by.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// A sandbox with the identities `one` to `four`, and their recipients.
fn with_identities() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    let make = |name| sandbox.good(&["keygen", "-o", name]).text().trim().to_owned();
    let recipients = ["one", "two", "three", "four"].map(make).to_vec();
    sandbox.write("a", b"plaintext");
    (sandbox, recipients)
}

/// The label of the slot that the identity opens.
fn label_of(sandbox: &Sandbox, stream: &str, identity: &str) -> Value {
    let ended = sandbox.good(&["recipients", "list", "--json", "-i", identity, stream]);
    let listed: Value = serde_json::from_str(ended.text()).unwrap();
    let slots = listed["slots"].as_array().unwrap();
    slots.iter().find(|slot| slot["opened"] == true).unwrap()["label"].clone()
}

#[test]
fn a_label_names_whom_the_command_line_has_at_its_place() {
    let (sandbox, recipients) = with_identities();
    sandbox.write("list", format!("{}\n{}\n", recipients[1], recipients[2]).as_bytes());
    let labels = |names: [&'static str; 4]| names.map(|name| format!("--label={name}"));
    let [l1, l2, l3, l4] = labels(["1", "2", "3", "4"]);
    let (by_text, by_file, by_identity) = (["-r", &recipients[0]], ["-R", "list"], ["-i", "four"]);
    for (order, expected) in [
        ([&by_text[..], &by_file[..], &by_identity[..]], ["1", "2", "3", "4"]),
        ([&by_identity, &by_file, &by_text], ["4", "2", "3", "1"]),
        ([&by_file, &by_identity, &by_text], ["4", "1", "2", "3"]),
    ] {
        let names = [&l1, &l2, &l3, &l4].map(String::as_str);
        let arguments = [&["encrypt", "-f", "a"], &order.concat()[..], &names[..]].concat();
        sandbox.good(&arguments);
        for (identity, label) in ["one", "two", "three", "four"].into_iter().zip(expected) {
            assert_eq!(label_of(&sandbox, "a.sv2", identity), json!(label), "{order:?} {identity}");
        }
    }
    // Each label behind whom it names.
    let mixed = ["-i", "four", "--label", "bob", "-r", &recipients[0], "--label", "alice"];
    sandbox.good(&[&["encrypt", "-f", "a"], &mixed[..]].concat());
    assert_eq!(label_of(&sandbox, "a.sv2", "four"), json!("bob"));
    assert_eq!(label_of(&sandbox, "a.sv2", "one"), json!("alice"));
}

#[test]
fn a_label_names_a_new_recipient_in_the_same_order() {
    let (sandbox, recipients) = with_identities();
    sandbox.write("list", format!("{}\n", recipients[1]).as_bytes());
    sandbox.write("new", b"new\n");
    sandbox.good(&["encrypt", "a", "-i", "four", "--label", "old"]);
    let add = ["recipients", "add", "a.sv2", "-i", "four", "--new-passphrase-file", "new"];
    let new = ["--label", "word", "-R", "list", "--label", "two", "-r", &recipients[0]];
    sandbox.good(&[&add[..], &new[..], &["--label", "one"]].concat());
    for (identity, label) in [("one", "one"), ("two", "two"), ("four", "old")] {
        assert_eq!(label_of(&sandbox, "a.sv2", identity), json!(label));
    }
    let ended = sandbox.good(&["recipients", "list", "-i", "one", "a.sv2"]);
    let is_named = |line: &str| line.contains("passphrase (") && line.trim_end().ends_with("word");
    assert!(ended.text().lines().any(is_named), "{}", ended.text());
}

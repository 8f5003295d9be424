//! Names of files that hold control characters: no line is forged, and no terminal obeys them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::bad_streams::with_stream;
use crate::sandbox::{Ended, Sandbox};

const FORGING: &str = "a\ngood.sv2: no damage\x1b[2K\x07\u{202e}";
const SHOWN: &str = "a\\ngood.sv2: no damage\\u{1b}[2K\\u{7}\\u{202e}";

/// A sandbox with a stream of that name, and a damaged one with `bad` behind it.
fn with_forging_names() -> Sandbox {
    let sandbox = with_stream();
    let mut stream = sandbox.read("a.sv2");
    sandbox.write(FORGING, &stream);
    stream[3000] ^= 1;
    stream.truncate(5000);
    sandbox.write(&format!("{FORGING}bad"), &stream);
    sandbox
}

fn assert_harmless(ended: &Ended, arguments: &[&str]) {
    let told = format!("{}{}", ended.text(), ended.stderr);
    assert!(told.contains(SHOWN), "{arguments:?}: {told}");
    let controls = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!told.contains(controls), "{arguments:?}: {told:?}");
    assert!(!told.lines().any(|line| line.starts_with("good.sv2")), "{arguments:?}: {told}");
}

#[test]
fn names_forge_no_line_and_control_no_terminal() {
    let sandbox = with_forging_names();
    let bad = &format!("{FORGING}bad");
    sandbox.write("other", &[1; 32]);
    for arguments in [
        &["verify", FORGING][..],
        &["verify", "-v", "-K", "key", bad],
        &["inspect", FORGING],
        &["inspect", bad],
        &["recipients", "list", "-K", "key", FORGING],
        &["recipients", "rm", "--slot", "0", "-K", "key", FORGING],
        &["fingerprint", bad],
        &["decrypt", "-v", "-K", "key", FORGING, "-o", "out1"],
        &["decrypt", "--unsealed", "-K", "key", bad, "-o", "out2"],
        &["decrypt", "--salvage=zero", "-K", "key", bad, "-o", "out3"],
        &["decrypt", "-K", "other", FORGING, "-o", "out4"],
        &["decrypt", "-K", "key", bad, "-o", "out5"],
        &["decrypt", "-K", "key", FORGING],
        &["decrypt", "-K", "key", "a.sv2", "-o", FORGING],
        &["cat", "-K", "other", FORGING],
        &["append", "-K", "other", FORGING, "plain"],
        &["append", "-K", "key", "a.sv2", &format!("{FORGING}missing")],
        &["encrypt", "plain", "-K", &format!("{FORGING}missing")],
        &["encrypt", "plain", "-i", &format!("{FORGING}missing")],
        &["encrypt", "plain", "--passphrase-file", &format!("{FORGING}missing")],
        &["encrypt", "plain", "-K", "key", "-o", &format!("no/{FORGING}")],
        &["encrypt", "plain", "-K", "key", &format!("--name=/{FORGING}")],
    ] {
        assert_harmless(&sandbox.run(arguments), arguments);
    }
    // The parser's errors repeat words, too, and fold what is on several lines.
    let ended = sandbox.run(&["verify", "--frob\x1b[2J\ngood.sv2: no damage"]);
    assert!(!ended.stderr.contains('\x1b') && ended.stderr.lines().count() == 2, "{ended:?}");
}

#[test]
fn machines_get_names_as_they_are() {
    let sandbox = with_forging_names();
    for command in ["verify", "inspect", "fingerprint", "decrypt"] {
        let output: &[&str] = if command == "decrypt" { &["-o", "out"] } else { &[] };
        let arguments = [&[command, "--json", "-K", "key", FORGING], output].concat();
        let report: Value = serde_json::from_str(sandbox.good(&arguments).text()).unwrap();
        assert_eq!(report["input"], FORGING, "{command}");
    }
}

#[test]
fn names_that_are_no_text_are_shown_by_their_bytes() {
    let sandbox = with_stream();
    let name = OsStr::from_bytes(b"b\xff.sv2");
    let folder = sandbox.path(".");
    if fs::copy(sandbox.path("a.sv2"), folder.join(name)).is_err() {
        // The file system takes text alone, so that no such name can come from it.
        return;
    }
    let ended = Ended::of(sandbox.sv2(&["verify"]).arg(name).output().unwrap());
    assert!(ended.text().starts_with("b\\xff.sv2: no damage"), "{}", ended.text());
}

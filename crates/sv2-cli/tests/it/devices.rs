//! Block devices as inputs, such as a disk or a tape that a stream was written to: a loop device,
//! where the tests may make one.

use std::fs::{self, File};

use crate::bad_streams::with_stream;
use crate::sandbox::Sandbox;
use crate::world::skipped;

/// A loop device over a file, until it is dropped.
struct Loop(String);

impl Loop {
    fn over(sandbox: &Sandbox, name: &str) -> Option<Self> {
        let ended = sandbox.command("losetup").args(["--find", "--show", name]).output().ok()?;
        let device = String::from_utf8(ended.stdout).ok()?.trim().to_owned();
        if ended.status.success() && !device.is_empty() {
            return Some(Self(device));
        }
        skipped("no loop device can be made here, which needs root");
        None
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let detached = std::process::Command::new("losetup").args(["-d", &self.0]).status();
        assert!(std::thread::panicking() || detached.is_ok_and(|status| status.success()));
    }
}

/// F-839, F-840.
#[test]
fn a_stream_on_a_device_is_read_up_to_its_end_where_that_is_asked_for() {
    let sandbox = with_stream();
    let stream = sandbox.read("a.sv2");
    sandbox.write("disk", &stream);
    File::options().write(true).open(sandbox.path("disk")).unwrap().set_len(1 << 20).unwrap();
    let Some(device) = Loop::over(&sandbox, "disk") else { return };
    let device = device.0.as_str();
    let rest = (1 << 20) - stream.len();
    let told = format!(
        "a sealed stream of {} bytes ends there, and {rest} zero bytes follow",
        stream.len()
    );
    let ignore = ["--trailing", "ignore"];

    let ended = sandbox.run(&["verify", device]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.text().contains(&told), "{}", ended.text());
    let hint = format!("hint: sv2 decrypt --trailing ignore -K key -o out {device}");
    sandbox.bad(&["decrypt", "-K", "key", "-o", "out", device], 3, &[&told, &hint]);
    let hint = format!("hint: sv2 cat --trailing ignore -K key {device}");
    sandbox.bad(&["cat", "-K", "key", device], 3, &[&told, &hint]);
    let seen = sandbox.run(&["inspect", device]);
    assert_eq!(seen.code, 3);
    assert!(seen.text().contains("plaintext     8000 bytes"), "{}", seen.text());
    assert!(seen.stderr.contains(&told), "{}", seen.stderr);

    for keys in [&[][..], &["-K", "key"]] {
        let ended = sandbox.good(&[&["verify", device], &ignore[..], keys].concat());
        assert!(ended.text().contains("no damage; a sealed stream of"), "{}", ended.text());
    }
    let plain = sandbox.read("plain");
    let keyed = [&["-K", "key", device], &ignore[..]].concat();
    sandbox.good(&[&["decrypt", "-o", "out"], &keyed[..]].concat());
    assert!(sandbox.read("out") == plain);
    let ranges = ["cat", "--range", "300:5", "--range", "-7:"];
    let ended = sandbox.good(&[&ranges[..], &keyed].concat());
    assert_eq!(ended.stdout, [&plain[300..305], &plain[plain.len() - 7..]].concat());
    sandbox.bad(
        &["decrypt", "--salvage", "-K", "key", "-o", "left", device],
        5,
        &["recovered 8000 of 8000 bytes, nothing of this stream was lost"],
    );
    assert!(sandbox.read("left") == plain);
    // The seal is checked: a stream that only looks ended is none.
    let forged = [&["verify", device], &ignore[..], &["--expect", &"0".repeat(64), "-K", "key"]];
    sandbox.bad(&forged.concat(), 3, &["another fingerprint"]);
}

/// F-840: what changes or removes the source wants the end of the stream at the end of the file.
#[test]
fn nothing_is_changed_where_something_follows_the_end() {
    let sandbox = with_stream();
    let padded = [&sandbox.read("a.sv2")[..], &[0; 3000]].concat();
    sandbox.write("padded.sv2", &padded);
    let ignore = ["--trailing", "ignore"];
    for (arguments, code, words) in [
        (&["decrypt", "-K", "key", "--rm", "padded.sv2"][..], 2, "cannot be used with '--trailing"),
        (&["append", "-K", "key", "padded.sv2", "plain"], 2, "unexpected argument '--trailing'"),
        (&["recipients", "add", "-K", "key", "padded.sv2"], 2, "unexpected argument '--trailing'"),
    ] {
        let ended = sandbox.run(&[arguments, &ignore].concat());
        ended.expect_failure(code, &[]);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
        assert_eq!(sandbox.read("padded.sv2"), padded);
    }
    let append = ["append", "-K", "key", "padded.sv2", "plain"];
    let words = ["a sealed stream of", "3000 zero bytes follow it"];
    sandbox.bad(&append, 3, &words);
    sandbox.good(&["keygen", "-o", "id"]);
    let recipient = fs::read_to_string(sandbox.path("id")).unwrap();
    let recipient = recipient.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    sandbox.bad(&["recipients", "add", "-K", "key", "-r", recipient, "padded.sv2"], 3, &words);
    assert_eq!(sandbox.read("padded.sv2"), padded);
    if let Some(device) = Loop::over(&sandbox, "padded.sv2") {
        let only = ["only a stream in a file can be changed in place"];
        sandbox.bad(&["append", "-K", "key", &device.0, "plain"], 2, &only);
        sandbox.bad(&["recipients", "add", "-K", "key", "-r", recipient, &device.0], 2, &only);
        let removing = ["decrypt", "-K", "key", "--rm", "-o", "out", &device.0];
        sandbox.bad(&removing, 2, &["--rm cannot be used"]);
    }
}

//! What a message leads to: commands that know the options they are offered with, and reasons that
//! are those of this input and of no other.

use std::fs::File;

use serde_json::Value;

use crate::bad_streams::{frame, seal, with_stream};
use crate::sandbox::{Ended, Sandbox};

/// A stream with a damaged frame, and one with a forged one under a right checksum.
fn with_bad() -> Sandbox {
    let sandbox = with_stream();
    let mut bad = sandbox.read("a.sv2");
    bad[frame(2, 1) + 40] ^= 1;
    sandbox.write("bad.sv2", &bad);
    sandbox
}

/// What is offered is accepted, and repeats what is meant for it alone.
#[test]
fn a_hint_repeats_only_the_options_that_its_command_has() {
    let sandbox = with_bad();
    let range = ["--range", "2000:900"];
    let whole = [&["cat", "-K", "key"], &range[..], &["bad.sv2"]].concat();
    let salvage = "sv2 cat --salvage -K key --range 2000:900 bad.sv2\n";
    sandbox.bad(&whole, 5, &[salvage]);
    // Wherever the options of the program itself stand.
    for in_front in [&["--color", "never"][..], &["-v"], &["--progress=never"]] {
        sandbox.bad(&[in_front, &whole].concat(), 5, &[salvage]);
    }
    let context = ["cat", "-K", "key", "--range", "0:9", "--trailing", "ignore", "bad.sv2"];
    sandbox.good(&context);
    // A frame of another stream under the same key has a checksum that is right.
    seal(&sandbox, "other.sv2");
    let (mut forged, place) = (sandbox.read("a.sv2"), frame(2, 1)..frame(2, 2));
    forged[place.clone()].copy_from_slice(&sandbox.read("other.sv2")[place]);
    sandbox.write("forged.sv2", &forged);
    let cat = [&["cat", "-K", "key"], &range[..], &["forged.sv2"]].concat();
    let ended = sandbox.bad(&cat, 3, &["sv2 verify -K key forged.sv2\n"]);
    assert!(!ended.stderr.contains("--range"), "{}", ended.stderr);
}

/// A file on standard input is read by nobody before it is judged, and is not empty for that.
#[test]
fn an_input_is_named_for_what_it_is_itself() {
    let sandbox = with_stream();
    sandbox.write("text", b"some text that is longer than nothing");
    sandbox.write("old.age", b"age-encryption.org/v1\n-> X25519 x");
    sandbox.write("nothing", b"");
    for (name, word) in
        [("text", None), ("old.age", Some("an age file")), ("nothing", Some("empty"))]
    {
        for arguments in [&["inspect"][..], &["fingerprint", "-K", "key", "-"], &["verify", "-"]] {
            let mut command = sandbox.sv2(arguments);
            command.stdin(File::open(sandbox.path(name)).unwrap());
            let ended = Ended::of(command.output().unwrap());
            assert_eq!(ended.code, 6, "{arguments:?}: {}", ended.stderr);
            for other in ["empty", "an age file"] {
                let is_said = ended.stderr.contains(other);
                assert_eq!(is_said, Some(other) == word, "{name} {arguments:?}: {}", ended.stderr);
            }
        }
    }
    // How one pipe began says nothing of the next.
    let script = "mkfifo one.sv2 two.sv2; mkdir out; \
                  printf 'age-encryption.org/v1 and more' > one.sv2 & \
                  printf 'something that is no stream at all' > two.sv2 & \
                  \"$0\" decrypt -K key -o out one.sv2 two.sv2; code=$?; wait; exit $code";
    let mut shell = sandbox.command("bash");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_sv2")]);
    let ended = Ended::of(shell.output().unwrap());
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    let about = |name: &str| {
        let lines = ended.stderr.lines().filter(|line| line.starts_with(&format!("sv2: {name}")));
        lines.collect::<String>()
    };
    assert!(about("one.sv2").contains("it is an age file"), "{}", ended.stderr);
    assert!(!about("two.sv2").contains("age file"), "{}", ended.stderr);
}

/// The checksum of a stream that something follows is that of the stream.
#[test]
fn the_checksum_of_a_stream_with_something_behind_it_is_told() {
    let sandbox = with_stream();
    let checksum = |name: &str, code: i32| -> Value {
        let ended = sandbox.run(&["inspect", "--checksum", "--json", name]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        serde_json::from_str(ended.text()).unwrap()
    };
    let whole = checksum("a.sv2", 0);
    let stream = sandbox.read("a.sv2");
    sandbox.write("b.sv2", &[&stream[..], b"and more"].concat());
    let followed = checksum("b.sv2", 3);
    for key in ["checksum_crc64nvme", "checksum_bytes"] {
        assert_eq!(followed[key], whole[key], "{key}");
    }
    assert_eq!(whole["checksum_bytes"], stream.len());
    let ended = sandbox.run(&["inspect", "--checksum", "b.sv2"]);
    assert!(ended.text().contains("(without what follows the stream)"), "{}", ended.text());
}

/// A repair that is offered again has the options that decide what it does.
#[test]
fn a_repair_that_is_offered_again_is_the_same_repair() {
    let sandbox = with_stream();
    sandbox.good(&["protect", "a.sv2"]);
    let mut longer = sandbox.read("a.sv2");
    longer[30] ^= 1;
    longer.extend([7; 99]);
    sandbox.write("a.sv2", &longer);
    let offered = "sv2 repair -f --cut --backup old --without-parity a.sv2\n";
    let repair = ["repair", "-f", "--without-parity", "--backup", "old", "a.sv2"];
    sandbox.bad(&repair, 2, &["99 bytes stand behind the end of the stream", offered]);
    sandbox.write("copy", &longer);
    let offered = "sv2 repair -f --cut --from copy a.sv2\n";
    let repair = ["repair", "-f", "--from", "copy", "a.sv2"];
    sandbox.bad(&repair, 2, &["99 bytes stand behind the end", offered]);
}

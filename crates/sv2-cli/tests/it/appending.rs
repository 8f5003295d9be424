//! Appending to sealed streams in place, and what is left of an append that is cut off.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::process::{Child, ChildStdin, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::bad_streams::{frame, with_stream};
use crate::sandbox::{Ended, Sandbox, painted};
use crate::world::skipped;

const APPEND: [&str; 4] = ["append", "-K", "key", "a.sv2"];

/// The plaintext of `a.sv2`.
fn plaintext(sandbox: &Sandbox) -> Vec<u8> {
    sandbox.good(&["decrypt", "-K", "key", "a.sv2", "-o", "-"]).stdout
}

/// An append from a silent pipe that has sealed whole segments and waits for more; the pipe stays
/// open.
fn blocked(sandbox: &Sandbox) -> (Child, ChildStdin, BufReader<std::process::ChildStderr>) {
    let arguments = [&APPEND[..], &["--progress", "json", "-T", "2"]].concat();
    let mut child = sandbox.sv2(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&painted(2500)).unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("\"done\":"), "{line}");
    (child, pipe, told)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// F-1109, F-1110.
#[test]
fn a_file_and_a_pipe_continue_the_stream() {
    let sandbox = with_stream();
    let old = sandbox.read("plain");
    let more = painted(3000);
    sandbox.write("more", &more);
    let told = sandbox.good(&[&APPEND[..], &["more"]].concat()).stderr;
    assert!(told.contains("a.sv2: appended") && told.contains("(11000 bytes)"), "{told}");
    assert!(told.contains("generation 1"), "{told}");
    assert_eq!(plaintext(&sandbox), [&old[..], &more].concat());

    let piped = sandbox.fed(&[&APPEND[..], &["--json"]].concat(), b"from a pipe");
    let report: Value = serde_json::from_str(piped.text()).unwrap();
    for (member, value) in [
        ("command", json!("append")),
        ("input", json!("standard input")),
        ("output", json!("a.sv2")),
        ("bytes_in", json!(11)),
        ("plaintext_bytes", json!(11_011)),
        ("segments", json!(11)),
        ("generation", json!(2)),
        ("revision", json!(0)),
        ("recovery", json!(null)),
    ] {
        assert_eq!(report[member], value, "{member}: {report}");
    }
    assert_eq!(plaintext(&sandbox), [&old[..], &more, b"from a pipe"].concat());
    assert_eq!(sandbox.names(), ["a.sv2", "key", "more", "plain"]);

    let before = sandbox.read("a.sv2");
    let told = sandbox.good(&[&APPEND[..], &["/dev/null"]].concat()).stderr;
    assert!(told.contains("nothing was appended"), "{told}");
    assert_eq!(sandbox.read("a.sv2"), before, "the generation stays as well");
    assert_eq!(sandbox.good(&[&APPEND[..], &["-q", "more"]].concat()).stderr, "");
}

#[test]
fn a_stream_is_never_its_own_input() {
    let sandbox = with_stream();
    let before = sandbox.read("a.sv2");
    symlink(sandbox.path("a.sv2"), sandbox.path("symbolic")).unwrap();
    fs::hard_link(sandbox.path("a.sv2"), sandbox.path("hard")).unwrap();
    for (stream, input) in
        [("a.sv2", "a.sv2"), ("a.sv2", "symbolic"), ("symbolic", "a.sv2"), ("a.sv2", "hard")]
    {
        let words = [&format!("'{stream}' is the input itself")[..]];
        sandbox.bad(&["append", "-K", "key", stream, input], 2, &words);
    }
    let mut command = sandbox.sv2(&APPEND);
    command.stdin(fs::File::open(sandbox.path("hard")).unwrap());
    let ended = Ended::of(command.output().unwrap());
    ended.expect_failure(2, &["'a.sv2' is the input itself"]);
    assert_eq!(sandbox.read("a.sv2"), before);
}

/// F-1101, F-1207.
#[test]
fn an_append_that_was_killed_is_taken_back_by_the_next_one() {
    let sandbox = with_stream();
    let before = sandbox.read("a.sv2");
    let (mut child, pipe, _told) = blocked(&sandbox);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    drop(pipe);
    assert!(sandbox.names().contains(&"a.sv2.sv2-change".to_owned()));
    // Readers say why they fail.
    for reader in [&["decrypt", "-o", "out"][..], &["cat", "-o", "out"]] {
        let arguments = [reader, &["-K", "key", "a.sv2"]].concat();
        let words = ["a.sv2: ", "was cut off", "a.sv2.sv2-change", "a.sv2 /dev/null"];
        let ended = sandbox.run(&arguments);
        assert!([3, 5].contains(&ended.code), "{}", ended.stderr);
        ended.expect_failure(ended.code, &words);
    }
    // So do those that take what they find, and those whose part of the stream may be intact.
    for reader in [
        &["fingerprint", "-K", "key"][..],
        &["verify"],
        &["verify", "-K", "key"],
        &["inspect"],
        &["decrypt", "--unsealed", "-K", "key", "-o", "out"],
    ] {
        let told = sandbox.run(&[reader, &["a.sv2"]].concat()).stderr;
        assert!(told.contains(" is under way or was cut off"), "{reader:?}: {told}");
        assert!(told.contains("hint: ") && told.contains("a.sv2 /dev/null"), "{reader:?}: {told}");
    }
    // Whether the end was overwritten when the kill came decides what --unsealed finds.
    let _ = fs::remove_file(sandbox.path("out"));
    let told = sandbox.good(&[&APPEND[..], &["/dev/null"]].concat()).stderr;
    assert!(told.contains("a.sv2: an earlier change was cut off; it was taken back"), "{told}");
    assert_eq!(sandbox.read("a.sv2"), before);
    assert_eq!(sandbox.names(), ["a.sv2", "key", "plain"]);
}

#[test]
fn an_interrupted_append_says_what_it_leaves() {
    let sandbox = with_stream();
    let before = sandbox.read("a.sv2");
    let (mut child, pipe, told) = blocked(&sandbox);
    send(&child, Signal::INT);
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let told: Vec<String> = told.lines().map(Result::unwrap).collect();
    let [.., last, hint] = &told[..] else { panic!("{told:?}") };
    assert!(last.contains("interrupted; '") && last.contains("a.sv2.sv2-change"), "{last}");
    assert!(hint.starts_with("hint: ") && hint.ends_with("a.sv2 /dev/null"), "{hint}");
    drop(pipe);
    let ended = sandbox.good(&[&APPEND[..], &["--json", "/dev/null"]].concat());
    let report: Value = serde_json::from_str(ended.text()).unwrap();
    assert_eq!(report["recovery"], json!("taken back"));
    assert_eq!(sandbox.read("a.sv2"), before);
}

/// A change record beside a sound stream, as of a change that has not begun to write.
#[test]
fn readers_of_a_sound_stream_say_that_a_change_of_it_is_unfinished() {
    let sandbox = with_stream();
    let readers = [
        &["verify"][..],
        &["inspect"],
        &["fingerprint", "-K", "key"],
        &["cat", "-K", "key"],
        &["decrypt", "-K", "key", "-o", "-"],
    ];
    let told = |reader: &[&str]| {
        let ended = sandbox.good(&[reader, &["a.sv2"]].concat());
        ended.stderr.contains("a change of the stream is under way or was cut off")
    };
    assert!(!readers.iter().any(|reader| told(reader)));
    sandbox.write("a.sv2.sv2-change", b"");
    for reader in readers {
        assert!(told(reader), "{reader:?}");
    }
    for reader in ["verify", "inspect"] {
        let ended = sandbox.good(&[reader, "--json", "a.sv2"]);
        let report: Value = serde_json::from_str(ended.text()).unwrap();
        assert_eq!(report["unfinished_change"], json!(true), "{report}");
    }
}

/// F-1213.
#[test]
fn a_change_record_that_others_may_write_to_is_called_a_bait() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = with_stream();
    sandbox.write("a.sv2.sv2-change", b"bait");
    let path = sandbox.path("a.sv2.sv2-change");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let words = ["a.sv2: '", "a.sv2.sv2-change' can be written to by other users", "remove it"];
    sandbox.bad(&[&APPEND[..], &["plain"]].concat(), 1, &words);
    assert_eq!(sandbox.read("a.sv2.sv2-change"), b"bait");
    assert_not_promised(
        &sandbox,
        &["can be written to by other users", "remove it", "hint: if no"],
    );
}

/// F-1210.
#[test]
fn the_change_record_of_another_stream_is_left_alone() {
    let sandbox = with_stream();
    let (mut child, pipe, _told) = blocked(&sandbox);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    drop(pipe);
    crate::bad_streams::seal(&sandbox, "b.sv2");
    fs::rename(sandbox.path("b.sv2"), sandbox.path("a.sv2")).unwrap();
    let (stream, record) = (sandbox.read("a.sv2"), sandbox.read("a.sv2.sv2-change"));
    let words = ["was not used", "another stream", "a.sv2.sv2-change FOLDER"];
    sandbox.bad(&[&APPEND[..], &["plain"]].concat(), 1, &words);
    assert_eq!((sandbox.read("a.sv2"), sandbox.read("a.sv2.sv2-change")), (stream, record));
    assert_not_promised(&sandbox, &["another stream", "sv2-change FOLDER"]);
}

/// Beside a sound stream a record that every change refuses is not called a way out.
fn assert_not_promised(sandbox: &Sandbox, words: &[&str]) {
    for reader in ["verify", "inspect"] {
        let told = sandbox.good(&[reader, "a.sv2"]).stderr;
        assert!(!told.contains("/dev/null") && !told.contains("makes it whole"), "{told}");
        for word in [&["a.sv2.sv2-change' lies beside it", "is not used"], words].concat() {
            assert!(told.contains(word), "'{word}' is not in: {told}");
        }
    }
}

/// F-1210: the record of an append that was settled long ago, put back by a restored backup.
#[test]
fn a_change_record_of_another_state_promises_nothing() {
    let sandbox = with_stream();
    let (mut child, pipe, _told) = blocked(&sandbox);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    drop(pipe);
    let record = sandbox.read("a.sv2.sv2-change");
    for _ in 0..2 {
        sandbox.good(&[&APPEND[..], &["plain"]].concat());
    }
    sandbox.write("a.sv2.sv2-change", &record);
    let words = ["another state", "hint: keep a copy of it, remove it", "rm ", "a.sv2.sv2-change"];
    sandbox.bad(&[&APPEND[..], &["/dev/null"]].concat(), 1, &words);
    assert_not_promised(&sandbox, &words);
    fs::remove_file(sandbox.path("a.sv2.sv2-change")).unwrap();
    sandbox.good(&[&APPEND[..], &["/dev/null"]].concat());
}

#[test]
fn what_cannot_be_appended_to_stays_as_it_is() {
    let sandbox = with_stream();
    let sound = sandbox.read("a.sv2");
    sandbox.write("other", &[1; 32]);
    sandbox.write("empty", b"");
    let flip = |at: usize| {
        let mut stream = sound.clone();
        stream[at] ^= 1;
        stream
    };
    sandbox.write("last.sv2", &flip(frame(7, 0) + 100));
    sandbox.write("seal.sv2", &flip(sound.len() - 30));
    sandbox.write("cut.sv2", &sound[..sound.len() - 1]);
    for (arguments, code, words) in [
        (&["-K", "other", "a.sv2", "plain"][..], 4, &["a.sv2: the key or the context"][..]),
        (&["-K", "key", "--context", "x", "a.sv2", "plain"], 4, &["the context"]),
        (&["a.sv2", "plain"], 4, &["no key slots"]),
        (&["-K", "key", "last.sv2", "plain"], 5, &["checksum mismatch", "frame 0 of segment 7"]),
        (&["-K", "key", "seal.sv2", "plain"], 5, &["checksum mismatch", "trailer"]),
        (&["-K", "key", "cut.sv2", "plain"], 3, &["no trailer"]),
        (&["-K", "key", "plain", "a.sv2"], 6, &["not a stream_v2 stream"]),
        (&["-K", "key", "empty", "a.sv2"], 6, &["not a stream_v2 stream"]),
        (&["-K", "key", "missing", "a.sv2"], 1, &["cannot change 'missing'"]),
        (&["-K", "key", "a.sv2", "missing"], 1, &["cannot open 'missing'"]),
        (&["-K", "key", "-", "plain"], 2, &["in a file"]),
        (&["-K", "key", "--expect", &"0".repeat(64), "a.sv2", "plain"], 3, &["fingerprint"]),
    ] {
        let before: Vec<_> = sandbox.names().iter().map(|name| sandbox.read(name)).collect();
        sandbox.bad(&[&["append"], arguments].concat(), code, words);
        let after: Vec<_> = sandbox.names().iter().map(|name| sandbox.read(name)).collect();
        assert_eq!(after, before, "{arguments:?}");
    }
}

/// F-1209.
#[test]
fn a_stream_that_is_being_changed_is_not_changed_by_two() {
    let sandbox = with_stream();
    let held = fs::File::open(sandbox.path("a.sv2")).unwrap();
    held.lock().unwrap();
    let words = ["a.sv2: another program is changing the stream", "run the command again"];
    sandbox.bad(&[&APPEND[..], &["plain"]].concat(), 1, &words);
    drop(held);
    sandbox.good(&[&APPEND[..], &["plain"]].concat());
}

/// A medium that cannot be written to, with a stream that is half changed: it is read as far as it
/// can be, and the way out is one that can be gone.
#[test]
fn a_half_changed_stream_on_a_read_only_medium_says_to_copy_both() {
    let sandbox = with_stream();
    let (mut child, pipe, _told) = blocked(&sandbox);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    drop(pipe);
    fs::create_dir(sandbox.path("disk")).unwrap();
    let script = "mount -t tmpfs none disk && cp a.sv2 a.sv2.sv2-change disk && \
                  mount -o remount,ro none disk && exec \"$0\" \"$@\"";
    let on_disk = |arguments: &[&str]| {
        let mut shell = sandbox.command("unshare");
        shell.args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_sv2")]).args(arguments);
        shell.output().map(Ended::of)
    };
    if !on_disk(&["--version"]).is_ok_and(|ended| ended.code == 0) {
        return skipped("no file system of its own can be mounted here");
    }
    for (reader, code) in [
        (&["inspect"][..], 0..=5),
        (&["verify"], 0..=5),
        (&["decrypt", "--unsealed", "-K", "key", "-f", "-o", "out"], 0..=5),
        (&["decrypt", "-K", "key", "-f", "-o", "out"], 3..=5),
    ] {
        let ended = on_disk(&[reader, &["disk/a.sv2"]].concat()).unwrap();
        assert!(code.contains(&ended.code), "{reader:?}: {} {}", ended.code, ended.stderr);
        for words in ["under way or was cut off", "cannot be written to: copy", "a.sv2 /dev/null"] {
            assert!(ended.stderr.contains(words), "{reader:?}: {}", ended.stderr);
        }
    }
    assert!(fs::metadata(sandbox.path("out")).unwrap().len() > 0, "nothing was read");
    let ended = on_disk(&["append", "-K", "key", "disk/a.sv2", "/dev/null"]).unwrap();
    ended.expect_failure(1, &["disk/a.sv2", "Read-only file system"]);
    // And so it is: the copies become whole.
    sandbox.good(&[&APPEND[..], &["/dev/null"]].concat());
}

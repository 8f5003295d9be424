//! `--resume`: runs that are cut off, by a signal that asks or by one that does not, and the
//! command that continues them.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{Ended, Sandbox, mode, painted};

/// Segments of a single small frame, so that much is left to do for a long time.
const SMALL: [&str; 4] = ["--frame-size", "4K", "--segment-size", "4K"];
const LEN: usize = 10 << 20;

fn encrypt(more: &[&str]) -> Vec<String> {
    let words = [&["encrypt", "--resume", "-T", "1", "-K", "key", "a"], &SMALL[..], more].concat();
    words.iter().map(|&word| word.to_owned()).collect()
}

fn decrypt() -> Vec<String> {
    ["decrypt", "--resume", "-T", "1", "-K", "key", "a.sv2", "-o", "b"].map(str::to_owned).to_vec()
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Runs the program until `path` has at least `len` bytes, and sends a signal then; none where it
/// had ended before.
fn cut_off(
    sandbox: &Sandbox,
    arguments: &[String],
    path: &str,
    len: u64,
    signal: Signal,
) -> Option<Ended> {
    let mut child: Child = sandbox.sv2(&words(arguments)).spawn().unwrap();
    let path = sandbox.path(path);
    while fs::metadata(&path).map_or(0, |file| file.len()) < len {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{}", Ended::of(child.wait_with_output().unwrap()).stderr);
            return None;
        }
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    (ended.code != 0).then_some(ended)
}

/// F-1104: killed five times on the way, an encrypt ends in a stream of the source.
#[test]
fn a_killed_encrypt_is_continued() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let plaintext = painted(LEN);
    sandbox.write("a", &plaintext);
    let arguments = encrypt(&[]);
    let mut killed = 0;
    let mut left = Vec::new();
    for fifth in 0..5 {
        let len = LEN as u64 / 5 * fifth + 1;
        let Some(ended) = cut_off(&sandbox, &arguments, "a.sv2.unfinished", len, Signal::KILL)
        else {
            fs::remove_file(sandbox.path("a.sv2")).unwrap();
            continue;
        };
        assert_eq!((ended.code, ended.stderr.as_str()), (-1, ""));
        assert_eq!(mode(&sandbox.path("a.sv2.unfinished")), 0o600);
        left = sandbox.read("a.sv2.unfinished");
        killed += 1;
    }
    assert!(killed > 0, "no run was slow enough to be killed");
    let ended = sandbox.good(&words(&arguments));
    let finished = sandbox.read("a.sv2");
    let same = left.iter().zip(&finished).take_while(|(one, other)| one == other).count();
    assert!(same > 4096, "{same} of {} bytes are as they were", left.len());
    assert!(ended.stderr.contains("segments were done before and kept"), "{}", ended.stderr);
    assert_eq!(sandbox.names(), ["a", "a.sv2", "key"]);
    sandbox.good(&["decrypt", "-K", "key", "a.sv2", "-o", "b"]);
    assert_eq!(sandbox.read("b"), plaintext);
}

#[test]
fn a_run_without_resume_says_what_an_interrupted_one_left() {
    let sandbox = crate::bad_streams::with_stream();
    let decrypt = ["decrypt", "-K", "key", "a.sv2", "-f", "-o", "b"];
    let encrypt = ["encrypt", "-K", "key", "plain", "-f", "-o", "b"];
    for arguments in [decrypt, encrypt] {
        assert_eq!(sandbox.good(&arguments).stderr, "");
        sandbox.write("b.unfinished", b"");
        let told = sandbox.good(&arguments).stderr;
        assert!(told.contains("'b.unfinished', which this run does not use"), "{told}");
        fs::remove_file(sandbox.path("b.unfinished")).unwrap();
    }
}

/// F-1201, F-1203: killed on the way, a decrypt ends in the plaintext of the stream.
#[test]
fn a_killed_decrypt_is_continued() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let plaintext = painted(LEN);
    sandbox.write("a", &plaintext);
    sandbox.good(&[&["encrypt", "-K", "key", "a"], &SMALL[..]].concat());
    let mut killed = 0;
    for fifth in 0..5 {
        let len = LEN as u64 / 5 * fifth + 1;
        match cut_off(&sandbox, &decrypt(), "b.unfinished", len, Signal::KILL) {
            Some(_) => killed += 1,
            None => fs::remove_file(sandbox.path("b")).unwrap(),
        }
    }
    assert!(killed > 0, "no run was slow enough to be killed");
    sandbox.good(&words(&decrypt()));
    assert_eq!(sandbox.read("b"), plaintext);
    assert_eq!(mode(&sandbox.path("b")), 0o600);
    assert_eq!(sandbox.names(), ["a", "a.sv2", "b", "key"]);
}

/// An interruption keeps what was done, and says the command that continues.
#[test]
fn an_interrupted_run_says_the_command_that_continues_it() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let plaintext = painted(LEN);
    sandbox.write("a", &plaintext);
    for signal in [Signal::INT, Signal::TERM] {
        let mut interrupted = 0;
        for (arguments, unfinished, output) in [
            (encrypt(&["--context", "a b"]), "a.sv2.unfinished", "a.sv2"),
            (decrypt(), "b.unfinished", "b"),
        ] {
            let mut arguments = arguments;
            if output == "b" {
                arguments.extend(["--context".to_owned(), "a b".to_owned()]);
            }
            let ended = cut_off(&sandbox, &arguments, unfinished, LEN as u64 / 8, signal);
            if let Some(ended) = ended {
                let command = words(&arguments).join(" ").replace("a b", "'a b'");
                ended.expect_failure(130, &["interrupted", &format!("sv2 {command}\n")]);
                assert!(sandbox.path(unfinished).exists() && !sandbox.path(output).exists());
                let ended = sandbox.good(&words(&arguments));
                assert!(ended.stderr.contains("done before and kept"), "{}", ended.stderr);
                interrupted += 1;
            }
            assert!(!sandbox.path(unfinished).exists() && sandbox.path(output).exists());
        }
        assert!(interrupted > 0, "no run was slow enough to be interrupted");
        assert_eq!(sandbox.read("b"), plaintext);
        assert_eq!(sandbox.names(), ["a", "a.sv2", "b", "key"]);
        fs::remove_file(sandbox.path("a.sv2")).unwrap();
        fs::remove_file(sandbox.path("b")).unwrap();
    }
}

#[test]
fn a_file_by_name_is_needed_at_both_ends() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", b"plaintext");
    for (arguments, end) in [
        (&["encrypt", "--resume", "-K", "key", "-o", "x"][..], "the input is not one"),
        (&["encrypt", "--resume", "-K", "key", "-o", "x", "-"], "the input is not one"),
        (&["encrypt", "--resume", "-K", "key", "a", "-o", "-"], "the output is not one"),
        (&["encrypt", "--resume", "-K", "key", "a", "-o", "/dev/null"], "the output is not one"),
        (&["encrypt", "--resume", "-K", "key", "/dev/zero", "-o", "x"], "the input is not one"),
        (&["decrypt", "--resume", "-K", "key", "a", "-o", "-"], "the output is not one"),
        (&["decrypt", "--resume", "-K", "key", "-o", "x"], "the input is not one"),
    ] {
        sandbox.bad(arguments, 2, &["--resume needs named files", end]);
    }
    sandbox.bad(&["decrypt", "--resume", "--unsealed", "a", "-o", "x"], 2, &["--unsealed"]);
    sandbox.bad(&["decrypt", "--resume", "--salvage", "a", "-o", "x"], 2, &["--salvage"]);
    assert_eq!(sandbox.names(), ["a", "key"]);
}

/// An unfinished stream of 12 segments that was begun by this command, and stopped behind its data.
fn unfinished(sandbox: &Sandbox, more: &[&str]) -> Vec<u8> {
    sandbox.write("a", &painted(12 * 4096));
    sandbox.good(&[&["encrypt", "a", "-o", "whole"], &SMALL[..], more].concat());
    let mut stream = sandbox.read("whole");
    stream.truncate(stream.len() / 2);
    sandbox.write("a.sv2.unfinished", &stream);
    leave(sandbox, "a.sv2.unfinished");
    stream
}

/// Gives a file the permissions of one that an interrupted run left.
fn leave(sandbox: &Sandbox, name: &str) {
    fs::set_permissions(sandbox.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    // And the mark of the command, as local-files.md section 5 has it.
    let output = sandbox.path(name.strip_suffix(".unfinished").unwrap());
    let folder = output.parent().unwrap().canonicalize().unwrap();
    let output = folder.join(output.file_name().unwrap());
    let user = rustix::process::geteuid().as_raw();
    let (name, mark) = sv2_testkit::mark::encrypt_mark(&output, user, &sandbox.read(name));
    let marks = sandbox.path("home/.local/state/sv2/resume");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&marks).unwrap();
    fs::write(marks.join(name), mark).unwrap();
}

/// F-1114: other options are refused with exit code 7, and nothing is lost.
#[test]
fn other_options_are_refused_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("other", &[8; 32]);
    sandbox.own_identity();
    sandbox.good(&["encrypt", "other"]);
    let left = unfinished(&sandbox, &["-K", "key"]);
    for (more, option) in [
        (&["-K", "key", "--suite", "chacha20-poly1305"][..], "another suite"),
        (&["-K", "key", "--digest", "sha256"], "another digest"),
        (&["-K", "key", "--context", "x"], "another key or context"),
        (&["-K", "other"], "another key or context"),
        (&[], "another kind of key"),
    ] {
        let arguments = [&["-q", "encrypt", "--resume", "a"], &SMALL[..], more].concat();
        sandbox.bad(&arguments, 7, &["a.sv2.unfinished", option, "remove the file"]);
    }
    let sizes = ["--frame-size", "4K", "--segment-size", "8K"];
    let arguments = [&["encrypt", "--resume", "-K", "key", "a"], &sizes[..]].concat();
    sandbox.bad(&arguments, 7, &["another segment size"]);
    assert_eq!(sandbox.read("a.sv2.unfinished"), left);
    let arguments = [&["encrypt", "--resume", "-K", "key", "a"], &SMALL[..]].concat();
    let ended = sandbox.good(&arguments);
    assert!(ended.stderr.contains("6 of 12 segments"), "{}", ended.stderr);
}

/// F-1115: what somebody else may have put there is refused with exit code 7.
#[test]
fn a_planted_file_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    unfinished(&sandbox, &["-K", "key"]);
    fs::rename(sandbox.path("a.sv2.unfinished"), sandbox.path("bait")).unwrap();
    symlink("bait", sandbox.path("a.sv2.unfinished")).unwrap();
    let arguments = [&["encrypt", "--resume", "-K", "key", "a"], &SMALL[..]].concat();
    sandbox.bad(&arguments, 7, &["a.sv2.unfinished", "is a symbolic link", "planted"]);
    fs::remove_file(sandbox.path("a.sv2.unfinished")).unwrap();
    sandbox.write("a.sv2.unfinished", b"a letter");
    sandbox.bad(&arguments, 7, &["a.sv2.unfinished"]);
    assert_eq!(sandbox.read("a.sv2.unfinished"), b"a letter");
    // F-1116: nor a finished stream, whoever renamed it.
    fs::remove_file(sandbox.path("a.sv2.unfinished")).unwrap();
    sandbox.good(&[&["encrypt", "-K", "key", "a", "-o", "photo"], &SMALL[..]].concat());
    fs::rename(sandbox.path("photo"), sandbox.path("a.sv2.unfinished")).unwrap();
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(sandbox.path("a.sv2.unfinished"), mode).unwrap();
    let words = ["no earlier call of this user left the unfinished output", "rm a.sv2.unfinished"];
    sandbox.bad(&arguments, 7, &words);
}

/// F-1105: a command for others alone can be begun and says what continuing takes; without it,
/// it is refused and says what to give.
#[test]
fn continuing_for_others_needs_an_identity() {
    let sandbox = Sandbox::new();
    let ended = sandbox.good(&["keygen", "-o", "id"]);
    let text = String::from_utf8(sandbox.read("id")).unwrap() + &ended.stderr + ended.text();
    let start = text.find("age1").unwrap();
    let recipient = text[start..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
    let begin = [&["encrypt", "--resume", "--no-self", "a", "-r", recipient], &SMALL[..]].concat();
    sandbox.write("a", b"short");
    let ended = sandbox.good(&begin);
    assert!(ended.stderr.contains("an identity of one of the recipients"), "{}", ended.stderr);
    fs::remove_file(sandbox.path("a.sv2")).unwrap();

    let left = unfinished(&sandbox, &["-r", recipient]);
    let words = ["none of your keys opens what was begun", "-i", "SV2_IDENTITY"];
    sandbox.bad(&begin, 4, &words);
    assert_eq!(sandbox.read("a.sv2.unfinished"), left);
    let mut command = sandbox.sv2(&begin);
    let ended = Ended::of(command.env("SV2_IDENTITY", "id").output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("6 of 12 segments"), "{}", ended.stderr);
    sandbox.good(&["decrypt", "-i", "id", "a.sv2", "-o", "b"]);
    assert_eq!(sandbox.read("b"), sandbox.read("a"));
}

/// F-1113: a passphrase is read once, opens what was begun, and locks the result.
#[test]
fn a_passphrase_continues_what_it_began() {
    let sandbox = Sandbox::new();
    sandbox.write("pass", b"a long passphrase\n");
    sandbox.write("wrong", b"another passphrase\n");
    sandbox.write("a", &painted(70_000));
    sandbox.cheap_passphrase_stream("a.sv2.unfinished", &painted(70_000), "a long passphrase");
    leave(&sandbox, "a.sv2.unfinished");
    let left = sandbox.read("a.sv2.unfinished");
    let with = |file| ["encrypt", "--resume", "a", "--passphrase-file", file];
    sandbox.bad(&with("wrong"), 4, &["a.sv2.unfinished", "-p"]);
    assert_eq!(sandbox.read("a.sv2.unfinished"), left);
    let ended = sandbox.good(&with("pass"));
    assert!(ended.stderr.contains("1 of 1 segment was done"), "{}", ended.stderr);
    sandbox.good(&["decrypt", "--passphrase-file", "pass", "a.sv2", "-o", "b"]);
    assert_eq!(sandbox.read("b"), sandbox.read("a"));
}

/// F-1106: a journal of another stream is refused with exit code 7, and nothing is lost.
#[test]
fn a_decrypt_of_another_stream_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", &painted(LEN));
    sandbox.good(&[&["encrypt", "-K", "key", "a"], &SMALL[..]].concat());
    let half = LEN as u64 / 2;
    let mut attempts = 0;
    while cut_off(&sandbox, &decrypt(), "b.unfinished", half, Signal::TERM).is_none() {
        fs::remove_file(sandbox.path("b")).unwrap();
        attempts += 1;
        assert!(attempts < 20, "no run was slow enough to be interrupted");
    }
    let before = (sandbox.read("b.unfinished"), sandbox.read("b.sv2-journal"));
    fs::rename(sandbox.path("a.sv2"), sandbox.path("right")).unwrap();
    sandbox.good(&[&["encrypt", "-K", "key", "a"], &SMALL[..]].concat());
    sandbox.bad(&words(&decrypt()), 7, &["b.sv2-journal", "another stream", "remove"]);
    assert_eq!((sandbox.read("b.unfinished"), sandbox.read("b.sv2-journal")), before);
    fs::rename(sandbox.path("right"), sandbox.path("a.sv2")).unwrap();
    let report = sandbox.good(&[&["--json"], &words(&decrypt())[..]].concat());
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert!(report["kept_segments"].as_u64().unwrap() > 100, "{report}");
    assert_eq!(sandbox.read("b"), painted(LEN));
}

/// A loop around --resume can tell "done" from a mistake.
#[test]
fn a_finished_run_is_complete_only_where_it_equals_the_source() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", &painted(5000));
    let encrypt = [&["encrypt", "--resume", "-K", "key", "a"][..], &SMALL].concat();
    let decrypt = ["decrypt", "--resume", "-K", "key", "a.sv2", "-o", "b"];
    for arguments in [&encrypt[..], &decrypt] {
        sandbox.good(arguments);
        let again = sandbox.good(arguments);
        assert!(again.stderr.contains("already complete"), "{}", again.stderr);
    }
    // With -f nothing is begun anew, and --rm does what is left of its work.
    for arguments in [&encrypt[..], &decrypt] {
        let again = sandbox.good(&[arguments, &["-f"]].concat());
        assert!(again.stderr.contains("already complete"), "{}", again.stderr);
    }
    let again = sandbox.good(&[&encrypt[..], &["--rm"]].concat());
    assert!(again.stderr.contains("already complete"), "{}", again.stderr);
    assert!(!sandbox.path("a").exists() && sandbox.path("a.sv2").exists());
    sandbox.write("a", &painted(5000));
    sandbox.write("b", &painted(5001));
    sandbox.bad(&decrypt, 2, &["'b' already exists"]);
    sandbox.bad(&[&decrypt[..], &["--rm"]].concat(), 2, &["'b' already exists"]);
    let mut other = painted(5000);
    other[4321] ^= 1;
    sandbox.write("a", &other);
    sandbox.bad(&encrypt, 2, &["'a.sv2' already exists"]);
    sandbox.write("other", &[8; 32]);
    sandbox.write("a", &painted(5000));
    let foreign = [&["encrypt", "--resume", "-K", "other", "a"][..], &SMALL].concat();
    sandbox.bad(&foreign, 2, &["'a.sv2' already exists"]);
}

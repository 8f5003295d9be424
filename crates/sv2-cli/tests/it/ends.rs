//! Inputs and outputs: where the result goes, and what is refused.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::sandbox::{Ended, Sandbox, mode, painted};

const SMALL: &[&str] = &["--frame-size", "256", "--segment-size", "1K"];

#[test]
fn a_file_goes_to_a_stream_beside_it_and_back() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    for len in [0, 1, 1023, 1024, 1025, 100_000] {
        let plaintext = painted(len);
        sandbox.write("a.bin", &plaintext);
        sandbox.good(&[&["encrypt", "a.bin"], SMALL].concat());
        assert_eq!(sandbox.names(), ["a.bin", "a.bin.sv2"]);
        fs::remove_file(sandbox.path("a.bin")).unwrap();
        let ended = sandbox.good(&["decrypt", "a.bin.sv2"]);
        assert_eq!(sandbox.read("a.bin"), plaintext, "{len} bytes");
        // Whoever led standard output somewhere may have expected it there.
        let note = "sv2: the output is 'a.bin'; for standard output give -o -\n";
        assert_eq!((ended.stdout.len(), ended.stderr.as_str()), (0, note));
        assert_eq!(mode(&sandbox.path("a.bin")), 0o600);
        fs::remove_file(sandbox.path("a.bin.sv2")).unwrap();
    }
}

#[test]
fn pipes_and_redirections_carry_the_same_stream() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    let plaintext = painted(70_000);
    sandbox.write("plain", &plaintext);
    let sealed = sandbox.fed(&[&["e"], SMALL].concat(), &plaintext);
    assert_eq!(sealed.code, 0, "{}", sealed.stderr);
    assert_eq!(sandbox.fed(&["d"], &sealed.stdout).stdout, plaintext);

    let mut command = sandbox.sv2(&["encrypt", "-", "-o", "-"]);
    command.stdin(File::open(sandbox.path("plain")).unwrap());
    command.stdout(File::create(sandbox.path("stream")).unwrap());
    assert_eq!(Ended::of(command.output().unwrap()).code, 0);
    let mut command = sandbox.sv2(&["decrypt"]);
    command.stdin(File::open(sandbox.path("stream")).unwrap());
    command.stdout(File::create(sandbox.path("back")).unwrap());
    assert_eq!(Ended::of(command.output().unwrap()).code, 0);
    assert_eq!(sandbox.read("back"), plaintext);
}

#[test]
fn nothing_is_overwritten_without_force() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"plaintext");
    sandbox.write("a.sv2", b"precious");
    // Refused before the passphrase is asked for: there is no terminal to ask on.
    sandbox.bad(&["encrypt", "-p", "a"], 2, &["'a.sv2' already exists", "-f"]);
    assert_eq!(sandbox.read("a.sv2"), b"precious");
    sandbox.good(&["encrypt", "-f", "a"]);
    sandbox.bad(&["decrypt", "a.sv2"], 2, &["'a' already exists"]);
    sandbox.good(&["decrypt", "--force", "a.sv2"]);
    symlink("nowhere", sandbox.path("link")).unwrap();
    sandbox.bad(&["encrypt", "a", "-o", "link"], 2, &["'link' already exists"]);
    assert_eq!(sandbox.names(), ["a", "a.sv2", "link"]);
}

#[test]
fn the_input_is_never_the_output() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    let plaintext = painted(5000);
    sandbox.write("a", &plaintext);
    fs::hard_link(sandbox.path("a"), sandbox.path("hard")).unwrap();
    symlink("a", sandbox.path("soft")).unwrap();
    for output in ["a", "hard", "soft", "./a"] {
        let words = ["is the input itself"];
        sandbox.bad(&["encrypt", "-f", "a", "-o", output], 2, &words);
        sandbox.bad(&["encrypt", "-f", output, "-o", "a"], 2, &words);
    }
    for (input, arguments) in
        [("a", &["encrypt", "-f", "-o", "hard"][..]), ("soft", &["encrypt", "-o", "-"])]
    {
        let mut command = sandbox.sv2(arguments);
        command.stdin(File::open(sandbox.path(input)).unwrap());
        let out = File::options().append(true).open(sandbox.path("a")).unwrap();
        let ended = Ended::of(command.stdout(out).output().unwrap());
        ended.expect_failure(2, &["is the input itself"]);
    }
    assert_eq!(sandbox.read("a"), plaintext);
}

#[test]
fn other_names_and_folders_need_a_word() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"plaintext");
    fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.good(&["encrypt", "a", "-o", "stream"]);
    sandbox.bad(&["decrypt", "stream"], 2, &["does not end in .sv2", "-o"]);
    sandbox.bad(&["encrypt", "folder"], 2, &["is a folder", "tar"]);
    sandbox.bad(&["encrypt", "a", "-o", "folder"], 2, &["is a folder"]);
    sandbox.bad(&["encrypt", "missing"], 1, &["cannot open 'missing'"]);
    let words = ["no/where", "writing failed", "a folder that is there"];
    sandbox.bad(&["encrypt", "a", "-o", "no/where"], 1, &words);
    assert_eq!(sandbox.names(), ["a", "folder", "stream"]);
}

#[test]
fn the_source_is_removed_only_when_asked_and_done() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"plaintext");
    symlink("a", sandbox.path("link")).unwrap();
    for refused in [&["encrypt", "--rm", "a", "-o", "-"][..], &["encrypt", "--rm", "link"]] {
        sandbox.bad(refused, 2, &["--rm cannot be used"]);
    }
    let ended = sandbox.fed(&["encrypt", "--rm", "-o", "b"], b"bytes");
    ended.expect_failure(2, &["--rm cannot be used"]);
    sandbox.bad(&["decrypt", "--rm", "a", "-o", "b"], 6, &["a: "]);
    assert_eq!(sandbox.names(), ["a", "link"]);
    sandbox.good(&["encrypt", "--rm", "a"]);
    assert_eq!(sandbox.names(), ["a.sv2", "link"]);
    sandbox.good(&["decrypt", "--rm", "a.sv2"]);
    assert_eq!(sandbox.names(), ["a", "link"]);
    assert_eq!(sandbox.read("a"), b"plaintext");
}

#[test]
fn a_reader_that_goes_away_is_no_news() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    // More than any pipe holds.
    sandbox.write("a", &painted(3 << 20));
    sandbox.good(&["encrypt", "a"]);
    for arguments in [&["decrypt", "a.sv2", "-o", "-"][..], &["encrypt", "a", "-o", "-"]] {
        let mut child = sandbox.sv2(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.stderr.as_str()), (141, ""));
    }
}

#[test]
fn a_full_disk_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("a", &painted(100_000));
    let mut command = sandbox.sv2(&["encrypt", "a", "-K", "key", "-o", "-"]);
    sandbox.raw_key();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = Ended::of(command.stdout(Stdio::from(full)).output().unwrap());
    ended.expect_failure(1, &["standard output", "writing failed", "No space left"]);
}

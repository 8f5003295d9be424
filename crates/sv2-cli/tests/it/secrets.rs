//! Secrets that were given: where they are read, who else can have them, and that they serve the
//! whole command.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::sandbox::{Ended, Sandbox};

fn shell(sandbox: &Sandbox, line: &str) -> Ended {
    let line = format!("sv2() {{ \"$0\" \"$@\"; }}; {line}");
    let mut shell = sandbox.command("bash");
    shell.args(["-c", &line, env!("CARGO_BIN_EXE_sv2")]);
    Ended::of(shell.output().unwrap())
}

#[test]
fn a_descriptor_is_read_from_where_it_stands() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"text", "two");
    sandbox.write("lines", b"one\ntwo\n");
    let line = "{ read x <&3; sv2 decrypt --passphrase-fd 3 a.sv2 -o -; } 3< lines";
    let ended = shell(&sandbox, line);
    assert_eq!((ended.code, ended.text()), (0, "text"), "{}", ended.stderr);
    sandbox.bad(&["decrypt", "--passphrase-fd", "77", "a.sv2"], 1, &["77", "Bad file descriptor"]);
}

/// What a program that starts others hands down is often a socket, which no name opens.
#[test]
fn a_descriptor_may_be_a_socket() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"text", "secret");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(b"secret\n").unwrap();
    drop(ours);
    let mut command = sandbox.sv2(&["decrypt", "--passphrase-fd", "0", "a.sv2", "-o", "-"]);
    let ended = Ended::of(command.stdin(Stdio::from(OwnedFd::from(theirs))).output().unwrap());
    assert_eq!((ended.code, ended.text()), (0, "text"), "{}", ended.stderr);
}

/// A plugin is a program of somebody else.
#[test]
fn no_plugin_inherits_the_descriptor_of_a_passphrase() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"text");
    sandbox.write("secret", b"secret");
    sandbox.write("id", b"AGE-PLUGIN-SV2TEST-1DPJKCMR0K5UX5T\n");
    // It runs in a folder of its own.
    let folder = sandbox.path("").into_os_string().into_string().unwrap();
    let plugin = format!(
        "#!/bin/bash\ncd '{folder}'\necho ran > ran\n{{ cat <&3 > leaked; }} 2> /dev/null\nexit 1\n"
    );
    sandbox.write("age-plugin-sv2test", plugin.as_bytes());
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("age-plugin-sv2test"), executable).unwrap();
    let line = "PATH=$PWD:$PATH; sv2 encrypt -p --passphrase-fd 3 -i id a 3< secret";
    let ended = shell(&sandbox, line);
    ended.expect_failure(1, &["age-plugin-sv2test"]);
    let advice = ["AGEDEBUG", "\\u{2068}", "private"];
    assert!(!advice.iter().any(|word| ended.stderr.contains(word)), "{}", ended.stderr);
    assert_eq!(sandbox.read("ran"), b"ran\n");
    assert!(!sandbox.names().contains(&"leaked".to_owned()) || sandbox.read("leaked").is_empty());
}

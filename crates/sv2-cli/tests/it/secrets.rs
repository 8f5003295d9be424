//! Secrets that were given: where they are read, who else can have them, and that they serve the
//! whole command.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::sandbox::{Ended, Sandbox};
use crate::world::skipped;

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
    sandbox.bad(&["decrypt", "--passphrase-fd", "77", "a.sv2"], 2, &["77 is not open", "77< FILE"]);
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

/// A passphrase that was given serves the command: both headers, and every identity that is locked,
/// in whatever order they are named.
#[test]
fn a_given_passphrase_is_tried_on_every_locked_identity() {
    let sandbox = Sandbox::new();
    for (name, secret) in [("one", "alice"), ("two", "bob")] {
        let mut keygen = sandbox.command("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", secret, "-f", name]);
        match keygen.status() {
            Ok(status) => assert!(status.success()),
            Err(_) => return skipped("there is no OpenSSH"),
        }
    }
    sandbox.write("secret", b"bob");
    sandbox.write("a", b"text");
    sandbox.good(&["encrypt", "-q", "--no-self", "-R", "one.pub", "-R", "two.pub", "a"]);
    for order in [["one", "two"], ["two", "one"]] {
        let [first, second] = order;
        let keys = ["-i", first, "-i", second, "--passphrase-file", "secret"];
        let ended = sandbox.good(&[&["decrypt"], &keys[..], &["a.sv2", "-o", "-"]].concat());
        assert_eq!(ended.text(), "text", "{order:?}");
    }
}

/// One character of the front header's slot is another one: the copy at the end opens.
#[test]
fn a_given_passphrase_serves_the_copy_of_the_header_too() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"text", "secret");
    let mut wire = sandbox.read("a.sv2");
    let stanza = wire.windows(9).position(|part| part == b"-> scrypt").unwrap();
    let body = stanza + wire[stanza..].iter().position(|&byte| byte == b'\n').unwrap() + 5;
    wire[body] = if wire[body] == b'A' { b'B' } else { b'A' };
    // Under a right checksum, as an attacker makes it.
    let len = 4096.min(wire.len());
    let end = (64..=len).step_by(64).find(|&end| {
        let sum: [u8; 8] = sandbox.read("a.sv2")[end - 8..end].try_into().unwrap();
        crate::looking::crc64(&sandbox.read("a.sv2")[..end - 8]).to_be_bytes() == sum
    });
    let end = end.unwrap();
    let sum = crate::looking::crc64(&wire[..end - 8]).to_be_bytes();
    wire[end - 8..end].copy_from_slice(&sum);
    sandbox.write("a.sv2", &wire);
    sandbox.write("secret", b"secret");
    let ended = sandbox.good(&["decrypt", "--passphrase-file", "secret", "a.sv2", "-o", "-"]);
    assert_eq!(ended.text(), "text");
}

/// What comes out of a pipe comes out once.
#[test]
fn keys_come_through_pipes_in_every_command() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.good(&["keygen", "-o", "id"]);
    sandbox.write("a", b"text");
    sandbox.good(&["encrypt", "-q", "-i", "id", "a", "-o", "one.sv2"]);
    sandbox.good(&["encrypt", "-q", "-i", "id", "a", "-o", "two.sv2"]);
    sandbox.cheap_passphrase_stream("three.sv2", b"text", "secret");
    sandbox.cheap_passphrase_stream("four.sv2", b"text", "secret");
    for line in [
        "sv2 verify -i <(cat id) one.sv2 two.sv2",
        "sv2 verify -i /dev/fd/3 one.sv2 two.sv2 3< id",
        "sv2 verify --passphrase-file <(printf secret) three.sv2 four.sv2",
        "sv2 verify --passphrase-fd 0 three.sv2 four.sv2 <<< secret",
        "SV2_IDENTITY=/dev/fd/3 sv2 verify --auth one.sv2 two.sv2 3< <(cat id)",
        "sv2 encrypt --resume -i <(cat id) a -o resumed.sv2",
        "sv2 recipients list -i <(cat id) one.sv2",
        "sv2 append -i <(cat id) one.sv2 a",
    ] {
        let ended = shell(&sandbox, line);
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
    }
}

#[test]
fn a_secret_that_others_can_read_is_told_of_once() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", b"text");
    sandbox.good(&["encrypt", "-K", "key", "a", "-o", "one.sv2"]);
    sandbox.good(&["encrypt", "-K", "key", "a", "-o", "two.sv2"]);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(sandbox.path("key"), open).unwrap();
    let ended = sandbox.good(&["verify", "-K", "key", "one.sv2", "two.sv2"]);
    let told = "sv2: other users can read the secret in 'key'\nhint: chmod go= key\n";
    assert_eq!(ended.stderr, told);
    assert_eq!(sandbox.good(&["-q", "verify", "-K", "key", "one.sv2"]).stderr, "");
}

/// The default identity too, of which an encryption uses the public half alone.
#[test]
fn a_secret_of_another_user_is_told_of() {
    let sandbox = Sandbox::new();
    sandbox.own_identity();
    sandbox.write("a", b"text");
    assert_eq!(sandbox.good(&["encrypt", "a", "-o", "mine.sv2"]).stderr, "");
    let identity = sandbox.path("home/.config/sv2/identity.txt");
    assert!(identity.exists());
    if std::os::unix::fs::chown(&identity, Some(12345), None).is_err() {
        crate::world::skipped("only root gives files away");
        return;
    }
    let ended = sandbox.good(&["encrypt", "a", "-o", "other.sv2"]);
    assert!(ended.stderr.contains("belongs to another user, who knows it"), "{}", ended.stderr);
}

/// The library that derives keys would end the process, and say nothing that helps.
#[test]
fn too_little_memory_for_a_passphrase_is_told_before_it_is_used() {
    let sandbox = Sandbox::new();
    sandbox.write("a", b"text");
    sandbox.write("secret", b"correct horse battery staple");
    let line = "ulimit -v 250000; sv2 encrypt -T 1 --passphrase-file secret a";
    let ended = shell(&sandbox, line);
    ended.expect_failure(1, &["256 MiB of memory", "ulimit -v"]);
    assert_eq!(sandbox.names(), ["a", "secret"]);
    // At the border, where what other threads take of it decides.
    for limit in (285_000..310_000).step_by(1000) {
        let line = format!("ulimit -v {limit}; sv2 encrypt -f --passphrase-file secret a");
        let ended = shell(&sandbox, &line);
        if ended.code != 0 {
            ended.expect_failure(1, &["256 MiB of memory", "ulimit -v"]);
        }
    }
}

//! What others on the machine can see of a running program: no core file, no memory, no plaintext.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStdin, Stdio};

use crate::sandbox::{Sandbox, mode, painted};
use crate::world::unprivileged;

/// A decrypt from a pipe that has released its first segments and waits for more.
fn blocked_decrypt(sandbox: &Sandbox) -> (Child, ChildStdin) {
    let stream = sandbox.read("a.sv2");
    let mut command = sandbox.sv2(&["decrypt", "-K", "key", "-o", "out", "--progress", "json"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&stream[..stream.len() / 2]).unwrap();
    wait_for_progress(&mut child);
    (child, pipe)
}

/// Waits until the program has said that a segment is done.
fn wait_for_progress(child: &mut Child) {
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"done\":"), "{line}");
}

#[test]
fn unfinished_plaintext_is_for_its_owner_alone() {
    let sandbox = crate::bad_streams::with_stream();
    let (mut child, pipe) = blocked_decrypt(&sandbox);
    // It has no name, or where files must have one it is for its owner.
    for name in
        sandbox.names().iter().filter(|name| !["a.sv2", "key", "plain"].contains(&name.as_str()))
    {
        assert_eq!(mode(&sandbox.path(name)), 0o600, "{name}");
    }
    drop(pipe);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(sandbox.names(), ["a.sv2", "key", "plain"]);
}

/// Neither a core file nor a debugger of the same user gets at the keys of a running program: the
/// kernel gives what it knows of such a process to root.
#[test]
fn a_running_program_cannot_be_dumped() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let arguments = ["encrypt", "-K", "key", "-o", "-", "--frame-size", "256", "--segment-size"];
    let more = ["1K", "--progress", "json"];
    let Some(mut command) = unprivileged(&sandbox, &[&arguments[..], &more].concat()) else {
        return;
    };
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&painted(3000)).unwrap();
    wait_for_progress(&mut child);

    let process = format!("/proc/{}", child.id());
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let user = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    assert_ne!(user.split_whitespace().nth(1), Some("0"), "the program runs as root: {user}");
    let owner = fs::metadata(format!("{process}/environ")).unwrap().uid();
    assert_eq!(owner, 0, "another process of the same user may look into it");

    drop(pipe);
    let ended = crate::sandbox::Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

/// A program that cannot be dumped can still open its own ends by name, as shells hand them over.
#[test]
fn inputs_by_the_name_of_a_descriptor_still_open() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let Some(command) = unprivileged(&sandbox, &["encrypt", "-K", "key", "/dev/fd/0", "-o", "-"])
    else {
        return;
    };
    // The pipe must belong to whoever opens it, so the shell that makes it is unprivileged too.
    let mut words = vec![command.get_program().to_owned()];
    words.extend(command.get_args().map(ToOwned::to_owned));
    let at = words.iter().position(|word| *word == *env!("CARGO_BIN_EXE_sv2")).unwrap();
    let mut shell = sandbox.command("env");
    shell.args(&words[..at]).args(["sh", "-c", "printf plaintext | \"$0\" \"$@\""]);
    let child = shell.args(&words[at..]).spawn().unwrap();
    let ended = crate::sandbox::Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(sandbox.fed(&["decrypt", "-K", "key"], &ended.stdout).stdout, b"plaintext");
}

/// Arguments can be read by everybody on the machine, so none of them is a secret: what has to do
/// with a passphrase or a key takes a file, a descriptor, a
/// command that prints it, or nothing.
#[test]
fn no_argument_takes_a_secret() {
    let sandbox = Sandbox::new();
    let mut looked_at = 0;
    for command in [
        &["encrypt"][..],
        &["decrypt"],
        &["cat"],
        &["verify"],
        &["append"],
        &["recipients", "list"],
        &["recipients", "add"],
        &["recipients", "rm"],
        &["inspect"],
        &["keygen"],
    ] {
        let help = sandbox.good(&[command, &["--help"]].concat());
        for line in help.text().lines().map(str::trim).filter(|line| line.starts_with('-')) {
            let names = line.split("  ").next().unwrap_or_default();
            if !["pass", "key", "identity", "secret"].iter().any(|word| names.contains(word)) {
                continue;
            }
            looked_at += 1;
            let value = names.split_once('<').map(|(_, value)| value.trim_end_matches('>'));
            let is_place =
                value.is_none_or(|value| ["FILE", "N", "PATH", "COMMAND"].contains(&value));
            assert!(is_place, "{command:?}: {line}");
        }
    }
    assert!(looked_at > 10, "{looked_at}");
}

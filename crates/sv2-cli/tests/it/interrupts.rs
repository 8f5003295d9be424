//! Signals while the program is blocked in a read.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{Sandbox, painted};

/// An encrypt from a silent pipe that has written its one whole segment and waits for the rest of
/// the next; the pipe stays open.
fn blocked(sandbox: &Sandbox) -> (Child, ChildStdin, BufReader<std::process::ChildStderr>) {
    sandbox.raw_key();
    let sizes = ["--frame-size", "256", "--segment-size", "1K", "-T", "2"];
    let arguments = [&["encrypt", "-K", "key", "-o", "out", "--progress", "json"], &sizes[..]];
    let mut child = sandbox.sv2(&arguments.concat()).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&painted(1500)).unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("\"done\":"), "{line}");
    // A file without a name, or where there are none a temporary one.
    assert!(!sandbox.names().contains(&"out".to_owned()), "{:?}", sandbox.names());
    (child, pipe, told)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn an_interrupt_leaves_nothing_behind_though_the_input_is_silent() {
    let ending = [
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::QUIT,
        Signal::ALARM,
        Signal::USR1,
        Signal::USR2,
        Signal::XCPU,
    ];
    for signal in ending {
        let sandbox = Sandbox::new();
        let (mut child, pipe, told) = blocked(&sandbox);
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let rest: Vec<String> = told.lines().map(Result::unwrap).collect();
        assert!(rest.last().unwrap().contains("interrupted"), "{rest:?}");
        assert_eq!(sandbox.names(), ["key"]);
        drop(pipe);
    }
}

#[test]
fn a_second_interrupt_ends_at_once_and_as_cleanly() {
    let sandbox = Sandbox::new();
    let (mut child, pipe, _told) = blocked(&sandbox);
    send(&child, Signal::INT);
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(sandbox.names(), ["key"]);
    drop(pipe);
}

#[test]
fn an_ignored_hang_up_stays_ignored() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let script = "trap '' HUP; exec \"$0\" encrypt -K key -o out --progress json \
                  --frame-size 256 --segment-size 1K";
    let mut shell = sandbox.command("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_sv2")]).stdin(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&painted(20_000)).unwrap();
    let mut line = String::new();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    told.read_line(&mut line).unwrap();
    send(&child, Signal::HUP);
    drop(pipe);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.names(), ["key", "out"]);
}

//! What happens on a terminal: guards, questions, the bar.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::sandbox::{Ended, Sandbox, painted};

/// A terminal: our end and the program's.
struct Terminal {
    ours: File,
    theirs: File,
}

impl Terminal {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let theirs: OwnedFd = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
        Self { ours: ours.into(), theirs: theirs.into() }
    }

    fn end(&self) -> Stdio {
        Stdio::from(self.theirs.as_fd().try_clone_to_owned().unwrap())
    }

    /// Everything that was shown, once no program has the terminal open.
    fn shown(self) -> String {
        drop(self.theirs);
        let mut shown = Vec::new();
        let mut ours = self.ours;
        let mut chunk = [0; 1024];
        // The last close is an error on Linux, not an end.
        while let Ok(count @ 1..) = ours.read(&mut chunk) {
            shown.extend_from_slice(&chunk[..count]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Reads until `text` was shown.
    fn await_text(&mut self, text: &str) {
        let mut shown = Vec::new();
        let mut byte = [0];
        while !shown.ends_with(text.as_bytes()) {
            let count = self.ours.read(&mut byte).unwrap();
            assert_eq!(count, 1, "{}", String::from_utf8_lossy(&shown));
            shown.push(byte[0]);
        }
    }

    /// The rest of the line that is shown.
    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") {
            assert_eq!(self.ours.read(&mut byte).unwrap(), 1);
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Waits until the echo is off, as it is while a secret is asked for, and types.
    fn type_secret(&mut self, question: &str, answer: &str) {
        self.await_text(question);
        while tcgetattr(&self.ours).unwrap().local_modes.contains(LocalModes::ECHO) {
            std::thread::yield_now();
        }
        writeln!(self.ours, "{answer}").unwrap();
    }

    /// Runs a command with this as its controlling terminal and `input` as standard input.
    fn controlling(&self, sandbox: &Sandbox, input: &str, arguments: &[&str]) -> Child {
        let mut command = sandbox.command("setsid");
        let script = format!("exec \"$@\" < {input}");
        command.args(["-c", "-w", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_sv2")]);
        command.args(arguments).stdin(self.end());
        command.spawn().unwrap()
    }
}

fn on_terminal(command: &mut Command) -> (i32, String, String) {
    let terminal = Terminal::open();
    let ended = Ended::of(command.stdout(terminal.end()).output().unwrap());
    command.stdout(Stdio::null());
    (ended.code, terminal.shown(), ended.stderr)
}

#[test]
fn ciphertext_stays_off_the_terminal_unless_forced() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("in", b"plaintext");
    let input = || File::open(sandbox.path("in")).unwrap();
    let (code, shown, told) = on_terminal(sandbox.sv2(&["encrypt", "-K", "key"]).stdin(input()));
    assert_eq!((code, shown.as_str()), (2, ""));
    assert!(told.contains("terminal") && told.contains("-o -"), "{told}");
    let (code, shown, _) =
        on_terminal(sandbox.sv2(&["encrypt", "-K", "key", "-o", "-"]).stdin(input()));
    assert_eq!(code, 0);
    assert!(shown.contains("SV2TAIL"));
}

#[test]
fn plaintext_goes_to_the_terminal_if_it_is_text() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    for (plaintext, code) in [(&b"gr\xc3\xbc\xc3\x9fe\n"[..], 0), (b"\x1b]0;title\x07", 2)] {
        sandbox.write("in", plaintext);
        sandbox.good(&["encrypt", "-f", "-K", "key", "in"]);
        let stream = || File::open(sandbox.path("in.sv2")).unwrap();
        let (ended, shown, told) =
            on_terminal(sandbox.sv2(&["decrypt", "-K", "key"]).stdin(stream()));
        assert_eq!(ended, code, "{told}");
        assert_eq!(shown.is_empty(), code != 0, "{shown}");
        let force = ["decrypt", "-K", "key", "-o", "-"];
        assert_eq!(on_terminal(sandbox.sv2(&force).stdin(stream())).0, 0);
    }
}

#[test]
fn a_stream_is_not_typed() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    let terminal = Terminal::open();
    let mut command = sandbox.sv2(&["decrypt", "-K", "key"]);
    let ended = Ended::of(command.stdin(terminal.end()).output().unwrap());
    ended.expect_failure(2, &["from the terminal"]);
}

#[test]
fn a_passphrase_is_asked_on_the_terminal_while_data_comes_from_standard_input() {
    let sandbox = Sandbox::new();
    sandbox.write("in", b"plaintext");
    let mut terminal = Terminal::open();
    let child = terminal.controlling(&sandbox, "in", &["encrypt", "-p", "-o", "out.sv2"]);
    terminal.type_secret("new stream: ", "correct horse");
    terminal.type_secret("again: ", "correct horse");
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!terminal.shown().contains("horse"), "secrets are not echoed");

    // Neither a key option nor a default identity: the stream says that it has a passphrase.
    let mut terminal = Terminal::open();
    let child = terminal.controlling(&sandbox, "out.sv2", &["decrypt"]);
    terminal.type_secret("Passphrase: ", "correct horse");
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, b"plaintext");
}

#[test]
fn passphrases_that_differ_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("in", b"plaintext");
    let mut terminal = Terminal::open();
    let child = terminal.controlling(&sandbox, "in", &["encrypt", "-p", "-o", "out.sv2"]);
    terminal.type_secret("new stream: ", "correct horse");
    terminal.type_secret("again: ", "battery staple");
    let ended = Ended::of(child.wait_with_output().unwrap());
    ended.expect_failure(2, &["differ"]);
    assert_eq!(sandbox.names(), ["in"]);
}

/// None and a weak one are answered with an offer, which the terminal alone shows.
#[test]
fn a_passphrase_is_made_for_who_has_none_or_a_weak_one() {
    for (typed, offer) in [("", "Make a passphrase for you?"), ("abc", "can be guessed.")] {
        let sandbox = Sandbox::new();
        sandbox.write("in", b"plaintext");
        let mut terminal = Terminal::open();
        let child = terminal.controlling(&sandbox, "in", &["encrypt", "-p", "-o", "out.sv2"]);
        terminal.type_secret("new stream: ", typed);
        terminal.await_text(offer);
        terminal.await_text("[Y/n] ");
        writeln!(terminal.ours).unwrap();
        terminal.await_text("to be written down: ");
        let made = terminal.line();
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert_eq!(made.len(), 29, "{made}");
        sandbox.write("word", made.as_bytes());
        sandbox.good(&["decrypt", "out.sv2", "-o", "b", "--passphrase-file", "word"]);
        assert_eq!(sandbox.read("b"), b"plaintext");
    }
}

#[test]
fn an_identity_is_made_if_the_user_says_so() {
    for (answer, code) in [("", 0), ("y", 0), ("n", 2)] {
        let sandbox = Sandbox::new();
        sandbox.write("in", b"plaintext");
        let mut terminal = Terminal::open();
        let child = terminal.controlling(&sandbox, "in", &["encrypt", "-o", "out.sv2"]);
        terminal
            .await_text("home/.config/sv2/identity.txt', which you then have to back up? [Y/n] ");
        writeln!(terminal.ours, "{answer}").unwrap();
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(sandbox.path("home").exists(), code == 0);
        assert_eq!(ended.stderr.contains("made your default identity"), code == 0);
    }
}

#[test]
fn an_end_in_the_middle_of_a_question_gives_the_echo_back() {
    let sandbox = Sandbox::new();
    sandbox.write("in", b"plaintext");
    let mut terminal = Terminal::open();
    let child = terminal.controlling(&sandbox, "in", &["encrypt", "-p", "-o", "out.sv2"]);
    terminal.await_text("new stream: ");
    while tcgetattr(&terminal.ours).unwrap().local_modes.contains(LocalModes::ECHO) {
        std::thread::yield_now();
    }
    // Nothing forks here, so the program has the number of what was started.
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(tcgetattr(&terminal.ours).unwrap().local_modes.contains(LocalModes::ECHO));
}

#[test]
fn the_interrupt_key_ends_a_question() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("in.sv2", b"plaintext", "correct horse");
    for arguments in [&["encrypt", "-p", "-o", "out"][..], &["decrypt", "-o", "out"]] {
        let mut terminal = Terminal::open();
        let child = terminal.controlling(&sandbox, "in.sv2", arguments);
        terminal.type_secret(": ", "\x03");
        let ended = Ended::of(child.wait_with_output().unwrap());
        ended.expect_failure(130, &["interrupted"]);
        assert_eq!(sandbox.names(), ["in.sv2"]);
    }
}

#[test]
fn the_bar_is_shown_when_asked_for_and_short_work_shows_none() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("in", &painted(50_000));
    let encrypt = ["encrypt", "-f", "-K", "key", "--segment-size", "4K", "in"];
    for (mode, bar) in [("auto", false), ("always", true), ("never", false)] {
        let terminal = Terminal::open();
        let mut command = sandbox.sv2(&[&encrypt[..], &["--progress", mode]].concat());
        let ended =
            Ended::of(command.env("TERM", "xterm").stderr(terminal.end()).output().unwrap());
        assert_eq!(ended.code, 0);
        drop(command);
        assert_eq!(terminal.shown().contains("KiB"), bar, "{mode}");
    }
}

/// One passphrase is typed once, whatever the command opens with it: both headers of a stream whose
/// front slot was altered, and several streams.
#[test]
fn a_passphrase_is_asked_for_once_in_each_command() {
    let sandbox = Sandbox::new();
    sandbox.cheap_passphrase_stream("a.sv2", b"plaintext", "correct horse");
    sandbox.cheap_passphrase_stream("b.sv2", b"plaintext", "correct horse");
    let mut altered = sandbox.read("a.sv2");
    let at = altered.windows(9).position(|part| part == b"-> scrypt").unwrap();
    altered[at + 12] = if altered[at + 12] == b'A' { b'B' } else { b'A' };
    sandbox.write("altered.sv2", &altered);
    sandbox.write("more", b"more");
    for (arguments, code) in [
        (&["decrypt", "a.sv2", "-f", "-o", "out"][..], 0),
        (&["decrypt", "altered.sv2", "-f", "-o", "out"], 0),
        (&["decrypt", "--resume", "altered.sv2", "-f", "-o", "out"], 0),
        (&["decrypt", "--salvage", "altered.sv2", "-f", "-o", "out"], 0),
        (&["cat", "altered.sv2", "-f", "-o", "out"], 0),
        (&["verify", "-p", "a.sv2", "b.sv2"], 0),
        (&["verify", "-p", "altered.sv2", "b.sv2", "a.sv2"], 5),
        (&["inspect", "-p", "a.sv2"], 0),
        (&["fingerprint", "-p", "altered.sv2"], 0),
        (&["append", "-p", "a.sv2", "more"], 0),
        (&["recipients", "list", "-p", "a.sv2"], 0),
        (&["decrypt", "a.sv2", "b.sv2", "-f"], 0),
    ] {
        let mut terminal = Terminal::open();
        let mut child = terminal.controlling(&sandbox, "/dev/null", arguments);
        terminal.type_secret(": ", "correct horse");
        let Terminal { mut ours, theirs } = terminal;
        drop(theirs);
        let (mut shown, mut chunk) = (Vec::new(), [0; 256]);
        let mut asked_again = false;
        // Until the program has ended, or stands there with a second question.
        while let Ok(count @ 1..) = ours.read(&mut chunk) {
            shown.extend_from_slice(&chunk[..count]);
            if String::from_utf8_lossy(&shown).contains("assphrase") {
                asked_again = true;
                child.kill().unwrap();
            }
        }
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert!(!asked_again, "{arguments:?} asks twice");
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
    }
}

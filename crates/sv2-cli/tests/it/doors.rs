//! Names that lead elsewhere than to a file of one's own: devices, pipes, descriptors, what others
//! put there, and names that look like options.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{chown, lchown, symlink};

use crate::sandbox::{Ended, Sandbox, painted};
use crate::world::skipped;

/// A stream of `painted(5000)` in `a.sv2` under the key in `key`.
fn with_stream() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("a", &painted(5000));
    sandbox.good(&["encrypt", "-q", "-K", "key", "a"]);
    fs::remove_file(sandbox.path("a")).unwrap();
    sandbox
}

/// Runs a line of shell in which `sv2` is the program.
fn shell(sandbox: &Sandbox, line: &str) -> Ended {
    let line = format!("sv2() {{ \"$0\" \"$@\"; }}; {line}");
    let mut shell = sandbox.command("bash");
    shell.args(["-c", &line, env!("CARGO_BIN_EXE_sv2")]);
    Ended::of(shell.output().unwrap())
}

fn make_pipe(sandbox: &Sandbox, name: &str) {
    let mode = rustix::fs::Mode::from_raw_mode(0o622);
    rustix::fs::mkfifoat(rustix::fs::CWD, sandbox.path(name), mode).unwrap();
}

#[test]
fn names_of_descriptors_mean_what_is_open_there() {
    let sandbox = with_stream();
    for (line, result) in [
        ("sv2 decrypt -K key a.sv2 -o /dev/stdout > out", "out"),
        ("sv2 decrypt -K key a.sv2 -f -o /dev/stdout > out", "out"),
        ("sv2 decrypt -K key a.sv2 -o /dev/stdout | cat > out", "out"),
        ("sv2 decrypt -K key a.sv2 -o /dev/fd/3 3> out", "out"),
        ("sv2 decrypt -K key a.sv2 -f -o /proc/self/fd/3 3> out", "out"),
        ("sv2 cat -K key a.sv2 -f -o /dev/fd/1 > out", "out"),
        ("sv2 decrypt --salvage -K key a.sv2 -f -o /dev/stdout > out 2> /dev/null", "out"),
        (
            "sv2 decrypt -K key -o out < a.sv2 && sv2 encrypt -K key /dev/stdin -o - < out | \
          sv2 decrypt -K key /dev/fd/0 -f -o out",
            "out",
        ),
    ] {
        let ended = shell(&sandbox, line);
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
        assert_eq!(sandbox.read(result), painted(5000), "{line}");
        assert_eq!(sandbox.names(), ["a.sv2", "key", "out"], "{line}");
        fs::remove_file(sandbox.path("out")).unwrap();
    }
    assert!(fs::symlink_metadata("/dev/stdout").unwrap().is_symlink());
    // A descriptor is written from where it stands, as redirections of a shell are.
    shell(&sandbox, "{ printf x; sv2 decrypt -K key a.sv2 -o /dev/stdout; } > out");
    assert_eq!(sandbox.read("out"), [b"x", &painted(5000)[..]].concat());
    let closed = shell(&sandbox, "sv2 decrypt -K key a.sv2 -o /dev/fd/77");
    closed.expect_failure(1, &["/dev/fd/77", "Bad file descriptor"]);
}

#[test]
fn no_file_is_made_beside_devices() {
    let sandbox = with_stream();
    let refused = ["/dev/nul", "devices and processes", "choose another name with -o"];
    for arguments in [
        &["decrypt", "-K", "key", "a.sv2", "-o", "/dev/nul"][..],
        &["decrypt", "-K", "key", "a.sv2", "-f", "-o", "/dev/nul"],
        &["decrypt", "-K", "key", "a.sv2", "--resume", "-o", "/dev/nul"],
        &["cat", "-K", "key", "a.sv2", "-o", "/dev/nul"],
    ] {
        sandbox.bad(arguments, 2, &refused);
    }
    assert!(!fs::exists("/dev/nul").unwrap());
    for input in ["/dev/null", "/dev/fd/0", "/dev/stdin"] {
        sandbox.bad(&["encrypt", "-K", "key", input], 2, &[input, "name the output with -o"]);
    }
    sandbox.good(&["encrypt", "-K", "key", "/dev/null", "-o", "empty.sv2"]);
    sandbox.good(&["decrypt", "-K", "key", "empty.sv2", "-f", "-o", "/dev/null"]);
}

/// A pipe never ends where nobody writes to it: what needs a file says so at once.
#[test]
fn a_pipe_is_not_waited_for_where_a_file_is_needed() {
    let sandbox = with_stream();
    make_pipe(&sandbox, "pipe");
    for arguments in [
        &["inspect", "pipe"][..],
        &["fingerprint", "pipe"],
        &["verify", "-K", "key", "pipe"],
        &["cat", "-K", "key", "pipe"],
        &["recipients", "list", "pipe"],
        &["recipients", "rm", "--slot", "0", "pipe"],
        &["append", "-K", "key", "pipe", "a.sv2"],
        &["decrypt", "--salvage", "-K", "key", "pipe", "-o", "out"],
    ] {
        sandbox.bad(arguments, 2, &["pipe", "file"]);
    }
}

/// A pipe of one's own carries the plaintext, and is opened when its reader comes.
#[test]
fn a_pipe_of_ones_own_is_written_to() {
    let sandbox = with_stream();
    make_pipe(&sandbox, "pipe");
    let child = sandbox.sv2(&["decrypt", "-K", "key", "a.sv2", "-o", "pipe"]).spawn().unwrap();
    let mut received = Vec::new();
    File::open(sandbox.path("pipe")).unwrap().read_to_end(&mut received).unwrap();
    assert_eq!(Ended::of(child.wait_with_output().unwrap()).code, 0);
    assert_eq!(received, painted(5000));
    let through = shell(&sandbox, "sv2 decrypt -K key a.sv2 -o >(cat > out); wait $!");
    assert_eq!(through.code, 0, "{}", through.stderr);
}

/// Who planted a pipe would read the plaintext. Only root can play another user.
#[test]
fn what_another_user_planted_is_not_written_to() {
    let sandbox = with_stream();
    make_pipe(&sandbox, "pipe");
    make_pipe(&sandbox, "a");
    make_pipe(&sandbox, "out.lost.json");
    symlink("/dev/null", sandbox.path("link")).unwrap();
    let planted = ["pipe", "a", "out.lost.json"].map(|name| sandbox.path(name));
    if planted.iter().any(|path| chown(path, Some(20_002), None).is_err()) {
        return skipped("only root can play another user");
    }
    lchown(sandbox.path("link"), Some(20_002), None).unwrap();
    let before = sandbox.names();
    for arguments in [
        &["decrypt", "-K", "key", "a.sv2"][..],
        &["decrypt", "-K", "key", "a.sv2", "-f"],
        &["decrypt", "-K", "key", "a.sv2", "-o", "pipe"],
        &["decrypt", "-K", "key", "a.sv2", "-f", "-o", "pipe"],
        &["decrypt", "-K", "key", "a.sv2", "-f", "-o", "link"],
        &["decrypt", "-K", "key", "a.sv2", "--salvage", "-f", "-o", "out"],
        &["cat", "-K", "key", "a.sv2", "-o", "pipe"],
        &["encrypt", "-K", "key", "key", "-f", "-o", "pipe"],
    ] {
        sandbox.bad(arguments, 2, &["another user", "choose another name"]);
        assert_eq!(sandbox.names(), before, "{arguments:?}");
    }
}

/// A pattern of the shell makes options of names that somebody else chose.
#[test]
fn a_file_whose_name_is_an_option_is_never_taken_for_one() {
    let sandbox = with_stream();
    sandbox.write("-rage1attacker", b"text");
    let refused = ["'-rage1attacker' is an option", "also the name of a file", "--", "./"];
    sandbox.bad(&["encrypt", "-rage1attacker", "a.sv2"], 2, &refused);
    sandbox.bad(&["verify", "-rage1attacker", "a.sv2"], 2, &refused);
    sandbox.good(&["encrypt", "-K", "key", "--", "-rage1attacker"]);
    sandbox.good(&["verify", "--", "-rage1attacker.sv2", "a.sv2"]);
    sandbox.good(&["decrypt", "-f", "-K", "key", "./-rage1attacker.sv2"]);
}

/// A key goes to what is open; where a file is needed none is made among devices.
#[test]
fn a_new_key_goes_to_a_descriptor_and_never_over_anything() {
    let sandbox = Sandbox::new();
    let piped = shell(&sandbox, "sv2 keygen -o /dev/stdout | grep -c AGE-SECRET-KEY-1");
    assert_eq!((piped.code, piped.text()), (0, "1\n"), "{}", piped.stderr);
    sandbox.good(&["keygen", "--raw", "-o", "/dev/null"]);
    sandbox.bad(&["keygen", "-o", "/dev/nul"], 2, &["/dev/nul", "devices and processes"]);
    sandbox.write("precious", b"precious");
    symlink("precious", sandbox.path("sv2.1")).unwrap();
    sandbox.good(&["man", "."]);
    assert_eq!(sandbox.read("precious"), b"precious");
}

/// What lies beside a file needs a name too, and is refused before any work is done.
#[test]
fn a_name_without_room_for_its_companions_is_told() {
    let sandbox = with_stream();
    let long = "n".repeat(255);
    fs::copy(sandbox.path("a.sv2"), sandbox.path(&long)).unwrap();
    sandbox.good(&["encrypt", "-K", "key", "key", "-f", "-o", &"m".repeat(255)]);
    let out = "o".repeat(255);
    let resumed = ["encrypt", "--resume", "-K", "key", "key", "-o", &out];
    sandbox.bad(&resumed, 1, &["File name too long", "shorter name"]);
    sandbox.bad(&["append", "-K", "key", &long, "key"], 1, &["no room", "shorter name"]);
    let salvaged = ["decrypt", "--salvage", "-K", "key", "a.sv2", "-o", &out];
    sandbox.bad(&salvaged, 1, &["File name too long", "shorter name"]);
    assert!(!sandbox.names().contains(&out));
}

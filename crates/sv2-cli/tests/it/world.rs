//! A world that fails: full disks, folders that go, inputs that change, no permission, no file
//! descriptors, kills. The exit code and the sentence are the documented ones, and nothing that looks
//! finished is left.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Child, Command, Stdio};

use rustix::process::geteuid;

use crate::sandbox::{Ended, Sandbox, mode, painted};

const SMALL: [&str; 4] = ["--frame-size", "256", "--segment-size", "1K"];

/// The program as somebody who is not root, in a folder that he may read: with another user's rights
/// where the tests run as root. None, and said so, where the machine does not offer that.
pub(crate) fn unprivileged(sandbox: &Sandbox, arguments: &[&str]) -> Option<Command> {
    if !geteuid().is_root() {
        return Some(sandbox.sv2(arguments));
    }
    fs::set_permissions(sandbox.path("."), Permissions::from_mode(0o755)).unwrap();
    for name in sandbox.names().iter().filter(|name| sandbox.path(name).is_file()) {
        // What only its owner can read is somebody else's then.
        if mode(&sandbox.path(name)) == 0o600 {
            chown(sandbox.path(name), Some(65_534), Some(65_534)).unwrap();
        }
    }
    let as_nobody = |arguments: &[&str]| {
        let mut command = sandbox.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(env!("CARGO_BIN_EXE_sv2")).args(arguments);
        command
    };
    // The tool may be absent, and the program in a folder that is closed to others.
    if as_nobody(&["--version"]).output().is_ok_and(|output| output.status.success()) {
        return Some(as_nobody(arguments));
    }
    skipped("as root, and setpriv cannot run the program as somebody else");
    None
}

/// Says that a test shows nothing on this machine.
#[expect(clippy::print_stdout, reason = "a test that shows nothing says so")]
pub(crate) fn skipped(why: &str) {
    println!("SKIPPED: {why}");
}

/// A shell that prepares its own process and then becomes the program.
pub(crate) fn behind(sandbox: &Sandbox, preparation: &str, arguments: &[&str]) -> Ended {
    let mut shell = sandbox.command("sh");
    let script = format!("{preparation}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_sv2")]).args(arguments);
    Ended::of(shell.output().unwrap())
}

/// Every size of file that is too small, in both directions, by either driver.
#[test]
fn a_limit_on_file_sizes_is_told_and_leaves_nothing() {
    let sandbox = crate::bad_streams::with_stream();
    let before = sandbox.names();
    // Units of 512 bytes; the plaintext has 8000 and the stream about 11 000.
    for blocks in [0, 1, 2, 3, 5, 8, 13] {
        for arguments in [
            &["encrypt", "plain", "-K", "key", "-o", "out"][..],
            &["decrypt", "a.sv2", "-K", "key", "-o", "out"],
        ] {
            for sizes in [&SMALL[..], &[]] {
                if arguments[0] == "decrypt" && !sizes.is_empty() {
                    continue;
                }
                let limit = format!("ulimit -f {blocks}");
                let ended = behind(&sandbox, &limit, &[arguments, sizes].concat());
                ended.expect_failure(1, &["out: writing failed", "File too large"]);
                assert_eq!(sandbox.names(), before, "{blocks} {arguments:?}");
            }
        }
    }
}

/// A disk of its own that is too small, where the tests may make one.
#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    sandbox.write("plain", &painted(1 << 20));
    fs::create_dir(sandbox.path("disk")).unwrap();
    let script = "mount -t tmpfs -o size=256k none disk || exit 99; \
                  \"$0\" encrypt plain -K key -o disk/out; code=$?; ls -A disk; exit $code";
    let mut shell = sandbox.command("unshare");
    shell.args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_sv2")]);
    match shell.output().map(Ended::of) {
        Ok(ended) if ended.stderr.starts_with("sv2: ") => {
            ended.expect_failure(1, &["disk/out: writing failed", "No space left", "free space"]);
            assert_eq!(ended.text(), "", "something is left on the disk");
        }
        _ => skipped("no file system of its own can be mounted here"),
    }
}

/// F-1006: a folder that is gone when the file is to get its name.
#[test]
fn a_folder_that_is_removed_under_way_is_told() {
    let sandbox = Sandbox::new();
    sandbox.raw_key();
    fs::create_dir(sandbox.path("folder")).unwrap();
    let arguments = ["encrypt", "-K", "key", "-o", "folder/out", "--progress", "json"];
    let mut child =
        sandbox.sv2(&[&arguments[..], &SMALL].concat()).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&painted(3000)).unwrap();
    wait_for_progress(&mut child);
    fs::remove_dir_all(sandbox.path("folder")).unwrap();
    drop(pipe);
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("folder/out"), "{}", ended.stderr);
    assert_eq!(sandbox.names(), ["key"]);
}

fn wait_for_progress(child: &mut Child) {
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"done\":"), "{line}");
}

/// F-510, F-1005: an input that shrinks or grows while its beginning waits in a full pipe. What was
/// written has no tail.
#[test]
fn an_input_that_changes_under_way_is_told_and_not_sealed() {
    for grows in [false, true] {
        let sandbox = Sandbox::new();
        sandbox.raw_key();
        // More than a pipe holds, in segments of which few are on their way at once.
        let len = 6 << 20;
        sandbox.write("plain", &painted(len));
        let arguments = ["encrypt", "plain", "-K", "key", "-o", "-", "-T", "2"];
        let sizes = ["--segment-size", "64K"];
        let mut child = sandbox.sv2(&[&arguments[..], &sizes].concat()).spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        let mut written = vec![0; 1];
        pipe.read_exact(&mut written).unwrap();
        let file = File::options().write(true).open(sandbox.path("plain")).unwrap();
        file.set_len(if grows { len as u64 + 1 } else { len as u64 - 70_000 }).unwrap();
        pipe.read_to_end(&mut written).unwrap();
        let ended = Ended::of(child.wait_with_output().unwrap());
        ended.expect_failure(1, &["plain", "changed while it was being read"]);
        let read = sandbox.fed(&["decrypt", "-K", "key"], &written);
        assert_eq!(read.code, 3, "{}", read.stderr);
    }
}

#[test]
fn a_folder_that_may_not_be_written_and_a_file_that_may_not_be_read_are_told() {
    let sandbox = crate::bad_streams::with_stream();
    fs::create_dir(sandbox.path("folder")).unwrap();
    fs::set_permissions(sandbox.path("folder"), Permissions::from_mode(0o555)).unwrap();
    for (arguments, place) in [
        (&["encrypt", "plain", "-K", "key", "-o", "folder/out"][..], "folder/out"),
        (&["decrypt", "a.sv2", "-K", "key", "-o", "folder/out"], "folder/out"),
    ] {
        let Some(mut command) = unprivileged(&sandbox, arguments) else { return };
        let ended = Ended::of(command.output().unwrap());
        ended.expect_failure(1, &[place, "Permission denied"]);
        assert_eq!(fs::read_dir(sandbox.path("folder")).unwrap().count(), 0);
    }
    for name in ["plain", "a.sv2", "key"] {
        let path = sandbox.path(name);
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        let input = if name == "a.sv2" { "a.sv2" } else { "plain" };
        let direction = if name == "a.sv2" { "decrypt" } else { "encrypt" };
        let arguments = [direction, input, "-K", "key", "-o", "-"];
        let Some(mut command) = unprivileged(&sandbox, &arguments) else { return };
        let ended = Ended::of(command.output().unwrap());
        ended.expect_failure(1, &[name, "Permission denied"]);
        assert!(ended.stdout.is_empty());
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    }
}

/// From none to enough: the program says what it could not open, and leaves nothing half done.
#[test]
fn too_few_file_descriptors_are_told_and_leave_nothing() {
    let sandbox = crate::bad_streams::with_stream();
    let before = sandbox.names();
    let (mut failed, mut succeeded) = (0, 0);
    for limit in 3..24 {
        for arguments in [
            &["encrypt", "plain", "-K", "key", "-o", "out"][..],
            &["decrypt", "a.sv2", "-K", "key", "-o", "out"],
        ] {
            let ended = behind(&sandbox, &format!("ulimit -n {limit}"), arguments);
            if ended.code == 0 {
                succeeded += 1;
                fs::remove_file(sandbox.path("out")).unwrap();
            } else if ended.stderr.starts_with("sv2: ") {
                ended.expect_failure(1, &["Too many open files"]);
                failed += 1;
            } else {
                // The system's loader needs descriptors before the program has a say.
                assert!(ended.stderr.contains("shared librar"), "{limit}: {}", ended.stderr);
            }
            assert_eq!(sandbox.names(), before, "{limit} {arguments:?}");
        }
    }
    assert!(failed > 2 && succeeded > 2, "{failed} failed, {succeeded} succeeded");
}

/// A standard stream that is closed has the null device in its place, which the standard library puts
/// there before the program begins: it serves for words and for nothing else.
#[test]
fn data_never_go_to_a_closed_standard_stream_nor_come_from_one() {
    let sandbox = crate::bad_streams::with_stream();
    let before = sandbox.names();
    for arguments in [
        &["decrypt", "a.sv2", "-K", "key", "-o", "-"][..],
        &["decrypt", "a.sv2", "-K", "key", "--salvage", "-o", "-"],
        &["encrypt", "plain", "-K", "key", "-o", "-"],
        &["cat", "a.sv2", "-K", "key"],
        &["keygen"],
        &["keygen", "--raw"],
    ] {
        for closed in ["exec 1>&-", "exec 1<>/dev/null"] {
            let ended = behind(&sandbox, closed, arguments);
            ended.expect_failure(1, &["standard output is closed", "> /dev/null"]);
            assert!(!ended.stderr.contains("age1"), "{}", ended.stderr);
        }
        assert_eq!(behind(&sandbox, "exec >/dev/null", arguments).code, 0, "{arguments:?}");
    }
    for arguments in [
        &["encrypt", "-K", "key", "-o", "out"][..],
        &["decrypt", "-K", "key", "-o", "out"],
        &["append", "-K", "key", "a.sv2"],
    ] {
        let ended = behind(&sandbox, "exec 0<&-", arguments);
        ended.expect_failure(1, &["standard input is closed", "< /dev/null"]);
    }
    assert_eq!(sandbox.names(), before);
    let encrypt = ["encrypt", "-K", "key", "-o", "out"];
    assert_eq!(behind(&sandbox, "exec </dev/null", &encrypt).code, 0);
    // Reports and notes are no data, and what has its names needs no standard stream.
    for quiet in [&["verify", "a.sv2"][..], &["inspect", "a.sv2"]] {
        assert_eq!(behind(&sandbox, "exec 1>&-", quiet).code, 0, "{quiet:?}");
    }
    let all = "exec 0<&- 1>&- 2>&-";
    let ended = behind(&sandbox, all, &["decrypt", "a.sv2", "-K", "key", "-f", "-o", "out"]);
    assert_eq!(ended.code, 0);
    assert_eq!(sandbox.read("out"), sandbox.read("plain"));
}

/// A kill that nothing can catch, while a segment is written and the next one awaited: no output has
/// its name, and the same command works afterwards.
#[test]
fn a_kill_leaves_no_output_under_its_name() {
    let sandbox = crate::bad_streams::with_stream();
    for (arguments, input, whole) in [
        (&["encrypt", "-K", "key", "-o", "out"][..], "plain", "a.sv2"),
        (&["decrypt", "-K", "key", "-o", "out"], "a.sv2", "plain"),
    ] {
        let bytes = sandbox.read(input);
        let sizes = if input == "plain" { &SMALL[..] } else { &[] };
        let all = [arguments, sizes, &["--progress", "json"]].concat();
        let mut child = sandbox.sv2(&all).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(&bytes[..bytes.len() / 2]).unwrap();
        wait_for_progress(&mut child);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
        assert!(!sandbox.path("out").exists());
        let ended = sandbox.fed(&[arguments, sizes].concat(), &bytes);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(sandbox.read("out").len(), sandbox.read(whole).len());
        fs::remove_file(sandbox.path("out")).unwrap();
    }
}

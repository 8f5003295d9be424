//! Locks: file systems that have none, and streams that somebody holds locked.

use std::fs::File;

use crate::sandbox::{Ended, Sandbox, painted};
use crate::strace::traced;

/// Every way to read a stream.
const READERS: [&[&str]; 6] = [
    &["decrypt", "-K", "key", "-f", "-o", "out", "a.sv2"],
    &["cat", "-K", "key", "-f", "-o", "out", "a.sv2"],
    &["verify", "a.sv2"],
    &["verify", "-K", "key", "a.sv2"],
    &["inspect", "a.sv2"],
    &["fingerprint", "-K", "key", "a.sv2"],
];

/// The program while its calls of flock fail as `how` says; `None` where nobody can have them fail.
fn with_flock(sandbox: &Sandbox, how: &str, arguments: &[&str]) -> Option<Ended> {
    let inject = format!("inject=flock:{how}");
    traced(sandbox, &["-e", &inject], arguments).map(|(ended, _)| ended)
}

/// F-1209: what each kind of file system without locks says.
#[test]
fn a_file_system_without_locks_is_named_and_can_be_read_from() {
    for number in ["ENOSYS", "ENOLCK", "EOPNOTSUPP", "EINVAL"] {
        let sandbox = crate::bad_streams::with_stream();
        let before = (sandbox.read("a.sv2"), sandbox.names());
        let how = format!("error={number}");
        for (arguments, words) in [
            (
                &["append", "-K", "key", "a.sv2", "plain"][..],
                ["a.sv2: the file system has no locks", "change a copy on a local disk"],
            ),
            (
                &["encrypt", "--resume", "-K", "key", "plain", "-o", "b.sv2"],
                ["no locks", "name an output on a local disk"],
            ),
            (
                &["decrypt", "--resume", "-K", "key", "a.sv2", "-o", "out"],
                ["no locks", "name an output on a local disk"],
            ),
        ] {
            let Some(ended) = with_flock(&sandbox, &how, arguments) else { return };
            ended.expect_failure(1, &words);
            assert_eq!((sandbox.read("a.sv2"), sandbox.names()), before, "{arguments:?}");
        }
        for reader in READERS {
            let ended = with_flock(&sandbox, &how, reader).unwrap();
            assert_eq!(ended.code, 0, "{number}: {reader:?}: {}", ended.stderr);
        }
        assert_eq!(sandbox.read("out"), painted(8000));
    }
}

/// F-1209: a call that a signal cut short is made again, and one that fails otherwise is told.
#[test]
fn a_lock_is_asked_for_again_after_a_signal() {
    let sandbox = crate::bad_streams::with_stream();
    let append = ["append", "-K", "key", "a.sv2", "plain"];
    let Some(ended) = with_flock(&sandbox, "error=EINTR:when=1", &append) else { return };
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for (command, output) in [("encrypt", "b.sv2"), ("decrypt", "out")] {
        let input = if command == "encrypt" { "plain" } else { "a.sv2" };
        let arguments = [command, "--resume", "-K", "key", input, "-o", output];
        let ended = with_flock(&sandbox, "error=EINTR:when=1", &arguments).unwrap();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let before = sandbox.read("a.sv2");
    let ended = with_flock(&sandbox, "error=EIO", &append).unwrap();
    ended.expect_failure(1, &["a.sv2: ", "Input/output error"]);
    assert_eq!(sandbox.read("a.sv2"), before);
}

/// Whoever can read a stream can hold a lock on it: that keeps others from changing it, which is
/// said with who to ask, and nobody from reading.
#[test]
fn a_stream_that_somebody_holds_locked_is_read_all_the_same() {
    let sandbox = crate::bad_streams::with_stream();
    let held = File::open(sandbox.path("a.sv2")).unwrap();
    held.lock().unwrap();
    for reader in READERS {
        let ended = sandbox.good(reader);
        assert!(!ended.stderr.contains("lock"), "{reader:?}: {}", ended.stderr);
    }
    assert_eq!(sandbox.read("out"), painted(8000));
    let words = ["another program is changing the stream, or holds a lock", "fuser -v a.sv2"];
    sandbox.bad(&["append", "-K", "key", "a.sv2", "plain"], 1, &words);
}

//! The program under strace: the calls it makes, and calls that fail or bring a signal.

use std::fs;
use std::process::Stdio;

use crate::sandbox::{Ended, Sandbox};
use crate::world::skipped;

/// The program under strace, with what it is told; the log of calls. None where nothing may trace.
pub(crate) fn traced(
    sandbox: &Sandbox,
    how: &[&str],
    arguments: &[&str],
) -> Option<(Ended, String)> {
    traced_to(sandbox, how, arguments, Stdio::piped)
}

pub(crate) fn traced_to(
    sandbox: &Sandbox,
    how: &[&str],
    arguments: &[&str],
    stdout: impl Fn() -> Stdio,
) -> Option<(Ended, String)> {
    let trace = |arguments: &[&str]| {
        let mut strace = sandbox.command("strace");
        strace.args(["-f", "-qq", "-y", "-o", "log"]).args(how);
        strace.arg(env!("CARGO_BIN_EXE_sv2")).args(arguments).stdout(stdout()).output()
    };
    if !trace(&["--version"]).is_ok_and(|output| output.status.success()) {
        skipped("no strace, or it may not trace");
        return None;
    }
    let ended = Ended::of(trace(arguments).unwrap());
    let log = String::from_utf8_lossy(&sandbox.read("log")).into_owned();
    fs::remove_file(sandbox.path("log")).unwrap();
    Some((ended, log))
}

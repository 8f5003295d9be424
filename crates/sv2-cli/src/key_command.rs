//! Keys that another program hands over on its standard output: a password manager, or the client of
//! a key service.
//!
//! The command is a line of the user's own shell. Its input is the null device, so that it takes
//! nothing of the data; what it prints is read up to a bound, wiped, and never shown.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use sv2_core::StreamKey;
use sv2_keys::{Identity, parse_identities, parse_key, read_secret};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::{Failure, plain};

/// The longest output that is read: that of an identity file.
const MAX_LEN: usize = 1 << 20;

/// The identities that a command prints; `option` names it in failures.
pub(crate) fn identities(line: &OsStr, option: &str) -> Result<Vec<Identity>, Failure> {
    let printed = output(line, option)?;
    Ok(parse_identities(&printed, Path::new(&origin(option)))?)
}

/// The raw key that a command prints.
pub(crate) fn key(line: &OsStr, option: &str) -> Result<StreamKey, Failure> {
    let printed = output(line, option)?;
    Ok(parse_key(&printed, Path::new(&origin(option)))?)
}

/// How failures name what a command printed.
fn origin(option: &str) -> String {
    format!("(output of {option})")
}

/// Runs a command and takes what it prints.
pub(crate) fn output(line: &OsStr, option: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |why: String| {
        Failure::new(Exit::Io, format!("the command of {option} failed: {why}"))
            .hint("run it by itself to see what it says")
    };
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(line)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(plain(&error)))?;
    let printed = match &mut child.stdout {
        Some(pipe) => read_secret(pipe, MAX_LEN).map_err(|error| failed(plain(&error))),
        None => Ok(None),
    };
    // A command that says too much is not waited for until it has said it.
    drop(child.stdout.take());
    let status = child.wait().map_err(|error| failed(plain(&error)))?;
    let printed = printed?.ok_or_else(|| failed(format!("it printed over {MAX_LEN} bytes")))?;
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    Ok(printed)
}

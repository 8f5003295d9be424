//! What stands behind the end of a sealed stream: as an argument, and in words.

use std::path::Path;

use clap::ValueEnum;
use sv2_core::{InputSource, StreamError, Trailing, trailing};

use crate::ends::Input;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::{self, operand};
use crate::names::Name;
use crate::size::counted;

/// What to do about bytes behind the end of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrailingName {
    /// Read the stream up to its end, with its seal checked, and leave the rest alone
    Ignore,
}

/// Where the stream ends and what follows it.
pub(crate) fn in_words(found: &Trailing) -> String {
    let kind = if found.zeros { "zero bytes" } else { "bytes" };
    let verb = if found.len == 1 { "follows" } else { "follow" };
    let kind = if found.len == 1 { kind.trim_end_matches('s') } else { kind };
    format!(
        "a sealed stream of {} ends there, and {} {kind} {verb} it",
        counted(found.offset, "byte", "bytes"),
        found.len
    )
}

/// The failure of a change of a stream whose end something hides.
pub(crate) fn in_the_way(name: &Name, path: &Path, error: &StreamError) -> Option<Failure> {
    let failure = told(name, InputSource::Path(path.to_owned()), error)?;
    let file = operand(path.as_os_str());
    Some(failure.hint(format!(
        "only a stream that ends where its file ends can be changed; to cut off what follows: \
         sv2 repair -f --cut {file}"
    )))
}

/// The failure, where bytes behind the end of the stream are what is wrong.
fn told(name: &Name, input: InputSource<'_>, error: &StreamError) -> Option<Failure> {
    let is_about_the_end = matches!(
        error,
        StreamError::Unsealed { .. }
            | StreamError::Malformed { .. }
            | StreamError::ChecksumMismatch { .. }
            | StreamError::AuthenticationFailed { .. }
    );
    let found = is_about_the_end.then(|| trailing(input).ok()).flatten()??;
    Some(Failure::new(Exit::Untrusted, format!("{name}: {}", in_words(&found))))
}

/// What follows the stream in an input, where that is to be left alone.
pub(crate) fn found(input: &Input) -> Result<Option<Trailing>, StreamError> {
    match input.again() {
        Ok(source) => trailing(source),
        // It fails again where it is read, and is told there.
        Err(_) => Ok(None),
    }
}

/// The failure of a command that ended in `error`, where bytes behind the end of the stream are
/// what is wrong.
pub(crate) fn explained(
    command: &str,
    name: &Name,
    input: Option<InputSource<'_>>,
    error: &StreamError,
) -> Option<Failure> {
    let failure = told(name, input?, error)?;
    let command = format!("{command} --trailing ignore");
    Some(match (name, command.starts_with("verify")) {
        (Name::File(_), true) => failure.hint(invocation::without_output(&command, name)),
        (Name::File(_), false) => failure.hint(invocation::on(&command, name)),
        _ => failure,
    })
}

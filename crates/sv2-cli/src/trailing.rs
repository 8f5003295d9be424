//! What stands behind the end of a sealed stream: as an argument, and in words.

use clap::ValueEnum;
use sv2_core::{InputSource, StreamError, Trailing, trailing};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::{Name, shell_word};
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

/// The failure of a command that ended in `error`, where bytes behind the end of the stream are
/// what is wrong.
pub(crate) fn explained(
    command: &str,
    name: &Name,
    input: Option<InputSource<'_>>,
    error: &StreamError,
) -> Option<Failure> {
    let is_about_the_end = matches!(
        error,
        StreamError::Unsealed { .. }
            | StreamError::Malformed { .. }
            | StreamError::ChecksumMismatch { .. }
            | StreamError::AuthenticationFailed { .. }
    );
    let found = trailing(input.filter(|_| is_about_the_end)?).ok()??;
    let failure = Failure::new(Exit::Untrusted, format!("{name}: {}", in_words(&found)));
    Some(match name {
        Name::File(path) => {
            let path = shell_word(path.as_os_str());
            failure.hint(format!("sv2 {command} --trailing ignore {path}"))
        }
        _ => failure,
    })
}

//! Failures of streams: what happened, what it means where the error does not say it, and what helps.

use std::io;
use std::path::Path;

use sv2_core::{StreamError, Unit};
use sv2_keys::KeysError;

use super::text::{chain, plain};
use super::{Failure, NotText, already_exists};
use crate::exit::Exit;
use crate::invocation::{self, operand};
use crate::kind;
use crate::names::{Name, Names, shown};
use crate::readings;
use crate::unfinished::half_changed;

impl Failure {
    /// A stream that was not written or not read.
    pub(crate) fn stream(error: &StreamError, names: Names<'_>) -> Self {
        let exit = Exit::of(error.kind());
        match error {
            StreamError::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => {
                Self::told(Exit::BrokenPipe)
            }
            StreamError::Write { source, .. } if is_not_text(source) => {
                Self::new(Exit::Usage, format!("{}: {NotText}", names.input))
                    .hint("name a file with -o, or force it with -o -")
            }
            StreamError::Write { offset, source } => {
                let sentence = format!(
                    "{}: writing failed at byte {offset}: {}; {}",
                    names.output,
                    plain(source),
                    remains(names.output)
                );
                let hint = format!("{} and run the command again", write_advice(source));
                let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
                let is_out_of_space = full.contains(&source.kind());
                Self { is_out_of_space, ..Self::new(exit, sentence).hint(hint) }
            }
            // Another version took the place of the one that was opened, and nobody forged it.
            StreamError::StaleIndex => Self::of_input(error, Exit::Io, names),
            StreamError::OutputExists => already_exists(names.output, "-o"),
            StreamError::OutputRefused(fault) => Self::usage(format!("'{}' {fault}", names.output))
                .hint("choose another name with -o"),
            StreamError::OutputKept { kept, source } => kept_output(kept, source, names.output),
            StreamError::Cancelled { .. } => {
                Self::new(exit, format!("interrupted; {}", remains(names.output)))
            }
            StreamError::NoKeyFits { source: Some(source) } => {
                match source.downcast_ref::<KeysError>() {
                    Some(error) => {
                        let mut failure = Self::keys(error);
                        // Whatever kept the slots from opening, there is no key.
                        let is_machine = matches!(error, KeysError::Memory { .. });
                        if failure.exit != Exit::Untrusted && !is_machine {
                            failure.exit = exit;
                        }
                        failure.about(names.input)
                    }
                    None => Self::of_input(error, exit, names),
                }
            }
            _ => Self::of_input(error, exit, names),
        }
    }

    fn of_input(error: &StreamError, exit: Exit, names: Names<'_>) -> Self {
        let is_about_bytes = matches!(exit, Exit::Untrusted | Exit::Damaged | Exit::NotAStream);
        let what = match error {
            StreamError::ChecksumMismatch { .. } => format!("checksum mismatch: {error}"),
            StreamError::AuthenticationFailed { .. }
            | StreamError::DigestMismatch { .. }
            | StreamError::StaleHeader { .. } => format!("authentication failure: {error}"),
            _ => chain(error),
        };
        if is_about_bytes {
            if let Some(half) = half_changed(names.input) {
                // What is half written is neither forged nor damaged.
                let what = format!("{}; until it is settled, {}", half.what, chain(error));
                return Self::new(exit, format!("{}: {what}", names.input)).hint(half.way_out);
            }
            // In this order: a change that had an end in between wrote to the stream.
            if readings::has_changed(names.input) {
                let changed = StreamError::InputChanged { offset: error.offset().unwrap_or(0) };
                return Self::of_input(&changed, Exit::Io, names);
            }
        }
        let (why, hint) = explained(error, names.input);
        let sentence = join(format!("{}: {what}", names.input), why);
        Self::new(exit, sentence).hint(hint)
    }
}

/// What a failed command leaves of its output.
fn remains(output: &Name) -> &'static str {
    match output {
        Name::Stdout => "what went to standard output is incomplete",
        _ => "no unfinished file was left behind",
    }
}

/// A whole output that did not get its name, or whose name may not be on stable storage.
fn kept_output(kept: &Path, source: &io::Error, output: &Name) -> Failure {
    let why = match source.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("'{output}' appeared while the output was written")
        }
        _ => format!("'{output}': the output is whole, but naming it failed: {}", plain(source)),
    };
    if output.path() == Some(kept) {
        return Failure::new(
            Exit::Io,
            format!("'{output}' is whole, but may not survive a loss of power: {}", plain(source)),
        )
        .hint("see to the disk, and check the file before you rely on it");
    }
    let to = output.path().map(|path| operand(path.as_os_str())).unwrap_or_default();
    let exit = match source.kind() {
        io::ErrorKind::AlreadyExists => Exit::Usage,
        _ => Exit::Io,
    };
    Failure::new(exit, format!("{why}; the whole output is kept as '{}'", shown(kept)))
        .hint(format!("give it its name: mv -i -- {} {to}", operand(kept.as_os_str())))
}

/// What to do about an output that cannot be written.
fn write_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "name a place in a folder that is there"
        }
        io::ErrorKind::InvalidFilename => "choose a shorter name",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose another place"
        }
        _ => "free space or choose another place",
    }
}

/// What a failure of a stream means, where the error does not say it, and what to do.
fn explained(error: &StreamError, input: &Name) -> (&'static str, String) {
    let salvage =
        || format!("to get out what is left: {}", invocation::on(invocation::salvage(), input));
    match error {
        StreamError::NotAStream => kind::of(input)
            .unwrap_or_else(|| ("", "check that it was made by 'sv2 encrypt'".into())),
        StreamError::Unsupported { .. } => ("", "a newer version of sv2 may read it".into()),
        StreamError::ChecksumMismatch { .. } => (
            "the bytes were damaged after they were written",
            format!("fetch the file again or restore it from a copy, or {}", salvage()),
        ),
        StreamError::AuthenticationFailed { unit: Unit::Index, .. } => (
            "the index has no checksum, so this may be damage or an attack",
            format!("fetch the file again, or {}", salvage()),
        ),
        StreamError::AuthenticationFailed { .. } => (
            "the checksum is right, so this is no accident: the stream was altered",
            format!(
                "do not use it, and get it again from someone you trust; to list what was altered: {}",
                invocation::without_output("verify", input)
            ),
        ),
        StreamError::DigestMismatch { .. } | StreamError::StaleHeader { .. } => (
            "the stream was altered or rolled back",
            "do not use it, and get it again from someone you trust".into(),
        ),
        // Its place in the file is what does not fit, which a missing piece does to a sound end.
        StreamError::Malformed { unit: Unit::Trailer, .. } => (
            "something is missing from the file, or was added to it",
            format!("fetch the file again, or {}", salvage()),
        ),
        StreamError::Limit { .. } => {
            ("no version of sv2 writes this", "get the file again from someone you trust".into())
        }
        StreamError::Malformed { .. } | StreamError::TrailingData { .. } => {
            ("", format!("fetch the file again, or {}", salvage()))
        }
        StreamError::Unsealed { .. } => (
            "it is truncated, was never finished or something was appended to it",
            format!("fetch the file again, or {}", salvage()),
        ),
        StreamError::WrongKeyOrContext => {
            ("", "check the key, and the --context that the stream was written with".into())
        }
        StreamError::NoKeyFits { .. } => {
            ("", "name the right identity with -i, a key with -K or use -p".into())
        }
        StreamError::WrongFingerprint => {
            ("", "it is another stream than the one that was pinned; get the right one".into())
        }
        StreamError::StaleIndex | StreamError::InputChanged { .. } => {
            ("", "run the command again when nothing writes to it".into())
        }
        StreamError::Read { .. } => {
            ("", "check the file and its medium, and run the command again".into())
        }
        StreamError::Spawn(_) => ("", "use fewer threads with -T".into()),
        StreamError::Defect { .. } | StreamError::Crypto(_) => {
            ("", "this is a defect of sv2 or of this system, please report it".into())
        }
        _ => ("", String::new()),
    }
}

fn is_not_text(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotText>())
}

fn join(what: String, why: &str) -> String {
    if why.is_empty() { what } else { format!("{what}; {why}") }
}

//! Failures as the user sees them: one sentence that says what, where and what to do next.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use sv2_core::{StreamError, Unit};
use sv2_keys::{KeyFileError, KeysError, PassphraseError};

use crate::exit::Exit;
use crate::names::{Name, Names, printable, shown};
use crate::terminal::found_no_terminal;
use crate::unfinished::half_changed;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The sentence, without the program's name; empty where nothing is to be said.
    pub(crate) sentence: String,
}

/// A refusal to put bytes on a terminal that are no text.
#[derive(Debug)]
pub(crate) struct NotText;

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refusing to output binary data to the terminal")
    }
}

impl Error for NotText {}

impl Failure {
    /// A mistake on the command line.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, sentence: sentence.into() }
    }

    /// A question that was answered with the interrupt key; nothing was written yet.
    pub(crate) fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, sentence: "interrupted; nothing was written".into() }
    }

    /// A file or folder that failed.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let sentence = format!("cannot {doing} '{}': {}", shown(path), plain(error));
        Self { exit: Exit::Io, sentence }
    }

    /// Standard output that failed; a reader that went away is no reason to speak.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::BrokenPipe, sentence: String::new() };
        }
        let sentence = format!("cannot write to {}: {}", Name::Stdout, plain(error));
        Self { exit: Exit::Io, sentence }
    }

    /// A passphrase that cannot be had.
    pub(crate) fn passphrase(error: &PassphraseError) -> Self {
        let exit = match error {
            PassphraseError::Read(_) => Exit::Io,
            _ => Exit::Usage,
        };
        Self { exit, sentence: chain(error) }
    }

    /// A key, recipient or identity that cannot be used.
    pub(crate) fn keys(error: &KeysError) -> Self {
        Self { exit: keys_exit(error), sentence: join(chain(error), keys_advice(error)) }
    }

    /// A stream that was not written or not read.
    pub(crate) fn stream(error: &StreamError, names: Names<'_>) -> Self {
        let exit = Exit::of(error.kind());
        match error {
            StreamError::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => {
                Self { exit: Exit::BrokenPipe, sentence: String::new() }
            }
            StreamError::Write { source, .. } if is_not_text(source) => Self {
                exit: Exit::Usage,
                sentence: format!(
                    "{}: {NotText}; name a file with -o, or force it with -o -",
                    names.input
                ),
            },
            StreamError::Write { offset, source } => Self {
                exit,
                sentence: format!(
                    "{}: writing failed at byte {offset}: {}; {}, so {} and run the command again",
                    names.output,
                    plain(source),
                    remains(names.output),
                    write_advice(source)
                ),
            },
            StreamError::OutputExists => Self::usage(already_exists(names.output, "-o")),
            StreamError::Cancelled { .. } => {
                Self { exit, sentence: format!("interrupted; {}", remains(names.output)) }
            }
            StreamError::NoKeyFits { source: Some(source) } => {
                match source.downcast_ref::<KeysError>() {
                    Some(error) => {
                        let mut failure = Self::keys(error);
                        // Whatever kept the slots from opening, there is no key.
                        if failure.exit != Exit::Untrusted {
                            failure.exit = exit;
                        }
                        failure.sentence = format!("{}: {}", names.input, failure.sentence);
                        failure
                    }
                    None => Self::of_input(error, exit, names),
                }
            }
            _ => Self::of_input(error, exit, names),
        }
    }

    fn of_input(error: &StreamError, exit: Exit, names: Names<'_>) -> Self {
        if matches!(exit, Exit::Untrusted | Exit::Damaged | Exit::NotAStream)
            && let Some(reason) = half_changed(names.input)
        {
            return Self { exit, sentence: format!("{}: {}; {reason}", names.input, chain(error)) };
        }
        let what = match error {
            StreamError::ChecksumMismatch { .. } => format!("checksum mismatch: {error}"),
            StreamError::AuthenticationFailed { .. }
            | StreamError::DigestMismatch { .. }
            | StreamError::StaleHeader { .. } => format!("authentication failure: {error}"),
            _ => chain(error),
        };
        let sentence = join(format!("{}: {what}", names.input), advice(error));
        Self { exit, sentence }
    }
}

impl From<KeysError> for Failure {
    fn from(error: KeysError) -> Self {
        Self::keys(&error)
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::keys(&KeysError::File(error))
    }
}

/// What a failed command leaves of its output.
fn remains(output: &Name) -> &'static str {
    match output {
        Name::Stdout => "what went to standard output is incomplete",
        _ => "no unfinished file was left behind",
    }
}

/// The sentence about an output that is there.
pub(crate) fn already_exists(output: &Name, option: &str) -> String {
    format!("'{output}' already exists; overwrite it with -f or choose another name with {option}")
}

/// What to do about an output that cannot be written.
fn write_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "name a place in a folder that is there"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose another place"
        }
        _ => "free space or choose another place",
    }
}

/// What to do about a stream that failed.
fn advice(error: &StreamError) -> &'static str {
    match error {
        StreamError::NotAStream => "check that it was made by 'sv2 encrypt'",
        StreamError::Unsupported { .. } => "a newer version of sv2 may read it",
        StreamError::ChecksumMismatch { .. } => {
            "the bytes were damaged after they were written, so fetch the file again or restore \
             it from a copy"
        }
        StreamError::AuthenticationFailed { unit: Unit::Index, .. } => {
            "the index has no checksum, so this may be damage or an attack: fetch the file again, \
             and do not use it if that does not help"
        }
        StreamError::AuthenticationFailed { .. } => {
            "the checksum is right, so this is no accident: the stream was altered, do not use it"
        }
        StreamError::DigestMismatch { .. } | StreamError::StaleHeader { .. } => {
            "the stream was altered or rolled back, do not use it"
        }
        StreamError::Malformed { .. } | StreamError::Limit { .. } => {
            "no version of sv2 writes this, so get the file again from whom you trust"
        }
        StreamError::TrailingData { .. } => {
            "something was appended to it, so get the file again from whom you trust"
        }
        StreamError::Unsealed { .. } => {
            "it is truncated, was never finished or something was appended to it: fetch it again, \
             or read what there is with 'sv2 decrypt --unsealed'"
        }
        StreamError::WrongKeyOrContext => {
            "check the key, and the --context that the stream was written with"
        }
        StreamError::NoKeyFits { .. } => "name the right identity with -i, a key with -K or use -p",
        StreamError::WrongFingerprint => "it is another stream than the one that was pinned",
        StreamError::StaleIndex | StreamError::InputChanged { .. } => {
            "run the command again when nothing writes to it"
        }
        StreamError::Read { .. } => "check the file and its medium, and run the command again",
        StreamError::Spawn(_) => "use fewer threads with -T",
        StreamError::WorkerLost { .. } | StreamError::Crypto(_) => {
            "this is a defect of sv2 or of this system, please report it"
        }
        _ => "",
    }
}

fn keys_exit(error: &KeysError) -> Exit {
    match error {
        KeysError::File(error) => match error {
            KeyFileError::Read { .. } | KeyFileError::Write { .. } | KeyFileError::Random => {
                Exit::Io
            }
            KeyFileError::Locked { .. } | KeyFileError::WrongPassphrase { .. } => Exit::NoKey,
            _ => Exit::Usage,
        },
        KeysError::NoKeyFits(_) | KeysError::WrongPassphrase => Exit::NoKey,
        KeysError::Malformed { .. } => Exit::Untrusted,
        KeysError::Plugin { .. } | KeysError::Age { .. } => Exit::Io,
        _ => Exit::Usage,
    }
}

fn keys_advice(error: &KeysError) -> &'static str {
    match error {
        KeysError::NoKeyFits(reasons) if reasons.refused_keys > 0 => {
            "check the --context that the stream was written with"
        }
        KeysError::NoKeyFits(reasons) if !reasons.skipped_over_limit.is_empty() => {
            "the stream was made to cost too much memory, and no option raises the limit"
        }
        KeysError::NoKeyFits(_) | KeysError::File(KeyFileError::Locked { .. })
            if found_no_terminal() =>
        {
            "there is no terminal to ask for the passphrase on, so use --passphrase-file or \
             --passphrase-fd"
        }
        KeysError::NoKeyFits(reasons)
            if reasons.has_passphrase_slot && !reasons.passphrase_tried =>
        {
            "use -p to be asked for it on the terminal, or --passphrase-file"
        }
        KeysError::NoKeyFits(_) => "name the right identity with -i, or the key with -K",
        KeysError::WrongPassphrase => "try again",
        KeysError::Recipient(_) => {
            "a recipient is age1.. or ssh-.., and files of them are named with -R"
        }
        KeysError::MixedSlots => "use recipients of one kind, since the weakest one decides",
        KeysError::File(KeyFileError::NoConfigFolder) => "set HOME, or name a key with -i or -K",
        KeysError::File(KeyFileError::Locked { .. }) => {
            "run it on a terminal, or use --passphrase-file"
        }
        KeysError::File(KeyFileError::Write { source, .. })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            "keys are never overwritten, so choose another name or move the old one away"
        }
        _ => "",
    }
}

fn is_not_text(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotText>())
}

fn join(what: String, advice: &str) -> String {
    if advice.is_empty() { what } else { format!("{what}; {advice}") }
}

/// An error and its causes in one line, which names of files in it cannot leave.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = match error.downcast_ref::<io::Error>() {
            Some(error) => plain(error),
            None => error.to_string(),
        };
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    printable(&text)
}

/// What the operating system said, without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

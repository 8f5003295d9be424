//! Failures as the user sees them: one sentence that says what and where, and a hint that says what
//! to do next, with the one command that helps where there is one.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use sv2_core::{StreamError, Unit};
use sv2_keys::{KeyFileError, KeysError, PassphraseError};

use crate::exit::Exit;
use crate::invocation;
use crate::kind;
use crate::looked;
use crate::names::{Name, Names, printable, shell_word, shown};
use crate::readings;
use crate::terminal::found_no_terminal;
use crate::unfinished::half_changed;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The sentence, without the program's name; empty where nothing is to be said.
    pub(crate) sentence: String,
    /// What to do next: a command at its end is complete and can be pasted.
    pub(crate) hint: Option<String>,
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
    /// A failure of which there is nothing to advise yet.
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into(), hint: None }
    }

    /// An exit code of which everything was said.
    pub(crate) fn told(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// A mistake on the command line.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// The same with what to do next; an empty hint is none.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// The same with what it is about in front of the sentence.
    pub(crate) fn about(mut self, what: impl fmt::Display) -> Self {
        self.sentence = format!("{what}: {}", self.sentence);
        self
    }

    /// A question that was answered with the interrupt key; nothing was written yet.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted; nothing was written")
    }

    /// A file or folder that failed.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let sentence = format!("cannot {doing} '{}': {}", shown(path), plain(error));
        Self::new(Exit::Io, sentence)
    }

    /// Standard output that failed; a reader that went away is no reason to speak.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::told(Exit::BrokenPipe);
        }
        let sentence = format!("cannot write to {}: {}", Name::Stdout, plain(error));
        Self::new(Exit::Io, sentence)
    }

    /// A passphrase that cannot be had.
    pub(crate) fn passphrase(error: &PassphraseError) -> Self {
        let exit = match error {
            PassphraseError::Read(_) => Exit::Io,
            _ => Exit::Usage,
        };
        Self::new(exit, chain(error))
    }

    /// A key, recipient or identity that cannot be used.
    pub(crate) fn keys(error: &KeysError) -> Self {
        let sentence = match error {
            // What was tried is of no interest where there was nothing to try it on.
            KeysError::NoKeyFits(reasons) if reasons.age_slots == 0 => error.to_string(),
            _ => chain(error),
        };
        Self::new(keys_exit(error), sentence).hint(keys_hint(error))
    }

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
            StreamError::Write { offset, source } => Self::new(
                exit,
                format!(
                    "{}: writing failed at byte {offset}: {}; {}",
                    names.output,
                    plain(source),
                    remains(names.output)
                ),
            )
            .hint(format!("{} and run the command again", write_advice(source))),
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

/// The refusal of an output that is there.
pub(crate) fn already_exists(output: &Name, option: &str) -> Failure {
    Failure::usage(format!("'{output}' already exists"))
        .hint(format!("overwrite it with -f or choose another name with {option}"))
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
    let to = output.path().map(|path| shell_word(path.as_os_str())).unwrap_or_default();
    let exit = match source.kind() {
        io::ErrorKind::AlreadyExists => Exit::Usage,
        _ => Exit::Io,
    };
    Failure::new(exit, format!("{why}; the whole output is kept as '{}'", shown(kept)))
        .hint(format!("give it its name: mv -i -- {} {to}", shell_word(kept.as_os_str())))
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
        || format!("to get out what is left: {}", invocation::on("decrypt --salvage", input));
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
            "do not use it, and get it again from someone you trust".into(),
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
            format!(
                "fetch the file again, or read it up to where it breaks off: {}",
                invocation::on("decrypt --unsealed", input)
            ),
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
        KeysError::Plugin { .. }
        | KeysError::PluginMissing { .. }
        | KeysError::Age { .. }
        | KeysError::Memory { .. } => Exit::Io,
        _ => Exit::Usage,
    }
}

fn keys_hint(error: &KeysError) -> String {
    let hint = keys_advice(error);
    match (error, looked::told()) {
        (KeysError::NoKeyFits(reasons), Some(looked)) if reasons.age_slots > 0 => {
            format!("{looked}; {hint}")
        }
        _ => hint.to_owned(),
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
        KeysError::NoKeyFits(reasons) if reasons.age_slots == 0 => "name its key with -K",
        KeysError::NoKeyFits(_) => "name the right identity with -i",
        KeysError::WrongPassphrase => "try again",
        KeysError::Recipient(_) => {
            "a recipient is age1.. or ssh-.., and files of them are named with -R"
        }
        KeysError::PluginMissing { .. } => "install it, or name another key",
        KeysError::Memory { .. } => "end other programs, or raise the limit of memory (ulimit -v)",
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

fn join(what: String, why: &str) -> String {
    if why.is_empty() { what } else { format!("{what}; {why}") }
}

/// An error and its causes in one line, which names of files in it cannot leave.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = of_library(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = match error.downcast_ref::<io::Error>() {
            Some(error) => of_library(&plain(error)),
            None => of_library(&error.to_string()),
        };
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    printable(&text)
}

/// A text of the age library as one line, without the marks that it puts around what it quotes, and
/// without its advice for whoever writes a plugin, which is to print key material.
fn of_library(text: &str) -> String {
    let is_quoting = |c| ('\u{2066}'..='\u{2069}').contains(&c);
    if !text.contains(is_quoting) && !text.contains("AGEDEBUG") {
        return text.to_owned();
    }
    let lines = text.lines().take_while(|line| !line.contains("AGEDEBUG"));
    lines.collect::<Vec<_>>().join(" ").replace(is_quoting, "").trim().to_owned()
}

/// What the operating system said, without its number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_age_library_are_one_line_and_advise_nothing_dangerous() {
        let died = "'\u{2068}age-plugin-x\u{2069}' unexpectedly died.\n\nIf you are developing a \
                    plugin, run with AGEDEBUG=plugin for more information.\nWarning: this prints \
                    private encryption key material to standard error.";
        assert_eq!(of_library(died), "'age-plugin-x' unexpectedly died.");
        let missing =
            "Could not find '\u{2068}x\u{2069}' on the PATH.\nHave you installed the plugin?";
        assert_eq!(
            of_library(missing),
            "Could not find 'x' on the PATH. Have you installed the plugin?"
        );
        // What is no text of that library is left to the escapes of names.
        assert_eq!(of_library("a\nb"), "a\nb");
    }
}

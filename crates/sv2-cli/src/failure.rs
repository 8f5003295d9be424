//! Failures as the user sees them: one sentence that says what and where, and a hint that says what
//! to do next, with the one command that helps where there is one.

mod keys;
mod stream;
mod text;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use sv2_keys::{KeyFileError, KeysError, PassphraseError};

pub(crate) use self::text::{chain, plain};
use crate::exit::Exit;
use crate::going_on;
use crate::names::{Name, shown};

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The sentence, without the program's name; empty where nothing is to be said.
    pub(crate) sentence: String,
    /// What to do next: a command at its end is complete and can be pasted.
    pub(crate) hint: Option<String>,
    /// Whether an output found no space left.
    pub(crate) is_out_of_space: bool,
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
        Self { exit, sentence: sentence.into(), hint: None, is_out_of_space: false }
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

    /// An interrupt where no stream is being written: nothing was, unless the command said how it is
    /// continued.
    pub(crate) fn interrupted() -> Self {
        match going_on::continued() {
            Some(hint) => {
                let sentence = format!("interrupted; {}", going_on::KEPT);
                Self::new(Exit::Interrupted, sentence).hint(hint)
            }
            None => Self::new(Exit::Interrupted, "interrupted; nothing was written"),
        }
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

/// The refusal of an output that is there.
pub(crate) fn already_exists(output: &Name, option: &str) -> Failure {
    Failure::usage(format!("'{output}' already exists"))
        .hint(format!("overwrite it with -f or choose another name with {option}"))
}

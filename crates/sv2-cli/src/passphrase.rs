//! Passphrases: from a file, from an open descriptor, or asked on the terminal; never an argument
//! and never from standard input by accident.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use sv2_core::{Waiting, open_descriptor};
use sv2_keys::{Passphrase, PassphraseError, PassphrasePurpose, Prompt, read_passphrase};

use crate::failure::Failure;
use crate::names::{printable, shown};
use crate::terminal::{answer, ask, show};
use crate::{key_command, key_files};

/// Names the command that prints the passphrase where one is needed and none is given.
const COMMAND_VARIABLE: &str = "SV2_PASSPHRASE_COMMAND";

/// Where passphrases come from, as arguments.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the passphrase from this file, less one trailing newline
    #[arg(long, value_name = "FILE", conflicts_with_all = ["passphrase_fd", "passphrase_command"])]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the output of this shell command, less one trailing newline
    #[arg(long, value_name = "COMMAND", conflicts_with = "passphrase_fd")]
    passphrase_command: Option<OsString>,
    /// Read the passphrase from this open file descriptor, less one trailing newline
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

/// Where the passphrase of a new slot comes from, as arguments; the other one opens the stream.
#[derive(Debug, Args)]
pub(crate) struct NewPassphraseArgs {
    /// Add a passphrase, asked twice on the terminal
    #[arg(long)]
    new_passphrase: bool,
    /// Add the passphrase in this file, less one trailing newline
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    new_passphrase_file: Option<PathBuf>,
    /// Add the passphrase in this open file descriptor, less one trailing newline
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<u32>,
}

/// Who answers questions: a passphrase that was given, for whatever asks and as often as it does, and
/// else the terminal, once for each thing that is locked.
pub(crate) struct Questions {
    given: Option<Passphrase>,
    /// Whether anything asked for what was given.
    was_used: AtomicBool,
    /// What was typed or printed, and for which file; the stream has none.
    answers: Mutex<Vec<(Option<PathBuf>, Passphrase)>>,
    /// Held while somebody is asked: streams that are opened at the same time have one answer.
    asking: Mutex<()>,
}

impl PassphraseArgs {
    /// Whether a place other than the terminal was named.
    pub(crate) fn is_given(&self) -> bool {
        self.passphrase_file.is_some()
            || self.passphrase_command.is_some()
            || self.passphrase_fd.is_some()
    }

    /// Whether the passphrase and the data would both be read from standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.passphrase_fd == Some(0)
    }

    /// Refuses to read the passphrase where the input is read.
    pub(crate) fn refuse_stdin(&self) -> Result<(), Failure> {
        if self.reads_stdin() {
            return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
        }
        Ok(())
    }

    /// Reads the passphrase where a place was named.
    pub(crate) fn questions(&self) -> Result<Arc<Questions>, Failure> {
        match &self.passphrase_command {
            Some(line) => Ok(Questions::answering(Some(printed_by(line, "--passphrase-command")?))),
            None => Questions::given_by(
                self.passphrase_file.as_deref(),
                self.passphrase_fd,
                "--passphrase-fd",
            ),
        }
    }
}

impl NewPassphraseArgs {
    /// Whether there is to be a new passphrase.
    pub(crate) fn is_given(&self) -> bool {
        self.new_passphrase
            || self.new_passphrase_file.is_some()
            || self.new_passphrase_fd.is_some()
    }

    /// The new passphrase: read where a place was named, else asked for twice.
    pub(crate) fn ask(&self) -> Result<Passphrase, Failure> {
        let file = self.new_passphrase_file.as_deref();
        Questions::given_by(file, self.new_passphrase_fd, "--new-passphrase-fd")?
            .new_passphrase("New passphrase: ")
    }
}

/// The passphrase that a command prints.
fn printed_by(line: &OsStr, option: &str) -> Result<Passphrase, Failure> {
    let printed = key_command::output(line, option)?;
    Passphrase::from_line(&printed)
        .map_err(|error| named(&format!("the command of {option}"), &error))
}

/// The passphrase that the environment's command prints, where it names one and nothing was given.
fn printed_for_environment() -> Option<Result<Passphrase, Failure>> {
    let line = std::env::var_os(COMMAND_VARIABLE).filter(|value| !value.is_empty())?;
    Some(printed_by(&line, COMMAND_VARIABLE))
}

fn named(place: &str, error: &sv2_keys::PassphraseError) -> Failure {
    Failure::passphrase(error).about(place)
}

impl Questions {
    /// Reads the passphrase where a place is named; `option` is the one that takes a descriptor.
    fn given_by(file: Option<&Path>, fd: Option<u32>, option: &str) -> Result<Arc<Self>, Failure> {
        let given = match (file, fd) {
            (Some(path), _) if path == Path::new("-") => {
                return Err(Failure::usage("a passphrase comes from '-' by its descriptor only")
                    .hint(format!(
                        "for standard input: {option} 0; for a file of that name: ./-"
                    )));
            }
            (Some(path), _) => {
                let read = key_files::passphrase(path);
                Some(read.map_err(|error| named(&format!("'{}'", shown(path)), &error))?)
            }
            (None, Some(fd)) => {
                // The descriptor itself, from where it stands: it may be a socket, or a file of
                // which a shell has read a part.
                let opened = open_descriptor(fd).map_err(sv2_keys::PassphraseError::Read);
                let read = opened.and_then(|file| read_passphrase(&mut Waiting(file)));
                let place = format!("file descriptor {fd}");
                if let Err(PassphraseError::Read(error)) = &read
                    && is_not_open(error)
                {
                    return Err(Failure::usage(format!("{place} is not open for reading"))
                        .hint(format!("open it for this command: {option} {fd} {fd}< FILE")));
                }
                Some(read.map_err(|error| named(&place, &error))?)
            }
            (None, None) => None,
        };
        Ok(Self::answering(given))
    }

    /// Questions that only the terminal answers.
    pub(crate) fn terminal() -> Arc<Self> {
        Self::answering(None)
    }

    fn answering(given: Option<Passphrase>) -> Arc<Self> {
        Arc::new(Self {
            given,
            was_used: AtomicBool::new(false),
            answers: Mutex::default(),
            asking: Mutex::default(),
        })
    }

    /// A passphrase to seal under: what was given, what opened the unfinished stream, or what is
    /// asked for, twice.
    pub(crate) fn new_passphrase(&self, question: &str) -> Result<Passphrase, Failure> {
        let made = if let Some(given) = self.given() {
            given
        } else if let Some(answer) = self.answer(None) {
            return Ok(answer);
        } else if let Some(printed) = printed_for_environment() {
            printed?
        } else {
            typed_twice(question)?
        };
        made.check_new().map_err(|error| Failure::passphrase(&error))?;
        Ok(made)
    }

    /// Whether a passphrase was given and nobody has asked for it.
    pub(crate) fn is_unused(&self) -> bool {
        self.given.is_some() && !self.was_used.load(Ordering::Acquire)
    }

    /// Asks again from now on: what was answered does not open the next thing.
    pub(crate) fn forget(&self) {
        self.answers().clear();
    }

    /// The passphrase that was given.
    fn given(&self) -> Option<Passphrase> {
        let given = self.given.as_ref()?;
        self.was_used.store(true, Ordering::Release);
        Some(given.duplicate())
    }

    /// What was answered before for a file, or for the stream.
    fn answer(&self, file: Option<&Path>) -> Option<Passphrase> {
        let answers = self.answers();
        let known = answers.iter().find(|(known, _)| known.as_deref() == file);
        known.map(|(_, answer)| answer.duplicate())
    }

    fn answers(&self) -> MutexGuard<'_, Vec<(Option<PathBuf>, Passphrase)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prompt for Questions {
    fn passphrase(&self, purpose: PassphrasePurpose<'_>) -> Option<Passphrase> {
        let (file, question) = match purpose {
            PassphrasePurpose::IdentityFile(path) => {
                (Some(path), format!("Passphrase of the identity file '{}': ", shown(path)))
            }
            PassphrasePurpose::SshKey(path) => {
                (Some(path), format!("Passphrase of the SSH key '{}': ", shown(path)))
            }
            PassphrasePurpose::Plugin(text) => {
                // Whatever it wants is another secret each time.
                let question = format!("{}: ", printable(text));
                return Passphrase::from_line(ask(&question).ok()?.as_bytes()).ok();
            }
            _ => (None, "Passphrase: ".to_owned()),
        };
        if let Some(known) = self.given() {
            return Some(known);
        }
        let _one_at_a_time = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.answer(file) {
            return Some(known);
        }
        let answer = match printed_for_environment() {
            Some(printed) => printed.map_err(|failure| self.message(&failure.sentence)).ok()?,
            None => Passphrase::from_line(ask(&question).ok()?.as_bytes()).ok()?,
        };
        self.answers().push((file.map(Path::to_owned), answer.duplicate()));
        Some(answer)
    }

    fn message(&self, text: &str) {
        let _ = writeln!(io::stderr(), "sv2: {}", printable(text));
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let no = no.unwrap_or("cancel");
        let answer = self.text(&format!("{question} [y: {yes}, n: {no}]"))?;
        Some(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
    }

    fn text(&self, question: &str) -> Option<String> {
        answer(&format!("{}: ", printable(question)))
    }
}

/// Whether the number is that of no descriptor that can be read.
fn is_not_open(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::BADF.raw_os_error())
        || error.kind() == io::ErrorKind::NotFound
}

/// Asks for a new passphrase, and offers to make one in place of none or of a weak one.
fn typed_twice(question: &str) -> Result<Passphrase, Failure> {
    let first = ask(question).map_err(|_| no_terminal())?;
    let offer = match Passphrase::from_line(first.as_bytes()) {
        Ok(passphrase) if !passphrase.is_weak() => None,
        Ok(_) => Some("This passphrase can be guessed. Make a strong one in its place? [Y/n] "),
        Err(PassphraseError::Empty) => Some("Make a passphrase for you? [Y/n] "),
        Err(error) => return Err(Failure::passphrase(&error)),
    };
    if let Some(offer) = offer {
        let answer = answer(offer).unwrap_or_else(|| "n".into());
        if matches!(answer.trim(), "" | "y" | "Y" | "yes" | "Yes") {
            let made = Passphrase::generate().map_err(|error| Failure::passphrase(&error))?;
            // On the terminal alone: what standard error shows may be kept in a log.
            let shown = made.expose(|text| show("The new passphrase, to be written down: ", text));
            return shown.map(|()| made).map_err(|_| no_terminal());
        }
    }
    let again = ask("The same passphrase again: ").map_err(|_| no_terminal())?;
    if first != again {
        return Err(Failure::usage("the two passphrases differ").hint("run the command again"));
    }
    Passphrase::from_line(first.as_bytes()).map_err(|error| Failure::passphrase(&error))
}

fn no_terminal() -> Failure {
    Failure::usage("a passphrase is needed and there is no terminal to ask on")
        .hint("use --passphrase-file, --passphrase-command or --passphrase-fd")
}

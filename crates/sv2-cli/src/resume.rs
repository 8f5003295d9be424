//! What `--resume` adds to a command: both ends in files, and the words for a run that is cut off.

use std::path::PathBuf;

use sv2_core::{CheckpointError, CheckpointFile, ErrorKind, ResumableOutput, StreamError};

use crate::console::Console;
use crate::ends::{Aftermath, Input, Output};
use crate::exit::Exit;
use crate::failure::{Failure, chain, plain};
use crate::going_on;
use crate::invocation::operand;
use crate::names::{Names, shell_word, shown};

/// Says of a run that continues nothing what an earlier one left beside its output.
pub(crate) fn note_unfinished(output: &Output, console: &Console) {
    let Some(earlier) = output.resumable().filter(ResumableOutput::is_unfinished) else { return };
    console.note(&format!(
        "{}: an interrupted run with --resume left '{}', which this run does not use",
        output.name,
        shown(earlier.file(CheckpointFile::Output))
    ));
    console.note_hint("continue it with --resume, or remove it");
}

/// The user's folder for what a program wants to find again and nobody else needs: `sv2` in
/// `XDG_STATE_HOME`, or in `.local/state` in `HOME`; none where neither is an absolute path.
fn state_folder() -> Option<PathBuf> {
    let absolute =
        |name| Some(PathBuf::from(std::env::var_os(name)?)).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("sv2"))
}

/// A run that a later one can continue.
pub(crate) struct Resumable {
    pub(crate) output: ResumableOutput,
    /// The command line that continues it.
    command: String,
}

impl Resumable {
    /// Refuses ends that a later run could not find again.
    pub(crate) fn new(input: &Input, output: Output) -> Result<(Self, Aftermath), Failure> {
        let refused = |end: &str, next: &str| {
            Failure::usage(format!("--resume needs named files; the {end} is not one")).hint(next)
        };
        if !input.is_named_file() {
            return Err(refused("input", "give the name of the file that is to be read"));
        }
        let (mut output, aftermath) =
            output.into_resumable().ok_or_else(|| refused("output", "name a file with -o"))?;
        let words = std::env::args_os().skip(1);
        let command = words
            .fold("sv2".to_owned(), |command, word| format!("{command} {}", shell_word(&word)));
        output.state = state_folder();
        let resumable = Self { output, command };
        going_on::announce(resumable.remains());
        Ok((resumable, aftermath))
    }

    /// The sentence about a run that did not end well.
    pub(crate) fn failure(&self, error: &StreamError, names: Names<'_>) -> Failure {
        let unfinished = self.name(CheckpointFile::Output);
        match error {
            StreamError::Cancelled { .. } => {
                let sentence = format!("interrupted; {}", going_on::KEPT);
                Failure::new(Exit::Interrupted, sentence).hint(self.remains())
            }
            StreamError::Checkpoint(cause) => self.checkpoint(cause, Exit::of(error.kind())),
            StreamError::Write { offset, source } => Failure::new(
                Exit::Io,
                format!("{unfinished}: writing failed at byte {offset}: {}", plain(source)),
            )
            .hint(format!("free space, then {}", self.remains())),
            _ => {
                let mut failure = Failure::stream(error, names);
                if self.output.is_unfinished() && error.kind() != ErrorKind::Usage {
                    failure.sentence =
                        format!("{}; what was done is kept in '{unfinished}'", failure.sentence);
                    failure.hint.get_or_insert_with(|| self.remains());
                }
                failure
            }
        }
    }

    /// As [`Resumable::failure`], of an encrypt that goes on from what was left.
    pub(crate) fn continued_failure(&self, error: &StreamError, names: Names<'_>) -> Failure {
        let unfinished = self.name(CheckpointFile::Output);
        match error {
            StreamError::NoKeyFits { .. } => Failure::new(
                Exit::NoKey,
                format!(
                    "{unfinished}: none of your keys opens what was begun, and without one nothing \
                     can be continued"
                ),
            )
            .hint(
                "name the identity of a recipient with -i or SV2_IDENTITY, use -p for a \
                 passphrase, or remove the file to start over",
            ),
            StreamError::HeaderFull { needed, available } => Failure::usage(format!(
                "{unfinished}: the key slots and metadata need {needed} bytes and the header that \
                 was begun has room for {available}"
            ))
            .hint("name fewer recipients, or remove the file to start over"),
            _ => self.failure(error, names),
        }
    }

    fn checkpoint(&self, error: &CheckpointError, exit: Exit) -> Failure {
        let output = self.name(CheckpointFile::Output);
        let journal = self.name(CheckpointFile::Journal);
        let (name, advice) = match error {
            CheckpointError::File { file, source }
                if source.kind() == std::io::ErrorKind::InvalidFilename =>
            {
                (self.name(*file), "choose a shorter name for the output with -o".into())
            }
            CheckpointError::File { file, .. } => {
                (self.name(*file), "see to the file or its disk and run the command again".into())
            }
            CheckpointError::InUse => {
                (output, "wait until it has ended and run the command again".into())
            }
            CheckpointError::NotOurs { file, .. } => (
                self.name(*file),
                "it may have been planted by another user, so it was ignored; remove it to start over".into(),
            ),
            CheckpointError::Foreign { file, .. } => {
                (self.name(*file), "move it away, or remove it to start over".into())
            }
            CheckpointError::Differs { .. } => (
                output,
                "give the options of the interrupted command, or remove the file to start over"
                    .into(),
            ),
            CheckpointError::OtherStream => (
                journal.clone(),
                format!(
                    "name the stream that was interrupted, or remove '{journal}' and '{output}' \
                     to start over"
                ),
            ),
            CheckpointError::NotMarked { .. } => (
                output.clone(),
                format!(
                    "it may have been planted by another user, so it was ignored; remove it to \
                     start over: rm {}",
                    operand(self.output.file(CheckpointFile::Output).as_os_str())
                ),
            ),
            CheckpointError::Unmarkable => {
                (output, "set HOME, or name an output in a folder of your own with -o".into())
            }
            CheckpointError::Sealed => {
                let file = self.output.file(CheckpointFile::Output);
                (
                    output,
                    format!(
                        "look at it, and rename it where it is what you want: sv2 verify {}",
                        operand(file.as_os_str())
                    ),
                )
            }
            CheckpointError::Changed { .. } => (
                output.clone(),
                format!(
                    "somebody changed it, or its disk did; remove '{journal}' and '{output}' to \
                     start over"
                ),
            ),
            CheckpointError::NoLocks { file, .. } => (
                self.name(*file),
                "the file system has no locks, so name an output on a local disk with -o".into(),
            ),
            CheckpointError::Missing => (output, "run the command again, which starts it".into()),
            _ => (journal.clone(), format!("remove '{journal}' and '{output}' to start over")),
        };
        Failure::new(exit, format!("{name}: {}", chain(error))).hint(advice)
    }

    /// How a run that was cut off goes on.
    fn remains(&self) -> String {
        format!("continue with: {}", self.command)
    }

    fn name(&self, file: CheckpointFile) -> String {
        shown(self.output.file(file))
    }
}

//! Streams that are changed in place: what may be changed, what an earlier change left, and what
//! a failed one leaves.

use std::fs::{File, Metadata};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sv2_core::{ChangeOptions, FileFault, Recovery, StreamError, recover, unfinished_change};

use crate::console::Console;
use crate::ends::{Input, same_file};
use crate::exit::Exit;
use crate::failure::{Failure, chain};
use crate::invocation::operand;
use crate::names::{Name, Names, shell_word, shown};
use crate::running::OpeningArgs;
use crate::signals;
use crate::unfinished::{half_changed, remains, remains_hint};

/// A stream that is to be changed.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    /// Its name for sentences.
    pub(crate) name: Name,
    metadata: Metadata,
}

impl Target {
    /// Looks whether the stream can be changed; nothing is read of it or written to it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let name = Name::File(path.to_owned());
        let no_file =
            || Failure::usage(format!("'{name}': only a stream in a file can be changed in place"));
        if path == Path::new("-") {
            return Err(no_file());
        }
        let failed = |error| Failure::file("change", path, &error);
        let mut options = File::options();
        // A pipe is refused and not waited for; the bits of an open are a C int.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.read(true).write(true).custom_flags(flags.bits() as i32);
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(no_file());
        }
        Ok(Self { path: path.to_owned(), name, metadata })
    }

    /// Refuses an input that is the stream itself, by whatever name.
    pub(crate) fn require_other(&self, input: &Input) -> Result<(), Failure> {
        if same_file(&self.metadata, input.metadata()) {
            return Err(Failure::usage(format!(
                "'{}' is the input itself; a stream cannot be appended to itself",
                self.name
            )));
        }
        Ok(())
    }

    /// Finishes or takes back an earlier change that was cut off, and says so.
    pub(crate) fn recover(&self, console: &Console) -> Result<Recovery, Failure> {
        signals::changing(&self.path);
        let recovery = recover(&self.path).map_err(|error| self.failed(&error))?;
        if let Some(what) = told(recovery) {
            console.note(&format!("{}: an earlier change was cut off; it was {what}", self.name));
        }
        Ok(recovery)
    }

    /// Options of a change.
    pub(crate) fn options(opening: &OpeningArgs) -> ChangeOptions {
        let reading = opening.options();
        let mut options = ChangeOptions::standard();
        options.context = reading.context;
        options.expected_fingerprint = reading.expected_fingerprint;
        options
    }

    /// A change that failed, with what it left.
    pub(crate) fn failed(&self, error: &StreamError) -> Failure {
        let exit = Exit::of(error.kind());
        let name = &self.name;
        let left = || remains_hint(&self.path).unwrap_or_default();
        let (sentence, hint) = match error {
            StreamError::Cancelled { .. } => {
                (format!("interrupted; {}", remains(&self.path)), left())
            }
            StreamError::Busy => (
                format!("{name}: another program is changing the stream"),
                "run the command again when that has ended".to_owned(),
            ),
            StreamError::Write { .. } => (
                format!("{name}: {}; {}", chain(error), remains(&self.path)),
                "free space or mend the medium, and run the command again".to_owned(),
            ),
            StreamError::Sidecar(source) if fault(source).is_some() => {
                let sidecar = unfinished_change(&self.path).unwrap_or_default();
                (
                    format!(
                        "{name}: '{}' {}: it may have been planted by another user, so it was \
                         ignored",
                        shown(&sidecar),
                        chain(source)
                    ),
                    format!(
                        "if no change of yours was cut off, remove it and run the command again: \
                         rm {}",
                        operand(sidecar.as_os_str())
                    ),
                )
            }
            StreamError::Sidecar(source) => (
                format!(
                    "{name}: a file beside the stream that makes the change safe cannot be used: \
                     {}",
                    chain(source)
                ),
                "check the permissions and the free space of its folder".to_owned(),
            ),
            StreamError::UnfinishedChange { source: Some(_), .. } => {
                (format!("{name}: {}; {}", chain(error), remains(&self.path)), left())
            }
            StreamError::UnfinishedChange { what, source: None } => {
                let sidecar = unfinished_change(&self.path).unwrap_or_default();
                (
                    format!(
                        "{name}: an earlier change is unfinished, but {what}; nothing was written"
                    ),
                    format!(
                        "keep copies of both, move '{}' away and check the stream: sv2 verify {}",
                        shown(&sidecar),
                        operand(self.path.as_os_str())
                    ),
                )
            }
            StreamError::HeaderFull { needed, .. } => {
                (format!("{name}: {error}, and a header cannot grow"), larger(&self.path, *needed))
            }
            StreamError::Usage(_) => (format!("{name}: {error}"), String::new()),
            _ => return Failure::stream(error, Names { input: name, output: name }),
        };
        Failure::new(exit, sentence).hint(hint)
    }
}

/// What makes a sidecar unfit to be believed, where that is why it was not used.
fn fault(error: &std::io::Error) -> Option<&FileFault> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// What became of an earlier change, in words; `None` where there was none.
pub(crate) fn told(recovery: Recovery) -> Option<&'static str> {
    match recovery {
        Recovery::Nothing => None,
        Recovery::Discarded => Some("dropped, since it had not begun"),
        Recovery::Finished => Some("finished"),
        Recovery::TakenBack => Some("taken back"),
    }
}

/// How a stream gets a header with room for sections of `needed` bytes.
fn larger(path: &Path, needed: u64) -> String {
    // What the header needs besides, and as much again for who comes next.
    let size = (needed + 136).next_multiple_of(1024) + 1024;
    if size > 64 << 10 {
        return "no header is large enough, so remove slots first".to_owned();
    }
    let size = size >> 10;
    let name = shell_word(path.as_os_str());
    format!(
        "write the stream again, with all of its recipients: sv2 decrypt {name} -o - | sv2 encrypt \
         --header-size {size}K -o NEW -r ..."
    )
}

/// Says of a stream that was read without complaint that a change of it is not finished.
pub(crate) fn note_half_changed(input: &Name, console: &Console) {
    if let Some(half) = half_changed(input) {
        console.note(&format!("{input}: {}", half.what));
        console.note_hint(&half.way_out);
    }
}

//! Streams that are changed in place: what may be changed, what an earlier change left, and what
//! a failed one leaves.

use std::fs::{File, Metadata};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sv2_core::{ChangeOptions, Recovery, StreamError, unfinished_change};

use crate::console::Console;
use crate::ends::{Input, same_file};
use crate::exit::Exit;
use crate::failure::{Failure, chain, plain};
use crate::invocation::operand;
use crate::names::{Name, Names, shown};
use crate::running::OpeningArgs;
use crate::signals;
use crate::trailing;
use crate::unfinished::{
    half_changed, refused_way_out, remains, remains_hint, untrusted, untrusted_way_out,
};

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

    /// Options of a change, which says what became of an earlier one that was cut off.
    pub(crate) fn options(
        &self,
        opening: &OpeningArgs,
        console: &Console,
    ) -> (ChangeOptions, Settled) {
        signals::changing(&self.path);
        let reading = opening.options();
        let mut options = ChangeOptions::standard();
        options.context = reading.context;
        options.expected_fingerprint = reading.expected_fingerprint;
        let (settled, name, console) = (Settled::default(), self.name.clone(), *console);
        let seen = Settled(Arc::clone(&settled.0));
        options.recovered = Some(Arc::new(move |recovery| {
            if let Some(what) = told(recovery) {
                console.note(&format!("{name}: an earlier change was cut off; it was {what}"));
            }
            *seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(recovery);
        }));
        (options, settled)
    }

    /// A change that failed, with what it left.
    pub(crate) fn failed(&self, error: &StreamError) -> Failure {
        if let Some(failure) = trailing::in_the_way(&self.name, &self.path, error) {
            return failure;
        }
        let exit = Exit::of(error.kind());
        let name = &self.name;
        let left = || remains_hint(&self.path).unwrap_or_default();
        let (sentence, hint) = match error {
            StreamError::Cancelled { .. } => {
                (format!("interrupted; {}", remains(&self.path)), left())
            }
            StreamError::Busy => (
                format!(
                    "{name}: another program is changing the stream, or holds a lock on it; reading \
                     is possible all the same"
                ),
                format!(
                    "run the command again when that has ended; who it is: fuser -v {}",
                    operand(self.path.as_os_str())
                ),
            ),
            StreamError::Write { .. } => (
                format!("{name}: {}; {}", chain(error), remains(&self.path)),
                "free space or mend the medium, and run the command again".to_owned(),
            ),
            StreamError::ChangeRecord(source) if untrusted(source).is_some() => {
                let record = unfinished_change(&self.path).unwrap_or_default();
                (
                    format!(
                        "{name}: '{}' {}: it may have been planted by another user, so it was \
                         ignored",
                        shown(&record),
                        chain(source)
                    ),
                    untrusted_way_out(&record),
                )
            }
            StreamError::ChangeRecord(source)
                if source.kind() == std::io::ErrorKind::InvalidFilename =>
            {
                let what =
                    "its name leaves no room for the file beside it that makes a change safe";
                (format!("{name}: {what}"), "give the stream a shorter name".to_owned())
            }
            StreamError::ChangeRecord(source) => (
                format!(
                    "{name}: a file beside the stream that makes the change safe cannot be used: \
                     {}",
                    chain(source)
                ),
                "check the permissions and the free space of its folder".to_owned(),
            ),
            StreamError::UnfinishedChange { .. } => {
                (format!("{name}: {}; {}", chain(error), remains(&self.path)), left())
            }
            StreamError::RefusedChange(fault) => {
                let record = unfinished_change(&self.path).unwrap_or_default();
                let hint = refused_way_out(&self.path, &record, *fault);
                let sentence = format!(
                    "{name}: '{}' lies beside the stream and was not used: {fault}; nothing was \
                     written",
                    shown(&record)
                );
                (sentence, hint)
            }
            StreamError::NoLocks(source) => (
                format!(
                    "{name}: the file system has no locks, so two programs could change the \
                     stream at once: {}",
                    plain(source)
                ),
                "change a copy on a local disk, and put it back when that is done".to_owned(),
            ),
            StreamError::HeaderFull { needed, .. } => {
                (format!("{name}: {error}, and a header cannot grow"), larger(&self.path, *needed))
            }
            StreamError::Usage(_) => (format!("{name}: {error}"), String::new()),
            _ => return Failure::stream(error, Names { input: name, output: name }),
        };
        Failure::new(exit, sentence).hint(hint)
    }
}

/// What became of an earlier change, once the next one ran.
#[derive(Default)]
pub(crate) struct Settled(Arc<Mutex<Option<Recovery>>>);

impl Settled {
    /// In words; `None` where there was no earlier change.
    pub(crate) fn told(&self) -> Option<&'static str> {
        (*self.0.lock().unwrap_or_else(PoisonError::into_inner)).and_then(told)
    }
}

/// What became of an earlier change, in words; `None` where there was none.
fn told(recovery: Recovery) -> Option<&'static str> {
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
    let name = operand(path.as_os_str());
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

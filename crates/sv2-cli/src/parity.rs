//! Parity files: found beside what they protect, told of, and kept true when a stream is changed.

mod kept;
mod words;

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sv2_core::{
    Cancellation, Existing, FileFault, NamedOutput, StreamError, name_beside, open_beside,
    unfinished_change,
};
use sv2_parity::{ParityError, Protected, Request, SUFFIX, Sidecar, Spread, Work, protect};

pub(crate) use self::kept::Kept;
pub(crate) use self::words::{failure, finding, promise, wrong};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, already_exists};
use crate::names::{Name, Names, shown};
use crate::progress::Display;
use crate::unfinished::half_changed;

/// A parity file that lies beside a file, and that only who may write to the file can have made.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    file: File,
}

impl Found {
    /// Looks beside `file`, which was opened by the name `path`; none where there is none.
    pub(crate) fn beside(file: &File, path: &Path) -> Result<Option<Self>, Failure> {
        let parity = parity_path(path)?;
        match open_beside(&parity, file) {
            Ok(opened) => Ok(Some(Self { path: parity, file: opened })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<FileFault>());
                Err(match fault {
                    Some(fault) => Failure::usage(format!(
                        "'{}' {fault}: it may have been planted by another user, so it is not used",
                        shown(&parity)
                    ))
                    .hint(wrong::anew(path)),
                    None => Failure::file("open", &parity, &error),
                })
            }
        }
    }

    /// Its directory, judged.
    pub(crate) fn open(&self, of: &Name) -> Result<Sidecar<'_>, Failure> {
        Sidecar::open(&self.file).map_err(|error| failure(&error, of, &self.path))
    }
}

/// Where the parity file of a file is.
pub(crate) fn parity_path(path: &Path) -> Result<PathBuf, Failure> {
    name_beside(path, SUFFIX).map_err(|error| Failure::file("open", path, &error))
}

/// Opens a regular file by name for reading; none where it is something else, which is not waited
/// for.
pub(crate) fn open_plain(path: &Path) -> io::Result<Option<File>> {
    let file = unwaited(&mut File::options(), path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Opens without waiting for a pipe's other end.
fn unwaited(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // The bits of an open are a C int.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    options.read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Opens a regular file by name, which no change is under way of.
pub(crate) fn open_settled(path: &Path, write: bool) -> Result<File, Failure> {
    let name = Name::File(path.to_owned());
    let failed = |error| Failure::file("open", path, &error);
    let file = unwaited(File::options().write(write), path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::usage(format!("'{name}' is no regular file")));
    }
    let locked = if write { file.try_lock() } else { file.try_lock_shared() };
    if let Err(error) = locked {
        return Err(match error {
            std::fs::TryLockError::WouldBlock => {
                Failure::new(Exit::Io, format!("{name}: another program is changing the file"))
                    .hint("run the command again when that has ended")
            }
            std::fs::TryLockError::Error(error) => failed(error),
        });
    }
    if unfinished_change(path).is_some()
        && let Some(half) = half_changed(&name)
    {
        return Err(
            Failure::new(Exit::Mismatch, format!("{name}: {}", half.what)).hint(half.way_out)
        );
    }
    Ok(file)
}

/// Work that is shown and can be interrupted.
pub(crate) struct Watch<'w> {
    display: Display,
    cancel: &'w Cancellation,
    threads: NonZeroUsize,
    total: u64,
    done: AtomicU64,
}

impl<'w> Watch<'w> {
    pub(crate) fn new(
        console: &Console,
        cancel: &'w Cancellation,
        threads: NonZeroUsize,
        total: u64,
    ) -> Self {
        Self { display: Display::new(console), cancel, threads, total, done: AtomicU64::new(0) }
    }

    /// Runs `call`, which is told of interrupts.
    pub(crate) fn run<T>(&self, call: impl FnOnce(&Work<'_>) -> T) -> T {
        let observer = |bytes: u64| {
            let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            self.display.advance(done.min(self.total), self.total);
            if self.cancel.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        call(&Work { threads: self.threads, observer: &observer })
    }
}

/// Reads a share of parity such as `5%` or `0.5`, in parts of 10,000.
pub(crate) fn parse_share(text: &str) -> Result<u16, String> {
    let wrong = || "a share of parity is from 0.1% to 100%, such as 5% or 0.5%".to_owned();
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 2 || !is_number(whole) || !is_number(part) {
        return Err(wrong());
    }
    let hundredths: u32 = format!("{part:0<2}").parse().map_err(|_| wrong())?;
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let share = whole.checked_mul(100).and_then(|whole| whole.checked_add(hundredths));
    let share = share.and_then(|share| u16::try_from(share).ok()).ok_or_else(wrong)?;
    Request::new(share, Spread::Runs).map(|_| share).map_err(|_| wrong())
}

/// Makes the parity file of a file and gives it its name.
pub(crate) fn make(
    path: &Path,
    request: Request,
    existing: Existing,
    (threads, cancel): (NonZeroUsize, &Cancellation),
    console: &Console,
) -> Result<(PathBuf, Protected), Failure> {
    let name = Name::File(path.to_owned());
    let file = open_settled(path, false)?;
    let parity = parity_path(path)?;
    let metadata = file.metadata().map_err(|error| Failure::file("read", path, &error))?;
    let output = Name::File(parity.clone());
    let told = |error: StreamError| match error {
        StreamError::OutputExists => {
            let mut failure = already_exists(&output, "-o");
            failure.hint = Some(wrong::anew(path));
            failure
        }
        error => Failure::stream(&error, Names { input: &name, output: &output }),
    };
    // Who may not read the file may not read its parity.
    let target = NamedOutput::create(&parity, existing, metadata.mode()).map_err(told)?;
    let watch = Watch::new(console, cancel, threads, metadata.len());
    let done = watch.run(|work| protect(&file, target.file(), request, work));
    drop(watch);
    let done = done.map_err(|error| failure(&error, &name, &parity))?;
    target.finish(cancel).map_err(told)?;
    Ok((parity, done))
}

/// As [`make`], for an output that was just written, told in a note.
pub(crate) fn make_for_output(
    output: &Name,
    share: u16,
    threads: NonZeroUsize,
    cancel: &Cancellation,
    console: &Console,
) -> Result<(), Failure> {
    let Some(path) = output.path() else { return Ok(()) };
    let request =
        Request::new(share, Spread::Runs).map_err(|error| Failure::usage(error.to_string()))?;
    // It is the parity of what this command replaced, or of nothing.
    let (parity, done) = make(path, request, Existing::Replace, (threads, cancel), console)?;
    console.note(&format!("{}: {}", shown(&parity), promise(&done.directory.areas)));
    Ok(())
}

/// Whether the stream of this name has a parity file that is its own.
pub(crate) fn has_parity(path: &Path) -> Result<bool, Failure> {
    let file = open_settled(path, false)?;
    let Some(found) = Found::beside(&file, path)? else { return Ok(false) };
    let name = Name::File(path.to_owned());
    Ok(found.open(&name).is_ok_and(|sidecar| names(&sidecar, &file).unwrap_or(false)))
}

/// Whether a file is what a parity file of something else than a stream protects.
pub(crate) fn is_of_no_stream(sidecar: &Sidecar<'_>) -> bool {
    matches!(sidecar.directory().identity, sv2_parity::Identity::Other)
}

/// Whether the file is the stream of this parity file, as it is now.
pub(crate) fn names(sidecar: &Sidecar<'_>, file: &File) -> Result<bool, ParityError> {
    let trailer = sv2_parity::identify(file)?;
    Ok(match (&sidecar.directory().identity, trailer) {
        (sv2_parity::Identity::Stream { trailer }, Some(found)) => *trailer == found,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percents_with_two_places() {
        for (text, share) in [
            ("5%", 500),
            ("5", 500),
            ("0.1%", 10),
            ("12.34%", 1234),
            ("100%", 10_000),
            ("1.5", 150),
        ] {
            assert_eq!(parse_share(text), Ok(share), "{text}");
        }
        for bad in
            ["", "%", "0", "0.05%", "100.01%", "101", "5.001%", "-1", ".5", "5%%", "99999999"]
        {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
    }
}

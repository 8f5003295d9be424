//! The folder of parts: names of parts and receipts, which parts are meant, and work on all of them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};
use sv2_core::parts::{Coordinator, PartsJob, PartsPlan};
use sv2_core::{Cancellation, StreamError};

use super::told;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::names::{Name, shown};
use crate::parity::open_plain;
use crate::progress::Display;

/// What the names of receipts end with.
const RECEIPT: &str = ".receipt";

/// The name of a part.
pub(super) fn part_path(folder: &Path, part: u32) -> PathBuf {
    folder.join(format!("part-{part:05}"))
}

/// The name of the receipt of one attempt at a part, which its bytes tell from all others.
pub(super) fn receipt_path(folder: &Path, part: u32, crc: u64) -> PathBuf {
    folder.join(format!("part-{part:05}.{crc:016x}{RECEIPT}"))
}

/// The receipts in a folder, in order of their names, of which each was judged before the next one
/// is read.
pub(super) fn receipts(
    folder: &Path,
    coordinator: &Coordinator,
    plan: &Path,
) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |error| Failure::file("read", folder, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.as_os_str().to_string_lossy().ends_with(RECEIPT) {
            paths.push(path);
        }
    }
    paths.sort();
    let most = coordinator.max_receipt_len();
    let read = |path: &PathBuf| {
        let failed = |error| Failure::file("read", path, &error);
        let file = open_stored(path)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))?;
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
        let judged = coordinator.judge_receipt(&bytes);
        judged.map_err(|error| told::receipt(error, plan, path))?;
        Ok(bytes)
    };
    paths.iter().map(read).collect()
}

/// A job: a plan with its locked key.
pub(super) fn read_job(path: &Path) -> Result<PartsJob, Failure> {
    let failed = |error| Failure::file("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(PartsJob::MAX_LEN + 1).read_to_end(&mut bytes).map_err(failed)?;
    PartsJob::decode(&bytes).map_err(|error| told::parts(error, path))
}

/// Some parts of a plan, as `3`, `3-5` or `3,7-9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts(Ranges);

/// First and last numbers of parts in a row.
type Ranges = Vec<(u32, u32)>;

impl Parts {
    /// Reads them from an argument.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "parts are numbers from 1, such as 3, 3-5 or 3,7-9".to_owned();
        let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
        let one = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some((first, last))
        };
        let ranges = text.split(',').map(one).collect::<Option<Vec<_>>>();
        ranges.map(Self).ok_or_else(wrong)
    }

    /// Those that are meant, each once; all where none were named.
    pub(super) fn of(
        parts: Option<&Self>,
        plan: &PartsPlan,
        path: &Path,
    ) -> Result<Vec<u32>, Failure> {
        let ranges = Self::ranges(parts, plan, path)?;
        Ok(ranges.into_iter().flat_map(|(first, last)| first..=last).collect())
    }

    /// The same as ranges that are in order and apart.
    fn ranges(parts: Option<&Self>, plan: &PartsPlan, path: &Path) -> Result<Ranges, Failure> {
        let Some(Self(ranges)) = parts else { return Ok(vec![(1, plan.parts())]) };
        let mut ranges = ranges.clone();
        ranges.sort_unstable();
        let mut apart = Ranges::new();
        for (first, last) in ranges {
            plan.part(last).map_err(|error| told::parts(error, path))?;
            match apart.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => apart.push((first, last)),
            }
        }
        Ok(apart)
    }
}

/// The parts of one call, which are shown, run on some threads and end at an interrupt.
pub(super) struct Tasks<'t> {
    parts: &'t [u32],
    threads: NonZeroUsize,
    cancel: &'t Cancellation,
    display: Display,
    done: AtomicU64,
    /// Bytes of plaintext of all parts.
    pub(super) total: u64,
}

impl<'t> Tasks<'t> {
    /// What is done for `parts` of `plan`.
    pub(super) fn new(
        (plan, parts): (&PartsPlan, &'t [u32]),
        threads: NonZeroUsize,
        cancel: &'t Cancellation,
        console: &Console,
    ) -> Self {
        let specs = parts.iter().filter_map(|part| plan.part(*part).ok());
        let total = specs.map(|spec| spec.plaintext.end - spec.plaintext.start).sum();
        let (display, done) = (Display::new(console), AtomicU64::new(0));
        Self { parts, threads, cancel, display, done, total }
    }

    /// Takes note of bytes of plaintext that were done, and says whether to go on.
    pub(super) fn advance(&self, len: u64) -> Result<(), StreamError> {
        let done = self.done.fetch_add(len, Ordering::Relaxed) + len;
        self.display.advance(done, self.total);
        match self.cancel.is_cancelled() {
            true => Err(StreamError::Cancelled { segment: 0 }),
            false => Ok(()),
        }
    }

    /// Does `work` for each part; the failure of the first part that failed, or an interrupt.
    pub(super) fn run(
        &self,
        work: impl Fn(u32) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        // Any other failure says more than an interrupt.
        let rank = |part: u32, failure: &Failure| (failure.exit == Exit::Interrupted, part);
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None::<(u32, Failure)>));
        let lock = || failed.lock().unwrap_or_else(PoisonError::into_inner);
        let body = || {
            while let Some(&part) = self.parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                if lock().is_some() {
                    return;
                }
                let done = match self.cancel.is_cancelled() {
                    true => Err(Failure::interrupted()),
                    false => work(part),
                };
                if let Err(failure) = done {
                    let mut failed = lock();
                    let is_first = |(first, other): &(u32, Failure)| {
                        rank(part, &failure) < rank(*first, other)
                    };
                    if failed.as_ref().is_none_or(is_first) {
                        *failed = Some((part, failure));
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.get().min(self.parts.len()) {
                // Where the system has no thread left, those that there are do the work.
                let _ = thread::Builder::new().spawn_scoped(scope, body);
            }
            body();
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            // What is left is that of the whole command, and not of one part.
            Some((_, failure)) if failure.exit == Exit::Interrupted => Err(Failure::interrupted()),
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }
}

/// What a command that worked on parts says to machines.
pub(super) fn report(
    command: &str,
    (input, output): (&Path, &Path),
    parts: &[u32],
    plaintext_bytes: u64,
) -> Value {
    json!({
        "command": command,
        "input": Name::File(input.to_owned()).for_machines(),
        "output": Name::File(output.to_owned()).for_machines(),
        "parts": parts,
        "plaintext_bytes": plaintext_bytes,
    })
}

/// Opens a part or a receipt that is stored; none where it is not there. What is no regular file is
/// not waited for.
pub(super) fn open_stored(path: &Path) -> Result<Option<File>, Failure> {
    match open_plain(path) {
        Ok(Some(file)) => Ok(Some(file)),
        Ok(None) => Err(Failure::usage(format!("'{}' is no regular file", shown(path)))
            .hint(format!("remove it: rm {}", operand(path.as_os_str())))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file("read", path, &error)),
    }
}

/// The parts that are in a folder, and the ranges of those that are not: as many as files, whatever
/// a plan claims.
pub(super) fn present(
    folder: &Path,
    plan: &PartsPlan,
    wanted: Option<&Parts>,
    path: &Path,
) -> Result<(Vec<u32>, Ranges), Failure> {
    let ranges = Parts::ranges(wanted, plan, path)?;
    let failed = |error| Failure::file("read", folder, &error);
    let mut present = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("part-")?.parse().ok());
        present.extend(number.filter(|part| part_path(folder, *part).file_name() == Some(&name)));
    }
    present.sort_unstable();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (first, last) in ranges {
        let mut next = first;
        let from = present.partition_point(|part| *part < first);
        for &part in present[from..].iter().take_while(|part| **part <= last) {
            if next < part {
                missing.push((next, part - 1));
            }
            found.push(part);
            // At most one beyond the last part, of which there are fewer than 2^32.
            next = part.saturating_add(1);
        }
        if found.last() != Some(&last) {
            missing.push((next, last));
        }
    }
    Ok((found, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_numbers_and_ranges() {
        assert_eq!(Parts::parse("3"), Ok(Parts(vec![(3, 3)])));
        assert_eq!(Parts::parse("3,7-9"), Ok(Parts(vec![(3, 3), (7, 9)])));
        for bad in ["", "0", "3-", "-3", "5-3", "1,,2", "a", "1-2-3", "4294967296"] {
            assert!(Parts::parse(bad).is_err(), "{bad}");
        }
    }
}

//! The folder of parts: names of parts and receipts, and which parts are meant.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_core::parts::PartsPlan;

use super::told;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::shown;

/// What the names of receipts end with.
const RECEIPT: &str = ".receipt";

/// The largest plan that is read: a header, and a tag of the source.
const MAX_PLAN: u64 = 1 << 18;

/// The largest receipt that is read: entries of a million segments.
const MAX_RECEIPT: u64 = 64 << 20;

/// The name of a part.
pub(super) fn part_path(folder: &Path, part: u32) -> PathBuf {
    folder.join(format!("part-{part:05}"))
}

/// The name of the receipt of one attempt at a part, which its bytes tell from all others.
pub(super) fn receipt_path(folder: &Path, part: u32, crc: u64) -> PathBuf {
    folder.join(format!("part-{part:05}.{crc:016x}{RECEIPT}"))
}

/// All receipts in a folder, in order of their names.
pub(super) fn receipts(folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |error| Failure::file("read", folder, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.as_os_str().to_string_lossy().ends_with(RECEIPT) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let failed = |error| Failure::file("read", path, &error);
        let (file, mut bytes) = (File::open(path).map_err(failed)?, Vec::new());
        std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_RECEIPT + 1), &mut bytes)
            .map_err(failed)?;
        match bytes.len() as u64 > MAX_RECEIPT {
            true => {
                let sentence = format!("'{}' is longer than any receipt", shown(path));
                Err(Failure::new(Exit::Mismatch, sentence).hint("remove it and seal the part anew"))
            }
            false => Ok(bytes),
        }
    };
    paths.iter().map(read).collect()
}

/// The bytes of a plan.
pub(super) fn read_plan(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_PLAN), &mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// Some parts of a plan, as `3`, `3-5` or `3,7-9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts(Vec<(u32, u32)>);

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
        let Some(Self(ranges)) = parts else { return Ok((1..=plan.parts()).collect()) };
        let mut numbers = Vec::new();
        for &(first, last) in ranges {
            plan.part(last).map_err(|error| told::parts(error, path))?;
            numbers.extend(first..=last);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }
}

/// Does `work` for each part, on some threads; the failure of the first part that failed.
pub(super) fn each(
    parts: &[u32],
    threads: std::num::NonZeroUsize,
    work: impl Fn(u32) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None::<(u32, Failure)>));
    let lock = || failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let body = || {
        while let Some(&part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if lock().is_some() {
                return;
            }
            if let Err(failure) = work(part) {
                let mut failed = lock();
                if failed.as_ref().is_none_or(|(first, _)| part < *first) {
                    *failed = Some((part, failure));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.get().min(parts.len()) {
            // Where the system has no thread left, those that there are do the work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, body);
        }
        body();
    });
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, failure)) => Err(failure),
        None => Ok(()),
    }
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

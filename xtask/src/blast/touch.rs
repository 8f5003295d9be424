//! Touching a file, and reading from the compiler's own notes what was compiled because of it.

use crate::report::{Failure, Outcome};
use crate::workspace;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The files of ours that were compiled, and how long everything took.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Relative to the project's root.
    files: BTreeSet<String>,
    pub(super) time: Duration,
}

impl Compiled {
    pub(super) fn new(files: impl IntoIterator<Item = String>) -> Self {
        Self { files: files.into_iter().collect(), time: Duration::ZERO }
    }

    /// Files of libraries and programs.
    pub(super) fn sources(&self) -> usize {
        self.files.len() - self.tests()
    }

    /// Files of tests that stand outside of the libraries.
    pub(super) fn tests(&self) -> usize {
        self.files.iter().filter(|file| file.contains("/tests/")).count()
    }
}

/// Runs `run` after a touch of `file`, and gives that file its old time back.
pub(super) fn around(file: &str, run: impl FnOnce() -> Outcome<()>) -> Outcome<Compiled> {
    let path = workspace::root().join(file);
    let old = fs::metadata(&path)?.modified()?;
    let touched = SystemTime::now();
    set_time(&path, touched)?;
    let begun = Instant::now();
    let outcome = run();
    let time = begun.elapsed();
    set_time(&path, old)?;
    outcome?;
    let mut compiled = Compiled::new(compiled_since(&notes_folder(), touched)?);
    compiled.time = time;
    Ok(compiled)
}

fn set_time(path: &Path, time: SystemTime) -> Outcome<()> {
    let named = |error| Failure::new(format!("{}: {error}", path.display()));
    let file = File::options().append(true).open(path).map_err(named)?;
    file.set_modified(time).map_err(named)
}

/// Where the compiler writes what each of its calls read.
fn notes_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from("target"));
    workspace::root().join(target).join("debug/deps")
}

/// Rust files of ours in all notes that are not older than `since`.
fn compiled_since(folder: &Path, since: SystemTime) -> Outcome<BTreeSet<String>> {
    let root = workspace::root();
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_note = path.extension().is_some_and(|extension| extension == "d");
        if is_note && fs::metadata(&path)?.modified()? >= since {
            files.extend(sources_in(&fs::read_to_string(&path)?, &root));
        }
    }
    Ok(files)
}

/// The files of a note: each has a line of its own that ends in a colon and makes it depend on nothing.
fn sources_in(note: &str, root: &Path) -> Vec<String> {
    let ours = |line: &str| {
        let path = Path::new(line.strip_suffix(':')?);
        let path = path.strip_prefix(root).unwrap_or(path);
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        (path.is_relative() && is_rust).then(|| path.to_string_lossy().into_owned())
    };
    note.lines().filter_map(ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "\
/t/debug/deps/a-1.d: crates/a/src/lib.rs crates/a/src/b.rs

crates/a/src/lib.rs:
/w/crates/a/src/b.rs:
/w/crates/a/tests/it/main.rs:
crates/a/README.md:
/elsewhere/c/src/lib.rs:

# env-dep:CARGO_PKG_NAME
";

    #[test]
    fn files_of_ours_are_found_in_a_note_and_others_are_not() {
        let compiled = Compiled::new(sources_in(NOTE, Path::new("/w")));
        let files: Vec<&str> = compiled.files.iter().map(String::as_str).collect();
        let expected = ["crates/a/src/b.rs", "crates/a/src/lib.rs", "crates/a/tests/it/main.rs"];
        assert_eq!(files, expected);
        assert_eq!((compiled.sources(), compiled.tests()), (2, 1));
    }

    #[test]
    fn notes_that_are_older_do_not_count() {
        let folder = std::env::temp_dir().join(format!("sv2-xtask-notes-{}", std::process::id()));
        let now = SystemTime::now();
        let past = now - Duration::from_secs(60);
        let read = (|| -> Outcome<(usize, usize)> {
            fs::create_dir_all(&folder)?;
            for (name, time) in [("old.d", past), ("new.d", now), ("new.rlib", now)] {
                fs::write(folder.join(name), format!("crates/a/src/{name}.rs:\n"))?;
                set_time(&folder.join(name), time)?;
            }
            Ok((compiled_since(&folder, now)?.len(), compiled_since(&folder, past)?.len()))
        })();
        let _ = fs::remove_dir_all(&folder);
        assert!(matches!(read, Ok((1, 2))), "{read:?}");
    }
}

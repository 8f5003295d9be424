//! The conformance vectors of `docs/conformance`: written anew, or compared with what is there.
//!
//! They are made by an example of `sv2-testkit`, from the reference implementation alone.

use crate::report::{Failure, Finding, Outcome, settle};
use crate::{shell, workspace};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the vectors are committed.
const COMMITTED: &str = "docs/conformance";
/// The most that the committed forms may take, in bytes.
const MOST: u64 = 6 << 20;
/// What stands beside the vectors and is not made by the generator.
const BESIDE: &str = "LICENSE";

/// Writes the vectors, or with `--check` compares them.
pub(crate) fn run(args: &[String]) -> Outcome {
    match args {
        [] => write(),
        [arg] if arg == "--check" => check(),
        _ => Err(Failure::new("usage: cargo xtask vectors [--check]")),
    }
}

/// Fails where the committed vectors are not those that the reference makes.
pub(crate) fn check() -> Outcome {
    let made = make()?;
    let committed = workspace::root().join(COMMITTED);
    let findings = differences(&made, &committed)?;
    let count = files(&made.join("vectors"))?.len();
    settle(findings, format!("{count} vectors are as the reference makes them"))
}

/// Runs the generator, with its own crate optimised: it seals some hundred thousand segments.
pub(crate) fn generate(what: &str, folder: &Path) -> Outcome<()> {
    let folder = folder.to_string_lossy();
    let args = [
        "run",
        "--quiet",
        "--config",
        "profile.dev.package.sv2-testkit.opt-level=2",
        "--package",
        "sv2-testkit",
        "--example",
        "vectors",
        "--",
        what,
        &folder,
    ];
    shell::run(shell::cargo(&args))
}

fn write() -> Outcome {
    let made = make()?;
    let committed = workspace::root().join(COMMITTED);
    for name in files(&committed.join("vectors"))? {
        if name != BESIDE {
            fs::remove_file(committed.join("vectors").join(name))?;
        }
    }
    fs::create_dir_all(committed.join("vectors"))?;
    let names = files(&made.join("vectors"))?;
    for name in names.iter().map(|name| Path::new("vectors").join(name)) {
        fs::copy(made.join(&name), committed.join(&name))?;
    }
    fs::copy(made.join("vectors.json"), committed.join("vectors.json"))?;
    Ok(format!("{} vectors in {COMMITTED}", names.len()))
}

/// Makes all vectors in a folder that holds nothing else.
fn make() -> Outcome<PathBuf> {
    let made = workspace::root().join("target/vectors");
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    generate("files", &made)?;
    Ok(made)
}

/// Files that differ, that lack, that are there without being made, and too much of all.
fn differences(made: &Path, committed: &Path) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut names: BTreeSet<PathBuf> = BTreeSet::from([PathBuf::from("vectors.json")]);
    for folder in [made, committed] {
        let in_folder = files(&folder.join("vectors"))?;
        names.extend(in_folder.iter().map(|name| Path::new("vectors").join(name)));
    }
    let mut total = 0;
    for name in names.iter().filter(|name| !name.ends_with(BESIDE)) {
        let place = format!("{COMMITTED}/{}", name.display());
        let read = |folder: &Path| fs::read(folder.join(name)).ok();
        let message = match (read(made), read(committed)) {
            (Some(new), Some(old)) => {
                total += old.len() as u64;
                if new == old {
                    continue;
                }
                "is not what the reference makes; see cargo xtask vectors"
            }
            (Some(_), None) => "is missing; see cargo xtask vectors",
            (None, _) => "is not made by any vector",
        };
        findings.push(Finding::new(&place, 0, message));
    }
    if total > MOST {
        findings.push(Finding::new(COMMITTED, 0, format!("holds {total} bytes of vectors")));
    }
    Ok(findings)
}

/// The names of the files in a folder, in order; none where there is no folder.
fn files(folder: &Path) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    if !folder.is_dir() {
        return Ok(names);
    }
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of vectors below the target folder, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Outcome<Folder> {
            let folder = workspace::root().join("target/xtask-test-vectors").join(name);
            fs::create_dir_all(folder.join("vectors"))?;
            for (file, text) in files {
                fs::write(folder.join(file), text)?;
            }
            Ok(Folder(folder))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn changed_missing_and_stray_vectors_are_found_and_the_licence_is_left_alone() -> Outcome<()> {
        let made =
            Folder::new("made", &[("vectors.json", "{}"), ("vectors/a", "1"), ("vectors/b", "2")])?;
        let committed = Folder::new(
            "committed",
            &[
                ("vectors.json", "{}"),
                ("vectors/a", "x"),
                ("vectors/c", "3"),
                ("vectors/LICENSE", "y"),
            ],
        )?;
        let found = differences(&made.0, &committed.0)?;
        let places: Vec<&str> = found.iter().map(|finding| finding.place.as_str()).collect();
        let expected = ["vectors/a", "vectors/b", "vectors/c"];
        assert_eq!(places, expected.map(|name| format!("{COMMITTED}/{name}")));
        assert!(differences(&made.0, &made.0)?.is_empty());
        Ok(())
    }
}

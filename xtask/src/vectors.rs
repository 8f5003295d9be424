//! The conformance vectors of `docs/conformance`: written anew, or compared with what is there.
//!
//! They are made by an example of `sv2-testkit`, from the reference implementation alone.

use crate::report::{Failure, Finding, Outcome, settle};
use crate::{shell, workspace};
use std::fs;
use std::path::Path;

/// The committed vectors.
const COMMITTED: &str = "docs/conformance/vectors.json";
/// The most that they may take, in bytes.
const MOST: usize = 5 << 20;

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
    let (made, committed) = (make()?, fs::read(workspace::root().join(COMMITTED))?);
    settle(findings(&made, &committed), format!("{} as the reference makes them", count(&made)))
}

/// Runs the generator.
pub(crate) fn generate(what: &str, folder: &Path) -> Outcome<()> {
    let folder = folder.to_string_lossy();
    let args =
        ["run", "--quiet", "--package", "sv2-testkit", "--example", "vectors", "--", what, &folder];
    shell::run(shell::cargo(&args))
}

fn write() -> Outcome {
    let made = make()?;
    fs::write(workspace::root().join(COMMITTED), &made)?;
    Ok(format!("{} in {COMMITTED}", count(&made)))
}

/// Makes all vectors, in a folder that holds nothing else.
fn make() -> Outcome<Vec<u8>> {
    let folder = workspace::root().join("target/vectors");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    generate("file", &folder)?;
    Ok(fs::read(folder.join("vectors.json"))?)
}

/// Each vector has a line of its own, which begins with its brace; the first line is the document's.
fn count(document: &[u8]) -> String {
    let vectors = document.split(|&byte| byte == b'\n').skip(1);
    format!("{} vectors", vectors.filter(|line| line.starts_with(b"{")).count())
}

/// The first line in which the committed vectors differ, and too much of all.
fn findings(made: &[u8], committed: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if made != committed {
        let same = made.iter().zip(committed).take_while(|(new, old)| new == old);
        let line = 1 + same.filter(|(byte, _)| **byte == b'\n').count();
        let message = "is not what the reference makes; see cargo xtask vectors";
        findings.push(Finding::new(COMMITTED, line, message));
    }
    if committed.len() > MOST {
        findings.push(Finding::new(COMMITTED, 0, format!("holds {} bytes", committed.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        let committed = b"[\n{1}\n{2}\n]\n";
        assert_eq!(findings(committed, committed), []);
        let place = |made: &[u8]| findings(made, committed).first().map(|found| found.line);
        assert_eq!(place(b"[\n{1}\n{3}\n]\n"), Some(3));
        assert_eq!(place(b"[\n{1}\n"), Some(3));
        assert_eq!(count(committed), "2 vectors");
    }

    #[test]
    fn too_many_vectors_are_found() {
        let committed = vec![b' '; MOST + 1];
        assert_eq!(findings(&committed, &committed).len(), 1);
    }
}

//! The implementation in Python against itself and against all vectors, in a virtual environment.
//!
//! Where there is no Python, or no way to its packages, nothing is checked and that is said loudly.

use crate::report::Outcome;
use crate::{conformance, shell, workspace};
use std::path::Path;

/// What the reference imports.
const PACKAGES: [&str; 2] = ["cryptography", "blake3"];
const REFERENCE: &str = "docs/conformance/reference.py";
const PARITY: &str = "docs/conformance/parity.py";
/// Recomputes the tables of the documents.
const LIMITS: &str = "docs/limits.py";

/// Checks the reference in Python, the hashes of the accumulated test included.
pub(crate) fn check() -> Outcome {
    let environment = workspace::root().join("target/python");
    let python = environment.join("bin/python");
    if let Err(why) = prepare(&environment, &python) {
        println!("\n!!! PYTHON SKIPPED: {why} !!!\n");
        return Ok(format!("PYTHON SKIPPED, nothing was checked: {why}"));
    }
    let python = python.to_string_lossy().into_owned();
    shell::run(shell::program(&python, &["-B", REFERENCE, "--self-test"]))?;
    shell::run(shell::program(&python, &["-B", PARITY, "--self-test"]))?;
    for document in ["docs/format.md", "docs/parity.md", "docs/scale.md"] {
        shell::run(shell::program(&python, &["-B", LIMITS, "--check", document]))?;
    }
    let command = [python, "-B".to_owned(), REFERENCE.to_owned()];
    let hashes = conformance::run(&[&["--accumulated".to_owned()][..], &command].concat())?;
    let vectors = conformance::run(&command)?;
    Ok(format!("{vectors}; {hashes}"))
}

/// Makes the environment, unless it is there with all packages.
fn prepare(environment: &Path, python: &Path) -> Result<(), &'static str> {
    let python = python.to_string_lossy();
    let imports = format!("import {}", PACKAGES.join(", "));
    let has_packages = || shell::probe(shell::program(&python, &["-c", &imports])).is_some();
    if has_packages() {
        return Ok(());
    }
    if shell::probe(shell::program("python3", &["--version"])).is_none() {
        return Err("python3 is not installed");
    }
    let folder = environment.to_string_lossy();
    if shell::probe(shell::program("python3", &["-m", "venv", &folder])).is_none() {
        return Err("python3 cannot make a virtual environment");
    }
    let install = [&["-m", "pip", "install", "--quiet"][..], &PACKAGES].concat();
    if shell::probe(shell::program(&python, &install)).is_none() || !has_packages() {
        return Err("the packages cryptography and blake3 cannot be installed");
    }
    Ok(())
}

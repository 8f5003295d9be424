//! Lints, with every warning an error.

use crate::report::Outcome;
use crate::shell;

/// The selections of features that differ in what is compiled.
///
/// Features are unified over the selected crates, and the program turns on more than the libraries do
/// by themselves; without the second line nobody would see a library that fails to build alone.
const SELECTIONS: [&[&str]; 3] = [
    &["--workspace"],
    &["--workspace", "--exclude", "sv2-cli"],
    &["--workspace", "--all-features"],
];

/// Lints all targets of the workspace under each selection of features.
pub(crate) fn check() -> Outcome {
    for selection in SELECTIONS {
        let mut args = vec!["clippy", "--all-targets"];
        args.extend(selection);
        args.extend(["--", "-D", "warnings"]);
        shell::run(shell::cargo(&args))?;
    }
    Ok(format!("no warning under {} selections of features", SELECTIONS.len()))
}

//! Rustdoc, with every warning an error: broken links and unclosed code are found here.

use crate::report::Outcome;
use crate::shell;

/// Documents all crates of the workspace with all features.
pub(crate) fn check() -> Outcome {
    let mut command = shell::cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    shell::run(command)?;
    Ok("documented without a warning".to_owned())
}

//! Formatting: what `cargo fmt` would change.

use crate::report::Outcome;
use crate::shell;

/// Checks the workspace and the fuzz targets, which are a workspace of their own.
pub(crate) fn check() -> Outcome {
    shell::run(shell::cargo(&["fmt", "--all", "--check"]))?;
    shell::run(shell::cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    Ok("formatted".to_owned())
}

//! The pinned tools beside the toolchain, installed below `target/tools` where they are missing.

use crate::report::{Failure, Outcome};
use crate::{shell, workspace};
use std::path::PathBuf;
use std::time::Instant;

/// A cargo subcommand at the version that the project is checked with.
pub(crate) struct Tool {
    /// The package and the program of the same name.
    name: &'static str,
    /// Installed where no version at all is found.
    version: &'static str,
}

/// Runs the tests.
pub(crate) const NEXTEST: Tool = Tool { name: "cargo-nextest", version: "0.9.143" };
/// Holds bans, licences and sources of dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
/// Builds and runs fuzz targets; needs a nightly toolchain.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// Where tools are installed; its `bin` comes first on the search path of every command run here.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("target/tools")
}

/// Installs what `ci` needs.
pub(crate) fn install_all() -> Outcome {
    let notes = [need(&NEXTEST)?, need(&DENY)?];
    Ok(notes.join(", "))
}

/// Makes sure that a tool can be run as a cargo subcommand.
///
/// A version that is already on the machine is used as it is, and named when it is not the pinned one.
///
/// # Errors
///
/// Fails when the tool is missing and cannot be installed.
pub(crate) fn need(tool: &Tool) -> Outcome {
    if let Some(found) = present(tool) {
        return Ok(match found == tool.version {
            true => format!("{} {found}", tool.name),
            false => format!("{} {found} (pinned: {})", tool.name, tool.version),
        });
    }
    println!("{} {} is missing and will be installed below target/tools", tool.name, tool.version);
    let started = Instant::now();
    let root = folder();
    let root = root.to_str().ok_or_else(|| Failure::new("the path of the project is not UTF-8"))?;
    let version = tool.version;
    shell::run(shell::cargo(&[
        "install",
        "--locked",
        "--version",
        version,
        "--root",
        root,
        tool.name,
    ]))?;
    let found = present(tool).ok_or_else(|| Failure::new(format!("{} does not run", tool.name)))?;
    Ok(format!("{} {found} installed in {} s", tool.name, started.elapsed().as_secs()))
}

fn present(tool: &Tool) -> Option<String> {
    let subcommand = tool.name.strip_prefix("cargo-")?;
    version_in(&shell::probe(shell::cargo(&[subcommand, "--version"]))?)
}

/// The version in the first line that a tool prints about itself.
fn version_in(text: &str) -> Option<String> {
    let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    text.lines().next()?.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_a_tool_says() {
        assert_eq!(version_in("cargo-nextest 0.9.1 (abc 2026-01-01)\n"), Some("0.9.1".to_owned()));
        assert_eq!(version_in("error\n"), None);
        assert_eq!(version_in(""), None);
    }
}

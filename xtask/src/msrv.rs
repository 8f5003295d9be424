//! The oldest compiler that the manifests promise, where it is installed.

use crate::report::{Failure, Outcome};
use crate::{shell, workspace};
use std::fs;

/// Type-checks the published crates with the toolchain of `rust-version`.
///
/// Where that toolchain is not installed, the lint `incompatible_msrv`, which the step `clippy` runs,
/// stands alone, and this says so.
pub(crate) fn check() -> Outcome {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let version = rust_version(&manifest)
        .ok_or_else(|| Failure::new("Cargo.toml: no rust-version under [workspace.package]"))?;
    let cargo = ["run", version, "cargo"];
    if shell::probe(shell::program("rustup", &[&cargo[..], &["--version"]].concat())).is_none() {
        return Ok(format!(
            "NOT RUN: Rust {version} is not installed; clippy::incompatible_msrv is"
        ));
    }
    let target_folder = workspace::root().join("target/msrv");
    let target_folder = target_folder.to_string_lossy();
    let check = ["check", "--locked", "--package", "sv2-cli", "--target-dir", &target_folder];
    shell::run(shell::program("rustup", &[&cargo[..], &check[..]].concat()))?;
    Ok(format!("the program and its libraries compile with Rust {version}"))
}

fn rust_version(manifest: &str) -> Option<&str> {
    let section = manifest.split_once("[workspace.package]")?.1;
    let line = section.lines().find(|line| line.starts_with("rust-version"))?;
    line.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_workspace() {
        let manifest = "[package]\nrust-version = \"1\"\n[workspace.package]\nedition = \"2024\"\n\
                        rust-version = \"1.89\"\n";
        assert_eq!(rust_version(manifest), Some("1.89"));
        assert_eq!(rust_version("[workspace.package]\n"), None);
    }
}

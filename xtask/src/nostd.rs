//! The layers without IO, compiled where there is no standard library.
//!
//! The attribute `no_std` of a crate says nothing of what it depends on; the crate in `nostd/` holds
//! a panic handler, which cannot stand beside that of `std`.

use crate::report::Outcome;
use crate::{shell, workspace};

/// Type-checks `nostd/` against its own lock file.
pub(crate) fn check() -> Outcome {
    let target_folder = workspace::root().join("target/nostd");
    let target_folder = target_folder.to_string_lossy();
    let manifest = ["--locked", "--manifest-path", "nostd/Cargo.toml"];
    let target = ["--target-dir", &target_folder];
    shell::run(shell::cargo(&[&["check"], &manifest[..], &target[..]].concat()))?;
    Ok("the layers without IO need no std".to_owned())
}

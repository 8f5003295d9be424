//! The adapter for object stores: a workspace of its own with its own lock file and rules.
//!
//! `cargo xtask adapters` checks it, and `cargo xtask engines` what DataFusion and delta-rs do over
//! it, which takes several times as long.
//! The time of each step is told, since a runtime and both versions of `object_store` are built.

use crate::report::{Failure, Outcome};
use crate::{shell, tools, workspace};
use std::process::Command;
use std::time::Instant;

const FOLDER: &str = "crates/sv2-object-store";

/// What is run, in order: its name, and the arguments of cargo.
const STEPS: [(&str, &[&str]); 4] = [
    ("formatting", &["fmt", "--all", "--", "--check"]),
    ("lints", &["clippy", "--locked", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    ("tests", &["test", "--locked", "--all-features"]),
    ("dependencies", &["deny", "--all-features", "check", "bans", "licenses", "sources"]),
];

/// DataFusion and delta-rs over it: a package of that workspace with rules of its own, built for
/// this alone because of its size.
const ENGINES: [(&str, &[&str]); 3] = [
    (
        "lints",
        &[
            "clippy",
            "--locked",
            "-p",
            PACKAGE,
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    ),
    ("tests", &["test", "--locked", "-p", PACKAGE]),
    (
        "dependencies",
        &[
            "deny",
            "--all-features",
            "--manifest-path",
            RULES,
            "check",
            "bans",
            "licenses",
            "sources",
        ],
    ),
];
/// Speed beside plaintext and beside another store that encrypts.
const SPEED: [(&str, &[&str]); 1] = [(
    "figures",
    &[
        "run",
        "--locked",
        "-p",
        PACKAGE,
        "--profile",
        "figures",
        "--no-default-features",
        "--features",
        "speed",
        "--bin",
        "speed",
    ],
)];
const PACKAGE: &str = "sv2-object-store-engines";
const RULES: &str = "engines/Cargo.toml";

/// Checks the adapter.
pub(crate) fn check() -> Outcome {
    tools::need(&tools::DENY)?;
    follow(&STEPS)
}

/// Checks the adapter under engines, or measures it.
pub(crate) fn engines(args: &[String]) -> Outcome {
    match args {
        [] => {
            tools::need(&tools::DENY)?;
            follow(&ENGINES)
        }
        [flag] if flag == "--speed" => follow(&SPEED),
        _ => Err(Failure::new("usage: cargo xtask engines [--speed]")),
    }
}

/// Runs steps and tells their times.
fn follow(steps: &[(&str, &[&str])]) -> Outcome {
    let mut notes = Vec::new();
    for (name, args) in steps {
        let started = Instant::now();
        shell::run(there(args))?;
        notes.push(format!("{name} in {} s", started.elapsed().as_secs()));
    }
    Ok(notes.join(", "))
}

/// A command on cargo in the adapter's folder.
fn there(args: &[&str]) -> Command {
    let mut command = shell::cargo(args);
    command.current_dir(workspace::root().join(FOLDER));
    command
}

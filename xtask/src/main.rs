//! `cargo xtask`: every check of the project, together as `ci` and each alone.
//!
//! A subject has one file and one `check`; whatever decides there is a pure function with tests that
//! show it failing.
//! Nothing here is part of a published crate.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod ci;
mod clippy;
mod deny;
mod doc;
mod fmt;
mod fuzz;
mod layers;
mod report;
mod rust_text;
mod shell;
mod spec;
mod test;
mod tidy;
mod tools;
mod workspace;

use report::{Failure, Outcome};
use std::process::ExitCode;

/// One command: its name, what it does, and the function behind it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

/// All commands, in the order of the help text.
const COMMANDS: &[Command] = &[
    Command { name: "ci", about: "every check below but fuzz, in order [--keep-going]", run: ci::run },
    Command { name: "fmt", about: "formatting of all Rust code", run: |args| none(args, fmt::check) },
    Command { name: "tidy", about: "rules on source text that no other tool holds", run: |args| none(args, tidy::check) },
    Command { name: "layers", about: "dependencies of each crate against the table of layers", run: |args| none(args, layers::check) },
    Command { name: "spec", about: "requirements of docs/format.md and who cites them [--strict]", run: spec::run },
    Command { name: "clippy", about: "lints, warnings denied", run: |args| none(args, clippy::check) },
    Command { name: "test", about: "all tests, fuzz corpora included [ARGS of nextest]", run: test::run },
    Command { name: "doctest", about: "examples in documentation comments", run: |args| none(args, test::check_doctests) },
    Command { name: "doc", about: "rustdoc, warnings denied", run: |args| none(args, doc::check) },
    Command { name: "deny", about: "bans, licences and sources of dependencies [--advisories]", run: deny::run },
    Command { name: "replay", about: "the committed fuzz corpora through the fuzz bodies", run: |args| none(args, test::check_replay) },
    Command { name: "fuzz", about: "run fuzz targets --minutes N [TARGET], or --list, or --check", run: fuzz::run },
    Command { name: "tools", about: "install the pinned tools that are missing", run: |args| none(args, tools::install_all) },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        print!("{}", help());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("xtask: no command named {name}\n\n{}", help());
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(note) => {
            println!("{name}: {note}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{name}: FAILED\n{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a check that takes no arguments and refuses any that were given.
fn none(args: &[String], check: fn() -> Outcome) -> Outcome {
    match args.first() {
        None => check(),
        Some(arg) => Err(Failure::new(format!("unknown argument {arg}"))),
    }
}

fn help() -> String {
    let mut text = String::from("cargo xtask COMMAND\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:8} {}\n", command.name, command.about));
    }
    text
}

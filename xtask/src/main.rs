//! `cargo xtask`: every check of the project, together as `ci` and each alone.
//!
//! A subject has one file and one `check`; whatever decides there is a pure function with tests that
//! show it failing.
//! Nothing here is part of a published crate.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod adapters;
mod bench;
mod blast;
mod ci;
mod clippy;
mod completions;
mod conformance;
mod deny;
mod doc;
mod faults;
mod features;
mod fmt;
mod fuzz;
mod instructions;
mod layers;
mod model;
mod msrv;
mod nostd;
mod object_store;
mod package;
mod parity;
mod parts;
mod portable;
mod python;
mod report;
mod rust_text;
mod secrets;
mod shell;
mod soak;
mod spec;
mod test;
mod tidy;
mod tools;
mod torture;
mod vectors;
mod workspace;

use report::{Failure, Outcome};
use std::process::ExitCode;

/// One command: its name, what it does, and the function behind it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const fn command(
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
) -> Command {
    Command { name, about, run }
}

/// All commands, in the order of the help text.
const COMMANDS: &[Command] = &[
    command("ci", "all checks of the project, in order [--keep-going]", ci::run),
    command("fmt", "formatting of all Rust code", |args| none(args, fmt::check)),
    command("tidy", "rules on source text that no other tool holds", |args| {
        none(args, tidy::check)
    }),
    command("layers", "dependencies of each crate against the table of layers", |args| {
        none(args, layers::check)
    }),
    command("spec", "requirements of the documents and who cites them", spec::run),
    command("clippy", "lints, warnings denied", |args| none(args, clippy::check)),
    command("test", "all tests, fuzz corpora included [ARGS of nextest]", test::run),
    command("model", "the pipeline's interleavings, explored [--times N]", model::run),
    command("msrv", "the oldest compiler that is promised, where it is installed", |args| {
        none(args, msrv::check)
    }),
    command("nostd", "the layers without IO, without the standard library", |args| {
        none(args, nostd::check)
    }),
    command("features", "the program without SSH keys, without plugins, without RSA", |args| {
        none(args, features::check)
    }),
    command("object-store", "the adapter for object stores, in its own workspace", |args| {
        none(args, object_store::check)
    }),
    command("package", "what the published crates would carry", |args| none(args, package::check)),
    command("doctest", "examples in documentation comments", |args| {
        none(args, test::check_doctests)
    }),
    command("doc", "rustdoc, warnings denied", |args| none(args, doc::check)),
    command("deny", "bans, licences and sources of dependencies [--advisories]", deny::run),
    command("replay", "the committed fuzz corpora through the fuzz bodies", |args| {
        none(args, test::check_replay)
    }),
    command("fuzz", "run fuzz targets --minutes N [TARGET], or --list, or --check", fuzz::run),
    command(
        "bench",
        "sv2 against cat, cp and the programs of its field [--quick] [--geometry]",
        bench::run,
    ),
    command(
        "instructions",
        "instructions that fixed work takes, against the committed figures [--write]",
        instructions::run,
    ),
    command("blast", "what a touched file rebuilds, and the time to tests [--check]", blast::run),
    command("faults", "every system call of the program on files, failed once", faults::run),
    command(
        "torture",
        "the program, killed at random moments [--kills N] [--seed S]",
        torture::run,
    ),
    command(
        "parity",
        "random damage of a large file, repaired from parity [--size 1G] [--rounds N]",
        parity::run,
    ),
    command("parts", "workers of one stream of parts, killed at random [--kills N]", parts::run),
    command(
        "portable",
        "the libraries for Windows, macOS and WebAssembly [windows | macos | wasm] [--check]",
        portable::run,
    ),
    command("soak", "streams larger than memory, through pipes [--gib N]", soak::run),
    command("vectors", "write docs/conformance/vectors anew, or compare [--check]", vectors::run),
    command(
        "conformance",
        "an implementation against all vectors [-- COMMAND]; without one the engine",
        conformance::run,
    ),
    command(
        "adapters",
        "object stores, and the Python package: wheel, tests [--torch | --engines | --kills N | ..]",
        adapters::run,
    ),
    command(
        "engines",
        "DataFusion and delta-rs over encrypted object stores [--speed]",
        object_store::engines,
    ),
    command("completions", "the completion scripts in bash, zsh and fish", |args| {
        none(args, completions::check)
    }),
    command("secrets", "the manual's examples with pass, gpg and the AWS client", |args| {
        none(args, secrets::check)
    }),
    command("python", "the implementation in Python against itself and all vectors", |args| {
        none(args, python::check)
    }),
    command("tools", "install the pinned tools that are missing", |args| {
        none(args, tools::install_all)
    }),
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

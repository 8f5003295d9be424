//! Tests: all of the workspace by nextest, and the examples in documentation by rustdoc.

use crate::report::Outcome;
use crate::{shell, tools};

/// Runs the whole workspace's tests; arguments go to nextest.
pub(crate) fn run(args: &[String]) -> Outcome {
    nextest(&["--workspace"], args)
}

/// Runs the whole workspace's tests, the replay of the fuzz corpora among them.
pub(crate) fn check() -> Outcome {
    nextest(&["--workspace"], &[])
}

/// Replays the committed fuzz corpora alone.
pub(crate) fn check_replay() -> Outcome {
    nextest(&["--package", "sv2-fuzz-bodies"], &[])
}

/// Runs the examples in documentation comments, which nextest does not know.
pub(crate) fn check_doctests() -> Outcome {
    shell::run(shell::cargo(&["test", "--doc", "--workspace"]))?;
    Ok("all examples pass".to_owned())
}

/// Compiles the benches and runs each once, without measuring anything.
pub(crate) fn check_benches() -> Outcome {
    shell::run(shell::cargo(&["test", "--benches", "--workspace"]))?;
    Ok("every bench ran once".to_owned())
}

fn nextest(selection: &[&str], more: &[String]) -> Outcome {
    tools::need(&tools::NEXTEST)?;
    let mut args = vec!["nextest", "run"];
    args.extend(selection);
    args.extend(more.iter().map(String::as_str));
    shell::run(shell::cargo(&args))?;
    Ok("all tests pass".to_owned())
}

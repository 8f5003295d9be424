//! `cargo xtask blast`: what is rebuilt when one file of a crate is touched, and the time to its tests.
//!
//! Crates come from `cargo metadata`; the files of a crate's tests come from what the compiler itself
//! wrote down (`*.d`) during `cargo nextest run -p CRATE` after the touch.
//! A time is printed and decides nothing.

mod reach;
mod touch;

use crate::report::{Failure, Outcome};
use crate::{shell, tools, workspace};
use reach::Reach;
use touch::Compiled;

const USAGE: &str = "\
usage: cargo xtask blast [--check | --counts | CRATE..]
  --counts  only what cargo metadata tells, without building anything
  --check   only the crates with a limit, and fail where one is passed";

/// Fewer source files than this may be recompiled before a crate's tests run; those of the tests are
/// counted apart.
const LIMITS: [(&str, usize); 1] = [("sv2-segment-worker", 15)];

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Counts,
    Check,
    Measure(Vec<String>),
}

/// Prints the table, and with `--check` holds the limits.
pub(crate) fn run(args: &[String]) -> Outcome {
    let request = parse(args).ok_or_else(|| Failure::new(USAGE))?;
    let metadata = workspace::metadata()?;
    let files = workspace::sources(&["rs"])?;
    let reaches = reach::of_all(&metadata.packages, &files);
    match request {
        Request::Counts => {
            print!("{}", counts(&reaches));
            Ok(format!("{} crates", reaches.len()))
        }
        Request::Check => check(&reaches),
        Request::Measure(names) => {
            let chosen = chosen(&reaches, &names)?;
            print!("{}", counts(&reaches));
            measure(&chosen)?;
            Ok(format!("{} crates measured", chosen.len()))
        }
    }
}

fn parse(args: &[String]) -> Option<Request> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--counts"] => Some(Request::Counts),
        ["--check"] => Some(Request::Check),
        _ if args.iter().any(|arg| arg.starts_with('-')) => None,
        _ => Some(Request::Measure(args.into_iter().map(str::to_owned).collect())),
    }
}

fn chosen<'a>(reaches: &'a [Reach], names: &[String]) -> Outcome<Vec<&'a Reach>> {
    if names.is_empty() {
        return Ok(reaches.iter().filter(|reach| reach.name.starts_with("sv2-")).collect());
    }
    let find = |name: &String| {
        let found = reaches.iter().find(|reach| reach.name == *name);
        found.ok_or_else(|| Failure::new(format!("no crate {name}")))
    };
    names.iter().map(find).collect()
}

/// The part of the table that needs no build.
fn counts(reaches: &[Reach]) -> String {
    let mut text = format!(
        "{:20} {:>6} {:>6} {:>7} {:>13}  crates that a build rebuilds\n",
        "touched crate", "src", "tests", "rebuilt", "files rebuilt"
    );
    for reach in reaches {
        text.push_str(&format!(
            "{:20} {:>6} {:>6} {:>7} {:>13}  {}\n",
            reach.name,
            reach.sources,
            reach.tests,
            reach.rebuilt.len(),
            reach.files,
            reach.rebuilt.join(" ")
        ));
    }
    text
}

fn measure(chosen: &[&Reach]) -> Outcome<Vec<Compiled>> {
    tools::need(&tools::NEXTEST)?;
    let mut lines = Vec::new();
    let mut all = Vec::new();
    for reach in chosen {
        let run = || shell::run(shell::cargo(&["nextest", "run", "-p", &reach.name]));
        // Whatever was out of date before is not the touch's doing.
        run()?;
        let compiled = touch::around(&reach.root_file, run)?;
        lines.push(format!(
            "{:20} {:>11} {:>10} {:>9.1} s\n",
            reach.name,
            compiled.sources(),
            compiled.tests(),
            compiled.time.as_secs_f64()
        ));
        all.push(compiled);
    }
    println!(
        "\n{:20} {:>11} {:>10} {:>11}\n{}",
        "touched crate",
        "src files",
        "test files",
        "to tests",
        lines.concat()
    );
    Ok(all)
}

fn check(reaches: &[Reach]) -> Outcome {
    let mut notes = Vec::new();
    for (name, limit) in LIMITS {
        let chosen = chosen(reaches, &[name.to_owned()])?;
        let Some(compiled) = measure(&chosen)?.into_iter().next() else { continue };
        notes.push(judge(name, limit, &compiled)?);
    }
    Ok(notes.join(", "))
}

/// Whether what was compiled stays under the limit; nothing compiled means that nothing was seen.
fn judge(name: &str, limit: usize, compiled: &Compiled) -> Outcome {
    let (sources, tests) = (compiled.sources(), compiled.tests());
    match sources {
        0 => Err(Failure::new(format!("{name}: the touch recompiled nothing"))),
        _ if sources >= limit => {
            Err(Failure::new(format!("{name}: {sources} source files, not under {limit}")))
        }
        _ => Ok(format!("{name}: {sources} source files, under {limit}, and {tests} of its tests")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Request> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_options_or_crates_and_never_both() {
        assert_eq!(parsed("--check"), Some(Request::Check));
        assert_eq!(parsed("--counts"), Some(Request::Counts));
        assert_eq!(parsed(""), Some(Request::Measure(Vec::new())));
        assert_eq!(parsed("a b"), Some(Request::Measure(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(parsed("--check a"), None);
    }

    #[test]
    fn a_limit_is_held_and_a_touch_without_effect_is_a_failure() {
        let compiled = |count: usize| {
            let files = (0..count).map(|number| format!("crates/a/src/{number}.rs"));
            Compiled::new(files.chain(["crates/a/tests/it/main.rs".to_owned()]))
        };
        assert!(judge("a", 3, &compiled(0)).is_err());
        assert!(judge("a", 3, &compiled(2)).is_ok());
        assert!(judge("a", 3, &compiled(3)).is_err());
    }
}

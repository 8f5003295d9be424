//! `cargo xtask ci`: every check in order, each with its time, and a summary at the end.

use crate::report::{Failure, Outcome};
use crate::{
    clippy, deny, doc, features, fmt, fuzz, layers, msrv, nostd, package, python, spec, test, tidy,
    torture, vectors,
};
use std::time::{Duration, Instant};

/// A step's name and its check.
type Step = (&'static str, fn() -> Outcome);

/// The cheap steps come first, so that most mistakes are told in seconds.
const STEPS: &[Step] = &[
    ("fmt", fmt::check),
    ("tidy", tidy::check),
    ("layers", layers::check),
    ("spec", spec::check),
    ("package", package::check),
    ("vectors", vectors::check),
    ("clippy", clippy::check),
    ("test", test::check),
    ("python", python::check),
    ("torture", torture::check),
    ("msrv", msrv::check),
    ("nostd", nostd::check),
    ("features", features::check),
    ("doctest", test::check_doctests),
    ("benches", test::check_benches),
    ("doc", doc::check),
    ("fuzz", fuzz::check),
    ("deny", deny::check),
];

/// What became of one step.
struct Record {
    name: &'static str,
    time: Duration,
    outcome: Outcome,
}

/// Runs all steps and stops at the first failure, or at the end with `--keep-going`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let keep_going = match args {
        [] => false,
        [arg] if arg == "--keep-going" => true,
        _ => return Err(Failure::new("usage: cargo xtask ci [--keep-going]")),
    };
    let records = run_steps(STEPS, keep_going);
    let summary = summary(&records, STEPS.len());
    println!("\n{summary}");
    match records.iter().find(|record| record.outcome.is_err()) {
        None => Ok(format!("{} steps passed", records.len())),
        Some(record) => Err(Failure::new(format!("the first step to fail was {}", record.name))),
    }
}

fn run_steps(steps: &[Step], keep_going: bool) -> Vec<Record> {
    let mut records = Vec::new();
    for &(name, check) in steps {
        println!("\n== {name}");
        let started = Instant::now();
        let outcome = check();
        let time = started.elapsed();
        match &outcome {
            Ok(note) => println!("== {name}: ok in {:.1} s, {note}", time.as_secs_f64()),
            Err(failure) => println!("== {name}: FAILED in {:.1} s\n{failure}", time.as_secs_f64()),
        }
        let failed = outcome.is_err();
        records.push(Record { name, time, outcome });
        if failed && !keep_going {
            break;
        }
    }
    records
}

fn summary(records: &[Record], steps: usize) -> String {
    let mut text = String::new();
    for record in records {
        let verdict = match &record.outcome {
            Ok(note) => format!("ok      {note}"),
            Err(_) => "FAILED".to_owned(),
        };
        let seconds = record.time.as_secs_f64();
        text.push_str(&format!("{:8} {seconds:7.1} s  {verdict}\n", record.name));
    }
    if records.len() < steps {
        text.push_str(&format!("{} step(s) not run\n", steps - records.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME_FAIL: &[Step] = &[
        ("good", || Ok("fine".to_owned())),
        ("bad", || Err(Failure::new("broken"))),
        ("after", || Ok("fine".to_owned())),
    ];

    #[test]
    fn the_first_failure_ends_the_run_and_the_rest_is_said_to_be_missing() {
        let records = run_steps(SOME_FAIL, false);
        assert_eq!(records.len(), 2);
        assert!(summary(&records, SOME_FAIL.len()).ends_with("1 step(s) not run\n"));
    }

    #[test]
    fn keep_going_runs_every_step_and_still_shows_the_failure() {
        let records = run_steps(SOME_FAIL, true);
        assert_eq!(records.len(), 3);
        let summary = summary(&records, SOME_FAIL.len());
        assert_eq!(summary.lines().filter(|line| line.ends_with("FAILED")).count(), 1);
    }

    #[test]
    fn an_unknown_argument_runs_nothing() {
        assert!(run(&["--quick".to_owned()]).is_err());
    }
}

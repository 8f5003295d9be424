//! `cargo xtask model [--times N]`: the pipeline under the model checker, and how many schedules that
//! explored.

use crate::report::{Failure, Outcome};
use crate::{shell, tools};

/// Runs the models with N times the number of schedules of an ordinary test run.
pub(crate) fn run(args: &[String]) -> Outcome {
    let times = match args {
        [] => 1,
        [flag, times] if flag == "--times" => times.parse().unwrap_or(0),
        _ => 0,
    };
    if times == 0_usize {
        return Err(Failure::new("usage: cargo xtask model [--times N]"));
    }
    tools::need(&tools::NEXTEST)?;
    // A long run is no hang: the default profile ends a test after two minutes.
    let args =
        ["nextest", "run", "-p", "sv2-model", "--release", "--no-capture", "--profile", "long"];
    let mut command = shell::cargo(&args);
    command.env("SV2_MODEL_TIMES", times.to_string());
    let printed = String::from_utf8_lossy(&shell::read(command)?).into_owned();
    let counted: Vec<&str> = printed.lines().filter(|line| count(line).is_some()).collect();
    for line in &counted {
        println!("{line}");
    }
    let (schedules, models) = counted
        .iter()
        .filter_map(|line| count(line))
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if schedules == 0 {
        return Err(Failure::new("the models said nothing of schedules"));
    }
    Ok(format!("{schedules} schedules of {models} models, none of which failed"))
}

/// Schedules and models of a line such as `ordered, whole: 2000 schedules of 10 models`.
fn count(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.rsplit_once(": ")?;
    let (schedules, models) = counts.strip_suffix(" models")?.split_once(" schedules of ")?;
    Some((schedules.parse().ok()?, models.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_explorer_is_read_and_no_other() {
        assert_eq!(count("service, results: 840 schedules of 7 models"), Some((840, 7)));
        assert_eq!(count("test result: ok. 1 passed"), None);
        assert_eq!(count("a: b schedules of 7 models"), None);
    }

    #[test]
    fn arguments_that_make_no_sense_run_nothing() {
        for args in [&["--times"][..], &["--times", "0"], &["--times", "x"], &["5", "6"]] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert!(run(&args).is_err());
        }
    }
}

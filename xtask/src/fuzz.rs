//! Fuzz targets: run for a time on a nightly toolchain, listed, or only type-checked.
//!
//! New inputs go to `target/fuzz-corpus`; the committed corpora are read and left alone.

use crate::report::{Failure, Outcome};
use crate::{shell, tools, workspace};
use std::fs;

const USAGE: &str = "usage: cargo xtask fuzz --minutes N [TARGET] | --list | --check";

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    List,
    Check,
    Run { minutes: u64, target: Option<String> },
}

/// Runs, lists or checks the targets.
pub(crate) fn run(args: &[String]) -> Outcome {
    match parse(args).ok_or_else(|| Failure::new(USAGE))? {
        Request::List => {
            let targets = targets()?;
            println!("{}", targets.join("\n"));
            Ok(format!("{} targets", targets.len()))
        }
        Request::Check => check(),
        Request::Run { minutes, target } => run_targets(minutes, target),
    }
}

/// Type-checks the targets on the ordinary toolchain, without building libFuzzer.
pub(crate) fn check() -> Outcome {
    let target_folder = workspace::root().join("target/fuzz-check");
    let target_folder = target_folder.to_string_lossy();
    shell::run(shell::cargo(&[
        "check",
        "--locked",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--no-default-features",
        "--target-dir",
        &target_folder,
    ]))?;
    Ok(format!("{} targets compile", targets()?.len()))
}

fn parse(args: &[String]) -> Option<Request> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (minutes, target) = match args[..] {
        ["--list"] => return Some(Request::List),
        ["--check"] => return Some(Request::Check),
        ["--minutes", minutes] => (minutes, None),
        ["--minutes", minutes, target] | [target, "--minutes", minutes] => {
            (minutes, Some(target.to_owned()))
        }
        _ => return None,
    };
    let minutes = minutes.parse().ok().filter(|&minutes| minutes > 0)?;
    Some(Request::Run { minutes, target })
}

/// The names of all targets, in order.
fn targets() -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace::root().join("fuzz/fuzz_targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn run_targets(minutes: u64, wanted: Option<String>) -> Outcome {
    let all = targets()?;
    let chosen = match wanted {
        None => all,
        Some(target) if all.contains(&target) => vec![target],
        Some(target) => {
            return Err(Failure::new(format!("no target {target}; there are {all:?}")));
        }
    };
    tools::need(&tools::FUZZ)?;
    for target in &chosen {
        run_target(target, minutes)?;
    }
    Ok(format!("{} target(s) ran for {minutes} minute(s) each without a find", chosen.len()))
}

fn run_target(target: &str, minutes: u64) -> Outcome<()> {
    let grown = workspace::root().join("target/fuzz-corpus").join(target);
    fs::create_dir_all(&grown)?;
    let grown = grown.to_string_lossy();
    let committed = format!("fuzz/corpus/{target}");
    let time = format!("-max_total_time={}", minutes.saturating_mul(60));
    let args = [
        "run",
        "nightly",
        "cargo",
        "fuzz",
        "run",
        target,
        &grown,
        &committed,
        "--",
        &time,
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ];
    let mut command = shell::program("rustup", &args);
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    shell::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Request> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_understood_in_either_order() {
        let run = |target: Option<&str>| {
            Some(Request::Run { minutes: 3, target: target.map(str::to_owned) })
        };
        assert_eq!(parsed("--minutes 3"), run(None));
        assert_eq!(parsed("--minutes 3 x"), run(Some("x")));
        assert_eq!(parsed("x --minutes 3"), run(Some("x")));
        assert_eq!(parsed("--list"), Some(Request::List));
    }

    #[test]
    fn a_missing_or_senseless_time_is_refused() {
        for line in ["", "x", "--minutes", "--minutes 0", "--minutes many", "--list x"] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}

//! What may be depended on: `deny.toml`, held by cargo-deny.

use crate::report::{Failure, Outcome};
use crate::{shell, tools};

/// Checks bans, licences and sources, and the advisory database where it can be reached; with
/// `--advisories` the database alone.
pub(crate) fn run(args: &[String]) -> Outcome {
    match args {
        [] => {
            let held = check_with("warn")?;
            Ok(format!("{held}; {}", check_advisories()?))
        }
        [arg] if arg == "--advisories" => check_advisories(),
        _ => Err(Failure::new("usage: cargo xtask deny [--advisories]")),
    }
}

/// Checks what can be judged from the lock file and the sources alone.
///
/// Doubled versions, which are only warned about, are shown where the command runs alone.
pub(crate) fn check() -> Outcome {
    check_with("error")
}

fn check_with(level: &str) -> Outcome {
    let tool = tools::need(&tools::DENY)?;
    shell::run(shell::cargo(&[
        "deny",
        "--log-level",
        level,
        "--all-features",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    Ok(format!("bans, licences and sources hold ({tool})"))
}

/// Checks the locked versions against the advisory database.
///
/// A database that cannot be reached is no finding, but it is said where nobody can miss it.
fn check_advisories() -> Outcome {
    tools::need(&tools::DENY)?;
    if let Err(failure) = shell::run(shell::cargo(&["deny", "fetch", "db"])) {
        println!("\n!!! ADVISORIES SKIPPED: the database cannot be reached ({failure}) !!!\n");
        return Ok("ADVISORIES SKIPPED, no advisory was looked at".to_owned());
    }
    let args = ["deny", "--all-features", "check", "--disable-fetch", "advisories"];
    shell::run(shell::cargo(&args))?;
    Ok("no advisory".to_owned())
}

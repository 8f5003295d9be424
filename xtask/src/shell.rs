//! Running other programs: the environment they get, and what their exit status means.

use crate::report::{Failure, Outcome};
use crate::workspace;
use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

/// A command on the cargo that runs this program, at the project's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    prepared(Command::new(program), args)
}

/// A command on another program, at the project's root.
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    prepared(Command::new(name), args)
}

/// Runs a command with the terminal's streams; anything but success is a failure.
pub(crate) fn run(mut command: Command) -> Outcome<()> {
    let line = display(&command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("{line}: {status}"))),
        Err(error) => Err(Failure::new(format!("{line}: {error}"))),
    }
}

/// Runs a command quietly and gives its standard output, or nothing where it fails or is absent.
pub(crate) fn probe(mut command: Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command and gives its standard output; its errors go to the terminal.
pub(crate) fn read(mut command: Command) -> Outcome<Vec<u8>> {
    let line = display(&command);
    let output = command.stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(Failure::new(format!("{line}: {}", output.status))),
        Err(error) => Err(Failure::new(format!("{line}: {error}"))),
    }
}

/// Sets the folder, the search path and the environment.
///
/// Variables that cargo set for this program are taken away: build scripts (that of `ring`, for one)
/// watch them, and would run again each time a check follows a plain cargo command.
fn prepared(mut command: Command, args: &[&str]) -> Command {
    command.args(args).current_dir(workspace::root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_set_by_cargo_run) {
            command.env_remove(name);
        }
    }
    let mut folders = vec![crate::tools::folder().join("bin")];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    if let Ok(path) = env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

fn is_set_by_cargo_run(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"];
    const NAMES: [&str; 3] = ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The command as a person would type it.
fn display(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default();
    let mut line = program.to_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_calling_cargo_are_told_from_those_of_the_user() {
        assert!(is_set_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(is_set_by_cargo_run("CARGO_PKG_NAME"));
        assert!(!is_set_by_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_set_by_cargo_run("CARGO_HOME"));
    }

    #[test]
    fn a_program_that_does_not_exist_is_a_failure_and_not_a_panic() {
        assert!(probe(program("no-such-program-anywhere", &[])).is_none());
        assert!(run(program("no-such-program-anywhere", &["x"])).is_err());
    }
}

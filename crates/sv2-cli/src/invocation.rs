//! The command line of this run as far as it is offered again, in hints that can be pasted.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::names::{Name, shell_word};

/// The options that say how a stream is opened and where its plaintext goes, by the name of their
/// argument; `true` where a value follows. Which of them a command knows, [`takes`] says.
const REPEATED: [(&str, &str, bool); 17] = [
    ("identities", "-i", true),
    ("identity_commands", "--identity-command", true),
    ("passphrase", "-p", false),
    ("passphrase_file", "--passphrase-file", true),
    ("passphrase_fd", "--passphrase-fd", true),
    ("passphrase_command", "--passphrase-command", true),
    ("key_file", "-K", true),
    ("key_command", "--key-command", true),
    ("context", "--context", true),
    ("expect", "--expect", true),
    ("trailing", "--trailing", true),
    ("ranges", "--range", true),
    ("preserve", "--preserve", false),
    ("use_name", "--use-name", false),
    ("sparse", "--sparse", false),
    ("output", "-o", true),
    ("force", "-f", false),
];

/// The command that authenticates a pipe.
pub(crate) const TO_NOWHERE: &str = "decrypt -o /dev/null";

/// What was given.
struct Given {
    /// The name of the command, whichever of its names was given.
    command: String,
    /// Those options as they were given.
    options: Vec<(&'static str, Option<OsString>)>,
}

static GIVEN: OnceLock<Given> = OnceLock::new();

/// Keeps the name of the command, and the options of the innermost one, for hints.
pub(crate) fn keep(mut matches: &ArgMatches) {
    let command = matches.subcommand_name().unwrap_or_default().to_owned();
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    let mut given = Vec::new();
    for (argument, option, takes_value) in REPEATED {
        let is_given = matches.try_contains_id(argument).unwrap_or(false)
            && matches.value_source(argument) == Some(ValueSource::CommandLine);
        if !is_given {
            continue;
        }
        match matches.try_get_raw(argument) {
            Ok(Some(values)) if takes_value => {
                given.extend(values.map(|value| (option, Some(value.to_owned()))));
            }
            _ => given.push((option, None)),
        }
    }
    // One command is run in a process.
    let _ = GIVEN.set(Given { command, options: given });
}

/// Whether a command has an option.
fn takes(command: &str, option: &str) -> bool {
    match option {
        "--range" => command.starts_with("cat"),
        "--preserve" | "--use-name" | "--sparse" => command == "decrypt --trailing ignore",
        "--expect" => command == TO_NOWHERE || command.ends_with(" --trailing ignore"),
        "--trailing" => command == TO_NOWHERE,
        _ => true,
    }
}

/// The command that gets out what is left of the input of this one.
pub(crate) fn salvage() -> &'static str {
    match GIVEN.get().is_some_and(|given| given.command == "cat") {
        true => "cat --salvage",
        false => "decrypt --salvage",
    }
}

/// A command on the input of this run, opened as this run did: `sv2 decrypt --salvage -i k a.sv2`.
///
/// `command` is everything in front of the options that are repeated, without the program's name.
pub(crate) fn on(command: &str, input: &Name) -> String {
    match input {
        Name::File(path) => on_file(command, path, true),
        // What came through a pipe is gone.
        _ => format!(
            "{} (once the stream is saved as FILE)",
            on_file(command, "FILE".as_ref(), true)
        ),
    }
}

/// As [`on`], of a command that has no output.
pub(crate) fn without_output(command: &str, input: &Name) -> String {
    match input {
        Name::File(path) => on_file(command, path, false),
        _ => format!(
            "{} (once the stream is saved as FILE)",
            on_file(command, "FILE".as_ref(), false)
        ),
    }
}

/// As [`on`], of a file; without its outputs where the command has none.
pub(crate) fn on_file(command: &str, file: &Path, with_output: bool) -> String {
    format!("{} {}", repeated(command, with_output), operand(file.as_os_str()))
}

/// As [`on`], of a command that has its output and reads standard input.
pub(crate) fn without_input(command: &str) -> String {
    repeated(command, false)
}

/// A command with the options of this one that it knows.
fn repeated(command: &str, with_output: bool) -> String {
    let mut text = format!("sv2 {command}");
    let given = GIVEN.get().map(|given| given.options.as_slice()).unwrap_or_default();
    for (option, value) in given {
        if !takes(command, option) || !with_output && matches!(*option, "-o" | "-f") {
            continue;
        }
        let Some(value) = value else {
            text.push_str(&format!(" {option}"));
            continue;
        };
        // What begins as an option does was given in one word with its own.
        let joint = match value.as_bytes() {
            [b'-', _, ..] if option.starts_with("--") => "=",
            [b'-', _, ..] => "",
            _ => " ",
        };
        text.push_str(&format!(" {option}{joint}{}", shell_word(value)));
    }
    text
}

/// The command line of this run with one option more, unless it has it.
pub(crate) fn again_with(option: &str) -> String {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (options, operands) = words.split_at(end);
    let mut text = "sv2".to_owned();
    let quoted = |words: &[OsString]| -> String {
        words.iter().map(|word| format!(" {}", shell_word(word))).collect()
    };
    text.push_str(&quoted(options));
    // In whichever way it was written.
    let given = GIVEN.get().map(|given| given.options.as_slice()).unwrap_or_default();
    let has_option = given.iter().any(|(given, _)| *given == option);
    if !has_option && !options.iter().any(|word| word == option) {
        text.push_str(&format!(" {option}"));
    }
    text.push_str(&quoted(operands));
    text
}

/// A file as a word of a command: for itself in a shell, and never taken for an option.
pub(crate) fn operand(file: &OsStr) -> String {
    let bytes = file.as_bytes();
    if !bytes.starts_with(b"-") || bytes == b"-" {
        return shell_word(file);
    }
    let mut plain = OsString::from("./");
    plain.push(file);
    shell_word(&plain)
}

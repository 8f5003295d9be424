//! What is said to the user, and how: quietly, at length, for machines, in colour.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Args, ColorChoice, ValueEnum};
use serde_json::{Value, json};

use crate::ends::Channel;
use crate::failure::Failure;
use crate::names::json_text;

/// When something that only suits a terminal is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    // On a terminal.
    #[default]
    Auto,
    Always,
    Never,
}

/// When progress is shown, and as what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    // A bar on a terminal, for work of over half a second.
    #[default]
    Auto,
    // A bar on a terminal, at once.
    Always,
    Never,
    // Lines on standard error, for programs.
    Json,
}

/// How the program speaks, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct ConsoleArgs {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say what was done: driver, backend, threads, times and rates
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Report as JSON: on standard output, or on standard error where that carries the data
    #[arg(long, global = true)]
    json: bool,
    /// When to show progress on standard error; auto is a bar on a terminal once the work has taken
    /// half a second, json is lines for programs
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    progress: ProgressMode,
    /// When to use colour; auto is on a terminal unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: When,
}

/// How the program speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) json: bool,
    pub(crate) progress: ProgressMode,
    pub(crate) color: When,
}

impl Console {
    /// What must be known before the arguments are understood: the colour of their errors.
    pub(crate) fn from_raw_arguments() -> Self {
        let mut color = When::Auto;
        let mut arguments = std::env::args_os().skip(1).peekable();
        while let Some(argument) = arguments.next() {
            let value = match argument.to_str() {
                Some("--color") => arguments.peek().and_then(|value| value.to_str()),
                Some("--") => break,
                Some(text) => text.strip_prefix("--color="),
                None => None,
            };
            if let Some(when) = value.and_then(|value| When::from_str(value, false).ok()) {
                color = when;
            }
        }
        let json = std::env::args_os().any(|argument| argument == "--json");
        Self { quiet: false, verbose: false, json, progress: ProgressMode::Auto, color }
    }

    /// The same with the arguments that were given.
    pub(crate) fn with(self, args: &ConsoleArgs) -> Self {
        Self {
            quiet: args.quiet,
            verbose: args.verbose,
            json: args.json,
            progress: args.progress,
            color: args.color,
        }
    }

    /// The same choice in the words of the argument parser.
    pub(crate) fn clap_color(&self) -> ColorChoice {
        match self.color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        }
    }

    /// Says something that is worth knowing, unless told to be quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Says something that must be known whatever was asked for.
    pub(crate) fn warn(&self, text: &str) {
        self.say(text);
    }

    /// As [`Console::warn`], and whether it could be said.
    pub(crate) fn tell(&self, text: &str) -> bool {
        writeln!(io::stderr(), "{} {text}", self.name()).is_ok()
    }

    /// Reports a failure and returns its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        if failure.sentence.is_empty() || crate::signals::has_spoken() {
            return failure.exit.into();
        }
        if self.json {
            let report = json!({
                "error": failure.sentence,
                "hint": failure.hint,
                "exit_code": failure.exit.code(),
            });
            let _ = writeln!(io::stderr(), "{}", json_text(&report.to_string()));
        } else {
            self.say(&failure.sentence);
            if let Some(hint) = &failure.hint {
                self.hint(hint);
            }
        }
        failure.exit.into()
    }

    /// Prints a report for machines.
    pub(crate) fn report(&self, report: &Value, channel: Channel) -> Result<(), Failure> {
        let text = json_text(&report.to_string());
        match channel {
            Channel::Stdout => print(&format!("{text}\n")),
            Channel::Stderr => {
                let _ = writeln!(io::stderr(), "{text}");
                Ok(())
            }
        }
    }

    /// Adds to a note what to do about it.
    pub(crate) fn note_hint(&self, text: &str) {
        if !self.quiet {
            self.hint(text);
        }
    }

    /// Says what to do next, on a line of its own that can be found.
    pub(crate) fn hint(&self, text: &str) {
        let name = if self.colours(&io::stderr()) { "\x1b[1mhint:\x1b[0m" } else { "hint:" };
        let _ = writeln!(io::stderr(), "{name} {text}");
    }

    fn say(&self, text: &str) {
        // There is nobody left to tell when standard error fails.
        self.tell(text);
    }

    /// The program's name as its lines begin.
    fn name(&self) -> &'static str {
        if self.colours(&io::stderr()) { "\x1b[1;31msv2:\x1b[0m" } else { "sv2:" }
    }

    /// Whether what goes to `stream` is coloured.
    pub(crate) fn colours(&self, stream: &impl IsTerminal) -> bool {
        match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                stream.is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// Prints text on standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::stdout(&error))
}

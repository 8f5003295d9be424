//! The order of the help: examples in front of the options, notes behind them, and the options that
//! every command has in the help of the program alone.

use clap::{Arg, Command};

/// Where the options of every command are told.
const COMMON: &str =
    "Options of every command, such as -q, -v, --json and --progress: 'sv2 --help'.";

const TEMPLATE: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";

/// The grammar of the program with its help in order; what is understood stays as it is.
pub(crate) fn arranged(program: Command) -> Command {
    let global = program.get_arguments().filter(|argument| argument.is_global_set());
    let common: Vec<Arg> = global.cloned().map(|argument| argument.hide(true)).collect();
    ordered(program).mut_subcommands(|command| below(command, &common))
}

/// A command, and those below it, without the options of every command.
fn below(command: Command, common: &[Arg]) -> Command {
    let command = ordered(command).args(common).after_help(COMMON);
    let notes = match command.get_after_long_help() {
        Some(notes) => format!("{notes}\n\n{COMMON}"),
        None => COMMON.to_owned(),
    };
    command.after_long_help(notes).mut_subcommands(|command| below(command, common))
}

/// A command whose examples, the first paragraph behind its options, stand in front of them.
fn ordered(command: Command) -> Command {
    let Some(text) = command.get_after_long_help().map(ToString::to_string) else { return command };
    let (examples, notes) = match text.split_once("\n\n") {
        Some((examples, notes)) => (examples.to_owned(), notes.to_owned()),
        None => (text, String::new()),
    };
    let first = notes.lines().next().unwrap_or_default();
    let notes = match first.ends_with(':') || notes.is_empty() {
        true => notes,
        false => format!("Notes:\n{notes}"),
    };
    let notes = Some(notes).filter(|notes| !notes.is_empty());
    command.help_template(TEMPLATE).before_long_help(examples).after_long_help(
        notes.map_or(clap::builder::Resettable::Reset, |notes| {
            clap::builder::Resettable::Value(notes.into())
        }),
    )
}

//! The command line as a whole: its words, its help and its errors.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};
use sv2_core::{Suite, fastest_backend};

use crate::commands::Command;
use crate::console::{Console, ConsoleArgs};
use crate::exit::{Exit, NOTES, TABLE};
use crate::failure::Failure;
use crate::help::arranged;
use crate::invocation;
use crate::names::{printable, shown};
use crate::other_tools;

const ABOUT: &str =
    "Encrypt files and pipes on all cores, seekably and with every byte authenticated";

const LONG_ABOUT: &str = "\
Encrypt files and pipes on all cores, seekably and with every byte authenticated.

Streams are opened by age recipients and identities, SSH keys, passphrases or raw keys. \
Without any key option sv2 uses your default identity; --make-identity makes it on first use. \
Sources are kept, outputs are never half-written, and nothing is overwritten without -f.";

const EXAMPLES: &str = "\
Examples:
  sv2 encrypt --make-identity disk.img    disk.img -> disk.img.sv2, for yourself
  sv2 decrypt disk.img.sv2                and back again
  tar -c photos | sv2 encrypt -o photos.tar.sv2
  sv2 decrypt photos.tar.sv2 -o - | tar -x
  sv2 encrypt -r age1... report.pdf       for somebody else
  sv2 encrypt -p notes.txt                under a passphrase";

const ENVIRONMENT: &str = "\
Environment:
  SV2_IDENTITY  identity file to use where no key option is given, in place of the default one
  SV2_IDENTITY_COMMAND
                shell command that prints it
  SV2_PASSPHRASE_COMMAND
                shell command that prints a passphrase where one would be asked for
  SV2_KEY_COMMAND
                shell command that prints the raw key where no key option is given
  SV2_THREADS   number of worker threads where -T is not given
  NO_COLOR      no colour unless --color=always";

const FILES: &str = "\
Files:
  $XDG_CONFIG_HOME/sv2/identity.txt (or ~/.config/sv2/identity.txt)
                the default identity: back it up
  .sv2-*.part   an output that is not complete, where the file system cannot keep it without a
                name until then; every failure and signal removes it but SIGKILL. What that or a loss
                of power leaves may be plaintext; remove it when no sv2 is at work there:
                find FOLDER -name '.sv2-*.part' -delete
  OUTPUT.kept   a whole output that could not get its name
  OUTPUT.unfinished, OUTPUT.sv2-journal
                what an interrupted --resume leaves, until it is continued or you remove it
  $XDG_STATE_HOME/sv2/resume (or ~/.local/state/sv2/resume)
                marks by which --resume knows that it was you who left it
  OUTPUT.lost.json
                what --salvage did not recover
  STREAM.sv2-change
                the old end of a stream that is being changed in place; the next change settles it";

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "sv2",
    version,
    long_version = LONG_VERSION.as_str(),
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = "'sv2 --help' has examples and exit codes, 'sv2 help COMMAND' more on a command.",
    after_long_help = after_long_help(),
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
}

/// The grammar of the command line, with its help in order.
pub(crate) fn grammar() -> clap::Command {
    arranged(Cli::command())
}

/// Understands the arguments; help, versions and mistakes are printed and end the program.
pub(crate) fn parse(console: &Console) -> Result<Cli, ExitCode> {
    if let Some(word) = ambiguous(std::env::args_os().skip(1)) {
        return Err(console.fail(&both(&word)));
    }
    // The order of the help costs as much as all the rest of a start, and only a help shows it.
    let read = |grammar: clap::Command| grammar.color(console.clap_color()).try_get_matches();
    let matches = read(Cli::command()).or_else(|_| read(grammar()));
    let matches = matches.inspect(invocation::keep);
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => console.fail(&Failure::stdout(&error)),
            },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = write!(io::stderr(), "{}", error.render());
                Exit::Usage.into()
            }
            _ => {
                let words: Vec<OsString> = std::env::args_os().skip(1).collect();
                let texts = words.iter().filter_map(|word| word.to_str().map(str::to_owned));
                let command = command_named(texts);
                console.fail(&mistake(&error, &command, &words))
            }
        }
    })
}

/// The first word that is an option and the name of a file here, as a pattern of a shell may make
/// one of a file that somebody else named.
fn ambiguous(words: impl Iterator<Item = OsString>) -> Option<OsString> {
    words.take_while(|word| word != "--").find(|word| {
        let bytes = word.as_encoded_bytes();
        bytes.len() > 1 && bytes[0] == b'-' && Path::new(word).symlink_metadata().is_ok()
    })
}

fn both(word: &OsStr) -> Failure {
    Failure::usage(format!("'{}' is an option and also the name of a file here", shown(word))).hint(
        "write -- in front of the files, or ./ in front of this one; for the option go to another \
         folder",
    )
}

/// What the parser says in several lines about the words of `command`, as one, and what it takes
/// the words for as the hint.
fn mistake(error: &clap::Error, command: &str, words: &[OsString]) -> Failure {
    let told = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(printable(text)),
        Some(ContextValue::Strings(texts)) => texts.first().map(|text| printable(text)),
        _ => None,
    };
    let see = match command {
        "sv2 recipients rm" => {
            "the numbers and labels of the slots: sv2 recipients list STREAM".into()
        }
        _ => format!("see '{command} --help'"),
    };
    let sentence = match error.kind() {
        ErrorKind::UnknownArgument => {
            told(ContextKind::InvalidArg).map(|word| format!("unexpected argument '{word}'"))
        }
        ErrorKind::InvalidSubcommand => {
            told(ContextKind::InvalidSubcommand).map(|word| format!("there is no command '{word}'"))
        }
        _ => None,
    };
    let sentence = sentence.unwrap_or_else(|| flattened(&error.render().to_string()));
    let similar = [
        (ContextKind::SuggestedSubcommand, "command"),
        (ContextKind::SuggestedArg, "option"),
        (ContextKind::SuggestedValue, "value"),
    ]
    .into_iter()
    .find_map(|(kind, what)| Some((told(kind).filter(|word| is_harmless(word))?, what)));
    let option = told(ContextKind::InvalidArg).and_then(|word| other_tools::option(&word));
    let is_unknown =
        matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
    let hint = match (other_tools::meant(words).filter(|_| is_unknown), option, similar) {
        (Some(meant), _, _) => meant,
        (None, Some(ours), _) => ours.to_owned(),
        (None, None, Some((word, what))) => format!("a similar {what} is '{word}'; {see}"),
        (None, None, None) => see,
    };
    Failure::usage(sentence).hint(hint)
}

/// Whether a word may be suggested for a mistyped one: not what deletes, and no alias of one letter.
fn is_harmless(word: &str) -> bool {
    word != "--rm" && word.trim_start_matches('-').len() > 1
}

/// The parser's message without its tips, in one line.
fn flattened(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let ends = ["Usage:", "tip: ", "For more information"];
    let lines = text.lines().map(str::trim);
    let lines = lines.take_while(|line| !ends.iter().any(|end| line.starts_with(end)));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    printable(&lines.join(" "))
}

/// The command that the words are for, as far as they name one.
fn command_named(words: impl Iterator<Item = String>) -> String {
    let mut name = "sv2".to_owned();
    let mut command = grammar();
    for word in words.take_while(|word| word != "--") {
        if let Some(inner) = command.find_subcommand(&word).cloned() {
            name = format!("{name} {}", inner.get_name());
            command = inner;
        }
    }
    name
}

/// The version, and the cipher libraries that this processor gets.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\ncipher libraries: {} for AES-256-GCM, {} for ChaCha20-Poly1305",
        env!("CARGO_PKG_VERSION"),
        fastest_backend(Suite::Aes256Gcm).name(),
        fastest_backend(Suite::ChaCha20Poly1305).name()
    )
});

fn after_long_help() -> String {
    let mut text = format!("{EXAMPLES}\n\nExit codes:\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("  {code:<4} {meaning}\n"));
    }
    text.push_str(&format!("\n{NOTES}\n\n{ENVIRONMENT}\n\n{FILES}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_contradicts_itself_nowhere() {
        grammar().debug_assert();
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        let told = |words: &[&str]| {
            let error = grammar().try_get_matches_from(words).unwrap_err();
            let command = command_named(words[1..].iter().map(|&word| word.to_owned()));
            let failure = mistake(&error, &command, &[]);
            format!("{}\n{}", failure.sentence, failure.hint.unwrap())
        };
        assert_eq!(told(&["sv2", "frob"]), "there is no command 'frob'\nsee 'sv2 --help'");
        let both = told(&["sv2", "encrypt", "-K", "k", "-p"]);
        assert!(both.lines().count() == 2 && both.contains("cannot be used with"), "{both}");
        assert_eq!(
            told(&["sv2", "--color", "never", "e", "--forc"]),
            "unexpected argument '--forc'\na similar option is '--force'; see 'sv2 encrypt --help'"
        );
        let nested = told(&["sv2", "recipients", "add", "-r", "x"]);
        assert!(nested.ends_with("<STREAM>\nsee 'sv2 recipients add --help'"), "{nested}");
        let control = told(&["sv2", "encrypt", "--frame-size", "\x1b[2J\nsv2: done"]);
        assert!(!control.contains('\x1b') && control.lines().count() == 2, "{control}");
    }
}

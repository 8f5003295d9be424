//! The command line as a whole: its words, its help and its errors.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::console::{Manners, MannersArgs};
use crate::exit::{Exit, TABLE};
use crate::failure::Failure;

const ABOUT: &str =
    "Encrypt files and pipes on all cores, seekably and with every byte authenticated";

const LONG_ABOUT: &str = "\
Encrypt files and pipes on all cores, seekably and with every byte authenticated.

Streams are opened by age recipients and identities, SSH keys, passphrases or raw keys. \
Without any key option sv2 uses your default identity, which it makes on first use. \
Sources are kept, outputs are never half-written, and nothing is overwritten without -f.";

const EXAMPLES: &str = "\
Examples:
  sv2 encrypt disk.img                    disk.img -> disk.img.sv2, for yourself
  sv2 decrypt disk.img.sv2                and back again
  tar -c photos | sv2 encrypt -o photos.tar.sv2
  sv2 decrypt photos.tar.sv2 -o - | tar -x
  sv2 encrypt -r age1... report.pdf       for somebody else
  sv2 encrypt -p notes.txt                under a passphrase";

const ENVIRONMENT: &str = "\
Environment:
  SV2_IDENTITY  identity file to use where no key option is given, in place of the default one
  SV2_THREADS   number of worker threads where -T is not given
  NO_COLOR      no colour unless --color=always";

const FILES: &str = "\
Files:
  $XDG_CONFIG_HOME/sv2/identity.txt (or ~/.config/sv2/identity.txt)
                the default identity: back it up";

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "sv2",
    version,
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
    pub(crate) manners: MannersArgs,
}

/// The grammar of the command line, for completions and man pages.
pub(crate) fn grammar() -> clap::Command {
    Cli::command()
}

/// Understands the arguments; help, versions and mistakes are printed and end the program.
pub(crate) fn parse(manners: &Manners) -> Result<Cli, ExitCode> {
    let matches = grammar().color(manners.clap_color()).try_get_matches();
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match error.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => manners.fail(&Failure::stdout(&error)),
            },
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = write!(io::stderr(), "{}", error.render());
                Exit::Usage.into()
            }
            _ => manners.fail(&Failure::usage(sentence(&error.render().to_string()))),
        }
    })
}

/// What the parser says in several lines, as one.
fn sentence(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    format!("{}; see 'sv2 --help'", lines.join(" "))
}

fn after_long_help() -> String {
    let mut text = format!("{EXAMPLES}\n\nExit codes:\n");
    for (code, meaning) in TABLE {
        text.push_str(&format!("  {code:<4} {meaning}\n"));
    }
    text.push_str(&format!("\n{ENVIRONMENT}\n\n{FILES}"));
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
            sentence(&grammar().try_get_matches_from(words).unwrap_err().render().to_string())
        };
        assert_eq!(told(&["sv2", "frob"]), "unrecognized subcommand 'frob'; see 'sv2 --help'");
        let both = told(&["sv2", "encrypt", "-K", "k", "-p"]);
        assert!(!both.contains('\n') && both.contains("cannot be used with"), "{both}");
    }
}

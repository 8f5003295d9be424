//! The order of key options on the command line, by which labels find their slots.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// An option that names one who shall open a stream, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Recipient,
    RecipientsFile,
    Identity,
    IdentityCommand,
    Own,
    Passphrase,
    NewPassphrase,
}

/// The arguments by which such options are known to the parser.
const ARGUMENTS: [(&str, Place); 12] = [
    ("recipients", Place::Recipient),
    ("recipients_files", Place::RecipientsFile),
    ("identities", Place::Identity),
    ("identity_commands", Place::IdentityCommand),
    ("own", Place::Own),
    ("passphrase", Place::Passphrase),
    ("passphrase_file", Place::Passphrase),
    ("passphrase_fd", Place::Passphrase),
    ("passphrase_command", Place::Passphrase),
    ("new_passphrase", Place::NewPassphrase),
    ("new_passphrase_file", Place::NewPassphrase),
    ("new_passphrase_fd", Place::NewPassphrase),
];

/// The options that were given, in their order; no argument of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Order(Vec<(usize, Place)>);

impl Order {
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.0.iter().map(|&(_, place)| place)
    }
}

impl FromArgMatches for Order {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut order = Self::default();
        order.update_from_arg_matches(matches)?;
        Ok(order)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        // Not every command has every one of them.
        let given = ARGUMENTS.into_iter().filter(|(argument, _)| {
            matches.try_contains_id(argument).is_ok_and(|is_there| is_there)
                && matches.value_source(argument) == Some(ValueSource::CommandLine)
        });
        self.0 = given
            .flat_map(|(argument, place)| {
                let indices = matches.indices_of(argument).into_iter().flatten();
                indices.map(move |index| (index, place))
            })
            .collect();
        self.0.sort_by_key(|&(index, _)| index);
        Ok(())
    }
}

impl Args for Order {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

//! `sv2 recipients`: who can open a stream, listed and changed in place.

mod labels;
mod list;
mod rewrite;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::failure::Failure;
use crate::keys::{IdentityArgs, NewRecipientArgs};
use crate::running::OpeningArgs;

const EXAMPLES: &str = "\
Examples:
  sv2 recipients list backup.sv2
  sv2 recipients add -r age1... --label alice backup.sv2
  sv2 recipients add -i old.txt -R team.txt backup.sv2
  sv2 recipients add -p --new-passphrase --replace-passphrase secret.sv2
  sv2 recipients rm --label alice backup.sv2

Only the header and the end of the stream are written, whatever its size. The plaintext, the
generation and the fingerprint stay; the header's revision grows by 1.

Removal is not revocation: who could open the stream once may have kept its key or an old copy. To
shut somebody out, write it anew under a new key: 'sv2 decrypt STREAM -o - | sv2 encrypt -o NEW'.";

const LIST_EXAMPLES: &str = "\
Examples:
  sv2 recipients list backup.sv2
  sv2 recipients list -i key.txt --json backup.sv2 | jq .slots

With a key every slot is shown with its number and label, and the one that the key opened is marked.
Labels are sealed: without a key that opens the stream the kinds of slots are counted and nothing of
it is authentic. Where no key is named, your default identity is tried, and nothing is asked.";

const ADD_EXAMPLES: &str = "\
Examples:
  sv2 recipients add -r age1... --label alice backup.sv2
  sv2 recipients add -i old.txt -R team.txt backup.sv2
  sv2 recipients add -p --new-passphrase --replace-passphrase secret.sv2
  sv2 recipients add --passphrase-file old --new-passphrase-file new secret.sv2

-i, -p, -K and --passphrase-.. open the stream as it is; -r, -R and --new-passphrase.. are new. What
does not fit into the header is refused, since a header cannot grow in place.";

const REMOVE_EXAMPLES: &str = "\
Examples:
  sv2 recipients rm --label alice backup.sv2
  sv2 recipients rm --slot 2 --slot 3 backup.sv2     by the numbers of 'recipients list'

The last slot is never removed, and your own last one only with --force.

Removal is not revocation: who could open the stream once may have kept its key or an old copy. To
shut somebody out, write it anew under a new key: 'sv2 decrypt STREAM -o - | sv2 encrypt -o NEW'.";

/// The arguments of `sv2 recipients`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct RecipientsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the key slots of a stream
    List(ListArgs),
    /// Let somebody else open a stream, too
    Add(AddArgs),
    /// Remove key slots from a stream
    Rm(RemoveArgs),
}

/// The arguments of `sv2 recipients list`.
#[derive(Debug, Args)]
#[command(after_long_help = LIST_EXAMPLES)]
struct ListArgs {
    /// The stream; a file, or standard input that is one
    stream: Option<PathBuf>,
    #[command(flatten)]
    identities: IdentityArgs,
    /// The text that was given when the stream was encrypted
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    context: String,
}

/// The arguments of `sv2 recipients add`.
#[derive(Debug, Args)]
#[command(after_long_help = ADD_EXAMPLES)]
struct AddArgs {
    /// The stream; a file
    stream: PathBuf,
    #[command(flatten)]
    new: NewRecipientArgs,
    /// Put the new passphrase in the place of the one that the stream has
    #[arg(long, help_heading = "New recipients")]
    replace_passphrase: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
}

/// The arguments of `sv2 recipients rm`.
#[derive(Debug, Args)]
#[command(after_long_help = REMOVE_EXAMPLES)]
struct RemoveArgs {
    /// The stream; a file
    stream: PathBuf,
    /// Remove the slot with this number (repeatable)
    #[arg(long = "slot", value_name = "N", required_unless_present = "labels")]
    slots: Vec<usize>,
    /// Remove every slot with this label (repeatable)
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Remove your own last slot, too
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
}

/// Runs `sv2 recipients`.
pub(crate) fn run(args: &RecipientsArgs, console: &Console) -> Result<(), Failure> {
    match &args.action {
        Action::List(args) => list::run(args, console),
        Action::Add(args) => rewrite::add(args, console),
        Action::Rm(args) => rewrite::remove(args, console),
    }
}

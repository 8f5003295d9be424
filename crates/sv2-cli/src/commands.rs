//! The commands, one file each.

pub(crate) mod append;
pub(crate) mod bench;
pub(crate) mod cat;
pub(crate) mod completions;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod fingerprint;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod man;
pub(crate) mod parts;
pub(crate) mod protect;
pub(crate) mod recipients;
pub(crate) mod repair;
pub(crate) mod verify;

use clap::Subcommand;

use crate::console::Console;
use crate::failure::Failure;

/// A command with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encrypt a file or standard input
    #[command(visible_alias = "e")]
    Encrypt(encrypt::EncryptArgs),
    /// Decrypt a stream
    #[command(visible_alias = "d")]
    Decrypt(decrypt::DecryptArgs),
    /// Print ranges of a stream's plaintext
    Cat(cat::CatArgs),
    /// Check streams for damage, and with a key for forgery
    #[command(visible_alias = "t")]
    Verify(verify::VerifyArgs),
    /// Make a parity file, from which damage is repaired without a key
    Protect(protect::ProtectArgs),
    /// Give back what was lost of a file, from its parity file
    Repair(repair::RepairArgs),
    /// Continue a sealed stream in place
    Append(append::AppendArgs),
    /// Show, add or remove who can open a stream, in place
    Recipients(recipients::RecipientsArgs),
    /// Seal one stream on many machines, part by part
    Parts(parts::PartsArgs),
    /// Show what a stream says of itself
    Inspect(inspect::InspectArgs),
    /// Print the fingerprint of a stream
    Fingerprint(fingerprint::FingerprintArgs),
    /// Make an identity or a raw key
    Keygen(keygen::KeygenArgs),
    /// Measure this machine in memory, and say what to set
    Bench(bench::BenchArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write the man pages to a folder
    Man(man::ManArgs),
}

/// Runs a command; `grammar` is that of the whole command line, which two of them write out.
pub(crate) fn run(
    command: Command,
    console: &Console,
    grammar: fn() -> clap::Command,
) -> Result<(), Failure> {
    match command {
        Command::Encrypt(args) => encrypt::run(&args, console),
        Command::Decrypt(args) => decrypt::run(&args, console),
        Command::Cat(args) => cat::run(&args, console),
        Command::Verify(args) => verify::run(&args, console),
        Command::Protect(args) => protect::run(&args, console),
        Command::Repair(args) => repair::run(&args, console),
        Command::Append(args) => append::run(&args, console),
        Command::Recipients(args) => recipients::run(&args, console),
        Command::Parts(args) => parts::run(&args, console),
        Command::Inspect(args) => inspect::run(&args, console),
        Command::Fingerprint(args) => fingerprint::run(&args, console),
        Command::Keygen(args) => keygen::run(&args, console),
        Command::Bench(args) => bench::run(&args, console),
        Command::Completions(args) => completions::run(&args, grammar()),
        Command::Man(args) => man::run(&args, grammar()),
    }
}

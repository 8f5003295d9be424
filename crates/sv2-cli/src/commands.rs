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
pub(crate) mod recipients;
pub(crate) mod verify;

use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};
use sv2_core::{Backend, Cancellation, DecryptOptions, RunOptions};

use crate::console::Manners;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Display;
use crate::report::parse_fingerprint;
use crate::signals;

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
    /// Continue a sealed stream in place
    Append(append::AppendArgs),
    /// Show, add or remove who can open a stream, in place
    Recipients(recipients::RecipientsArgs),
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

/// Runs a command.
pub(crate) fn run(command: Command, manners: &Manners) -> Result<(), Failure> {
    match command {
        Command::Encrypt(args) => encrypt::run(&args, manners),
        Command::Decrypt(args) => decrypt::run(&args, manners),
        Command::Cat(args) => cat::run(&args, manners),
        Command::Verify(args) => verify::run(&args, manners),
        Command::Append(args) => append::run(&args, manners),
        Command::Recipients(args) => recipients::run(&args, manners),
        Command::Inspect(args) => inspect::run(&args, manners),
        Command::Fingerprint(args) => fingerprint::run(&args, manners),
        Command::Keygen(args) => keygen::run(&args, manners),
        Command::Bench(args) => bench::run(&args, manners),
        Command::Completions(args) => completions::run(&args, manners),
        Command::Man(args) => man::run(&args),
    }
}

/// How the work is done, as arguments; none of them changes a byte of the result.
#[derive(Debug, Args)]
#[command(next_help_heading = "Speed")]
pub(crate) struct RunArgs {
    /// Number of worker threads; 0 is one for each processor
    #[arg(short = 'T', long, value_name = "N", env = "SV2_THREADS", default_value = "0")]
    #[arg(hide_env_values = true, value_parser = parse_threads)]
    threads: u16,
    /// The cipher library; by default the fastest on this processor
    #[arg(long, value_name = "NAME", value_enum)]
    backend: Option<BackendName>,
}

/// Which stream is to be opened, as arguments.
#[derive(Debug, Args)]
pub(crate) struct OpeningArgs {
    /// The text that was given when the stream was encrypted
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    context: String,
    /// Refuse any stream but the one with this fingerprint
    #[arg(long, value_name = "FINGERPRINT", value_parser = parse_fingerprint)]
    pub(crate) expect: Option<[u8; 32]>,
}

impl OpeningArgs {
    /// Options for opening such a stream.
    pub(crate) fn options(&self) -> DecryptOptions {
        let mut options = DecryptOptions::standard();
        options.context = self.context.clone().into_bytes();
        options.expected_fingerprint = self.expect;
        options
    }
}

/// The cipher libraries by name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum BackendName {
    Ring,
    AwsLc,
}

impl RunArgs {
    /// Options for the engine, with progress on `display`.
    pub(crate) fn options(&self, cancel: Cancellation, display: &Display) -> RunOptions {
        let mut options = RunOptions::automatic();
        options.threads = NonZeroUsize::new(self.threads.into());
        options.backend = self.backend.map(|name| match name {
            BackendName::Ring => Backend::Ring,
            BackendName::AwsLc => Backend::AwsLc,
        });
        options.cancel = cancel;
        options.observer = display.observer();
        options
    }
}

/// Reads a number of threads; a variable that is empty counts as none.
fn parse_threads(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(threads) if threads <= 1024 => Ok(threads),
        _ if text.is_empty() => Ok(0),
        _ => Err("a number of threads is a whole number from 0 to 1024".into()),
    }
}

/// Turns interrupts into a token; called before anything that may block.
pub(crate) fn watch_signals() -> Result<Cancellation, Failure> {
    signals::cancellation().map_err(|error| Failure {
        exit: Exit::Io,
        sentence: format!("signals cannot be watched: {error}"),
    })
}

//! What commands that read or write streams have in common: speed, what is opened, interrupts.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use sv2_core::{Backend, Cancellation, DecryptOptions, IoThreads, RunOptions};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Display;
use crate::report::parse_fingerprint;
use crate::signals;

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

/// How many threads work, as arguments, for commands without a cipher.
#[derive(Debug, Args)]
#[command(next_help_heading = "Speed")]
pub(crate) struct ThreadArgs {
    /// Number of worker threads; 0 is one for each processor
    #[arg(short = 'T', long, value_name = "N", env = "SV2_THREADS", default_value = "0")]
    #[arg(hide_env_values = true, value_parser = parse_threads)]
    threads: u16,
}

impl ThreadArgs {
    /// The threads that were asked for.
    pub(crate) fn count(&self) -> NonZeroUsize {
        threads_or_all(self.threads)
    }
}

/// One thread for each processor.
pub(crate) fn all_threads() -> NonZeroUsize {
    threads_or_all(0)
}

/// That many threads, or one for each processor.
fn threads_or_all(threads: u16) -> NonZeroUsize {
    let all = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    NonZeroUsize::new(threads.into()).unwrap_or_else(all)
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
    /// The threads that were asked for.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        threads_or_all(self.threads)
    }

    /// Options for the engine, with progress on `display`.
    pub(crate) fn options(&self, cancel: Cancellation, display: &Display) -> RunOptions {
        let mut options = RunOptions::automatic();
        options.threads = NonZeroUsize::new(self.threads.into());
        // A process has one stream at a time, and its pipes have programs at their other ends.
        options.io_threads = IoThreads::BesideAny;
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
    signals::cancellation()
        .map_err(|error| Failure::new(Exit::Io, format!("signals cannot be watched: {error}")))
}

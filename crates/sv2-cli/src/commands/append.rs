//! `sv2 append`: more plaintext at the end of a sealed stream, in place.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sv2_core::{StreamError, append};

use crate::change::Target;
use crate::console::Console;
use crate::ends::{Channel, Direction, Input};
use crate::failure::Failure;
use crate::keys::IdentityArgs;
use crate::parity::Kept;
use crate::progress::Display;
use crate::report;
use crate::running::{OpeningArgs, RunArgs, watch_signals};
use crate::size::readable;

const EXAMPLES: &str = "\
Examples:
  sv2 append log.sv2 today.log               continue log.sv2 with what is in today.log
  journalctl -o export | sv2 append -i key.txt journal.sv2
  sv2 append log.sv2 /dev/null               nothing, but an unfinished change is settled

Seal and index are checked first. Full segments stay as they are, byte for byte; a short last one is
opened and written anew under a fresh key. The stream gets a new generation and a new fingerprint,
and keeps its recipients.

A parity file beside the stream ('sv2 protect') is brought along, which reads the windows that held
the old end; where that cannot be, the command says that it is stale.

The old end is kept in STREAM.sv2-change until the new one is on stable storage. Whatever stops the
command, the stream is then in its old or in its new state, and a change that was cut off is taken
back by the next command that changes the stream. Until then reading it may fail, and says so.";

/// The arguments of `sv2 append`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct AppendArgs {
    /// The stream to continue; a file
    stream: PathBuf,
    /// What to append; standard input where it is - or not given
    input: Option<PathBuf>,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs `sv2 append`.
pub(crate) fn run(args: &AppendArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let target = Target::open(&args.stream)?;
    let input = Input::open(args.input.as_deref(), Direction::Encrypt)?;
    target.require_other(&input)?;
    if input.is_stdin() && args.identities.passphrases.reads_stdin() {
        return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
    }
    let key = args.identities.open_key()?;

    let display = Display::new(console);
    let (mut options, settled) = target.options(&args.opening, console);
    options.run = args.run.options(cancel.clone(), &display);
    let parity = Kept::before(&target.path);
    let from = input.name.clone();
    let source = input.into_source();
    let done = key.with(|key| append(&target.path, source, key, &options));
    drop(display);
    let done = done.map_err(|error| match &error {
        // The stream was read before, so these are about the input.
        StreamError::Read { .. } | StreamError::InputChanged { .. } => {
            let mut failure = target.failed(&error);
            failure.sentence = format!("{from}, to be appended to {}", failure.sentence);
            failure
        }
        _ => target.failed(&error),
    })?;
    let parity = parity.after(args.run.threads(), &cancel, console);
    if console.json {
        let mut report = report::to_json("append", &from, &target.name, &done);
        report["recovery"] = json!(settled.told());
        report["parity"] = parity;
        console.report(&report, Channel::Stdout)?;
    } else if done.bytes_in == 0 {
        console.note(&format!("{}: nothing was appended", target.name));
    } else {
        console.note(&format!(
            "{}: appended {}, now {} ({} bytes) in generation {}",
            target.name,
            readable(done.bytes_in),
            readable(done.plaintext_len),
            done.plaintext_len,
            done.generation
        ));
        if console.verbose {
            console.note(&report::to_text(&from, &target.name, &done));
        }
    }
    Ok(())
}

//! `sv2 parts`: one stream that many machines seal, part by part; sealing, checking and decrypting a
//! part are tasks that may run twice.

mod decrypt;
mod finish;
mod folder;
mod job;
mod listing;
mod plan;
mod seal;
mod told;
mod verify;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  sv2 keygen -o job.txt                      an identity for this job, for every worker
  sv2 parts plan -o job.plan --job age1... disk.img
  sv2 parts seal -i job.txt --part 1-8 job.plan disk.img parts     on one machine
  sv2 parts seal -i job.txt --part 9-16 job.plan disk.img parts    on another one
  sv2 parts verify job.plan parts
  sv2 parts finish job.plan parts
  cat parts/part-????? > disk.img.sv2
  sv2 parts decrypt job.plan disk.img.sv2 -o back.img              all parts on one machine
  sv2 parts decrypt -f --part 3 job.plan disk.img.sv2 -o back.img  each part by itself

A plan fixes the stream's header, the source by its length and tag, and where parts begin. Whoever
seals needs that file and an identity of the job, to which the key of segments in it is locked: give
a worker that identity as a file, in SV2_IDENTITY or by a command, and not in what an engine stores
or shows. That key reads every segment, and makes no other stream. Send plans to workers by a way
that nobody else writes to: whoever replaces one has workers seal for somebody else. Plans are those
of stream_v2.parts in Python too.

A task may be retried, run twice at the same time, or lost: every attempt has fresh salts and a
receipt of its own beside the parts, and 'finish' takes those whose bytes are there. It refuses what
is missing, stale, altered, or of another plan, names the part, and completes nothing then.";

/// The arguments of `sv2 parts`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PartsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Draw a stream's header, and plan its parts
    Plan(Box<plan::PlanArgs>),
    /// Seal parts of a planned stream
    Seal(seal::SealArgs),
    /// Check stored parts for damage, without a key
    Verify(verify::VerifyArgs),
    /// Make the end of a planned stream from the receipts of its parts
    Finish(finish::FinishArgs),
    /// Decrypt parts of a finished stream into their ranges of a file
    Decrypt(decrypt::DecryptArgs),
}

/// Runs `sv2 parts`.
pub(crate) fn run(args: &PartsArgs, console: &Console) -> Result<(), Failure> {
    match &args.action {
        Action::Plan(args) => plan::run(args, console),
        Action::Seal(args) => seal::run(args, console),
        Action::Verify(args) => verify::run(args, console),
        Action::Finish(args) => finish::run(args, console),
        Action::Decrypt(args) => decrypt::run(args, console),
    }
}

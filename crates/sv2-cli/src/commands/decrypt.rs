//! `sv2 decrypt`: a stream back to its plaintext.

mod salvage;

use std::path::PathBuf;

use clap::Args;
use sv2_core::{ErrorKind, Tail, decrypt_resumable, decrypt_stream_with};

use self::salvage::{GapsName, Rescue};
use crate::change::note_half_changed;
use crate::console::Console;
use crate::ends::{Direction, Input, OutputArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation;
use crate::keys::IdentityArgs;
use crate::names::Names;
use crate::progress::Display;
use crate::report;
use crate::resume::{Resumable, note_unfinished};
use crate::running::{OpeningArgs, RunArgs, watch_signals};
use crate::size::counted;

const EXAMPLES: &str = "\
Examples:
  sv2 decrypt disk.img.sv2                 to disk.img, with your default identity
  sv2 decrypt -i key.txt a.tar.sv2 -o - | tar -t
  sv2 decrypt -p secret.sv2 -o notes.txt   with a passphrase
  curl -s https://example.org/a.sv2 | sv2 decrypt > a
  sv2 decrypt --salvage broken.img.sv2     what is left of a damaged stream
  sv2 decrypt --resume disk.img.sv2        again and again, until it is done

Without a key option the default identity is tried, and then you are asked for a passphrase if the
stream has one.

From a pipe, plaintext is passed on as its segments are authenticated; only exit code 0 says that
it was all of one sealed stream, and the one that --expect names: a pipe cannot be held back, so what
goes to standard output before the end is not checked against the fingerprint yet. With -o FILE
nothing is left of another stream. A file is checked before the first byte is written.

The output has mode 0600, whatever the stream's file has. With -f a symbolic link is replaced, and
not what it leads to.

With --unsealed the exit code is 0 although the stream is not sealed: what says so is the warning,
which -q does not silence, and \"sealed\": false with --json. It is 5 where the stream is damaged
behind what was read, which --salvage might get more out of.

With --salvage every frame that is authentic is written, and nothing else. What was lost is listed
in OUTPUT.lost.json, and on standard error with --json where standard output carries the data. Exit
code 0 then says that nothing was lost, 5 that something was or that the seal was.

With --resume an interrupted command leaves OUTPUT.unfinished, the plaintext so far, and
OUTPUT.sv2-journal, which says how much of it is safely on the disk; the same command continues
there. Files that do not belong to the stream are left alone, and the exit code is 7. What is left
stays until it is continued or you remove it; without --resume it is not used, and told of.";

/// The arguments of `sv2 decrypt`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DecryptArgs {
    /// The stream to decrypt; standard input where it is - or not given
    input: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    /// Leave what is done where the command is interrupted, and continue what is there
    #[arg(long, conflicts_with_all = ["unsealed", "salvage"])]
    resume: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten)]
    stream: StreamArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// What the stream must be like, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Stream")]
struct StreamArgs {
    #[command(flatten)]
    opening: OpeningArgs,
    /// Read a stream whose end is missing up to its last whole segment, or a damaged one up to the
    /// damage, and say so even when told to be quiet; the exit code is 0
    #[arg(long, conflicts_with_all = ["rm", "expect"])]
    unsealed: bool,
    /// Write what is left of a damaged stream, with zeros in place of what is lost, or with =skip
    /// without it
    #[arg(long, value_name = "GAPS", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "zero")]
    #[arg(conflicts_with_all = ["rm", "expect", "unsealed"])]
    salvage: Option<GapsName>,
}

/// Runs `sv2 decrypt`.
pub(crate) fn run(args: &DecryptArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let mut options = args.stream.opening.options();
    options.tail = if args.stream.unsealed { Tail::MayBeMissing } else { Tail::Required };

    let input = match args.stream.salvage {
        Some(_) => Input::open_file(args.input.as_deref(), "decrypt --salvage")?,
        None => Input::open(args.input.as_deref(), Direction::Decrypt)?,
    };
    if input.is_terminal() {
        return Err(Failure::usage(
            "the stream would be read from the terminal; name a file or use a pipe",
        ));
    }
    let output = args.output.place(&input, Direction::Decrypt)?;
    let rescue = match args.stream.salvage {
        Some(gaps) => Some(Rescue::new(gaps, &args.output, &input, &output)?),
        None => None,
    };
    if input.is_stdin() && args.identities.passphrases.reads_stdin() {
        return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
    }
    if !args.resume {
        note_unfinished(&output, console);
    }
    let key = args.identities.open_key()?;

    let display = Display::new(console);
    options.run = args.run.options(cancel, &display);
    let (from, to, channel) = (input.name.clone(), output.name.clone(), output.free_channel());
    let names = Names { input: &from, output: &to };
    if args.resume {
        let (resumable, aftermath) = Resumable::new(&input, output)?;
        let source = input.into_source();
        let done = key.with(|key| decrypt_resumable(source, &resumable.output, key, &options));
        drop(display);
        let done = done.map_err(|error| resumable.failure(&error, names))?;
        aftermath.settle(|text| console.note(text))?;
        return report::resumed("decrypt", names, &done, channel, console);
    }
    let (sink, aftermath) = output.into_sink();
    let source = input.into_source();
    if let Some(rescue) = rescue {
        let done = key.with(|key| rescue.run(source, sink, key, &options));
        drop(display);
        let done = done.map_err(|error| rescue.failure(&error, names))?;
        return rescue.report(&done, names, channel, console);
    }
    let done = key.with(|key| decrypt_stream_with(source, sink, key, &options));
    drop(display);
    let done = done.map_err(|error| Failure::stream(&error, names))?;
    aftermath.settle(|text| console.note(text))?;
    let is_damaged_behind = done.unsealed_end.is_some_and(|end| end != ErrorKind::Unsealed);
    if !done.sealed && !is_damaged_behind {
        // The exit code is that of success, so this is the only sign.
        console.warn(&format!(
            "{from}: the stream is not sealed: {} read up to where it ends, every byte of them is \
             authentic, but whether anything is missing or outdated is not known",
            counted(done.segments, "segment was", "segments were")
        ));
    }
    note_half_changed(&from, console);
    if console.json {
        console.report(&report::to_json("decrypt", &from, &to, &done), channel)?;
    } else if console.verbose {
        console.note(&report::to_text(&from, &to, &done));
    }
    if is_damaged_behind {
        let segments = counted(done.segments, "segment", "segments");
        return Err(Failure::new(
            Exit::Damaged,
            format!(
                "{from}: the stream is not sealed, and damaged behind {segments}, which are \
                 written and authentic"
            ),
        )
        .hint(format!(
            "to get out what is sound behind the damage, too: {}",
            invocation::on("decrypt --salvage", &from)
        )));
    }
    Ok(())
}

//! `sv2 cat`: ranges of a stream's plaintext, each byte authenticated before it is printed.

mod range;
mod rescue;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use sv2_core::{Cancellation, StreamError, StreamReader};

use self::rescue::{Rescue, Stop};
use crate::change::note_half_changed;
use crate::console::Console;
use crate::ends::{Direction, Input, Output, OutputWriter, TargetArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::{IdentityArgs, OpenKey};
use crate::names::Names;
use crate::progress::Display;
use crate::report::hex;
use crate::running::{OpeningArgs, watch_signals};
use crate::size::{counted, readable};
use crate::trailing::{self, TrailingName};

const EXAMPLES: &str = "\
Examples:
  sv2 cat --range 1M:4K disk.img.sv2 | xxd      4 KiB from 1 MiB on
  sv2 cat --range -64K: log.sv2                 the last 64 KiB
  sv2 cat --range 0:512 --range 1G:512 -o two disk.img.sv2
  sv2 cat notes.txt.sv2                         everything, to standard output
  sv2 cat --salvage --range 1G:4K broken.sv2    what still authenticates of a damaged stream

Ranges are printed in the order in which they are given. Offsets and lengths are in bytes, or in K,
M and G for powers of 1024. What lies beyond the end is cut off, and an offset further back than the
start is the start.

Only the frames that a range touches are read, so the stream must be a file. Seal and index are
checked first, and each frame before a byte of it is printed. Digests of whole segments are checked
by 'sv2 decrypt' and 'sv2 verify' alone. A file that is written with -o has mode 0600, and with -f
takes the place of a symbolic link, not of what it leads to.";

/// Plaintext that is held in memory.
const CHUNK: usize = 4 << 20;

/// The arguments of `sv2 cat`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct CatArgs {
    /// The stream; a file, or standard input that is one
    input: Option<PathBuf>,
    /// Bytes to print: LEN from OFF on, all the rest without LEN; a negative OFF counts from the
    /// end (repeatable; everything without it)
    #[arg(long = "range", value_name = "OFF:LEN", value_parser = range::parse)]
    #[arg(allow_hyphen_values = true)]
    ranges: Vec<range::Range>,
    /// Read what still authenticates of a damaged stream, with zeros for what is lost, and say what
    /// is missing
    #[arg(long, conflicts_with_all = ["expect", "unsealed"])]
    salvage: bool,
    /// Read a stream whose end is missing, or a damaged one up to the damage
    #[arg(long, conflicts_with = "expect")]
    unsealed: bool,
    /// Read a sealed stream that something follows, such as the padding of a tape, up to its end
    #[arg(long, value_name = "WHAT", value_enum, conflicts_with_all = ["salvage", "unsealed"])]
    trailing: Option<TrailingName>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
}

/// Runs `sv2 cat`.
pub(crate) fn run(args: &CatArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let begun = Instant::now();
    let input = Input::open_file(args.input.as_deref(), "cat")?;
    let output = args.target.place(&input, Direction::Decrypt)?;
    if input.is_stdin() && args.identities.passphrases.reads_stdin() {
        return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
    }
    let key = args.identities.open_key()?;

    let options = args.opening.options();
    let (from, to, channel) = (input.name.clone(), output.name.clone(), output.free_channel());
    let names = Names { input: &from, output: &to };
    if args.salvage || args.unsealed {
        return rescued(args, &input, output, &key, &cancel, console);
    }
    let failed = |error| Failure::stream(&error, names);
    let found = match args.trailing {
        Some(TrailingName::Ignore) => trailing::found(&input).map_err(failed)?,
        None => None,
    };
    let again = input.again().ok();
    let source = match found {
        Some(found) => input.up_to(found.offset)?,
        None => input.into_source(),
    };
    let stream = key.with(|key| StreamReader::open(source, key, &options)).map_err(|error| {
        trailing::explained("cat", &from, again, &error)
            .unwrap_or_else(|| Failure::stream(&error, names))
    })?;
    let whole = [range::Range::WHOLE];
    let wanted = if args.ranges.is_empty() { &whole[..] } else { &args.ranges };
    let ranges: Vec<_> = wanted.iter().map(|range| range.within(stream.len())).collect();

    let display = Display::new(console);
    let mut writer = output.into_writer()?;
    let written = copy(&stream, &ranges, &mut writer, &cancel, &display, names)?;
    writer.finish(&cancel)?;
    drop(display);
    note_half_changed(&from, console);
    if console.json {
        let ranges = ranges.iter().map(|range| {
            json!({ "plaintext_offset": range.start, "plaintext_bytes": range.end - range.start })
        });
        let report = json!({
            "command": "cat",
            "input": from.for_machines(),
            "output": to.for_machines(),
            "ranges": ranges.collect::<Vec<_>>(),
            "bytes_out": written,
            "plaintext_bytes": stream.len(),
            "fingerprint": hex(&stream.fingerprint()),
            "seconds": begun.elapsed().as_secs_f64(),
        });
        console.report(&report, channel)?;
    } else if console.verbose {
        console.note(&format!(
            "{from} -> {to}: {} of {} in {}",
            readable(written),
            readable(stream.len()),
            counted(ranges.len() as u64, "range", "ranges")
        ));
    }
    Ok(())
}

/// Copies what still authenticates of the ranges, and says what of them is missing.
fn rescued(
    args: &CatArgs,
    input: &Input,
    output: Output,
    key: &OpenKey,
    cancel: &Cancellation,
    console: &Console,
) -> Result<(), Failure> {
    let rescue = if args.salvage { Rescue::Salvage } else { Rescue::Unsealed };
    let whole = [range::Range::WHOLE];
    let wanted = if args.ranges.is_empty() { &whole[..] } else { &args.ranges };
    if wanted.iter().any(range::Range::counts_from_the_end) {
        return Err(Failure::usage(
            "a range that counts from the end needs a stream whose end is sound",
        )
        .hint("name the offset from the start"));
    }
    let mut options = args.opening.options();
    options.run.cancel = cancel.clone();
    let to = output.name.clone();
    let names = Names { input: &input.name, output: &to };
    let mut writer = output.into_writer()?;
    let (mut lost, mut sealed, mut short) = (Vec::new(), true, false);
    for range in wanted {
        // The length is what the stream turns out to have.
        let range = range.within(u64::MAX);
        let source = input.again()?;
        let got = key.with(|key| rescue.copy(source, key, &options, &range, &mut writer));
        let got = got.map_err(|stop| match stop {
            Stop::Stream(error) => Failure::stream(&error, names),
            Stop::Told(failure) => failure,
        })?;
        short |= range.end != u64::MAX && got.written < range.end - range.start;
        sealed &= got.sealed;
        lost.extend(got.lost);
    }
    writer.finish(cancel)?;
    let missing: u64 = lost.iter().map(|range| range.end - range.start).sum();
    let mut told = Vec::new();
    if missing > 0 {
        let first = &lost[0];
        told.push(format!(
            "{} of what was asked for are lost and stand there as zeros, the first at {}",
            counted(missing, "byte", "bytes"),
            first.start
        ));
    }
    if short {
        told.push("a range reaches beyond what is there".to_owned());
    }
    if !sealed {
        told.push(
            "the seal is lost, so whether anything behind is missing is not known".to_owned(),
        );
    }
    let sentence = format!("{}: {}", input.name, told.join("; "));
    match (missing > 0 || (args.salvage && !sealed), told.is_empty()) {
        (true, _) => Err(Failure::new(Exit::Damaged, sentence)),
        (false, false) => {
            console.warn(&sentence);
            Ok(())
        }
        (false, true) => Ok(()),
    }
}

/// Copies the ranges piece by piece and returns their length.
fn copy(
    stream: &StreamReader<'_>,
    ranges: &[Range<u64>],
    writer: &mut OutputWriter,
    cancel: &Cancellation,
    display: &Display,
    names: Names<'_>,
) -> Result<u64, Failure> {
    let failed = |error| Failure::stream(&error, names);
    let total =
        ranges.iter().fold(0, |sum: u64, range| sum.saturating_add(range.end - range.start));
    let mut done = 0;
    let mut plaintext = vec![0; CHUNK.min(usize::try_from(total).unwrap_or(CHUNK))];
    for range in ranges {
        let mut offset = range.start;
        while offset < range.end {
            if cancel.is_cancelled() {
                return Err(failed(StreamError::Cancelled { segment: 0 }));
            }
            // Pieces end at multiples of their size, so that no frame is opened twice.
            let left = (range.end - offset).min(CHUNK as u64 - offset % CHUNK as u64);
            let piece = &mut plaintext[..left as usize];
            let count = stream.read_at(piece, offset).map_err(failed)?;
            writer.write_all(&piece[..count])?;
            offset += count as u64;
            done += count as u64;
            display.advance(done, total);
        }
    }
    Ok(done)
}

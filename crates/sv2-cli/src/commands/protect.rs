//! `sv2 protect`: parity files, from which damage is repaired without a key.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use sv2_core::Existing;
use sv2_parity::{Area, Identity, Protected, Request, Spread};

use crate::console::Console;
use crate::ends::Channel;
use crate::failure::Failure;
use crate::names::{Name, shown};
use crate::parity::{make, parse_share, promise};
use crate::running::{ThreadArgs, watch_signals};
use crate::size::readable;

const EXAMPLES: &str = "\
Examples:
  sv2 protect backup.sv2                    makes backup.sv2.par beside it
  sv2 protect --parity 10% -- *.sv2         more parity, for more damage
  sv2 encrypt --protect disk.img            both at once
  sv2 repair backup.sv2                     gives back what was lost

A parity file is made from the bytes as they are stored: no key is needed, now or for a repair, and
any other file can be protected as well. It holds a checksum of every block and blocks of an erasure
code, in windows that are spread over the whole file, and it survives damage of itself. What it can
give back is printed when it is made, by 'sv2 verify' and by 'sv2 repair'.

The file is read once, on all cores; each thread holds one window in memory, about 140 MiB, and all
of them together 1 GiB. 'sv2 append' and 'sv2 recipients' bring the parity file along. Checksums
agree after a repair, and nothing is authenticated by it: for that there is 'sv2 verify -i KEY'.";

/// The arguments of `sv2 protect`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ProtectArgs {
    /// The files to protect
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How much parity, in parts of the file: 0.1% to 100%
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = parse_share)]
    parity: u16,
    /// Where the blocks of a window lie: over the whole file, so that one long gap takes little of
    /// each, or one behind the other
    #[arg(long, value_name = "HOW", value_enum, default_value_t = SpreadName::Auto)]
    spread: SpreadName,
    /// Overwrite a parity file that is there
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    threads: ThreadArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SpreadName {
    Auto,
    None,
}

/// Runs `sv2 protect`.
pub(crate) fn run(args: &ProtectArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let spread = match args.spread {
        SpreadName::Auto => Spread::Runs,
        SpreadName::None => Spread::Consecutive,
    };
    let request =
        Request::new(args.parity, spread).map_err(|error| Failure::usage(error.to_string()))?;
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    for path in &args.files {
        let work = (args.threads.count(), &cancel);
        let (parity, done) = make(path, request, existing, work, console)?;
        let name = Name::File(path.clone());
        if console.json {
            let output = Name::File(parity);
            console.report(&to_json(&name, &output, &done), Channel::Stdout)?;
            continue;
        }
        console.note(&format!(
            "{}: {} for {}; {}",
            shown(&parity),
            readable(done.parity_len),
            readable(done.directory.file_len),
            promise(&done.directory.areas)
        ));
        if console.verbose {
            console.note(&format!(
                "{} threads held at most {}",
                done.threads,
                readable(done.memory)
            ));
        }
    }
    Ok(())
}

fn to_json(file: &Name, parity: &Name, done: &Protected) -> Value {
    json!({
        "command": "protect",
        "input": file.for_machines(),
        "output": parity.for_machines(),
        "bytes": done.directory.file_len,
        "parity_bytes": done.parity_len,
        "is_stream": matches!(done.directory.identity, Identity::Stream { .. }),
        "areas": done.directory.areas.iter().map(area_json).collect::<Vec<_>>(),
        "threads": done.threads,
        "memory_bytes": done.memory,
    })
}

/// An area with its promise, for machines.
pub(crate) fn area_json(area: &Area) -> Value {
    let promise = area.promise();
    json!({
        "start": area.start(),
        "end": area.end(),
        "windows": area.windows(),
        "block_bytes": promise.block_len,
        "window_bytes": promise.window_len,
        "repairable_blocks": promise.blocks,
        "repairable_gap": promise.gap,
    })
}

//! `sv2 parts finish`: the end of a planned stream, from the receipts whose bytes are stored.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sv2_core::Existing;
use sv2_core::parts::{Finished, reopen_parts};

use super::folder::{self, part_path};
use super::job::SmallFile;
use super::listing::{self, base64_of_crc};
use super::told;
use crate::console::Console;
use crate::ends::Channel;
use crate::failure::Failure;
use crate::keys::IdentityArgs;
use crate::names::{Name, shown};
use crate::report::hex;
use crate::running::{OpeningArgs, ThreadArgs, watch_signals};
use crate::size::{counted, readable};

/// The arguments of `sv2 parts finish`.
#[derive(Debug, Args)]
pub(super) struct FinishArgs {
    /// The plan
    plan: PathBuf,
    /// The folder of receipts, and of the parts unless they are listed
    folder: PathBuf,
    /// What the store says that it holds, as JSON of 'aws s3api list-parts', in place of the
    /// folder's parts
    #[arg(long, value_name = "FILE")]
    listing: Option<PathBuf>,
    /// Write the end of the stream here; by default to the folder, as the part behind the last one
    #[arg(short, long, value_name = "TAIL")]
    output: Option<PathBuf>,
    /// Overwrite the end
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    identities: IdentityArgs,
    #[command(flatten, next_help_heading = "Stream")]
    opening: OpeningArgs,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Runs `sv2 parts finish`.
pub(super) fn run(args: &FinishArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let job = folder::read_job(&args.plan)?;
    let key = args.identities.open_key()?;
    let options = args.opening.options();
    let reopened = key.with(|keys| reopen_parts(job.plan(), keys, &options));
    let coordinator = reopened.map_err(|error| told::parts(error, &args.plan))?;
    let receipts = folder::receipts(&args.folder, &coordinator, &args.plan)?;
    let stored = match &args.listing {
        Some(path) => listing::of_file(path)?,
        None => {
            let work = (args.threads.count(), &cancel);
            listing::of_folder(&args.folder, coordinator.parts_plan(), work, console)?
        }
    };
    let finished = coordinator.finish(&receipts, &stored);
    let finished = finished.map_err(|error| told::parts(error, &args.plan))?;
    let output = args.output.clone().unwrap_or_else(|| part_path(&args.folder, finished.tail_part));
    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    let parts = (1..finished.tail_part).map(|part| part_path(&args.folder, part));
    let inputs: Vec<_> = parts.chain([args.plan.clone()]).collect();
    let inputs: Vec<_> = inputs.iter().map(PathBuf::as_path).collect();
    SmallFile::begin(&output, &inputs, existing, 0o644)?.write(&finished.tail, &cancel)?;
    let name = Name::File(output.clone());
    if console.json {
        return console.report(&to_json(&name, &finished, &stored), Channel::Stdout);
    }
    console.note(&format!(
        "{}: the end of {} in {}, CRC-64/NVME {}",
        shown(&output),
        readable(finished.len),
        counted(u64::from(finished.tail_part), "part", "parts"),
        base64_of_crc(finished.crc64),
    ));
    Ok(())
}

/// What completes the object in a store.
fn to_json(output: &Name, finished: &Finished, stored: &[sv2_core::parts::StoredPart]) -> Value {
    let checksum = |part: u32| {
        let held = stored.iter().find(|held| held.part == part)?;
        held.crc64.map(base64_of_crc)
    };
    let parts = finished
        .parts
        .iter()
        .map(|(part, _)| json!({"PartNumber": part, "ChecksumCRC64NVME": checksum(*part)}));
    json!({
        "command": "parts finish",
        "output": output.for_machines(),
        "parts": parts.collect::<Vec<_>>(),
        "tail_part": finished.tail_part,
        "tail_bytes": finished.tail.len(),
        "bytes": finished.len,
        "checksum_crc64nvme": base64_of_crc(finished.crc64),
        "checksum_type": "FULL_OBJECT",
        "plaintext_bytes": finished.trailer.plaintext_len,
        "fingerprint": hex(&finished.fingerprint),
    })
}

//! `sv2 parts plan`: the header of a stream, and where its parts begin.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sv2_core::Existing;
use sv2_core::parts::{PartRule, PartsPlan, geometry_for, plan_parts};
use sv2_keys::Recipient;

use super::job::{self, SmallFile, Stamp};
use super::told;
use crate::commands::encrypt::StreamArgs;
use crate::console::Console;
use crate::ends::{Channel, Direction, Input};
use crate::failure::Failure;
use crate::keys::RecipientArgs;
use crate::names::{Name, shown};
use crate::running::watch_signals;
use crate::size::{self, counted, readable};

/// The arguments of `sv2 parts plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// What is to be sealed; a file
    source: PathBuf,
    /// Write the plan here, with the locked key of segments
    #[arg(short, long, value_name = "PLAN")]
    output: PathBuf,
    /// Overwrite the plan
    #[arg(short, long)]
    force: bool,
    /// Lock the key of segments to this recipient, whose identity every worker has; may be given
    /// more than once
    #[arg(long, value_name = "RECIPIENT", required = true)]
    job: Vec<String>,
    /// What the source is known by, such as an ETag; by default the time of its last change
    #[arg(long, value_name = "TAG")]
    source_tag: Option<String>,
    /// Bytes that a part should have
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "64M")]
    part_size: u64,
    /// The fewest bytes of a part; what is left over and has fewer goes with the last one
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "5M")]
    min_part: u64,
    /// The most bytes of a part
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "5G")]
    max_part: u64,
    /// The most parts, the end among them
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_parts: u32,
    #[command(flatten)]
    recipients: RecipientArgs,
    #[command(flatten)]
    stream: StreamArgs,
}

/// Runs `sv2 parts plan`.
pub(super) fn run(args: &PlanArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let mut options = args.stream.options()?;
    let workers = args.job.iter().map(|text| {
        text.parse().map_err(|error| {
            Failure::usage(format!("--job: {error}"))
                .hint("make an identity for the job, and give its recipient: sv2 keygen -o job.txt")
        })
    });
    let workers: Vec<Recipient> = workers.collect::<Result<_, _>>()?;
    let input = Input::open(Some(&args.source), Direction::Encrypt)?;
    let failed = |error| Failure::file("open", &args.source, &error);
    let source = File::open(&args.source).map_err(failed)?;
    let pin = Stamp::of(&source, &args.source)?.pin(args.source_tag.as_deref());
    if !args.stream.has_segment_size() {
        options.geometry = geometry_for(pin.len, options.digest);
    }
    let who = args.recipients.who(console)?;
    options.metadata = args.stream.metadata(&input, false, &who.labels())?;
    let new = who.new_key()?;
    options.slots = new.slots;
    let rule = PartRule::s3()
        .bounds(args.min_part, args.max_part)
        .max_parts(args.max_parts)
        .wanted_len(args.part_size);
    let planned = plan_parts(&new.key, &options, pin, &rule);
    let coordinator = planned.map_err(|error| told::parts(error, &args.output))?;

    let existing = if args.force { Existing::Replace } else { Existing::Refuse };
    let plan = coordinator.parts_plan();
    let job = job::lock(&args.output, plan, &coordinator.segments_key(), &workers)?;
    let file = SmallFile::begin(&args.output, &[&args.source], existing, 0o644)?;
    file.write(&job.encode(), &cancel)?;
    let name = Name::File(args.source.clone());
    if console.json {
        let output = Name::File(args.output.clone());
        return console.report(&to_json(&name, &output, plan), Channel::Stdout);
    }
    console.note(&format!(
        "{}: {} of {name} in {}, and the end behind them",
        shown(&args.output),
        readable(plan.source().len),
        counted(plan.parts().into(), "part", "parts"),
    ));
    Ok(())
}

fn to_json(source: &Name, output: &Name, plan: &PartsPlan) -> Value {
    let parts = (1..=plan.parts()).filter_map(|part| plan.part(part).ok()).map(|part| {
        json!({
            "part": part.number,
            "first_segment": part.segments.start,
            "segments": part.segments.end - part.segments.start,
            "plaintext_offset": part.plaintext.start,
            "plaintext_bytes": part.plaintext.end - part.plaintext.start,
            "offset": part.wire.start,
            "bytes": part.wire.end - part.wire.start,
        })
    });
    json!({
        "command": "parts plan",
        "input": source.for_machines(),
        "output": output.for_machines(),
        "plaintext_bytes": plan.source().len,
        "source_tag": String::from_utf8_lossy(&plan.source().tag),
        "parts": parts.collect::<Vec<_>>(),
    })
}

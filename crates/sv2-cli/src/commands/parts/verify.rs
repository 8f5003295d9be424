//! `sv2 parts verify`: stored parts, checked without a key.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::json;
use sv2_core::InputSource;
use sv2_core::parts::{PartsPlan, scrub_part};

use super::folder::{self, Parts, Tasks, part_path};
use super::told;
use crate::console::{Console, print};
use crate::ends::Channel;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::names::Name;
use crate::running::{ThreadArgs, watch_signals};
use crate::size::counted;

/// The arguments of `sv2 parts verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The plan
    plan: PathBuf,
    /// The folder of parts
    folder: PathBuf,
    /// Check these parts, such as 3, 3-5 or 3,7-9; by default all
    #[arg(long = "part", value_name = "PARTS", value_parser = Parts::parse)]
    parts: Option<Parts>,
    #[command(flatten)]
    threads: ThreadArgs,
}

/// Runs `sv2 parts verify`.
pub(super) fn run(args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let bytes = folder::read_plan(&args.plan)?;
    let plan = PartsPlan::claimed(&bytes).map_err(|error| told::parts(error, &args.plan))?;
    let parts = Parts::of(args.parts.as_ref(), &plan, &args.plan)?;
    let found = Mutex::new(Vec::new());
    let tasks = Tasks::new((&plan, &parts), args.threads.count(), &cancel, console);
    tasks.run(|part| {
        let path = part_path(&args.folder, part);
        let mut damages = None;
        if let Some(file) = folder::open_part(&path)? {
            let scrubbed = scrub_part(&plan, part, InputSource::File(file), &cancel);
            let name = Name::File(path);
            damages = Some(scrubbed.map_err(|error| told::reading(&error, &name))?);
        }
        if damages.as_ref().is_none_or(|damages| !damages.is_empty()) {
            found.lock().unwrap_or_else(PoisonError::into_inner).push((part, damages));
        }
        let spec = plan.part(part).map_err(|error| told::parts(error, &args.plan))?;
        let len = spec.plaintext.end - spec.plaintext.start;
        tasks.advance(len).map_err(|_| Failure::interrupted())
    })?;
    drop(tasks);
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(part, _)| *part);
    let numbers: Vec<u32> = found.iter().map(|(part, _)| *part).collect();
    if console.json {
        let damaged = found.iter().map(|(part, damages)| {
            let damages = damages.as_ref().map(|damages| {
                let one = |damage: &sv2_core::Damage| {
                    json!({
                        "unit": damage.unit.to_string(),
                        "offset": damage.offset,
                        "bytes": damage.len,
                    })
                };
                damages.iter().map(one).collect::<Vec<_>>()
            });
            json!({"part": part, "missing": damages.is_none(), "damages": damages})
        });
        let report = json!({
            "command": "parts verify",
            "input": Name::File(args.folder.clone()).for_machines(),
            "parts": parts.len(),
            "damaged": damaged.collect::<Vec<_>>(),
            "undamaged": found.is_empty(),
            "authenticated": false,
        });
        console.report(&report, Channel::Stdout)?;
    } else {
        let mut text = String::new();
        let name = Name::File(args.folder.clone());
        let checked = counted(parts.len() as u64, "part", "parts");
        text.push_str(&match found.len() {
            0 if console.quiet => String::new(),
            0 => format!(
                "{name}: no damage in {checked}; checked without a key, which finds accidents and \
                 proves nothing against tampering\n"
            ),
            bad => format!("{name}: {bad} of {checked} not as planned\n"),
        });
        for (part, damages) in &found {
            match damages {
                None => text.push_str(&format!("  part {part} is not there\n")),
                Some(damages) => text.push_str(&format!(
                    "  part {part}: {}, the first is {} at byte {} of the stream\n",
                    counted(damages.len() as u64, "damaged part of it", "damaged parts of it"),
                    damages[0].unit,
                    damages[0].offset
                )),
            }
        }
        if !numbers.is_empty() {
            let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
            text.push_str(&format!(
                "  hint: seal them again: sv2 parts seal --part {} {} SOURCE {}\n",
                list.join(","),
                operand(args.plan.as_os_str()),
                operand(args.folder.as_os_str())
            ));
        }
        print(&text)?;
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
}

//! `sv2 parts verify`: stored parts, checked without a key.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde_json::{Value, json};
use sv2_core::parts::scrub_part;
use sv2_core::{Damage, InputSource};

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
    let claimed = folder::read_job(&args.plan)?.claimed();
    let plan = claimed.map_err(|error| told::parts(error, &args.plan))?;
    // What the plan says is a claim, so that no more is done than there are files.
    let (parts, missing) = folder::present(&args.folder, &plan, args.parts.as_ref(), &args.plan)?;
    let found = Mutex::new(Vec::new());
    let tasks = Tasks::new((&plan, &parts), args.threads.count(), &cancel, console);
    tasks.run(|part| {
        let path = part_path(&args.folder, part);
        let file = folder::open_stored(&path)?;
        let name = Name::File(path);
        let damages = match file {
            Some(file) => {
                let damages = scrub_part(&plan, part, InputSource::File(file), &cancel);
                let damages = damages.map_err(|error| told::reading(&error, &name))?;
                (!damages.is_empty()).then_some(damages)
            }
            // It has a name and is not there: a link that leads nowhere, or it went away.
            None => Some(Vec::new()),
        };
        if let Some(damages) = damages {
            let not_as_planned = NotAsPlanned { first: part, last: part, damages };
            found.lock().unwrap_or_else(PoisonError::into_inner).push(not_as_planned);
        }
        let spec = plan.part(part).map_err(|error| told::parts(error, &args.plan))?;
        let len = spec.plaintext.end - spec.plaintext.start;
        tasks.advance(len).map_err(|_| Failure::interrupted())
    })?;
    drop(tasks);
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let gone = |(first, last)| NotAsPlanned { first, last, damages: Vec::new() };
    let gone: Vec<_> = missing.into_iter().map(gone).collect();
    let checked = parts.len() as u64 + gone.iter().map(NotAsPlanned::count).sum::<u64>();
    found.extend(gone);
    found.sort_by_key(|found| found.first);
    let bad: u64 = found.iter().map(NotAsPlanned::count).sum();
    if console.json {
        let report = json!({
            "command": "parts verify",
            "input": Name::File(args.folder.clone()).for_machines(),
            "parts": checked,
            "damaged_parts": bad,
            "damaged": found.iter().map(NotAsPlanned::to_json).collect::<Vec<_>>(),
            "undamaged": found.is_empty(),
            "authenticated": false,
        });
        console.report(&report, Channel::Stdout)?;
    } else {
        let mut text = String::new();
        let name = Name::File(args.folder.clone());
        let checked = counted(checked, "part", "parts");
        text.push_str(&match bad {
            0 if console.quiet => String::new(),
            0 => format!(
                "{name}: no damage in {checked}; checked without a key, which finds accidents and \
                 proves nothing against tampering\n"
            ),
            bad => format!("{name}: {bad} of {checked} not as planned\n"),
        });
        found.iter().for_each(|found| text.push_str(&found.in_words()));
        if !found.is_empty() {
            let numbers: Vec<String> = found.iter().map(NotAsPlanned::numbers).collect();
            text.push_str(&format!(
                "  hint: seal them again: sv2 parts seal --part {} {} SOURCE {}\n",
                numbers.join(","),
                operand(args.plan.as_os_str()),
                operand(args.folder.as_os_str())
            ));
        }
        print(&text)?;
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
}

/// A part that is damaged, or parts in a row that are not there.
struct NotAsPlanned {
    first: u32,
    last: u32,
    damages: Vec<Damage>,
}

impl NotAsPlanned {
    fn is_missing(&self) -> bool {
        self.damages.is_empty()
    }

    fn count(&self) -> u64 {
        u64::from(self.last - self.first) + 1
    }

    /// Its numbers as an argument has them.
    fn numbers(&self) -> String {
        match self.count() {
            1 => self.first.to_string(),
            _ => format!("{}-{}", self.first, self.last),
        }
    }

    fn in_words(&self) -> String {
        match self.damages.first() {
            None if self.count() == 1 => format!("  part {} is not there\n", self.first),
            None => format!("  parts {} to {} are not there\n", self.first, self.last),
            Some(first) => {
                let units = self.damages.iter().map(|damage| damage.units).sum();
                format!(
                    "  part {}: {}, the first is {} at byte {} of the stream\n",
                    self.first,
                    counted(units, "damaged part of it", "damaged parts of it"),
                    first.unit,
                    first.offset
                )
            }
        }
    }

    fn to_json(&self) -> Value {
        let one = |damage: &Damage| {
            json!({
                "unit": damage.unit.to_string(),
                "last_unit": damage.last.to_string(),
                "units": damage.units,
                "offset": damage.offset,
                "bytes": damage.len,
            })
        };
        let damages = self.damages.iter().map(one).collect::<Vec<_>>();
        json!({
            "part": self.first,
            "last_part": self.last,
            "missing": self.is_missing(),
            "damages": (!self.is_missing()).then_some(damages),
        })
    }
}

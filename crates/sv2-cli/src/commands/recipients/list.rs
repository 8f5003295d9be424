//! `sv2 recipients list`: the slots with their labels for who can open the stream, and their kinds
//! for everybody.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use sv2_core::{ErrorKind, OpenedHeader, Section, StreamError, inspect, open_header};
use sv2_keys::describe_slots;

use super::{ListArgs, labels};
use crate::console::{Console, print};
use crate::ends::{Channel, Input};
use crate::failure::{Failure, chain};
use crate::keys::IdentityArgs;
use crate::names::{Name, Names, printable};
use crate::running::watch_signals;
use crate::size::counted;
use crate::slots::slot_text;

/// One slot.
struct Row {
    kind: String,
    label: String,
    /// Whether the key that was given opened the stream by it.
    opened: bool,
}

/// Runs `sv2 recipients list`.
pub(super) fn run(args: &ListArgs, console: &Console) -> Result<(), Failure> {
    watch_signals()?;
    let input = Input::open_file(args.stream.as_deref(), "recipients list")?;
    if input.is_stdin() && args.identities.passphrases.reads_stdin() {
        return Err(Failure::usage("--passphrase-fd 0 and the input are both standard input"));
    }
    let name = input.name.clone();
    let failed = |error| Failure::stream(&error, Names { input: &name, output: &Name::Stdout });
    let seen = inspect(input.again()?).map_err(failed)?;
    let is_asked = !args.identities.is_empty();
    let key = if is_asked { args.identities.open_key()? } else { IdentityArgs::own_key()? };
    let source = input.into_source();
    let (opened, slot) = key.with_slot(|key, slot| {
        let opened = open_header(source, key, args.context.as_bytes());
        (opened, slot.borrow().clone())
    });
    match opened {
        Ok(opened) => {
            if let Err(error) = &opened.metadata {
                console.note(&format!("{name}: the labels cannot be read: {}", chain(error)));
            }
            with_key(&name, &opened, slot.as_ref(), console)
        }
        // Who named no key did not ask for a proof.
        Err(error) if !is_asked && is_about_keys(&error) => {
            without_key(&name, &seen.header.sections, console)
        }
        Err(error) => Err(failed(error)),
    }
}

fn is_about_keys(error: &StreamError) -> bool {
    error.kind() == ErrorKind::Key
}

fn with_key(
    name: &Name,
    opened: &OpenedHeader,
    opened_slot: Option<&Section>,
    console: &Console,
) -> Result<(), Failure> {
    let sections = &opened.header.sections;
    let slots = describe_slots(sections);
    let metadata = opened.metadata.as_ref().ok().and_then(Option::as_deref);
    let labels = labels::read(metadata, slots.len());
    let rows: Vec<Row> = slots
        .iter()
        .zip(labels)
        .map(|(slot, label)| Row {
            kind: slot_text(slot),
            label,
            opened: sections.get(slot.section) == opened_slot && opened_slot.is_some(),
        })
        .collect();
    if console.json {
        let rows = rows.iter().enumerate().map(|(slot, row)| {
            json!({ "slot": slot, "content": row.kind, "label": row.label, "opened": row.opened })
        });
        let report = json!({
            "command": "recipients list",
            "input": name.for_machines(),
            "authenticated": true,
            "sealed": opened.sealed,
            "revision": opened.header.revision,
            "slots": rows.collect::<Vec<_>>(),
            "kinds": kinds(sections),
        });
        return console.report(&report, Channel::Stdout);
    }
    let mut text =
        format!("{name}: {}, header revision {}\n", in_words(rows.len()), opened.header.revision);
    let width = rows.iter().map(|row| row.kind.chars().count()).max().unwrap_or(0);
    for (slot, row) in rows.iter().enumerate() {
        let mark = if row.opened { " (opened by your key)" } else { "" };
        let label = printable(&row.label);
        let _ = writeln!(
            text,
            "{}",
            format!("{slot:>4}  {:width$}  {label}{mark}", row.kind).trim_end()
        );
    }
    print(&text)
}

fn without_key(name: &Name, sections: &[Section], console: &Console) -> Result<(), Failure> {
    let kinds = kinds(sections);
    if console.json {
        let report = json!({
            "command": "recipients list",
            "input": name.for_machines(),
            "authenticated": false,
            "slots": Value::Null,
            "kinds": kinds,
        });
        return console.report(&report, Channel::Stdout);
    }
    let mut text = format!("{name}: {}, by kind\n", in_words(kinds.values().sum()));
    for (kind, count) in &kinds {
        let _ = writeln!(text, "{count:>4} x {kind}");
    }
    print(&text)?;
    console.note(
        "no key opened the stream: this is what it claims, nothing was verified, and labels are \
         sealed",
    );
    Ok(())
}

/// How many slots there are of each kind.
fn kinds(sections: &[Section]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for slot in describe_slots(sections) {
        *kinds.entry(slot_text(&slot)).or_insert(0) += 1;
    }
    kinds
}

fn in_words(count: usize) -> String {
    counted(count as u64, "key slot", "key slots")
}

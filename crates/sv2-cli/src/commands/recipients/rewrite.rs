//! `sv2 recipients add` and `rm`: other slots in the header of a sealed stream.

use std::cell::RefCell;

use serde_json::{Value, json};
use sv2_core::{
    ChangeOptions, HeaderChange, HeaderContent, MetadataChange, RewrapReport, Section, StreamError,
    rewrap,
};
use sv2_keys::{KeysError, SlotMixing, check_writer_rules};

use super::{AddArgs, RemoveArgs, labels};
use crate::change::{Settled, Target};
use crate::console::Console;
use crate::ends::Channel;
use crate::failure::Failure;
use crate::invocation;
use crate::keys::{OpenKey, is_passphrase_slot, ssh_fingerprint};
use crate::names::printable;
use crate::parity::Kept;
use crate::report::hex;
use crate::running::{all_threads, watch_signals};
use crate::size::counted;

/// What stops a rewrite: the stream, or what was asked of it.
enum Stopped {
    Stream(StreamError),
    Told(Failure),
}

impl From<StreamError> for Stopped {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

/// Runs `sv2 recipients add`.
pub(super) fn add(args: &AddArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    if args.replace_passphrase && !args.new.passphrase.is_given() {
        return Err(Failure::usage("--replace-passphrase needs --new-passphrase"));
    }
    let mut named_new = args.new.named(console)?;
    let target = Target::open(&args.stream)?;
    let (options, settled) = target.options(&args.opening, console);
    let key = args.identities.open_key()?;
    let change = |content: HeaderContent<'_>, opened: Option<&Section>| {
        let is_replaced = |slot: &Section| args.replace_passphrase && is_passphrase_slot(slot);
        let has_passphrase = content.slots.iter().any(is_passphrase_slot);
        if args.new.passphrase.is_given() && has_passphrase && !args.replace_passphrase {
            return Err(Failure::usage(format!(
                "{}: the stream has a passphrase and cannot have two",
                target.name
            ))
            .hint(format!(
                "put the new one in its place: {}",
                invocation::again_with("--replace-passphrase")
            )));
        }
        let (mut slots, mut named) = kept(&content, |_, slot| !is_replaced(slot));
        let opener = key.opened_for(opened);
        for there in named_new.drop_those_in(&named, &slots, opener.as_deref()) {
            console.note(&format!("{}: {there} has a slot already", target.name));
        }
        for label in named_new.labels().iter().filter(|label| !label.is_empty()) {
            if named.contains(label) {
                let label = printable(label);
                console.note(&format!("{}: another slot has the label '{label}'", target.name));
            }
        }
        if named_new.is_empty() {
            return Err(Failure::usage(format!(
                "{}: nobody is new, so nothing was changed",
                target.name
            )));
        }
        let new = args.new.slots(content.key, &named_new)?;
        let new_labels = named_new.labels().into_iter().chain(std::iter::repeat(String::new()));
        named.extend(new_labels.take(new.len()));
        slots.extend(new);
        check_writer_rules(&slots, SlotMixing::Refuse).map_err(|error| match error {
            KeysError::TooManySlots { .. } => Failure::usage(format!("{}: {error}", target.name))
                .hint(format!(
                    "see which can go: {}",
                    invocation::on_file("recipients list", &target.path, false)
                )),
            error => error.into(),
        })?;
        changed(content, slots, &named)
    };
    let parity = Kept::before(&target.path);
    let done = run(&target, &key, &options, change)?;
    let parity = parity.after(all_threads(), &cancel, console);
    report("recipients add", &target, &done, (&settled, parity), console)
}

/// Runs `sv2 recipients rm`.
pub(super) fn remove(args: &RemoveArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let target = Target::open(&args.stream)?;
    let (options, settled) = target.options(&args.opening, console);
    let key = args.identities.open_key()?;
    let refused = |what: String| Failure::usage(format!("{}: {what}", target.name));
    let list = || {
        let list = invocation::on_file("recipients list", &target.path, false);
        format!("to see slots and labels: {list}")
    };
    let mut same = Vec::new();
    let change = |content: HeaderContent<'_>, opened: Option<&Section>| {
        let count = content.slots.len();
        if let Some(slot) = args.slots.iter().find(|&&slot| slot >= count) {
            return Err(refused(format!(
                "there is no slot {slot}, but slots 0 to {}",
                count.saturating_sub(1)
            ))
            .hint(list()));
        }
        if !args.labels.is_empty()
            && let Err(error) = content.metadata
        {
            return Err(target.failed(&error));
        }
        let old = labels_of(&content);
        if let Some(label) = args.labels.iter().find(|label| !old.contains(label)) {
            return Err(
                refused(format!("no slot has the label '{}'", printable(label))).hint(list())
            );
        }
        let stays = |slot: usize| !args.slots.contains(&slot) && !args.labels.contains(&old[slot]);
        let (slots, named) = kept(&content, |slot, _| stays(slot));
        if slots.is_empty() {
            return Err(refused(
                "the last key slot cannot be removed, since nobody could open the stream then"
                    .to_owned(),
            )
            .hint(format!(
                "add another one first: {}",
                invocation::on_file("recipients add -r RECIPIENT", &target.path, false)
            )));
        }
        let is_own_gone = opened.is_some_and(|opened| !slots.contains(opened));
        if is_own_gone && !args.force && !key.opens_any(&slots, content.key) {
            return Err(refused(
                "this would remove the slot that your key opens, and it opens none of the others"
                    .to_owned(),
            )
            .hint(format!("to do it all the same: {}", invocation::again_with("--force"))));
        }
        for number in (0..count).filter(|&number| !stays(number)) {
            let gone = content.slots.get(number);
            same.extend(same_person(number, gone, &old, content.slots, &stays));
        }
        changed(content, slots, &named)
    };
    let parity = Kept::before(&target.path);
    let done = run(&target, &key, &options, change)?;
    let parity = parity.after(all_threads(), &cancel, console);
    report("recipients rm", &target, &done, (&settled, parity), console)?;
    if !console.json {
        for told in same {
            console.note(&format!("{}: {told}", target.name));
        }
        console.note(&format!(
            "removal is not revocation: anyone who could open '{}' may have kept its key or an old \
             copy",
            target.name
        ));
        console.note_hint(&format!(
            "to shut somebody out, write it again under a new key: {} -o - | sv2 encrypt -o NEW",
            invocation::on_file("decrypt", &target.path, false)
        ));
    }
    Ok(())
}

/// Says of a slot that goes that another one, which stays, opens to the same person, as far as
/// labels and SSH keys tell.
fn same_person(
    number: usize,
    gone: Option<&Section>,
    labels: &[String],
    slots: &[Section],
    stays: &dyn Fn(usize) -> bool,
) -> Option<String> {
    let key = gone.and_then(ssh_fingerprint);
    let label = &labels[number];
    let other = slots.iter().enumerate().position(|(other, slot)| {
        let same_label = !label.is_empty() && labels[other] == *label;
        let same_key = key.is_some() && ssh_fingerprint(slot) == key;
        stays(other) && (same_label || same_key)
    })?;
    let by = if labels[other] == *label && !label.is_empty() { "label" } else { "SSH key" };
    Some(format!("slot {number} is gone, and slot {other} of the same {by} still opens the stream"))
}

/// Rewrites the header as `change` says, which is told what is in it and which slot was opened.
fn run(
    target: &Target,
    key: &OpenKey,
    options: &ChangeOptions,
    change: impl FnOnce(HeaderContent<'_>, Option<&Section>) -> Result<HeaderChange, Failure>,
) -> Result<RewrapReport, Failure> {
    let done = key.with_slot(|key, opened: &RefCell<Option<Section>>| {
        let change = |content: HeaderContent<'_>| {
            change(content, opened.borrow().as_ref()).map_err(Stopped::Told)
        };
        rewrap(&target.path, key, change, options)
    });
    done.map_err(|stopped| match stopped {
        Stopped::Told(failure) => failure,
        Stopped::Stream(error) => target.failed(&error),
    })
}

/// The labels of the slots as they are.
fn labels_of(content: &HeaderContent<'_>) -> Vec<String> {
    let metadata = content.metadata.as_ref().ok().and_then(Option::as_deref);
    labels::read(metadata, content.slots.len())
}

/// The slots that stay, and their labels.
fn kept(
    content: &HeaderContent<'_>,
    stays: impl Fn(usize, &Section) -> bool,
) -> (Vec<Section>, Vec<String>) {
    let slots = content.slots.iter().cloned().zip(labels_of(content)).enumerate();
    slots.filter(|(number, (slot, _))| stays(*number, slot)).map(|(_, kept)| kept).unzip()
}

/// These slots with these labels.
fn changed(
    content: HeaderContent<'_>,
    slots: Vec<Section>,
    named: &[String],
) -> Result<HeaderChange, Failure> {
    let metadata = match content.metadata {
        Ok(metadata) => match labels::write(metadata.as_deref(), named)? {
            Some(json) => MetadataChange::Replace(json),
            None => MetadataChange::Keep,
        },
        // Metadata that do not open stay as they are, but then nobody can be named.
        Err(_) if named.iter().all(String::is_empty) => MetadataChange::Keep,
        Err(_) => {
            return Err(Failure::usage(
                "the stream's metadata do not open, so that no slot can be labelled",
            )
            .hint("leave out --label and --label-recipients"));
        }
    };
    Ok(HeaderChange::new(slots, metadata))
}

fn report(
    command: &str,
    target: &Target,
    done: &RewrapReport,
    (settled, parity): (&Settled, Value),
    console: &Console,
) -> Result<(), Failure> {
    if console.json {
        let report = json!({
            "command": command,
            "input": target.name.for_machines(),
            "slots_before": done.slots_before,
            "slots": done.slots,
            "revision": done.revision,
            "generation": done.generation,
            "fingerprint": hex(&done.fingerprint),
            "header_bytes_used": done.used,
            "header_bytes": done.available,
            "recovery": settled.told(),
            "parity": parity,
            "seconds": done.wall.as_secs_f64(),
        });
        return console.report(&report, Channel::Stdout);
    }
    console.note(&format!(
        "{}: {}, before {}; header revision {}, {} of {} bytes used",
        target.name,
        counted(done.slots as u64, "key slot", "key slots"),
        done.slots_before,
        done.revision,
        done.used,
        done.available
    ));
    Ok(())
}

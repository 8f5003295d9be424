//! Those who shall open a stream: each once, with a label where one was given, and no more than a
//! header has slots for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sv2_core::{Section, StreamKey};
use sv2_keys::{
    Identity, KeyFileError, KeysError, Passphrase, Prompt, Recipient, SlotContent, SlotMixing,
    StanzaKind, WRITER_LOG_N, check_writer_rules, describe_slots, read_recipients_file,
    seal_passphrase_slot, seal_slot,
};

use crate::console::Console;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::key_files;
use crate::names::{printable, shown};
use crate::passphrase::Questions;
use crate::size::counted;

/// Key slots of a header (F-324).
const MAX_SLOTS: usize = 64;

/// Who shall open a stream, in the order of the command line, which is that of slots and labels.
pub(crate) struct Named {
    entries: Vec<Entry>,
    pub(super) questions: Arc<Questions>,
    pub(super) is_without_self: bool,
    /// The passphrase of new streams, once it was asked for.
    passphrase: Mutex<Option<Passphrase>>,
}

/// One who shall open a stream.
pub(super) struct Entry {
    who: Whom,
    label: String,
}

enum Whom {
    Recipient(Recipient),
    Passphrase,
}

impl Entry {
    fn new(who: Whom) -> Self {
        Self { who, label: String::new() }
    }

    pub(super) fn add_text(entries: &mut Vec<Self>, text: Option<&String>) -> Result<(), Failure> {
        if let Some(text) = text {
            let recipient = text.parse().map_err(KeysError::Recipient)?;
            entries.push(Self::new(Whom::Recipient(recipient)));
        }
        Ok(())
    }

    pub(super) fn add_file(entries: &mut Vec<Self>, path: Option<&PathBuf>) -> Result<(), Failure> {
        if let Some(path) = path {
            let recipients = read_recipients_file(path).map_err(|error| secret(path, error))?;
            entries.extend(recipients.into_iter().map(Whom::Recipient).map(Self::new));
        }
        Ok(())
    }

    pub(super) fn add_own(
        entries: &mut Vec<Self>,
        identities: &[Identity],
        prompt: &Arc<dyn Prompt>,
    ) -> Result<(), Failure> {
        for identity in identities {
            let recipients = identity.recipients(prompt)?;
            entries.extend(recipients.into_iter().map(Whom::Recipient).map(Self::new));
        }
        Ok(())
    }

    /// A stream has one passphrase, however often it is asked for.
    pub(super) fn add_passphrase(entries: &mut Vec<Self>) {
        if !entries.iter().any(|entry| matches!(entry.who, Whom::Passphrase)) {
            entries.push(Self::new(Whom::Passphrase));
        }
    }

    /// The recipient as text; empty for a passphrase.
    pub(super) fn text(&self) -> String {
        match &self.who {
            Whom::Recipient(recipient) => recipient.to_string(),
            Whom::Passphrase => String::new(),
        }
    }

    /// Whether two are one; the identities of a plugin cannot be told from one another.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Whom::Recipient(one), Whom::Recipient(two)) => {
                let text = one.to_string();
                text == two.to_string() && !text.contains("age-plugin-")
            }
            (Whom::Passphrase, Whom::Passphrase) => true,
            _ => false,
        }
    }
}

impl Named {
    /// Gives everyone a label, drops who was named twice and says so, and refuses more than fit.
    pub(super) fn new(
        entries: Vec<Entry>,
        labels: &[String],
        label_recipients: bool,
        questions: Arc<Questions>,
        console: &Console,
    ) -> Result<Self, Failure> {
        check_labels(labels, entries.len())?;
        let mut each: Vec<Entry> = Vec::new();
        for (place, mut entry) in entries.into_iter().enumerate() {
            entry.label = labels.get(place).cloned().unwrap_or_default();
            if let Some(first) = each.iter_mut().find(|first| first.is_same(&entry)) {
                console.note(&format!("{} is named twice and gets one slot", entry.text()));
                if first.label.is_empty() {
                    first.label = entry.label;
                }
                continue;
            }
            each.push(entry);
        }
        if label_recipients {
            for entry in each.iter_mut().filter(|entry| entry.label.is_empty()) {
                entry.label = entry.text();
            }
        }
        if each.len() > MAX_SLOTS {
            return Err(too_many(each.len()));
        }
        let passphrase = Mutex::new(None);
        Ok(Self { entries: each, questions, is_without_self: false, passphrase })
    }

    pub(super) fn with_stranger(mut self, is_without_self: bool) -> Self {
        self.is_without_self = is_without_self;
        self
    }

    /// The labels, one for each; none at all where nobody has one.
    pub(crate) fn labels(&self) -> Vec<String> {
        if self.entries.iter().all(|entry| entry.label.is_empty()) {
            return Vec::new();
        }
        self.entries.iter().map(|entry| entry.label.clone()).collect()
    }

    pub(super) fn has_passphrase(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry.who, Whom::Passphrase))
    }

    /// Drops everyone who has a slot already, as far as labels and SSH keys tell and the key that
    /// opened the stream, and returns them.
    pub(crate) fn drop_those_in(
        &mut self,
        labels: &[String],
        slots: &[Section],
        opener: Option<&str>,
    ) -> Vec<String> {
        let keys: Vec<[u8; 4]> = slots.iter().filter_map(ssh_fingerprint).collect();
        let mut dropped = Vec::new();
        self.entries.retain(|entry| {
            let Whom::Recipient(recipient) = &entry.who else { return true };
            let text = recipient.to_string();
            // The identities of a plugin cannot be told from one another.
            let is_opener = opener == Some(&*text) && !text.contains("age-plugin-");
            let is_there = is_opener
                || labels.contains(&text)
                || recipient.ssh_fingerprint().is_some_and(|key| keys.contains(&key));
            if is_there {
                dropped.push(printable(&text));
            }
            !is_there
        });
        dropped
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Seals a key to everyone.
    pub(super) fn slots(&self, key: &StreamKey) -> Result<Vec<Section>, Failure> {
        let slots = self.seal(key, || self.new_passphrase())?;
        check_writer_rules(&slots, SlotMixing::Refuse)?;
        Ok(slots)
    }

    /// Asks once, however many streams there are; each of them draws a salt of its own.
    fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        let mut known = self.passphrase.lock().unwrap_or_else(PoisonError::into_inner);
        let passphrase = match known.take() {
            Some(passphrase) => passphrase,
            None => self.questions.new_passphrase("Passphrase for the new stream: ")?,
        };
        Ok(known.insert(passphrase).duplicate())
    }

    pub(super) fn seal(
        &self,
        key: &StreamKey,
        passphrase: impl Fn() -> Result<Passphrase, Failure>,
    ) -> Result<Vec<Section>, Failure> {
        let prompt: Arc<dyn Prompt> = self.questions.clone();
        let seal = |entry: &Entry| match &entry.who {
            Whom::Recipient(recipient) => Ok(seal_slot(key, recipient, &prompt)?),
            Whom::Passphrase => Ok(seal_passphrase_slot(key, &passphrase()?, WRITER_LOG_N)?),
        };
        self.entries.iter().map(seal).collect()
    }
}

/// The bytes by which a slot names an SSH key.
pub(crate) fn ssh_fingerprint(slot: &Section) -> Option<[u8; 4]> {
    let described = describe_slots(std::slice::from_ref(slot));
    let SlotContent::Age(stanzas) = &described.first()?.content else { return None };
    stanzas.iter().find_map(|stanza| match stanza {
        StanzaKind::SshEd25519 { fingerprint } | StanzaKind::SshRsa { fingerprint } => {
            Some(*fingerprint)
        }
        _ => None,
    })
}

/// The failure of a recipients file, which may be a file of identities.
fn secret(path: &Path, error: KeyFileError) -> Failure {
    let is_text = matches!(error, KeyFileError::Line { .. } | KeyFileError::NoKeys { .. });
    // What came through a pipe is gone, and an identity that is locked has no line that tells.
    if !is_text || !path.is_file() || key_files::identities(path).is_err() {
        return error.into();
    }
    Failure::usage(format!("'{}' holds a secret identity and no recipient", shown(path)))
        .hint(format!("to print its recipient: sv2 keygen --show {}", operand(path.as_os_str())))
}

/// The refusal of more recipients than a header has slots for.
fn too_many(count: usize) -> Failure {
    Failure::usage(format!("{count} recipients are named, and a stream has {MAX_SLOTS} key slots"))
        .hint(
            "make an identity for the group, encrypt to its recipient, and give the identity to \
             each member in a stream of their own: sv2 keygen -o group.txt",
        )
}

/// Refuses labels of which it is not clear whom they name.
fn check_labels(labels: &[String], slots: usize) -> Result<(), Failure> {
    if labels.is_empty() || labels.len() == slots {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--label is given {} for {}",
        counted(labels.len() as u64, "time", "times"),
        counted(slots as u64, "recipient", "recipients"),
    ))
    .hint("give one for each, and an empty one where there is nothing to say"))
}

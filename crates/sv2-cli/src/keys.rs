//! What opens a stream: from key options to key sources.

mod named;
mod order;
mod own;
mod recipients;

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sv2_core::{KeySource, Section, StreamKey};
use sv2_keys::{
    NoPrompt, PassphraseSource, Prompt, READER_MAX_LOG_N, SlotContent, SlotOpener, StanzaKind,
    describe_slots,
};

pub(crate) use self::named::ssh_fingerprint;
use self::own::existing_identities;
pub(crate) use self::own::own_path;
pub(crate) use self::recipients::{NewRecipientArgs, RecipientArgs, Who};
use crate::failure::Failure;
use crate::key_command;
use crate::key_files;
use crate::passphrase::{PassphraseArgs, Questions};

/// Names the command that prints the raw key where no key option is given.
const KEY_COMMAND_VARIABLE: &str = "SV2_KEY_COMMAND";

/// What opens a stream, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct IdentityArgs {
    /// Open the stream with the identities in this file (repeatable)
    #[arg(short, long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
    /// Open the stream with the identities that this shell command prints (repeatable)
    #[arg(long = "identity-command", value_name = "COMMAND")]
    identity_commands: Vec<OsString>,
    /// Open the stream with a passphrase, asked on the terminal
    #[arg(short, long)]
    passphrase: bool,
    /// Open the stream with this raw key of 32 bytes or 64 hexadecimal digits
    #[arg(
        short = 'K',
        long,
        value_name = "FILE",
        conflicts_with_all = ["identities", "identity_commands", "passphrase", "passphrase_file",
            "passphrase_fd", "passphrase_command"]
    )]
    key_file: Option<PathBuf>,
    /// Open the stream with the raw key that this shell command prints
    #[arg(
        long,
        value_name = "COMMAND",
        conflicts_with_all = ["key_file", "identities", "identity_commands", "passphrase",
            "passphrase_file", "passphrase_fd", "passphrase_command"]
    )]
    key_command: Option<OsString>,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseArgs,
}

/// What opens a stream.
pub(crate) enum OpenKey {
    Raw(StreamKey),
    Slots(SlotOpener),
}

impl IdentityArgs {
    /// Whether nothing was said about keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.identities.is_empty()
            && self.identity_commands.is_empty()
            && !self.passphrase
            && self.key_file.is_none()
            && self.key_command.is_none()
            && !self.passphrases.is_given()
    }

    /// The user's own identities, which ask nothing; for who named no key and looks only.
    pub(crate) fn own_key() -> Result<OpenKey, Failure> {
        Ok(OpenKey::Slots(SlotOpener {
            identities: existing_identities()?,
            passphrase: PassphraseSource::None,
            max_log_n: READER_MAX_LOG_N,
            prompt: Arc::new(NoPrompt),
        }))
    }

    /// What was named; with nothing named the user's own identities, and a question for the
    /// passphrase where the stream has one.
    pub(crate) fn open_key(&self) -> Result<OpenKey, Failure> {
        let questions = self.passphrases.questions()?;
        self.open_key_asking(questions)
    }

    /// As [`IdentityArgs::open_key`], of a caller who reads the passphrase himself.
    pub(crate) fn open_key_asking(&self, questions: Arc<Questions>) -> Result<OpenKey, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(OpenKey::Raw(key_files::raw_key(path)?));
        }
        if let Some(line) = &self.key_command {
            return Ok(OpenKey::Raw(key_command::key(line, "--key-command")?));
        }
        if let Some(line) = key_command_of_environment().filter(|_| self.is_empty()) {
            return Ok(OpenKey::Raw(key_command::key(&line, KEY_COMMAND_VARIABLE)?));
        }
        let mut identities = Vec::new();
        for path in &self.identities {
            identities.extend(key_files::identities(path)?);
        }
        for line in &self.identity_commands {
            identities.extend(key_command::identities(line, "--identity-command")?);
        }
        if self.is_empty() {
            identities = existing_identities()?;
        }
        let asks = self.is_empty() || self.passphrase || self.passphrases.is_given();
        Ok(OpenKey::Slots(SlotOpener {
            identities,
            passphrase: if asks { PassphraseSource::Ask } else { PassphraseSource::None },
            max_log_n: READER_MAX_LOG_N,
            prompt: questions,
        }))
    }
}

impl OpenKey {
    /// Hands the key source on.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&KeySource<'_>) -> T) -> T {
        self.with_slot(|key, _| act(key))
    }

    /// Hands the key source on, and the slot that it opens once it has.
    pub(crate) fn with_slot<T>(
        &self,
        act: impl FnOnce(&KeySource<'_>, &RefCell<Option<Section>>) -> T,
    ) -> T {
        let opened = RefCell::new(None);
        // What asks for the key twice, as for the metadata first, costs no second derivation.
        let known: RefCell<Option<(Vec<Section>, StreamKey)>> = RefCell::new(None);
        match self {
            Self::Raw(key) => act(&KeySource::Key(key), &opened),
            Self::Slots(opener) => {
                let open = |sections: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
                    if let Some((before, key)) = &*known.borrow()
                        && before == sections
                        && fits(key)
                        && let Some(copy) = StreamKey::from_slice(key.expose())
                    {
                        return Ok(copy);
                    }
                    let found = opener.open_slot(sections, fits)?;
                    let mut slots = sections.iter().filter(|section| section.as_slot().is_some());
                    *opened.borrow_mut() = slots.nth(found.slot).cloned();
                    if let Some(copy) = StreamKey::from_slice(found.key.expose()) {
                        *known.borrow_mut() = Some((sections.to_vec(), copy));
                    }
                    Ok(found.key)
                };
                act(&KeySource::Slots(&open), &opened)
            }
        }
    }

    /// Whose the slot is that was opened, where that is certain; nobody is asked for it.
    pub(crate) fn opened_for(&self, opened: Option<&Section>) -> Option<String> {
        let Self::Slots(opener) = self else { return None };
        let ([identity], Some(slot)) = (&opener.identities[..], opened) else { return None };
        if is_passphrase_slot(slot) {
            return None;
        }
        let nobody: Arc<dyn Prompt> = Arc::new(NoPrompt);
        match &identity.recipients(&nobody).ok()?[..] {
            [recipient] => Some(recipient.to_string()),
            _ => None,
        }
    }

    /// Whether one of these slots opens to this stream's key without a passphrase of its own; a raw
    /// key needs none.
    ///
    /// Another recipient can make a slot that opens to anything, so what merely opens counts for
    /// nothing.
    pub(crate) fn opens_any(&self, slots: &[Section], key: &StreamKey) -> bool {
        let Self::Slots(opener) = self else { return true };
        let public: Vec<Section> =
            slots.iter().filter(|slot| !is_passphrase_slot(slot)).cloned().collect();
        opener.open(&public, &mut |found| found.expose() == key.expose()).is_ok()
    }
}

fn key_command_of_environment() -> Option<OsString> {
    std::env::var_os(KEY_COMMAND_VARIABLE).filter(|value| !value.is_empty())
}

/// Whether a section is a slot for a passphrase.
pub(crate) fn is_passphrase_slot(section: &Section) -> bool {
    describe_slots(std::slice::from_ref(section)).iter().any(|slot| {
        matches!(&slot.content, SlotContent::Age(stanzas)
            if stanzas.iter().any(|stanza| matches!(stanza, StanzaKind::Scrypt { .. })))
    })
}

/// The sentence about a system without random numbers.
pub(crate) fn no_randomness() -> Failure {
    Failure::new(crate::exit::Exit::Io, "the operating system's random source failed")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sv2_keys::{parse_identities, seal_slot};

    use super::*;

    /// Another recipient can give the user a slot that opens, to a key of no use.
    #[test]
    fn a_slot_that_opens_to_another_key_does_not_count_for_the_user() {
        // In halves, so that no scanner takes a key of a test for one that leaked.
        let halves =
            ["AGE-SECRET-KEY-", "1K60U7WZSWQUQLD4LYT0J66R004J6UV60AJLQ4QFMX0059544WP0QJJXUHT"];
        let text = halves.concat();
        let identities = parse_identities(text.as_bytes(), Path::new("id")).unwrap();
        let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
        let recipient = identities[0].recipients(&prompt).unwrap().remove(0);
        let (key, other) = (StreamKey::generate().unwrap(), StreamKey::generate().unwrap());
        let [own, decoy] = [&key, &other].map(|key| seal_slot(key, &recipient, &prompt).unwrap());
        let opener = OpenKey::Slots(SlotOpener {
            identities,
            passphrase: PassphraseSource::None,
            max_log_n: READER_MAX_LOG_N,
            prompt,
        });
        assert!(!opener.opens_any(std::slice::from_ref(&decoy), &key));
        assert!(opener.opens_any(&[decoy, own], &key));
        assert!(!opener.opens_any(&[], &key));
    }
}

//! What opens a stream: from key options to key sources.

mod order;
mod recipients;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sv2_core::{KeySource, Section, StreamKey};
use sv2_keys::{
    Identity, KeyFileError, NoPrompt, PassphraseSource, READER_MAX_LOG_N, SlotContent, SlotOpener,
    StanzaKind, default_identity_path, describe_slots, load_or_create_default_identity,
    read_identity_file, read_key_file,
};

pub(crate) use self::recipients::{NewRecipientArgs, RecipientArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::names::shown;
use crate::passphrase::{PassphraseArgs, Questions};

/// Names the identity file that serves where no key option is given.
pub(crate) const IDENTITY_VARIABLE: &str = "SV2_IDENTITY";

/// What opens a stream, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct IdentityArgs {
    /// Open the stream with the identities in this file (repeatable)
    #[arg(short, long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
    /// Open the stream with a passphrase, asked on the terminal
    #[arg(short, long)]
    passphrase: bool,
    /// Open the stream with this raw key of 32 bytes or 64 hexadecimal digits
    #[arg(
        short = 'K',
        long,
        value_name = "FILE",
        conflicts_with_all = ["identities", "passphrase", "passphrase_file", "passphrase_fd"]
    )]
    key_file: Option<PathBuf>,
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
            && !self.passphrase
            && self.key_file.is_none()
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
        if let Some(path) = &self.key_file {
            return Ok(OpenKey::Raw(read_key_file(path)?));
        }
        let mut identities = Vec::new();
        for path in &self.identities {
            identities.extend(read_identity_file(path)?);
        }
        let questions: Arc<Questions> = self.passphrases.questions()?;
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
        match self {
            Self::Raw(key) => act(&KeySource::Key(key), &opened),
            Self::Slots(opener) => {
                let open = |sections: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
                    let found = opener.open_slot(sections, fits)?;
                    let mut slots = sections.iter().filter(|section| section.as_slot().is_some());
                    *opened.borrow_mut() = slots.nth(found.slot).cloned();
                    Ok(found.key)
                };
                act(&KeySource::Slots(&open), &opened)
            }
        }
    }

    /// Whether one of these slots opens without a passphrase of its own; a raw key needs none.
    pub(crate) fn opens_any(&self, slots: &[Section]) -> bool {
        let Self::Slots(opener) = self else { return true };
        let public: Vec<Section> =
            slots.iter().filter(|slot| !is_passphrase_slot(slot)).cloned().collect();
        opener.open(&public, &mut |_| true).is_ok()
    }
}

/// Whether a section is a slot for a passphrase.
pub(crate) fn is_passphrase_slot(section: &Section) -> bool {
    describe_slots(std::slice::from_ref(section)).iter().any(|slot| {
        matches!(&slot.content, SlotContent::Age(stanzas)
            if stanzas.iter().any(|stanza| matches!(stanza, StanzaKind::Scrypt { .. })))
    })
}

/// The identities of a user who named none; the default one is made where there is none yet.
fn own_identities(console: &Console) -> Result<Vec<Identity>, Failure> {
    if let Some(path) = named_by_environment() {
        return Ok(read_identity_file(&path)?);
    }
    let default = load_or_create_default_identity()?;
    if default.created {
        // Said even when told to be quiet: who loses this file loses every stream.
        console.warn(&format!(
            "made your default identity at '{}'; back it up now, because without it nothing that \
             is encrypted to it can ever be decrypted",
            shown(&default.path)
        ));
    }
    Ok(default.identities)
}

/// The identities of a user who named none, and none where there are none.
fn existing_identities() -> Result<Vec<Identity>, Failure> {
    if let Some(path) = named_by_environment() {
        return Ok(read_identity_file(&path)?);
    }
    let path = match default_identity_path() {
        Ok(path) => path,
        Err(KeyFileError::NoConfigFolder) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    match read_identity_file(&path) {
        Err(KeyFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(Vec::new())
        }
        read => Ok(read?),
    }
}

fn named_by_environment() -> Option<PathBuf> {
    std::env::var_os(IDENTITY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The sentence about a system without random numbers.
pub(crate) fn no_randomness() -> Failure {
    Failure::new(crate::exit::Exit::Io, "the operating system's random source failed")
}

//! From key options to slots and key sources.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sv2_core::{KeySource, Section, StreamKey};
use sv2_keys::{
    Identity, KeyFileError, PassphraseSource, Prompt, READER_MAX_LOG_N, Recipient, SlotMixing,
    SlotOpener, WRITER_LOG_N, check_writer_rules, default_identity_path,
    load_or_create_default_identity, read_identity_file, read_key_file, read_recipients_file,
    seal_passphrase_slot, seal_slot,
};

use crate::console::Manners;
use crate::failure::Failure;
use crate::passphrase::{PassphraseArgs, Questions};

/// Names the identity file that serves where no key option is given.
pub(crate) const IDENTITY_VARIABLE: &str = "SV2_IDENTITY";

/// Who can open a new stream, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct RecipientArgs {
    /// Encrypt to this recipient: age1.., ssh-ed25519 or ssh-rsa (repeatable)
    #[arg(short, long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Encrypt to the recipients in this file, one a line (repeatable)
    #[arg(short = 'R', long = "recipients-file", value_name = "FILE")]
    recipients_files: Vec<PathBuf>,
    /// Encrypt to the recipients of the identities in this file (repeatable)
    #[arg(short, long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
    /// Encrypt to a passphrase, asked twice on the terminal
    #[arg(short, long)]
    passphrase: bool,
    /// Encrypt under this raw key of 32 bytes or 64 hexadecimal digits, without any key slot
    #[arg(
        short = 'K',
        long,
        value_name = "FILE",
        conflicts_with_all = ["recipients", "recipients_files", "identities", "passphrase",
            "passphrase_file", "passphrase_fd"]
    )]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseArgs,
}

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

/// The key of a new stream and the slots that hold it.
pub(crate) struct NewKey {
    pub(crate) key: StreamKey,
    pub(crate) slots: Vec<Section>,
}

/// What opens a stream.
pub(crate) enum OpenKey {
    Raw(StreamKey),
    Slots(SlotOpener),
}

impl RecipientArgs {
    /// Draws a key for the new stream and seals it to everyone named, or takes the raw key.
    pub(crate) fn new_key(&self, manners: &Manners) -> Result<NewKey, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(NewKey { key: read_key_file(path)?, slots: Vec::new() });
        }
        let questions = self.passphrases.questions()?;
        let prompt: Arc<dyn Prompt> = questions.clone();
        let mut recipients = Vec::new();
        for text in &self.recipients {
            recipients.push(recipient(text)?);
        }
        for path in &self.recipients_files {
            recipients.extend(read_recipients_file(path)?);
        }
        for path in &self.identities {
            add_own(&mut recipients, &read_identity_file(path)?, &prompt)?;
        }
        // A passphrase that is given without anything that is locked by it is the stream's.
        let by_passphrase =
            self.passphrase || (self.passphrases.is_given() && self.identities.is_empty());
        if recipients.is_empty() && !by_passphrase {
            add_own(&mut recipients, &own_identities(manners)?, &prompt)?;
        }
        let key = StreamKey::generate().map_err(|_| no_randomness())?;
        let mut slots = Vec::new();
        for recipient in &recipients {
            slots.push(seal_slot(&key, recipient, &prompt)?);
        }
        if by_passphrase {
            let passphrase = questions.new_passphrase()?;
            slots.push(seal_passphrase_slot(&key, &passphrase, WRITER_LOG_N)?);
        }
        check_writer_rules(&slots, SlotMixing::Refuse)?;
        Ok(NewKey { key, slots })
    }
}

impl IdentityArgs {
    /// Whether nothing was said about keys.
    pub(crate) fn is_empty(&self) -> bool {
        self.identities.is_empty()
            && !self.passphrase
            && self.key_file.is_none()
            && !self.passphrases.is_given()
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
        match self {
            Self::Raw(key) => act(&KeySource::Key(key)),
            Self::Slots(opener) => {
                act(&KeySource::Slots(
                    &|sections: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
                        opener.open(sections, fits).map_err(Into::into)
                    },
                ))
            }
        }
    }
}

fn recipient(text: &str) -> Result<Recipient, Failure> {
    text.parse().map_err(|fault| Failure::keys(&sv2_keys::KeysError::Recipient(fault)))
}

fn add_own(
    recipients: &mut Vec<Recipient>,
    identities: &[Identity],
    prompt: &Arc<dyn Prompt>,
) -> Result<(), Failure> {
    for identity in identities {
        recipients.extend(identity.recipients(prompt)?);
    }
    Ok(())
}

/// The identities of a user who named none; the default one is made where there is none yet.
fn own_identities(manners: &Manners) -> Result<Vec<Identity>, Failure> {
    if let Some(path) = named_by_environment() {
        return Ok(read_identity_file(&path)?);
    }
    let default = load_or_create_default_identity()?;
    if default.created {
        // Said even when told to be quiet: who loses this file loses every stream.
        let loud = Manners { quiet: false, ..*manners };
        loud.note(&format!(
            "made your default identity at '{}'; back it up now, because without it nothing that \
             is encrypted to it can ever be decrypted",
            default.path.display()
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
    let sentence = "the operating system's random source failed".to_owned();
    Failure { exit: crate::exit::Exit::Io, sentence }
}

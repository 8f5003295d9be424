//! From key options to slots and key sources.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sv2_core::{KeySource, Section, StreamKey};
use sv2_keys::{
    Identity, KeyFileError, NoPrompt, PassphraseSource, Prompt, READER_MAX_LOG_N, Recipient,
    SlotContent, SlotMixing, SlotOpener, StanzaKind, WRITER_LOG_N, check_writer_rules,
    default_identity_path, describe_slots, load_or_create_default_identity, read_identity_file,
    read_key_file, read_recipients_file, seal_passphrase_slot, seal_slot,
};

use crate::console::Manners;
use crate::failure::Failure;
use crate::passphrase::{NewPassphraseArgs, PassphraseArgs, Questions};

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
    /// Name a recipient in the sealed metadata, for who can open the stream: one label for each
    /// of -r, -R, -i and -p, in this order (repeatable)
    #[arg(long = "label", value_name = "LABEL", conflicts_with = "key_file")]
    pub(crate) labels: Vec<String>,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseArgs,
}

/// Whom a stream is opened to besides, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "New recipients")]
pub(crate) struct NewRecipientArgs {
    /// Add this recipient: age1.., ssh-ed25519 or ssh-rsa (repeatable)
    #[arg(short, long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Add the recipients in this file, one a line (repeatable)
    #[arg(short = 'R', long = "recipients-file", value_name = "FILE")]
    recipients_files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: NewPassphraseArgs,
    /// Name a new slot in the sealed metadata, for who can open the stream: one label for each of
    /// -r, -R and the passphrase, in this order (repeatable)
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
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

/// The key of an unfinished stream, and who shall open the finished one.
pub(crate) struct ContinuedKey {
    pub(crate) key: OpenKey,
    named: Option<Named>,
}

/// Who shall open a stream.
struct Named {
    recipients: Vec<Recipient>,
    by_passphrase: bool,
    questions: Arc<Questions>,
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
        let named = self.named(manners)?;
        let key = StreamKey::generate().map_err(|_| no_randomness())?;
        let slots = named.slots(&key)?;
        Ok(NewKey { key, slots })
    }

    /// What opens a stream that was begun by the same arguments, and finishes it for everyone
    /// named.
    pub(crate) fn continued_key(&self, manners: &Manners) -> Result<ContinuedKey, Failure> {
        if let Some(path) = &self.key_file {
            let key = OpenKey::Raw(read_key_file(path)?);
            return Ok(ContinuedKey { key, named: None });
        }
        let named = self.named(manners)?;
        named.questions.keep_answer();
        let mut identities = Vec::new();
        for path in &self.identities {
            identities.extend(read_identity_file(path)?);
        }
        if self.identities.is_empty() {
            identities = existing_identities()?;
        }
        let asks = named.by_passphrase;
        let key = OpenKey::Slots(SlotOpener {
            identities,
            passphrase: if asks { PassphraseSource::Ask } else { PassphraseSource::None },
            max_log_n: READER_MAX_LOG_N,
            prompt: named.questions.clone(),
        });
        Ok(ContinuedKey { key, named: Some(named) })
    }

    /// Whether recipients are all that was named, so that nothing shows who could open the stream.
    pub(crate) fn names_recipients_alone(&self) -> bool {
        let named = !self.recipients.is_empty() || !self.recipients_files.is_empty();
        named && self.identities.is_empty() && !self.passphrase && !self.passphrases.is_given()
    }

    /// Everyone who was named, and the user where nobody was.
    fn named(&self, manners: &Manners) -> Result<Named, Failure> {
        let questions = self.passphrases.questions()?;
        let prompt: Arc<dyn Prompt> = questions.clone();
        let mut recipients = named_recipients(&self.recipients, &self.recipients_files)?;
        for path in &self.identities {
            add_own(&mut recipients, &read_identity_file(path)?, &prompt)?;
        }
        // A passphrase that is given without anything that is locked by it is the stream's.
        let by_passphrase =
            self.passphrase || (self.passphrases.is_given() && self.identities.is_empty());
        if recipients.is_empty() && !by_passphrase {
            add_own(&mut recipients, &own_identities(manners)?, &prompt)?;
        }
        check_labels(&self.labels, recipients.len() + usize::from(by_passphrase))?;
        Ok(Named { recipients, by_passphrase, questions })
    }
}

impl Named {
    /// Seals a key to everyone.
    fn slots(&self, key: &StreamKey) -> Result<Vec<Section>, Failure> {
        let prompt: Arc<dyn Prompt> = self.questions.clone();
        let mut slots = seal_all(key, &self.recipients, &prompt)?;
        if self.by_passphrase {
            let question = "Passphrase for the new stream: ";
            let passphrase = self.questions.new_passphrase(question)?;
            slots.push(seal_passphrase_slot(key, &passphrase, WRITER_LOG_N)?);
        }
        check_writer_rules(&slots, SlotMixing::Refuse)?;
        Ok(slots)
    }
}

impl ContinuedKey {
    /// The slots that a finished stream gets; none where it was begun under a raw key.
    pub(crate) fn slots(&self, key: &StreamKey) -> Result<Vec<Section>, Failure> {
        self.named.as_ref().map_or_else(|| Ok(Vec::new()), |named| named.slots(key))
    }
}

impl NewRecipientArgs {
    /// The recipients that are named, which with the passphrase are as many as there are labels.
    pub(crate) fn recipients(&self) -> Result<Vec<Recipient>, Failure> {
        let recipients = named_recipients(&self.recipients, &self.recipients_files)?;
        let count = recipients.len() + usize::from(self.passphrase.is_given());
        if count == 0 {
            return Err(Failure::usage(
                "no new recipient is named; use -r, -R or --new-passphrase",
            ));
        }
        check_labels(&self.labels, count)?;
        Ok(recipients)
    }

    /// Slots with the stream's key for those recipients and for the new passphrase.
    pub(crate) fn slots(
        &self,
        key: &StreamKey,
        recipients: &[Recipient],
    ) -> Result<Vec<Section>, Failure> {
        let prompt: Arc<dyn Prompt> = Questions::terminal();
        let mut slots = seal_all(key, recipients, &prompt)?;
        if self.passphrase.is_given() {
            slots.push(seal_passphrase_slot(key, &self.passphrase.ask()?, WRITER_LOG_N)?);
        }
        Ok(slots)
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

fn named_recipients(texts: &[String], files: &[PathBuf]) -> Result<Vec<Recipient>, Failure> {
    let mut recipients = Vec::new();
    for text in texts {
        let recipient = text.parse().map_err(sv2_keys::KeysError::Recipient);
        recipients.push(recipient?);
    }
    for path in files {
        recipients.extend(read_recipients_file(path)?);
    }
    Ok(recipients)
}

fn seal_all(
    key: &StreamKey,
    recipients: &[Recipient],
    prompt: &Arc<dyn Prompt>,
) -> Result<Vec<Section>, Failure> {
    recipients.iter().map(|recipient| Ok(seal_slot(key, recipient, prompt)?)).collect()
}

/// Refuses labels of which it is not clear whom they name.
fn check_labels(labels: &[String], slots: usize) -> Result<(), Failure> {
    if labels.is_empty() || labels.len() == slots {
        return Ok(());
    }
    let count = labels.len();
    Err(Failure::usage(format!(
        "--label is given {count} times for {slots} recipients; give one for each, and an empty one \
         where there is nothing to say"
    )))
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

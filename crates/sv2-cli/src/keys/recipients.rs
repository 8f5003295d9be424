//! Who can open a new stream, or is to open one besides: from options to slots, in the order in
//! which they are given.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sv2_core::{Section, StreamKey};
use sv2_keys::{
    Identity, Passphrase, PassphraseSource, Prompt, READER_MAX_LOG_N, Recipient, SlotMixing,
    SlotOpener, WRITER_LOG_N, check_writer_rules, read_identity_file, read_key_file,
    read_recipients_file, seal_passphrase_slot, seal_slot,
};

use super::order::{Order, Place};
use super::{OpenKey, existing_identities, no_randomness, own_identities};
use crate::console::Console;
use crate::failure::Failure;
use crate::passphrase::{NewPassphraseArgs, PassphraseArgs, Questions};
use crate::size::counted;

/// Who can open a new stream, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(crate) struct RecipientArgs {
    // First, because it looks at the others before they are taken.
    #[command(flatten)]
    order: Order,
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
    /// Name a recipient in the sealed metadata, for who can open the stream: the first label names
    /// the first of -r, -R, -i and -p on the command line, and so on; -R takes one for each line of
    /// its file, -i one for each identity (repeatable)
    #[arg(long = "label", value_name = "LABEL", conflicts_with = "key_file")]
    pub(crate) labels: Vec<String>,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseArgs,
}

/// Whom a stream is opened to besides, as arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "New recipients")]
pub(crate) struct NewRecipientArgs {
    // First, because it looks at the others before they are taken.
    #[command(flatten)]
    order: Order,
    /// Add this recipient: age1.., ssh-ed25519 or ssh-rsa (repeatable)
    #[arg(short, long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Add the recipients in this file, one a line (repeatable)
    #[arg(short = 'R', long = "recipients-file", value_name = "FILE")]
    recipients_files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: NewPassphraseArgs,
    /// Name a new slot in the sealed metadata, for who can open the stream: the first label names
    /// the first of -r, -R and the new passphrase on the command line, and so on; -R takes one for
    /// each line of its file (repeatable)
    #[arg(long = "label", value_name = "LABEL")]
    pub(crate) labels: Vec<String>,
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

/// Who shall open a stream, in the order of the command line, which is that of slots and labels.
pub(crate) struct Named {
    entries: Vec<Entry>,
    questions: Arc<Questions>,
}

/// One who shall open a stream.
enum Entry {
    Recipient(Recipient),
    Passphrase,
}

impl RecipientArgs {
    /// Draws a key for the new stream and seals it to everyone named, or takes the raw key.
    pub(crate) fn new_key(&self, console: &Console) -> Result<NewKey, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(NewKey { key: read_key_file(path)?, slots: Vec::new() });
        }
        let named = self.named(console)?;
        let key = StreamKey::generate().map_err(|_| no_randomness())?;
        let slots = named.slots(&key)?;
        Ok(NewKey { key, slots })
    }

    /// What opens a stream that was begun by the same arguments, and finishes it for everyone
    /// named.
    pub(crate) fn continued_key(&self, console: &Console) -> Result<ContinuedKey, Failure> {
        if let Some(path) = &self.key_file {
            let key = OpenKey::Raw(read_key_file(path)?);
            return Ok(ContinuedKey { key, named: None });
        }
        let named = self.named(console)?;
        named.questions.keep_answer();
        let mut identities = Vec::new();
        for path in &self.identities {
            identities.extend(read_identity_file(path)?);
        }
        if self.identities.is_empty() {
            identities = existing_identities()?;
        }
        let asks = named.has_passphrase();
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
    fn named(&self, console: &Console) -> Result<Named, Failure> {
        let questions = self.passphrases.questions()?;
        let prompt: Arc<dyn Prompt> = questions.clone();
        // A passphrase that is given without anything that is locked by it is the stream's.
        let by_passphrase =
            self.passphrase || (self.passphrases.is_given() && self.identities.is_empty());
        let mut entries = Vec::new();
        let mut texts = self.recipients.iter();
        let mut files = self.recipients_files.iter();
        let mut identities = self.identities.iter();
        for place in self.order.places() {
            match place {
                Place::Recipient => add_texts(&mut entries, texts.next())?,
                Place::RecipientsFile => add_files(&mut entries, files.next())?,
                Place::Identity => {
                    if let Some(path) = identities.next() {
                        add_own(&mut entries, &read_identity_file(path)?, &prompt)?;
                    }
                }
                Place::Passphrase if by_passphrase => add_passphrase(&mut entries),
                Place::Passphrase | Place::NewPassphrase => {}
            }
        }
        if !by_passphrase && !self.identities.is_empty() && questions.is_unused() {
            return Err(Failure::usage(
                "the passphrase that was given is that of the identities, and none of them needs \
                 it to be encrypted to; add -p to encrypt to the passphrase, or leave it out",
            ));
        }
        if entries.is_empty() {
            add_own(&mut entries, &own_identities(console)?, &prompt)?;
        }
        check_labels(&self.labels, entries.len())?;
        Ok(Named { entries, questions })
    }
}

impl Named {
    fn has_passphrase(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Passphrase))
    }

    /// Seals a key to everyone.
    fn slots(&self, key: &StreamKey) -> Result<Vec<Section>, Failure> {
        let question = "Passphrase for the new stream: ";
        let slots = self.seal(key, || self.questions.new_passphrase(question))?;
        check_writer_rules(&slots, SlotMixing::Refuse)?;
        Ok(slots)
    }

    fn seal(
        &self,
        key: &StreamKey,
        passphrase: impl Fn() -> Result<Passphrase, Failure>,
    ) -> Result<Vec<Section>, Failure> {
        let prompt: Arc<dyn Prompt> = self.questions.clone();
        let seal = |entry: &Entry| match entry {
            Entry::Recipient(recipient) => Ok(seal_slot(key, recipient, &prompt)?),
            Entry::Passphrase => Ok(seal_passphrase_slot(key, &passphrase()?, WRITER_LOG_N)?),
        };
        self.entries.iter().map(seal).collect()
    }
}

impl ContinuedKey {
    /// The slots that a finished stream gets; none where it was begun under a raw key.
    pub(crate) fn slots(&self, key: &StreamKey) -> Result<Vec<Section>, Failure> {
        self.named.as_ref().map_or_else(|| Ok(Vec::new()), |named| named.slots(key))
    }
}

impl NewRecipientArgs {
    /// Everyone who is new, who are as many as there are labels.
    pub(crate) fn named(&self) -> Result<Named, Failure> {
        let mut entries = Vec::new();
        let mut texts = self.recipients.iter();
        let mut files = self.recipients_files.iter();
        for place in self.order.places() {
            match place {
                Place::Recipient => add_texts(&mut entries, texts.next())?,
                Place::RecipientsFile => add_files(&mut entries, files.next())?,
                Place::NewPassphrase => add_passphrase(&mut entries),
                Place::Identity | Place::Passphrase => {}
            }
        }
        if entries.is_empty() {
            return Err(Failure::usage(
                "no new recipient is named; use -r, -R or --new-passphrase",
            ));
        }
        check_labels(&self.labels, entries.len())?;
        Ok(Named { entries, questions: Questions::terminal() })
    }

    /// Slots with the stream's key for everyone who is new.
    pub(crate) fn slots(&self, key: &StreamKey, named: &Named) -> Result<Vec<Section>, Failure> {
        named.seal(key, || self.passphrase.ask())
    }
}

fn add_texts<'a>(
    entries: &mut Vec<Entry>,
    texts: impl IntoIterator<Item = &'a String>,
) -> Result<(), Failure> {
    for text in texts {
        let recipient = text.parse().map_err(sv2_keys::KeysError::Recipient)?;
        entries.push(Entry::Recipient(recipient));
    }
    Ok(())
}

fn add_files<'a>(
    entries: &mut Vec<Entry>,
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), Failure> {
    for path in files {
        entries.extend(read_recipients_file(path)?.into_iter().map(Entry::Recipient));
    }
    Ok(())
}

/// A stream has one passphrase, however often it is asked for.
fn add_passphrase(entries: &mut Vec<Entry>) {
    if !entries.iter().any(|entry| matches!(entry, Entry::Passphrase)) {
        entries.push(Entry::Passphrase);
    }
}

/// Refuses labels of which it is not clear whom they name.
fn check_labels(labels: &[String], slots: usize) -> Result<(), Failure> {
    if labels.is_empty() || labels.len() == slots {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--label is given {} for {}; give one for each, and an empty one where there is nothing to \
         say",
        counted(labels.len() as u64, "time", "times"),
        counted(slots as u64, "recipient", "recipients"),
    )))
}

fn add_own(
    entries: &mut Vec<Entry>,
    identities: &[Identity],
    prompt: &Arc<dyn Prompt>,
) -> Result<(), Failure> {
    for identity in identities {
        entries.extend(identity.recipients(prompt)?.into_iter().map(Entry::Recipient));
    }
    Ok(())
}

//! Who can open a new stream, or is to open one besides, as arguments: read in the order in which
//! they are given, which is that of slots and labels.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sv2_core::{Section, StreamKey};
use sv2_keys::{NoPrompt, PassphraseSource, Prompt, READER_MAX_LOG_N, SlotOpener};

use super::named::{Entry, Named};
use super::order::{Order, Place};
use super::own::{Making, existing_identities, own_identities, own_recipients};
use super::{KEY_COMMAND_VARIABLE, OpenKey, key_command_of_environment, no_randomness};
use crate::console::Console;
use crate::failure::Failure;
use crate::key_command;
use crate::key_files;
use crate::passphrase::{NewPassphraseArgs, PassphraseArgs, Questions};

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
    /// Encrypt to the recipients of the identities that this shell command prints (repeatable)
    #[arg(long = "identity-command", value_name = "COMMAND")]
    identity_commands: Vec<OsString>,
    /// Encrypt to your own default identity, too
    #[arg(long = "self", conflicts_with = "no_self")]
    own: bool,
    /// Say nothing of a stream that you cannot open yourself, and let --rm remove its source
    #[arg(long)]
    no_self: bool,
    /// Make your default identity if there is none yet, and say so; without a terminal to ask on
    /// nothing else makes it
    #[arg(long)]
    make_identity: bool,
    /// Encrypt to a passphrase, asked twice on the terminal
    #[arg(short, long)]
    passphrase: bool,
    /// Encrypt under this raw key of 32 bytes or 64 hexadecimal digits, without any key slot
    #[arg(
        short = 'K',
        long,
        value_name = "FILE",
        conflicts_with_all = ["recipients", "recipients_files", "identities", "identity_commands",
            "own", "passphrase", "passphrase_file", "passphrase_fd", "passphrase_command"]
    )]
    key_file: Option<PathBuf>,
    /// Encrypt under the raw key that this shell command prints
    #[arg(
        long,
        value_name = "COMMAND",
        conflicts_with_all = ["key_file", "recipients", "recipients_files", "identities",
            "identity_commands", "own", "passphrase", "passphrase_file", "passphrase_fd",
            "passphrase_command"]
    )]
    key_command: Option<OsString>,
    /// Name a recipient in the sealed metadata, visible to anyone who can open the stream: the first
    /// label names the first of -r, -R, -i, --self and -p on the command line, and so on; -R takes
    /// one for each line of its file, -i one for each identity (repeatable)
    #[arg(long = "label", value_name = "LABEL", conflicts_with_all = ["key_file", "key_command"])]
    labels: Vec<String>,
    /// Label each slot that has no label with its recipient; this shows recipients to one another
    #[arg(long, conflicts_with_all = ["key_file", "key_command"])]
    label_recipients: bool,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseArgs,
}

impl RecipientArgs {
    /// Whether -p was given, behind which a passphrase may have been meant to be typed.
    pub(crate) fn has_passphrase_option(&self) -> bool {
        self.passphrase
    }
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
    /// Name a new slot in the sealed metadata, visible to anyone who can open the stream: the first
    /// label names the first of -r, -R and the new passphrase on the command line, and so on; -R
    /// takes one for each line of its file (repeatable)
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Label each new slot that has no label with its recipient; this shows recipients to one
    /// another
    #[arg(long)]
    label_recipients: bool,
}

/// Who shall open a new stream.
pub(crate) enum Who {
    /// Whoever has the raw key.
    Raw(StreamKey),
    Named(Named),
}

/// The key of a new stream and the slots that hold it.
pub(crate) struct NewKey {
    pub(crate) key: StreamKey,
    pub(crate) slots: Vec<Section>,
}

/// The key of an unfinished stream, and who shall open the finished one.
pub(crate) struct ContinuedKey<'a> {
    pub(crate) key: OpenKey,
    named: Option<&'a Named>,
}

impl RecipientArgs {
    /// Reads who was named, which may ask for the passphrase of an identity file.
    pub(crate) fn who(&self, console: &Console) -> Result<Who, Failure> {
        if let Some(path) = &self.key_file {
            return Ok(Who::Raw(key_files::raw_key(path)?));
        }
        if let Some(line) = &self.key_command {
            return Ok(Who::Raw(key_command::key(line, "--key-command")?));
        }
        if let Some(line) = key_command_of_environment().filter(|_| self.names_nobody()) {
            return Ok(Who::Raw(key_command::key(&line, KEY_COMMAND_VARIABLE)?));
        }
        self.named(console).map(Who::Named)
    }

    /// What opens a stream that was begun by the same arguments, and finishes it for everyone
    /// named.
    pub(crate) fn continued_key<'a>(&self, who: &'a Who) -> Result<ContinuedKey<'a>, Failure> {
        let named = match who {
            Who::Raw(_) => {
                let key = OpenKey::Raw(who.new_key()?.key);
                return Ok(ContinuedKey { key, named: None });
            }
            Who::Named(named) => named,
        };
        let mut identities = Vec::new();
        for path in &self.identities {
            identities.extend(key_files::identities(path)?);
        }
        for line in &self.identity_commands {
            identities.extend(key_command::identities(line, "--identity-command")?);
        }
        if identities.is_empty() {
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

    /// What opens streams that an earlier run made for the same people, without a question.
    pub(crate) fn earlier_key(&self, who: &Who) -> Result<OpenKey, Failure> {
        if let Who::Raw(_) = who {
            return Ok(OpenKey::Raw(who.new_key()?.key));
        }
        let mut identities = Vec::new();
        for path in &self.identities {
            identities.extend(key_files::identities(path)?);
        }
        identities.extend(existing_identities()?);
        Ok(OpenKey::Slots(SlotOpener {
            identities,
            passphrase: PassphraseSource::None,
            max_log_n: READER_MAX_LOG_N,
            prompt: Arc::new(NoPrompt),
        }))
    }

    /// Whether recipients are all that was named, so that nothing shows who could open the stream.
    pub(crate) fn names_recipients_alone(&self) -> bool {
        let named = !self.recipients.is_empty() || !self.recipients_files.is_empty();
        named
            && !self.own
            && self.identities.is_empty()
            && self.identity_commands.is_empty()
            && !self.passphrase
            && !self.passphrases.is_given()
    }

    /// Whether nothing says who shall open the stream.
    fn names_nobody(&self) -> bool {
        self.recipients.is_empty()
            && self.recipients_files.is_empty()
            && self.identities.is_empty()
            && self.identity_commands.is_empty()
            && !self.own
            && !self.passphrase
            && !self.passphrases.is_given()
    }

    /// Everyone who was named, and the user where nobody was.
    fn named(&self, console: &Console) -> Result<Named, Failure> {
        let questions = self.passphrases.questions()?;
        let prompt: Arc<dyn Prompt> = questions.clone();
        let has_identities = !self.identities.is_empty() || !self.identity_commands.is_empty();
        // A passphrase that is given without anything that is locked by it is the stream's.
        let by_passphrase = self.passphrase || (self.passphrases.is_given() && !has_identities);
        let making = if self.make_identity { Making::Make } else { Making::Ask };
        let mut entries = Vec::new();
        let mut texts = self.recipients.iter();
        let mut files = self.recipients_files.iter();
        let mut identities = self.identities.iter();
        let mut commands = self.identity_commands.iter();
        for place in self.order.places() {
            match place {
                Place::Recipient => Entry::add_text(&mut entries, texts.next())?,
                Place::RecipientsFile => Entry::add_file(&mut entries, files.next())?,
                Place::Identity => {
                    if let Some(path) = identities.next() {
                        Entry::add_own(&mut entries, &key_files::identities(path)?, &prompt)?;
                    }
                }
                Place::IdentityCommand => {
                    if let Some(line) = commands.next() {
                        let printed = key_command::identities(line, "--identity-command")?;
                        Entry::add_own(&mut entries, &printed, &prompt)?;
                    }
                }
                Place::Own => {
                    Entry::add_own(&mut entries, &own_identities(making, console)?, &prompt)?;
                }
                Place::Passphrase if by_passphrase => Entry::add_passphrase(&mut entries),
                Place::Passphrase | Place::NewPassphrase => {}
            }
        }
        if !by_passphrase && has_identities && questions.is_unused() {
            return Err(Failure::usage(
                "the passphrase that was given is that of the identities, and none of them needs \
                 it to be encrypted to",
            )
            .hint("add -p to encrypt to the passphrase, or leave it out"));
        }
        if entries.is_empty() {
            Entry::add_own(&mut entries, &own_identities(making, console)?, &prompt)?;
        }
        let is_stranger = !self.no_self && self.names_recipients_alone() && {
            let own: Vec<String> = own_recipients().iter().map(ToString::to_string).collect();
            !entries.iter().any(|entry| own.contains(&entry.text()))
        };
        Named::new(entries, &self.labels, self.label_recipients, questions, console)
            .map(|named| named.with_stranger(is_stranger))
    }
}

impl Who {
    /// Whether the user is not among them, as far as can be told, and did not say that this is meant.
    pub(crate) fn is_without_self(&self) -> bool {
        matches!(self, Self::Named(named) if named.is_without_self)
    }

    /// Whether each new stream costs a derivation from a passphrase.
    pub(crate) fn has_passphrase(&self) -> bool {
        matches!(self, Self::Named(named) if named.has_passphrase())
    }

    /// The labels of the slots; none where there is nothing to say.
    pub(crate) fn labels(&self) -> Vec<String> {
        match self {
            Self::Raw(_) => Vec::new(),
            Self::Named(named) => named.labels(),
        }
    }

    /// Draws a key for the new stream and seals it to everyone named, or takes the raw key.
    pub(crate) fn new_key(&self) -> Result<NewKey, Failure> {
        match self {
            Self::Raw(key) => {
                let key = StreamKey::from_slice(key.expose()).ok_or_else(no_randomness)?;
                Ok(NewKey { key, slots: Vec::new() })
            }
            Self::Named(named) => {
                let key = StreamKey::generate().map_err(|_| no_randomness())?;
                let slots = named.slots(&key)?;
                Ok(NewKey { key, slots })
            }
        }
    }
}

impl ContinuedKey<'_> {
    /// The slots that a finished stream gets; none where it was begun under a raw key.
    pub(crate) fn slots(&self, key: &StreamKey) -> Result<Vec<Section>, Failure> {
        self.named.map_or_else(|| Ok(Vec::new()), |named| named.slots(key))
    }
}

impl NewRecipientArgs {
    /// Everyone who is new, with labels.
    pub(crate) fn named(&self, console: &Console) -> Result<Named, Failure> {
        let mut entries = Vec::new();
        let mut texts = self.recipients.iter();
        let mut files = self.recipients_files.iter();
        for place in self.order.places() {
            match place {
                Place::Recipient => Entry::add_text(&mut entries, texts.next())?,
                Place::RecipientsFile => Entry::add_file(&mut entries, files.next())?,
                Place::NewPassphrase => Entry::add_passphrase(&mut entries),
                _ => {}
            }
        }
        if entries.is_empty() {
            return Err(
                Failure::usage("no new recipient is named").hint("use -r, -R or --new-passphrase")
            );
        }
        let questions = Questions::terminal();
        Named::new(entries, &self.labels, self.label_recipients, questions, console)
    }

    /// Slots with the stream's key for everyone who is new.
    pub(crate) fn slots(&self, key: &StreamKey, named: &Named) -> Result<Vec<Section>, Failure> {
        named.seal(key, || self.passphrase.ask())
    }
}

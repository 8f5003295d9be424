//! What can go wrong with key slots and with the files that keys come from.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why a text is not the recipient or identity that it should be; never holds the text itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextFault {
    /// No known kind of recipient.
    #[error("this is not a recipient")]
    NotARecipient,
    /// It begins as a key of age does, and its checksum is wrong.
    #[error("its checksum does not match, so a character is wrong, missing or too many")]
    Mistyped,
    /// No known kind of identity.
    #[error("this is not an identity")]
    NotAnIdentity,
    /// A secret key where a public one belongs.
    #[error("this is a secret identity, not a recipient")]
    IdentityInPlaceOfRecipient,
    /// A public key where a secret one belongs.
    #[error("this is a recipient, not an identity")]
    RecipientInPlaceOfIdentity,
    /// A native post-quantum identity, which this build cannot use.
    #[error("native post-quantum identities are not supported")]
    PostQuantumIdentity,
    /// A kind of SSH key that age has no slots for.
    #[error("SSH keys of type {0} are not supported")]
    UnsupportedSshKey(String),
    /// An RSA key below 2048 bits.
    #[error("the RSA key is shorter than 2048 bits")]
    RsaTooShort,
    /// An RSA key above 4096 bits.
    #[error("the RSA key is longer than 4096 bits")]
    RsaTooLong,
    /// An SSH key in a build without the feature `ssh`.
    #[error("SSH keys are left out of this build")]
    NoSsh,
    /// The key of a plugin in a build without the feature `plugin`.
    #[error("plugins are left out of this build")]
    NoPlugins,
}

/// A file of keys that cannot be read, understood or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The operating system refused to open or read it.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system refused to make or write it; nothing of it is left behind.
    #[error("cannot write the key file {}", path.display())]
    Write {
        /// The file or the folder that was to hold it.
        path: PathBuf,
        /// The operating system's reason; `AlreadyExists` where the file was there.
        source: io::Error,
    },
    /// It is longer than any file of its kind.
    #[error("the key file {} is longer than {max} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The longest that is read, in bytes.
        max: usize,
    },
    /// One line is not what the file should consist of.
    #[error("line {line} of the key file {}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: KeyTextFault,
    },
    /// The file as a whole is something else.
    #[error("the key file {} is not usable: {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// It holds comments and empty lines only.
    #[error("the key file {} holds no key", path.display())]
    NoKeys {
        /// The file.
        path: PathBuf,
    },
    /// It is locked and no passphrase was given.
    #[error("the key file {} is locked and no passphrase was given", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It is locked with another passphrase, or damaged.
    #[error("the passphrase does not open the key file {}", path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The environment names no folder for a user's configuration.
    #[error("neither XDG_CONFIG_HOME nor a home folder is set")]
    NoConfigFolder,
    /// The operating system gave no random bytes for a name.
    #[error("the operating system's random source failed")]
    Random,
}

/// What was tried before a stream's key was given up on.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct NoKeyFits {
    /// Key slots that hold an age file.
    pub age_slots: usize,
    /// What those slots are for, each kind once: `X25519`, `ssh-ed25519`, `a passphrase`.
    pub slot_kinds: Vec<String>,
    /// Key slots of other kinds, which are skipped.
    pub other_slots: usize,
    /// Identities that were tried.
    pub identities: usize,
    /// Slots that opened to a 32-byte key which the caller refused.
    ///
    /// Where this is not zero, a key was found and none matches: another context, most likely.
    pub refused_keys: usize,
    /// Slots that opened to something that is not a 32-byte key.
    pub unusable_slots: usize,
    /// Work factors (binary logarithms) of passphrase slots above the limit, left unopened.
    pub skipped_over_limit: Vec<u8>,
    /// Whether one of the slots is for a passphrase.
    pub has_passphrase_slot: bool,
    /// Whether a passphrase was tried on it.
    pub passphrase_tried: bool,
    /// The first identity or slot that failed for another reason than not fitting.
    pub first_failure: Option<Box<KeysError>>,
}

/// A failure around key slots (sections 3 and 8 of `docs/format.md`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// A recipient that was given as text is not one.
    #[error("the recipient cannot be used")]
    Recipient(#[source] KeyTextFault),
    /// A file of keys failed.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The program of a plugin is not installed.
    #[error("the plugin age-plugin-{name} is not on the PATH")]
    PluginMissing {
        /// The plugin's name.
        name: String,
    },
    /// A plugin reported a failure.
    #[error("the plugin age-plugin-{name} failed")]
    Plugin {
        /// The plugin's name.
        name: String,
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The age library could not make or read a slot.
    #[error("the age file of a key slot failed")]
    Age {
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A work factor that no reader accepts, or none at all.
    #[error("scrypt work factor 2^{log_n} is not within 2^1 to 2^{max}")]
    WorkFactor {
        /// Binary logarithm of the factor that was asked for.
        log_n: u8,
        /// The largest binary logarithm that is accepted.
        max: u8,
    },
    /// A slot is not what section 3 of `docs/format.md` demands.
    #[error("key slot {slot} is malformed: {what}")]
    Malformed {
        /// The slot, counted from 0 over the slots.
        slot: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// More slots than a header may have.
    #[error("{count} key slots, the maximum is {max}")]
    TooManySlots {
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// Two slots are for passphrases.
    #[error("a stream has at most one passphrase slot")]
    SecondPassphraseSlot,
    /// Post-quantum and classical slots together are as weak as the classical ones.
    #[error("post-quantum and classical recipients are mixed")]
    MixedSlots,
    /// No slot opened to a key that fits; the reasons are within.
    #[error("{}", no_key_fits(.0))]
    NoKeyFits(#[source] Box<NoKeyFits>),
    /// There is not enough memory to derive the key from a passphrase.
    #[error("a passphrase of this strength needs {} MiB of memory, which are not to be had", needed >> 20)]
    Memory {
        /// Bytes that are needed.
        needed: u64,
    },
    /// The passphrase was all there was to try, and it does not open the passphrase slot.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
}

impl std::fmt::Display for NoKeyFits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |count: usize, one: &'static str, many: &'static str| {
            if count == 1 { one } else { many }
        };
        write!(
            f,
            "{} {} tried on {} {}",
            self.identities,
            plural(self.identities, "identity", "identities"),
            self.age_slots,
            plural(self.age_slots, "key slot", "key slots"),
        )?;
        if !self.slot_kinds.is_empty() {
            write!(f, " for {}", self.slot_kinds.join(", "))?;
        }
        Ok(())
    }
}

impl Error for NoKeyFits {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.first_failure.as_deref().map(|failure| failure as _)
    }
}

/// The one sentence that a user needs, the most specific first.
fn no_key_fits(reasons: &NoKeyFits) -> String {
    if reasons.refused_keys > 0 {
        return "a key slot opened, but its key is not the stream's".into();
    }
    if let Some(log_n) = reasons.skipped_over_limit.iter().max() {
        return format!("the passphrase slot asks for a work factor of 2^{log_n}, over the limit");
    }
    if reasons.has_passphrase_slot && !reasons.passphrase_tried && reasons.age_slots == 1 {
        return "a passphrase is needed".into();
    }
    if reasons.age_slots == 0 && reasons.other_slots == 0 {
        return "the stream has no key slots: only its raw key opens it".into();
    }
    "no key slot opens with the keys that were given".into()
}

/// Bytes that cannot be a passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Nothing is left after the trailing newline is dropped.
    #[error("the passphrase is empty")]
    Empty,
    /// A control character, such as a newline in the middle, in one that is to lock something.
    #[error("the passphrase holds a newline or another character that cannot be typed")]
    Untypeable,
    /// Passphrases are text.
    #[error("the passphrase is not UTF-8")]
    NotText,
    /// More than a passphrase.
    #[error("the passphrase is longer than {max} bytes")]
    TooLong {
        /// The longest that is read, in bytes.
        max: usize,
    },
    /// The operating system gave no random bytes for a new one.
    #[error("the operating system's random source failed")]
    Random,
    /// The operating system refused to read it.
    #[error("cannot read the passphrase")]
    Read(#[source] io::Error),
}

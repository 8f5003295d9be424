//! What can be said about key slots without any key (section 3 of `docs/format.md`).

use sv2_headers::{SLOT_KIND_AGE, Section, age_slot};

use crate::base64;

/// One stanza of an age file: how the slot's key is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StanzaKind {
    /// An X25519 key; which one is not readable.
    X25519,
    /// A passphrase.
    Scrypt {
        /// Binary logarithm of scrypt's N.
        log_n: u8,
    },
    /// An Ed25519 SSH key.
    SshEd25519 {
        /// The first four bytes of SHA-256 over the public key as SSH encodes it.
        fingerprint: [u8; 4],
    },
    /// An RSA SSH key.
    SshRsa {
        /// The first four bytes of SHA-256 over the public key as SSH encodes it.
        fingerprint: [u8; 4],
    },
    /// A P-256 key on hardware.
    P256Tag,
    /// A hybrid of ML-KEM-768 and P-256 on hardware.
    MlKem768P256Tag,
    /// A hybrid of ML-KEM-768 and X25519.
    MlKem768X25519,
    /// Anything else, such as a plugin's own type.
    ///
    /// The plugin's name is not in the slot: types are the plugins' to choose.
    Other(String),
}

impl StanzaKind {
    /// Whom it is for, in the words of age and SSH.
    pub(crate) fn name(&self) -> String {
        let name = match self {
            Self::X25519 => "X25519",
            Self::Scrypt { .. } => "a passphrase",
            Self::SshEd25519 { .. } => "ssh-ed25519",
            Self::SshRsa { .. } => "ssh-rsa",
            Self::P256Tag => "P-256 on hardware",
            Self::MlKem768P256Tag => "ML-KEM-768 and P-256 on hardware",
            Self::MlKem768X25519 => "ML-KEM-768 and X25519",
            Self::Other(kind) => kind,
        };
        name.to_owned()
    }
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotContent {
    /// An age file, with its stanzas in order.
    ///
    /// Stanzas whose type ends in `-grease` mean nothing by design and are left out.
    Age(Vec<StanzaKind>),
    /// Another kind of slot, which readers skip.
    Other(u16),
    /// No slot that a reader accepts.
    Malformed,
}

/// One key slot, as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// The slot, counted from 0 over the slots.
    pub slot: usize,
    /// The section that holds it, counted from 0 over all sections given.
    pub section: usize,
    /// Bytes of the section's body, the slot kind included.
    pub len: usize,
    /// What it holds.
    pub content: SlotContent,
}

/// Describes every key slot among `sections`, in order; other sections are passed over.
#[must_use]
pub fn describe_slots(sections: &[Section]) -> Vec<SlotInfo> {
    let slots = sections.iter().enumerate().filter(|(_, section)| is_slot(section));
    slots
        .enumerate()
        .map(|(slot, (section, found))| SlotInfo {
            slot,
            section,
            len: found.body.len(),
            content: content(found),
        })
        .collect()
}

fn is_slot(section: &Section) -> bool {
    section.kind == sv2_headers::SECTION_SLOT
}

fn content(section: &Section) -> SlotContent {
    match section.as_slot() {
        Some((SLOT_KIND_AGE, bytes)) => {
            stanzas(bytes).map_or(SlotContent::Malformed, SlotContent::Age)
        }
        Some((kind, _)) => SlotContent::Other(kind),
        None => SlotContent::Malformed,
    }
}

/// The stanzas of an age file that holds a key; `None` where it is no such file.
pub(crate) fn stanzas(bytes: &[u8]) -> Option<Vec<StanzaKind>> {
    age_slot(bytes)?;
    // The header is text, and no other line of it begins so: bodies are base64.
    let header = bytes.split(|&byte| byte == b'\n').take_while(|line| !line.starts_with(b"--- "));
    let heads = header.filter_map(|line| std::str::from_utf8(line.strip_prefix(b"-> ")?).ok());
    Some(heads.filter_map(stanza).collect())
}

fn stanza(head: &str) -> Option<StanzaKind> {
    let mut words = head.split(' ');
    let kind = words.next()?;
    let first = words.next();
    let fingerprint = || base64::decode(first?)?.try_into().ok();
    let known = match kind {
        "X25519" => Some(StanzaKind::X25519),
        "scrypt" => words
            .next()
            .and_then(|log_n| log_n.parse().ok())
            .map(|log_n| StanzaKind::Scrypt { log_n }),
        "ssh-ed25519" => fingerprint().map(|fingerprint| StanzaKind::SshEd25519 { fingerprint }),
        "ssh-rsa" => fingerprint().map(|fingerprint| StanzaKind::SshRsa { fingerprint }),
        "p256tag" => Some(StanzaKind::P256Tag),
        "mlkem768p256tag" => Some(StanzaKind::MlKem768P256Tag),
        "mlkem768x25519" => Some(StanzaKind::MlKem768X25519),
        grease if grease.ends_with("-grease") => return None,
        _ => None,
    };
    Some(known.unwrap_or_else(|| StanzaKind::Other(kind.to_owned())))
}

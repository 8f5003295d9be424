//! Identities: the secret keys that open slots, and the files that hold them.
//!
//! An identity file is one of: lines of `AGE-SECRET-KEY-1..` and `AGE-PLUGIN-..`, an SSH private
//! key, or an age file (binary or armored) that encrypts such lines with a passphrase.
//! What is locked stays locked until a slot or a recipient needs it.

mod locked;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::x25519;

use crate::file::{MAX_FILE_LEN, read_file};
use crate::recipient::{begins, key_lines};
use crate::ssh::PrivateKey;
use crate::{KeyFileError, KeyTextFault, KeysError, Prompt, Recipient, plugin, ssh};
pub use locked::IDENTITY_FILE_MAX_LOG_N;
pub(crate) use locked::LockedFile;

/// A secret key, or the way to one; printed as its kind and file only.
pub struct Identity {
    pub(crate) kind: Kind,
    origin: PathBuf,
}

pub(crate) enum Kind {
    X25519(Box<x25519::Identity>),
    Ssh(Box<ssh::Identity>),
    LockedSsh(Box<ssh::LockedKey>),
    LockedFile(LockedFile),
    Plugin(plugin::Identity),
}

impl Identity {
    /// The file that this came from, as it was named when it was read.
    #[must_use]
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// The recipients whose slots this identity opens.
    ///
    /// One, but for an encrypted identity file, which is asked for its passphrase once and then
    /// yields one for each identity in it.
    ///
    /// # Errors
    /// `File` with `Locked` or `WrongPassphrase` for an encrypted identity file; `Recipient` for
    /// an SSH key that age has no slots for.
    pub fn recipients(&self, prompt: &Arc<dyn Prompt>) -> Result<Vec<Recipient>, KeysError> {
        let of_ssh = |key| Recipient::of_ssh(key).map_err(KeysError::Recipient);
        Ok(match &self.kind {
            Kind::X25519(key) => vec![Recipient::of_x25519(key)],
            Kind::Ssh(key) => vec![of_ssh(key.as_ref().clone())?],
            Kind::LockedSsh(key) => vec![Recipient::of_ssh_key(key.recipient())],
            Kind::Plugin(identity) => vec![Recipient::of_plugin_identity(identity)],
            Kind::LockedFile(file) => {
                let mut recipients = Vec::new();
                for identity in file.unlock(&self.origin, prompt)? {
                    recipients.extend(identity.recipients(prompt)?);
                }
                recipients
            }
        })
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::X25519(_) => "X25519",
            Kind::Ssh(_) => "ssh",
            Kind::LockedSsh(_) => "locked ssh",
            Kind::LockedFile(_) => "encrypted file",
            Kind::Plugin(_) => "plugin",
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, {})", self.kind_name(), self.origin.display())
    }
}

/// Reads an identity file of any kind, without asking for a passphrase yet.
///
/// # Errors
/// As [`parse_identities`]; `Read` and `TooLong` (above 1 MiB) for the file itself.
pub fn read_identity_file(path: &Path) -> Result<Vec<Identity>, KeyFileError> {
    parse_identities(&read_file(path, MAX_FILE_LEN)?, path)
}

/// Reads the bytes of an identity file of any kind; `origin` names it in errors and questions.
///
/// The caller wipes the bytes.
///
/// # Errors
/// `Line` for the first line that is no identity, `Unusable` for SSH keys and age files that
/// cannot serve, `NoKeys` where there is no identity at all.
pub fn parse_identities(bytes: &[u8], origin: &Path) -> Result<Vec<Identity>, KeyFileError> {
    let start = bytes.trim_ascii_start();
    let kind = if start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        Kind::LockedFile(LockedFile::new(start, origin)?)
    } else if bytes.starts_with(b"age-encryption.org/") {
        Kind::LockedFile(LockedFile::new(bytes, origin)?)
    } else if start.starts_with(b"-----BEGIN ") {
        match ssh::private_key(start, origin)? {
            PrivateKey::Open(key) => Kind::Ssh(key),
            PrivateKey::Locked(key) => Kind::LockedSsh(key),
        }
    } else {
        return identity_lines(bytes, origin);
    };
    Ok(vec![Identity { kind, origin: origin.to_owned() }])
}

/// Reads lines of native and plugin identities.
fn identity_lines(bytes: &[u8], origin: &Path) -> Result<Vec<Identity>, KeyFileError> {
    let mut identities = Vec::new();
    for (line, text) in key_lines(bytes) {
        let kind = text
            .ok_or(KeyTextFault::NotAnIdentity)
            .and_then(identity_line)
            .map_err(|source| KeyFileError::Line { path: origin.to_owned(), line, source })?;
        identities.push(Identity { kind, origin: origin.to_owned() });
    }
    if identities.is_empty() {
        return Err(KeyFileError::NoKeys { path: origin.to_owned() });
    }
    Ok(identities)
}

fn identity_line(text: &str) -> Result<Kind, KeyTextFault> {
    if let Ok(identity) = text.parse() {
        return Ok(Kind::X25519(Box::new(identity)));
    }
    if let Some(identity) = plugin::identity_of(text) {
        return identity.map(Kind::Plugin);
    }
    if text.starts_with("AGE-SECRET-KEY-PQ-1") {
        return Err(KeyTextFault::PostQuantumIdentity);
    }
    if text.parse::<Recipient>().is_ok() {
        return Err(KeyTextFault::RecipientInPlaceOfIdentity);
    }
    if begins(text, "AGE-SECRET-KEY-1") || begins(text, "AGE-PLUGIN-") {
        return Err(KeyTextFault::Mistyped);
    }
    Err(KeyTextFault::NotAnIdentity)
}

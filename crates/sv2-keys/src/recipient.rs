//! Recipients: public keys that a slot is sealed to, as text and in files.
//!
//! Known are age's X25519 keys (`age1..`), its tagged keys for hardware (`age1tag1..`) and their
//! post-quantum form (`age1tagpq1..`), `ssh-ed25519` and `ssh-rsa` public keys, and the keys of
//! plugins (`age1name1..`), the native post-quantum ones (`age1pq1..`) among them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use age::{tag, tagpq, x25519};

use crate::file::{MAX_FILE_LEN, read_file};
use crate::{KeyFileError, KeyTextFault, KeysError, Prompt, plugin, ssh};

/// Whom a slot is for.
///
/// Parses from and prints as the text that age and SSH use.
/// The recipient of a plugin identity has no text of its own and prints as the plugin's name.
#[derive(Clone)]
pub struct Recipient(Kind);

#[derive(Clone)]
enum Kind {
    X25519(x25519::Recipient),
    Tag(tag::Recipient),
    TagPq(Box<tagpq::Recipient>),
    Ssh(Box<ssh::Recipient>),
    Plugin(plugin::Recipient),
    /// The plugin itself knows the recipient that belongs to an identity.
    PluginIdentity(plugin::Identity),
}

impl Recipient {
    pub(crate) fn of_x25519(identity: &x25519::Identity) -> Self {
        Self(Kind::X25519(identity.to_public()))
    }

    pub(crate) fn of_plugin_identity(identity: &plugin::Identity) -> Self {
        Self(Kind::PluginIdentity(identity.clone()))
    }

    /// The public half of an SSH private key, which is readable while that is locked.
    pub(crate) fn of_ssh(identity: ssh::Identity) -> Result<Self, KeyTextFault> {
        Ok(Self(Kind::Ssh(Box::new(ssh::Recipient::of(identity)?))))
    }

    pub(crate) fn of_ssh_key(recipient: &ssh::Recipient) -> Self {
        Self(Kind::Ssh(Box::new(recipient.clone())))
    }

    /// The four bytes by which a slot names an SSH key; `None` for other recipients.
    #[must_use]
    pub fn ssh_fingerprint(&self) -> Option<[u8; 4]> {
        let Kind::Ssh(recipient) = &self.0 else { return None };
        recipient.fingerprint()
    }

    /// The name of the plugin that seals for this recipient, if one does.
    #[must_use]
    pub fn plugin_name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Plugin(recipient) => Some(recipient.plugin()),
            Kind::PluginIdentity(identity) => Some(identity.plugin()),
            _ => None,
        }
    }

    /// Hands the age library's form of this recipient to `seal`.
    pub(crate) fn with_age<T>(
        &self,
        prompt: &Arc<dyn Prompt>,
        seal: impl FnOnce(&dyn age::Recipient) -> T,
    ) -> Result<T, KeysError> {
        Ok(match &self.0 {
            Kind::X25519(recipient) => seal(recipient),
            Kind::Tag(recipient) => seal(recipient),
            Kind::TagPq(recipient) => seal(recipient.as_ref()),
            Kind::Ssh(recipient) => seal(recipient.as_age()),
            Kind::Plugin(recipient) => plugin::with_recipient(Ok(recipient), prompt, seal)?,
            Kind::PluginIdentity(identity) => plugin::with_recipient(Err(identity), prompt, seal)?,
        })
    }
}

impl FromStr for Recipient {
    type Err = KeyTextFault;

    /// Reads one recipient; white space around it and the comment of an SSH key are ignored.
    fn from_str(text: &str) -> Result<Self, KeyTextFault> {
        let text = text.trim();
        if let Ok(recipient) = text.parse() {
            return Ok(Self(Kind::X25519(recipient)));
        }
        if let Ok(recipient) = text.parse() {
            return Ok(Self(Kind::Tag(recipient)));
        }
        if let Ok(recipient) = text.parse() {
            return Ok(Self(Kind::TagPq(Box::new(recipient))));
        }
        if let Some(recipient) = plugin::recipient_of(text) {
            return recipient.map(|recipient| Self(Kind::Plugin(recipient)));
        }
        if is_secret(text) {
            return Err(KeyTextFault::IdentityInPlaceOfRecipient);
        }
        // Every key of age ends in a checksum, and nothing else begins so.
        if begins(text, "age1") {
            return Err(KeyTextFault::Mistyped);
        }
        Ok(Self(Kind::Ssh(Box::new(ssh::public_key(text)?))))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::X25519(recipient) => recipient.fmt(f),
            Kind::Tag(recipient) => recipient.fmt(f),
            Kind::TagPq(recipient) => recipient.fmt(f),
            Kind::Ssh(recipient) => recipient.fmt(f),
            Kind::Plugin(recipient) => recipient.fmt(f),
            Kind::PluginIdentity(identity) => {
                write!(f, "identity of age-plugin-{}", identity.plugin())
            }
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// Whether a text begins as secret keys do.
fn is_secret(text: &str) -> bool {
    ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN "].iter().any(|start| begins(text, start))
}

/// Whether a text begins with a word, in whatever case.
pub(crate) fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Reads a recipients file: one recipient a line; `#` begins a comment line.
///
/// SSH public key files (`.pub`) and lists of such keys without options are recipients files.
///
/// # Errors
/// As [`parse_recipients`]; `Read` and `TooLong` (above 1 MiB) for the file itself.
pub fn read_recipients_file(path: &Path) -> Result<Vec<Recipient>, KeyFileError> {
    parse_recipients(&read_file(path, MAX_FILE_LEN)?, path)
}

/// Reads the bytes of a recipients file; `origin` names it in errors.
///
/// # Errors
/// `Line` for the first line that is no recipient, `NoKeys` where there is none at all.
pub fn parse_recipients(bytes: &[u8], origin: &Path) -> Result<Vec<Recipient>, KeyFileError> {
    let mut recipients = Vec::new();
    for (line, text) in key_lines(bytes) {
        let recipient = text
            .ok_or(KeyTextFault::NotARecipient)
            .and_then(str::parse)
            .map_err(|source| KeyFileError::Line { path: origin.to_owned(), line, source })?;
        recipients.push(recipient);
    }
    if recipients.is_empty() {
        return Err(KeyFileError::NoKeys { path: origin.to_owned() });
    }
    Ok(recipients)
}

/// The lines of a key file that hold something, counted from 1; `None` where one is no text.
pub(crate) fn key_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, Option<&str>)> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
        .map(|(index, line)| (index + 1, std::str::from_utf8(line).ok()))
}

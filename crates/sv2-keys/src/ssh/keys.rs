//! SSH keys where they are in the build.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use age::ssh::{EncryptedKey, ParseRecipientKeyError, UnsupportedKey};

use crate::ssh::PrivateKey;
use crate::{KeyFileError, KeyTextFault, PassphrasePurpose, Prompt, base64};

pub(crate) use age::ssh::Identity;

/// A public key.
#[derive(Clone)]
pub(crate) struct Recipient(pub(crate) age::ssh::Recipient);

impl Recipient {
    /// The public half of a private key, which is readable while that is locked.
    pub(crate) fn of(identity: Identity) -> Result<Self, KeyTextFault> {
        age::ssh::Recipient::try_from(identity).map(Self).map_err(fault)
    }

    /// The four bytes by which a slot names it.
    pub(crate) fn fingerprint(&self) -> Option<[u8; 4]> {
        let text = self.0.to_string();
        let key = base64::decode(text.split(' ').nth(1)?)?;
        sv2_crypto::sha256(&[&key]).first_chunk().copied()
    }

    pub(crate) fn as_age(&self) -> &dyn age::Recipient {
        &self.0
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// As the age library has it.
pub(crate) fn as_age(identity: &Identity) -> &dyn age::Identity {
    identity
}

/// Reads a public key as a line has it.
pub(crate) fn public_key(text: &str) -> Result<Recipient, KeyTextFault> {
    text.parse().map(Recipient).map_err(fault)
}

/// Reads a private key file.
pub(crate) fn private_key(bytes: &[u8], origin: &Path) -> Result<PrivateKey, KeyFileError> {
    let unusable = |what: String| KeyFileError::Unusable { path: origin.to_owned(), what };
    let key = Identity::from_buffer(io::Cursor::new(bytes), None)
        .map_err(|_| unusable("it is not an SSH private key that can be read".into()))?;
    match key {
        Identity::Unsupported(kind) => Err(unusable(match kind {
            UnsupportedKey::EncryptedPem => {
                "its old PEM encryption is unsafe; convert it with ssh-keygen -o -p".into()
            }
            UnsupportedKey::EncryptedSsh(cipher) => {
                format!("SSH keys locked with {cipher} are not supported")
            }
            UnsupportedKey::Hardware(kind) => {
                format!("SSH keys on hardware ({kind}) cannot decrypt")
            }
            UnsupportedKey::Type(kind) => format!("SSH keys of type {kind} cannot decrypt"),
        })),
        Identity::Encrypted(locked) => LockedKey::new(locked)
            .map(|key| PrivateKey::Locked(Box::new(key)))
            .map_err(|fault| unusable(fault.to_string())),
        open @ Identity::Unencrypted(_) => Ok(PrivateKey::Open(Box::new(open))),
    }
}

fn fault(error: ParseRecipientKeyError) -> KeyTextFault {
    match error {
        ParseRecipientKeyError::RsaModulusTooLarge => KeyTextFault::RsaTooLong,
        ParseRecipientKeyError::RsaModulusTooSmall => KeyTextFault::RsaTooShort,
        ParseRecipientKeyError::Unsupported(kind) => KeyTextFault::UnsupportedSshKey(kind),
        _ => KeyTextFault::NotARecipient,
    }
}

/// A private key that is locked; its public half is not.
pub(crate) struct LockedKey {
    key: EncryptedKey,
    recipient: Recipient,
    fingerprint: [u8; 4],
    opened: OnceLock<Identity>,
}

impl LockedKey {
    fn new(key: EncryptedKey) -> Result<Self, KeyTextFault> {
        let recipient = Recipient::of(key.clone().into())?;
        let fingerprint = recipient.fingerprint().ok_or(KeyTextFault::NotARecipient)?;
        Ok(Self { key, recipient, fingerprint, opened: OnceLock::new() })
    }

    pub(crate) fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The bytes by which slots name this key: without such a slot the passphrase is not needed.
    pub(crate) fn fingerprint(&self) -> [u8; 4] {
        self.fingerprint
    }

    /// The key itself; a success is remembered, a failure is not.
    pub(crate) fn unlock(
        &self,
        origin: &Path,
        prompt: &Arc<dyn Prompt>,
    ) -> Result<&Identity, KeyFileError> {
        if let Some(identity) = self.opened.get() {
            return Ok(identity);
        }
        let passphrase = prompt
            .passphrase(PassphrasePurpose::SshKey(origin))
            .ok_or_else(|| KeyFileError::Locked { path: origin.to_owned() })?;
        let opened = passphrase
            .forms()
            .find_map(|form| self.key.decrypt(form).ok())
            .ok_or_else(|| KeyFileError::WrongPassphrase { path: origin.to_owned() })?;
        Ok(self.opened.get_or_init(|| opened.into()))
    }
}

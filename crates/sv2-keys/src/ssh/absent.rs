//! SSH keys where they are left out of the build: none is ever there.

use std::path::Path;
use std::sync::Arc;

use crate::ssh::PrivateKey;
use crate::{KeyFileError, KeyTextFault, Prompt};

/// No private key.
#[derive(Clone)]
pub(crate) enum Identity {}

/// No public key.
#[derive(Clone)]
pub(crate) enum Recipient {}

/// No locked private key.
pub(crate) enum LockedKey {}

/// As the age library has it.
pub(crate) fn as_age(identity: &Identity) -> &dyn age::Identity {
    match *identity {}
}

/// Refuses a line that may be a public key.
pub(crate) fn public_key(text: &str) -> Result<Recipient, KeyTextFault> {
    match text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-") {
        true => Err(KeyTextFault::NoSsh),
        false => Err(KeyTextFault::NotARecipient),
    }
}

/// Refuses a private key file.
pub(crate) fn private_key(_: &[u8], origin: &Path) -> Result<PrivateKey, KeyFileError> {
    let what = KeyTextFault::NoSsh.to_string();
    Err(KeyFileError::Unusable { path: origin.to_owned(), what })
}

impl Recipient {
    pub(crate) fn of(identity: Identity) -> Result<Self, KeyTextFault> {
        match identity {}
    }

    pub(crate) fn fingerprint(&self) -> Option<[u8; 4]> {
        match *self {}
    }

    pub(crate) fn as_age(&self) -> &dyn age::Recipient {
        match *self {}
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl LockedKey {
    pub(crate) fn recipient(&self) -> &Recipient {
        match *self {}
    }

    pub(crate) fn fingerprint(&self) -> [u8; 4] {
        match *self {}
    }

    pub(crate) fn unlock(&self, _: &Path, _: &Arc<dyn Prompt>) -> Result<&Identity, KeyFileError> {
        match *self {}
    }
}

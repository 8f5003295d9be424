//! Plugins where they are left out of the build: none is ever started.

use std::sync::Arc;

use crate::recipient::begins;
use crate::{KeyTextFault, KeysError, Prompt};

/// No identity.
#[derive(Clone)]
pub(crate) enum Identity {}

/// No recipient.
#[derive(Clone)]
pub(crate) enum Recipient {}

impl Identity {
    pub(crate) fn plugin(&self) -> &str {
        match *self {}
    }
}

impl Recipient {
    pub(crate) fn plugin(&self) -> &str {
        match *self {}
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

/// Refuses what is an identity of a plugin by its beginning.
pub(crate) fn identity_of(text: &str) -> Option<Result<Identity, KeyTextFault>> {
    begins(text, "AGE-PLUGIN-").then_some(Err(KeyTextFault::NoPlugins))
}

/// Refuses what may be a recipient of a plugin: its name stands between two ones.
pub(crate) fn recipient_of(text: &str) -> Option<Result<Recipient, KeyTextFault>> {
    let rest = text.get(4..).filter(|_| begins(text, "age1"))?;
    rest.contains('1').then_some(Err(KeyTextFault::NoPlugins))
}

pub(crate) fn with_identity<T>(
    identity: &Identity,
    _: &Arc<dyn Prompt>,
    _: impl FnOnce(&dyn age::Identity) -> T,
) -> Result<T, KeysError> {
    match *identity {}
}

pub(crate) fn with_recipient<T>(
    recipient: Result<&Recipient, &Identity>,
    _: &Arc<dyn Prompt>,
    _: impl FnOnce(&dyn age::Recipient) -> T,
) -> Result<T, KeysError> {
    match recipient {
        Ok(recipient) => match *recipient {},
        Err(identity) => match *identity {},
    }
}

//! Plugins where they are in the build.

use std::sync::Arc;

use age::plugin::{IdentityPluginV1, RecipientPluginV1, ResolveError};
use age::secrecy::SecretString;

use crate::{KeyTextFault, KeysError, Passphrase, PassphrasePurpose, Prompt};

/// The handle on a key that a plugin holds.
#[derive(Clone)]
pub(crate) struct Identity(age::plugin::Identity);

/// A key that a plugin seals to.
#[derive(Clone)]
pub(crate) struct Recipient(age::plugin::Recipient);

impl Identity {
    /// The name of its plugin.
    pub(crate) fn plugin(&self) -> &str {
        self.0.plugin()
    }
}

impl Recipient {
    /// The name of its plugin.
    pub(crate) fn plugin(&self) -> &str {
        self.0.plugin()
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity that a text is; `None` where it is none of a plugin.
pub(crate) fn identity_of(text: &str) -> Option<Result<Identity, KeyTextFault>> {
    text.parse().ok().map(|identity| Ok(Identity(identity)))
}

/// The recipient that a text is; `None` where it is none of a plugin.
pub(crate) fn recipient_of(text: &str) -> Option<Result<Recipient, KeyTextFault>> {
    let recipient: age::plugin::Recipient = text.parse().ok()?;
    // These names are age's own: what did not parse before is no point of their curve.
    if matches!(recipient.plugin(), "tag" | "tagpq") {
        return Some(Err(KeyTextFault::NotARecipient));
    }
    Some(Ok(Recipient(recipient)))
}

/// Starts the plugin that holds an identity.
pub(crate) fn with_identity<T>(
    identity: &Identity,
    prompt: &Arc<dyn Prompt>,
    open: impl FnOnce(&dyn age::Identity) -> T,
) -> Result<T, KeysError> {
    let (name, callbacks) = (identity.plugin(), Callbacks(Arc::clone(prompt)));
    let connected = IdentityPluginV1::new(name, std::slice::from_ref(&identity.0), callbacks);
    Ok(open(&connected.map_err(|error| unresolved(name, error))?))
}

/// Starts the plugin that seals for a recipient, or for the recipient that belongs to an identity,
/// which the plugin itself knows.
pub(crate) fn with_recipient<T>(
    recipient: Result<&Recipient, &Identity>,
    prompt: &Arc<dyn Prompt>,
    seal: impl FnOnce(&dyn age::Recipient) -> T,
) -> Result<T, KeysError> {
    let (name, recipients, identities) = match recipient {
        Ok(recipient) => (recipient.plugin(), std::slice::from_ref(&recipient.0), &[][..]),
        Err(identity) => (identity.plugin(), &[][..], std::slice::from_ref(&identity.0)),
    };
    let callbacks = Callbacks(Arc::clone(prompt));
    let connected = RecipientPluginV1::new(name, recipients, identities, callbacks);
    Ok(seal(&connected.map_err(|error| unresolved(name, error))?))
}

/// A plugin whose program did not answer to its name.
fn unresolved(name: &str, error: ResolveError) -> KeysError {
    let name = name.to_owned();
    match error {
        ResolveError::MissingPlugin { .. } => KeysError::PluginMissing { name },
        error => KeysError::Plugin { name, source: error.into() },
    }
}

/// Hands a plugin's questions on.
#[derive(Clone)]
struct Callbacks(Arc<dyn Prompt>);

impl age::Callbacks for Callbacks {
    fn display_message(&self, message: &str) {
        self.0.message(message);
    }

    fn confirm(&self, message: &str, yes_string: &str, no_string: Option<&str>) -> Option<bool> {
        self.0.confirm(message, yes_string, no_string)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.text(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.0.passphrase(PassphrasePurpose::Plugin(description)).map(Passphrase::into_secret)
    }
}

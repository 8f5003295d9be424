//! Questions to the user, which the program decides how to ask.
//!
//! This crate never touches a terminal; whatever it needs to ask goes through [`Prompt`].

use std::path::Path;

use crate::Passphrase;

/// What a passphrase is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassphrasePurpose<'a> {
    /// The passphrase slot of the stream that is being opened.
    Stream,
    /// An age identity file that is encrypted with a passphrase.
    IdentityFile(&'a Path),
    /// A locked SSH private key.
    SshKey(&'a Path),
    /// A plugin asks for a secret, in its own words.
    Plugin(&'a str),
}

/// Where questions go; called on the thread that opens or seals, and by plugins' helper threads.
pub trait Prompt: Send + Sync + 'static {
    /// Asks for a passphrase; `None` where there is nobody to ask or the user declines.
    fn passphrase(&self, purpose: PassphrasePurpose<'_>) -> Option<Passphrase>;

    /// Shows what a plugin has to say, such as a request to touch a token.
    fn message(&self, text: &str);

    /// Asks a plugin's question; `Some(true)` for `yes`, `Some(false)` for `no`, `None` where
    /// there is nobody to ask.
    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool>;

    /// Asks a plugin's question whose answer is no secret.
    fn text(&self, question: &str) -> Option<String>;
}

/// Nobody to ask: every question is declined and every message dropped.
#[derive(Debug, Clone, Copy)]
pub struct NoPrompt;

impl Prompt for NoPrompt {
    fn passphrase(&self, _: PassphrasePurpose<'_>) -> Option<Passphrase> {
        None
    }

    fn message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }
}

//! Key slots opened by the identities and the passphrase of a vector.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use sv2_core::{Section, SlotError, StreamKey};
use sv2_keys::{
    NoPrompt, Passphrase, PassphraseSource, READER_MAX_LOG_N, SlotOpener, parse_identities,
};

/// Says whether a key is that of the stream.
pub(crate) type Fits<'a> = &'a mut dyn FnMut(&StreamKey) -> bool;

/// Identities, and a passphrase or none.
pub(crate) struct Opener(SlotOpener);

impl Opener {
    /// Takes identities as their text; the largest work factor is that of F-326.
    pub(crate) fn new(
        identities: &[&str],
        passphrase: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let identities = match identities {
            [] => Vec::new(),
            texts => parse_identities(texts.join("\n").as_bytes(), Path::new("vector"))?,
        };
        let passphrase = match passphrase {
            Some(text) => PassphraseSource::Given(Passphrase::new(text.to_owned())?),
            None => PassphraseSource::None,
        };
        let prompt = Arc::new(NoPrompt);
        Ok(Self(SlotOpener { identities, passphrase, max_log_n: READER_MAX_LOG_N, prompt }))
    }

    /// The key of the first slot that opens to one that fits.
    pub(crate) fn open(
        &self,
        sections: &[Section],
        fits: Fits<'_>,
    ) -> Result<StreamKey, SlotError> {
        Ok(self.0.open(sections, fits)?)
    }
}

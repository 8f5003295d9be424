//! Where the key of a stream comes from.

use sv2_crypto::{KeyOpener, RootKeys, StreamKey};
use sv2_headers::StreamHeader;

use crate::FormatError;

/// The key of a stream, or the means to find it in the stream's own slots.
pub enum KeySource<'a> {
    /// The key itself.
    Key(&'a StreamKey),
    /// Whoever can open slots.
    Slots(&'a dyn KeyOpener),
}

/// A key source that remembers a key it found, so that a second header costs no second
/// derivation from a passphrase (F-328), and what else the caller demands of a header.
pub struct KeyRing<'a> {
    source: &'a KeySource<'a>,
    found: Option<StreamKey>,
    context: &'a [u8],
    max_segment_size: u64,
}

impl<'a> KeyRing<'a> {
    /// Keys for a stream that was written under `context`, whose segments are refused where they
    /// are longer than `max_segment_size`.
    #[must_use]
    pub fn new(source: &'a KeySource<'a>, context: &'a [u8], max_segment_size: u64) -> Self {
        Self { source, found: None, context, max_segment_size }
    }

    /// The largest segment that is accepted, in plaintext bytes.
    #[must_use]
    pub fn max_segment_size(&self) -> u64 {
        self.max_segment_size
    }

    /// The stream key, once a header was opened with it.
    #[must_use]
    pub fn key(&self) -> Option<&StreamKey> {
        match self.source {
            KeySource::Key(key) => Some(key),
            KeySource::Slots(_) => self.found.as_ref(),
        }
    }

    /// The keys that the header commits to.
    ///
    /// # Errors
    /// `WrongKeyOrContext` where a key was given or found and is not that of this header,
    /// `NoKeyFits` where no slot opened.
    pub fn root_keys(&mut self, header: &StreamHeader) -> Result<RootKeys, FormatError> {
        if let Some(keys) = self.found_keys(header) {
            return Ok(keys);
        }
        match self.source {
            KeySource::Key(key) => {
                fitting(key, header, self.context).ok_or(FormatError::WrongKeyOrContext)
            }
            KeySource::Slots(opener) => {
                let mut keys = None;
                let mut opened_any = false;
                let found = opener.open_key(&header.sections, &mut |key| {
                    opened_any = true;
                    keys = fitting(key, header, self.context);
                    keys.is_some()
                });
                match (found, keys) {
                    (Ok(key), Some(keys)) => {
                        self.found = Some(key);
                        Ok(keys)
                    }
                    (Ok(_), None) => Err(FormatError::WrongKeyOrContext),
                    (Err(_), _) if opened_any => Err(FormatError::WrongKeyOrContext),
                    (Err(source), _) => Err(FormatError::NoKeyFits { source: Some(source) }),
                }
            }
        }
    }

    fn found_keys(&self, header: &StreamHeader) -> Option<RootKeys> {
        fitting(self.found.as_ref()?, header, self.context)
    }
}

/// The keys of a header, where this is the stream key and the context that it commits to.
#[must_use]
pub fn fitting(key: &StreamKey, header: &StreamHeader, context: &[u8]) -> Option<RootKeys> {
    let keys = RootKeys::derive(key, &header.core(), context);
    keys.commits_to(&header.commitment).then_some(keys)
}

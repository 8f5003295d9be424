//! Where the key of a stream comes from.

use sv2_crypto::{RootKeys, StreamKey};
use sv2_headers::{DigestAlg, Geometry, HEADER_CORE_LEN, Section, StreamHeader, Suite, VERSION};

use crate::StreamError;

/// Why no slot gave a key.
pub type SlotError = Box<dyn std::error::Error + Send + Sync>;

/// Tries the key slots of a header.
///
/// It is handed the header's sections and a test that tells whether a key is the stream's; it
/// returns the first key that passes the test.
pub type SlotKeys<'a> =
    dyn Fn(&[Section], &mut dyn FnMut(&StreamKey) -> bool) -> Result<StreamKey, SlotError> + 'a;

/// The key of a stream, or the means to find it in the stream's own slots.
pub enum KeySource<'a> {
    /// The key itself.
    Key(&'a StreamKey),
    /// Whoever can open slots.
    Slots(&'a SlotKeys<'a>),
}

/// A key source that remembers a key it found, so that a second header costs no second
/// derivation from a passphrase (F-328), and what else the caller demands of a header.
pub(crate) struct KeyRing<'a> {
    source: &'a KeySource<'a>,
    found: Option<StreamKey>,
    max_segment_size: u64,
}

impl<'a> KeyRing<'a> {
    pub(crate) fn new(source: &'a KeySource<'a>, max_segment_size: u64) -> Self {
        Self { source, found: None, max_segment_size }
    }

    /// Refuses a header whose segments are larger than the caller accepts; it is asked before the
    /// header is decoded, since that check stands beside F-304.
    ///
    /// `bytes` are those of a header. Where an earlier check refuses it, so does the decoder.
    pub(crate) fn check_segment_size(&self, bytes: &[u8]) -> Result<(), StreamError> {
        let Some(prefix) = bytes.first_chunk::<HEADER_CORE_LEN>() else { return Ok(()) };
        let known = prefix[8..10] == VERSION.to_be_bytes()
            && Suite::from_id(prefix[10]).is_ok()
            && DigestAlg::from_id(prefix[11]).is_ok();
        match Geometry::new(prefix[12], prefix[13]) {
            Ok(geometry) if known && geometry.segment_size() > self.max_segment_size => {
                let (value, max) = (geometry.segment_size(), self.max_segment_size);
                Err(StreamError::Limit { what: "segment size", value, max })
            }
            _ => Ok(()),
        }
    }

    /// The stream key, once a header was opened with it.
    pub(crate) fn key(&self) -> Option<&StreamKey> {
        match self.source {
            KeySource::Key(key) => Some(key),
            KeySource::Slots(_) => self.found.as_ref(),
        }
    }

    /// The keys that the header commits to.
    pub(crate) fn root_keys(
        &mut self,
        header: &StreamHeader,
        context: &[u8],
    ) -> Result<RootKeys, StreamError> {
        let core = header.core();
        if let Some(keys) = self.found.as_ref().and_then(|key| fitting(key, header, &core, context))
        {
            return Ok(keys);
        }
        match self.source {
            KeySource::Key(key) => {
                fitting(key, header, &core, context).ok_or(StreamError::WrongKeyOrContext)
            }
            KeySource::Slots(open) => {
                let mut keys = None;
                let mut opened_any = false;
                let found = open(&header.sections, &mut |key| {
                    opened_any = true;
                    keys = fitting(key, header, &core, context);
                    keys.is_some()
                });
                match (found, keys) {
                    (Ok(key), Some(keys)) => {
                        self.found = Some(key);
                        Ok(keys)
                    }
                    (Ok(_), None) => Err(StreamError::WrongKeyOrContext),
                    (Err(_), _) if opened_any => Err(StreamError::WrongKeyOrContext),
                    (Err(source), _) => Err(StreamError::NoKeyFits { source: Some(source) }),
                }
            }
        }
    }
}

fn fitting(
    key: &StreamKey,
    header: &StreamHeader,
    core: &[u8; HEADER_CORE_LEN],
    context: &[u8],
) -> Option<RootKeys> {
    let keys = RootKeys::derive(key, core, context);
    keys.commits_to(&header.commitment).then_some(keys)
}

//! Where the keys of objects come from (format.md sections 3.3 and 4).

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use sv2_core::{KeyOpener, Section, StreamKey};
use sv2_keys::{
    Identity, NoPrompt, PassphraseSource, Prompt, READER_MAX_LOG_N, Recipient, SlotMixing,
    SlotOpener, check_writer_rules, seal_slot,
};
use sv2_stream::KeySource;

type Cause = Box<dyn Error + Send + Sync>;

/// Why there is no key.
///
/// A provider returns it, and a [`KeyOpener`] may have it as its error or below it: the store's
/// error is then of the same kind as for a provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nobody here has one; asking again changes nothing. `Unauthenticated` of a store.
    #[error("there is no key for the object: {0}")]
    Missing(#[source] Cause),
    /// Whoever has it keeps it from the caller. `PermissionDenied` of a store.
    #[error("the key of the object was refused: {0}")]
    Refused(#[source] Cause),
    /// Whoever has it did not answer, so asking again may help. `Generic` of a store.
    #[error("the key of the object cannot be had now: {0}")]
    Unavailable(#[source] Cause),
}

impl KeyError {
    /// Nobody here has a key.
    pub fn missing(why: impl Into<Cause>) -> Self {
        Self::Missing(why.into())
    }

    /// The key is kept from the caller.
    pub fn refused(why: impl Into<Cause>) -> Self {
        Self::Refused(why.into())
    }

    /// Whoever has the key did not answer.
    pub fn unavailable(why: impl Into<Cause>) -> Self {
        Self::Unavailable(why.into())
    }
}

/// Header bytes of objects without key slots.
const RAW_HEADER_LEN: u32 = 1024;
/// Header bytes of objects with key slots: room for some dozen recipients.
const SLOTTED_HEADER_LEN: u32 = 4096;

/// The key of a new object.
#[derive(Debug)]
pub struct NewKey {
    /// The stream key.
    pub key: StreamKey,
    /// Slots that hold it; with any, the key was drawn for this object alone (F-317).
    pub slots: Vec<Section>,
}

/// What an object is opened with.
pub enum ReadKey<'a> {
    /// The stream key.
    Key(StreamKey),
    /// Whoever opens the slots of the object's header.
    Slots(&'a dyn KeyOpener),
}

impl ReadKey<'_> {
    pub(crate) fn source(&self) -> KeySource<'_> {
        match self {
            Self::Key(key) => KeySource::Key(key),
            Self::Slots(opener) => KeySource::Slots(*opener),
        }
    }
}

/// Has the keys of a store's objects.
///
/// Both calls run on a thread that may block, so a provider may ask a key service; `path` is the
/// object's path as it is asked for, which after a copy or a rename is not that it was written to.
pub trait KeyProvider: fmt::Debug + Send + Sync + 'static {
    /// The key of a new object.
    ///
    /// # Errors
    /// Why there is none; the object is then not written.
    fn new_key(&self, path: &str) -> Result<NewKey, KeyError>;

    /// What the object is opened with.
    ///
    /// # Errors
    /// Why there is nothing; the object is then not read.
    fn read_key(&self, path: &str) -> Result<ReadKey<'_>, KeyError>;

    /// Bytes of every object's header, unless the store's options say so: a multiple of 64 that
    /// has room for the slots.
    fn header_len(&self) -> u32 {
        SLOTTED_HEADER_LEN
    }
}

/// Keys in slots for age recipients, drawn anew for each object.
pub struct AgeKeys {
    recipients: Vec<Recipient>,
    opener: SlotOpener,
}

impl AgeKeys {
    /// Objects that all of these recipients can open, and that are read with these identities;
    /// a store that only writes has no identities, one that only reads no recipients.
    #[must_use]
    pub fn new(recipients: Vec<Recipient>, identities: Vec<Identity>) -> Self {
        let prompt: Arc<dyn Prompt> = Arc::new(NoPrompt);
        let (passphrase, max_log_n) = (PassphraseSource::None, READER_MAX_LOG_N);
        Self { recipients, opener: SlotOpener { identities, passphrase, max_log_n, prompt } }
    }
}

impl fmt::Debug for AgeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeKeys")
            .field("recipients", &self.recipients.len())
            .field("identities", &self.opener.identities.len())
            .finish()
    }
}

impl KeyProvider for AgeKeys {
    fn new_key(&self, _path: &str) -> Result<NewKey, KeyError> {
        if self.recipients.is_empty() {
            let why = "the store has no recipient that a new object could be sealed to";
            return Err(KeyError::missing(why));
        }
        let key = StreamKey::generate().map_err(KeyError::unavailable)?;
        let prompt = &self.opener.prompt;
        let slots = self.recipients.iter().map(|recipient| seal_slot(&key, recipient, prompt));
        let slots = slots.collect::<Result<Vec<_>, _>>().map_err(KeyError::unavailable)?;
        check_writer_rules(&slots, SlotMixing::Refuse).map_err(KeyError::refused)?;
        Ok(NewKey { key, slots })
    }

    fn read_key(&self, _path: &str) -> Result<ReadKey<'_>, KeyError> {
        if self.opener.identities.is_empty() {
            let why = "the store has no identity that could open an object";
            return Err(KeyError::missing(why));
        }
        Ok(ReadKey::Slots(&self.opener))
    }
}

/// One raw key for all objects, which have no slots; their salts keep them apart.
#[derive(Debug)]
pub struct RawKey(pub StreamKey);

impl RawKey {
    fn copy(&self) -> StreamKey {
        StreamKey::from_bytes(*self.0.expose())
    }
}

impl KeyProvider for RawKey {
    fn new_key(&self, _path: &str) -> Result<NewKey, KeyError> {
        Ok(NewKey { key: self.copy(), slots: Vec::new() })
    }

    fn read_key(&self, _path: &str) -> Result<ReadKey<'_>, KeyError> {
        Ok(ReadKey::Key(self.copy()))
    }

    fn header_len(&self) -> u32 {
        RAW_HEADER_LEN
    }
}

/// A raw key for each path, by a function of the caller's: one key for each tenant or table,
/// for example.
struct KeyByPath<F>(F);

impl<F> fmt::Debug for KeyByPath<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyByPath(..)")
    }
}

impl<F> KeyProvider for KeyByPath<F>
where
    F: Fn(&str) -> Result<StreamKey, KeyError> + Send + Sync + 'static,
{
    fn new_key(&self, path: &str) -> Result<NewKey, KeyError> {
        Ok(NewKey { key: (self.0)(path)?, slots: Vec::new() })
    }

    fn read_key(&self, path: &str) -> Result<ReadKey<'_>, KeyError> {
        (self.0)(path).map(ReadKey::Key)
    }

    fn header_len(&self) -> u32 {
        RAW_HEADER_LEN
    }
}

/// A raw key for each path, by a function: one key for each tenant or table, for example.
///
/// An object that is copied or renamed must have the same key at its new path.
pub fn key_by_path(
    function: impl Fn(&str) -> Result<StreamKey, KeyError> + Send + Sync + 'static,
) -> Arc<dyn KeyProvider> {
    Arc::new(KeyByPath(function))
}

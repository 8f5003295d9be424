//! From keys to what the engine opens and seals with.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use sv2_core::{KeySource, Section, StreamKey};
use sv2_keys::{
    Identity, NoPrompt, Passphrase, PassphraseSource, Prompt, READER_MAX_LOG_N, Recipient,
    SlotMixing, SlotOpener, WRITER_LOG_N, check_writer_rules, parse_identities, read_identity_file,
    read_key_file, read_passphrase_file, seal_passphrase_slot, seal_slot,
};
use zeroize::Zeroizing;

use crate::error::Trouble;
use crate::keys::{Holds, Key, Kind, keys_of, own_identities, registered};

/// What opens a stream, read from wherever it is.
pub(crate) enum OpenKey {
    Raw(StreamKey),
    Slots(SlotOpener),
}

/// One key, read.
enum Read {
    Raw(StreamKey),
    Passphrase(Passphrase),
    Identities(Vec<Identity>),
}

pub(crate) fn prompt() -> Arc<dyn Prompt> {
    Arc::new(NoPrompt)
}

fn usage(text: impl Into<String>) -> Trouble {
    Trouble::Usage(text.into())
}

impl OpenKey {
    /// Reads files, variables and registered names.
    pub(crate) fn resolve(keys: &[Key]) -> Result<Self, Trouble> {
        let mut identities = Vec::new();
        let mut passphrase = PassphraseSource::None;
        for key in keys {
            match read(&key.kind)? {
                Read::Raw(key) if keys.len() == 1 => return Ok(Self::Raw(key)),
                Read::Raw(_) => return Err(usage("a raw key cannot be given beside other keys")),
                Read::Passphrase(text) => {
                    if matches!(passphrase, PassphraseSource::Given(_)) {
                        return Err(usage("only one passphrase can be given"));
                    }
                    passphrase = PassphraseSource::Given(text);
                }
                Read::Identities(found) => identities.extend(found),
            }
        }
        let max_log_n = READER_MAX_LOG_N;
        Ok(Self::Slots(SlotOpener { identities, passphrase, max_log_n, prompt: prompt() }))
    }

    /// Hands the key source on.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&KeySource<'_>) -> T) -> T {
        match self {
            Self::Raw(key) => act(&KeySource::Key(key)),
            Self::Slots(opener) => act(&KeySource::Slots(opener)),
        }
    }
}

impl OpenKey {
    /// As [`OpenKey::with`], and the slot that was opened; none for a raw key.
    pub(crate) fn with_slot<T>(
        &self,
        act: impl FnOnce(&KeySource<'_>) -> T,
    ) -> (T, Option<Section>) {
        let Self::Slots(opener) = self else { return (self.with(act), None) };
        let opened = RefCell::new(None);
        let open = |sections: &[Section], fits: &mut dyn FnMut(&StreamKey) -> bool| {
            let found = opener.open_slot(sections, fits)?;
            let mut slots = sections.iter().filter(|section| section.as_slot().is_some());
            *opened.borrow_mut() = slots.nth(found.slot).cloned();
            Ok(found.key)
        };
        (act(&KeySource::Slots(&open)), opened.into_inner())
    }
}

fn read(kind: &Kind) -> Result<Read, Trouble> {
    Ok(match kind {
        Kind::Default => Read::Identities(own_identities()?.unwrap_or_default()),
        Kind::File { path, holds: Holds::Identity } => Read::Identities(read_identity_file(path)?),
        Kind::File { path, holds: Holds::Raw } => Read::Raw(read_key_file(path)?),
        Kind::File { path, holds: Holds::Passphrase } => {
            let found = std::fs::metadata(path);
            found.map_err(|source| sv2_keys::KeyFileError::Read { path: path.clone(), source })?;
            Read::Passphrase(read_passphrase_file(path)?)
        }
        Kind::Environment { name, holds } => from_environment(name, *holds)?,
        Kind::Registered(name) => read(&*registered(name)?)?,
        Kind::Raw(key) => Read::Raw(copy(key)?),
        Kind::Passphrase(passphrase) => Read::Passphrase(passphrase.duplicate()),
        Kind::Identity(text) => {
            Read::Identities(parse_identities(text.as_bytes(), Path::new("identity"))?)
        }
        Kind::Generated(identity) => {
            let text = identity.expose_text().as_bytes();
            Read::Identities(parse_identities(text, Path::new("identity"))?)
        }
    })
}

fn copy(key: &StreamKey) -> Result<StreamKey, Trouble> {
    StreamKey::from_slice(key.expose()).ok_or_else(|| usage("a raw key has 32 bytes"))
}

fn from_environment(name: &str, holds: Holds) -> Result<Read, Trouble> {
    let text = std::env::var(name);
    let text = Zeroizing::new(text.map_err(|_| {
        usage(format!("the environment variable {name} is not set, or is no text"))
    })?);
    Ok(match holds {
        Holds::Identity => Read::Identities(parse_identities(text.as_bytes(), Path::new(name))?),
        Holds::Passphrase => Read::Passphrase(Passphrase::from_line(text.as_bytes())?),
        Holds::Raw => {
            let mut key = Zeroizing::new([0; 32]);
            let digits = text.trim().as_bytes();
            let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
            let is_key = digits.len() == 64
                && digits.chunks_exact(2).zip(key.iter_mut()).all(|(pair, byte)| {
                    let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                        return false;
                    };
                    *byte = high << 4 | low;
                    true
                });
            if !is_key {
                let text = format!("the environment variable {name} does not hold 64 hex digits");
                return Err(usage(text));
            }
            Read::Raw(StreamKey::from_bytes(*key))
        }
    })
}

/// The recipients whose slots a key opens.
pub(crate) fn recipients_of(key: &Key) -> Result<Vec<Recipient>, Trouble> {
    let Read::Identities(identities) = read(&key.kind)? else {
        return Err(usage("a raw key or a passphrase has no recipients"));
    };
    let mut recipients = Vec::new();
    for identity in identities {
        recipients.extend(identity.recipients(&prompt())?);
    }
    if recipients.is_empty() {
        return Err(usage(
            "there is no identity; make one with Key.generate().save(PATH) or 'sv2 keygen'",
        ));
    }
    Ok(recipients)
}

/// One of those that a stream is sealed to.
pub(crate) enum To {
    Recipient(Recipient),
    Key(Key),
}

/// Those that a stream is sealed to: recipients as text, keys, or a list of both; nothing means the
/// user's own identities.
pub(crate) fn to_of(object: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<To>> {
    let Some(object) = object else {
        return Ok(keys_of(None)?.into_iter().map(To::Key).collect());
    };
    let one = |object: &Bound<'_, PyAny>| -> PyResult<To> {
        if let Ok(text) = object.cast::<PyString>() {
            let text = text.to_cow()?;
            // The text itself is not repeated: it may be a secret that was given by mistake.
            let parsed = text.parse().map_err(|fault| {
                PyValueError::new_err(format!("a recipient cannot be used: {fault}"))
            })?;
            return Ok(To::Recipient(parsed));
        }
        match object.cast::<Key>() {
            Ok(key) => Ok(To::Key(key.get().clone())),
            Err(_) => Err(PyTypeError::new_err(format!(
                "to= takes recipients as text ('age1..'), keys, or a list of them, not {}",
                object.get_type().name()?
            ))),
        }
    };
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let to: Vec<To> = object.try_iter()?.map(|item| one(&item?)).collect::<PyResult<_>>()?;
        if to.is_empty() {
            return Err(PyValueError::new_err("to= names nobody who could open the stream"));
        }
        return Ok(to);
    }
    Ok(vec![one(object)?])
}

/// The slots of one stream key, for everybody in `to`.
pub(crate) fn seal_for(key: &StreamKey, to: &[To]) -> Result<Vec<Section>, Trouble> {
    let mut slots = Vec::new();
    for one in to {
        match one {
            To::Recipient(recipient) => slots.push(seal_slot(key, recipient, &prompt())?),
            To::Key(of) => match read(&of.kind)? {
                Read::Passphrase(text) => {
                    slots.push(seal_passphrase_slot(key, &text, WRITER_LOG_N)?);
                }
                Read::Raw(_) => {
                    return Err(usage("a raw key cannot stand beside recipients or another key"));
                }
                Read::Identities(_) => {
                    for recipient in recipients_of(of)? {
                        slots.push(seal_slot(key, &recipient, &prompt())?);
                    }
                }
            },
        }
    }
    check_writer_rules(&slots, SlotMixing::Refuse)?;
    Ok(slots)
}

/// The key of a new stream, and its slots: none for a raw key, which is used as it is.
pub(crate) fn new_key(to: &[To]) -> Result<(StreamKey, Vec<Section>), Trouble> {
    if let [To::Key(key)] = to
        && let Read::Raw(key) = read(&key.kind)?
    {
        return Ok((key, Vec::new()));
    }
    let key = StreamKey::generate().map_err(|error| Trouble::Stream(error.into()))?;
    let slots = seal_for(&key, to)?;
    Ok((key, slots))
}

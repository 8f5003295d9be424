//! A request of the protocol and what its members mean.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use sv2_core::{DecryptOptions, Driver, InputSource, RunOptions, StreamKey, Tail};

use crate::answer::Failed;
use crate::opener::Opener;

/// A request and its members.
pub(crate) struct Request<'a>(pub(crate) &'a Value);

impl Request<'_> {
    pub(crate) fn text(&self, name: &str) -> Result<&str, Failed> {
        self.0[name].as_str().ok_or_else(|| format!("{name} is no text").into())
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, Failed> {
        self.0[name].as_u64().ok_or_else(|| format!("{name} is no number").into())
    }

    pub(crate) fn key(&self) -> Result<StreamKey, Failed> {
        Ok(StreamKey::from_bytes(array(&unhex(self.0.get("key"))?)?))
    }

    /// The content of a member in base64, or of the file that it names.
    pub(crate) fn content(&self, name: &str) -> Result<Vec<u8>, Failed> {
        match self.0[format!("{name}_file")].as_str() {
            Some(path) => Ok(std::fs::read(path)?),
            None => Ok(BASE64_STANDARD.decode(self.text(name)?)?),
        }
    }

    /// The file that a member names as a seekable source, or else `content`.
    pub(crate) fn seekable<'b>(
        &self,
        name: &str,
        content: &'b [u8],
    ) -> Result<InputSource<'b>, Failed> {
        match self.0[format!("{name}_file")].as_str() {
            Some(path) => Ok(InputSource::File(std::fs::File::open(path)?)),
            None => Ok(InputSource::Memory(content)),
        }
    }

    /// What slots are opened with.
    pub(crate) fn opener(&self) -> Result<Opener, Failed> {
        let listed = self.0["identities"].as_array().ok_or("neither a key nor identities")?;
        let identities: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
        Opener::new(&identities, self.0["passphrase"].as_str())
    }

    /// Whether what follows the sealed end of a stream is none of the reader's business (F-839).
    pub(crate) fn is_followed(&self) -> bool {
        self.0["trailing"] == "ignore"
    }

    pub(crate) fn options(&self) -> Result<DecryptOptions, Failed> {
        let mut options = DecryptOptions::standard();
        options.context = unhex(self.0.get("context"))?;
        if self.0.get("max_segment").is_some() {
            options.max_segment_size = self.number("max_segment")?;
        }
        if self.is_followed() {
            options.tail = Tail::MayBeFollowed;
        }
        options.run = inline();
        Ok(options)
    }
}

/// One thread: the vectors are small, and other drivers are for the tests.
pub(crate) fn inline() -> RunOptions {
    RunOptions::automatic().threads(1).driver(Driver::Inline)
}

pub(crate) fn unhex(value: Option<&Value>) -> Result<Vec<u8>, Failed> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or("no hexadecimal")?;
    Ok(digits.chunks(2).map(|pair| (16 * pair[0] + pair[1]) as u8).collect())
}

pub(crate) fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Failed> {
    <[u8; N]>::try_from(bytes).map_err(|_| format!("{} bytes, not {N}", bytes.len()).into())
}

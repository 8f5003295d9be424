//! What a stream says of itself: `inspect`, `fingerprint`, `object_checksum`.

use pyo3::prelude::*;
use sv2_core::{StreamReader, inspect as inspect_stream, object_checksum as object_crc};
use sv2_keys::{SlotContent, StanzaKind, describe_slots};

use crate::keys::keys_of;
use crate::opening::OpenKey;
use crate::options::{Demands, hex};
use crate::run::{Wishes, run};
use crate::source::Source;

/// What a stream says of itself; nothing of it is authentic.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct Inspection {
    /// Bytes of the stream.
    stream_size: u64,
    /// Plaintext bytes; None where the stream is not sealed.
    plaintext_size: Option<u64>,
    /// Segments; None where the stream is not sealed.
    segments: Option<u64>,
    /// Whether there is a trailer.
    sealed: bool,
    /// "Aes256Gcm" or "ChaCha20Poly1305".
    suite: String,
    /// "None", "Sha256" or "Blake3".
    digest: String,
    /// Plaintext bytes of a frame.
    frame_size: u32,
    /// Plaintext bytes of a segment.
    segment_size: u64,
    /// Bytes of the header.
    header_size: u32,
    /// The header's revision.
    revision: u64,
    /// The fingerprint that the stream claims; None where it is not sealed.
    fingerprint: Option<String>,
    /// The kind of each key slot, such as "X25519" or "passphrase".
    recipients: Vec<String>,
    /// Whether headers and trailer are intact and fit the length; None where it is not sealed.
    intact: Option<bool>,
}

#[pymethods]
impl Inspection {
    fn __repr__(&self) -> String {
        format!(
            "Inspection(stream_size={}, plaintext_size={}, sealed={}, recipients={:?})",
            self.stream_size,
            self.plaintext_size.map_or("None".into(), |size| size.to_string()),
            if self.sealed { "True" } else { "False" },
            self.recipients
        )
    }
}

/// Reads header and trailer of a stream and says what they say, without a key.
///
/// source: as for scrub.
///
/// Raises NotAStreamError, MalformedError, DamagedError where neither header can be read.
///
/// >>> inspect(encrypt(b"text", to=Key.generate()))
/// Inspection(stream_size=..., plaintext_size=4, sealed=True, recipients=["X25519"])
#[pyfunction]
pub(crate) fn inspect(py: Python<'_>, source: &Bound<'_, PyAny>) -> PyResult<Inspection> {
    let source = Source::new(source)?;
    let wishes =
        Wishes { is_short: source.path().is_some() || source.is_short(), ..Wishes::default() };
    let names = source.names();
    let seen = run(py, wishes, &names, move |_| Ok(inspect_stream(source.positioned()?)?))?;
    let trailer = seen.trailer.as_ref();
    Ok(Inspection {
        stream_size: seen.stream_len,
        plaintext_size: trailer.map(|trailer| trailer.plaintext_len),
        segments: trailer.map(|trailer| trailer.segments),
        sealed: trailer.is_some(),
        suite: format!("{:?}", seen.header.suite),
        digest: format!("{:?}", seen.header.digest),
        frame_size: seen.header.geometry.frame_size(),
        segment_size: seen.header.geometry.segment_size(),
        header_size: seen.header.header_len,
        revision: seen.header.revision,
        fingerprint: seen.fingerprint.map(|fingerprint| hex(&fingerprint)),
        recipients: describe_slots(&seen.header.sections)
            .iter()
            .map(|slot| kind(&slot.content))
            .collect(),
        intact: trailer.map(|_| {
            seen.front_intact
                && seen.copy_intact == Some(true)
                && seen.trailer_intact == Some(true)
                && seen.len_matches == Some(true)
        }),
    })
}

/// A slot in a word or two.
pub(crate) fn kind(content: &SlotContent) -> String {
    let stanza = |stanza: &StanzaKind| match stanza {
        StanzaKind::X25519 => "X25519".to_owned(),
        StanzaKind::Scrypt { .. } => "passphrase".into(),
        StanzaKind::SshEd25519 { fingerprint } => format!("ssh-ed25519 {}", hex(fingerprint)),
        StanzaKind::SshRsa { fingerprint } => format!("ssh-rsa {}", hex(fingerprint)),
        StanzaKind::P256Tag => "P-256 tag".into(),
        StanzaKind::MlKem768P256Tag => "ML-KEM-768 and P-256 tag".into(),
        StanzaKind::MlKem768X25519 => "ML-KEM-768 and X25519".into(),
        StanzaKind::Other(name) => name.escape_default().to_string(),
        _ => "unknown".into(),
    };
    match content {
        SlotContent::Age(stanzas) => stanzas.iter().map(stanza).collect::<Vec<_>>().join(", "),
        SlotContent::Other(kind) => format!("kind {kind}"),
        _ => "malformed".into(),
    }
}

/// The fingerprint of a stream whose seal holds, as 64 hexadecimal digits.
///
/// source: as for scrub. key, context: as for decrypt.
///
/// >>> key = Key.generate()
/// >>> len(fingerprint(encrypt(b"text", to=key), key=key))
/// 64
#[pyfunction]
#[pyo3(signature = (source, *, key=None, context=None))]
pub(crate) fn fingerprint(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let demands = Demands::new(context, None)?;
    let keys = keys_of(key)?;
    let source = Source::new(source)?;
    let wishes =
        Wishes { is_short: source.path().is_some() || source.is_short(), ..Wishes::default() };
    let names = source.names();
    run(py, wishes, &names, move |run| {
        let key = OpenKey::resolve(&keys)?;
        let options = demands.options(run);
        key.with(|key| {
            let reader = StreamReader::open(source.positioned()?, key, &options)?;
            Ok(hex(&reader.fingerprint()))
        })
    })
}

/// The CRC-64/NVME of all bytes of a stream, from its index alone, as S3 prints it: base64 of the
/// eight bytes.
///
/// source: as for scrub. The value is computed from what the stream says, without a key; compare it
/// with what a store says of the object.
///
/// >>> object_checksum(encrypt(b"text", to=Key.generate()))
/// '...='
#[pyfunction]
pub(crate) fn object_checksum(py: Python<'_>, source: &Bound<'_, PyAny>) -> PyResult<String> {
    let source = Source::new(source)?;
    let wishes = Wishes { is_short: source.is_short(), ..Wishes::default() };
    let names = source.names();
    let crc = run(py, wishes, &names, move |_| Ok(object_crc(source.positioned()?)?))?;
    let base64 = py.import("base64")?.call_method1("b64encode", (crc.to_be_bytes(),))?;
    base64.call_method1("decode", ("ascii",))?.extract()
}

//! The options of calls, as Python gives them, and reports, as it gets them.

use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use sv2_core::{
    DecryptOptions, DigestAlg, EncryptOptions, Geometry, RunOptions, StreamReport, Suite, Tail,
};

use crate::error::{Names, Trouble};

/// The caller's own data that a stream is bound to.
pub(crate) fn context_of(object: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<u8>> {
    match object {
        None => Ok(Vec::new()),
        Some(object) => match object.cast::<PyString>() {
            Ok(text) => Ok(text.to_cow()?.into_owned().into_bytes()),
            Err(_) => Ok(object
                .cast::<PyBytes>()
                .map_err(|_| PyTypeError::new_err("the context must be bytes or text"))?
                .as_bytes()
                .to_vec()),
        },
    }
}

/// Metadata: a dict, or a JSON object as text or bytes.
fn metadata_of(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<u8>>> {
    let Some(object) = object else { return Ok(None) };
    if object.is_instance_of::<PyDict>() {
        let json = object.py().import("json")?.call_method1("dumps", (object,))?;
        return Ok(Some(json.extract::<String>()?.into_bytes()));
    }
    context_of(Some(object))
        .map(Some)
        .map_err(|_| PyTypeError::new_err("metadata must be a dict, or a JSON object as text"))
}

/// Parameters of a new stream that do not depend on keys.
pub(crate) struct NewStream {
    pub(crate) context: Vec<u8>,
    metadata: Option<Vec<u8>>,
    suite: Suite,
    digest: DigestAlg,
    geometry: Geometry,
    header_len: Option<u32>,
}

/// The same, as they come from Python.
pub(crate) struct NewStreamArguments<'a, 'py> {
    pub(crate) context: Option<&'a Bound<'py, PyAny>>,
    pub(crate) metadata: Option<&'a Bound<'py, PyAny>>,
    pub(crate) suite: &'a str,
    pub(crate) digest: Option<&'a str>,
    pub(crate) frame_size: u64,
    pub(crate) segment_size: u64,
    pub(crate) header_size: Option<u32>,
}

impl NewStream {
    pub(crate) fn new(py: Python<'_>, given: &NewStreamArguments<'_, '_>) -> PyResult<Self> {
        let suite = match given.suite {
            "aes-256-gcm" => Suite::Aes256Gcm,
            "chacha20-poly1305" => Suite::ChaCha20Poly1305,
            _ => {
                let text = "suite must be 'aes-256-gcm' or 'chacha20-poly1305'";
                return Err(PyValueError::new_err(text));
            }
        };
        let digest = match given.digest {
            None => DigestAlg::None,
            Some("sha256") => DigestAlg::Sha256,
            Some("blake3") => DigestAlg::Blake3,
            Some(_) => {
                return Err(PyValueError::new_err("digest must be None, 'sha256' or 'blake3'"));
            }
        };
        let geometry = Geometry::from_sizes(given.frame_size, given.segment_size);
        let geometry = geometry
            .map_err(|error| Trouble::Usage(error.to_string()).into_py(py, &Names::default()))?;
        Ok(Self {
            context: context_of(given.context)?,
            metadata: metadata_of(given.metadata)?,
            suite,
            digest,
            geometry,
            header_len: given.header_size,
        })
    }

    pub(crate) fn options(self, run: RunOptions) -> EncryptOptions {
        let mut options = EncryptOptions::standard().suite(self.suite).digest(self.digest);
        options.metadata = self.metadata;
        options.header_len = self.header_len;
        options.geometry(self.geometry).context(self.context).run(run)
    }
}

/// What a stream that is read must be.
pub(crate) struct Demands {
    pub(crate) context: Vec<u8>,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) allow_unsealed: bool,
}

impl Demands {
    pub(crate) fn new(
        context: Option<&Bound<'_, PyAny>>,
        fingerprint: Option<&str>,
    ) -> PyResult<Self> {
        let fingerprint = fingerprint.map(parse_hex).transpose()?;
        Ok(Self { context: context_of(context)?, fingerprint, allow_unsealed: false })
    }

    pub(crate) fn options(self, run: RunOptions) -> DecryptOptions {
        let tail = if self.allow_unsealed { Tail::MayBeMissing } else { Tail::Required };
        let mut options = DecryptOptions::standard().context(self.context).tail(tail).run(run);
        options.expected_fingerprint = self.fingerprint;
        options
    }
}

fn parse_hex(text: &str) -> PyResult<[u8; 32]> {
    let mut out = [0; 32];
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    let bytes = bytes.filter(|bytes| bytes.len() == 32);
    let bytes = bytes.ok_or_else(|| PyValueError::new_err("a fingerprint has 64 hex digits"))?;
    out.copy_from_slice(&bytes);
    Ok(out)
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a call did.
///
/// Lengths are in bytes, times in seconds; the fingerprint is None where a stream is not sealed.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct Report {
    /// Plaintext bytes of the stream.
    plaintext_size: u64,
    /// Bytes that were read.
    bytes_in: u64,
    /// Bytes that were written.
    bytes_out: u64,
    /// Segments of the stream.
    segments: u64,
    /// Segments of an interrupted call that were not done again.
    kept_segments: u64,
    /// Whether the stream is sealed; False only where the caller allowed it.
    sealed: bool,
    /// The stream's fingerprint, as 64 hexadecimal digits.
    fingerprint: Option<String>,
    /// The header's revision.
    revision: u64,
    /// The stream's generation.
    generation: u64,
    /// Seconds from call to return.
    seconds: f64,
    /// Worker threads that were at hand.
    threads: usize,
    /// The cipher library that was used.
    backend: String,
}

impl From<StreamReport> for Report {
    fn from(report: StreamReport) -> Self {
        Self {
            plaintext_size: report.plaintext_len,
            bytes_in: report.bytes_in,
            bytes_out: report.bytes_out,
            segments: report.segments,
            kept_segments: report.kept_segments,
            sealed: report.sealed,
            fingerprint: report.fingerprint.map(|fingerprint| hex(&fingerprint)),
            revision: report.revision,
            generation: report.generation,
            seconds: seconds(report.wall),
            threads: report.threads,
            backend: format!("{:?}", report.backend),
        }
    }
}

#[pymethods]
impl Report {
    fn __repr__(&self) -> String {
        format!(
            "Report(plaintext_size={}, bytes_out={}, segments={}, sealed={}, seconds={:.3})",
            self.plaintext_size,
            self.bytes_out,
            self.segments,
            if self.sealed { "True" } else { "False" },
            self.seconds
        )
    }
}

pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

//! What is wrong with a stream: `scrub`, `verify`, `salvage`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sv2_core::{
    Fault, Gaps, Unit, salvage as salvage_stream, scrub as scrub_stream, verify as verify_stream,
};

use crate::error::Names;
use crate::keys::keys_of;
use crate::opening::OpenKey;
use crate::options::{Demands, seconds};
use crate::run::{Wishes, run};
use crate::sink::Sink;
use crate::source::Source;

/// A damaged part of a stream: one unit, or several that follow each other.
#[pyclass(frozen, get_all, module = "stream_v2")]
#[derive(Clone)]
pub(crate) struct Damage {
    /// The unit, or the first of several, in words.
    unit: String,
    /// How many units they are.
    units: u64,
    /// "checksum", "checksum only" over good data, "authentication", "malformed", "disagrees" or
    /// "missing".
    fault: String,
    /// The segment, where it is in one.
    segment: Option<u64>,
    /// The frame in its segment, where it is one.
    frame: Option<u32>,
    /// Where it begins, in bytes from the start of the stream.
    offset: u64,
    /// Its length in bytes.
    length: u64,
    /// The plaintext that it carries, as (start, end), or None.
    plaintext: Option<(u64, u64)>,
}

#[pymethods]
impl Damage {
    fn __repr__(&self) -> String {
        let Self { unit, fault, offset, length, .. } = self;
        format!("Damage(unit='{unit}', fault='{fault}', offset={offset}, length={length})")
    }
}

impl From<&sv2_core::Damage> for Damage {
    fn from(damage: &sv2_core::Damage) -> Self {
        let (segment, frame) = match damage.unit {
            Unit::Segment { segment } | Unit::Footer { segment } => (Some(segment), None),
            Unit::Frame { segment, frame } => (Some(segment), Some(frame)),
            _ => (None, None),
        };
        let fault = match damage.fault {
            Fault::Checksum => "checksum",
            Fault::ChecksumOnly => "checksum only",
            Fault::Authentication => "authentication",
            Fault::Malformed(_) => "malformed",
            Fault::Disagrees(_) => "disagrees",
            Fault::Missing => "missing",
            _ => "unknown",
        };
        Self {
            unit: damage.unit.to_string(),
            units: damage.units,
            fault: fault.to_owned(),
            segment,
            frame,
            offset: damage.offset,
            length: damage.len,
            plaintext: damage.plaintext.as_ref().map(|range| (range.start, range.end)),
        }
    }
}

/// Everything that a scrub or a verification found.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct DamageMap {
    /// Whether a key authenticated what was read; without one only accidents are found.
    authenticated: bool,
    /// Whether the stream has a trailer.
    sealed: bool,
    /// Bytes of the stream.
    stream_size: u64,
    /// Plaintext bytes, as far as that is known.
    plaintext_size: u64,
    /// Segments that were looked at.
    segments: u64,
    /// What is damaged, in order; at most 10,000 entries, and then one for each fault.
    damages: Vec<Damage>,
    /// Damaged units in all.
    damaged_units: u64,
    /// Plaintext bytes in damaged units in all.
    damaged_plaintext: u64,
    /// Whether nothing was found.
    undamaged: bool,
    /// Seconds that it took.
    seconds: f64,
}

#[pymethods]
impl DamageMap {
    fn __repr__(&self) -> String {
        format!(
            "DamageMap(authenticated={}, undamaged={}, damaged_units={}, damaged_plaintext={})",
            if self.authenticated { "True" } else { "False" },
            if self.undamaged { "True" } else { "False" },
            self.damaged_units,
            self.damaged_plaintext
        )
    }
}

impl From<sv2_core::DamageMap> for DamageMap {
    fn from(map: sv2_core::DamageMap) -> Self {
        Self {
            authenticated: map.authenticated,
            sealed: map.sealed,
            stream_size: map.stream_len,
            plaintext_size: map.plaintext_len,
            segments: map.segments,
            damages: map.entries().map(Damage::from).collect(),
            damaged_units: map.damaged_units,
            damaged_plaintext: map.damaged_plaintext,
            undamaged: map.is_undamaged(),
            seconds: seconds(map.wall),
        }
    }
}

/// Looks for damage without a key: every checksum, and what the parts say of each other.
///
/// source: as for encrypt, but one that can seek; a file object is read as a whole.
///
/// Raises NotAStreamError, DamagedError where neither header can be read, and whatever the system
/// says. Damage that was found is in the map and no exception.
///
/// >>> scrub(encrypt(b"text", to=Key.generate())).undamaged
/// True
#[pyfunction]
#[pyo3(signature = (source, *, threads=None, progress=None))]
pub(crate) fn scrub(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<DamageMap> {
    let source = Source::new(source)?;
    let wishes = Wishes { threads, progress, is_short: source.is_short() };
    let names = source.names();
    let map = run(py, wishes, &names, move |run| Ok(scrub_stream(source.positioned()?, &run)?));
    map.map(DamageMap::from)
}

/// Authenticates every byte of a stream with a key, and writes nothing.
///
/// source: as for scrub. key, context, fingerprint: as for decrypt.
///
/// Raises what decrypt raises where the stream does not open at all; damage that was found behind
/// its seal is in the map and no exception.
///
/// >>> key = Key.generate()
/// >>> verify(encrypt(b"text", to=key), key=key)
/// DamageMap(authenticated=True, undamaged=True, damaged_units=0, damaged_plaintext=0)
#[pyfunction]
#[pyo3(signature = (
    source, *, key=None, context=None, fingerprint=None, threads=None, progress=None
))]
pub(crate) fn verify(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
    fingerprint: Option<&str>,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<DamageMap> {
    let demands = Demands::new(context, fingerprint)?;
    let keys = keys_of(key)?;
    let source = Source::new(source)?;
    let wishes = Wishes { threads, progress, is_short: source.is_short() };
    let names = source.names();
    let map = run(py, wishes, &names, move |run| {
        let key = OpenKey::resolve(&keys)?;
        let options = demands.options(run);
        key.with(|key| Ok(verify_stream(source.positioned()?, key, &options)?))
    });
    map.map(DamageMap::from)
}

/// What was recovered of a damaged stream, and what was not.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct SalvageReport {
    /// Whether everything was there.
    complete: bool,
    /// Whether the seal holds, so that length and version of everything are known.
    sealed: bool,
    /// Plaintext bytes of the stream, as far as that is known.
    plaintext_size: u64,
    /// Plaintext bytes that authenticated and were written.
    recovered: u64,
    /// Plaintext that is lost, as (start, end).
    lost: Vec<(u64, u64)>,
    /// Plaintext whose version nothing confirms, as (start, end).
    unconfirmed: Vec<(u64, u64)>,
    /// Bytes that were written, zeros included.
    bytes_out: u64,
}

#[pymethods]
impl SalvageReport {
    fn __repr__(&self) -> String {
        format!("SalvageReport(recovered={}, lost={:?})", self.recovered, self.lost)
    }
}

/// Writes every frame of a damaged stream that still opens, and says what is missing.
///
/// source: as for scrub. sink: as for encrypt; None returns (report, bytes).
/// gaps: "zero" puts zeros for what is lost, so that everything else keeps its place; "skip" puts
///     nothing.
///
/// Raises what decrypt raises where no header is usable. Loss is in the report and no exception.
///
/// >>> key = Key.generate()
/// >>> report, data = salvage(encrypt(b"text", to=key), key=key)
/// >>> report.complete, data
/// (True, b'text')
#[pyfunction]
#[pyo3(signature = (
    source, sink=None, *, key=None, context=None, fingerprint=None, gaps="zero", threads=None,
    progress=None, overwrite=false
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn salvage(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    sink: Option<&Bound<'_, PyAny>>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
    fingerprint: Option<&str>,
    gaps: &str,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
    overwrite: bool,
) -> PyResult<Py<PyAny>> {
    let gaps = match gaps {
        "zero" => Gaps::Zero,
        "skip" => Gaps::Skip,
        _ => return Err(PyValueError::new_err("gaps must be 'zero' or 'skip'")),
    };
    let demands = Demands::new(context, fingerprint)?;
    let keys = keys_of(key)?;
    let source = Source::new(source)?;
    let sink = Sink::new(sink, overwrite)?;
    let names = Names { source: source.path(), sink: sink.path() };
    let returns_bytes = matches!(sink, Sink::Memory);
    let wishes = Wishes { threads, progress, is_short: source.is_short() && returns_bytes };
    let (report, memory) = run(py, wishes, &names, move |run| {
        let mut memory = Vec::new();
        let key = OpenKey::resolve(&keys)?;
        let options = demands.options(run);
        let (input, output) = (source.positioned()?, sink.open(&mut memory)?);
        let report = key.with(|key| salvage_stream(input, output, key, &options, gaps))?;
        Ok((report, memory))
    })?;
    let pairs = |ranges: &[std::ops::Range<u64>]| {
        ranges.iter().map(|range| (range.start, range.end)).collect()
    };
    let report = SalvageReport {
        complete: report.is_complete(),
        sealed: report.sealed,
        plaintext_size: report.plaintext_len,
        recovered: report.recovered,
        lost: pairs(&report.lost),
        unconfirmed: pairs(&report.unconfirmed),
        bytes_out: report.bytes_out,
    };
    if returns_bytes {
        let both = (Py::new(py, report)?, PyBytes::new(py, &memory));
        return Ok(both.into_pyobject(py)?.into_any().unbind());
    }
    Ok(Py::new(py, report)?.into_any())
}

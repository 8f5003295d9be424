//! One stream that many machines seal by parts: what `stream_v2.parts` stands on.
//!
//! A job is a plan and the key of the segments, sealed to the recipients of the job (local-files.md
//! section 6); it holds no secret in the clear, so that it may travel. Who seals has the job's
//! identity by reference.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sv2_core::parts::{part_sealer, scrub_part};
use sv2_core::{Cancellation, RandomSource, Section, SegmentsKey, StreamError, StreamKey};
use sv2_keys::seal_slot;
use sv2_stream::parts::{
    Coordinator, PartReceipt, PartRule, PartSealer, PartSpec, PartsJob, SourcePin, StoredPart,
    geometry_for,
};
use sv2_stream::{KeyRing, NewHeader};

use crate::damage::Damage;
use crate::error::{Names, Trouble};
use crate::keys::keys_of;
use crate::opening::{OpenKey, To, new_key, prompt, recipients_of, to_of};
use crate::options::{Demands, NewStream, NewStreamArguments, hex};
use crate::run::{Wishes, run};
use crate::source::Source;

fn raised(py: Python<'_>, trouble: impl Into<Trouble>) -> PyErr {
    trouble.into().into_py(py, &Names::default())
}

/// Ranges of a part: (first byte, end) of plaintext and of the stream.
type Ranges = ((u64, u64), (u64, u64));

fn ranges(spec: &PartSpec) -> Ranges {
    ((spec.plaintext.start, spec.plaintext.end), (spec.wire.start, spec.wire.end))
}

/// Whoever plans a stream of parts and finishes it.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativeCoordinator {
    coordinator: Coordinator,
    job: Vec<u8>,
}

/// What finishing gives: tail, its number, parts, checksum, length, fingerprint.
type Finished<'py> = (Bound<'py, PyBytes>, u32, Vec<(u32, Bound<'py, PyBytes>)>, u64, u64, String);

#[pymethods]
impl NativeCoordinator {
    /// Draws a header and plans the parts.
    #[staticmethod]
    #[pyo3(signature = (
        size, tag, to, job, context, metadata, suite, digest, segment_size, part_size, min_part,
        max_part, max_parts
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of its caller in Python")]
    fn plan(
        py: Python<'_>,
        size: u64,
        tag: &[u8],
        to: Option<&Bound<'_, PyAny>>,
        job: &Bound<'_, PyAny>,
        context: Option<&Bound<'_, PyAny>>,
        metadata: Option<&Bound<'_, PyAny>>,
        suite: &str,
        digest: Option<&str>,
        segment_size: Option<u64>,
        part_size: u64,
        min_part: u64,
        max_part: u64,
        max_parts: u32,
    ) -> PyResult<Self> {
        let given = NewStreamArguments {
            context,
            metadata,
            suite,
            digest,
            frame_size: 65536,
            segment_size: segment_size.unwrap_or(4 << 20),
            header_size: None,
        };
        let new = NewStream::new(py, &given)?;
        let (to, job) = (to_of(to)?, to_of(Some(job))?);
        let rule =
            PartRule::s3().wanted_len(part_size).bounds(min_part, max_part).max_parts(max_parts);
        let source = SourcePin::new(size, tag);
        let planned = py.detach(|| -> Result<Self, Trouble> {
            let (key, slots) = new_key(&to)?;
            let options = new.options(sv2_core::RunOptions::automatic());
            let geometry = match segment_size {
                Some(_) => options.geometry,
                None => geometry_for(size, options.digest),
            };
            let new = NewHeader {
                suite: options.suite,
                digest: options.digest,
                geometry,
                context: &options.context,
                slots: &slots,
                metadata: options.metadata.as_deref(),
                header_len: None,
            };
            let coordinator = Coordinator::plan(&key, &new, source, &rule, &RandomSource::System)?;
            let slots = wrap(&coordinator.segments_key(), &job)?;
            let job = PartsJob::new(slots, coordinator.parts_plan())
                .map_err(|_| Trouble::Usage("a job has 1 to 64 recipients".into()))?;
            Ok(Self { coordinator, job: job.encode() })
        });
        planned.map_err(|trouble| raised(py, trouble))
    }

    /// Goes on with a job that another process planned; key opens the stream.
    #[staticmethod]
    #[pyo3(signature = (job, key, context))]
    fn reopen(
        py: Python<'_>,
        job: &[u8],
        key: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let demands = Demands::new(context, None)?;
        let keys = keys_of(key)?;
        let opened = py.detach(|| -> Result<Self, Trouble> {
            let parts = PartsJob::decode(job)?;
            let key = OpenKey::resolve(&keys)?;
            key.with(|source| {
                let mut ring = KeyRing::new(source, &demands.context, u64::MAX);
                let coordinator = Coordinator::reopen(parts.plan(), &mut ring)?;
                Ok(Self { coordinator, job: job.to_vec() })
            })
        });
        opened.map_err(|trouble| raised(py, trouble))
    }

    /// The job's bytes.
    #[getter]
    fn job<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.job)
    }

    /// Parts with segments.
    #[getter]
    fn parts(&self) -> u32 {
        self.coordinator.parts_plan().parts()
    }

    /// The ranges of a part, from 1.
    fn part(&self, py: Python<'_>, number: u32) -> PyResult<Ranges> {
        let spec = self.coordinator.parts_plan().part(number);
        Ok(ranges(&spec.map_err(|error| raised(py, error))?))
    }

    /// Makes the tail from receipts and from what a store says of its parts.
    fn finish<'py>(
        &self,
        py: Python<'py>,
        receipts: Vec<Vec<u8>>,
        stored: Vec<(u32, Option<Vec<u8>>, Option<u64>)>,
    ) -> PyResult<Finished<'py>> {
        let mut held = Vec::with_capacity(stored.len());
        for (part, name, crc) in stored {
            held.push(match (name, crc) {
                (Some(name), None) => StoredPart::named(part, name),
                (Some(name), Some(crc)) => StoredPart::named(part, name).crc64(crc),
                (None, Some(crc)) => StoredPart::checked(part, crc),
                (None, None) => {
                    let text = "of a stored part its name or its checksum must be known";
                    return Err(PyValueError::new_err(text));
                }
            });
        }
        let done = py.detach(|| self.coordinator.finish(&receipts, &held));
        let done = done.map_err(|error| raised(py, error))?;
        let parts = done.parts.iter().map(|(part, name)| (*part, PyBytes::new(py, name)));
        Ok((
            PyBytes::new(py, &done.tail),
            done.tail_part,
            parts.collect(),
            done.crc64,
            done.len,
            hex(&done.fingerprint),
        ))
    }
}

/// The key of the segments, sealed to everybody who seals them.
fn wrap(key: &SegmentsKey, to: &[To]) -> Result<Vec<Section>, Trouble> {
    let key = StreamKey::from_bytes(*key.expose());
    let mut slots = Vec::new();
    for one in to {
        match one {
            To::Recipient(recipient) => slots.push(seal_slot(&key, recipient, &prompt())?),
            To::Key(of) => {
                for recipient in recipients_of(of)? {
                    slots.push(seal_slot(&key, &recipient, &prompt())?);
                }
            }
        }
    }
    Ok(slots)
}

/// A machine that seals parts.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativePartSealer {
    sealer: PartSealer,
}

/// The receipt of a part that has no name in a store yet.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativeReceipt {
    receipt: PartReceipt,
    sealer: Py<NativePartSealer>,
}

#[pymethods]
impl NativePartSealer {
    /// Opens a job with its identity; the source must be the one that was planned for.
    #[new]
    fn new(
        py: Python<'_>,
        job: &[u8],
        identity: &Bound<'_, PyAny>,
        size: u64,
        tag: &[u8],
    ) -> PyResult<Self> {
        let keys = keys_of(Some(identity))?;
        let source = SourcePin::new(size, tag);
        let opened = py.detach(|| -> Result<Self, Trouble> {
            let job = PartsJob::decode(job)?;
            let OpenKey::Slots(opener) = OpenKey::resolve(&keys)? else {
                return Err(Trouble::Usage("a job is opened by an identity, not a raw key".into()));
            };
            let key = job.open(&opener).map_err(|source| {
                Trouble::Stream(StreamError::NoKeyFits { source: Some(source) })
            })?;
            Ok(Self { sealer: part_sealer(job.plan(), key, &source, None)? })
        });
        opened.map_err(|trouble| raised(py, trouble))
    }

    /// Parts with segments.
    #[getter]
    fn parts(&self) -> u32 {
        self.sealer.plan().parts()
    }

    /// The ranges of a part, from 1.
    fn part(&self, py: Python<'_>, number: u32) -> PyResult<Ranges> {
        let spec = self.sealer.plan().part(number);
        Ok(ranges(&spec.map_err(|error| raised(py, error))?))
    }

    /// Seals a whole part: its bytes in the stream, and their receipt.
    fn seal<'py>(
        slf: &Bound<'py, Self>,
        part: u32,
        plaintext: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, NativeReceipt)> {
        let py = slf.py();
        let sealer = &slf.get().sealer;
        let sealed = py.detach(|| sealer.seal_part(part, plaintext));
        let (wire, receipt) = sealed.map_err(|error| raised(py, error))?;
        let receipt = NativeReceipt { receipt, sealer: slf.clone().unbind() };
        Ok((PyBytes::new(py, &wire), receipt))
    }
}

#[pymethods]
impl NativeReceipt {
    /// CRC-64/NVME of the part's bytes.
    #[getter]
    fn crc64(&self, py: Python<'_>) -> PyResult<u64> {
        let plan = self.sealer.get().sealer.plan();
        self.receipt.crc64(plan).map_err(|error| raised(py, error))
    }

    /// The receipt's bytes for a part that a store calls so.
    fn encode<'py>(&self, py: Python<'py>, stored_as: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        if stored_as.len() > usize::from(u16::MAX) {
            return Err(PyValueError::new_err("the name has more than 65,535 bytes"));
        }
        let receipt = self.receipt.clone().with_stored_as(stored_as);
        Ok(PyBytes::new(py, &self.sealer.get().sealer.encode(&receipt)))
    }
}

/// The ranges of all parts that a job claims, from part 1 on; none where a stream of this size ends
/// with the last of them or before. Nothing else is judged.
#[pyfunction]
pub(crate) fn job_ranges(py: Python<'_>, job: &[u8], size: u64) -> PyResult<Vec<Ranges>> {
    let plan = PartsJob::decode(job).and_then(|job| job.claimed());
    let plan = plan.map_err(|error| raised(py, error))?;
    // A claim of billions of parts costs nothing before the stream is long enough for them.
    let last = plan.part(plan.parts()).map_err(|error| raised(py, error))?;
    if last.wire.end >= size {
        return Ok(Vec::new());
    }
    Ok((1..=plan.parts())
        .filter_map(|part| plan.part(part).ok())
        .map(|spec| ranges(&spec))
        .collect())
}

/// What is damaged in a stored part, without a key.
#[pyfunction]
pub(crate) fn scrub_stored_part(
    py: Python<'_>,
    job: &[u8],
    part: u32,
    source: &Bound<'_, PyAny>,
) -> PyResult<Vec<Damage>> {
    let plan = PartsJob::decode(job).and_then(|job| job.claimed());
    let plan = plan.map_err(|error| raised(py, error))?;
    plan.part(part).map_err(|error| raised(py, error))?;
    let source = Source::new(source)?;
    let wishes = Wishes { is_short: source.is_short(), ..Wishes::default() };
    let names = source.names();
    let found = run(py, wishes, &names, move |run| {
        Ok(scrub_part(&plan, part, source.positioned()?, &run.cancel)?)
    });
    Ok(found?.iter().map(Damage::from).collect())
}

/// CRC-64/NVME of bytes, as stores have it.
#[pyfunction]
pub(crate) fn part_crc64(py: Python<'_>, bytes: &[u8]) -> PyResult<u64> {
    let crc = py.detach(|| sv2_core::parts::part_crc64(&bytes, &Cancellation::new()));
    crc.map_err(|error| raised(py, error))
}

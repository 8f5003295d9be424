//! Changing a stream in place: `append`, `rewrap`, `recover`.

pub(crate) mod patches;

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use sv2_core::{
    ChangeOptions, HeaderChange, HeaderContent, MetadataChange, Recovery, RunOptions, Section,
    append as append_to, recover as recover_stream, rewrap as rewrap_stream,
    unfinished_change as change_beside,
};

use crate::error::{Names, Trouble};
use crate::keys::keys_of;
use crate::opening::{OpenKey, To, seal_for, to_of};
use crate::options::{Demands, Report, hex};
use crate::parity::Kept;
use crate::run::{Wishes, run};
use crate::source::Source;

fn options(demands: Demands, run: RunOptions) -> ChangeOptions {
    let mut options = ChangeOptions::standard().context(demands.context).run(run);
    options.expected_fingerprint = demands.fingerprint;
    options
}

/// Adds plaintext to the end of a stream in a file, in place.
///
/// path: the stream. source: as for encrypt. key, context, fingerprint: as for decrypt.
///
/// A call that fails leaves the stream as it was, but for an interrupt or a warning that is an error
/// while the parity file follows, which comes when the data is there; one whose process dies is taken back by the next
/// change or by recover. A parity file beside the stream is brought along; where that cannot be
/// done a UserWarning says that it is stale.
/// Raises BusyError, UnfinishedChangeError, and what decrypt raises.
#[pyfunction]
#[pyo3(signature = (
    path, source, *, key=None, context=None, fingerprint=None, threads=None, progress=None
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn append(
    py: Python<'_>,
    path: PathBuf,
    source: &Bound<'_, PyAny>,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
    fingerprint: Option<&str>,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Report> {
    let demands = Demands::new(context, fingerprint)?;
    let keys = keys_of(key)?;
    let source = Source::new(source)?;
    let names = Names { source: source.path().or(Some(path.clone())), sink: Some(path.clone()) };
    let wishes = Wishes { threads, progress, is_short: false };
    let (report, parity) = run(py, wishes, &names, move |run| {
        let key = OpenKey::resolve(&keys)?;
        let options = options(demands, run);
        let parity = Kept::before(&path);
        let source = source.sequential()?;
        let report = key.with(|key| append_to(&path, source, key, &options))?;
        Ok((report, parity))
    })?;
    parity.follow(py, threads)?;
    Ok(report.into())
}

/// What a rewrite of a header did.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct RewrapReport {
    /// Key slots before.
    slots_before: usize,
    /// Key slots now.
    slots: usize,
    /// The header's new revision.
    revision: u64,
    /// The stream's fingerprint, which stays.
    fingerprint: String,
    /// Bytes that the header's sections take.
    used: u64,
    /// Bytes that there are for them.
    available: u64,
}

#[pymethods]
impl RewrapReport {
    fn __repr__(&self) -> String {
        format!("RewrapReport(slots={}, revision={})", self.slots, self.revision)
    }
}

/// Changes who can open a stream in a file, in place and whatever its length.
///
/// path: the stream. key, context, fingerprint: as for decrypt.
/// add: new recipients, as to= of encrypt.
/// remove: positions of key slots that go, as recipients() counts them; the rest keep their order
///     and the new ones come behind them.
///
/// Who could open the stream before may have kept its key: to lock somebody out of the content,
/// encrypt it anew. A parity file beside the stream is brought along, as by append.
/// Raises UsageError where nobody would be left, BusyError, UnfinishedChangeError, and what decrypt
/// raises.
#[pyfunction]
#[pyo3(signature = (path, *, key=None, add=None, remove=vec![], context=None, fingerprint=None))]
pub(crate) fn rewrap(
    py: Python<'_>,
    path: PathBuf,
    key: Option<&Bound<'_, PyAny>>,
    add: Option<&Bound<'_, PyAny>>,
    remove: Vec<usize>,
    context: Option<&Bound<'_, PyAny>>,
    fingerprint: Option<&str>,
) -> PyResult<RewrapReport> {
    let demands = Demands::new(context, fingerprint)?;
    let keys = keys_of(key)?;
    let add = add.map(|add| to_of(Some(add))).transpose()?.unwrap_or_default();
    let names = Names { source: Some(path.clone()), sink: Some(path.clone()) };
    let (report, parity) = run(py, Wishes::default(), &names, move |run| {
        let key = OpenKey::resolve(&keys)?;
        let change = |content: HeaderContent<'_>| wanted(content, &add, &remove);
        let parity = Kept::before(&path);
        let report = key.with(|key| rewrap_stream(&path, key, change, &options(demands, run)))?;
        Ok((report, parity))
    })?;
    parity.follow(py, None)?;
    Ok(report.into())
}

impl From<sv2_core::RewrapReport> for RewrapReport {
    fn from(report: sv2_core::RewrapReport) -> Self {
        Self {
            slots_before: report.slots_before,
            slots: report.slots,
            revision: report.revision,
            fingerprint: hex(&report.fingerprint),
            used: report.used,
            available: report.available,
        }
    }
}

/// The key slots without those that go and with those that come.
fn wanted(
    content: HeaderContent<'_>,
    add: &[To],
    remove: &[usize],
) -> Result<HeaderChange, Trouble> {
    let count = content.slots.len();
    if let Some(slot) = remove.iter().find(|&&slot| slot >= count) {
        return Err(Trouble::Usage(format!("there is no key slot {slot}, but {count}")));
    }
    let stays = |slot: usize| !remove.contains(&slot);
    let kept = content.slots.iter().enumerate().filter(|(slot, _)| stays(*slot));
    let mut slots: Vec<Section> = kept.map(|(_, slot)| slot.clone()).collect();
    slots.extend(seal_for(content.key, add)?);
    if slots.is_empty() {
        let text = "nobody could open the stream without its last key slot";
        return Err(Trouble::Usage(text.into()));
    }
    let metadata = match content.metadata? {
        Some(json) => relabelled(&json, stays, slots.len())?,
        None => MetadataChange::Keep,
    };
    Ok(HeaderChange::new(slots, metadata))
}

/// The metadata with the labels of the slots that stay (format.md section 3.4), and everything else
/// as it was.
fn relabelled(
    json: &[u8],
    stays: impl Fn(usize) -> bool,
    count: usize,
) -> Result<MetadataChange, Trouble> {
    let unfit = |_| Trouble::Usage("the stream's metadata cannot be read".into());
    let mut members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(json).map_err(unfit)?;
    let Some(labels) = members.get("slots") else { return Ok(MetadataChange::Keep) };
    let labels: Vec<String> = serde_json::from_str(labels.get()).map_err(unfit)?;
    let kept = labels.into_iter().enumerate().filter(|(slot, _)| stays(*slot));
    let mut labels: Vec<String> = kept.map(|(_, label)| label).collect();
    labels.resize(count, String::new());
    members.insert("slots".into(), to_raw_value(&labels).map_err(unfit)?);
    Ok(MetadataChange::Replace(serde_json::to_vec(&members).map_err(unfit)?))
}

/// Finishes or takes back a change of a stream in a file that was cut off.
///
/// path: the stream. key, context: as for decrypt; the key has to be that of the stream.
///
/// Returns "nothing", "discarded", "finished" or "taken back".
/// Raises BusyError while a change is under way, UnfinishedChangeError where what lies beside the
/// stream does not belong to it, NoKeyError where the key does not open it.
#[pyfunction]
#[pyo3(signature = (path, *, key=None, context=None))]
pub(crate) fn recover(
    py: Python<'_>,
    path: PathBuf,
    key: Option<&Bound<'_, PyAny>>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<&'static str> {
    let demands = Demands::new(context, None)?;
    let keys = keys_of(key)?;
    let names = Names { source: Some(path.clone()), sink: Some(path.clone()) };
    let done = run(py, Wishes::default(), &names, move |run| {
        let key = OpenKey::resolve(&keys)?;
        key.with(|key| Ok(recover_stream(&path, key, &options(demands, run))?))
    })?;
    Ok(match done {
        Recovery::Nothing => "nothing",
        Recovery::Discarded => "discarded",
        Recovery::Finished => "finished",
        Recovery::TakenBack => "taken back",
    })
}

/// The file beside a stream in a file that says a change was cut off or is under way, or None.
///
/// path: the stream. recover() settles what was cut off.
///
/// >>> import os, tempfile
/// >>> path = os.path.join(tempfile.mkdtemp(), "a.sv2")
/// >>> _ = encrypt(b"text", path, to=Key.generate())
/// >>> unfinished_change(path) is None
/// True
#[pyfunction]
pub(crate) fn unfinished_change(py: Python<'_>, path: PathBuf) -> Option<PathBuf> {
    py.detach(|| change_beside(&path))
}

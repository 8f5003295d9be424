//! A stream without IO: what `stream_v2.AsyncStream` stands on.
//!
//! Python fetches, however it likes; this says which bytes, and what is in them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use sv2_core::{FetchPolicy, fastest_backend};
use sv2_stream::{
    FormatError, KeyRing, OpenedStream, Opening, OpeningOptions, Page, PageState, Plan, Step,
};

use crate::error::{Names, Trouble};
use crate::keys::{Key, keys_of};
use crate::opening::OpenKey;
use crate::options::{Demands, hex};

/// Checked pages of the index that are kept; each is at most 64 KiB.
const PAGES: usize = 64;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

fn raised(py: Python<'_>, trouble: impl Into<Trouble>) -> PyErr {
    trouble.into().into_py(py, &Names::default())
}

/// A sealed stream that is being opened.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativeOpening {
    opening: Mutex<Option<Opening>>,
    keys: Vec<Key>,
    demands: Demands,
}

#[pymethods]
impl NativeOpening {
    #[new]
    #[pyo3(signature = (size, key=None, context=None, fingerprint=None))]
    fn new(
        size: u64,
        key: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
        fingerprint: Option<&str>,
    ) -> PyResult<Self> {
        let opening = Mutex::new(Some(Opening::new(size, OpeningOptions::standard())));
        let demands = Demands::new(context, fingerprint)?;
        Ok(Self { opening, keys: keys_of(key)?, demands })
    }

    /// The ranges that are needed next, as (start, end), all at the same time; none when the stream
    /// is open. Tries the key, which may take a second for a passphrase.
    fn wants(&self, py: Python<'_>) -> PyResult<Vec<(u64, u64)>> {
        let asked = py.detach(|| -> Result<_, Trouble> {
            let mut guard = locked(&self.opening);
            let opening = guard.as_mut().ok_or_else(finished)?;
            loop {
                let keys = match opening.step()? {
                    Step::Bytes(ranges) => {
                        return Ok(ranges.iter().map(|range| (range.start, range.end)).collect());
                    }
                    Step::Key(header) => {
                        let max = OpeningOptions::standard().max_segment_size;
                        let context = &self.demands.context;
                        let key = OpenKey::resolve(&self.keys)?;
                        key.with(|key| KeyRing::new(key, context, max).root_keys(header))
                    }
                    _ => return Ok(Vec::new()),
                };
                opening.supply_keys(keys)?;
            }
        });
        asked.map_err(|trouble| raised(py, trouble))
    }

    fn supply(&self, py: Python<'_>, offset: u64, bytes: &[u8]) -> PyResult<()> {
        let mut guard = locked(&self.opening);
        guard
            .as_mut()
            .ok_or_else(finished)
            .map_err(|trouble| raised(py, trouble))?
            .supply(offset, bytes);
        Ok(())
    }

    fn finish(&self, py: Python<'_>) -> PyResult<NativeStream> {
        let opening = locked(&self.opening).take().ok_or_else(finished);
        let opened = opening.and_then(|opening| {
            let stream = opening.finish()?;
            let wanted = self.demands.fingerprint;
            if wanted.is_some_and(|wanted| wanted != stream.fingerprint()) {
                return Err(FormatError::WrongFingerprint.into());
            }
            Ok(stream)
        });
        let stream = opened.map_err(|trouble| raised(py, trouble))?;
        Ok(NativeStream { stream, pages: Mutex::default() })
    }
}

fn finished() -> Trouble {
    Trouble::Usage("the stream was opened before".into())
}

/// A sealed stream that is open.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativeStream {
    stream: OpenedStream,
    pages: Mutex<HashMap<u64, Page>>,
}

#[pymethods]
impl NativeStream {
    #[getter]
    fn size(&self) -> u64 {
        self.stream.len()
    }

    #[getter]
    fn fingerprint(&self) -> String {
        hex(&self.stream.fingerprint())
    }

    #[getter]
    fn metadata(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let metadata = self.stream.metadata().map_err(|error| raised(py, error))?;
        Ok(metadata.map(|json| String::from_utf8_lossy(&json).trim_end().to_owned()))
    }

    /// A plan for ranges of plaintext, as (start, end); what is beyond the end is left out.
    #[pyo3(signature = (ranges, max_len=None, join_gap=None))]
    fn plan(
        &self,
        ranges: Vec<(u64, u64)>,
        max_len: Option<u64>,
        join_gap: Option<u64>,
    ) -> NativePlan {
        let size = self.stream.len();
        let wanted: Vec<_> = ranges
            .into_iter()
            .map(|(start, end)| start.min(size)..end.min(size).max(start.min(size)))
            .collect();
        let mut policy = FetchPolicy::standard();
        policy = max_len.map_or(policy, |len| policy.max_len(len));
        policy = join_gap.map_or(policy, |gap| policy.join_gap(gap));
        let known = locked(&self.pages);
        let plan = self.stream.plan(&wanted, &policy, |number| match known.get(&number) {
            Some(page) => PageState::Known(page.clone()),
            None => PageState::Missing,
        });
        NativePlan { plan: Mutex::new(Some(plan)), wanted, doubt: Mutex::new(None) }
    }
}

/// Which bytes of a stream are needed for some ranges of its plaintext.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativePlan {
    plan: Mutex<Option<Plan>>,
    wanted: Vec<std::ops::Range<u64>>,
    doubt: Mutex<Option<FormatError>>,
}

#[pymethods]
impl NativePlan {
    /// The ranges of the stream to be fetched, as (start, end), all at the same time.
    fn wire(&self) -> Vec<(u64, u64)> {
        let plan = locked(&self.plan);
        plan.iter().flat_map(|plan| plan.wire()).map(|range| (range.start, range.end)).collect()
    }

    fn supply(&self, offset: u64, bytes: &[u8]) {
        if let Some(plan) = locked(&self.plan).as_mut() {
            plan.supply(offset, bytes.to_vec());
        }
    }

    /// The plaintext of each range. Or, where a frame failed, the one range of the stream that has
    /// to be fetched once more for `explain`.
    fn open<'py>(&self, py: Python<'py>, stream: &NativeStream) -> PyResult<Bound<'py, PyAny>> {
        let Some(mut plan) = locked(&self.plan).take() else {
            return Err(PyValueError::new_err("the plan was opened before"));
        };
        let opened = py.detach(|| {
            let pages = plan.take_pages(&stream.stream)?;
            let mut known = locked(&stream.pages);
            if known.len() + pages.len() > PAGES {
                known.clear();
            }
            known.extend(pages.into_iter().map(|page| (page.number(), page)));
            drop(known);
            let worker = stream.stream.worker(fastest_backend(stream.stream.header().suite));
            plan.open(&stream.stream, &worker)
        });
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => match stream.stream.doubtful_frame(&error) {
                Some(range) => {
                    *locked(&self.doubt) = Some(error);
                    return Ok((range.start, range.end).into_pyobject(py)?.into_any());
                }
                None => return Err(raised(py, error)),
            },
        };
        let pieces = self.wanted.iter().map(|range| {
            let len = usize::try_from(range.end - range.start)?;
            PyBytes::new_with(py, len, |out| match opened.copy_to(range.start, out) == len {
                true => Ok(()),
                false => Err(PyValueError::new_err("a range was not opened")),
            })
        });
        Ok(PyList::new(py, pieces.collect::<PyResult<Vec<_>>>()?)?.into_any())
    }

    /// Raises what is wrong with a frame, by its bytes.
    fn explain(&self, py: Python<'_>, stream: &NativeStream, bytes: &[u8]) -> PyResult<()> {
        match locked(&self.doubt).take() {
            Some(error) => Err(raised(py, stream.stream.explain(error, bytes))),
            None => Ok(()),
        }
    }
}

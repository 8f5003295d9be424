//! Parity files: made by `protect`, found beside what they protect, brought along by changes.

mod beside;
mod fault;
mod kept;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use sv2_core::{Existing, NamedOutput, RunOptions};
use sv2_parity::{Area, Identity, Protected, Request, Spread, protect as make_parity};

pub(crate) use self::beside::{Found, Watch, names, open_settled, parity_path, same_file};
pub(crate) use self::fault::{Files, anew};
pub(crate) use self::kept::Kept;
use crate::error::{Names, Trouble};
use crate::run::{Tell, Wishes, run_telling};

/// What a parity file that was made gives back.
#[pyclass(frozen, get_all, module = "stream_v2")]
pub(crate) struct Protection {
    /// The parity file.
    path: PathBuf,
    /// Its length in bytes.
    size: u64,
    /// Bytes of the file that it protects.
    file_size: u64,
    /// Whether that file is a sealed stream, which it then names by its seal.
    is_stream: bool,
    /// Bytes of a block, of which one bad byte makes all bad.
    block_size: u64,
    /// Bytes of the file in a window.
    window_size: u64,
    /// Any so many bad blocks of a window are given back.
    blocks: u64,
    /// One gap of so many bytes is given back, wherever it is.
    gap: u64,
    /// Memory that the threads held at most, in bytes.
    memory: u64,
}

#[pymethods]
impl Protection {
    fn __repr__(&self) -> String {
        let Self { size, blocks, block_size, window_size, gap, .. } = self;
        format!(
            "Protection(size={size}, blocks={blocks}, block_size={block_size}, \
             window_size={window_size}, gap={gap})"
        )
    }
}

impl Protection {
    fn new(path: PathBuf, made: &Protected) -> Self {
        // A file without a byte has no area, and nothing of it can be lost.
        let promise = made.directory.areas.first().map(Area::promise);
        let of = |field: fn(&sv2_parity::Promise) -> u64| promise.as_ref().map_or(0, field);
        Self {
            path,
            size: made.parity_len,
            file_size: made.directory.file_len,
            is_stream: matches!(made.directory.identity, Identity::Stream { .. }),
            block_size: of(|promise| promise.block_len),
            window_size: of(|promise| promise.window_len),
            blocks: of(|promise| promise.blocks),
            gap: of(|promise| promise.gap),
            memory: made.memory,
        }
    }
}

/// Makes the parity file of a file, from which repair() gives back what was lost without a key.
///
/// path: a stream or any other regular file; the parity file is `path` with ".par" behind it, and
///     whoever may not read the one may not read the other.
/// parity: how much, in parts of the file, from 0.001 to 1.
/// spread: whether the blocks of a window lie over the whole file, so that one long gap takes
///     little of each window, or one behind the other.
/// overwrite: replace a parity file that is there.
///
/// The file is read once. append() and rewrap() bring the parity file along; whatever else changes
/// the file makes it stale. A call that fails leaves no parity file, or the one that was there.
/// Raises FileExistsError, BusyError while the file is changed, UnfinishedChangeError,
/// InputChangedError, and whatever the system says.
///
/// >>> import os, tempfile
/// >>> path = os.path.join(tempfile.mkdtemp(), "a.sv2")
/// >>> _ = encrypt(bytes(1_000_000), path, to=Key.generate())
/// >>> protection = protect(path, parity=0.1)
/// >>> protection.path.name, protection.is_stream, protection.gap > 50_000
/// ('a.sv2.par', True, True)
#[pyfunction]
#[pyo3(signature = (
    path, *, parity=0.05, spread=true, overwrite=false, threads=None, progress=None
))]
pub(crate) fn protect(
    py: Python<'_>,
    path: PathBuf,
    parity: f64,
    spread: bool,
    overwrite: bool,
    threads: Option<usize>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Protection> {
    let names = Names::of_source(Some(path.clone()));
    let spread = if spread { Spread::Runs } else { Spread::Consecutive };
    // In parts of 10,000; what does not fit saturates, and is refused.
    let request = Request::new((parity * 10_000.0).round() as u16, spread);
    let request = request.map_err(|_| {
        Trouble::Usage("parity must be from 0.001 to 1 of the file".into()).into_py(py, &names)
    })?;
    let existing = if overwrite { Existing::Replace } else { Existing::Refuse };
    let wishes = Wishes { threads, progress, is_short: false };
    run_telling(py, wishes, &names, move |run, tell| {
        let (parity, made) = make(&path, request, existing, &run, tell)?;
        Ok(Protection::new(parity, &made))
    })
}

fn make(
    path: &Path,
    request: Request,
    existing: Existing,
    run: &RunOptions,
    tell: Tell,
) -> Result<(PathBuf, Protected), Trouble> {
    let file = open_settled(path, false)?;
    let parity = parity_path(path)?;
    let files = Files { file: path, parity: &parity, output: &parity };
    let metadata = file.metadata().map_err(|error| files.unread(error))?;
    // Who may not read the file may not read its parity.
    let target = NamedOutput::create(&parity, existing, metadata.mode());
    let target = target.map_err(|error| files.stream(error))?;
    let watch = Watch::new(run, tell, metadata.len());
    let made = watch.work(|work| make_parity(&file, target.file(), request, work));
    let made = made.map_err(|error| files.parity(error))?;
    target.finish(&run.cancel).map_err(|error| files.stream(error))?;
    Ok((parity, made))
}

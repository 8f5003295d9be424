//! A parity file that follows a change of its stream, or of which it is said that it does not.

use std::ffi::CString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use sv2_core::{Existing, NamedOutput, RunOptions};
use sv2_parity::{Sidecar, renew};

use super::beside::open_plain;
use super::{Files, Found, Watch, anew, names};
use crate::error::{Names, Trouble};
use crate::run::{Wishes, run};

/// The parity file of a stream that is to be changed.
pub(crate) struct Kept {
    stream: PathBuf,
    state: State,
}

enum State {
    None,
    True(Found),
    /// It was of no use before, and stays as it is.
    Useless(Trouble),
    /// It is of another stream, or of another state of this one.
    Stale,
}

impl Kept {
    /// Looks for a parity file before the change.
    pub(crate) fn before(stream: &Path) -> Self {
        let state = look(stream).unwrap_or_else(State::Useless);
        Self { stream: stream.to_owned(), state }
    }

    /// Brings the parity file along after the change, or warns that it is stale.
    pub(crate) fn follow(self, py: Python<'_>, threads: Option<usize>) -> PyResult<()> {
        let Self { stream, state } = self;
        let call = Names::of_source(Some(stream.clone()));
        let reason = match state {
            State::None => return Ok(()),
            State::Stale => "it was stale before".into(),
            State::Useless(trouble) => said(py, &trouble.into_py(py, &call)),
            State::True(parity) => {
                let wishes = Wishes { threads, ..Wishes::default() };
                let path = &stream;
                match run(py, wishes, &call, move |run| Ok(renewed(path, &parity, &run))) {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(trouble)) => said(py, &trouble.into_py(py, &call)),
                    // An interrupt; what it left has to be said all the same.
                    Err(interrupt) => {
                        let _ = warn(py, &stream, "it was interrupted while it followed");
                        return Err(interrupt);
                    }
                }
            }
        };
        warn(py, &stream, &reason)
    }
}

fn said(py: Python<'_>, error: &PyErr) -> String {
    error.value(py).to_string()
}

fn warn(py: Python<'_>, stream: &Path, reason: &str) -> PyResult<()> {
    let anew = anew(stream);
    let more = if reason.contains(&anew) { String::new() } else { format!("; {anew}") };
    let text = format!("{stream:?}: the parity file is stale now: {reason}{more}");
    // Names are escaped, so there is no NUL.
    let text = CString::new(text.replace('\0', "\\0")).unwrap_or_default();
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)
}

fn look(stream: &Path) -> Result<State, Trouble> {
    // What cannot be opened the change itself will tell of.
    let Ok(Some(file)) = open_plain(stream) else { return Ok(State::None) };
    let Some(parity) = Found::beside(&file, stream)? else { return Ok(State::None) };
    let told = |error| Files { file: stream, parity: &parity.path, output: stream }.parity(error);
    let is_named = parity.open().and_then(|sidecar| names(&sidecar, &file)).map_err(told)?;
    Ok(if is_named { State::True(parity) } else { State::Stale })
}

/// Writes the parity file of the stream as it is now in the place of that before.
fn renewed(stream: &Path, parity: &Found, run: &RunOptions) -> Result<(), Trouble> {
    let files = Files { file: stream, parity: &parity.path, output: &parity.path };
    let told = |error| files.parity(error);
    let file = open_plain(stream).map_err(|error| files.unread(error))?;
    let file = file.ok_or_else(|| Trouble::Usage(format!("{stream:?} is no regular file")))?;
    let metadata = file.metadata().map_err(|error| files.unread(error))?;
    let sidecar: Sidecar<'_> = parity.open().map_err(told)?;
    if names(&sidecar, &file).map_err(told)? {
        return Ok(());
    }
    let target = NamedOutput::create(&parity.path, Existing::Replace, metadata.mode());
    let target = target.map_err(|error| files.stream(error))?;
    let watch = Watch::new(run, Arc::new(|_, _| {}), metadata.len());
    watch.work(|work| renew(&file, &sidecar, target.file(), work)).map_err(told)?;
    target.finish(&run.cancel).map_err(|error| files.stream(error))
}

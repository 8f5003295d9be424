//! What a rewrite of a header would write, for a stream in a store that cannot be written in place.

use std::io;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sv2_core::{ChangeFile, ChangeStorage, InputSource, ReadAt, rewrap_on};

use crate::change::{RewrapReport, options, wanted};
use crate::error::{Names, Trouble};
use crate::keys::keys_of;
use crate::opening::{OpenKey, to_of};
use crate::options::Demands;
use crate::run::{Wishes, run};
use crate::source::Source;

/// A report, and (offset, bytes) in the order in which they were written.
type Rewritten<'py> = (RewrapReport, Vec<(u64, Bound<'py, PyBytes>)>);

/// Rewrites the header of a stream that stays as it is, and gives the bytes that would change, of a
/// stream that keeps its length.
///
/// source: an object with `read_at` and a size. The rest as for rewrap.
#[pyfunction]
#[pyo3(signature = (source, key, add, remove, context, fingerprint))]
pub(crate) fn rewrap_patches<'py>(
    py: Python<'py>,
    source: &Bound<'_, PyAny>,
    key: Option<&Bound<'_, PyAny>>,
    add: Option<&Bound<'_, PyAny>>,
    remove: Vec<usize>,
    context: Option<&Bound<'_, PyAny>>,
    fingerprint: Option<&str>,
) -> PyResult<Rewritten<'py>> {
    let demands = Demands::new(context, fingerprint)?;
    let keys = keys_of(key)?;
    let add = add.map(|add| to_of(Some(add))).transpose()?.unwrap_or_default();
    let source = Source::new(source)?;
    let (report, written) = run(py, Wishes::default(), &Names::default(), move |run| {
        let key = OpenKey::resolve(&keys)?;
        let InputSource::ReadAt(source) = source.positioned()? else {
            return Err(Trouble::Usage("the source must be an object with read_at()".into()));
        };
        let patches =
            Patches { len: source.len().map_err(python)?, source, state: Mutex::default() };
        let change = |content: sv2_core::HeaderContent<'_>| wanted(content, &add, &remove);
        let report = key.with(|key| rewrap_on(&patches, key, change, &options(demands, run)))?;
        Ok((report, patches.into_written()))
    })?;
    let written = written.iter().map(|(at, bytes)| (*at, PyBytes::new(py, bytes))).collect();
    Ok((report.into(), written))
}

fn python(error: io::Error) -> Trouble {
    Trouble::Python(error.into())
}

/// A stream that is read from where it is, under what was written over it.
struct Patches<'s> {
    source: Box<dyn ReadAt + 's>,
    len: u64,
    state: Mutex<State>,
}

/// What was written: the change record, and pieces of the stream.
#[derive(Default)]
struct State {
    record: Option<Vec<u8>>,
    written: Vec<(u64, Vec<u8>)>,
}

impl Patches<'_> {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_written(self) -> Vec<(u64, Vec<u8>)> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).written
    }
}

/// Copies what two ranges of the stream have in common.
fn overlay(buffer: &mut [u8], at: u64, bytes: &[u8], bytes_at: u64) {
    let start = at.max(bytes_at);
    let end = (at + buffer.len() as u64).min(bytes_at + bytes.len() as u64);
    if start < end {
        // Both are within a buffer.
        let (to, from) = ((start - at) as usize, (start - bytes_at) as usize);
        let len = (end - start) as usize;
        buffer[to..to + len].copy_from_slice(&bytes[from..from + len]);
    }
}

impl ChangeStorage for Patches<'_> {
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>> {
        Ok(match file {
            ChangeFile::Stream => Some(self.len),
            ChangeFile::Record => self.state().record.as_ref().map(|record| record.len() as u64),
        })
    }

    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match file {
            ChangeFile::Stream => {
                let count = self.source.read_at(buffer, offset)?;
                for (at, bytes) in &self.state().written {
                    overlay(&mut buffer[..count], offset, bytes, *at);
                }
                Ok(count)
            }
            ChangeFile::Record => {
                let state = self.state();
                let record = state.record.as_ref().ok_or(io::ErrorKind::NotFound)?;
                ReadAt::read_at(record, buffer, offset)
            }
        }
    }

    fn write_all_at(&self, file: ChangeFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state();
        match file {
            ChangeFile::Stream if offset + bytes.len() as u64 > self.len => {
                Err(io::Error::other("a rewrite of a header keeps the length of the stream"))
            }
            ChangeFile::Stream => {
                state.written.push((offset, bytes.to_vec()));
                Ok(())
            }
            ChangeFile::Record => {
                let record = state.record.as_mut().ok_or(io::ErrorKind::NotFound)?;
                // A record is in memory as a whole before it is written.
                let (start, end) = (offset as usize, offset as usize + bytes.len());
                if record.len() < end {
                    record.resize(end, 0);
                }
                record[start..end].copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn cut_stream(&self, len: u64) -> io::Result<()> {
        match len == self.len {
            true => Ok(()),
            false => Err(io::Error::other("a rewrite of a header keeps the length of the stream")),
        }
    }

    // Nothing of it outlives the call.
    fn sync(&self, _: ChangeFile) -> io::Result<()> {
        Ok(())
    }

    fn create_record(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.record.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.record = Some(Vec::new());
        Ok(())
    }

    fn remove_record(&self) -> io::Result<()> {
        self.state().record = None;
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }
}

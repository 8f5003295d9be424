//! Ranges of a sealed stream, and a position in it: what `stream_v2.Reader` stands on.
//!
//! The interpreter's lock is let go before a lock of ours is taken, since a source in Python needs
//! it while we hold ours.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use sv2_core::{FetchPolicy, ReaderOptions, SharedCursor, StreamError, StreamReader};

use crate::error::{Names, Trouble};
use crate::keys::keys_of;
use crate::opening::OpenKey;
use crate::options::{Demands, hex};
use crate::run::{Wishes, run};
use crate::source::Source;

/// What is opened between two looks for an interrupt.
const STEP: usize = 16 << 20;
/// What small reads and lines are served from.
const BUFFER: usize = 64 << 10;

/// A sealed stream that is open for reading.
#[pyclass(frozen, module = "stream_v2._native")]
pub(crate) struct NativeReader {
    reader: Arc<StreamReader<'static>>,
    cursor: Mutex<BufReader<SharedCursor<'static>>>,
    names: Names,
    /// Reads of so many bytes at the position go past its buffer.
    direct_from: u64,
}

/// What a read at the position took.
enum Taken {
    Bytes(Vec<u8>),
    /// An offset and a number of bytes, still to be read.
    Range(u64, u64),
}

#[pymethods]
impl NativeReader {
    #[new]
    #[pyo3(signature = (
        source, key=None, context=None, fingerprint=None, read_ahead=None, cached_frames=32
    ))]
    fn new(
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        key: Option<&Bound<'_, PyAny>>,
        context: Option<&Bound<'_, PyAny>>,
        fingerprint: Option<&str>,
        read_ahead: Option<u64>,
        cached_frames: usize,
    ) -> PyResult<Self> {
        let demands = Demands::new(context, fingerprint)?;
        let keys = keys_of(key)?;
        let source = Source::new(source)?;
        let names = source.names();
        let wishes =
            Wishes { is_short: source.path().is_some() || source.is_short(), ..Wishes::default() };
        let (reader, is_local) = run(py, wishes, &names, move |run| {
            let key = OpenKey::resolve(&keys)?;
            let (input, is_local) = source.lasting()?;
            let mut options = ReaderOptions::standard();
            if is_local {
                // As for a file that the engine opens itself: no request is worth joining.
                options =
                    options.fetch(FetchPolicy::standard().max_len(1 << 20)).read_ahead(512 << 10);
            }
            if let Some(len) = read_ahead {
                options = options.read_ahead(len);
            }
            options.cached_frames = cached_frames;
            let reader = key
                .with(|key| StreamReader::open_with(input, key, &demands.options(run), &options))?;
            Ok((reader, is_local))
        })?;
        let reader = Arc::new(reader);
        let cursor = Mutex::new(BufReader::with_capacity(BUFFER, reader.shared_cursor()));
        let direct_from = if is_local { 256 << 10 } else { STEP as u64 };
        Ok(Self { reader, cursor, names, direct_from })
    }

    /// Plaintext bytes of the stream.
    #[getter]
    fn size(&self) -> u64 {
        self.reader.len()
    }

    #[getter]
    fn fingerprint(&self) -> String {
        hex(&self.reader.fingerprint())
    }

    #[getter]
    fn revision(&self) -> u64 {
        self.reader.revision()
    }

    #[getter]
    fn generation(&self) -> u64 {
        self.reader.generation()
    }

    /// The metadata as JSON text, or None.
    #[getter]
    fn metadata(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let metadata = py.detach(|| self.reader.metadata());
        let metadata = metadata.map_err(|error| self.trouble(py, error))?;
        Ok(metadata.map(|json| String::from_utf8_lossy(&json).trim_end().to_owned()))
    }

    fn read_at<'py>(
        &self,
        py: Python<'py>,
        offset: i64,
        length: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (offset, length) = (unsigned(offset, "offset")?, unsigned(length, "length")?);
        let left = self.reader.len().saturating_sub(offset);
        let count = usize_of(length.min(left))?;
        PyBytes::new_with(py, count, |out| self.fill(py, out, offset))
    }

    fn read_ranges<'py>(
        &self,
        py: Python<'py>,
        ranges: Vec<(i64, i64)>,
    ) -> PyResult<Bound<'py, PyList>> {
        let size = self.reader.len();
        let mut wanted = Vec::with_capacity(ranges.len());
        for (offset, length) in ranges {
            let start = unsigned(offset, "offset")?.min(size);
            let end = start.saturating_add(unsigned(length, "length")?).min(size);
            wanted.push(start..end);
        }
        let opened = py.detach(|| self.reader.read_ranges(&wanted));
        let opened = opened.map_err(|error| self.trouble(py, error))?;
        let pieces = wanted.iter().map(|range| {
            PyBytes::new_with(py, usize_of(range.end - range.start)?, |out| {
                match opened.copy_to(range.start, out) == out.len() {
                    true => Ok(()),
                    false => Err(PyValueError::new_err("a range was not opened")),
                }
            })
        });
        PyList::new(py, pieces.collect::<PyResult<Vec<_>>>()?)
    }

    /// Reads all of at most `length` bytes at the position; -1 is everything that is left.
    fn read<'py>(&self, py: Python<'py>, length: i64) -> PyResult<Bound<'py, PyBytes>> {
        let asked = u64::try_from(length).unwrap_or(u64::MAX);
        // One hold of the position for all of it, so that of two threads none gets a byte twice.
        let taken = self.detached(py, |cursor| {
            let at = cursor.stream_position()?;
            let wanted = asked.min(self.reader.len().saturating_sub(at));
            if wanted >= self.direct_from {
                cursor.seek(SeekFrom::Start(at + wanted))?;
                return Ok(Taken::Range(at, wanted));
            }
            let mut bytes = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
            cursor.read_exact(&mut bytes)?;
            Ok(Taken::Bytes(bytes))
        })?;
        match taken {
            Taken::Bytes(bytes) => Ok(PyBytes::new(py, &bytes)),
            // Straight into the object, without the read-ahead of the position.
            Taken::Range(at, wanted) => {
                PyBytes::new_with(py, usize_of(wanted)?, |out| self.fill(py, out, at))
            }
        }
    }

    /// Reads into a writable buffer at the position and returns the number of bytes.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffer = PyBuffer::<u8>::get(
            &buffer
                .py()
                .import("builtins")?
                .getattr("memoryview")?
                .call1((buffer,))?
                .call_method1("cast", ("B",))?,
        )?;
        if buffer.readonly() {
            return Err(pyo3::exceptions::PyTypeError::new_err(
                "readinto() argument must be read-write bytes-like object, not a read-only one",
            ));
        }
        let bytes = self.read(py, i64::try_from(buffer.item_count())?)?;
        let bytes = bytes.as_bytes();
        if bytes.len() == buffer.item_count() {
            buffer.copy_from_slice(py, bytes)?;
        } else {
            // At the end of the stream: what is beyond keeps what it held.
            let mut whole = buffer.to_vec(py)?;
            whole[..bytes.len()].copy_from_slice(bytes);
            buffer.copy_from_slice(py, &whole)?;
        }
        Ok(bytes.len())
    }

    /// What is buffered at the position, at least a byte where there is one; moves nothing.
    fn peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.detached(py, |cursor| Ok(cursor.fill_buf()?.to_vec()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Up to the next newline, or `limit` bytes where that is not negative.
    fn readline<'py>(&self, py: Python<'py>, limit: i64) -> PyResult<Bound<'py, PyBytes>> {
        let line = self.detached(py, |cursor| {
            let mut line = Vec::new();
            match u64::try_from(limit) {
                Ok(limit) => cursor.by_ref().take(limit).read_until(b'\n', &mut line)?,
                Err(_) => cursor.read_until(b'\n', &mut line)?,
            };
            Ok(line)
        })?;
        Ok(PyBytes::new(py, &line))
    }

    fn seek(&self, py: Python<'_>, offset: i64, whence: u8) -> PyResult<u64> {
        let size = self.reader.len();
        self.detached(py, |cursor| {
            let now = cursor.stream_position()?;
            let base = match whence {
                0 => 0,
                1 => now,
                2 => size,
                _ => return Err(io::Error::other(PyValueError::new_err("invalid whence value"))),
            };
            let target = base.checked_add_signed(offset).ok_or_else(|| {
                let text = format!("negative seek value {}", i128::from(base) + i128::from(offset));
                io::Error::other(PyValueError::new_err(text))
            })?;
            match i64::try_from(i128::from(target) - i128::from(now)) {
                // Within what is buffered, nothing is read again.
                Ok(step) => cursor.seek_relative(step)?,
                Err(_) => drop(cursor.seek(SeekFrom::Start(target))?),
            }
            Ok(target)
        })
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.detached(py, |cursor| cursor.stream_position())
    }
}

impl NativeReader {
    /// Fills `out`, and looks for an interrupt now and then.
    fn fill(&self, py: Python<'_>, out: &mut [u8], mut offset: u64) -> PyResult<()> {
        for part in out.chunks_mut(STEP) {
            let read = py.detach(|| self.reader.read_at(part, offset));
            let count = read.map_err(|error| self.trouble(py, error))?;
            if count < part.len() {
                return Err(PyValueError::new_err("the stream is shorter than it said"));
            }
            offset += part.len() as u64;
            py.check_signals()?;
        }
        Ok(())
    }

    /// Works at the position, without the interpreter's lock.
    fn detached<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut BufReader<SharedCursor<'static>>) -> io::Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| act(&mut self.lock())).map_err(|error| self.io_trouble(py, error))
    }

    fn lock(&self) -> MutexGuard<'_, BufReader<SharedCursor<'static>>> {
        self.cursor.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn trouble(&self, py: Python<'_>, error: StreamError) -> PyErr {
        Trouble::Stream(error).into_py(py, &self.names)
    }

    fn io_trouble(&self, py: Python<'_>, error: io::Error) -> PyErr {
        match error.downcast::<StreamError>() {
            Ok(error) => self.trouble(py, error),
            Err(error) => Trouble::Stream(StreamError::Read { offset: 0, source: error })
                .into_py(py, &self.names),
        }
    }
}

fn unsigned(value: i64, what: &str) -> PyResult<u64> {
    u64::try_from(value).map_err(|_| PyValueError::new_err(format!("negative {what} {value}")))
}

fn usize_of(value: u64) -> PyResult<usize> {
    usize::try_from(value).map_err(|_| PyOverflowError::new_err("too many bytes for one object"))
}

//! What Python hands in to be read: a path, a descriptor, bytes, a file object, or anything with
//! `read_at`.

use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyInt};
use sv2_core::{InputSource, ReadAt, ReadPart, open_descriptor};

use crate::error::{Names, Trouble};

/// Bytes that are asked of a file object at once.
const CHUNK: usize = 1 << 20;
/// Bytes that are worked on in no time.
pub(crate) const INSTANT: usize = 1 << 20;

/// An input.
pub(crate) enum Source {
    Path(PathBuf),
    Descriptor(u32),
    /// A `bytes` object, not copied, or a copy of another buffer.
    Bytes(PyBackedBytes),
    Copied(Vec<u8>),
    /// An object with `read`.
    Readable(Py<PyAny>),
    /// An object with `read_at`.
    ReadAt(Py<PyAny>),
}

impl Source {
    /// Takes what a caller gave.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>() {
            return Ok(Self::Bytes(object.extract()?));
        }
        if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
            return Ok(Self::Descriptor(descriptor(object)?));
        }
        if object.hasattr("read_at")? {
            return Ok(Self::ReadAt(object.clone().unbind()));
        }
        if object.hasattr("read")? {
            return Ok(Self::Readable(object.clone().unbind()));
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            return Ok(Self::Path(path));
        }
        if let Ok(buffer) = PyBuffer::<u8>::get(object) {
            return Ok(Self::Copied(buffer.to_vec(object.py())?));
        }
        Err(PyTypeError::new_err(format!(
            "the source must be a path, a file descriptor, bytes, a binary file or an object with \
             read_at(), not {}",
            object.get_type().name()?
        )))
    }

    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Path(path) => Some(path.clone()),
            _ => None,
        }
    }

    pub(crate) fn names(&self) -> Names {
        Names::of_source(self.path())
    }

    /// Bytes of what is in memory.
    pub(crate) fn memory_len(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Copied(bytes) => Some(bytes.len() as u64),
            _ => None,
        }
    }

    /// Whether it is in memory and short, so that no interrupt needs to be looked for.
    pub(crate) fn is_short(&self) -> bool {
        self.memory_len().is_some_and(|len| len <= INSTANT as u64)
    }

    /// For a call that reads once, from front to back; a file object from where it stands.
    pub(crate) fn sequential(&self) -> Result<InputSource<'_>, Trouble> {
        match self {
            Self::Readable(object) => {
                let object = Python::attach(|py| object.clone_ref(py));
                let reader = BufReader::with_capacity(CHUNK, PyReader(object));
                Ok(InputSource::Reader(Box::new(reader)))
            }
            _ => self.positioned(),
        }
    }

    /// For a call that reads at offsets; of a file object the whole.
    pub(crate) fn positioned(&self) -> Result<InputSource<'_>, Trouble> {
        Ok(match self {
            Self::Path(path) => InputSource::Path(path.clone()),
            Self::Descriptor(number) => InputSource::File(opened(*number)?),
            Self::Bytes(bytes) => InputSource::Memory(bytes),
            Self::Copied(bytes) => InputSource::Memory(bytes),
            Self::Readable(object) | Self::ReadAt(object) => {
                InputSource::ReadAt(Box::new(PyReadAt::new(object)?))
            }
        })
    }

    /// As [`Source::positioned`], for a reader that outlives the call; and whether it is local, so
    /// that reads need no joining.
    pub(crate) fn lasting(self) -> Result<(InputSource<'static>, bool), Trouble> {
        Ok(match self {
            Self::Path(path) => (InputSource::Path(path), true),
            Self::Descriptor(number) => (InputSource::File(opened(number)?), true),
            Self::Bytes(bytes) => (InputSource::ReadAt(Box::new(Memory(bytes))), true),
            Self::Copied(bytes) => (InputSource::ReadAt(Box::new(bytes)), true),
            Self::Readable(object) | Self::ReadAt(object) => {
                (InputSource::ReadAt(Box::new(PyReadAt::new(&object)?)), false)
            }
        })
    }
}

/// A descriptor's number.
pub(crate) fn descriptor(object: &Bound<'_, PyAny>) -> PyResult<u32> {
    object.extract().map_err(|_| PyValueError::new_err("negative file descriptor"))
}

/// A handle of our own on an open descriptor.
pub(crate) fn opened(number: u32) -> Result<std::fs::File, Trouble> {
    open_descriptor(number).map_err(|error| Trouble::Python(error.into()))
}

/// A `bytes` object that is read at offsets.
struct Memory(PyBackedBytes);

impl ReadAt for Memory {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        ReadAt::read_at(&*self.0, buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

/// A Python object with `read`.
struct PyReader(Py<PyAny>);

impl Read for PyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let bytes = self.0.call_method1(py, "read", (out.len(),))?;
            Ok(copied(bytes.bind(py), out)?)
        })
    }
}

/// Copies what a file object returned.
fn copied(bytes: &Bound<'_, PyAny>, out: &mut [u8]) -> PyResult<usize> {
    if bytes.is_none() {
        return Err(io::Error::from(io::ErrorKind::WouldBlock).into());
    }
    let Ok(bytes) = bytes.cast::<PyBytes>() else {
        // A memoryview, a bytearray, or a str of a file in text mode, which has no buffer.
        let buffer = PyBuffer::<u8>::get(bytes).map_err(|_| {
            PyTypeError::new_err("the file gave no bytes; is it open in text mode?")
        })?;
        let bytes = buffer.to_vec(bytes.py())?;
        return filled(&bytes, out);
    };
    filled(bytes.as_bytes(), out)
}

fn filled(bytes: &[u8], out: &mut [u8]) -> PyResult<usize> {
    let target = out
        .get_mut(..bytes.len())
        .ok_or_else(|| PyValueError::new_err("the file gave more bytes than it was asked for"))?;
    target.copy_from_slice(bytes);
    Ok(bytes.len())
}

/// A Python object that is read at offsets: by its `read_at(offset, length)`, or by `seek` and
/// `read`, one thread at a time.
struct PyReadAt {
    object: Py<PyAny>,
    len: u64,
    kind: Kind,
}

enum Kind {
    /// `read_at`, and `read_ranges` where it has that.
    At {
        many: bool,
    },
    Seek(Mutex<()>),
}

impl PyReadAt {
    fn new(object: &Py<PyAny>) -> Result<Self, Trouble> {
        Ok(Python::attach(|py| -> PyResult<Self> {
            let bound = object.bind(py);
            let (len, kind) = if bound.hasattr("read_at")? {
                let many = bound.hasattr("read_ranges")?;
                (length(bound)?, Kind::At { many })
            } else {
                if !bound.hasattr("seek")? || !bound.call_method0("seekable")?.is_truthy()? {
                    return Err(PyValueError::new_err("the file cannot seek"));
                }
                let len = bound.call_method1("seek", (0, 2))?.extract()?;
                (len, Kind::Seek(Mutex::new(())))
            };
            Ok(Self { object: object.clone_ref(py), len, kind })
        })?)
    }
}

/// The size of an object: its attribute or method `size`, or its `len()`.
fn length(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    if !object.hasattr("size")? {
        return Ok(object.len()? as u64);
    }
    let size = object.getattr("size")?;
    if size.is_callable() { size.call0()?.extract() } else { size.extract() }
}

impl ReadAt for PyReadAt {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let _one = match &self.kind {
            Kind::Seek(lock) => Some(lock.lock().unwrap_or_else(|poison| poison.into_inner())),
            Kind::At { .. } => None,
        };
        Python::attach(|py| {
            let object = self.object.bind(py);
            let bytes = if matches!(self.kind, Kind::At { .. }) {
                object.call_method1("read_at", (offset, buffer.len()))?
            } else {
                object.call_method1("seek", (offset,))?;
                object.call_method1("read", (buffer.len(),))?
            };
            Ok(copied(&bytes, buffer)?)
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_many(&self, parts: &mut [ReadPart<'_>]) -> io::Result<()> {
        if parts.len() < 2 || !matches!(self.kind, Kind::At { many: true }) {
            return parts.iter_mut().try_for_each(|part| fill(self, part));
        }
        Python::attach(|py| {
            let ranges: Vec<_> =
                parts.iter().map(|part| (part.offset, part.buffer.len())).collect();
            let found = self.object.call_method1(py, "read_ranges", (ranges,))?;
            let mut found = found.bind(py).try_iter()?;
            for part in parts {
                let bytes = found.next().ok_or(io::ErrorKind::UnexpectedEof)??;
                if copied(&bytes, part.buffer)? < part.buffer.len() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok(())
        })
    }
}

fn fill(source: &PyReadAt, part: &mut ReadPart<'_>) -> io::Result<()> {
    let mut done = 0;
    while done < part.buffer.len() {
        match source.read_at(&mut part.buffer[done..], part.offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
}

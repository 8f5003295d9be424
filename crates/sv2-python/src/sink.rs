//! What Python hands in to be written: a path, a descriptor, a file object, or nothing for bytes.

use std::io::{self, Write};
use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyInt};
use sv2_core::{Existing, OutputSink};

use crate::error::Trouble;
use crate::source::{descriptor, opened};

/// An output.
pub(crate) enum Sink {
    Path {
        path: PathBuf,
        existing: Existing,
    },
    Descriptor(u32),
    Writable(Py<PyAny>),
    /// The call returns the bytes.
    Memory,
}

impl Sink {
    /// Takes what a caller gave.
    pub(crate) fn new(object: Option<&Bound<'_, PyAny>>, overwrite: bool) -> PyResult<Self> {
        let Some(object) = object else { return Ok(Self::Memory) };
        if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
            return Ok(Self::Descriptor(descriptor(object)?));
        }
        if object.hasattr("write")? {
            return Ok(Self::Writable(object.clone().unbind()));
        }
        if !object.is_instance_of::<PyBytes>()
            && let Ok(path) = object.extract::<PathBuf>()
        {
            let existing = if overwrite { Existing::Replace } else { Existing::Refuse };
            return Ok(Self::Path { path, existing });
        }
        Err(PyTypeError::new_err(format!(
            "the sink must be a path, a file descriptor, a binary file or None, not {}",
            object.get_type().name()?
        )))
    }

    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Path { path, .. } => Some(path.clone()),
            _ => None,
        }
    }

    /// For the engine; what goes to memory goes to `memory`.
    pub(crate) fn open(self, memory: &mut Vec<u8>) -> Result<OutputSink<'_>, Trouble> {
        Ok(match self {
            Self::Path { path, existing } => OutputSink::Path { path, existing },
            Self::Descriptor(number) => OutputSink::File(opened(number)?),
            Self::Writable(object) => OutputSink::Writer(Box::new(PyWriter(object))),
            Self::Memory => OutputSink::Memory(memory),
        })
    }
}

/// A Python object with `write`.
struct PyWriter(Py<PyAny>);

impl Write for PyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let count = self.0.call_method1(py, "write", (PyBytes::new(py, bytes),))?;
            let count = count.bind(py);
            // Some file objects say nothing and mean all.
            Ok(if count.is_none() {
                bytes.len()
            } else {
                count.extract::<usize>()?.min(bytes.len())
            })
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Python::attach(|py| {
            if self.0.bind(py).hasattr("flush")? {
                self.0.call_method0(py, "flush")?;
            }
            Ok(())
        })
    }
}

//! Errors of the engine as Python exceptions with positions.
//!
//! The classes are written in Python, in `stream_v2._errors`, so that they read and pickle as
//! everybody's do. What the operating system refused stays what Python makes of it, such as
//! `FileNotFoundError`, and an exception of a caller's own file object goes through unchanged.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use pyo3::exceptions::{PyFileExistsError, PyOSError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};
use sv2_core::{ErrorKind, StreamError, Unit};
use sv2_keys::{KeyFileError, KeysError, PassphraseError};
use sv2_stream::FormatError;
use sv2_stream::parts::PartsError;

/// What stops a call.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The engine's word on a stream.
    Stream(StreamError),
    /// Keys, and the files they come from.
    Keys(KeysError),
    /// Parts of a stream that is sealed by many machines.
    Parts(PartsError),
    /// Arguments that contradict each other.
    Usage(String),
    /// An exception that is already one.
    Python(PyErr),
    /// An exception of `stream_v2._errors` by its name, what it says, and where it is.
    Told { class: &'static str, text: String, offset: Option<u64> },
    /// Trouble with other files than those of the call's two ends.
    Named(Box<Self>, Names),
    /// A thread of the engine panicked: a defect.
    Defect(String),
}

impl From<StreamError> for Trouble {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl From<FormatError> for Trouble {
    fn from(error: FormatError) -> Self {
        Self::Stream(error.into())
    }
}

impl From<PartsError> for Trouble {
    fn from(error: PartsError) -> Self {
        match error {
            PartsError::Format(error) => error.into(),
            error => Self::Parts(error),
        }
    }
}

impl From<KeysError> for Trouble {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

impl From<KeyFileError> for Trouble {
    fn from(error: KeyFileError) -> Self {
        Self::Keys(error.into())
    }
}

impl From<PassphraseError> for Trouble {
    fn from(error: PassphraseError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<PyErr> for Trouble {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

/// The names of a call's two ends, where they have some.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    pub(crate) source: Option<PathBuf>,
    pub(crate) sink: Option<PathBuf>,
}

impl Names {
    pub(crate) fn of_source(source: Option<PathBuf>) -> Self {
        Self { source, sink: None }
    }
}

/// Where an error is.
#[derive(Default)]
struct Place {
    unit: Option<String>,
    segment: Option<u64>,
    frame: Option<u32>,
    offset: Option<u64>,
}

impl Place {
    fn of(error: &StreamError) -> Self {
        let in_unit = |unit: Unit, offset| {
            let (segment, frame) = match unit {
                Unit::Segment { segment } | Unit::Footer { segment } => (Some(segment), None),
                Unit::Frame { segment, frame } => (Some(segment), Some(frame)),
                _ => (None, None),
            };
            Self { unit: Some(unit.to_string()), segment, frame, offset }
        };
        match *error {
            StreamError::Malformed { unit, offset, .. }
            | StreamError::AuthenticationFailed { unit, offset }
            | StreamError::ChecksumMismatch { unit, offset } => in_unit(unit, Some(offset)),
            StreamError::Unsupported { unit, .. } => in_unit(unit, None),
            StreamError::DigestMismatch { segment }
            | StreamError::Cancelled { segment }
            | StreamError::Defect { segment } => Self { segment: Some(segment), ..Self::default() },
            StreamError::TrailingData { offset } | StreamError::InputChanged { offset } => {
                Self { offset: Some(offset), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

impl Trouble {
    /// The exception.
    pub(crate) fn into_py(self, py: Python<'_>, names: &Names) -> PyErr {
        match self {
            Self::Python(error) => error,
            Self::Parts(error) => of_parts(py, &error),
            Self::Told { class, text, offset } => {
                make(py, class, &text, None, Place { offset, ..Place::default() })
            }
            Self::Named(trouble, names) => trouble.into_py(py, &names),
            Self::Usage(text) => make(py, "UsageError", &text, None, Place::default()),
            Self::Defect(text) => {
                let text = format!("a defect of this library: {text}");
                make(py, "Sv2Error", &text, None, Place::default())
            }
            Self::Keys(error) => of_keys(py, error),
            Self::Stream(error) => of_stream(py, error, names),
        }
    }
}

/// The class of the error says what the caller can do; the part at fault is a unit.
fn of_parts(py: Python<'_>, error: &PartsError) -> PyErr {
    let class = match error {
        PartsError::ForeignPlan
        | PartsError::AlteredReceipt { .. }
        | PartsError::ForeignReceipt { .. } => "AuthenticationError",
        PartsError::SourceChanged => "InputChangedError",
        PartsError::MissingReceipt { .. }
        | PartsError::NotStored { .. }
        | PartsError::StaleReceipt { .. }
        | PartsError::AmbiguousReceipt { .. } => "UnsealedError",
        _ => "UsageError",
    };
    let unit = error.part().map(|part| format!("part {part}"));
    make(py, class, &error.to_string(), None, Place { unit, ..Place::default() })
}

fn of_keys(py: Python<'_>, error: KeysError) -> PyErr {
    if let KeysError::File(
        KeyFileError::Read { path, source } | KeyFileError::Write { path, source },
    ) = error
    {
        return of_system(py, source, Some(&path), None);
    }
    let hint = match &error {
        KeysError::NoKeyFits(_) => Some("pass another key=, such as Key.identity_file(PATH)"),
        _ => None,
    };
    make(py, "NoKeyError", &chain(&error), hint, Place::default())
}

fn of_stream(py: Python<'_>, error: StreamError, names: &Names) -> PyErr {
    let class = match (&error, error.kind()) {
        (StreamError::Busy, _) => "BusyError",
        (StreamError::InputChanged { .. } | StreamError::StaleIndex, _) => "InputChangedError",
        (
            StreamError::UnfinishedChange { .. }
            | StreamError::ChangeRecord(_)
            | StreamError::RefusedChange(_),
            _,
        ) => "UnfinishedChangeError",
        (_, ErrorKind::NotAStream) => "NotAStreamError",
        (_, ErrorKind::Malformed) => "MalformedError",
        (_, ErrorKind::Unauthentic) => "AuthenticationError",
        (_, ErrorKind::Damaged) => "DamagedError",
        (_, ErrorKind::Unsealed) => "UnsealedError",
        (_, ErrorKind::Key) => "NoKeyError",
        (_, ErrorKind::Usage) => "UsageError",
        (_, ErrorKind::Checkpoint) => "CheckpointError",
        (_, ErrorKind::Cancelled) => "CancelledError",
        _ => "Sv2Error",
    };
    let place = Place::of(&error);
    match error {
        StreamError::Read { source, offset } => {
            of_system(py, source, names.source.as_deref(), Some(("reading", offset)))
        }
        StreamError::Write { source, offset } => {
            of_system(py, source, names.sink.as_deref(), Some(("writing", offset)))
        }
        StreamError::OutputExists => {
            let name = file_name(names.sink.as_deref());
            let text = "the output exists; pass overwrite=True to replace it";
            PyFileExistsError::new_err((17, text, name))
        }
        StreamError::OutputRefused(fault) => {
            PyOSError::new_err((13, fault.to_string(), file_name(names.sink.as_deref())))
        }
        error => {
            let hint = match class {
                "DamagedError" | "UnsealedError" => Some("salvage() gets out what still opens"),
                "NoKeyError" => Some("pass another key=, such as Key.identity_file(PATH)"),
                "UnfinishedChangeError" => {
                    Some("recover() with the key finishes it or takes it back")
                }
                _ => None,
            };
            make(py, class, &chain(&error), hint, place)
        }
    }
}

/// An error of the operating system, or of a file object that somebody else wrote.
fn of_system(
    py: Python<'_>,
    error: io::Error,
    name: Option<&Path>,
    doing: Option<(&str, u64)>,
) -> PyErr {
    if error.raw_os_error().is_none() && error.get_ref().is_some_and(|inner| inner.is::<PyErr>()) {
        return error.into();
    }
    let Some(code) = error.raw_os_error() else {
        if error.kind() == io::ErrorKind::IsADirectory {
            return PyOSError::new_err((21, "Is a directory", file_name(name)));
        }
        return error.into();
    };
    // "No such file or directory (os error 2)": Python says the number itself.
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    let exception = PyOSError::new_err((code, text, file_name(name)));
    if let Some((doing, offset)) = doing.filter(|(_, offset)| *offset > 0) {
        // A note that cannot be added takes nothing from the exception.
        let note = format!("while {doing} at byte {offset}");
        let _ = exception.value(py).call_method1("add_note", (note,));
    }
    exception
}

/// A name as `filename` of an OSError holds it: text.
fn file_name(name: Option<&Path>) -> Option<OsString> {
    name.map(|name| name.as_os_str().to_owned())
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

fn make(py: Python<'_>, class: &str, text: &str, hint: Option<&str>, place: Place) -> PyErr {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let exception = || -> PyResult<Bound<'_, PyAny>> {
        let module = MODULE
            .get_or_try_init(py, || py.import("stream_v2._errors").map(Bound::unbind))?
            .bind(py);
        let fields = PyDict::new(py);
        fields.set_item("unit", place.unit)?;
        fields.set_item("segment", place.segment)?;
        fields.set_item("frame", place.frame)?;
        fields.set_item("offset", place.offset)?;
        let text = match hint {
            Some(hint) => format!("{text}; {hint}"),
            None => text.to_owned(),
        };
        module.getattr(class)?.call((text,), Some(&fields))
    };
    match exception() {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

//! What is wrong with a parity file or stops the work with it, as exceptions.

use std::io;
use std::path::Path;

use pyo3::exceptions::PyPermissionError;
use sv2_core::{FileFault, StreamError};
use sv2_parity::{ParityError, Part};

use crate::error::{Names, Trouble, chain};

/// The files of a call.
#[derive(Clone, Copy)]
pub(crate) struct Files<'f> {
    pub(crate) file: &'f Path,
    pub(crate) parity: &'f Path,
    pub(crate) output: &'f Path,
}

/// How a parity file is made in the place of one that does not serve.
pub(crate) fn anew(file: &Path) -> String {
    format!("protect({file:?}, overwrite=True) makes it anew")
}

/// What the system says of a file.
pub(crate) fn system(path: &Path, source: io::Error) -> Trouble {
    let error = StreamError::Read { offset: 0, source };
    Trouble::Named(Box::new(error.into()), Names::of_source(Some(path.to_owned())))
}

/// Why a parity file is not opened; one that others may have written is `PermissionError`.
pub(crate) fn refused(parity: &Path, file: &Path, error: io::Error) -> Trouble {
    let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<FileFault>());
    let Some(fault) = fault else { return system(parity, error) };
    let text = format!(
        "the parity file {fault}: it may have been planted by another user, so it is not used; {}",
        anew(file)
    );
    // EACCES, as for an output that is refused.
    let name = parity.as_os_str().to_owned();
    Trouble::Python(PyPermissionError::new_err((13, text, name)))
}

impl Files<'_> {
    fn names(&self) -> Names {
        Names { source: Some(self.file.to_owned()), sink: Some(self.output.to_owned()) }
    }

    /// The engine's word on one of them.
    pub(crate) fn stream(&self, error: StreamError) -> Trouble {
        Trouble::Named(Box::new(error.into()), self.names())
    }

    /// What the system says of the file.
    pub(crate) fn unread(&self, error: io::Error) -> Trouble {
        system(self.file, error)
    }

    /// What the system says of the output.
    pub(crate) fn unwritten(&self, source: io::Error) -> Trouble {
        self.stream(StreamError::Write { offset: 0, source })
    }

    /// What stops the work, by what the caller can do about it.
    pub(crate) fn parity(&self, error: ParityError) -> Trouble {
        let (file, parity) = (self.file, self.parity);
        let told = |class, text, offset| Trouble::Told { class, text, offset };
        let of_parity = |class, offset| {
            told(class, format!("{parity:?}: {}; {}", chain(&error), anew(file)), offset)
        };
        match error {
            ParityError::NotParity => of_parity("NotAStreamError", None),
            ParityError::Unsupported(_) => {
                told("NotAStreamError", format!("{parity:?}: {error}"), None)
            }
            ParityError::Destroyed(_) => of_parity("DamagedError", None),
            ParityError::Malformed { offset, .. } => of_parity("MalformedError", Some(offset)),
            ParityError::Mixed | ParityError::Stale(_) => {
                let text = format!("{file:?}: {error}; nothing was written; {}", anew(file));
                told("StaleParityError", text, None)
            }
            ParityError::BeyondRepair { .. } => told(
                "BeyondRepairError",
                format!(
                    "{file:?}: {error}; nothing was written; copy= names another copy of the file, \
                     damaged too or not"
                ),
                None,
            ),
            ParityError::Contradiction { .. } => told(
                "MalformedError",
                format!("{parity:?}: {error}; restore the file from a copy, and protect that anew"),
                None,
            ),
            ParityError::Damaged(offset) => {
                told("DamagedError", format!("{file:?}: {error}"), Some(offset))
            }
            ParityError::Changed => told("InputChangedError", format!("{file:?}: {error}"), None),
            ParityError::Cancelled => told("CancelledError", "cancelled".into(), None),
            ParityError::Usage(text) => Trouble::Usage(text.into()),
            ParityError::Read { part, offset, source } => {
                let error = StreamError::Read { offset, source };
                Trouble::Named(Box::new(error.into()), Names::of_source(Some(self.of(part))))
            }
            ParityError::Write { part, offset, source } => {
                let error = StreamError::Write { offset, source };
                let names = Names { source: None, sink: Some(self.of(part)) };
                Trouble::Named(Box::new(error.into()), names)
            }
        }
    }

    fn of(&self, part: Part) -> std::path::PathBuf {
        match part {
            Part::Data => self.file,
            Part::Parity => self.parity,
            Part::Output => self.output,
        }
        .to_owned()
    }
}

//! Faults of objects as errors of a store, and what a read does about them.

use super::object_store;
use object_store::Error;

use crate::{FormatError, KeyError, ObjectError, ObjectFault};

/// The name of this store in errors of no other kind.
const STORE: &str = "Sv2Store";

/// A fault as the store's own kind of error.
pub(super) fn of_object(error: ObjectError) -> Error {
    let path = error.path.clone();
    match (error.key_error(), &error.fault) {
        (Some(KeyError::Missing(_)), _) => Error::Unauthenticated { path, source: error.into() },
        // Not `NotFound`: an engine that takes an object for absent writes it anew.
        (Some(KeyError::Unavailable(_)), _) => {
            Error::Generic { store: STORE, source: error.into() }
        }
        (
            _,
            ObjectFault::Key(_)
            | ObjectFault::Stream(FormatError::NoKeyFits { .. } | FormatError::WrongKeyOrContext),
        ) => Error::PermissionDenied { path, source: error.into() },
        (_, ObjectFault::Stream(FormatError::Unsupported { .. })) => {
            Error::NotSupported { source: error.into() }
        }
        (_, ObjectFault::Replaced) => Error::Precondition { path, source: error.into() },
        _ => Error::Generic { store: STORE, source: error.into() },
    }
}

/// An error of the store below about a part of an upload, of the same kind, with the part's number.
pub(super) fn in_part(path: &str, part: usize, error: Error) -> Error {
    let told = |source| {
        let fault = ObjectFault::Part { part, source: Some(source) };
        ObjectError::new(path, fault).into()
    };
    match error {
        Error::Generic { store, source } => Error::Generic { store, source: told(source) },
        Error::NotFound { path, source } => Error::NotFound { path, source: told(source) },
        Error::NotSupported { source } => Error::NotSupported { source: told(source) },
        Error::AlreadyExists { path, source } => {
            Error::AlreadyExists { path, source: told(source) }
        }
        Error::Precondition { path, source } => Error::Precondition { path, source: told(source) },
        Error::PermissionDenied { path, source } => {
            Error::PermissionDenied { path, source: told(source) }
        }
        Error::Unauthenticated { path, source } => {
            Error::Unauthenticated { path, source: told(source) }
        }
        other => Error::Generic { store: STORE, source: told(other.into()) },
    }
}

/// What stops a read.
#[derive(Debug)]
pub(super) enum Stop {
    /// It ends with this error.
    Error(Error),
    /// What was known of the object no longer holds, or never did: it is opened anew.
    Stale(ObjectError),
    /// The object begins and ends as no stream does.
    Foreign(ObjectError),
}

impl Stop {
    /// Another object is there now.
    pub(super) fn replaced(path: impl Into<String>) -> Self {
        Self::Stale(ObjectError::new(path, ObjectFault::Replaced))
    }

    pub(super) fn stream(path: impl Into<String>, error: FormatError) -> Self {
        let is_foreign = matches!(error, FormatError::NotAStream);
        let error = ObjectError::stream(path, error);
        if is_foreign { Self::Foreign(error) } else { error.into() }
    }

    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Stale(_))
    }

    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<ObjectError> for Stop {
    fn from(error: ObjectError) -> Self {
        Self::Error(of_object(error))
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Error(error) => error,
            Stop::Stale(error) | Stop::Foreign(error) => of_object(error),
        }
    }
}

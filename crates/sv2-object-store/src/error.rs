//! What is wrong with an object, with its place (format.md section 9).

use std::error::Error;

use sv2_stream::{FormatError, Unit};

use crate::KeyError;

/// What is wrong with an object.
///
/// The errors of a store have it as their source; [`ObjectError::in_chain`] finds it there, however
/// deep an engine has wrapped it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {fault}{}", fault.advice())]
#[non_exhaustive]
pub struct ObjectError {
    /// The object's path.
    pub path: String,
    /// What it is.
    pub fault: ObjectFault,
}

/// The kinds of faults.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectFault {
    /// The stream was refused, or bytes of it.
    #[error("{0}")]
    Stream(#[source] FormatError),
    /// The key provider gave no key.
    #[error("{0}")]
    Key(#[source] KeyError),
    /// The object is no stream of this store.
    #[error("the object is not a stream of this store: no stream has its {len} bytes")]
    Foreign {
        /// Bytes of the object.
        len: u64,
    },
    /// The object is a stream, but of another profile, so that lists show another size.
    #[error("the object was written with another profile: {what}")]
    OtherProfile {
        /// Where the profiles part.
        what: &'static str,
    },
    /// Another object took the place of the one that was being read.
    #[error("the object was replaced while it was being read")]
    Replaced,
    /// The range is not one of the plaintext.
    #[error("{0}")]
    Range(#[source] Box<dyn Error + Send + Sync>),
    /// The store's answer is not what was asked for.
    #[error("the store answered with {found} bytes of the object where it was asked for {wanted}")]
    Answer {
        /// The bytes that were asked for.
        wanted: u64,
        /// The bytes that came.
        found: u64,
    },
    /// A part of an upload was not stored; the object is not completed.
    #[error("part {part} of the upload was not stored")]
    Part {
        /// The part as the caller counts, from 1.
        part: usize,
        /// Why, where that is known.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// An upload was used after its end.
    #[error("the upload was completed or aborted before")]
    UploadOver,
}

impl ObjectFault {
    /// The one command that helps, where there is one.
    fn advice(&self) -> &'static str {
        match self {
            Self::Stream(
                FormatError::ChecksumMismatch { .. }
                | FormatError::AuthenticationFailed { .. }
                | FormatError::Malformed { .. }
                | FormatError::DigestMismatch { .. }
                | FormatError::Unsealed { .. },
            ) => "; to see what is damaged, run 'sv2 verify' on a copy of the object",
            Self::Stream(FormatError::NoKeyFits { .. } | FormatError::WrongKeyOrContext) => {
                "; to see who can open it, run 'sv2 inspect' on a copy of the object"
            }
            _ => "",
        }
    }
}

impl ObjectError {
    pub(crate) fn new(path: impl Into<String>, fault: ObjectFault) -> Self {
        Self { path: path.into(), fault }
    }

    pub(crate) fn stream(path: impl Into<String>, error: FormatError) -> Self {
        Self::new(path, ObjectFault::Stream(error))
    }

    /// The fault that an error of a store, or of an engine above it, comes from.
    #[must_use]
    pub fn in_chain<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Why there is no key, where that is the fault: told by the provider, or by whoever was asked
    /// to open the slots.
    #[must_use]
    pub fn key_error(&self) -> Option<&KeyError> {
        let mut next: Option<&(dyn Error + 'static)> = match &self.fault {
            ObjectFault::Key(error) => return Some(error),
            ObjectFault::Stream(error @ FormatError::NoKeyFits { .. }) => error.source(),
            _ => None,
        };
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// The unit of the stream that is at fault, and where it begins, in bytes of the object.
    #[must_use]
    pub fn unit(&self) -> Option<(Unit, u64)> {
        match self.fault {
            ObjectFault::Stream(
                FormatError::Malformed { unit, offset, .. }
                | FormatError::AuthenticationFailed { unit, offset }
                | FormatError::ChecksumMismatch { unit, offset },
            ) => Some((unit, offset)),
            _ => None,
        }
    }

    /// The segment at fault, from 0.
    #[must_use]
    pub fn segment(&self) -> Option<u64> {
        match (self.unit(), &self.fault) {
            (Some((Unit::Frame { segment, .. }, _)), _)
            | (Some((Unit::Segment { segment } | Unit::Footer { segment }, _)), _)
            | (_, &ObjectFault::Stream(FormatError::DigestMismatch { segment })) => Some(segment),
            _ => None,
        }
    }

    /// The frame at fault in its segment, from 0.
    #[must_use]
    pub fn frame(&self) -> Option<u32> {
        match self.unit() {
            Some((Unit::Frame { frame, .. }, _)) => Some(frame),
            _ => None,
        }
    }
}

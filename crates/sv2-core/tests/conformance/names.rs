//! The engine's errors in the words of the line protocol of `docs/conformance/README.md`.

use sv2_core::{StreamError, Unit};

/// An error as section 9.1 names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorName {
    /// The name of the error, or `BadRequest` for what is not of the format.
    pub(crate) error: &'static str,
    /// The unit, where the error names one.
    pub(crate) unit: Option<&'static str>,
    /// The segment.
    pub(crate) segment: Option<u64>,
    /// The frame.
    pub(crate) frame: Option<u32>,
    /// Where the unit begins.
    pub(crate) offset: Option<u64>,
}

/// The name of a unit, and its indices.
pub(crate) fn unit_name(unit: &Unit) -> (&'static str, Option<u64>, Option<u32>) {
    match unit {
        Unit::Header => ("header", None, None),
        Unit::HeaderCopy => ("header copy", None, None),
        Unit::Segment { segment } => ("segment", Some(*segment), None),
        Unit::Footer { segment } => ("footer", Some(*segment), None),
        Unit::Frame { segment, frame } => ("frame", Some(*segment), Some(*frame)),
        Unit::Index => ("index", None, None),
        Unit::Trailer => ("trailer", None, None),
        Unit::Seal => ("seal", None, None),
        Unit::Metadata => ("metadata", None, None),
        _ => ("unknown", None, None),
    }
}

/// The name of an error with its place.
pub(crate) fn error_name(error: &StreamError) -> ErrorName {
    let bare = |error| ErrorName { error, unit: None, segment: None, frame: None, offset: None };
    let placed = |error, unit: &Unit, offset| {
        let (unit, segment, frame) = unit_name(unit);
        ErrorName { error, unit: Some(unit), segment, frame, offset }
    };
    match error {
        StreamError::NotAStream => bare("NotAStream"),
        StreamError::Unsupported { unit, .. } => placed("Unsupported", unit, None),
        StreamError::Malformed { unit, offset, .. } => placed("Malformed", unit, Some(*offset)),
        // F-1108
        StreamError::Limit { .. } | StreamError::HeaderFull { .. } => bare("Limit"),
        StreamError::NoKeyFits { .. } => bare("NoKeyFits"),
        StreamError::WrongKeyOrContext => bare("WrongKeyOrContext"),
        StreamError::AuthenticationFailed { unit, offset } => {
            placed("AuthenticationFailed", unit, Some(*offset))
        }
        StreamError::StaleHeader { .. } => bare("StaleHeader"),
        StreamError::ChecksumMismatch { unit, offset } => {
            placed("ChecksumMismatch", unit, Some(*offset))
        }
        StreamError::DigestMismatch { segment } => {
            ErrorName { segment: Some(*segment), ..bare("DigestMismatch") }
        }
        StreamError::Unsealed { .. } => bare("Unsealed"),
        StreamError::TrailingData { .. } => bare("TrailingData"),
        StreamError::StaleIndex => bare("StaleIndex"),
        _ => bare("BadRequest"),
    }
}

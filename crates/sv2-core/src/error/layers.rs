//! Errors of the layers below in the words of a stream, and those of a stream as `Read` and `Write`
//! have them.

use std::io;

use sv2_pipeline::PipelineError;
use sv2_stream::FormatError;

use crate::{ErrorKind, StreamError};

/// The kind is that of a failed read or write, `UnexpectedEof` for a stream whose end is missing,
/// and `InvalidData` for one that is not what a writer wrote; the error itself is inside.
impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        let kind = match (&error, error.kind()) {
            // Whoever loops over `Read` or `Write` would try this one again for ever.
            (StreamError::Read { source, .. } | StreamError::Write { source, .. }, _)
                if source.kind() != io::ErrorKind::Interrupted =>
            {
                source.kind()
            }
            (_, ErrorKind::Unsealed) => io::ErrorKind::UnexpectedEof,
            (_, ErrorKind::NotAStream | ErrorKind::Malformed) => io::ErrorKind::InvalidData,
            (_, ErrorKind::Unauthentic | ErrorKind::Damaged) => io::ErrorKind::InvalidData,
            (_, ErrorKind::Usage) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl From<FormatError> for StreamError {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::NotAStream => Self::NotAStream,
            FormatError::Unsupported { unit, what, value } => {
                Self::Unsupported { unit, what, value }
            }
            FormatError::Malformed { unit, what, offset } => Self::Malformed { unit, what, offset },
            FormatError::Limit { what, value, max } => Self::Limit { what, value, max },
            FormatError::NoKeyFits { source } => Self::NoKeyFits { source },
            FormatError::WrongKeyOrContext => Self::WrongKeyOrContext,
            FormatError::AuthenticationFailed { unit, offset } => {
                Self::AuthenticationFailed { unit, offset }
            }
            FormatError::StaleHeader { found, sealed } => Self::StaleHeader { found, sealed },
            FormatError::ChecksumMismatch { unit, offset } => {
                Self::ChecksumMismatch { unit, offset }
            }
            FormatError::DigestMismatch { segment } => Self::DigestMismatch { segment },
            FormatError::Unsealed { segments } => Self::Unsealed { segments },
            FormatError::TrailingData { offset } => Self::TrailingData { offset },
            FormatError::WrongFingerprint => Self::WrongFingerprint,
            FormatError::StaleIndex => Self::StaleIndex,
            FormatError::HeaderFull { needed, available } => Self::HeaderFull { needed, available },
            FormatError::Crypto(error) => Self::Crypto(error),
            FormatError::Misuse(what) | FormatError::Receipt { what, .. } => Self::Usage(what),
            // Every variant is named above; the enum may grow only together with this one.
            _ => Self::Defect { segment: 0 },
        }
    }
}

/// The error that decided a run, in the words of a stream.
pub(crate) fn pipeline_error(error: PipelineError<StreamError>) -> StreamError {
    match error {
        PipelineError::Failed(error) => error,
        PipelineError::WorkerLost { segment } => StreamError::Defect { segment },
        PipelineError::Cancelled { segment } => StreamError::Cancelled { segment },
        PipelineError::Spawn(source) => StreamError::Spawn(source),
        _ => StreamError::Defect { segment: 0 },
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;
    use crate::Unit;

    #[test]
    fn an_error_of_the_layer_below_keeps_its_text_and_its_cause() {
        let unit = Unit::Frame { segment: 3, frame: 7 };
        let errors = || {
            [
                FormatError::NotAStream,
                FormatError::Unsupported { unit: Unit::Header, what: "suite", value: 9 },
                FormatError::Malformed { unit, what: "frame header", offset: 5 },
                FormatError::Limit { what: "segment size", value: 2, max: 1 },
                FormatError::NoKeyFits { source: Some("a token is missing".into()) },
                FormatError::WrongKeyOrContext,
                FormatError::AuthenticationFailed { unit: Unit::Seal, offset: 5 },
                FormatError::StaleHeader { found: 1, sealed: 2 },
                FormatError::ChecksumMismatch { unit, offset: 5 },
                FormatError::DigestMismatch { segment: 3 },
                FormatError::Unsealed { segments: 0 },
                FormatError::Unsealed { segments: 1 },
                FormatError::Unsealed { segments: 2 },
                FormatError::TrailingData { offset: 5 },
                FormatError::WrongFingerprint,
                FormatError::StaleIndex,
                FormatError::HeaderFull { needed: 2, available: 1 },
                FormatError::Crypto(sv2_crypto::CryptoError::RandomSource),
                FormatError::Misuse("these bytes were not asked for"),
            ]
        };
        let cause = |error: &dyn Error| error.source().map(ToString::to_string);
        for (below, above) in errors().into_iter().zip(errors().map(StreamError::from)) {
            assert_eq!(below.to_string(), above.to_string());
            assert_eq!(cause(&below), cause(&above), "{above}");
        }
    }
}

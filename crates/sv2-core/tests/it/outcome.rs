//! The engine's outcomes in the words of the reference, in one place.

use std::fs::File;

use sv2_core::{
    DecryptOptions, InputSource, OutputSink, StreamError, StreamReport, Unit, decrypt_stream_v2,
};
use sv2_testkit::faulty::{Faulty, SharedSink};
use sv2_testkit::reference::{Failure, FailureKind, Outcome, Unit as Part};

use crate::harness::key;

/// What a reader of the engine released, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) released: Vec<u8>,
    pub(crate) result: Result<StreamReport, StreamError>,
}

/// Decrypts from a pipe that yields pieces of these sizes in turn.
pub(crate) fn pipe_in_pieces(wire: &[u8], pieces: &[usize], options: &DecryptOptions) -> Ended {
    let sink = SharedSink::default();
    let reader = Faulty::new(wire).in_pieces(pieces);
    let output = OutputSink::Writer(Box::new(sink.clone()));
    let input = InputSource::Reader(Box::new(reader));
    let result = decrypt_stream_v2(input, output, &key(), options);
    Ended { released: sink.contents(), result }
}

/// Decrypts from a pipe.
pub(crate) fn pipe(wire: &[u8], options: &DecryptOptions) -> Ended {
    pipe_in_pieces(wire, &[], options)
}

/// Decrypts from memory to a writer.
pub(crate) fn memory(wire: &[u8], options: &DecryptOptions) -> Ended {
    let sink = SharedSink::default();
    let output = OutputSink::Writer(Box::new(sink.clone()));
    let result = decrypt_stream_v2(InputSource::Memory(wire), output, &key(), options);
    Ended { released: sink.contents(), result }
}

/// Decrypts from a file, which need not hold the stream from its start, to another file.
pub(crate) fn file(input: File, options: &DecryptOptions) -> Ended {
    let output = tempfile::NamedTempFile::new().expect("a temporary file");
    let handle = output.reopen().expect("a second handle");
    let (input, sink) = (InputSource::File(input), OutputSink::File(handle));
    let result = decrypt_stream_v2(input, sink, &key(), options);
    Ended { released: std::fs::read(output.path()).expect("a readable file"), result }
}

/// An open temporary file with these bytes, standing at its start.
pub(crate) fn temporary(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    std::io::Write::write_all(&mut file, bytes).expect("a small file");
    std::io::Seek::rewind(&mut file).expect("a file that seeks");
    file
}

/// Which error of section 9 this is.
fn kind_of(error: &StreamError) -> Option<FailureKind> {
    use FailureKind as Kind;
    Some(match error {
        StreamError::NotAStream => Kind::NotAStream,
        StreamError::Unsupported { .. } => Kind::Unsupported,
        StreamError::Malformed { .. } => Kind::Malformed,
        StreamError::Limit { .. } => Kind::Limit,
        StreamError::NoKeyFits { .. } => Kind::NoKeyFits,
        StreamError::WrongKeyOrContext => Kind::WrongKeyOrContext,
        StreamError::AuthenticationFailed { .. } => Kind::AuthenticationFailed,
        StreamError::StaleHeader { .. } => Kind::StaleHeader,
        StreamError::ChecksumMismatch { .. } => Kind::ChecksumMismatch,
        StreamError::DigestMismatch { .. } => Kind::DigestMismatch,
        StreamError::Unsealed { .. } => Kind::Unsealed,
        StreamError::TrailingData { .. } => Kind::TrailingData,
        StreamError::StaleIndex => Kind::StaleIndex,
        _ => return None,
    })
}

/// The engine's error as a failure of the reference. What the error does not name (F-901 gives
/// each its fields) is taken from `expected`; an offset of a field is the offset of its unit.
pub(crate) fn failure_of(error: &StreamError, expected: &Failure) -> Option<Failure> {
    let kind = kind_of(error)?;
    let mut failure = Failure { kind, ..*expected };
    let (unit, offset) = match *error {
        StreamError::Unsupported { unit, .. } => (unit, None),
        StreamError::Malformed { unit, offset, .. }
        | StreamError::AuthenticationFailed { unit, offset }
        | StreamError::ChecksumMismatch { unit, offset } => (unit, Some(offset)),
        StreamError::DigestMismatch { segment } => {
            failure.segment = Some(segment);
            return Some(failure);
        }
        StreamError::TrailingData { offset } => {
            failure.offset = Some(offset);
            return Some(failure);
        }
        _ => return Some(failure),
    };
    (failure.unit, failure.segment, failure.frame) = match unit {
        Unit::Header => (Part::Header, None, None),
        Unit::HeaderCopy => (Part::HeaderCopy, None, None),
        Unit::Segment { segment } => (Part::SegmentHeader, Some(segment), None),
        Unit::Frame { segment, frame } => (Part::Frame, Some(segment), Some(frame)),
        Unit::Index => (Part::Index, None, None),
        Unit::Seal => (Part::Seal, None, None),
        Unit::Trailer => (Part::Trailer, None, None),
        other => panic!("the reference has no unit {other}"),
    };
    if let Some(offset) = offset {
        let start = expected.offset.unwrap_or(0);
        let field = matches!(error, StreamError::Malformed { .. })
            && (start..start + unit_len(failure.unit)).contains(&offset);
        failure.offset = Some(if field { start } else { offset });
    }
    Some(failure)
}

/// The most bytes in which a field of a unit can lie.
fn unit_len(unit: Part) -> u64 {
    match unit {
        Part::Header | Part::HeaderCopy => 65_536,
        Part::Trailer => 128,
        _ => 1,
    }
}

/// Fails unless both ended alike: success with the same numbers, or the same error in the same
/// place, and the same bytes released.
pub(crate) fn assert_same(ended: &Ended, outcome: &Outcome, case: &str) {
    assert_same_end(ended, outcome, case);
    assert!(
        ended.released == outcome.released,
        "{case}: the engine released {} bytes, the reference {}",
        ended.released.len(),
        outcome.released.len()
    );
}

/// As [`assert_same`], where the order of release is not that of the stream.
pub(crate) fn assert_same_end(ended: &Ended, outcome: &Outcome, case: &str) {
    match (&ended.result, &outcome.result) {
        (Ok(report), Ok(summary)) => {
            assert_eq!(report.bytes_out, summary.plaintext_len, "{case}");
            assert_eq!(report.segments, summary.segments, "{case}");
            assert_eq!(report.revision, summary.revision, "{case}");
            assert_eq!(report.generation, summary.generation, "{case}");
            assert_eq!(report.fingerprint, summary.fingerprint, "{case}");
            assert_eq!(report.sealed, summary.fingerprint.is_some(), "{case}");
        }
        (Err(error), Err(expected)) => {
            assert_eq!(failure_of(error, expected), Some(*expected), "{case}: {error:?}");
        }
        (result, expected) => panic!("{case}: engine {result:?}, reference {expected:?}"),
    }
}

//! The engine's readers against those of the reference: the same end, and the same plaintext.

use crate::{Verdict, script};
use std::num::NonZeroUsize;
use sv2_core::{
    DecryptOptions, Driver, InputSource, KeySource, OutputSink, StreamError, StreamKey,
    StreamReader, StreamReport, Tail, Unit, decrypt_stream_v2,
};
use sv2_testkit::faulty::{Faulty, SharedSink};
use sv2_testkit::reference::{
    Failure, FailureKind, Outcome, Unit as Part, decrypt_pipe, decrypt_seekable,
    decrypt_unsealed_pipe, read_range,
};

/// Reads the stream of a script as from a pipe, from memory, unsealed, and a range of it.
///
/// The verdict is that of the seekable reader.
///
/// # Panics
///
/// Where engine and reference disagree on success, error, place of the error, or on what was
/// released.
pub fn differential(data: &[u8]) -> Verdict {
    let Some(case) = script::case(data) else { return Verdict::Refused };
    let script::Call { key, context, limits, pieces, range } = &case.call;
    let stream = &case.stream;
    let reader = Reader {
        stream,
        key: StreamKey::from_bytes(*key),
        options: options(context, limits.max_segment_size),
        pieces,
    };

    let expected = decrypt_seekable(key, context, stream, limits);
    assert_same(&reader.memory(), &expected, "memory");
    assert_same(&reader.pipe(Tail::Required), &decrypt_pipe(key, context, stream, limits), "pipe");
    let unsealed = decrypt_unsealed_pipe(key, context, stream, limits);
    assert_same(&reader.pipe(Tail::MayBeMissing), &unsealed, "unsealed pipe");
    if limits.max_segment_size == 1 << 30 {
        let (start, len) = *range;
        let expected = read_range(key, context, stream, start, len);
        match (reader.range(start, len), &expected.result) {
            (Ok(read), Ok(_)) => assert_eq!(read, expected.released, "range"),
            (Err(error), Err(failure)) => assert_failure(&error, failure, "range"),
            (read, _) => panic!("range: engine {read:?}, reference {:?}", expected.result),
        }
    }
    if expected.result.is_ok() { Verdict::Accepted } else { Verdict::Refused }
}

/// The options of a reader on this thread.
pub(crate) fn options(context: &[u8], max_segment_size: u64) -> DecryptOptions {
    let mut options = DecryptOptions::standard();
    options.context = context.to_vec();
    options.max_segment_size = max_segment_size;
    options.run.threads = Some(NonZeroUsize::MIN);
    options.run.driver = Some(Driver::Inline);
    options
}

struct Reader<'s> {
    stream: &'s [u8],
    key: StreamKey,
    options: DecryptOptions,
    pieces: &'s [usize],
}

/// What the engine released, and how it ended.
struct Ended {
    released: Vec<u8>,
    result: Result<StreamReport, StreamError>,
}

impl Reader<'_> {
    fn memory(&self) -> Ended {
        self.decrypt(InputSource::Memory(self.stream), &self.options)
    }

    fn pipe(&self, tail: Tail) -> Ended {
        let options = self.options.clone().tail(tail);
        let reader = Faulty::new(self.stream).in_pieces(self.pieces);
        self.decrypt(InputSource::Reader(Box::new(reader)), &options)
    }

    fn decrypt(&self, input: InputSource<'_>, options: &DecryptOptions) -> Ended {
        let sink = SharedSink::default();
        let output = OutputSink::Writer(Box::new(sink.clone()));
        let result = decrypt_stream_v2(input, output, &self.key, options);
        Ended { released: sink.contents(), result }
    }

    fn range(&self, start: u64, len: u64) -> Result<Vec<u8>, StreamError> {
        let keys = KeySource::Key(&self.key);
        let reader = StreamReader::open(InputSource::Memory(self.stream), &keys, &self.options)?;
        let mut out = vec![0; len as usize];
        let read = reader.read_at(&mut out, start)?;
        out.truncate(read);
        Ok(out)
    }
}

fn assert_same(ended: &Ended, outcome: &Outcome, way: &str) {
    match (&ended.result, &outcome.result) {
        (Ok(report), Ok(summary)) => {
            assert_eq!(report.bytes_out, summary.plaintext_len, "{way}");
            assert_eq!(report.segments, summary.segments, "{way}");
            assert_eq!(report.revision, summary.revision, "{way}");
            assert_eq!(report.generation, summary.generation, "{way}");
            assert_eq!(report.fingerprint, summary.fingerprint, "{way}");
            assert_eq!(report.sealed, summary.fingerprint.is_some(), "{way}");
        }
        (Err(error), Err(failure)) => assert_failure(error, failure, way),
        (result, expected) => panic!("{way}: engine {result:?}, reference {expected:?}"),
    }
    assert!(
        ended.released == outcome.released,
        "{way}: the engine released {} bytes, the reference {}",
        ended.released.len(),
        outcome.released.len()
    );
}

/// Fails unless the error has the name, and as far as it names a place, the place (F-901).
fn assert_failure(error: &StreamError, failure: &Failure, way: &str) {
    let (kind, unit, offset) = match *error {
        StreamError::NotAStream => (FailureKind::NotAStream, None, None),
        StreamError::Unsupported { unit, .. } => (FailureKind::Unsupported, Some(unit), None),
        StreamError::Malformed { unit, .. } => (FailureKind::Malformed, Some(unit), None),
        StreamError::Limit { .. } => (FailureKind::Limit, None, None),
        StreamError::NoKeyFits { .. } => (FailureKind::NoKeyFits, None, None),
        StreamError::WrongKeyOrContext => (FailureKind::WrongKeyOrContext, None, None),
        StreamError::AuthenticationFailed { unit, offset } => {
            (FailureKind::AuthenticationFailed, Some(unit), Some(offset))
        }
        StreamError::StaleHeader { .. } => (FailureKind::StaleHeader, None, None),
        StreamError::ChecksumMismatch { unit, offset } => {
            (FailureKind::ChecksumMismatch, Some(unit), Some(offset))
        }
        StreamError::DigestMismatch { segment } => {
            assert_eq!(failure.segment, Some(segment), "{way}: {error:?}, {failure:?}");
            (FailureKind::DigestMismatch, None, None)
        }
        StreamError::Unsealed { .. } => (FailureKind::Unsealed, None, None),
        StreamError::TrailingData { offset } => (FailureKind::TrailingData, None, Some(offset)),
        _ => panic!("{way}: the engine ends with {error:?}, the reference with {failure:?}"),
    };
    assert_eq!(kind, failure.kind, "{way}: {error:?}, {failure:?}");
    if let Some(unit) = unit {
        let place = (failure.unit, failure.segment, failure.frame);
        assert_eq!(part(unit), Some(place), "{way}: {error:?}");
    }
    if let Some(offset) = offset {
        assert_eq!(Some(offset), failure.offset, "{way}: {error:?}, {failure:?}");
    }
}

/// A unit in the words of the reference, which has none for metadata.
fn part(unit: Unit) -> Option<(Part, Option<u64>, Option<u32>)> {
    Some(match unit {
        Unit::Header => (Part::Header, None, None),
        Unit::HeaderCopy => (Part::HeaderCopy, None, None),
        Unit::Segment { segment } => (Part::SegmentHeader, Some(segment), None),
        Unit::Footer { segment } => (Part::Footer, Some(segment), None),
        Unit::Frame { segment, frame } => (Part::Frame, Some(segment), Some(frame)),
        Unit::Index => (Part::Index, None, None),
        Unit::Trailer => (Part::Trailer, None, None),
        Unit::Seal => (Part::Seal, None, None),
        _ => return None,
    })
}

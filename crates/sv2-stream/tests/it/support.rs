//! A driver that answers whatever is asked for, in every order and cut, and the words of the
//! reference for how that ends.

use std::ops::Range;

use sv2_crypto::{Backend, StreamKey};
use sv2_stream::{
    FetchPolicy, FormatError, OpenedStream, Opening, OpeningOptions, PageState, Plaintext, Step,
    Unit,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Failure, FailureKind, Outcome, Params, Unit as Part, encrypt};

pub(crate) const KEY: [u8; 32] = [9; 32];

pub(crate) fn key() -> StreamKey {
    StreamKey::from_bytes(KEY)
}

/// The reference's stream of painted plaintext.
pub(crate) fn stream(params: &Params, len: usize) -> Vec<u8> {
    let mut salt = |segment: u64| {
        let mut salt = [0xA5; 24];
        salt[..8].copy_from_slice(&segment.to_be_bytes());
        salt
    };
    encrypt(&KEY, params, &mut salt, &paint(len))
}

/// In which order and cut bytes are handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feed {
    /// Range by range, as they were asked for.
    Whole,
    /// The last range first.
    Backwards,
    /// One byte after the other, in this order or from the end.
    Bytes { reversed: bool },
    /// Pieces of so many bytes, every other one first.
    Pieces(usize),
    /// Each range with so many bytes around it that were not asked for.
    Around(u64),
    /// Each range by itself, with a step before the next.
    OneByOne,
}

pub(crate) const FEEDS: [Feed; 9] = [
    Feed::Whole,
    Feed::Backwards,
    Feed::Bytes { reversed: false },
    Feed::Bytes { reversed: true },
    Feed::Pieces(7),
    Feed::Pieces(1000),
    Feed::Around(1),
    Feed::Around(10_000),
    Feed::OneByOne,
];

impl Feed {
    /// The pieces in which the bytes of these ranges come.
    fn pieces(self, object_len: u64, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        let cut = |len: u64| {
            ranges.iter().flat_map(move |range| {
                let end = range.end;
                range.clone().step_by(len as usize).map(move |at| at..end.min(at + len))
            })
        };
        match self {
            Self::Whole => ranges.to_vec(),
            Self::Backwards => ranges.iter().rev().cloned().collect(),
            Self::OneByOne => ranges.iter().take(1).cloned().collect(),
            Self::Bytes { reversed: false } => cut(1).collect(),
            Self::Bytes { reversed: true } => {
                cut(1).collect::<Vec<_>>().into_iter().rev().collect()
            }
            Self::Pieces(len) => {
                let all: Vec<_> = cut(len as u64).collect();
                let odd = all.iter().skip(1).step_by(2);
                odd.chain(all.iter().step_by(2)).cloned().collect()
            }
            Self::Around(more) => ranges
                .iter()
                .map(|range| range.start.saturating_sub(more)..object_len.min(range.end + more))
                .collect(),
        }
    }
}

fn bytes(object: &[u8], range: &Range<u64>) -> Vec<u8> {
    object[range.start as usize..range.end as usize].to_vec()
}

/// Opens an object, and says which bytes were asked for in each round trip.
pub(crate) fn open_counted(
    object: &[u8],
    key: &[u8; 32],
    context: &[u8],
    options: OpeningOptions,
    feed: Feed,
) -> (Result<OpenedStream, FormatError>, Vec<Vec<Range<u64>>>) {
    let len = object.len() as u64;
    let mut opening = Opening::new(len, options);
    let mut asked = Vec::new();
    let opened = loop {
        match opening.step() {
            Ok(Step::Bytes(ranges)) => {
                for piece in feed.pieces(len, &ranges) {
                    opening.supply(piece.start, &bytes(object, &piece));
                }
                asked.push(ranges);
            }
            Ok(Step::Key(_)) => {
                opening
                    .supply_key(&StreamKey::from_bytes(*key), context)
                    .expect("it was asked for");
            }
            Ok(_) => break opening.finish(),
            Err(error) => break Err(error),
        }
    };
    (opened, asked)
}

pub(crate) fn open(object: &[u8]) -> Result<OpenedStream, FormatError> {
    open_counted(object, &KEY, b"", OpeningOptions::standard(), Feed::Whole).0
}

/// Reads ranges of plaintext; a frame that fails is looked at once more.
pub(crate) fn read(
    stream: &OpenedStream,
    object: &[u8],
    ranges: &[Range<u64>],
    policy: &FetchPolicy,
    feed: Feed,
) -> Result<Plaintext, FormatError> {
    let mut plan = stream.plan(ranges, policy, |_| PageState::Missing);
    loop {
        let missing = plan.missing();
        if missing.is_empty() {
            break;
        }
        for piece in feed.pieces(object.len() as u64, &missing) {
            plan.supply(piece.start, bytes(object, &piece));
        }
    }
    plan.open(stream, &stream.worker(Backend::Ring)).map_err(|error| {
        match stream.doubtful_frame(&error) {
            Some(record) => stream.explain(error, &bytes(object, &record)),
            None => error,
        }
    })
}

/// `len` bytes of plaintext from `offset` on, as a reader that opens the object and reads once.
pub(crate) fn read_range(
    object: &[u8],
    key: &[u8; 32],
    context: &[u8],
    options: OpeningOptions,
    (offset, len): (u64, u64),
) -> Result<(OpenedStream, Vec<u8>), FormatError> {
    let stream = open_counted(object, key, context, options, Feed::Whole).0?;
    let range = offset..offset.saturating_add(len);
    let plaintext = read(&stream, object, &[range], &FetchPolicy::standard(), Feed::Whole)?;
    let mut out = vec![0; len.min(stream.len().saturating_sub(offset)) as usize];
    assert_eq!(plaintext.copy_to(offset, &mut out), out.len(), "all that was planned");
    Ok((stream, out))
}

/// Which error of section 9 this is, with its unit, segment and frame, and the offset where it
/// binds.
type Named = (FailureKind, Option<Part>, Option<u64>, Option<u32>, Option<u64>);

pub(crate) fn named(error: &FormatError) -> Named {
    use FailureKind as Kind;
    let placed = |kind, unit: Unit, offset| {
        let (part, segment, frame) = match unit {
            Unit::Header => (Part::Header, None, None),
            Unit::HeaderCopy => (Part::HeaderCopy, None, None),
            Unit::Segment { segment } => (Part::SegmentHeader, Some(segment), None),
            Unit::Frame { segment, frame } => (Part::Frame, Some(segment), Some(frame)),
            Unit::Index => (Part::Index, None, None),
            Unit::Seal => (Part::Seal, None, None),
            Unit::Trailer => (Part::Trailer, None, None),
            Unit::Metadata => (Part::Metadata, None, None),
            other => panic!("the reference has no unit {other}"),
        };
        (kind, Some(part), segment, frame, offset)
    };
    let bare = |kind| (kind, None, None, None, None);
    match *error {
        FormatError::NotAStream => bare(Kind::NotAStream),
        FormatError::Unsupported { unit, .. } => placed(Kind::Unsupported, unit, None),
        FormatError::Malformed { unit, .. } => placed(Kind::Malformed, unit, None),
        FormatError::Limit { .. } => bare(Kind::Limit),
        FormatError::NoKeyFits { .. } => bare(Kind::NoKeyFits),
        FormatError::WrongKeyOrContext => bare(Kind::WrongKeyOrContext),
        FormatError::AuthenticationFailed { unit, offset } => {
            placed(Kind::AuthenticationFailed, unit, Some(offset))
        }
        FormatError::StaleHeader { .. } => bare(Kind::StaleHeader),
        FormatError::ChecksumMismatch { unit, offset } => {
            placed(Kind::ChecksumMismatch, unit, Some(offset))
        }
        FormatError::Unsealed { .. } => bare(Kind::Unsealed),
        ref other => panic!("no opening and no range ends in {other}"),
    }
}

/// What of a failure of the reference is compared (F-901 gives each error its fields).
fn compared(failure: &Failure) -> Named {
    use FailureKind as Kind;
    let Failure { kind, unit, segment, frame, offset } = *failure;
    match kind {
        Kind::Unsupported | Kind::Malformed => (kind, Some(unit), segment, frame, None),
        Kind::AuthenticationFailed | Kind::ChecksumMismatch => {
            (kind, Some(unit), segment, frame, offset)
        }
        _ => (kind, None, None, None, None),
    }
}

/// Fails unless a read of a range ended as the reference's did.
pub(crate) fn assert_same(
    read: &Result<(OpenedStream, Vec<u8>), FormatError>,
    outcome: &Outcome,
    case: &str,
) {
    match (read, &outcome.result) {
        (Ok((stream, plaintext)), Ok(summary)) => {
            assert_eq!(stream.len(), summary.plaintext_len, "{case}");
            assert_eq!(stream.header().revision, summary.revision, "{case}");
            assert_eq!(stream.trailer.generation, summary.generation, "{case}");
            assert_eq!(Some(stream.fingerprint()), summary.fingerprint, "{case}");
            assert!(*plaintext == outcome.released, "{case}: other plaintext");
        }
        (Err(error), Err(failure)) => {
            assert_eq!(named(error), compared(failure), "{case}: {error}");
        }
        (read, expected) => panic!("{case}: {read:?} and not {expected:?}"),
    }
}

//! What a reader ends with: the names of section 8, and where in the stream they apply.

/// The errors of section 8 of the format; names and meaning are exactly those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum FailureKind {
    NotAStream,
    Unsupported,
    Malformed,
    Limit,
    NoKeyFits,
    WrongKeyOrContext,
    AuthenticationFailed,
    StaleHeader,
    ChecksumMismatch,
    DigestMismatch,
    Unsealed,
    TrailingData,
    StaleIndex,
}

impl FailureKind {
    /// The error with this name.
    pub fn named(name: &str) -> Option<FailureKind> {
        use FailureKind::*;
        [
            NotAStream,
            Unsupported,
            Malformed,
            Limit,
            NoKeyFits,
            WrongKeyOrContext,
            AuthenticationFailed,
            StaleHeader,
            ChecksumMismatch,
            DigestMismatch,
            Unsealed,
            TrailingData,
            StaleIndex,
        ]
        .into_iter()
        .find(|kind| format!("{kind:?}") == name)
    }

    /// With a key CRCs only explain: a failure in a unit whose CRC is wrong too is damage.
    pub fn judged(self, crc_holds: bool) -> FailureKind {
        use FailureKind::*;
        match self {
            NotAStream | Unsealed | TrailingData | DigestMismatch | StaleIndex => self,
            _ if crc_holds => self,
            _ => ChecksumMismatch,
        }
    }
}

/// The part of a stream that a failure or damage lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// No part of its own: what is there is no stream, has no end, or goes on after its end.
    Stream,
    /// The header at the front.
    Header,
    /// The copy of the header in the tail.
    HeaderCopy,
    /// The header of a segment.
    SegmentHeader,
    /// A frame.
    Frame,
    /// A whole segment: its digest.
    Segment,
    /// The footer of a segment; only a scrub names it.
    Footer,
    /// A page of the index, or the page table: the offset tells which.
    Index,
    /// The MAC over the trailer.
    Seal,
    /// The trailer in every other respect.
    Trailer,
    /// The sealed metadata in the header.
    Metadata,
}

/// Why a call failed and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which error of section 8.
    pub kind: FailureKind,
    /// The unit at fault.
    pub unit: Unit,
    /// The segment that the unit belongs to.
    pub segment: Option<u64>,
    /// The frame within the segment.
    pub frame: Option<u32>,
    /// Where the unit at fault begins in the stream; for `Unsealed` where the input ended.
    pub offset: Option<u64>,
}

impl Failure {
    /// A failure of a unit outside of the segments.
    pub fn new(kind: FailureKind, unit: Unit, offset: u64) -> Failure {
        Failure { kind, unit, segment: None, frame: None, offset: Some(offset) }
    }

    /// A failure within segment `segment`.
    pub fn in_segment(kind: FailureKind, unit: Unit, segment: u64, offset: u64) -> Failure {
        Failure { segment: Some(segment), ..Failure::new(kind, unit, offset) }
    }
}

/// What was read from a stream whose reading succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// P; of an unsealed stream the bytes of its whole segments.
    pub plaintext_len: u64,
    /// n; of an unsealed stream its whole segments.
    pub segments: u64,
    /// Revision of the header that was used.
    pub revision: u64,
    /// Generation of the trailer, and 0 without one.
    pub generation: u64,
    /// The fingerprint, which an unsealed stream does not have.
    pub fingerprint: Option<[u8; 32]>,
    /// Which header was used: `Unit::Header` or `Unit::HeaderCopy`.
    pub header: Unit,
}

/// How reading a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The plaintext that was given out before the end or the failure.
    pub released: Vec<u8>,
    /// Success or failure of the whole.
    pub result: Result<Summary, Failure>,
}

impl Outcome {
    /// The kind of the failure, or `None` after success.
    pub fn kind(&self) -> Option<FailureKind> {
        self.result.as_ref().err().map(|failure| failure.kind)
    }
}

/// The maxima of the caller, on top of those of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest segment size S, in plaintext bytes, that is accepted.
    pub max_segment_size: u64,
}

impl Limits {
    /// Nothing but the maxima of the format.
    pub const FORMAT: Limits = Limits { max_segment_size: 1 << 30 };
}

//! What a vector says: a stream, how to read it, and how each reading must end.

use std::fmt;

use crate::reference::scrub::Damage;
use crate::reference::{Failure, FailureKind, Params, Summary, Trace, Unit};

/// One vector.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Its name, which is also that of its file.
    pub name: String,
    /// The part of the format that must answer, for scores.
    pub layer: &'static str,
    /// What is the matter with the stream, as one sentence.
    pub scenario: String,
    /// The stream, the table of changes, or the lengths.
    pub body: Body,
}

/// The forms of a vector.
#[derive(Clone, Debug)]
pub enum Body {
    /// One stream.
    Stream(Box<StreamCase>),
    /// Many small changes of one stream.
    Table(Box<Table>),
    /// Lengths and offsets without a stream.
    Layout(Vec<LayoutRow>),
    /// A stream that is too long to be made, of which only some bytes are there.
    Sparse(Box<SparseCase>),
    /// Requests that a writer or a reader must refuse.
    Refusals(Vec<RefusalRow>),
    /// Requests with their whole answers.
    Requests(Vec<RequestRow>),
}

/// One stream and all readings of it.
#[derive(Clone, Debug)]
pub struct StreamCase {
    /// The stream key that the reader is given.
    pub key: [u8; 32],
    /// The context that the reader is given.
    pub context: Vec<u8>,
    /// The bytes of the stream.
    pub stream: Vec<u8>,
    /// The plaintext of the sealed version.
    pub plaintext: Vec<u8>,
    /// How a writer makes the stream, where one does.
    pub origin: Option<Origin>,
    /// How the stream came from that of `origin` by moving regions, where it is too long to be
    /// written out: each step exchanges two ranges of bytes.
    pub swaps: Vec<[(u64, u64); 2]>,
    /// The reader's own maximum of S.
    pub max_segment: Option<u64>,
    /// What the reader is given in place of the stream key.
    pub opener: Option<Opener>,
    /// Further facts, such as an identity that opens a slot.
    pub notes: Vec<(&'static str, String)>,
    /// The readings.
    pub readings: Vec<Reading>,
}

/// What a reader opens slots with.
#[derive(Clone, Debug)]
pub struct Opener {
    /// Age identities, as their text.
    pub identities: Vec<&'static str>,
    /// A passphrase.
    pub passphrase: Option<&'static str>,
}

/// What a writer was given, besides key and plaintext, and the values on its way.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The parameters.
    pub params: Params,
    /// The salts of the segments, in order.
    pub salts: Vec<[u8; 24]>,
    /// The intermediate values.
    pub trace: Trace,
}

/// A way to read a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whole decrypt from a pipe.
    Pipe,
    /// Whole decrypt of a seekable source.
    Seekable,
    /// A range of a seekable source; `trailer_now` is what a second look at the trailer finds.
    Range {
        /// The first plaintext byte.
        offset: u64,
        /// The number of bytes asked for.
        len: u64,
        /// The trailer at a second look, where it differs.
        trailer_now: Option<Vec<u8>>,
    },
    /// The metadata of a seekable source.
    Metadata,
    /// A scrub without the key.
    Scrub,
}

impl Mode {
    /// The name of the mode in files and scores.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Pipe => "pipe",
            Mode::Seekable => "seekable",
            Mode::Range { .. } => "range",
            Mode::Metadata => "metadata",
            Mode::Scrub => "scrub",
        }
    }
}

/// One reading and how it ends.
#[derive(Clone, Debug)]
pub struct Reading {
    /// How the stream is read.
    pub mode: Mode,
    /// How it ends.
    pub verdict: Verdict,
    /// All plaintext that can be released before the end, in order.
    pub released: Vec<u8>,
}

/// How a reading ends. `Display` gives the form that is used in files, such as
/// `AuthenticationFailed frame 2 0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A whole decrypt or a range read without a failure.
    Sound(Summary),
    /// The JSON text of the metadata without its padding, or none.
    Metadata(Option<String>),
    /// Units that a scrub has to list among others; none where the stream is sound.
    Damage(Vec<Named>),
    /// A failure, with the offset where its unit begins.
    Failed(FailureKind, Named, Option<u64>),
}

/// A unit and its indices as the line protocol names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// The unit, where the error names one.
    pub unit: Option<&'static str>,
    /// The segment.
    pub segment: Option<u64>,
    /// The frame.
    pub frame: Option<u32>,
}

impl Named {
    /// No unit at all.
    pub const NOTHING: Named = Named { unit: None, segment: None, frame: None };

    /// A unit of a scrub.
    pub fn damaged(damage: &Damage) -> Named {
        let unit = match damage.unit {
            Unit::Footer => "footer",
            unit => reader_name(unit).unwrap_or("header"),
        };
        Named { unit: Some(unit), segment: damage.segment, frame: damage.frame }
    }
}

impl Verdict {
    /// The verdict of a reference reader.
    pub fn of(result: &Result<Summary, Failure>) -> Verdict {
        match result {
            Ok(summary) => Verdict::Sound(*summary),
            Err(failure) => Verdict::failed(failure),
        }
    }

    /// The verdict of the reference on metadata.
    pub fn of_metadata(result: Result<Option<Vec<u8>>, Failure>) -> Verdict {
        let text = |json: Vec<u8>| String::from_utf8_lossy(&json).trim_end_matches(' ').to_owned();
        match result {
            Ok(json) => Verdict::Metadata(json.map(text)),
            Err(failure) => Verdict::failed(&failure),
        }
    }

    /// The verdict of the reference's scrub.
    pub fn of_scrub(result: Result<Vec<Damage>, Failure>) -> Verdict {
        match result {
            Ok(damages) => Verdict::Damage(damages.iter().map(Named::damaged).collect()),
            Err(failure) => Verdict::failed(&failure),
        }
    }

    /// A failure, with the unit where section 9.1 names one for this error.
    pub fn failed(failure: &Failure) -> Verdict {
        use FailureKind::{
            AuthenticationFailed, ChecksumMismatch, DigestMismatch, Malformed, Unsupported,
        };
        let named = match failure.kind {
            Unsupported | Malformed | AuthenticationFailed | ChecksumMismatch => Named {
                unit: reader_name(failure.unit),
                segment: failure.segment,
                frame: failure.frame,
            },
            DigestMismatch => Named { segment: failure.segment, ..Named::NOTHING },
            _ => Named::NOTHING,
        };
        Verdict::Failed(failure.kind, named, failure.offset)
    }

    /// The offset that every implementation must name: where the unit at fault begins, for the
    /// errors and units for which section 9.1 does not call it informative.
    pub fn binding_offset(&self) -> Option<u64> {
        use FailureKind::{AuthenticationFailed, ChecksumMismatch};
        match self {
            Verdict::Failed(AuthenticationFailed | ChecksumMismatch, named, offset)
                if matches!(named.unit, Some("segment" | "frame")) =>
            {
                *offset
            }
            _ => None,
        }
    }

    /// The verdict without an offset that is informative.
    #[must_use]
    pub fn binding(self) -> Verdict {
        let offset = self.binding_offset();
        match self {
            Verdict::Failed(kind, named, _) => Verdict::Failed(kind, named, offset),
            other => other,
        }
    }

    /// As `Display`, with the offset where there is one: `Malformed header at 0`.
    pub fn with_offset(&self) -> String {
        match self {
            Verdict::Failed(_, _, Some(offset)) => format!("{self} at {offset}"),
            _ => self.to_string(),
        }
    }

    /// Whether the reading succeeds.
    pub fn is_sound(&self) -> bool {
        !matches!(self, Verdict::Failed(..))
    }
}

/// The name of a unit in an error.
fn reader_name(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Stream => None,
        Unit::Header => Some("header"),
        Unit::HeaderCopy => Some("header copy"),
        Unit::SegmentHeader | Unit::Segment | Unit::Footer => Some("segment"),
        Unit::Frame => Some("frame"),
        Unit::Index => Some("index"),
        Unit::Seal => Some("seal"),
        Unit::Trailer => Some("trailer"),
        Unit::Metadata => Some("metadata"),
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.unit.map(str::to_owned));
        parts.extend(self.segment.map(|segment| segment.to_string()));
        parts.extend(self.frame.map(|frame| frame.to_string()));
        f.write_str(&parts.join(" "))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Sound(_) | Verdict::Metadata(_) => f.write_str("success"),
            Verdict::Damage(units) if units.is_empty() => f.write_str("success"),
            Verdict::Damage(units) => {
                let units: Vec<String> = units.iter().map(Named::to_string).collect();
                write!(f, "damage in {}", units.join(", "))
            }
            Verdict::Failed(kind, named, _) => {
                let text = format!("{kind:?} {named}");
                f.write_str(text.trim_end())
            }
        }
    }
}

/// One stream and the outcomes of many changed forms of it.
#[derive(Clone, Debug)]
pub struct Table {
    /// The stream that is changed, which is itself sound.
    pub base: StreamCase,
    /// Bytes whose flips have one outcome.
    pub flips: Vec<FlipRow>,
    /// Cuts that have one outcome.
    pub cuts: Vec<CutRow>,
    /// Replaced bytes.
    pub patches: Vec<PatchRow>,
}

/// How both whole decrypts of a changed stream end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    /// From a pipe.
    pub pipe: Verdict,
    /// The plaintext bytes that are released on the pipe, which are the first of the base's.
    pub pipe_released: u64,
    /// Of a seekable source.
    pub seekable: Verdict,
    /// The plaintext bytes of the segments before the first that fails on a seekable source.
    pub seekable_released: u64,
}

/// What happens when the stream is cut to a length of a range.
#[derive(Clone, Debug)]
pub struct CutRow {
    /// The shortest length.
    pub start: u64,
    /// One more than the longest length.
    pub end: u64,
    /// How the readings end.
    pub ends: Ends,
}

/// What happens when a bit of any byte of a range is flipped.
#[derive(Clone, Debug)]
pub struct FlipRow {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// The bits that this holds for, each flipped alone: `ff` for all eight.
    pub bits: u8,
    /// How the readings end.
    pub ends: Ends,
    /// The unit that a scrub lists.
    pub scrub: Named,
}

/// Some bytes replaced by others.
#[derive(Clone, Debug)]
pub struct PatchRow {
    /// What was done, in a few words.
    pub name: String,
    /// Offsets and the bytes that stand there.
    pub patches: Vec<(u64, Vec<u8>)>,
    /// How the readings end.
    pub ends: Ends,
}

/// A stream with holes: what no piece holds is zero.
#[derive(Clone, Debug)]
pub struct SparseCase {
    /// Key, context and readings; stream and plaintext are empty.
    pub case: StreamCase,
    /// The length of the stream.
    pub len: u64,
    /// The length of its painted plaintext.
    pub plaintext_len: u64,
    /// Offsets in ascending order, and the bytes that stand there.
    pub pieces: Vec<(u64, Vec<u8>)>,
}

/// A request that must be refused.
#[derive(Clone, Debug)]
pub struct RefusalRow {
    /// What is the matter with it, in a few words.
    pub name: String,
    /// The members of the request, `op` among them.
    pub request: serde_json::Map<String, serde_json::Value>,
    /// The name of the error.
    pub error: &'static str,
}

/// A request and what its answer must hold.
#[derive(Clone, Debug)]
pub struct RequestRow {
    /// Its name.
    pub name: String,
    /// The mode under which it is scored.
    pub mode: &'static str,
    /// The members of the request, the stream among them.
    pub request: serde_json::Map<String, serde_json::Value>,
    /// Members that the answer must have.
    pub expect: serde_json::Map<String, serde_json::Value>,
}

/// Lengths and places of one geometry.
#[derive(Clone, Debug)]
pub struct LayoutRow {
    /// The members of a layout request, see `docs/conformance/README.md`.
    pub request: Vec<(&'static str, u64)>,
    /// The members of the answer, or the name of the error.
    pub answer: Result<serde_json::Map<String, serde_json::Value>, &'static str>,
}

//! Opening a sealed stream from its end, without reading anything itself (format.md section 8.2).

mod candidates;

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use sv2_crypto::{RootKeys, StreamKey};
use sv2_headers::{
    HEADER_MAGIC, HEADER_PREFIX_LEN, IndexShape, MAX_SEGMENT_SIZE, StreamHeader, TRAILER_LEN,
    TRAILER_MAGIC, Trailer,
};

use crate::opening::candidates::Candidates;
use crate::pieces::{Pieces, joined};
use crate::{FormatError, HeaderStart, KeyRing, OpenedStream, Unit, copy_offset, fitting};

/// Bytes of the front that are asked for at first: the whole header of most streams.
const FRONT_LEN: u64 = 4 << 10;
/// Bytes of the end that are asked for at first, unless a few more bring the whole tail.
const SUFFIX_LEN: u64 = 64 << 10;
/// The most that are worth asking for to have the whole tail at once: that of 8 GiB of plaintext
/// in standard segments with digests, and some.
const MAX_SUFFIX_LEN: u64 = 144 << 10;
/// The longest page table that is asked for before the seal is known to hold.
const UNJUDGED_TABLE_LEN: u64 = 64 << 10;

/// How far a stream is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Depth {
    /// Up to its length: enough for header and metadata (F-339).
    Lengths,
    /// Up to its page table, as reads of ranges and a whole decrypt need it (F-823).
    PageTable,
    /// As `Lengths`, but a stream whose segments went missing or grew is taken: its tail is found
    /// from its end.
    AnyLength,
}

/// How a stream is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpeningOptions {
    /// The largest segment that is accepted, in plaintext bytes; bounds memory.
    pub max_segment_size: u64,
    /// Bytes of the front that are asked for at first, at least 96.
    pub front_len: u64,
    /// Bytes of the end that are asked for at first, at least 128; `None` is 64 KiB, or up to
    /// 144 KiB where the whole tail of a stream of standard geometry then comes with them.
    pub suffix_len: Option<u64>,
    /// How far the stream is opened.
    pub depth: Depth,
}

impl OpeningOptions {
    /// Segments of any legal size; few round trips rather than few bytes.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            max_segment_size: MAX_SEGMENT_SIZE,
            front_len: FRONT_LEN,
            suffix_len: None,
            depth: Depth::PageTable,
        }
    }

    /// Not a byte that is not needed, at the price of more round trips.
    #[must_use]
    pub fn sparing() -> Self {
        let (front_len, suffix_len) = (HEADER_PREFIX_LEN as u64, Some(TRAILER_LEN as u64));
        Self { front_len, suffix_len, ..Self::standard() }
    }

    /// The same, but opened as far as `depth` says.
    #[must_use]
    pub fn depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// The same, but with a maximum for segments, in plaintext bytes.
    #[must_use]
    pub fn max_segment_size(self, max_segment_size: u64) -> Self {
        Self { max_segment_size, ..self }
    }

    fn suffix_len(&self, object_len: u64) -> u64 {
        self.suffix_len.unwrap_or_else(|| {
            let segments = object_len.div_ceil(4 << 20);
            let tail_len = segments * 64 + FRONT_LEN + SUFFIX_LEN / 16;
            if tail_len <= MAX_SUFFIX_LEN { tail_len.max(SUFFIX_LEN) } else { SUFFIX_LEN }
        })
    }
}

/// What an opening waits for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// These bytes of the stream, to be handed in with [`Opening::supply`]; all of them can be
    /// fetched at the same time.
    Bytes(Vec<Range<u64>>),
    /// The key that this header commits to, to be handed in with [`Opening::supply_key`] or
    /// [`Opening::supply_keys`].
    ///
    /// Of the header nothing is authentic yet; its slots may be tried (F-337).
    /// A key that was found for an earlier header of the same opening is tried first (F-328).
    Key(&'a StreamHeader),
    /// Nothing: [`Opening::finish`] gives the stream.
    Opened,
}

/// A sealed stream that is being opened.
///
/// Ask [`Opening::step`] what is needed, hand it in, and ask again.
/// The checks are those of F-804 in their order, whatever order the bytes come in.
#[derive(Debug)]
pub struct Opening {
    object_len: u64,
    options: OpeningOptions,
    pieces: Pieces,
    wanted: Vec<Range<u64>>,
    phase: Phase,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each opening")]
enum Phase {
    /// Before the trailer.
    Trailer,
    /// The trailer is well formed; the headers are on their way.
    Headers {
        trailer: Trailer,
        bytes: [u8; TRAILER_LEN],
        front: Option<Range<u64>>,
        has_magic: bool,
    },
    /// Both headers are there; at most one waits for a key.
    Judging(Candidates),
    /// All but the page table was judged.
    Table(OpenedStream),
    Done(OpenedStream),
    Failed,
}

impl Opening {
    /// An opening of an object of `object_len` bytes.
    ///
    /// Who does not know the length can ask for the object's first bytes and its last in one
    /// round trip, learn the length from the answers, and hand in both before the first step.
    #[must_use]
    pub fn new(object_len: u64, options: OpeningOptions) -> Self {
        let suffix_len = options.suffix_len(object_len).max(TRAILER_LEN as u64);
        let front_len = options.front_len.max(HEADER_PREFIX_LEN as u64);
        let wanted = joined(vec![
            0..front_len.min(object_len),
            object_len.saturating_sub(suffix_len)..object_len,
        ]);
        Self { object_len, options, pieces: Pieces::default(), wanted, phase: Phase::Trailer }
    }

    /// Takes bytes that begin at `offset` in the object; of those that were not asked for, nothing
    /// is kept.
    pub fn supply(&mut self, offset: u64, bytes: &[u8]) {
        self.pieces.insert(&self.wanted, offset, bytes);
    }

    /// Goes as far as it can, and says what it waits for.
    ///
    /// # Errors
    /// Those of header, trailer and page table (format.md section 9), in its order; the opening is
    /// then over.
    pub fn step(&mut self) -> Result<Step<'_>, FormatError> {
        while !matches!(self.phase, Phase::Done(_)) {
            let missing = self.pieces.missing(&self.wanted);
            if !missing.is_empty() {
                return Ok(Step::Bytes(missing));
            }
            match core::mem::replace(&mut self.phase, Phase::Failed) {
                Phase::Trailer => self.phase = self.judge_trailer()?,
                Phase::Headers { trailer, bytes, front, has_magic } => {
                    let offset = self.object_len - TRAILER_LEN as u64;
                    let front = match front {
                        Some(range) => Ok(self.bytes(range)?),
                        None if has_magic => {
                            Err(FormatError::ChecksumMismatch { unit: Unit::Header, offset: 0 })
                        }
                        None => Err(FormatError::NotAStream),
                    };
                    let copy = match copy_offset(self.object_len, &trailer) {
                        Some(at) => Some((self.bytes(at..at + u64::from(trailer.header_len))?, at)),
                        None => None,
                    };
                    let max = self.options.max_segment_size;
                    let found = Candidates::new((trailer, bytes, offset), front, copy, max);
                    self.phase = Phase::Judging(found);
                }
                Phase::Judging(mut candidates) => {
                    candidates.judge_with_known_keys();
                    if candidates.question().is_some() {
                        self.phase = Phase::Judging(candidates);
                        break;
                    }
                    self.phase = self.judge_lengths(candidates)?;
                }
                Phase::Table(mut stream) => {
                    stream.supply_page_table(self.bytes(stream.page_table_range())?)?;
                    stream.keep_pages(&self.pieces);
                    self.phase = Phase::Done(stream);
                }
                Phase::Done(_) | Phase::Failed => {
                    return Err(FormatError::Misuse("the opening of the stream failed before"));
                }
            }
        }
        match &self.phase {
            Phase::Judging(candidates) => match candidates.question() {
                Some(header) => Ok(Step::Key(header)),
                None => Err(FormatError::Misuse("the opening of the stream failed before")),
            },
            _ => Ok(Step::Opened),
        }
    }

    /// Answers [`Step::Key`] with the keys of the header, as [`KeyRing::root_keys`] or [`fitting`]
    /// gives them, or with the reason why there are none.
    ///
    /// # Errors
    /// `Misuse` where no key was asked for.
    pub fn supply_keys(&mut self, keys: Result<RootKeys, FormatError>) -> Result<(), FormatError> {
        match &mut self.phase {
            Phase::Judging(candidates) if candidates.question().is_some() => {
                candidates.answer(keys);
                Ok(())
            }
            _ => Err(FormatError::Misuse("no key was asked for")),
        }
    }

    /// As [`Opening::supply_keys`], with the stream key and the context it was written under; a
    /// key that is not that of the header is `WrongKeyOrContext` at the next step, unless the
    /// other header opens.
    ///
    /// # Errors
    /// As [`Opening::supply_keys`].
    pub fn supply_key(&mut self, key: &StreamKey, context: &[u8]) -> Result<(), FormatError> {
        let keys = match &self.phase {
            Phase::Judging(candidates) => candidates
                .question()
                .and_then(|header| fitting(key, header, context))
                .ok_or(FormatError::WrongKeyOrContext),
            _ => Err(FormatError::WrongKeyOrContext),
        };
        self.supply_keys(keys)
    }

    /// Opens the stream with bytes that `read` brings at once and keys that `ring` has.
    ///
    /// `read` fills the vector for each range; what it fails with ends the call.
    ///
    /// # Errors
    /// As [`Opening::step`], and those of `read`.
    pub fn run<E: From<FormatError>>(
        mut self,
        ring: &mut KeyRing<'_>,
        mut read: impl FnMut(&[Range<u64>]) -> Result<Vec<Vec<u8>>, E>,
    ) -> Result<OpenedStream, E> {
        loop {
            match self.step()? {
                Step::Bytes(ranges) => {
                    for (range, bytes) in ranges.iter().zip(read(&ranges)?) {
                        self.supply(range.start, &bytes);
                    }
                }
                Step::Key(header) => {
                    let keys = ring.root_keys(header);
                    self.supply_keys(keys)?;
                }
                Step::Opened => return Ok(self.finish()?),
            }
        }
    }

    /// The stream, once [`Step::Opened`] was reached.
    ///
    /// # Errors
    /// `Misuse` before.
    pub fn finish(self) -> Result<OpenedStream, FormatError> {
        match self.phase {
            Phase::Done(stream) => Ok(stream),
            _ => Err(FormatError::Misuse("the stream is not open yet")),
        }
    }

    /// Bytes that were asked for and are there.
    fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, FormatError> {
        self.pieces.get(range).ok_or(FormatError::Misuse("bytes that were not asked for"))
    }

    /// F-902, and the trailer up to its own header_len.
    fn judge_trailer(&mut self) -> Result<Phase, FormatError> {
        let prefix = self.bytes(0..self.object_len.min(HEADER_PREFIX_LEN as u64))?;
        let absent = || match prefix.starts_with(&HEADER_MAGIC) {
            true => FormatError::Unsealed { segments: 0 },
            false => FormatError::NotAStream,
        };
        let offset = self.object_len.checked_sub(TRAILER_LEN as u64).ok_or_else(absent)?;
        let bytes = self.bytes(offset..self.object_len)?;
        let bytes = *bytes.first_chunk::<TRAILER_LEN>().ok_or_else(absent)?;
        if bytes[..8] != TRAILER_MAGIC {
            return Err(absent());
        }
        let trailer = Trailer::decode(&bytes).map_err(|error| {
            let error = FormatError::from_header(error, Unit::Trailer, offset);
            error.or_damaged(&bytes, Unit::Trailer, offset)
        })?;

        let start = HeaderStart::of(&prefix);
        let front = match start {
            HeaderStart::Len(len) if len as u64 <= self.object_len => Some(0..len as u64),
            _ => None,
        };
        self.wanted.extend(front.clone());
        if let Some(at) = copy_offset(self.object_len, &trailer) {
            self.wanted.push(at..at + u64::from(trailer.header_len));
            let shape = IndexShape::new(trailer.segments, trailer.digest);
            let deep = self.options.depth == Depth::PageTable;
            if deep && shape.page_table_len() <= UNJUDGED_TABLE_LEN {
                self.wanted.push(offset - shape.page_table_len()..offset);
            }
        }
        self.wanted = joined(core::mem::take(&mut self.wanted));
        Ok(Phase::Headers { trailer, bytes, front, has_magic: start != HeaderStart::NoMagic })
    }

    /// The rest of F-707 up to the length, under the header that was chosen.
    fn judge_lengths(&mut self, candidates: Candidates) -> Result<Phase, FormatError> {
        let (keyed, trailer, trailer_bytes) = candidates.choose()?;
        let depth = self.options.depth;
        let stream = OpenedStream::judge(keyed, trailer, trailer_bytes, self.object_len, depth)?;
        if depth != Depth::PageTable {
            return Ok(Phase::Done(stream));
        }
        self.wanted.push(stream.page_table_range());
        self.wanted = joined(core::mem::take(&mut self.wanted));
        Ok(Phase::Table(stream))
    }
}

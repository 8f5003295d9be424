//! Opening a stream from its end on a source that can seek (format.md sections 7 and 8.2).

use std::ops::{Deref, Range};

use sv2_crypto::sha256;
use sv2_framing::SegmentIndex;
use sv2_headers::{DigestAlg, IndexEntry, PAGE_ENTRIES, TRAILER_LEN, TRAILER_MAGIC};
use sv2_stream::{Depth, FormatError, KeyRing, OpenedStream, Opening, OpeningOptions, Page};
pub(crate) use sv2_stream::{IndexBuilder, PipeIndex, copy_offset, judge_revision, judge_trailer};

use crate::extents::Holes;
use crate::io::PositionedInput;
use crate::{StreamError, Unit};

/// Bytes of a page table that are read at a time.
const TABLE_STEP: usize = 1 << 20;

/// Bytes of an entry with a digest.
const LONGEST_ENTRY: usize = IndexEntry::len(DigestAlg::Sha256);

/// A sealed stream that was opened for reading at any place; its index was not read yet.
pub(crate) struct SealedStream(OpenedStream);

impl Deref for SealedStream {
    type Target = OpenedStream;

    fn deref(&self) -> &OpenedStream {
        &self.0
    }
}

impl SealedStream {
    /// Opens a stream from its trailer up to its length (F-804 to F-809, F-339).
    pub(crate) fn open(
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
    ) -> Result<Self, StreamError> {
        Self::open_to(Depth::Lengths, source, ring)
    }

    /// As [`SealedStream::open`], but takes a stream whose segments went missing or grew: its
    /// tail is found from its end.
    pub(crate) fn open_any_length(
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
    ) -> Result<Self, StreamError> {
        Self::open_to(Depth::AnyLength, source, ring)
    }

    /// Opens a stream as far as `depth` says.
    pub(crate) fn open_to(
        depth: Depth,
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
    ) -> Result<Self, StreamError> {
        // A round trip to a store costs more than many bytes; a local file has none, and a
        // damaged one may not give bytes that are not needed.
        let options = match source.is_local() {
            true => OpeningOptions::sparing(),
            false => OpeningOptions::standard(),
        };
        let options = options.depth(depth).max_segment_size(ring.max_segment_size());
        let opening = Opening::new(source.len(), options);
        let read = |ranges: &[Range<u64>]| {
            check_written(source, ranges)?;
            source.read_ranges(ranges)
        };
        opening.run(ring, read).map(Self)
    }

    /// The opened stream without its source.
    pub(crate) fn into_opened(self) -> OpenedStream {
        self.0
    }

    /// Reads the page table and checks it under the seal.
    ///
    /// No page hashes to zeros, so nothing is read behind the first row of them: a table that was
    /// never written costs nothing.
    pub(crate) fn read_page_table(
        &self,
        source: &PositionedInput<'_>,
    ) -> Result<Vec<u8>, StreamError> {
        let range = self.page_table_range();
        let mut table = Vec::new();
        for start in range.clone().step_by(TABLE_STEP) {
            let step = source.read_vec(start, (range.end - start).min(TABLE_STEP as u64))?;
            if step.chunks_exact(32).any(|row| *row == [0; 32]) {
                return Err(altered_index(range.start));
            }
            table.extend_from_slice(&step);
        }
        self.check_page_table(&table)?;
        Ok(table)
    }

    /// Reads one page and checks it under the page table.
    pub(crate) fn read_page(
        &self,
        source: &PositionedInput<'_>,
        table: &[u8],
        page: u64,
    ) -> Result<Page, StreamError> {
        let range = self.page_range(page);
        let bytes = source.read_vec(range.start, range.end - range.start)?;
        Ok(self.check_page_under(table, page, &bytes)?)
    }

    /// Reads and checks the whole index (F-810).
    ///
    /// A page in the hole of a sparse file is neither read nor held, so that time and memory follow
    /// what lies on the disk.
    pub(crate) fn read_index(&self, source: &PositionedInput<'_>) -> Result<Index, StreamError> {
        self.index_with(source, Zeros::Known)
    }

    /// As [`SealedStream::read_index`], to be copied into a new index: a page of zeros, which no
    /// writer makes, is refused at once, or more would be written than was ever there.
    pub(crate) fn read_written_index(
        &self,
        source: &PositionedInput<'_>,
    ) -> Result<Index, StreamError> {
        self.index_with(source, Zeros::Refused)
    }

    fn index_with(
        &self,
        source: &PositionedInput<'_>,
        allowed: Zeros,
    ) -> Result<Index, StreamError> {
        let table = match self.page_table() {
            Some(table) => table,
            None => &self.read_page_table(source)?,
        };
        let holes = Holes::of(source);
        let mut zeros = None;
        let mut pages = Vec::new();
        for number in 0..self.shape.pages() {
            let range = self.page_range(number);
            pages.push(match self.known_page(number) {
                Some(page) => Some(page.clone()),
                None if holes.cover(&range) => {
                    self.check_zeros(table, number, &mut zeros)?;
                    None
                }
                None => Some(self.read_page(source, table, number)?)
                    .filter(|page| page.bytes().iter().any(|byte| *byte != 0)),
            });
            if allowed == Zeros::Refused && pages.last().is_some_and(Option::is_none) {
                let (unit, offset) = (Unit::Index, range.start);
                return Err(StreamError::Malformed { unit, what: "a page of zeros", offset });
            }
        }
        Ok(Index { digest: self.trailer.digest, segments: self.trailer.segments, pages })
    }

    /// Checks a page of zeros under the page table.
    fn check_zeros(
        &self,
        table: &[u8],
        number: u64,
        known: &mut Option<(u64, [u8; 32])>,
    ) -> Result<(), StreamError> {
        let range = self.page_range(number);
        let hash = zeros_hash(range.end - range.start, known);
        let row = usize::try_from(number).ok().and_then(|nth| table.chunks_exact(32).nth(nth));
        if row == Some(&hash[..]) { Ok(()) } else { Err(altered_index(range.start)) }
    }
}

/// The hash of a page of `len` zeros, at most 64 KiB; `known` keeps the last one.
pub(crate) fn zeros_hash(len: u64, known: &mut Option<(u64, [u8; 32])>) -> [u8; 32] {
    if let Some((_, hash)) = known.filter(|(of, _)| *of == len) {
        return hash;
    }
    let hash = sha256(&[&vec![0; len as usize]]);
    *known = Some((len, hash));
    hash
}

/// The index is not the one that was sealed.
fn altered_index(offset: u64) -> StreamError {
    StreamError::AuthenticationFailed { unit: Unit::Index, offset }
}

/// Refuses bytes that are asked for at once where a hole lies among them: only a page table is that
/// long, and none of its rows is zeros.
fn check_written(source: &PositionedInput<'_>, ranges: &[Range<u64>]) -> Result<(), StreamError> {
    let long = ranges.iter().find(|range| range.end - range.start > TABLE_STEP as u64);
    match long {
        Some(table) if Holes::of(source).reach_into(table, 64) => Err(altered_index(table.start)),
        _ => Ok(()),
    }
}

/// What becomes of pages of zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zeros {
    Known,
    Refused,
}

/// The entries of an index that was checked.
pub(crate) struct Index {
    digest: DigestAlg,
    segments: u64,
    /// `None` for a page of zeros.
    pages: Vec<Option<Page>>,
}

impl Index {
    /// The entry of a segment; `None` behind the last one.
    pub(crate) fn entry(&self, segment: u64) -> Option<IndexEntry> {
        if segment >= self.segments {
            return None;
        }
        match self.pages.get(usize::try_from(segment / PAGE_ENTRIES).ok()?)? {
            Some(page) => page.entry(SegmentIndex(segment)),
            None => {
                let zeros = [0; LONGEST_ENTRY];
                IndexEntry::decode(self.digest, &zeros[..IndexEntry::len(self.digest)]).ok()
            }
        }
    }
}

/// Names the failure of a frame, which is read once more for that, since opening it destroyed the
/// bytes that its checksum covers; where it cannot be read, that is the failure.
pub(crate) fn explain_frame(
    source: &PositionedInput<'_>,
    stream: &OpenedStream,
    error: FormatError,
) -> StreamError {
    let Some(range) = stream.doubtful_frame(&error) else { return error.into() };
    match source.read_vec(range.start, range.end - range.start) {
        Ok(record) => stream.explain(error, &record).into(),
        Err(unreadable) => unreadable,
    }
}

/// The last 128 bytes of a source and where they begin (F-902).
pub(crate) fn read_trailer(
    source: &PositionedInput<'_>,
) -> Result<([u8; TRAILER_LEN], u64), StreamError> {
    let mut bytes = [0; TRAILER_LEN];
    if let Some(offset) = source.len().checked_sub(TRAILER_LEN as u64) {
        source.read_exact_at(&mut bytes, offset)?;
        if bytes[..8] == TRAILER_MAGIC {
            return Ok((bytes, offset));
        }
    }
    let front = source.read_vec(0, source.len().min(8))?;
    Err(match front == sv2_headers::HEADER_MAGIC {
        true => StreamError::Unsealed { segments: 0 },
        false => StreamError::NotAStream,
    })
}

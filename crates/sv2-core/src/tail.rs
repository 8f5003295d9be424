//! Opening a stream from its end on a source that can seek (format.md sections 7 and 8.2).

use std::ops::Deref;

use sv2_headers::{DigestAlg, IndexEntry, TRAILER_LEN, TRAILER_MAGIC};
use sv2_stream::{Depth, FormatError, KeyRing, OpenedStream, Opening, OpeningOptions, Page};
pub(crate) use sv2_stream::{IndexBuilder, PipeIndex, copy_offset, judge_revision, judge_trailer};

use crate::StreamError;
use crate::io::PositionedInput;

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
        opening.run(ring, |ranges| source.read_ranges(ranges)).map(Self)
    }

    /// The opened stream without its source.
    pub(crate) fn into_opened(self) -> OpenedStream {
        self.0
    }

    /// Reads the page table and checks it under the seal.
    pub(crate) fn read_page_table(
        &self,
        source: &PositionedInput<'_>,
    ) -> Result<Vec<u8>, StreamError> {
        let range = self.page_table_range();
        let table = source.read_vec(range.start, range.end - range.start)?;
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
    pub(crate) fn read_index(&self, source: &PositionedInput<'_>) -> Result<Index, StreamError> {
        let table = match self.page_table() {
            Some(table) => table,
            None => &self.read_page_table(source)?,
        };
        let mut entries = Vec::new();
        for page in 0..self.shape.pages() {
            match self.known_page(page) {
                Some(page) => entries.extend_from_slice(page.bytes()),
                None => entries.extend_from_slice(self.read_page(source, table, page)?.bytes()),
            }
        }
        Ok(Index { digest: self.trailer.digest, entries })
    }
}

/// The entries of an index that was checked.
pub(crate) struct Index {
    digest: DigestAlg,
    entries: Vec<u8>,
}

impl Index {
    /// The entry of a segment; `None` behind the last one.
    pub(crate) fn entry(&self, segment: u64) -> Option<IndexEntry> {
        let len = IndexEntry::len(self.digest);
        let at = usize::try_from(segment).ok()?.checked_mul(len)?;
        IndexEntry::decode(self.digest, self.entries.get(at..at + len)?).ok()
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

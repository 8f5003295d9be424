//! A sealed stream that was opened: what it is, and its index page by page (format.md section 7).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use sv2_crypto::{Backend, RandomSource, sha256};
use sv2_framing::{FrameIndex, SegmentIndex, StreamLayout};
use sv2_headers::{
    DigestAlg, IndexEntry, IndexShape, PAGE_ENTRIES, StreamHeader, TRAILER_LEN, Trailer,
};
use sv2_segment_worker::{DecryptSegmentWorker, SegmentCryptoContext};

use crate::pieces::Pieces;
use crate::{Depth, FormatError, KeyedHeader, Unit, open_metadata};

/// A sealed stream, opened by an [`Opening`](crate::Opening): its header, trailer and length were
/// judged, and its page table if the opening went that far.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenedStream {
    /// The header that was chosen (F-807), with its keys.
    pub keyed: KeyedHeader,
    /// The trailer, whose seal holds.
    pub trailer: Trailer,
    /// Its bytes.
    pub trailer_bytes: [u8; TRAILER_LEN],
    /// Lengths and offsets of the stream.
    pub layout: StreamLayout,
    /// Where things are in the index.
    pub shape: IndexShape,
    object_len: u64,
    index_offset: u64,
    /// `None` where the opening did not go so far.
    page_table: Option<Vec<u8>>,
    /// Pages that came with the end of the stream when it was opened.
    pages: Vec<Page>,
}

impl OpenedStream {
    /// The last of what F-707 asks of a trailer before its page table.
    pub(crate) fn judge(
        keyed: KeyedHeader,
        trailer: Trailer,
        trailer_bytes: [u8; TRAILER_LEN],
        object_len: u64,
        depth: Depth,
    ) -> Result<Self, FormatError> {
        let (unit, offset) = (Unit::Trailer, object_len - TRAILER_LEN as u64);
        let judged = |error: FormatError| error.or_damaged(&trailer_bytes, unit, offset);
        trailer
            .check_counts(keyed.header.geometry)
            .map_err(|error| judged(FormatError::from_header(error, unit, offset)))?;
        let layout = keyed.layout();
        let shape = IndexShape::new(trailer.segments, trailer.digest);
        let is_exact = layout.stream_len(trailer.plaintext_len) == Some(object_len);
        let index_offset = offset
            .checked_sub(shape.total_len())
            .filter(|_| is_exact || depth == Depth::AnyLength)
            .ok_or_else(|| {
                judged(FormatError::Malformed { unit, what: "length of the stream", offset })
            })?;
        let (page_table, pages) = (None, Vec::new());
        Ok(Self {
            keyed,
            trailer,
            trailer_bytes,
            layout,
            shape,
            object_len,
            index_offset,
            page_table,
            pages,
        })
    }

    /// Bytes of the whole stream.
    #[must_use]
    pub fn object_len(&self) -> u64 {
        self.object_len
    }

    /// Plaintext bytes of the stream.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.trailer.plaintext_len
    }

    /// Whether the stream holds no plaintext.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames of all segments.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.len().div_ceil(self.layout.geometry.frame_size().into())
    }

    /// The header that opened the stream.
    #[must_use]
    pub fn header(&self) -> &StreamHeader {
        &self.keyed.header
    }

    /// The stream's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.keyed.fingerprint(&self.trailer)
    }

    /// The stream's metadata, as [`open_metadata`] gives them.
    ///
    /// # Errors
    /// As [`open_metadata`].
    pub fn metadata(&self) -> Result<Option<Vec<u8>>, FormatError> {
        open_metadata(&self.keyed)
    }

    /// A worker that opens the stream's segments and frames with this cipher library.
    #[must_use]
    pub fn worker(&self, backend: Backend) -> DecryptSegmentWorker {
        let (header, key) = (&self.keyed.header, self.keyed.segments_key());
        // An opener draws no salt.
        let random = RandomSource::System;
        DecryptSegmentWorker::new(SegmentCryptoContext::new(header, key, backend, random))
    }

    /// Where the index begins.
    #[must_use]
    pub fn index_offset(&self) -> u64 {
        self.index_offset
    }

    /// Where the trailer is.
    #[must_use]
    pub fn trailer_range(&self) -> Range<u64> {
        self.object_len - TRAILER_LEN as u64..self.object_len
    }

    /// Where the page table is.
    #[must_use]
    pub fn page_table_range(&self) -> Range<u64> {
        let start = self.index_offset + self.shape.entries_len();
        start..start + self.shape.page_table_len()
    }

    /// Where a page of the index is; empty behind the last one.
    #[must_use]
    pub fn page_range(&self, page: u64) -> Range<u64> {
        let (start, len) = self.shape.page(page);
        let start = self.index_offset + start.min(self.shape.entries_len());
        start..start + len
    }

    /// Checks the bytes of the page table under the seal (F-704).
    ///
    /// # Errors
    /// `AuthenticationFailed` of the index.
    pub fn check_page_table(&self, table: &[u8]) -> Result<(), FormatError> {
        if sha256(&[table]) == self.trailer.index_root {
            return Ok(());
        }
        let offset = self.page_table_range().start;
        Err(FormatError::AuthenticationFailed { unit: Unit::Index, offset })
    }

    /// Checks the bytes of a page under a page table that was checked (F-704).
    ///
    /// # Errors
    /// `AuthenticationFailed` of the index.
    pub fn check_page_under(
        &self,
        table: &[u8],
        number: u64,
        bytes: &[u8],
    ) -> Result<Page, FormatError> {
        let at = usize::try_from(number).ok();
        let hash = at.and_then(|at| table.chunks_exact(32).nth(at));
        if hash == Some(&sha256(&[bytes])[..]) {
            return Ok(Page { number, digest: self.trailer.digest, bytes: bytes.into() });
        }
        let offset = self.page_range(number).start;
        Err(FormatError::AuthenticationFailed { unit: Unit::Index, offset })
    }

    /// As [`OpenedStream::check_page_under`], under the stream's own page table.
    ///
    /// # Errors
    /// As [`OpenedStream::check_page_under`].
    pub fn check_page(&self, number: u64, bytes: &[u8]) -> Result<Page, FormatError> {
        self.check_page_under(self.page_table().unwrap_or_default(), number, bytes)
    }

    /// A page that came with the end of the stream when it was opened.
    #[must_use]
    pub fn known_page(&self, number: u64) -> Option<&Page> {
        self.pages.iter().find(|page| page.number == number)
    }

    /// The page table that was checked when the stream was opened, if the opening went so far.
    #[must_use]
    pub fn page_table(&self) -> Option<&[u8]> {
        self.page_table.as_deref()
    }

    /// Takes the page table.
    pub(crate) fn supply_page_table(&mut self, table: Vec<u8>) -> Result<(), FormatError> {
        self.check_page_table(&table)?;
        self.page_table = Some(table);
        Ok(())
    }

    /// Keeps the pages that are among these bytes; one that does not hold fails when it is used.
    pub(crate) fn keep_pages(&mut self, pieces: &Pieces) {
        for number in (0..self.shape.pages()).rev() {
            let Some(bytes) = pieces.get(self.page_range(number)) else { break };
            self.pages.extend(self.check_page(number, &bytes));
        }
    }

    /// The wire range of the frame whose failure only its bytes, fetched once more, can explain:
    /// opening it destroyed them.
    #[must_use]
    pub fn doubtful_frame(&self, error: &FormatError) -> Option<Range<u64>> {
        let FormatError::AuthenticationFailed { unit, offset } = *error else { return None };
        let Unit::Frame { segment, frame } = unit else { return None };
        let segment = self.layout.segment_layout(self.len(), SegmentIndex(segment))?;
        let len = segment.frame(FrameIndex(u16::try_from(frame).ok()?)).len();
        Some(offset..offset + len as u64)
    }

    /// Names the failure of a frame by the bytes of [`OpenedStream::doubtful_frame`]: altered, or
    /// damaged where its checksum is wrong as well (F-906).
    ///
    /// A reader of ranges asks [`OpenedStream::is_replaced_by`] before (F-824).
    #[must_use]
    pub fn explain(&self, error: FormatError, record: &[u8]) -> FormatError {
        match error {
            FormatError::AuthenticationFailed { unit: unit @ Unit::Frame { .. }, offset } => {
                error.or_damaged(record, unit, offset)
            }
            other => other,
        }
    }

    /// Whether the trailer of an object, read once more, shows that it is another one (F-824).
    #[must_use]
    pub fn is_replaced_by(&self, object_len: u64, trailer: &[u8; TRAILER_LEN]) -> bool {
        object_len != self.object_len
            || Trailer::content(trailer) != Trailer::content(&self.trailer_bytes)
    }
}

/// A page of the index that was checked; cheap to clone.
#[derive(Debug, Clone)]
pub struct Page {
    number: u64,
    digest: DigestAlg,
    bytes: Arc<[u8]>,
}

impl Page {
    /// The page's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The bytes of its entries.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry of a segment; `None` where it is on another page.
    #[must_use]
    pub fn entry(&self, segment: SegmentIndex) -> Option<IndexEntry> {
        let nth = segment.0.checked_sub(self.number * PAGE_ENTRIES)?;
        let len = IndexEntry::len(self.digest);
        let at = usize::try_from(nth).ok()?.checked_mul(len)?;
        IndexEntry::decode(self.digest, self.bytes.get(at..at + len)?).ok()
    }
}

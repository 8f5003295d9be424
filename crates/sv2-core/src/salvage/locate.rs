//! Finding header, index and segments of a stream that is damaged.

use std::collections::BTreeMap;

use sv2_framing::{
    SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader, SegmentIndex, decode_segment_header,
};
use sv2_headers::{HEADER_MAGIC, HEADER_PREFIX_LEN, IndexEntry, PAGE_ENTRIES, checksum};

use crate::decrypt::read_header;
use crate::header::{HeaderStart, KeyedHeader};
use crate::io::{PositionedInput, SequentialInput};
use crate::key::KeyRing;
use crate::salvage::Salt;
use crate::tail::SealedStream;
use crate::{DecryptOptions, ErrorKind, StreamError, Unit};

/// Bytes that are searched at a time.
const WINDOW: usize = 4 << 20;

/// A segment whose header was found, with a checksum that holds.
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) header: SegmentHeader,
}

/// What is known of a damaged stream before its frames are tried.
pub(crate) struct Map {
    pub(crate) keyed: KeyedHeader,
    pub(crate) sealed: bool,
    pub(crate) plaintext_len: u64,
    /// Pages of the index by number; those that fail are absent.
    pages: BTreeMap<u64, Vec<u8>>,
    /// Segments by number; those whose header is damaged are absent.
    found: BTreeMap<u64, Found>,
}

impl Map {
    pub(crate) fn segments(&self) -> u64 {
        self.keyed.header.geometry.segment_count(self.plaintext_len)
    }

    /// Without a seal, forgets what was found behind the last segment of which `opens` says that
    /// something opens: a header alone proves nothing, and the end of the output follows from it.
    pub(crate) fn end_with_last_that(
        &mut self,
        mut opens: impl FnMut(&Self, u64) -> Result<bool, StreamError>,
    ) -> Result<(), StreamError> {
        while !self.sealed
            && let Some((&last, _)) = self.found.last_key_value()
            && !opens(self, last)?
        {
            self.found.remove(&last);
            self.end_with_last_found();
        }
        Ok(())
    }

    /// Without a seal, the plaintext ends with the last segment that was found.
    fn end_with_last_found(&mut self) {
        if !self.sealed {
            let size = self.keyed.header.geometry.segment_size();
            let end = |(segment, last): (&u64, &Found)| {
                segment * size + u64::from(last.header.plaintext_len)
            };
            self.plaintext_len = self.found.last_key_value().map_or(0, end);
        }
    }

    /// Where the salt of a segment is to be had.
    pub(crate) fn salt(&self, segment: u64) -> Salt {
        let digest = self.keyed.header.digest;
        let len = IndexEntry::len(digest);
        let at = (segment % PAGE_ENTRIES) as usize * len;
        self.pages
            .get(&(segment / PAGE_ENTRIES))
            .and_then(|page| IndexEntry::decode(digest, page.get(at..at + len)?).ok())
            .map_or(Salt::OwnHeader, Salt::Sealed)
    }

    /// The segment with this number, if its header was found.
    pub(crate) fn found(&self, segment: u64) -> Option<&Found> {
        self.found.get(&segment)
    }

    /// Where a segment without a header of its own may be: where it belongs, and where it lies
    /// seen from its neighbours.
    pub(crate) fn guesses(&self, segment: u64) -> Vec<u64> {
        let layout = self.keyed.layout();
        let len = layout.full_segment_len();
        let mut guesses = Vec::new();
        if let Some((&before, found)) = self.found.range(..segment).next_back() {
            guesses.push(found.offset + (segment - before) * len);
        }
        if let Some((&after, found)) = self.found.range(segment + 1..).next() {
            guesses.extend(
                (after - segment)
                    .checked_mul(len)
                    .and_then(|distance| found.offset.checked_sub(distance)),
            );
        }
        guesses.push(layout.segment_offset(SegmentIndex(segment)));
        guesses
    }

    /// Where the next segment that was found begins, if it is the one right behind.
    pub(crate) fn next_offset(&self, segment: u64) -> Option<u64> {
        self.found.get(&(segment + 1)).map(|found| found.offset)
    }
}

/// Finds everything that can be found without opening a frame.
pub(crate) fn locate(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
    options: &DecryptOptions,
) -> Result<Map, StreamError> {
    let mut pages = BTreeMap::new();
    let (keyed, sealed_len) = match SealedStream::open_any_length(source, ring, &options.context) {
        Ok(stream) => {
            options.check_fingerprint(stream.fingerprint())?;
            read_pages(source, &stream, &mut pages)?;
            let plaintext_len = stream.trailer.plaintext_len;
            (stream.keyed, Some(plaintext_len))
        }
        Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Key) => return Err(error),
        // Without the seal there is no fingerprint that could be the one that was pinned.
        Err(error) if options.expected_fingerprint.is_some() => return Err(error),
        Err(error) => (find_header(source, ring, options, error)?, None),
    };
    let found = find_segments(source, &keyed, sealed_len)?;
    let sealed = sealed_len.is_some();
    let plaintext_len = sealed_len.unwrap_or_default();
    let mut map = Map { keyed, sealed, plaintext_len, pages, found };
    map.end_with_last_found();
    Ok(map)
}

/// Reads the pages that agree with a page table that the seal covers.
fn read_pages(
    source: &PositionedInput<'_>,
    stream: &SealedStream,
    pages: &mut BTreeMap<u64, Vec<u8>>,
) -> Result<(), StreamError> {
    let table = match stream.read_page_table(source) {
        Ok(table) => table,
        Err(StreamError::AuthenticationFailed { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    for page in 0..stream.shape.pages() {
        match stream.read_page(source, &table, page) {
            Ok(bytes) => {
                pages.insert(page, bytes);
            }
            Err(StreamError::AuthenticationFailed { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The header of a stream without a trailer: at the front, or a copy wherever it is now.
fn find_header(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
    options: &DecryptOptions,
    error: StreamError,
) -> Result<KeyedHeader, StreamError> {
    let front = source.read_vec(0, source.len().min(sv2_headers::MAX_HEADER_LEN.into()))?;
    let mut input = SequentialInput::new(Box::new(&front[..]));
    let front = match read_header(&mut input, ring, &options.context) {
        Ok(keyed) => return Ok(keyed),
        Err(error) => error,
    };
    let mut copy = None;
    search(source, &HEADER_MAGIC, &mut |offset| {
        let left = source.len() - offset;
        let prefix = source.read_vec(offset, left.min(HEADER_PREFIX_LEN as u64))?;
        if let HeaderStart::Len(len) = HeaderStart::of(&prefix)
            && len as u64 <= left
        {
            let bytes = source.read_vec(offset, len as u64)?;
            let unit = Unit::HeaderCopy;
            copy = KeyedHeader::open(bytes, ring, &options.context, unit, offset).ok();
        }
        Ok(copy.is_none())
    })?;
    match front {
        // A file in which nothing of a stream was found has the error of the tail.
        StreamError::NotAStream => copy.ok_or(error),
        front => copy.ok_or(front),
    }
}

/// Finds the segments: each at its place, and all of them by their magic where one is missing.
fn find_segments(
    source: &PositionedInput<'_>,
    keyed: &KeyedHeader,
    sealed_len: Option<u64>,
) -> Result<BTreeMap<u64, Found>, StreamError> {
    let mut found = BTreeMap::new();
    if let Some(plaintext_len) = sealed_len {
        for segment in 0..keyed.header.geometry.segment_count(plaintext_len) {
            let offset = keyed.layout().segment_offset(SegmentIndex(segment));
            match header_at(source, keyed, offset)? {
                Some(header) if header.index.0 == segment => {
                    found.insert(segment, Found { offset, header });
                }
                _ => break,
            }
        }
        if found.len() as u64 == keyed.header.geometry.segment_count(plaintext_len) {
            return Ok(found);
        }
    }
    search(source, &SEGMENT_MAGIC, &mut |offset| {
        if let Some(header) = header_at(source, keyed, offset)? {
            found.entry(header.index.0).or_insert(Found { offset, header });
        }
        Ok(true)
    })?;
    Ok(found)
}

/// A segment header of this stream at `offset`, if one is there whose checksum holds.
fn header_at(
    source: &PositionedInput<'_>,
    keyed: &KeyedHeader,
    offset: u64,
) -> Result<Option<SegmentHeader>, StreamError> {
    if offset.checked_add(SEGMENT_HEADER_LEN as u64).is_none_or(|end| end > source.len()) {
        return Ok(None);
    }
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    source.read_exact_at(&mut bytes, offset)?;
    let index = u64::from_be_bytes(std::array::from_fn(|at| bytes[8 + at]));
    if !checksum::holds(&bytes) || index >= sv2_headers::MAX_SEGMENTS {
        return Ok(None);
    }
    let geometry = keyed.header.geometry;
    let decoded = decode_segment_header(&bytes, geometry, SegmentIndex(index));
    Ok(decoded.ok().filter(|header| header.stream_tag == keyed.header.commitment[..8]))
}

/// Calls `visit` with every offset at which `needle` stands, until it returns false.
fn search(
    source: &PositionedInput<'_>,
    needle: &[u8],
    visit: &mut dyn FnMut(u64) -> Result<bool, StreamError>,
) -> Result<(), StreamError> {
    let mut start = 0;
    while start < source.len() {
        let len = (source.len() - start).min((WINDOW + needle.len() - 1) as u64);
        let window = source.read_vec(start, len)?;
        for (at, part) in window.windows(needle.len()).enumerate() {
            if part[0] == needle[0] && part == needle && !visit(start + at as u64)? {
                return Ok(());
            }
        }
        start += WINDOW as u64;
    }
    Ok(())
}

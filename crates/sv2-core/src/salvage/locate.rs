//! Finding header, index and segments of a stream that is damaged.

use std::collections::BTreeMap;

use sv2_framing::{
    SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader, SegmentIndex, decode_segment_header,
};
use sv2_headers::{HEADER_MAGIC, HEADER_PREFIX_LEN, StreamHeader, checksum};

use crate::decrypt::read_header;
use crate::header::{HeaderStart, KeyedHeader};
use crate::io::{PositionedInput, SequentialInput};
use crate::key::KeyRing;
use crate::salvage::map::{Found, Map};
use crate::tail::SealedStream;
use crate::{DecryptOptions, ErrorKind, StreamError, Unit};

/// Bytes that are searched at a time.
const WINDOW: usize = 4 << 20;

/// Headers that are tried with the caller's keys when front and trailer are lost: whoever made the
/// file may have put thousands there, and each may demand a derivation from a passphrase.
const MOST_HEADERS: usize = 16;

/// Bytes of such headers that are read for each byte of the source.
const HEADER_READS: u64 = 4;

/// Finds everything that can be found without opening a frame.
pub(crate) fn locate(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
    options: &DecryptOptions,
) -> Result<Map, StreamError> {
    let mut pages = BTreeMap::new();
    let (keyed, sealed_len) = match SealedStream::open_any_length(source, ring) {
        Ok(stream) => {
            options.check_fingerprint(stream.fingerprint())?;
            read_pages(source, &stream, &mut pages)?;
            let plaintext_len = stream.trailer.plaintext_len;
            (stream.into_opened().keyed, Some(plaintext_len))
        }
        Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Key) => return Err(error),
        // Without the seal there is no fingerprint that could be the one that was pinned.
        Err(error) if options.expected_fingerprint.is_some() => return Err(error),
        Err(error) => (find_header(source, ring, error)?, None),
    };
    let found = find_segments(source, &keyed, sealed_len)?;
    Ok(Map::new(keyed, sealed_len, pages, found, source.len()))
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
                pages.insert(page, bytes.bytes().to_vec());
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
    error: StreamError,
) -> Result<KeyedHeader, StreamError> {
    let front = source.read_vec(0, source.len().min(sv2_headers::MAX_HEADER_LEN.into()))?;
    let mut input = SequentialInput::new(Box::new(&front[..]));
    let front = match read_header(&mut input, ring) {
        Ok(keyed) => return Ok(keyed),
        Err(error) => error,
    };
    let mut copy = None;
    let (mut tried, mut left_to_read) = (0, source.len().saturating_mul(HEADER_READS));
    search(source, &HEADER_MAGIC, &mut |offset| {
        let left = source.len() - offset;
        let prefix = source.read_vec(offset, left.min(HEADER_PREFIX_LEN as u64))?;
        let HeaderStart::Len(len) = HeaderStart::of(&prefix) else { return Ok(true) };
        if len as u64 > left {
            return Ok(true);
        }
        let Some(rest) = left_to_read.checked_sub(len as u64) else { return Ok(false) };
        left_to_read = rest;
        let bytes = source.read_vec(offset, len as u64)?;
        if StreamHeader::decode(&bytes).is_ok() {
            tried += 1;
            let unit = Unit::HeaderCopy;
            copy = KeyedHeader::open(bytes, ring, unit, offset).ok();
        }
        Ok(copy.is_none() && tried < MOST_HEADERS)
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

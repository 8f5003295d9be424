//! Finding header, tail and segments of a stream that is damaged, wherever they are.

use std::collections::BTreeMap;

use sv2_headers::{HEADER_MAGIC, HEADER_PREFIX_LEN, StreamHeader, TRAILER_LEN, TRAILER_MAGIC};

use crate::decrypt::read_header;
use crate::extents::Holes;
use crate::header::{HeaderStart, KeyedHeader};
use crate::io::{PositionedInput, SequentialInput};
use crate::key::KeyRing;
use crate::salvage::map::{Map, Sealed};
use crate::survey::{Survey, Unreadable, read_lossy, survey};
use crate::tail::SealedStream;
use crate::{DecryptOptions, ErrorKind, StreamError, Unit};

/// Bytes that are searched at a time.
const WINDOW: usize = 4 << 20;

/// Headers that are tried with the caller's keys when front and trailer are lost: whoever made the
/// file may have put thousands there, and each may demand a derivation from a passphrase.
const MOST_HEADERS: usize = 16;

/// Tails that are tried where there is none at the end.
const MOST_TAILS: usize = 64;

/// Bytes of such headers that are read for each byte of the source.
const HEADER_READS: u64 = 4;

/// Finds everything that can be found without opening a frame.
pub(super) fn locate(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
    options: &DecryptOptions,
) -> Result<(Map, Survey), StreamError> {
    let mut found = None;
    let (keyed, sealed) = match SealedStream::open_any_length(source, ring) {
        Ok(stream) => {
            options.check_fingerprint(stream.fingerprint())?;
            let sealed = sealed_of(source, &stream, source.len())?;
            (stream.into_opened().keyed, Some(sealed))
        }
        Err(error) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Key) => return Err(error),
        Err(error) => {
            let marks = marks(source, options)?;
            let elsewhere = sealed_elsewhere(source, ring, &marks)?;
            let pinned = options.expected_fingerprint.is_some();
            match elsewhere {
                Some((stream, end)) => {
                    options.check_fingerprint(stream.fingerprint())?;
                    let sealed = sealed_of(source, &stream, end)?;
                    (stream.into_opened().keyed, Some(sealed))
                }
                // Without the seal there is no fingerprint that could be the one that was pinned.
                None if pinned => return Err(error),
                None => {
                    let keyed = find_header(source, ring, &marks, error)?;
                    found = Some(marks);
                    (keyed, None)
                }
            }
        }
    };
    let tag = &keyed.header.commitment[..8];
    let parts = survey(source, &keyed.layout(), tag, Unreadable::Skip, &options.run.cancel)?;
    let loose_index = match (&sealed, found) {
        (None, Some(marks)) => loose_index(source, &keyed, &marks),
        _ => None,
    };
    let holes = Holes::of(source);
    Ok((Map::new(keyed, sealed, loose_index, &parts, (source.len(), holes)), parts))
}

/// What the seal covers, the pages that do not agree with it included.
fn sealed_of(
    source: &PositionedInput<'_>,
    stream: &SealedStream,
    end: u64,
) -> Result<Sealed, StreamError> {
    let mut pages = BTreeMap::new();
    let table = match stream.read_page_table(source) {
        Ok(table) => Some(table),
        Err(StreamError::AuthenticationFailed { .. } | StreamError::Read { .. }) => None,
        Err(error) => return Err(error),
    };
    let holes = Holes::of(source);
    let mut next = 0;
    while next < stream.shape.pages() {
        let page = next;
        next += 1;
        let range = stream.page_range(page);
        if holes.cover(&range) {
            // Pages that were never written know no segment, and are passed over in one step.
            let skipped = holes.end_of_hole(range.start).saturating_sub(range.start);
            next = page + (skipped / (range.end - range.start)).max(1);
            continue;
        }
        let read = table.as_ref().map(|table| stream.read_page(source, table, page));
        match read {
            Some(Ok(bytes)) => {
                pages.insert(page, (bytes.bytes().to_vec(), true));
            }
            None
            | Some(Err(StreamError::AuthenticationFailed { .. } | StreamError::Read { .. })) => {
                let len = usize::try_from(range.end - range.start).unwrap_or(0);
                let mut bytes = vec![0; len];
                read_lossy(source, &mut bytes, range.start);
                pages.insert(page, (bytes, false));
            }
            Some(Err(error)) => return Err(error),
        }
    }
    Ok(Sealed { plaintext_len: stream.trailer.plaintext_len, end, pages })
}

/// Where the magics of headers and trailers stand.
#[derive(Default)]
struct Marks {
    headers: Vec<u64>,
    trailers: Vec<u64>,
}

/// Searches a source for headers and trailers.
fn marks(source: &PositionedInput<'_>, options: &DecryptOptions) -> Result<Marks, StreamError> {
    let mut marks = Marks::default();
    let holes = Holes::of(source);
    let mut window = Vec::new();
    let mut start = 0;
    while start < source.len() {
        if options.run.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        let data = holes.end_of_hole(start);
        if data > start {
            start = data;
            continue;
        }
        // At most a window and a magic, so it fits.
        let run = holes.end_of_run(start).min(start + WINDOW as u64);
        let len = (source.len() - start).min(run - start + HEADER_MAGIC.len() as u64 - 1) as usize;
        window.resize(len, 0);
        read_lossy(source, &mut window, start);
        for (at, part) in window.windows(HEADER_MAGIC.len()).enumerate() {
            match part[0] {
                0x89 if part == HEADER_MAGIC => marks.headers.push(start + at as u64),
                b'S' if part == TRAILER_MAGIC => marks.trailers.push(start + at as u64),
                _ => {}
            }
        }
        start = run;
    }
    Ok(marks)
}

/// The last tail of a stream that the keys open, where something lies behind it.
fn sealed_elsewhere(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
    marks: &Marks,
) -> Result<Option<(SealedStream, u64)>, StreamError> {
    let mut spent = 0;
    for &trailer in marks.trailers.iter().rev().take(MOST_TAILS) {
        let end = trailer + TRAILER_LEN as u64;
        if end > source.len() {
            continue;
        }
        // Each tail may name a header of its own, which is as costly as those below.
        spent += 1;
        if spent > MOST_HEADERS && ring.key().is_none() {
            break;
        }
        let view = source.start(end);
        match SealedStream::open_any_length(&view, ring) {
            Ok(stream) => return Ok(Some((stream, end))),
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            Err(_) => {}
        }
    }
    Ok(None)
}

/// The header of a stream without a trailer: at the front, or a copy wherever it is now.
fn find_header(
    source: &PositionedInput<'_>,
    ring: &mut KeyRing<'_>,
    marks: &Marks,
    error: StreamError,
) -> Result<KeyedHeader, StreamError> {
    let front = source.read_vec(0, source.len().min(sv2_headers::MAX_HEADER_LEN.into()))?;
    let mut input = SequentialInput::new(Box::new(&front[..]));
    let front = match read_header(&mut input, ring) {
        Ok(keyed) => return Ok(keyed),
        Err(error) => error,
    };
    let (mut tried, mut left_to_read) = (0, source.len().saturating_mul(HEADER_READS));
    for &offset in &marks.headers {
        let left = source.len() - offset;
        let prefix = source.read_vec(offset, left.min(HEADER_PREFIX_LEN as u64))?;
        let HeaderStart::Len(len) = HeaderStart::of(&prefix) else { continue };
        if len as u64 > left {
            continue;
        }
        let Some(rest) = left_to_read.checked_sub(len as u64) else { break };
        left_to_read = rest;
        let bytes = source.read_vec(offset, len as u64)?;
        if StreamHeader::decode(&bytes).is_ok() {
            tried += 1;
            if let Ok(keyed) = KeyedHeader::open(bytes, ring, Unit::HeaderCopy, offset) {
                return Ok(keyed);
            }
            if tried == MOST_HEADERS {
                break;
            }
        }
    }
    match front {
        // A file in which nothing of a stream was found has the error of the tail.
        StreamError::NotAStream => Err(error),
        front => Err(front),
    }
}

/// Where the index of a stream may begin whose trailer is lost: behind the last header copy.
fn loose_index(source: &PositionedInput<'_>, keyed: &KeyedHeader, marks: &Marks) -> Option<u64> {
    let len = keyed.bytes.len() as u64;
    let is_copy = |&&offset: &&u64| {
        let bytes = (offset > 0 && offset + len <= source.len())
            .then(|| source.read_vec(offset, 80).ok())
            .flatten();
        bytes.is_some_and(|bytes| bytes == keyed.bytes[..80])
    };
    // A file with thousands of copies is no accident.
    let copy = marks.headers.iter().rev().take(MOST_TAILS).find(is_copy)?;
    Some(copy + len)
}

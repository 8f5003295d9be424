//! The checksum of a whole stream without reading its segments (format.md section 6.1).

use sv2_framing::crc::{CRC_LEN, Shift, combine, crc64};
use sv2_headers::IndexEntry;

use crate::inspect::inspect_input;
use crate::io::{Input, PositionedInput};
use crate::{InputSource, StreamError, Unit};

/// The most bytes that are read at a time.
const STEP: u64 = 1 << 20;

/// CRC-64/NVME of every byte of a sealed stream, computed from header, index and tail alone; it
/// is what S3 calls the full-object checksum.
///
/// It is that of the segments that the index describes: where the payload was damaged since, it
/// differs from the CRC of the bytes that are there, which is what it is good for.
/// Nothing of it is authentic.
/// It takes memory of about 1 MiB, and time that grows with the index.
///
/// # Errors
/// Those of [`inspect`](crate::inspect()); `Unsealed` for a stream without a trailer; `Malformed`
/// where trailer, header and the length of the input disagree, so that there is no index.
pub fn object_checksum(input: InputSource<'_>) -> Result<u64, StreamError> {
    let Input::Positioned(source) = input.open()? else {
        return Err(StreamError::Usage("a pipe cannot be inspected, only a file"));
    };
    let seen = inspect_input(&source)?;
    let Some(trailer) = seen.trailer else { return Err(StreamError::Unsealed { segments: 0 }) };
    if seen.len_matches != Some(true) {
        let what = "length of the stream";
        let offset = source.len().saturating_sub(sv2_headers::TRAILER_LEN as u64);
        return Err(StreamError::Malformed { unit: Unit::Trailer, what, offset });
    }
    let layout = seen.layout;
    let header_len = u64::from(layout.header_len);
    let tail = layout.tail_offset(trailer.plaintext_len);
    let index = layout.index_offset(trailer.plaintext_len);
    let entry_len = IndexEntry::len(layout.digest) as u64;
    let index_end = index + trailer.segments * entry_len;

    // Behind one another: the header, the segments as the index has them, the tail as it lies
    // there. The index is part of the tail, so both grow with each entry.
    let mut body = Joined::read(&source, 0, header_len)?;
    let mut rest = Joined::read(&source, tail, index - tail)?;
    let full = Shift::new(layout.full_segment_len());
    let segments_len = layout.segments_len(trailer.plaintext_len);
    let mut left = segments_len;
    let mut at = index;
    while at < index_end {
        let len = (STEP / entry_len * entry_len).min(index_end - at);
        let bytes = source.read_vec(at, len)?;
        // Entries have at least 32 bytes, so their length fits.
        for entry in bytes.chunks_exact(entry_len as usize) {
            let entry = IndexEntry::decode(layout.digest, entry)
                .map_err(|error| StreamError::from_header(error, Unit::Index, at))?;
            let segment = combine(entry.crc, crc64(&entry.crc.to_be_bytes()), CRC_LEN as u64);
            if left >= layout.full_segment_len() {
                body.crc = full.apply(body.crc) ^ segment;
                left -= layout.full_segment_len();
            } else {
                body.crc = combine(body.crc, segment, left);
                left = 0;
            }
        }
        rest.push(&bytes);
        at += len;
    }
    rest.append(&Joined::read(&source, index_end, source.len() - index_end)?);
    body.append(&rest);
    Ok(body.crc)
}

/// The checksum of a run of bytes, and their number.
struct Joined {
    crc: u64,
    len: u64,
}

impl Joined {
    fn read(source: &PositionedInput<'_>, offset: u64, len: u64) -> Result<Self, StreamError> {
        let mut joined = Self { crc: 0, len: 0 };
        while joined.len < len {
            let step = (len - joined.len).min(STEP);
            joined.push(&source.read_vec(offset + joined.len, step)?);
        }
        Ok(joined)
    }

    fn push(&mut self, bytes: &[u8]) {
        self.append(&Self { crc: crc64(bytes), len: bytes.len() as u64 });
    }

    fn append(&mut self, more: &Self) {
        self.crc = combine(self.crc, more.crc, more.len);
        self.len += more.len;
    }
}

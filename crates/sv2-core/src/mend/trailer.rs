//! The trailer, most of which follows from the rest (F-844).

use sv2_crypto::Sha256;
use sv2_framing::crc::CRC_LEN;
use sv2_headers::{IndexShape, StreamHeader, TRAILER_LEN, Trailer};

use crate::inspect::{Look, layout_of};
use crate::io::PositionedInput;
use crate::mend::Mend;
use crate::{StreamError, Unit};

/// Bytes that are read at a time.
const STEP: u64 = 1 << 20;

/// Version, digest and header_len from a header, the counts from the length of the source, the root
/// from the page table and the revision from the header; with generation, seal and checksum as they
/// are stored, where the checksum then holds.
///
/// Only what differs is written, so that generation and seal are never at risk.
pub(super) fn rebuilt(
    source: &PositionedInput<'_>,
    look: &Look,
) -> Result<Option<Mend>, StreamError> {
    let copy = look.copy.as_ref().and_then(|(_, copy)| copy.as_ref().ok());
    let headers = [look.front.as_ref().ok(), copy];
    for candidate in headers.into_iter().flatten().filter(|candidate| candidate.sound) {
        if let Some(mend) = under(source, &candidate.header)? {
            return Ok(Some(mend));
        }
    }
    Ok(None)
}

/// The trailer under this header.
fn under(source: &PositionedInput<'_>, header: &StreamHeader) -> Result<Option<Mend>, StreamError> {
    let layout = layout_of(header);
    let Some(plaintext_len) = layout.plaintext_len(source.len()) else { return Ok(None) };
    let segments = layout.geometry.segment_count(plaintext_len);
    let shape = IndexShape::new(segments, layout.digest);
    let table = layout.index_offset(plaintext_len) + shape.entries_len();
    let mut root = Sha256::new();
    let (mut at, end) = (table, table + shape.page_table_len());
    while at < end {
        let hashes = source.read_vec(at, STEP.min(end - at))?;
        root.update(&hashes);
        at += hashes.len() as u64;
    }
    let offset = source.len() - TRAILER_LEN as u64;
    let stored = source.read_vec(offset, TRAILER_LEN as u64)?;
    let trailer = Trailer {
        digest: layout.digest,
        header_len: layout.header_len,
        generation: u64::from_be_bytes(std::array::from_fn(|at| stored[16 + at])),
        segments,
        plaintext_len,
        index_root: root.finish(),
        revision: header.revision,
        seal: std::array::from_fn(|at| stored[88 + at]),
    };
    let bytes = trailer.encode();
    if bytes[TRAILER_LEN - CRC_LEN..] != stored[TRAILER_LEN - CRC_LEN..] {
        return Ok(None);
    }
    let differs = |at: &usize| bytes[*at] != stored[*at];
    let first = (0..TRAILER_LEN).find(differs);
    let last = (0..TRAILER_LEN).rfind(differs);
    Ok(first.zip(last).map(|(first, last)| Mend {
        unit: Unit::Trailer,
        offset: offset + first as u64,
        bytes: bytes[first..=last].to_vec(),
    }))
}

//! The tail of a stream: making it, and judging it (format.md sections 7 and 8.2).

use alloc::vec::Vec;

use sv2_crypto::{RootKeys, fingerprint, sha256};
use sv2_headers::{
    DigestAlg, IndexEntry, IndexShape, PAGE_ENTRIES, StreamHeader, TRAILER_LEN, Trailer,
};

use crate::{FormatError, KeyedHeader, Unit};

/// The index of a stream that is being written.
#[derive(Debug)]
pub struct IndexBuilder {
    digest: DigestAlg,
    entries: Vec<u8>,
    plaintext_len: u64,
}

impl IndexBuilder {
    /// The index of no segment yet.
    #[must_use]
    pub fn new(digest: DigestAlg) -> Self {
        Self { digest, entries: Vec::new(), plaintext_len: 0 }
    }

    /// Takes in the next segment.
    pub fn push(&mut self, entry: &IndexEntry, plaintext_len: u32) {
        entry.encode(self.digest, &mut self.entries);
        self.plaintext_len += u64::from(plaintext_len);
    }

    /// Plaintext bytes of the segments so far.
    #[must_use]
    pub fn plaintext_len(&self) -> u64 {
        self.plaintext_len
    }

    /// The tail: header copy, index, page table, trailer.
    #[must_use]
    pub fn into_tail(self, keyed: &KeyedHeader, generation: u64) -> (Vec<u8>, Trailer) {
        let header = &keyed.header;
        let plaintext_len = self.plaintext_len;
        let table = page_table(&self.entries, self.digest);
        let mut trailer = Trailer {
            digest: header.digest,
            header_len: header.header_len,
            generation,
            segments: header.geometry.segment_count(plaintext_len),
            plaintext_len,
            index_root: sha256(&[&table]),
            revision: header.revision,
            seal: [0; 32],
        };
        let mut trailer_bytes = trailer.encode();
        trailer.seal = keyed.keys.seal_key().sign(&[Trailer::sealed(&trailer_bytes)]);
        Trailer::finish(&mut trailer_bytes, &trailer.seal);
        let mut tail = keyed.bytes.clone();
        tail.extend_from_slice(&self.entries);
        tail.extend_from_slice(&table);
        tail.extend_from_slice(&trailer_bytes);
        (tail, trailer)
    }
}

/// SHA-256 of each page, in order.
fn page_table(entries: &[u8], digest: DigestAlg) -> Vec<u8> {
    let page_len = PAGE_ENTRIES as usize * IndexEntry::len(digest);
    entries.chunks(page_len).flat_map(|page| sha256(&[page])).collect()
}

/// The fingerprint of the stream with this header and this trailer (F-604), whether they are
/// authentic or not; bytes that sections or the seal take do not enter.
#[must_use]
pub fn fingerprint_of(header: &StreamHeader, trailer: &Trailer) -> [u8; 32] {
    let mut front = [0; 80];
    front[..48].copy_from_slice(&header.core());
    front[48..].copy_from_slice(&header.commitment);
    let mut content = [0; 72];
    content.copy_from_slice(Trailer::content(&trailer.encode()));
    fingerprint(&front, &content)
}

/// The judgement of a trailer's bytes under a header and its keys, up to the seal (F-707).
///
/// # Errors
/// `Malformed`, `AuthenticationFailed`, or in the place of both `ChecksumMismatch`.
pub fn judge_trailer(
    trailer: &Trailer,
    bytes: &[u8; TRAILER_LEN],
    header: &StreamHeader,
    keys: &RootKeys,
    offset: u64,
) -> Result<(), FormatError> {
    let malformed =
        |what, at| FormatError::Malformed { unit: Unit::Trailer, what, offset: offset + at };
    let judged = if trailer.header_len != header.header_len {
        Err(malformed("header_len", 12))
    } else if trailer.digest != header.digest {
        Err(malformed("digest", 10))
    } else {
        keys.seal_key()
            .verify(Trailer::sealed(bytes), &trailer.seal)
            .map_err(|_| FormatError::AuthenticationFailed { unit: Unit::Seal, offset })
    };
    judged.map_err(|error| error.or_damaged(bytes, Unit::Trailer, offset))
}

/// Whether a header is as new as the sealed one.
///
/// # Errors
/// `StaleHeader`, whose place the header's checksum may still take (F-906).
pub fn judge_revision(trailer: &Trailer, header: &StreamHeader) -> Result<(), FormatError> {
    let (found, sealed) = (header.revision, trailer.revision);
    if found < sealed { Err(FormatError::StaleHeader { found, sealed }) } else { Ok(()) }
}

/// Where the header copy must be, if the unverified trailer leaves room for one (F-809).
#[must_use]
pub fn copy_offset(stream_len: u64, trailer: &Trailer) -> Option<u64> {
    let shape = IndexShape::new(trailer.segments, trailer.digest);
    let header_len = u64::from(trailer.header_len);
    let tail_len = shape.total_len().checked_add(header_len)?.checked_add(TRAILER_LEN as u64)?;
    stream_len.checked_sub(tail_len).filter(|&offset| offset >= header_len)
}

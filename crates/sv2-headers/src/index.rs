//! Index entries, pages and the page table (format.md section 7).

use alloc::vec::Vec;

use crate::header::{array, be_u64};
use crate::{DigestAlg, HeaderError};

/// Entries in a full page of the index.
pub const PAGE_ENTRIES: u64 = 1024;

const SALT_LEN: usize = 24;
const HASH_LEN: u64 = 32;

/// What the index holds of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// The segment's salt.
    pub salt: [u8; SALT_LEN],
    /// The segment's digest; zero and not on the wire where the stream has none.
    pub digest: [u8; 32],
    /// The checksum of the segment's earlier bytes, from its footer.
    pub crc: u64,
}

impl IndexEntry {
    /// Bytes of an entry: `32 + D`.
    #[must_use]
    pub const fn len(digest: DigestAlg) -> usize {
        SALT_LEN + digest.len() + 8
    }

    /// Appends the entry's bytes.
    pub fn encode(&self, digest: DigestAlg, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.digest[..digest.len()]);
        out.extend_from_slice(&self.crc.to_be_bytes());
    }

    /// Reads an entry from exactly its bytes.
    ///
    /// # Errors
    /// `Truncated` where `bytes` has another length than an entry.
    pub fn decode(digest: DigestAlg, bytes: &[u8]) -> Result<Self, HeaderError> {
        let need = Self::len(digest);
        if bytes.len() != need {
            return Err(HeaderError::Truncated { need: need as u64, have: bytes.len() as u64 });
        }
        let mut entry = Self { salt: array(bytes, 0), digest: [0; 32], crc: 0 };
        entry.digest[..digest.len()].copy_from_slice(&bytes[SALT_LEN..need - 8]);
        entry.crc = be_u64(bytes, need - 8);
        Ok(entry)
    }
}

/// Where things are in the index of a stream of `segments` segments, all in bytes from the
/// start of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexShape {
    segments: u64,
    entry_len: u64,
}

impl IndexShape {
    /// The shape for a number of segments (at most 2^32) and a digest.
    #[must_use]
    pub const fn new(segments: u64, digest: DigestAlg) -> Self {
        Self { segments, entry_len: IndexEntry::len(digest) as u64 }
    }

    /// The number of entries.
    #[must_use]
    pub const fn segments(self) -> u64 {
        self.segments
    }

    /// Bytes of one entry.
    #[must_use]
    pub const fn entry_len(self) -> u64 {
        self.entry_len
    }

    /// Bytes of all entries; saturates for a count no stream can have.
    #[must_use]
    pub const fn entries_len(self) -> u64 {
        self.segments.saturating_mul(self.entry_len)
    }

    /// The number of pages.
    #[must_use]
    pub const fn pages(self) -> u64 {
        self.segments.div_ceil(PAGE_ENTRIES)
    }

    /// Bytes of the page table.
    #[must_use]
    pub const fn page_table_len(self) -> u64 {
        self.pages() * HASH_LEN
    }

    /// Bytes of entries and page table together.
    #[must_use]
    pub const fn total_len(self) -> u64 {
        self.entries_len().saturating_add(self.page_table_len())
    }

    /// The page that holds the entry of a segment.
    #[must_use]
    pub const fn page_of(self, segment: u64) -> u64 {
        segment / PAGE_ENTRIES
    }

    /// Start and length of a page in bytes; the length is 0 behind the last page.
    #[must_use]
    pub const fn page(self, page: u64) -> (u64, u64) {
        let full = PAGE_ENTRIES * self.entry_len;
        let start = page.saturating_mul(full);
        let left = self.entries_len().saturating_sub(start);
        (start, if left < full { left } else { full })
    }
}

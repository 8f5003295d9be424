//! The checks of a trailer and of the index under it, in their order (section 7).

use super::header::{Header, check_len};
use super::outcome::{Failure, FailureKind, Unit};
use super::primitives::{all_zero, array, crc_holds, hmac_sha256, sha256, u16_at, u32_at, u64_at};
use super::{Keys, Layout, TRAILER_MAGIC, VERSION};

/// A trailer whose own fields are possible; what it says counts only once its seal holds.
#[derive(Clone, Copy, Debug)]
pub struct Trailer {
    /// All 128 bytes.
    pub bytes: [u8; 128],
    /// Where it begins in the stream.
    pub offset: u64,
    /// The digest id.
    pub digest: u8,
    /// The length of header and copy.
    pub header_len: u32,
    /// The generation.
    pub generation: u64,
    /// n.
    pub segments: u64,
    /// P.
    pub plaintext_len: u64,
    /// The hash of the page table.
    pub index_root: [u8; 32],
    /// The header revision at sealing.
    pub revision: u64,
}

impl Trailer {
    /// The checks that need nothing but the trailer.
    pub fn parse(bytes: [u8; 128], offset: u64) -> Result<Trailer, Failure> {
        let trailer = Trailer {
            bytes,
            offset,
            digest: bytes[10],
            header_len: u32_at(&bytes, 12),
            generation: u64_at(&bytes, 16),
            segments: u64_at(&bytes, 24),
            plaintext_len: u64_at(&bytes, 32),
            index_root: array(&bytes, 40),
            revision: u64_at(&bytes, 72),
        };
        let fail = |kind| Err(trailer.failure(kind, Unit::Trailer));
        if !bytes.starts_with(&TRAILER_MAGIC) {
            return fail(FailureKind::Malformed);
        }
        if u16_at(&bytes, 8) != VERSION {
            return fail(FailureKind::Unsupported);
        }
        if bytes[11] != 0 || !all_zero(&bytes[80..88]) {
            return fail(FailureKind::Malformed);
        }
        if trailer.digest > 2 {
            return fail(FailureKind::Unsupported);
        }
        match check_len(trailer.header_len) {
            Ok(()) => Ok(trailer),
            Err(kind) => fail(kind),
        }
    }

    /// The checks against a header: equal fields, the seal under its keys, its revision.
    /// An old header is a fault of that header, named by `unit` and `offset`.
    pub fn check_against(
        &self,
        header: &Header,
        keys: &Keys,
        unit: Unit,
        offset: u64,
    ) -> Result<(), Failure> {
        if (self.header_len, self.digest) != (header.layout.header_len, header.layout.digest) {
            return Err(self.failure(FailureKind::Malformed, Unit::Trailer));
        }
        if hmac_sha256(&keys.k_seal, &self.bytes[..88])[..] != self.bytes[88..120] {
            return Err(self.failure(FailureKind::AuthenticationFailed, Unit::Seal));
        }
        if header.revision < self.revision {
            let kind = FailureKind::StaleHeader.judged(crc_holds(&header.bytes));
            return Err(Failure::new(kind, unit, offset));
        }
        Ok(())
    }

    /// The checks of n and P by themselves.
    pub fn check_counts(&self, layout: &Layout) -> Result<(), Failure> {
        if self.segments > 1 << 32 || self.plaintext_len > layout.max_plaintext_len() {
            return Err(self.failure(FailureKind::Limit, Unit::Trailer));
        }
        if self.segments != layout.segment_count(self.plaintext_len) {
            return Err(self.failure(FailureKind::Malformed, Unit::Trailer));
        }
        Ok(())
    }

    /// A failure of the trailer, or of its seal, judged by its CRC.
    pub fn failure(&self, kind: FailureKind, unit: Unit) -> Failure {
        let kind = kind.judged(crc_holds(&self.bytes));
        let unit = if kind == FailureKind::ChecksumMismatch { Unit::Trailer } else { unit };
        Failure::new(kind, unit, self.offset)
    }

    /// The page table against the sealed root.
    pub fn check_page_table(&self, table: &[u8], table_offset: u64) -> Result<(), Failure> {
        if sha256(table) == self.index_root {
            return Ok(());
        }
        Err(Failure::new(FailureKind::AuthenticationFailed, Unit::Index, table_offset))
    }
}

/// One page of the index, whose entries are `page`, against its hash in the page table.
pub fn check_page(table: &[u8], number: usize, page: &[u8], offset: u64) -> Result<(), Failure> {
    if sha256(page)[..] == table[32 * number..32 * number + 32] {
        return Ok(());
    }
    Err(Failure::new(FailureKind::AuthenticationFailed, Unit::Index, offset))
}

/// All pages of the index that begins at `index_offset`, in order.
pub fn check_pages(
    layout: &Layout,
    table: &[u8],
    index: &[u8],
    index_offset: u64,
) -> Result<(), Failure> {
    let page_len = 1024 * layout.entry_len() as usize;
    for (number, page) in index.chunks(page_len).enumerate() {
        check_page(table, number, page, index_offset + (number * page_len) as u64)?;
    }
    Ok(())
}

//! The index of a stream that is read once, from front to back (format.md section 8.3).

use sv2_crypto::Sha256;
use sv2_headers::{DigestAlg, IndexEntry, IndexShape, checksum};

/// The running hashes by which a pipe reader compares what it read with the index (F-819), in
/// constant memory.
#[derive(Debug)]
pub struct PipeIndex {
    digest: DigestAlg,
    segments_read: Sha256,
    segments: u64,
}

impl PipeIndex {
    /// Nothing read yet.
    #[must_use]
    pub fn new(digest: DigestAlg) -> Self {
        Self { digest, segments_read: Sha256::new(), segments: 0 }
    }

    /// Takes in a segment that was read.
    pub fn push(&mut self, salt: &[u8; 24], digest: &[u8; 32]) {
        self.segments_read.update(salt);
        self.segments_read.update(&digest[..self.digest.len()]);
        self.segments += 1;
    }

    /// The number of segments that were read.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.segments
    }

    /// Bytes of index and page table.
    #[must_use]
    pub fn total_len(&self) -> u64 {
        IndexShape::new(self.segments, self.digest).total_len()
    }

    /// Reads index and page table by `read`, which fills its buffer or fails, and returns the
    /// check of both, to be made once the trailer is known to be authentic.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read_index<E>(
        &self,
        mut read: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<PipeIndexCheck, E> {
        let shape = IndexShape::new(self.segments, self.digest);
        let (mut in_index, mut pages, mut table) = (Sha256::new(), Sha256::new(), Sha256::new());
        let mut entry = alloc::vec![0; IndexEntry::len(self.digest)];
        let checked_len = entry.len() - checksum::CRC_LEN;
        for page in 0..shape.pages() {
            let mut page_hash = Sha256::new();
            let (_, page_len) = shape.page(page);
            for _ in 0..page_len / shape.entry_len() {
                read(&mut entry)?;
                in_index.update(&entry[..checked_len]);
                page_hash.update(&entry);
            }
            pages.update(&page_hash.finish());
        }
        let mut hash = [0; 32];
        for _ in 0..shape.pages() {
            read(&mut hash)?;
            table.update(&hash);
        }
        Ok(PipeIndexCheck {
            table_offset: shape.entries_len(),
            same_segments: in_index.finish() == self.segments_read.clone().finish(),
            pages: pages.finish(),
            table: table.finish(),
        })
    }
}

/// What is left to compare when the trailer was judged.
#[derive(Debug)]
pub struct PipeIndexCheck {
    table_offset: u64,
    same_segments: bool,
    pages: [u8; 32],
    table: [u8; 32],
}

impl PipeIndexCheck {
    /// Whether page table and index are the sealed ones and agree with the segments read.
    ///
    /// # Errors
    /// Where that begins, in bytes from the start of the index, which is not: in constant memory
    /// no single page can be named.
    pub fn holds(&self, index_root: &[u8; 32]) -> Result<(), u64> {
        if self.table != *index_root {
            return Err(self.table_offset);
        }
        if self.pages != *index_root || !self.same_segments {
            return Err(0);
        }
        Ok(())
    }
}

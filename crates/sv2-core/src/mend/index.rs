//! Entries of the index from their segments, where the hash of their page then agrees, and hashes
//! of pages where index_root then agrees (F-842).
//!
//! One page is held at a time, whatever the length of the index.

use std::collections::BTreeMap;

use sv2_crypto::{Sha256, sha256};
use sv2_headers::{IndexEntry, IndexShape, PAGE_ENTRIES, Trailer};
use sv2_pipeline::Cancellation;

use crate::mend::damaged::Damaged;
use crate::mend::segment::Segments;
use crate::mend::{Found, Mend, check_cancelled};
use crate::{StreamError, Unit};

const HASH_LEN: usize = 32;

/// The index of a stream of which something is damaged.
pub(super) struct Index<'m> {
    segments: &'m Segments<'m>,
    damaged: &'m Damaged,
    cancel: &'m Cancellation,
    shape: IndexShape,
    offset: u64,
}

/// The page table that the trailer vouches for.
pub(super) struct PageTable {
    /// As it is stored.
    stored: Vec<u8>,
    /// Hashes that belong in it in place of those that are stored.
    replaced: BTreeMap<u64, [u8; HASH_LEN]>,
    /// Pages that are not what their stored hash says, and what their hash is.
    bad: BTreeMap<u64, [u8; HASH_LEN]>,
}

impl<'m> Index<'m> {
    pub(super) fn new(
        segments: &'m Segments<'m>,
        damaged: &'m Damaged,
        cancel: &'m Cancellation,
    ) -> Self {
        let shape = IndexShape::new(segments.count, segments.layout.digest);
        let offset = segments.layout.index_offset(segments.plaintext_len);
        Self { segments, damaged, cancel, shape, offset }
    }

    /// Puts back what is damaged of the index and of the segments that follow from it, page by page,
    /// until `found` is full.
    pub(super) fn mend(&self, trailer: &Trailer, found: &mut Found) -> Result<(), StreamError> {
        // Without damage of the index, everything holds as it is stored.
        let table = match self.damaged.has_index() {
            true => match self.table(trailer)? {
                Some(table) => Some(table),
                None => return Ok(()),
            },
            false => None,
        };
        if let Some(table) = &table {
            self.put_table(table, found);
        }
        let bad = table.iter().flat_map(|table| table.bad.keys().copied());
        let mut pages: Vec<u64> = bad.chain(self.damaged.pages()).collect();
        pages.sort_unstable();
        pages.dedup();
        pages.retain(|&page| page < self.shape.pages());
        for page in pages {
            check_cancelled(self.cancel)?;
            if found.is_full() {
                return Ok(());
            }
            if let Some(entries) = self.page(page, table.as_ref(), found)? {
                self.put_segments(page, &entries, found)?;
            }
        }
        Ok(())
    }

    /// The table as it is, or with the hashes of the pages as they are, or as they can be made;
    /// `None` where none of them has the hash that the trailer names.
    fn table(&self, trailer: &Trailer) -> Result<Option<PageTable>, StreamError> {
        let at = self.offset + self.shape.entries_len();
        let stored = self.segments.source.read_vec(at, self.shape.page_table_len())?;
        let mut bad = BTreeMap::new();
        for page in 0..self.shape.pages() {
            check_cancelled(self.cancel)?;
            let hash = sha256(&[&self.read(page)?]);
            if hash != row(&stored, page) {
                bad.insert(page, hash);
            }
        }
        let mut table = PageTable { stored, replaced: BTreeMap::new(), bad };
        if table.root() == trailer.index_root {
            return Ok(Some(table));
        }
        table.replaced.clone_from(&table.bad);
        if table.root() == trailer.index_root {
            return Ok(Some(table));
        }
        for (&page, hash) in &mut table.replaced {
            check_cancelled(self.cancel)?;
            *hash = sha256(&[&self.rebuilt(page, &self.read(page)?)?]);
        }
        Ok((table.root() == trailer.index_root).then_some(table))
    }

    fn read(&self, page: u64) -> Result<Vec<u8>, StreamError> {
        let (start, len) = self.shape.page(page);
        self.segments.source.read_vec(self.offset + start, len)
    }

    /// Puts back rows of the page table.
    fn put_table(&self, table: &PageTable, found: &mut Found) {
        let at = self.offset + self.shape.entries_len();
        for (page, hash) in &table.replaced {
            if found.is_full() {
                return;
            }
            if row(&table.stored, *page) != hash {
                let offset = at + page * HASH_LEN as u64;
                found.push(Mend { unit: Unit::Index, offset, bytes: hash.to_vec() });
            }
        }
    }

    /// A page for which the table vouches, as it is or as it was put back; `None` where it is lost.
    fn page(
        &self,
        page: u64,
        table: Option<&PageTable>,
        found: &mut Found,
    ) -> Result<Option<Vec<u8>>, StreamError> {
        let stored = self.read(page)?;
        let Some((table, is)) = table.and_then(|table| Some((table, table.bad.get(&page)?))) else {
            return Ok(Some(stored));
        };
        let right = table.replaced.get(&page).map_or(row(&table.stored, page), |hash| &hash[..]);
        if is == right {
            return Ok(Some(stored));
        }
        let rebuilt = self.rebuilt(page, &stored)?;
        if sha256(&[&rebuilt]) != right {
            return Ok(None);
        }
        let len = IndexEntry::len(self.segments.layout.digest);
        let (start, _) = self.shape.page(page);
        let pieces = stored.chunks(len).zip(rebuilt.chunks(len));
        for (offset, (stored, right)) in (self.offset + start..).step_by(len).zip(pieces) {
            if stored != right {
                found.push(Mend { unit: Unit::Index, offset, bytes: right.to_vec() });
            }
        }
        Ok(Some(rebuilt))
    }

    /// A page in which the entries of damaged segments are what the segments say.
    fn rebuilt(&self, page: u64, stored: &[u8]) -> Result<Vec<u8>, StreamError> {
        let digest = self.segments.layout.digest;
        let len = IndexEntry::len(digest);
        let mut bytes = stored.to_vec();
        for &number in self.damaged.segments_of(page) {
            check_cancelled(self.cancel)?;
            let at = (number - page * PAGE_ENTRIES) as usize * len;
            let Some(place) = bytes.get_mut(at..at + len) else { continue };
            let Ok(entry) = IndexEntry::decode(digest, place) else { continue };
            let mut encoded = Vec::new();
            self.segments.entry(number, &entry)?.encode(digest, &mut encoded);
            place.copy_from_slice(&encoded);
        }
        Ok(bytes)
    }

    /// Puts back what of the damaged segments of a page follows from their entries.
    fn put_segments(
        &self,
        page: u64,
        entries: &[u8],
        found: &mut Found,
    ) -> Result<(), StreamError> {
        let digest = self.segments.layout.digest;
        let len = IndexEntry::len(digest);
        for &number in self.damaged.segments_of(page) {
            check_cancelled(self.cancel)?;
            if found.is_full() {
                return Ok(());
            }
            let at = (number - page * PAGE_ENTRIES) as usize * len;
            let entry = entries.get(at..at + len).map(|bytes| IndexEntry::decode(digest, bytes));
            if let Some(Ok(entry)) = entry {
                self.segments.mend(number, &entry, found)?;
            }
        }
        Ok(())
    }
}

impl PageTable {
    /// Its hash, with what is replaced in it.
    fn root(&self) -> [u8; HASH_LEN] {
        let mut root = Sha256::new();
        let mut done = 0;
        for (page, hash) in &self.replaced {
            let at = *page as usize * HASH_LEN;
            root.update(&self.stored[done..at]);
            root.update(hash);
            done = at + HASH_LEN;
        }
        root.update(&self.stored[done..]);
        root.finish()
    }
}

/// The hash of a page as a table has it.
fn row(table: &[u8], page: u64) -> &[u8] {
    let at = page as usize * HASH_LEN;
    &table[at..at + HASH_LEN]
}

//! The index as it lies in a stream, page by page, for a scrub.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use sv2_crypto::{Sha256, sha256};
use sv2_framing::StreamLayout;
use sv2_headers::{DigestAlg, IndexEntry, IndexShape, PAGE_ENTRIES, Trailer};

use crate::damage::{Damage, Fault};
use crate::extents::Holes;
use crate::io::PositionedInput;
use crate::tail::zeros_hash;
use crate::{StreamError, Unit};

/// Pages that are kept while segments near each other are checked.
const KEPT_PAGES: usize = 4;

/// Hashes of the page table that are read at a time.
const TABLE_STEP: u64 = 1024;

/// Where the index of a stream lies, and the pages that were read last.
pub(super) struct PageSource<'s> {
    source: &'s PositionedInput<'s>,
    place: Place,
    kept: Mutex<VecDeque<(u64, Arc<Vec<u8>>)>>,
}

struct Place {
    offset: u64,
    shape: IndexShape,
    digest: DigestAlg,
    index_root: [u8; 32],
}

impl<'s> PageSource<'s> {
    /// The index of a stream whose trailer fits it (F-837).
    pub(super) fn new(
        source: &'s PositionedInput<'s>,
        layout: &StreamLayout,
        trailer: &Trailer,
    ) -> Self {
        let place = Place {
            offset: layout.index_offset(trailer.plaintext_len),
            shape: IndexShape::new(trailer.segments, layout.digest),
            digest: layout.digest,
            index_root: trailer.index_root,
        };
        Self { source, place, kept: Mutex::default() }
    }

    /// The entry of a segment; `None` behind the last one.
    pub(super) fn entry(&self, segment: u64) -> Result<Option<IndexEntry>, StreamError> {
        let page = self.page(segment / PAGE_ENTRIES)?;
        let len = IndexEntry::len(self.place.digest);
        let at = (segment % PAGE_ENTRIES) as usize * len;
        let entry = page.get(at..at + len);
        Ok(entry.and_then(|bytes| IndexEntry::decode(self.place.digest, bytes).ok()))
    }

    /// A page, which is read once, however many workers ask for it at the same time.
    fn page(&self, page: u64) -> Result<Arc<Vec<u8>>, StreamError> {
        // Held while the page is read: who wants the same page waits for it.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = kept.iter().find(|(kept, _)| *kept == page) {
            return Ok(Arc::clone(bytes));
        }
        let (start, len) = self.place.shape.page(page);
        let bytes = Arc::new(self.source.read_vec(self.place.offset + start, len)?);
        kept.push_back((page, Arc::clone(&bytes)));
        if kept.len() > KEPT_PAGES {
            kept.pop_front();
        }
        Ok(bytes)
    }

    /// Checks every page against the page table, and the page table against index_root.
    ///
    /// What lies in the hole of a sparse file is judged without being read, page table and pages
    /// alike, and is one piece of damage however long it is.
    pub(super) fn check(&self, found: &mut dyn FnMut(Damage)) -> Result<(), StreamError> {
        let place = &self.place;
        let holes = Holes::of(self.source);
        let table_offset = place.offset + place.shape.entries_len();
        let table_len = place.shape.page_table_len();
        // None where a part of the table was never written, which says enough of it.
        let mut root = Some(Sha256::new());
        let mut zeros = None;
        let mut done = 0;
        while done < table_len {
            let hole = holes.end_of_hole(table_offset + done).saturating_sub(table_offset + done);
            let rows = (hole.min(table_len - done)) / 32;
            if rows > 0 {
                // No page hashes to zeros.
                let first = place.page(done / 32);
                let last = place.page(done / 32 + rows - 1);
                let fault = Fault::Disagrees("page and page table");
                found(Damage::bare(Unit::Index, fault, first.start, last.end - first.start));
                done += 32 * rows;
                root = None;
                continue;
            }
            let step = (table_len - done).min(32 * TABLE_STEP);
            let hashes = self.source.read_vec(table_offset + done, step)?;
            root.iter_mut().for_each(|root| root.update(&hashes));
            for (page, hash) in (done / 32..).zip(hashes.chunks_exact(32)) {
                let range = place.page(page);
                let len = range.end - range.start;
                let is = match holes.cover(&range) {
                    true => zeros_hash(len, &mut zeros),
                    false => sha256(&[&self.source.read_vec(range.start, len)?]),
                };
                if is != hash {
                    let fault = Fault::Disagrees("page and page table");
                    found(Damage::bare(Unit::Index, fault, range.start, len));
                }
            }
            done += step;
        }
        if root.is_some_and(|root| root.finish() != place.index_root) {
            let fault = Fault::Disagrees("page table and index_root");
            found(Damage::bare(Unit::Index, fault, table_offset, table_len));
        }
        Ok(())
    }
}

impl Place {
    /// Where a page is.
    fn page(&self, page: u64) -> Range<u64> {
        let (start, len) = self.shape.page(page);
        self.offset + start..self.offset + start + len
    }
}

//! Entries of the index from their segments, where the hash of their page then agrees, and hashes
//! of pages where index_root then agrees (F-842).

use std::collections::{BTreeMap, BTreeSet};

use sv2_crypto::sha256;
use sv2_headers::{IndexEntry, IndexShape, PAGE_ENTRIES, Trailer};

use crate::mend::segment::Segments;
use crate::mend::{Found, Mend};
use crate::{StreamError, Unit};

const HASH_LEN: usize = 32;

/// The entries that the trailer vouches for.
pub(super) enum Entries {
    /// All, as they are stored.
    AsStored,
    /// All but those of these pages; `None` where a page is lost.
    But(BTreeMap<u64, Option<Vec<u8>>>),
    /// None: the page table is lost.
    None,
}

impl Entries {
    /// The entry of a segment, where the trailer vouches for it.
    pub(super) fn entry(
        &self,
        segments: &Segments<'_>,
        number: u64,
    ) -> Result<Option<IndexEntry>, StreamError> {
        let pages = match self {
            Self::None => return Ok(None),
            Self::AsStored => None,
            Self::But(pages) => pages.get(&(number / PAGE_ENTRIES)),
        };
        let digest = segments.layout.digest;
        let len = IndexEntry::len(digest);
        let bytes = match pages {
            Some(None) => return Ok(None),
            Some(Some(page)) => {
                let at = (number % PAGE_ENTRIES) as usize * len;
                page.get(at..at + len).map(<[u8]>::to_vec).unwrap_or_default()
            }
            None => {
                let index = segments.layout.index_offset(segments.plaintext_len);
                segments.source.read_vec(index + number * len as u64, len as u64)?
            }
        };
        Ok(IndexEntry::decode(digest, &bytes).ok())
    }
}

/// Puts back entries and hashes, and says which entries hold then.
///
/// `damaged` are the segments of which something is damaged or differs from the index.
pub(super) fn mend(
    segments: &Segments<'_>,
    trailer: &Trailer,
    damaged: &BTreeSet<u64>,
    found: &mut Found,
) -> Result<Entries, StreamError> {
    let index = segments.layout.index_offset(segments.plaintext_len);
    let shape = IndexShape::new(segments.count, segments.layout.digest);
    let table_at = index + shape.entries_len();
    let table = segments.source.read_vec(table_at, shape.page_table_len())?;
    let mut bad = BTreeMap::new();
    let (mut by_pages, mut by_segments) = (table.clone(), table.clone());
    for page in 0..shape.pages() {
        let (start, len) = shape.page(page);
        let stored = segments.source.read_vec(index + start, len)?;
        let at = page as usize * HASH_LEN;
        let hash = sha256(&[&stored]);
        if hash == table[at..at + HASH_LEN] {
            continue;
        }
        let rebuilt = rebuilt(segments, page, &stored, damaged)?;
        by_pages[at..at + HASH_LEN].copy_from_slice(&hash);
        by_segments[at..at + HASH_LEN].copy_from_slice(&sha256(&[&rebuilt]));
        bad.insert(page, (stored, rebuilt));
    }
    // The table as it is, or with the hashes of the pages as they are, or as they can be made.
    let tables = [&table, &by_pages, &by_segments];
    let Some(right) = tables.into_iter().find(|table| sha256(&[table]) == trailer.index_root)
    else {
        return Ok(Entries::None);
    };
    put_differences(found, table_at, HASH_LEN, &table, right);
    let mut pages = BTreeMap::new();
    for (page, (stored, rebuilt)) in bad {
        let at = page as usize * HASH_LEN;
        let holds = |bytes: &Vec<u8>| sha256(&[bytes]) == right[at..at + HASH_LEN];
        let whole = [&stored, &rebuilt].into_iter().find(|bytes| holds(bytes)).cloned();
        if let Some(whole) = &whole {
            let start = index + shape.page(page).0;
            put_differences(found, start, shape.entry_len() as usize, &stored, whole);
        }
        pages.insert(page, whole);
    }
    Ok(Entries::But(pages))
}

/// A page in which the entries of damaged segments are what the segments say.
fn rebuilt(
    segments: &Segments<'_>,
    page: u64,
    stored: &[u8],
    damaged: &BTreeSet<u64>,
) -> Result<Vec<u8>, StreamError> {
    let digest = segments.layout.digest;
    let len = IndexEntry::len(digest);
    let mut bytes = stored.to_vec();
    let first = page * PAGE_ENTRIES;
    for &number in damaged.range(first..first + PAGE_ENTRIES) {
        let at = (number - first) as usize * len;
        let Some(Ok(entry)) =
            stored.get(at..at + len).map(|bytes| IndexEntry::decode(digest, bytes))
        else {
            continue;
        };
        let mut encoded = Vec::new();
        segments.entry(number, &entry)?.encode(digest, &mut encoded);
        bytes[at..at + len].copy_from_slice(&encoded);
    }
    Ok(bytes)
}

/// Puts back those pieces of `len` bytes that differ.
fn put_differences(found: &mut Found, at: u64, len: usize, stored: &[u8], right: &[u8]) {
    let pieces = (at..).step_by(len).zip(stored.chunks(len).zip(right.chunks(len)));
    for (offset, (stored, right)) in pieces {
        if stored != right {
            found.push(Mend { unit: Unit::Index, offset, bytes: right.to_vec() });
        }
    }
}

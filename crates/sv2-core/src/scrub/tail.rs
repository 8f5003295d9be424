//! Checking header, header copy, index and trailer.

use sv2_crypto::sha256;
use sv2_headers::{IndexEntry, TRAILER_LEN};

use crate::damage::{Damage, Fault};
use crate::inspect::Inspection;
use crate::io::PositionedInput;
use crate::scrub::{bare, index_place};
use crate::{StreamError, Unit};

/// The entries of an index as they lie in the stream, and which pages agree with the page table.
pub(crate) struct ScrubIndex {
    entries: Vec<u8>,
    entry_len: usize,
    damages: Vec<Damage>,
}

impl ScrubIndex {
    /// The entry of a segment, or `None` where the index cannot be found.
    pub(crate) fn entry(&self, stream: &Inspection, segment: u64) -> Option<IndexEntry> {
        let at = usize::try_from(segment).ok()?.checked_mul(self.entry_len)?;
        let bytes = self.entries.get(at..at.checked_add(self.entry_len)?)?;
        IndexEntry::decode(stream.layout.digest, bytes).ok()
    }
}

/// Reads the index and checks page table and index_root.
pub(crate) fn read_index(
    source: &PositionedInput<'_>,
    stream: &Inspection,
) -> Result<ScrubIndex, StreamError> {
    let mut index = ScrubIndex { entries: Vec::new(), entry_len: 1, damages: Vec::new() };
    let (Some((offset, shape, digest)), Some(trailer)) = (index_place(stream), &stream.trailer)
    else {
        return Ok(index);
    };
    index.entry_len = IndexEntry::len(digest);
    index.entries = source.read_vec(offset, shape.entries_len())?;
    let table_offset = offset + shape.entries_len();
    let table = source.read_vec(table_offset, shape.page_table_len())?;
    if sha256(&[&table]) != trailer.index_root {
        let fault = Fault::Disagrees("page table and index_root");
        index.damages.push(bare(Unit::Index, fault, table_offset, shape.page_table_len()));
    }
    for (page, hash) in (0..shape.pages()).zip(table.chunks_exact(32)) {
        let (start, len) = shape.page(page);
        // The shape's pages lie within the entries, which are in memory.
        let bytes = &index.entries[start as usize..(start + len) as usize];
        if sha256(&[bytes]) != hash {
            let fault = Fault::Disagrees("page and page table");
            index.damages.push(bare(Unit::Index, fault, offset + start, len));
        }
    }
    Ok(index)
}

/// Checks front header and copy: their checksums, and that they are the same (F-831).
pub(crate) fn check_header(
    source: &PositionedInput<'_>,
    stream: &Inspection,
) -> Result<Vec<Damage>, StreamError> {
    let mut damages = Vec::new();
    let header_len = u64::from(stream.header.header_len);
    if !stream.front_intact {
        damages.push(bare(Unit::Header, Fault::Checksum, 0, header_len));
    }
    let Some(trailer) = &stream.trailer else {
        damages.push(bare(Unit::Trailer, Fault::Missing, source.len(), 0));
        return Ok(damages);
    };
    let copy_offset = crate::tail::copy_offset(source.len(), trailer);
    match copy_offset {
        Some(offset) if stream.copy_intact == Some(true) => {
            let differs = stream.front_intact
                && offset + header_len <= source.len()
                && source.read_vec(0, header_len)? != source.read_vec(offset, header_len)?;
            if differs {
                let fault = Fault::Disagrees("header and header copy");
                damages.push(bare(Unit::HeaderCopy, fault, offset, header_len));
            }
        }
        Some(offset) => {
            damages.push(bare(Unit::HeaderCopy, Fault::Checksum, offset, header_len));
        }
        None => damages.push(bare(Unit::HeaderCopy, Fault::Missing, source.len(), 0)),
    }
    Ok(damages)
}

/// Checks the trailer, and hands out what was found of the index.
pub(crate) fn check_tail(
    source: &PositionedInput<'_>,
    stream: &Inspection,
    index: &ScrubIndex,
) -> Result<Vec<Damage>, StreamError> {
    let mut damages = index.damages.clone();
    let offset = source.len().saturating_sub(TRAILER_LEN as u64);
    let whole = |fault| bare(Unit::Trailer, fault, offset, TRAILER_LEN as u64);
    if stream.trailer_intact == Some(false) {
        damages.push(whole(Fault::Checksum));
    } else if stream.len_matches == Some(false) {
        damages.push(whole(Fault::Disagrees("length of the stream")));
    }
    if let Some(trailer) = &stream.trailer {
        if trailer.header_len != stream.header.header_len {
            damages.push(whole(Fault::Disagrees("header_len of header and trailer")));
        }
        if trailer.digest != stream.header.digest {
            damages.push(whole(Fault::Disagrees("digest of header and trailer")));
        }
    }
    Ok(damages)
}

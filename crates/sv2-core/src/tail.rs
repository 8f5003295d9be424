//! The tail of a stream: making it, and reading it from a source that can seek (format.md
//! sections 7 and 8.2).

use sv2_crypto::{Sha256, fingerprint, sha256};
use sv2_framing::StreamLayout;
use sv2_headers::{
    DigestAlg, HEADER_PREFIX_LEN, IndexEntry, IndexShape, PAGE_ENTRIES, TRAILER_LEN, TRAILER_MAGIC,
    Trailer, checksum,
};

use crate::header::{HeaderStart, KeyedHeader, explain};
use crate::io::PositionedInput;
use crate::key::KeyRing;
use crate::{StreamError, Unit};

/// The index of a stream that is being written.
pub(crate) struct IndexBuilder {
    digest: DigestAlg,
    entries: Vec<u8>,
    plaintext_len: u64,
}

impl IndexBuilder {
    pub(crate) fn new(digest: DigestAlg) -> Self {
        Self { digest, entries: Vec::new(), plaintext_len: 0 }
    }

    /// Takes in the next segment.
    pub(crate) fn push(&mut self, entry: &IndexEntry, plaintext_len: u32) {
        entry.encode(self.digest, &mut self.entries);
        self.plaintext_len += u64::from(plaintext_len);
    }

    /// Plaintext bytes of the segments so far.
    pub(crate) fn plaintext_len(&self) -> u64 {
        self.plaintext_len
    }

    /// The tail: header copy, index, page table, trailer.
    pub(crate) fn into_tail(self, keyed: &KeyedHeader, generation: u64) -> (Vec<u8>, Trailer) {
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

/// The fingerprint of a sealed stream.
pub(crate) fn fingerprint_of(keyed: &KeyedHeader, trailer: &Trailer) -> [u8; 32] {
    let mut header = [0; 80];
    header.copy_from_slice(&keyed.bytes[..80]);
    let trailer_bytes = trailer.encode();
    let mut content = [0; 72];
    content.copy_from_slice(Trailer::content(&trailer_bytes));
    fingerprint(&header, &content)
}

/// The judgement of a trailer's bytes under a header's keys, up to the sealed revision (F-707).
pub(crate) fn judge_trailer(
    trailer: &Trailer,
    bytes: &[u8; TRAILER_LEN],
    keyed: &KeyedHeader,
    offset: u64,
) -> Result<(), StreamError> {
    let malformed =
        |what, at| StreamError::Malformed { unit: Unit::Trailer, what, offset: offset + at };
    let judged = if trailer.header_len != keyed.header.header_len {
        Err(malformed("header_len", 12))
    } else if trailer.digest != keyed.header.digest {
        Err(malformed("digest", 10))
    } else {
        keyed
            .keys
            .seal_key()
            .verify(Trailer::sealed(bytes), &trailer.seal)
            .map_err(|_| StreamError::AuthenticationFailed { unit: Unit::Seal, offset })
    };
    judged.map_err(|error| explain(error, bytes, Unit::Trailer, offset))
}

/// Whether the header is as new as the sealed one.
pub(crate) fn judge_revision(
    trailer: &Trailer,
    keyed: &KeyedHeader,
    unit: Unit,
    offset: u64,
) -> Result<(), StreamError> {
    let (found, sealed) = (keyed.header.revision, trailer.revision);
    if found >= sealed {
        return Ok(());
    }
    Err(explain(StreamError::StaleHeader { found, sealed }, &keyed.bytes, unit, offset))
}

/// A sealed stream that was opened for reading at any place; its index was not read yet.
pub(crate) struct SealedStream {
    pub(crate) keyed: KeyedHeader,
    pub(crate) trailer: Trailer,
    pub(crate) trailer_bytes: [u8; TRAILER_LEN],
    pub(crate) layout: StreamLayout,
    pub(crate) shape: IndexShape,
    index_offset: u64,
}

impl SealedStream {
    /// Opens a stream from its trailer (F-804 to F-809).
    pub(crate) fn open(
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
        context: &[u8],
    ) -> Result<Self, StreamError> {
        let stream = Self::open_any_length(source, ring, context)?;
        let offset = source.len() - TRAILER_LEN as u64;
        if stream.layout.stream_len(stream.trailer.plaintext_len) != Some(source.len()) {
            let what = "length of the stream";
            let error = StreamError::Malformed { unit: Unit::Trailer, what, offset };
            return Err(explain(error, &stream.trailer_bytes, Unit::Trailer, offset));
        }
        Ok(stream)
    }

    /// As [`SealedStream::open`], but takes a stream whose segments went missing or grew: its
    /// tail is found from its end.
    pub(crate) fn open_any_length(
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
        context: &[u8],
    ) -> Result<Self, StreamError> {
        let (trailer_bytes, offset) = read_trailer(source)?;
        let judged = |error| explain(error, &trailer_bytes, Unit::Trailer, offset);
        let trailer = Trailer::decode(&trailer_bytes)
            .map_err(|error| judged(StreamError::from_header(error, Unit::Trailer, offset)))?;
        let keyed = open_header(source, &trailer, &trailer_bytes, offset, ring, context)?;

        let geometry = keyed.header.geometry;
        trailer
            .check_counts(geometry)
            .map_err(|error| judged(StreamError::from_header(error, Unit::Trailer, offset)))?;
        let layout = keyed.layout();
        let shape = IndexShape::new(trailer.segments, trailer.digest);
        let what = "length of the stream";
        let index_offset = offset
            .checked_sub(shape.total_len())
            .ok_or_else(|| judged(StreamError::Malformed { unit: Unit::Trailer, what, offset }))?;
        Ok(Self { keyed, trailer, trailer_bytes, layout, shape, index_offset })
    }

    /// Where the index begins.
    pub(crate) fn index_offset(&self) -> u64 {
        self.index_offset
    }

    /// Reads the page table and checks it under the seal.
    pub(crate) fn read_page_table(
        &self,
        source: &PositionedInput<'_>,
    ) -> Result<Vec<u8>, StreamError> {
        let offset = self.index_offset() + self.shape.entries_len();
        let table = source.read_vec(offset, self.shape.page_table_len())?;
        if sha256(&[&table]) != self.trailer.index_root {
            return Err(StreamError::AuthenticationFailed { unit: Unit::Index, offset });
        }
        Ok(table)
    }

    /// Reads one page and checks it under the page table.
    pub(crate) fn read_page(
        &self,
        source: &PositionedInput<'_>,
        table: &[u8],
        page: u64,
    ) -> Result<Vec<u8>, StreamError> {
        let (start, len) = self.shape.page(page);
        let offset = self.index_offset() + start;
        let bytes = source.read_vec(offset, len)?;
        let hash = table.chunks_exact(32).nth(page as usize);
        if hash != Some(&sha256(&[&bytes])[..]) {
            return Err(StreamError::AuthenticationFailed { unit: Unit::Index, offset });
        }
        Ok(bytes)
    }

    /// Reads and checks the whole index (F-810).
    pub(crate) fn read_index(&self, source: &PositionedInput<'_>) -> Result<Index, StreamError> {
        let table = self.read_page_table(source)?;
        let mut entries = Vec::new();
        for page in 0..self.shape.pages() {
            entries.extend_from_slice(&self.read_page(source, &table, page)?);
        }
        Ok(Index { digest: self.trailer.digest, entries })
    }

    /// Frames of all segments.
    pub(crate) fn frames(&self) -> u64 {
        self.trailer.plaintext_len.div_ceil(self.layout.geometry.frame_size().into())
    }

    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        fingerprint_of(&self.keyed, &self.trailer)
    }
}

/// The entries of an index that was checked.
pub(crate) struct Index {
    digest: DigestAlg,
    entries: Vec<u8>,
}

impl Index {
    /// The entry of a segment; `None` behind the last one.
    pub(crate) fn entry(&self, segment: u64) -> Option<IndexEntry> {
        let len = IndexEntry::len(self.digest);
        let at = usize::try_from(segment).ok()?.checked_mul(len)?;
        IndexEntry::decode(self.digest, self.entries.get(at..at + len)?).ok()
    }
}

/// The last 128 bytes of a source and where they begin (F-902).
pub(crate) fn read_trailer(
    source: &PositionedInput<'_>,
) -> Result<([u8; TRAILER_LEN], u64), StreamError> {
    let mut bytes = [0; TRAILER_LEN];
    if let Some(offset) = source.len().checked_sub(TRAILER_LEN as u64) {
        source.read_exact_at(&mut bytes, offset)?;
        if bytes[..8] == TRAILER_MAGIC {
            return Ok((bytes, offset));
        }
    }
    let front = source.read_vec(0, source.len().min(8))?;
    if front == sv2_headers::HEADER_MAGIC {
        Err(StreamError::Unsealed { segments: 0 })
    } else {
        Err(StreamError::NotAStream)
    }
}

/// Chooses between front header and copy (F-806 to F-808).
fn open_header(
    source: &PositionedInput<'_>,
    trailer: &Trailer,
    trailer_bytes: &[u8; TRAILER_LEN],
    trailer_offset: u64,
    ring: &mut KeyRing<'_>,
    context: &[u8],
) -> Result<KeyedHeader, StreamError> {
    let mut usable = |bytes: Result<Vec<u8>, StreamError>, unit, offset| {
        let keyed = KeyedHeader::open(bytes?, ring, context, unit, offset)?;
        judge_trailer(trailer, trailer_bytes, &keyed, trailer_offset)?;
        judge_revision(trailer, &keyed, unit, offset)?;
        Ok::<_, StreamError>(keyed)
    };
    let front_bytes = read_front(source)?;
    let copy_offset = copy_offset(source.len(), trailer);
    let copy_bytes = match copy_offset {
        Some(offset) => Some((source.read_vec(offset, trailer.header_len.into())?, offset)),
        None => None,
    };
    let same = match (&front_bytes, &copy_bytes) {
        (Ok(front), Some((copy, _))) => front == copy,
        _ => false,
    };
    let front = usable(front_bytes, Unit::Header, 0);
    if same {
        return front;
    }
    let copy = copy_bytes.map(|(bytes, offset)| {
        let bytes = check_copy(bytes, trailer, offset);
        usable(bytes, Unit::HeaderCopy, offset)
    });
    match (front, copy) {
        (Ok(front), Some(Ok(copy))) if copy.header.revision > front.header.revision => Ok(copy),
        (Ok(front), _) => Ok(front),
        (Err(_), Some(Ok(copy))) => Ok(copy),
        (Err(StreamError::NotAStream), Some(Err(error))) => Err(error),
        (Err(StreamError::NotAStream), None) => {
            let offset = trailer_offset;
            let error = StreamError::Malformed { unit: Unit::Trailer, what: "lengths", offset };
            Err(explain(error, trailer_bytes, Unit::Trailer, offset))
        }
        (Err(error), _) => Err(error),
    }
}

/// The bytes of the front header, or why they are no candidate; the outer error is the source's.
fn read_front(source: &PositionedInput<'_>) -> Result<Result<Vec<u8>, StreamError>, StreamError> {
    let prefix = source.read_vec(0, source.len().min(HEADER_PREFIX_LEN as u64))?;
    let damaged = StreamError::ChecksumMismatch { unit: Unit::Header, offset: 0 };
    Ok(match HeaderStart::of(&prefix) {
        HeaderStart::NoMagic => Err(StreamError::NotAStream),
        HeaderStart::Len(len) if len as u64 <= source.len() => Ok(source.read_vec(0, len as u64)?),
        HeaderStart::Len(_) | HeaderStart::Cut | HeaderStart::ImpossibleLen => Err(damaged),
    })
}

/// Where the header copy must be, if the unverified trailer leaves room for one (F-809).
pub(crate) fn copy_offset(stream_len: u64, trailer: &Trailer) -> Option<u64> {
    let shape = IndexShape::new(trailer.segments, trailer.digest);
    let header_len = u64::from(trailer.header_len);
    let tail_len = shape.total_len().checked_add(header_len)?.checked_add(TRAILER_LEN as u64)?;
    stream_len.checked_sub(tail_len).filter(|&offset| offset >= header_len)
}

/// Whether the bytes at the copy's place can be judged as a header of the trailer's length.
fn check_copy(bytes: Vec<u8>, trailer: &Trailer, offset: u64) -> Result<Vec<u8>, StreamError> {
    let unit = Unit::HeaderCopy;
    match HeaderStart::of(&bytes) {
        HeaderStart::NoMagic => {
            let error = StreamError::Malformed { unit, what: "magic", offset };
            Err(explain(error, &bytes, unit, offset))
        }
        HeaderStart::Len(len) if len == trailer.header_len as usize => Ok(bytes),
        _ => Err(StreamError::ChecksumMismatch { unit, offset }),
    }
}

/// The running hashes by which a pipe reader compares what it read with the index (F-819), in
/// constant memory.
pub(crate) struct PipeIndex {
    digest: DigestAlg,
    segments_read: Sha256,
    segments: u64,
}

impl PipeIndex {
    pub(crate) fn new(digest: DigestAlg) -> Self {
        Self { digest, segments_read: Sha256::new(), segments: 0 }
    }

    /// Takes in a segment that was read.
    pub(crate) fn push(&mut self, salt: &[u8; 24], digest: &[u8; 32]) {
        self.segments_read.update(salt);
        self.segments_read.update(&digest[..self.digest.len()]);
        self.segments += 1;
    }

    /// The number of segments that were read.
    pub(crate) fn segments(&self) -> u64 {
        self.segments
    }

    /// Reads index and page table by `read`, which fills its buffer or fails, and returns the
    /// check of both, to be made once the trailer is known to be authentic.
    pub(crate) fn read_index(
        self,
        mut read: impl FnMut(&mut [u8]) -> Result<(), StreamError>,
    ) -> Result<PipeIndexCheck, StreamError> {
        let shape = IndexShape::new(self.segments, self.digest);
        let (mut in_index, mut pages, mut table) = (Sha256::new(), Sha256::new(), Sha256::new());
        let mut entry = vec![0; IndexEntry::len(self.digest)];
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
            same_segments: in_index.finish() == self.segments_read.finish(),
            pages: pages.finish(),
            table: table.finish(),
        })
    }
}

/// What is left to compare when the trailer was judged.
pub(crate) struct PipeIndexCheck {
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
    pub(crate) fn holds(&self, index_root: &[u8; 32]) -> Result<(), u64> {
        if self.table != *index_root {
            return Err(self.table_offset);
        }
        if self.pages != *index_root || !self.same_segments {
            return Err(0);
        }
        Ok(())
    }
}

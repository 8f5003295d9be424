//! Reading the tail of a stream from a source that can seek (format.md sections 7 and 8.2).

use sv2_crypto::sha256;
use sv2_framing::StreamLayout;
use sv2_headers::{
    DigestAlg, HEADER_PREFIX_LEN, IndexEntry, IndexShape, TRAILER_LEN, TRAILER_MAGIC, Trailer,
};
use sv2_stream::{FormatError, HeaderStart};
pub(crate) use sv2_stream::{IndexBuilder, PipeIndex, copy_offset, judge_revision, judge_trailer};

use crate::header::KeyedHeader;
use crate::io::PositionedInput;
use crate::key::KeyRing;
use crate::{StreamError, Unit};

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
    ) -> Result<Self, StreamError> {
        let stream = Self::open_any_length(source, ring)?;
        let offset = source.len() - TRAILER_LEN as u64;
        if stream.layout.stream_len(stream.trailer.plaintext_len) != Some(source.len()) {
            let what = "length of the stream";
            let error = FormatError::Malformed { unit: Unit::Trailer, what, offset };
            return Err(error.or_damaged(&stream.trailer_bytes, Unit::Trailer, offset).into());
        }
        Ok(stream)
    }

    /// As [`SealedStream::open`], but takes a stream whose segments went missing or grew: its
    /// tail is found from its end.
    pub(crate) fn open_any_length(
        source: &PositionedInput<'_>,
        ring: &mut KeyRing<'_>,
    ) -> Result<Self, StreamError> {
        let (trailer_bytes, offset) = read_trailer(source)?;
        let judged = |error: FormatError| error.or_damaged(&trailer_bytes, Unit::Trailer, offset);
        let trailer = Trailer::decode(&trailer_bytes)
            .map_err(|error| judged(FormatError::from_header(error, Unit::Trailer, offset)))?;
        let keyed = open_header(source, &trailer, &trailer_bytes, offset, ring)?;

        let geometry = keyed.header.geometry;
        trailer
            .check_counts(geometry)
            .map_err(|error| judged(FormatError::from_header(error, Unit::Trailer, offset)))?;
        let layout = keyed.layout();
        let shape = IndexShape::new(trailer.segments, trailer.digest);
        let what = "length of the stream";
        let index_offset = offset
            .checked_sub(shape.total_len())
            .ok_or_else(|| judged(FormatError::Malformed { unit: Unit::Trailer, what, offset }))?;
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
        self.keyed.fingerprint(&self.trailer)
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
) -> Result<KeyedHeader, StreamError> {
    let mut usable = |bytes: Result<Vec<u8>, FormatError>, unit, offset| {
        let keyed = KeyedHeader::open(bytes?, ring, unit, offset)?;
        judge_trailer(trailer, trailer_bytes, &keyed, trailer_offset)?;
        judge_revision(trailer, &keyed, unit, offset)?;
        Ok::<_, FormatError>(keyed)
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
        return Ok(front?);
    }
    let copy = copy_bytes.map(|(bytes, offset)| {
        let bytes = check_copy(bytes, trailer, offset);
        usable(bytes, Unit::HeaderCopy, offset)
    });
    match (front, copy) {
        (Ok(front), Some(Ok(copy))) if copy.header.revision > front.header.revision => Ok(copy),
        (Ok(front), _) => Ok(front),
        (Err(_), Some(Ok(copy))) => Ok(copy),
        (Err(FormatError::NotAStream), Some(Err(error))) => Err(error.into()),
        (Err(FormatError::NotAStream), None) => {
            let offset = trailer_offset;
            let error = FormatError::Malformed { unit: Unit::Trailer, what: "lengths", offset };
            Err(error.or_damaged(trailer_bytes, Unit::Trailer, offset).into())
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// The bytes of the front header, or why they are no candidate; the outer error is the source's.
fn read_front(source: &PositionedInput<'_>) -> Result<Result<Vec<u8>, FormatError>, StreamError> {
    let prefix = source.read_vec(0, source.len().min(HEADER_PREFIX_LEN as u64))?;
    let damaged = FormatError::ChecksumMismatch { unit: Unit::Header, offset: 0 };
    Ok(match HeaderStart::of(&prefix) {
        HeaderStart::NoMagic => Err(FormatError::NotAStream),
        HeaderStart::Len(len) if len as u64 <= source.len() => Ok(source.read_vec(0, len as u64)?),
        HeaderStart::Len(_) | HeaderStart::Cut | HeaderStart::ImpossibleLen => Err(damaged),
    })
}

/// Whether the bytes at the copy's place can be judged as a header of the trailer's length.
fn check_copy(bytes: Vec<u8>, trailer: &Trailer, offset: u64) -> Result<Vec<u8>, FormatError> {
    let unit = Unit::HeaderCopy;
    match HeaderStart::of(&bytes) {
        HeaderStart::NoMagic => {
            let error = FormatError::Malformed { unit, what: "magic", offset };
            Err(error.or_damaged(&bytes, unit, offset))
        }
        HeaderStart::Len(len) if len == trailer.header_len as usize => Ok(bytes),
        _ => Err(FormatError::ChecksumMismatch { unit, offset }),
    }
}

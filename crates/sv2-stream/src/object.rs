//! The checksum of a whole stream without its segments (format.md section 6.1).

use core::ops::Range;

use sv2_framing::StreamLayout;
use sv2_framing::crc::{CRC_LEN, Shift, combine, crc64};
use sv2_headers::IndexEntry;

use crate::{FormatError, Unit};

/// The most bytes that are asked for at a time.
const STEP: u64 = 1 << 20;

/// CRC-64/NVME of every byte of a sealed stream, from header, index and tail alone: what S3 calls
/// the full-object checksum.
///
/// [`ObjectCrc::wants`] names the next bytes, [`ObjectCrc::supply`] takes them.
/// The segments count as the index describes them, and nothing of it is authentic.
#[derive(Debug)]
pub struct ObjectCrc {
    layout: StreamLayout,
    plaintext_len: u64,
    stream_len: u64,
    at: u64,
    full: Shift,
    /// Wire bytes of segments whose entries were not seen yet.
    left: u64,
    /// The header and the segments so far, and the tail so far: both grow with each entry, since
    /// the index is part of the tail.
    body: Joined,
    tail: Joined,
}

impl ObjectCrc {
    /// The checksum of a stream of this layout; `None` where it cannot hold so much plaintext.
    #[must_use]
    pub fn new(layout: StreamLayout, plaintext_len: u64) -> Option<Self> {
        Some(Self {
            layout,
            plaintext_len,
            stream_len: layout.stream_len(plaintext_len)?,
            at: 0,
            full: Shift::new(layout.full_segment_len()),
            left: layout.segments_len(plaintext_len),
            body: Joined::default(),
            tail: Joined::default(),
        })
    }

    /// The bytes of the stream that are needed next, at most 1 MiB; `None` when there are no more.
    #[must_use]
    pub fn wants(&self) -> Option<Range<u64>> {
        let index = self.index();
        let header_end = u64::from(self.layout.header_len);
        let ends = [header_end, index.start, index.end, self.stream_len];
        let end = *ends.iter().find(|&&end| end > self.at)?;
        let entry_len = IndexEntry::len(self.layout.digest) as u64;
        // Whole entries, from the start of the index on.
        Some(self.at..end.min(self.at + STEP / entry_len * entry_len))
    }

    /// Takes the bytes that [`ObjectCrc::wants`] named.
    ///
    /// # Errors
    /// `Misuse` for another number of bytes.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let wanted = self.wants().unwrap_or_default();
        if wanted.end - wanted.start != bytes.len() as u64 {
            return Err(FormatError::Misuse("these are not the bytes that were asked for"));
        }
        let index = self.index();
        if index.contains(&self.at) {
            for entry in bytes.chunks_exact(IndexEntry::len(self.layout.digest)) {
                let entry = IndexEntry::decode(self.layout.digest, entry)
                    .map_err(|error| FormatError::from_header(error, Unit::Index, self.at))?;
                self.push_segment(&entry);
            }
        }
        let joined = if self.at < u64::from(self.layout.header_len) {
            &mut self.body
        } else {
            &mut self.tail
        };
        joined.append(crc64(bytes), bytes.len() as u64);
        self.at = wanted.end;
        if self.at == u64::from(self.layout.header_len) {
            self.at = self.layout.tail_offset(self.plaintext_len);
        }
        Ok(())
    }

    /// The checksum, once nothing is wanted any more.
    #[must_use]
    pub fn finish(mut self) -> u64 {
        self.body.append(self.tail.crc, self.tail.len);
        self.body.crc
    }

    fn index(&self) -> Range<u64> {
        let start = self.layout.index_offset(self.plaintext_len);
        let segments = self.layout.geometry.segment_count(self.plaintext_len);
        start..start + segments * IndexEntry::len(self.layout.digest) as u64
    }

    /// Appends a segment as its entry has it: its bytes up to the stored checksum, and that.
    fn push_segment(&mut self, entry: &IndexEntry) {
        let segment = combine(entry.crc, crc64(&entry.crc.to_be_bytes()), CRC_LEN as u64);
        let full_len = self.layout.full_segment_len();
        if self.left >= full_len {
            self.body.crc = self.full.apply(self.body.crc) ^ segment;
            self.left -= full_len;
        } else {
            self.body.crc = combine(self.body.crc, segment, self.left);
            self.left = 0;
        }
    }
}

/// The checksum of a run of bytes, and their number.
#[derive(Debug, Default)]
struct Joined {
    crc: u64,
    len: u64,
}

impl Joined {
    fn append(&mut self, crc: u64, len: u64) {
        self.crc = combine(self.crc, crc, len);
        self.len += len;
    }
}

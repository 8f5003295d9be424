//! Reading the change record that lies beside a stream (local-files.md section 1.1).

use sv2_crypto::{Sha256, sha256};
use sv2_framing::StreamLayout;
use sv2_headers::checksum::{self, CRC_LEN};
use sv2_headers::{MAX_HEADER_LEN, StreamHeader, TRAILER_LEN, Trailer};

use crate::StreamError;
use crate::change::record::{
    Direction, END_LEN, HEAD_LEN, MAC_LEN, MAGIC, MAX_WRITE_LEN, TRAILER_AT, VERSION,
    WRITE_HEAD_LEN, read_exact,
};
use crate::change::{ChangeFault, ChangeFile, ChangeStorage};
use crate::io::PositionedInput;

/// Bytes of a header that name the stream: core and commitment.
const NAME_LEN: usize = 80;
/// Where a header has its commitment, and a segment header its stream tag of 8 bytes.
const TAG_AT: usize = 48;
const TAG_LEN: usize = 8;

/// A change record that is whole; what it says is worth nothing before its MAC was checked.
pub(super) struct Found<'s> {
    pub(super) storage: &'s dyn ChangeStorage,
    pub(super) direction: Direction,
    /// The header that opened the stream before the change.
    pub(super) header: Vec<u8>,
    /// The trailer of the state before the change.
    pub(super) trailer: [u8; TRAILER_LEN],
    /// SHA-256 of all that the MAC vouches for.
    pub(super) hash: [u8; MAC_LEN],
    pub(super) mac: [u8; MAC_LEN],
    writes: u64,
    /// Where the MAC begins.
    end: u64,
}

/// Bytes and their place in the stream.
pub(super) struct Write<'r> {
    pub(super) offset: u64,
    pub(super) bytes: &'r [u8],
}

impl<'s> Found<'s> {
    /// `None` where the record is cut short or its hash is wrong.
    pub(super) fn open(
        storage: &'s dyn ChangeStorage,
        len: u64,
    ) -> Result<Option<Self>, StreamError> {
        let Some(end) = len.checked_sub(END_LEN as u64).filter(|&end| end >= HEAD_LEN as u64)
        else {
            return Ok(None);
        };
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        let mut offset = 0;
        while offset < end {
            // At most the length of a write, so it fits.
            bytes.resize((end - offset).min(MAX_WRITE_LEN) as usize, 0);
            read_record(storage, &mut bytes, offset)?;
            hash.update(&bytes);
            offset += bytes.len() as u64;
        }
        let hash = hash.finish();
        let mut stored = [0; END_LEN];
        read_record(storage, &mut stored, end)?;
        let mac = array(&stored, 0);
        if stored[MAC_LEN..] != sha256(&[&hash, &mac]) {
            return Ok(None);
        }

        let mut head = [0; HEAD_LEN];
        read_record(storage, &mut head, 0)?;
        if head[..8] != MAGIC || head[8..10] != VERSION.to_be_bytes() {
            return Err(refused(ChangeFault::Unknown));
        }
        let direction = match head[10..12] {
            [0, 1] => Direction::Redo,
            [0, 2] => Direction::Undo,
            _ => return Err(refused(ChangeFault::Malformed)),
        };
        let header_len = u32::from_be_bytes(array(&head, 12));
        if header_len > MAX_HEADER_LEN || u64::from(header_len) > end - HEAD_LEN as u64 {
            return Err(refused(ChangeFault::Malformed));
        }
        // At most 64 KiB, so it fits.
        let mut header = vec![0; header_len as usize];
        read_record(storage, &mut header, HEAD_LEN as u64)?;
        Ok(Some(Self {
            storage,
            direction,
            header,
            trailer: array(&head, TRAILER_AT),
            hash,
            mac,
            writes: u64::from_be_bytes(array(&head, 16)),
            end,
        }))
    }

    /// Hands every write to `call`, in order.
    pub(super) fn for_each(
        &self,
        mut call: impl FnMut(&Write<'_>) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let broken = || refused(ChangeFault::Malformed);
        let mut at = (HEAD_LEN + self.header.len()) as u64;
        let mut bytes = Vec::new();
        for _ in 0..self.writes {
            let mut head = [0; WRITE_HEAD_LEN];
            if self.end - at < (WRITE_HEAD_LEN + CRC_LEN) as u64 {
                return Err(broken());
            }
            read_record(self.storage, &mut head, at)?;
            let offset = u64::from_be_bytes(array(&head, 0));
            let len = u64::from(u32::from_be_bytes(array(&head, 8)));
            let whole_len = (WRITE_HEAD_LEN + CRC_LEN) as u64 + len;
            if len > MAX_WRITE_LEN || whole_len > self.end - at || head[12..] != [0; 4] {
                return Err(broken());
            }
            bytes.resize(whole_len as usize, 0);
            read_record(self.storage, &mut bytes, at)?;
            if !checksum::holds(&bytes) || offset.checked_add(len).is_none() {
                return Err(broken());
            }
            let bytes = &bytes[WRITE_HEAD_LEN..WRITE_HEAD_LEN + len as usize];
            call(&Write { offset, bytes })?;
            at += whole_len;
        }
        if at == self.end { Ok(()) } else { Err(broken()) }
    }

    /// Whether a stream is the one that the record says to be of, as far as its front header, the
    /// copy before the change, or what stands in front of its first segment tell.
    ///
    /// In the place of the first segment header's tag a header copy has the same bytes, so this
    /// holds in the middle of any change, whatever rotted at the front.
    pub(super) fn names(&self, source: &PositionedInput<'_>) -> Result<bool, StreamError> {
        let broken = |_| refused(ChangeFault::Malformed);
        let header = StreamHeader::decode(&self.header).map_err(broken)?;
        let trailer = Trailer::decode(&self.trailer).map_err(broken)?;
        trailer.check_counts(header.geometry).map_err(broken)?;
        let header_len = u64::from(header.header_len);
        let layout = StreamLayout {
            geometry: header.geometry,
            digest: header.digest,
            header_len: header.header_len,
        };
        let copy = layout.tail_offset(trailer.plaintext_len);
        let name = &self.header[..NAME_LEN];
        let tag = &self.header[TAG_AT..TAG_AT + TAG_LEN];
        for (offset, bytes) in [(0, name), (copy, name), (header_len + TAG_AT as u64, tag)] {
            let len = bytes.len() as u64;
            let fits = offset.checked_add(len).is_some_and(|end| end <= source.len());
            if fits && source.read_vec(offset, len)? == bytes {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) fn refused(fault: ChangeFault) -> StreamError {
    StreamError::RefusedChange(fault)
}

fn read_record(
    storage: &dyn ChangeStorage,
    buffer: &mut [u8],
    offset: u64,
) -> Result<(), StreamError> {
    read_exact(storage, ChangeFile::Record, buffer, offset).map_err(StreamError::ChangeRecord)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

//! The sidecar of a change: what it holds, and writing it (format.md appendix A.2).
//!
//! It holds ciphertext and headers of the stream, never a key and never plaintext (F-1208).

use std::io;

use sv2_crypto::Sha256;
use sv2_headers::checksum::{self, CRC_LEN};

use crate::StreamError;
use crate::change::{ChangeFile, ChangeStorage};

pub(super) const MAGIC: [u8; 8] = *b"SV2CHNG\n";
pub(super) const VERSION: u16 = 1;
pub(super) const HEAD_LEN: usize = 32;
pub(super) const RECORD_HEAD_LEN: usize = 16;
/// Length of the SHA-256 hash at the end, by which a sidecar is known to be whole.
pub(super) const HASH_LEN: usize = 32;
/// The most bytes of the stream that one record holds; bounds the memory of a replay.
pub(super) const MAX_RECORD_LEN: u64 = 1 << 20;
/// The most witnesses of a sidecar (F-1212); bounds what a replay compares its writes with.
pub(super) const MAX_WITNESSES: usize = 16;
/// The least length of one of them: what a header says of its stream and no other header does.
pub(super) const MIN_WITNESS_LEN: u64 = 80;

/// Which state a replay brings about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The new one: the sidecar holds what is to be written.
    Redo,
    /// The old one: the sidecar holds what is overwritten.
    Undo,
}

/// What a record is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// These bytes are in the stream before, during and after the change; where they are not, the
    /// sidecar belongs to something else.
    Witness,
    /// These bytes are written by a replay.
    Write,
}

/// What a sidecar is to hold.
pub(super) struct Plan<'p> {
    direction: Direction,
    stream_len: u64,
    records: Vec<Planned<'p>>,
}

struct Planned<'p> {
    purpose: Purpose,
    offset: u64,
    content: Content<'p>,
}

enum Content<'p> {
    Given(&'p [u8]),
    /// So many bytes as the stream holds them now.
    OfStream(u64),
}

impl<'p> Plan<'p> {
    /// A change after whose replay the stream has `stream_len` bytes.
    pub(super) fn new(direction: Direction, stream_len: u64) -> Self {
        Self { direction, stream_len, records: Vec::new() }
    }

    /// Names bytes of the stream that the change leaves as they are: at most 1 MiB.
    ///
    /// Witnesses are named before anything that is written, and few of them (F-1212).
    pub(super) fn witness(&mut self, offset: u64, len: u64) {
        let content = Content::OfStream(len);
        self.records.push(Planned { purpose: Purpose::Witness, offset, content });
    }

    /// Bytes that a replay writes: at most 1 MiB.
    pub(super) fn write(&mut self, offset: u64, bytes: &'p [u8]) {
        let content = Content::Given(bytes);
        self.records.push(Planned { purpose: Purpose::Write, offset, content });
    }

    /// Bytes that a replay puts back: those of the stream from `start` to `end`.
    pub(super) fn keep(&mut self, start: u64, end: u64) {
        let mut offset = start;
        while offset < end {
            let len = (end - offset).min(MAX_RECORD_LEN);
            let content = Content::OfStream(len);
            self.records.push(Planned { purpose: Purpose::Write, offset, content });
            offset += len;
        }
    }

    /// Writes the sidecar and brings it to stable storage; the stream is not touched.
    ///
    /// Where that fails, what there is of the sidecar is removed as far as that is possible; one
    /// that stays is ignored or replayed later, and both lead to a sealed state.
    pub(super) fn store(&self, storage: &dyn ChangeStorage) -> Result<(), StreamError> {
        storage.create_sidecar().map_err(StreamError::Sidecar)?;
        let stored = self.store_in(storage);
        if stored.is_err() {
            // The error that is reported is the one before.
            let _ = storage.remove_sidecar();
        }
        stored
    }

    fn store_in(&self, storage: &dyn ChangeStorage) -> Result<(), StreamError> {
        let mut writer = Writer { storage, hash: Sha256::new(), offset: 0, pending: Vec::new() };
        let mut head = [0; HEAD_LEN];
        head[..8].copy_from_slice(&MAGIC);
        head[8..10].copy_from_slice(&VERSION.to_be_bytes());
        head[11] = self.direction.id();
        head[16..24].copy_from_slice(&self.stream_len.to_be_bytes());
        head[24..32].copy_from_slice(&(self.records.len() as u64).to_be_bytes());
        writer.push(&head)?;
        for planned in &self.records {
            let bytes = match planned.content {
                Content::Given(bytes) => bytes.to_vec(),
                Content::OfStream(len) => {
                    // At most a record's length, so it fits.
                    let mut bytes = vec![0; len as usize];
                    read_exact(storage, ChangeFile::Stream, &mut bytes, planned.offset)
                        .map_err(|source| StreamError::Read { offset: planned.offset, source })?;
                    bytes
                }
            };
            let mut record = Vec::with_capacity(RECORD_HEAD_LEN + bytes.len() + CRC_LEN);
            record.extend_from_slice(&planned.offset.to_be_bytes());
            record.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            record.extend_from_slice(&[0, 0, 0, planned.purpose.id()]);
            record.extend_from_slice(&bytes);
            record.resize(record.len() + CRC_LEN, 0);
            checksum::store(&mut record);
            writer.push(&record)?;
        }
        writer.finish()?;
        let synced = storage.sync(ChangeFile::Sidecar).and_then(|()| storage.sync_folder());
        synced.map_err(StreamError::Sidecar)
    }
}

impl Direction {
    pub(super) const fn id(self) -> u8 {
        match self {
            Self::Redo => 1,
            Self::Undo => 2,
        }
    }
}

impl Purpose {
    pub(super) const fn id(self) -> u8 {
        match self {
            Self::Witness => 1,
            Self::Write => 2,
        }
    }
}

/// Writes a sidecar from front to back in few calls.
struct Writer<'s> {
    storage: &'s dyn ChangeStorage,
    hash: Sha256,
    offset: u64,
    pending: Vec<u8>,
}

impl Writer<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.hash.update(bytes);
        self.pending.extend_from_slice(bytes);
        if self.pending.len() as u64 >= MAX_RECORD_LEN { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.storage
            .write_all_at(ChangeFile::Sidecar, &self.pending, self.offset)
            .map_err(StreamError::Sidecar)?;
        self.offset += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Writes the hash of all before it.
    fn finish(mut self) -> Result<(), StreamError> {
        let hash = std::mem::take(&mut self.hash).finish();
        self.pending.extend_from_slice(&hash);
        self.flush()
    }
}

/// Fills `buffer` from `offset` on; a file that ends early is `UnexpectedEof`.
pub(super) fn read_exact(
    storage: &dyn ChangeStorage,
    file: ChangeFile,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match storage.read_at(file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

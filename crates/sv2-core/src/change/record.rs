//! The record of a change: what it holds, and writing it (local-files.md section 1.1).
//!
//! It holds ciphertext and headers of the stream, never a key and never plaintext (F-1208).

use std::io;

use sv2_crypto::{MacKey, Sha256, sha256};
use sv2_headers::TRAILER_LEN;
use sv2_headers::checksum::{self, CRC_LEN};

use crate::StreamError;
use crate::change::{ChangeFile, ChangeStorage};
use crate::io::fill;
use crate::tail::SealedStream;

pub(super) const MAGIC: [u8; 8] = *b"SV2CHNG\n";
pub(super) const VERSION: u16 = 1;
/// Where the sealed trailer of the state before the change stands.
pub(super) const TRAILER_AT: usize = 24;
/// Bytes in front of the header.
pub(super) const HEAD_LEN: usize = TRAILER_AT + TRAILER_LEN;
/// Bytes of a write without its content and its checksum.
pub(super) const WRITE_HEAD_LEN: usize = 16;
/// Length of a MAC and of a SHA-256 hash.
pub(super) const MAC_LEN: usize = 32;
/// Length of the MAC, and of the hash by which a record is known to be whole.
pub(super) const END_LEN: usize = 2 * MAC_LEN;
/// The most bytes of the stream that one write holds; bounds the memory of a replay.
pub(super) const MAX_WRITE_LEN: u64 = 1 << 20;

/// Which state a replay brings about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The new one: the record holds what is to be written.
    Redo,
    /// The old one: the record holds what is overwritten.
    Undo,
}

impl Direction {
    pub(super) const fn id(self) -> u8 {
        match self {
            Self::Redo => 1,
            Self::Undo => 2,
        }
    }
}

/// What a record is to hold.
pub(super) struct Plan<'p> {
    direction: Direction,
    stream: &'p SealedStream,
    writes: Vec<Planned<'p>>,
}

struct Planned<'p> {
    offset: u64,
    content: Content<'p>,
}

enum Content<'p> {
    Given(&'p [u8]),
    /// So many bytes as the stream holds them now.
    OfStream(u64),
}

impl<'p> Plan<'p> {
    /// A change of this sealed state.
    pub(super) fn new(direction: Direction, stream: &'p SealedStream) -> Self {
        Self { direction, stream, writes: Vec::new() }
    }

    /// Bytes that a replay writes: at most 1 MiB.
    pub(super) fn write(&mut self, offset: u64, bytes: &'p [u8]) {
        self.writes.push(Planned { offset, content: Content::Given(bytes) });
    }

    /// Bytes that a replay puts back: those of the stream from `start` to `end`.
    pub(super) fn keep(&mut self, start: u64, end: u64) {
        let mut offset = start;
        while offset < end {
            let len = (end - offset).min(MAX_WRITE_LEN);
            self.writes.push(Planned { offset, content: Content::OfStream(len) });
            offset += len;
        }
    }

    /// Writes the record and brings it to stable storage; the stream is not touched.
    ///
    /// Where that fails, what there is of the record is removed as far as that is possible; one
    /// that stays is ignored or replayed later, and both lead to a sealed state.
    pub(super) fn store(&self, storage: &dyn ChangeStorage) -> Result<(), StreamError> {
        storage.create_record().map_err(StreamError::ChangeRecord)?;
        let stored = self.store_in(storage);
        if stored.is_err() {
            // The error that is reported is the one before.
            let _ = storage.remove_record();
        }
        stored
    }

    fn store_in(&self, storage: &dyn ChangeStorage) -> Result<(), StreamError> {
        let mut writer = Writer { storage, hash: Sha256::new(), offset: 0, pending: Vec::new() };
        let header = &self.stream.keyed.bytes;
        let mut head = [0; HEAD_LEN];
        head[..8].copy_from_slice(&MAGIC);
        head[8..10].copy_from_slice(&VERSION.to_be_bytes());
        head[11] = self.direction.id();
        // At most 64 KiB, so it fits.
        head[12..16].copy_from_slice(&(header.len() as u32).to_be_bytes());
        head[16..24].copy_from_slice(&(self.writes.len() as u64).to_be_bytes());
        head[TRAILER_AT..].copy_from_slice(&self.stream.trailer_bytes);
        writer.push(&head)?;
        writer.push(header)?;
        for planned in &self.writes {
            let bytes = match planned.content {
                Content::Given(bytes) => bytes.to_vec(),
                Content::OfStream(len) => {
                    // At most the length of a write, so it fits.
                    let mut bytes = vec![0; len as usize];
                    read_exact(storage, ChangeFile::Stream, &mut bytes, planned.offset)
                        .map_err(|source| StreamError::Read { offset: planned.offset, source })?;
                    bytes
                }
            };
            let mut write = Vec::with_capacity(WRITE_HEAD_LEN + bytes.len() + CRC_LEN);
            write.extend_from_slice(&planned.offset.to_be_bytes());
            write.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            write.extend_from_slice(&[0; 4]);
            write.extend_from_slice(&bytes);
            write.resize(write.len() + CRC_LEN, 0);
            checksum::store(&mut write);
            writer.push(&write)?;
        }
        writer.finish(&self.stream.keyed.keys.change_key())?;
        let synced = storage.sync(ChangeFile::Record).and_then(|()| storage.sync_folder());
        synced.map_err(StreamError::ChangeRecord)
    }
}

/// Writes a record from front to back in few calls.
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
        if self.pending.len() as u64 >= MAX_WRITE_LEN { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.storage
            .write_all_at(ChangeFile::Record, &self.pending, self.offset)
            .map_err(StreamError::ChangeRecord)?;
        self.offset += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Writes the MAC of all before it, and the hash by which the whole is known to be there.
    fn finish(mut self, key: &MacKey) -> Result<(), StreamError> {
        let hash = std::mem::take(&mut self.hash).finish();
        let mac = key.sign(&[&hash]);
        self.pending.extend_from_slice(&mac);
        self.pending.extend_from_slice(&sha256(&[&hash, &mac]));
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
    fill(buffer, |rest, done| storage.read_at(file, rest, offset + done))
}

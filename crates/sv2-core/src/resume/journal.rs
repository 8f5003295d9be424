//! The journal of a decrypt: what it holds, and judging it (local-files.md section 3.1).
//!
//! It holds counts and MACs, never a key and never plaintext (F-1205).

use sv2_crypto::MacKey;
use sv2_headers::Trailer;

use crate::resume::files::Held;
use crate::resume::{CheckpointError, CheckpointFile};
use crate::system::FileExt;

const MAGIC: [u8; 8] = *b"SV2JRNL\n";
const VERSION: u16 = 1;
/// Bytes of the head without its MAC.
const PREFIX_LEN: usize = 48;
const MAC_LEN: usize = 32;
const HEAD_LEN: usize = PREFIX_LEN + MAC_LEN;
const COUNT_LEN: usize = 8;
const RECORD_LEN: usize = COUNT_LEN + MAC_LEN;

/// The end of a journal's chain: what the next record is bound to, and where it goes.
pub(super) struct Chain {
    key: MacKey,
    mac: [u8; MAC_LEN],
    offset: u64,
    count: u64,
}

impl Chain {
    /// The head of a stream's journal, and the chain that begins with it.
    pub(super) fn begin(key: MacKey, trailer: &Trailer) -> (Vec<u8>, Self) {
        let mut head = vec![0; PREFIX_LEN];
        head[..8].copy_from_slice(&MAGIC);
        head[8..10].copy_from_slice(&VERSION.to_be_bytes());
        head[16..].copy_from_slice(&trailer.seal);
        let mac = key.sign(&[&head]);
        head.extend_from_slice(&mac);
        (head, Self { key, mac, offset: HEAD_LEN as u64, count: 0 })
    }

    /// Reads a journal up to its last record that counts (F-1106, F-1203).
    ///
    /// A last record that is cut short or not authentic was being written when its writer died.
    pub(super) fn read(
        key: MacKey,
        trailer: &Trailer,
        journal: &Held,
    ) -> Result<Self, CheckpointError> {
        let failed = CheckpointError::file(CheckpointFile::Journal);
        let len = journal.len()?;
        let read = |bytes: &mut [u8], offset| journal.file.read_exact_at(bytes, offset);
        let foreign = |what| CheckpointError::Foreign { file: CheckpointFile::Journal, what };
        let mut head = [0; HEAD_LEN];
        if len < HEAD_LEN as u64 {
            return Err(foreign("it is too short"));
        }
        read(&mut head, 0).map_err(&failed)?;
        let (prefix, mac) = head.split_at(PREFIX_LEN);
        if prefix[..8] != MAGIC {
            return Err(foreign("magic"));
        }
        if prefix[8..10] != VERSION.to_be_bytes() || prefix[10..16] != [0; 6] {
            return Err(foreign("version"));
        }
        if prefix[16..] != trailer.seal {
            return Err(CheckpointError::OtherStream);
        }
        let mut chain = Self { key, mac: [0; MAC_LEN], offset: HEAD_LEN as u64, count: 0 };
        chain.mac.copy_from_slice(mac);
        if chain.key.verify(prefix, &chain.mac).is_err() {
            return Err(CheckpointError::BrokenRecord { record: 0 });
        }
        while chain.offset + RECORD_LEN as u64 <= len {
            let mut record = [0; RECORD_LEN];
            read(&mut record, chain.offset).map_err(&failed)?;
            let end = chain.offset + RECORD_LEN as u64;
            match chain.accept(&record) {
                Some(count) if count > chain.count && count <= trailer.segments => {
                    chain.count = count;
                    chain.mac.copy_from_slice(&record[COUNT_LEN..]);
                    chain.offset = end;
                }
                None if end == len => break,
                _ => {
                    let record = (end - HEAD_LEN as u64) / RECORD_LEN as u64;
                    return Err(CheckpointError::BrokenRecord { record });
                }
            }
        }
        Ok(chain)
    }

    /// Segments from the front that the last record counts.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of the journal up to the last record that counts.
    pub(super) fn len(&self) -> u64 {
        self.offset
    }

    /// The count of an authentic record that follows in the chain.
    fn accept(&self, record: &[u8; RECORD_LEN]) -> Option<u64> {
        let mut signed = [0; MAC_LEN + COUNT_LEN];
        signed[..MAC_LEN].copy_from_slice(&self.mac);
        signed[MAC_LEN..].copy_from_slice(&record[..COUNT_LEN]);
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&record[COUNT_LEN..]);
        self.key.verify(&signed, &mac).ok()?;
        let mut count = [0; COUNT_LEN];
        count.copy_from_slice(&record[..COUNT_LEN]);
        Some(u64::from_be_bytes(count))
    }

    /// The record that counts `count` segments, and where it goes; whoever wrote it and brought it
    /// to stable storage calls [`Chain::advance`].
    pub(super) fn next(&self, count: u64) -> (Vec<u8>, u64) {
        let mut record = count.to_be_bytes().to_vec();
        let mac = self.key.sign(&[&self.mac, &record]);
        record.extend_from_slice(&mac);
        (record, self.offset)
    }

    /// Goes on behind a record of [`Chain::next`].
    pub(super) fn advance(&mut self, count: u64, record: &[u8]) {
        self.count = count;
        self.offset += record.len() as u64;
        self.mac.copy_from_slice(&record[record.len() - MAC_LEN..]);
    }
}

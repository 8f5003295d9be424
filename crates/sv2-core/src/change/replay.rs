//! Replaying the sidecar of a change that was cut off (format.md appendix A.2).
//!
//! Whatever the sidecar says is judged before the first byte of the stream is written.

use std::ops::Range;

use sv2_crypto::Sha256;
use sv2_headers::checksum::{self, CRC_LEN};

use crate::StreamError;
use crate::change::sidecar::{
    Direction, HASH_LEN, HEAD_LEN, MAGIC, MAX_RECORD_LEN, MAX_WITNESSES, MIN_WITNESS_LEN, Purpose,
    RECORD_HEAD_LEN, VERSION, read_exact,
};
use crate::change::{ChangeFile, ChangeStorage, Recovery, stream_source};
use crate::inspect::inspect_input;

/// Removes the sidecar of a change that is on stable storage.
pub(super) fn remove(storage: &dyn ChangeStorage) -> Result<(), StreamError> {
    let removed = storage.remove_sidecar().and_then(|()| storage.sync_folder());
    removed.map_err(StreamError::Sidecar)
}

/// Looks for a sidecar and does what it says (F-1206, F-1207, F-1210, F-1212).
pub(super) fn recover(storage: &dyn ChangeStorage) -> Result<Recovery, StreamError> {
    let Some(len) = storage.len(ChangeFile::Sidecar).map_err(StreamError::Sidecar)? else {
        return Ok(Recovery::Nothing);
    };
    let Some(sidecar) = Sidecar::open(storage, len)? else {
        if !is_sealed(storage)? {
            return Err(unfinished("its sidecar is cut short or damaged and the stream needs it"));
        }
        remove(storage)?;
        return Ok(Recovery::Discarded);
    };
    sidecar.check_stream()?;
    // Whoever wrote the sidecar may have been killed before it was on stable storage (F-1101).
    let synced = storage.sync(ChangeFile::Sidecar).and_then(|()| storage.sync_folder());
    synced.map_err(StreamError::Sidecar)?;
    sidecar.replay()?;
    remove(storage)?;
    Ok(match sidecar.direction {
        Direction::Redo => Recovery::Finished,
        Direction::Undo => Recovery::TakenBack,
    })
}

/// Whether the stream is in a sealed state, as far as that is seen without a key: then a change of
/// it had not begun, or it is as good as done (F-1206).
fn is_sealed(storage: &dyn ChangeStorage) -> Result<bool, StreamError> {
    let seen = match inspect_input(&stream_source(storage)?) {
        Err(error @ StreamError::Read { .. }) => return Err(error),
        Err(_) => return Ok(false),
        Ok(seen) => seen,
    };
    let has_header = seen.front_intact || seen.copy_intact == Some(true);
    let has_tail = seen.trailer_intact == Some(true) && seen.len_matches == Some(true);
    // A rewrite of the header passes through states in which the trailer is that of another one.
    let is_own = seen.trailer.is_some_and(|trailer| trailer.revision == seen.header.revision);
    Ok(has_header && has_tail && is_own)
}

/// A sidecar that is whole.
struct Sidecar<'s> {
    storage: &'s dyn ChangeStorage,
    direction: Direction,
    stream_len: u64,
    records: u64,
    /// Where the hash begins.
    end: u64,
}

/// A record and its place in the stream.
struct Record<'r> {
    purpose: Purpose,
    offset: u64,
    bytes: &'r [u8],
}

impl Record<'_> {
    /// The bytes of the stream that it is about; their end was compared with the stream's length.
    fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.bytes.len() as u64
    }
}

impl<'s> Sidecar<'s> {
    /// `None` where the sidecar is cut short or its hash is wrong.
    fn open(storage: &'s dyn ChangeStorage, len: u64) -> Result<Option<Self>, StreamError> {
        let Some(end) = len.checked_sub(HASH_LEN as u64).filter(|&end| end >= HEAD_LEN as u64)
        else {
            return Ok(None);
        };
        let mut hash = Sha256::new();
        let mut bytes = Vec::new();
        let mut offset = 0;
        while offset < end {
            // At most a record's length, so it fits.
            bytes.resize((end - offset).min(MAX_RECORD_LEN) as usize, 0);
            read_sidecar(storage, &mut bytes, offset)?;
            hash.update(&bytes);
            offset += bytes.len() as u64;
        }
        let mut stored = [0; HASH_LEN];
        read_sidecar(storage, &mut stored, end)?;
        if hash.finish() != stored {
            return Ok(None);
        }

        let mut head = [0; HEAD_LEN];
        read_sidecar(storage, &mut head, 0)?;
        let direction = match head[10..16] {
            [0, 1, 0, 0, 0, 0] => Some(Direction::Redo),
            [0, 2, 0, 0, 0, 0] => Some(Direction::Undo),
            _ => None,
        };
        match direction {
            Some(direction) if head[..8] == MAGIC && head[8..10] == VERSION.to_be_bytes() => {
                let stream_len = u64::from_be_bytes(array(&head, 16));
                let records = u64::from_be_bytes(array(&head, 24));
                Ok(Some(Self { storage, direction, stream_len, records, end }))
            }
            _ => Err(unfinished("this program cannot read its sidecar")),
        }
    }

    /// Hands every record to `call`, in order.
    fn for_each(
        &self,
        mut call: impl FnMut(&Record<'_>) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let mut at = HEAD_LEN as u64;
        let mut bytes = Vec::new();
        for _ in 0..self.records {
            let mut head = [0; RECORD_HEAD_LEN];
            if self.end - at < (RECORD_HEAD_LEN + CRC_LEN) as u64 {
                return Err(broken());
            }
            read_sidecar(self.storage, &mut head, at)?;
            let offset = u64::from_be_bytes(array(&head, 0));
            let len = u64::from(u32::from_be_bytes(array(&head, 8)));
            let purpose = match head[12..16] {
                [0, 0, 0, 1] => Purpose::Witness,
                [0, 0, 0, 2] => Purpose::Write,
                _ => return Err(broken()),
            };
            let whole_len = (RECORD_HEAD_LEN + CRC_LEN) as u64 + len;
            let inside = offset.checked_add(len).is_some_and(|end| end <= self.stream_len);
            if len > MAX_RECORD_LEN || whole_len > self.end - at || !inside {
                return Err(broken());
            }
            bytes.resize(whole_len as usize, 0);
            read_sidecar(self.storage, &mut bytes, at)?;
            if !checksum::holds(&bytes) {
                return Err(broken());
            }
            let bytes = &bytes[RECORD_HEAD_LEN..RECORD_HEAD_LEN + len as usize];
            call(&Record { purpose, offset, bytes })?;
            at += whole_len;
        }
        if at == self.end { Ok(()) } else { Err(broken()) }
    }

    /// Whether the sidecar belongs to the stream as it is, changed, half changed or unchanged.
    ///
    /// All records are read on the way, so that one that is broken is found before any is used.
    fn check_stream(&self) -> Result<(), StreamError> {
        let foreign = || unfinished("its sidecar belongs to another stream or state of the stream");
        let failed = |source| StreamError::Read { offset: 0, source };
        let len = self.storage.len(ChangeFile::Stream).map_err(failed)?.unwrap_or(0);
        // A rewrite of the header keeps the length, and what is taken back only grew.
        let possible = match self.direction {
            Direction::Redo => len == self.stream_len,
            Direction::Undo => len >= self.stream_len,
        };
        if !possible {
            return Err(foreign());
        }
        let mut witnesses: Vec<Range<u64>> = Vec::new();
        let mut writes = false;
        let mut found = Vec::new();
        self.for_each(|record| match record.purpose {
            Purpose::Witness if writes || witnesses.len() == MAX_WITNESSES => Err(broken()),
            Purpose::Witness => {
                witnesses.push(record.range());
                let same = self.stream_holds(record.bytes, record.offset, &mut found)?;
                if same { Ok(()) } else { Err(foreign()) }
            }
            Purpose::Write => {
                writes = true;
                // The stream holds every witness, so a write that leaves one as it is holds what
                // the stream does (F-1212).
                for witness in &witnesses {
                    let range = record.range();
                    let start = range.start.max(witness.start);
                    let end = range.end.min(witness.end);
                    if start >= end {
                        continue;
                    }
                    // Both within the record, so they fit.
                    let within = (start - range.start) as usize..(end - range.start) as usize;
                    if !self.stream_holds(&record.bytes[within], start, &mut found)? {
                        return Err(broken());
                    }
                }
                Ok(())
            }
        })?;
        let is_long = |witness: &Range<u64>| witness.end - witness.start >= MIN_WITNESS_LEN;
        if witnesses.iter().any(is_long) { Ok(()) } else { Err(broken()) }
    }

    /// Whether the stream has these bytes at `offset`; `found` is room for them.
    fn stream_holds(
        &self,
        bytes: &[u8],
        offset: u64,
        found: &mut Vec<u8>,
    ) -> Result<bool, StreamError> {
        found.resize(bytes.len(), 0);
        read_exact(self.storage, ChangeFile::Stream, found, offset)
            .map_err(|source| StreamError::Read { offset, source })?;
        Ok(found.as_slice() == bytes)
    }

    /// Writes every record in its place and brings all to stable storage; a redo after each, so
    /// that the steps of F-1107 follow one another.
    fn replay(&self) -> Result<(), StreamError> {
        let failed = |offset| move |source| StreamError::Write { offset, source };
        self.for_each(|record| {
            let Record { purpose, offset, bytes } = *record;
            if purpose == Purpose::Witness {
                return Ok(());
            }
            let written = self.storage.write_all_at(ChangeFile::Stream, bytes, offset);
            written.map_err(failed(offset))?;
            match self.direction {
                Direction::Redo => self.storage.sync(ChangeFile::Stream).map_err(failed(offset)),
                Direction::Undo => Ok(()),
            }
        })?;
        if self.direction == Direction::Undo {
            let len = self.stream_len;
            let cut = self.storage.cut_stream(len);
            cut.and_then(|()| self.storage.sync(ChangeFile::Stream)).map_err(failed(len))?;
        }
        Ok(())
    }
}

fn broken() -> StreamError {
    unfinished("its sidecar is whole but makes no sense")
}

fn unfinished(what: &'static str) -> StreamError {
    StreamError::UnfinishedChange { what, source: None }
}

fn read_sidecar(
    storage: &dyn ChangeStorage,
    buffer: &mut [u8],
    offset: u64,
) -> Result<(), StreamError> {
    read_exact(storage, ChangeFile::Sidecar, buffer, offset).map_err(StreamError::Sidecar)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

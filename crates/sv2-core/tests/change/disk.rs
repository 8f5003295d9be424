//! A disk in memory that keeps a log of what changes it, stops where it is told to, and knows
//! what a power loss may leave of it.

use std::io;
use std::sync::{Mutex, MutexGuard};

use sv2_core::{ChangeFile, ChangeStorage};

/// One operation that changes the disk or orders its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write(ChangeFile, u64, Vec<u8>),
    Cut(u64),
    Sync(ChangeFile),
    Create,
    Remove,
    SyncFolder,
}

/// When a disk refuses to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Never.
    Never,
    /// From the operation with this number on, as if the process had been killed before it; of
    /// that one, where it is a write, so many 1/8 of the bytes still arrive.
    Killed { at: usize, eighths: usize },
    /// In the operation with this number alone, of which half arrives where it is a write.
    Once { at: usize },
}

/// The two files as somebody finds them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Found {
    pub(crate) stream: Vec<u8>,
    pub(crate) record: Option<Vec<u8>>,
}

pub(crate) struct Disk {
    begun_with: Found,
    stop: Stop,
    state: Mutex<State>,
}

struct State {
    now: Found,
    log: Vec<Operation>,
    calls: usize,
}

impl Disk {
    /// A disk with a stream that is on stable storage.
    pub(crate) fn new(stream: &[u8]) -> Self {
        Self::holding(Found { stream: stream.to_vec(), record: None })
    }

    pub(crate) fn holding(found: Found) -> Self {
        let state = State { now: found.clone(), log: Vec::new(), calls: 0 };
        Self { begun_with: found, stop: Stop::Never, state: Mutex::new(state) }
    }

    pub(crate) fn stopping(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    pub(crate) fn found(&self) -> Found {
        self.state().now.clone()
    }

    pub(crate) fn stream(&self) -> Vec<u8> {
        self.found().stream
    }

    pub(crate) fn log(&self) -> Vec<Operation> {
        self.state().log.clone()
    }

    pub(crate) fn begun_with(&self) -> &Found {
        &self.begun_with
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    fn dead(&self, calls: usize) -> bool {
        matches!(self.stop, Stop::Killed { at, .. } if calls > at)
    }

    /// Does an operation, or as much of it as the stop leaves.
    fn perform(&self, operation: Operation) -> io::Result<()> {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        let (at, eighths) = match self.stop {
            Stop::Never => (usize::MAX, 0),
            Stop::Killed { at, eighths } => (at, eighths),
            Stop::Once { at } => (at, 4),
        };
        let stopped = match self.stop {
            Stop::Killed { .. } => number >= at,
            _ => number == at,
        };
        let operation = match operation {
            operation if !stopped => operation,
            Operation::Write(file, offset, mut bytes) if number == at && eighths > 0 => {
                bytes.truncate((bytes.len() * eighths).div_ceil(8));
                Operation::Write(file, offset, bytes)
            }
            _ => return Err(io::Error::other("the disk stopped")),
        };
        apply(&mut state.now, &operation)?;
        state.log.push(operation);
        if stopped { Err(io::Error::other("the disk stopped")) } else { Ok(()) }
    }
}

fn apply(found: &mut Found, operation: &Operation) -> io::Result<()> {
    match operation {
        Operation::Write(ChangeFile::Stream, offset, bytes) => {
            write(&mut found.stream, *offset, bytes);
        }
        Operation::Write(ChangeFile::Record, offset, bytes) => match &mut found.record {
            Some(record) => write(record, *offset, bytes),
            None => return Err(io::ErrorKind::NotFound.into()),
        },
        Operation::Cut(len) => found.stream.resize(*len as usize, 0),
        Operation::Create if found.record.is_some() => {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Operation::Create => found.record = Some(Vec::new()),
        Operation::Remove => {
            found.record.take().ok_or(io::ErrorKind::NotFound)?;
        }
        Operation::Sync(_) | Operation::SyncFolder => {}
    }
    Ok(())
}

/// Writes as files do: a gap becomes zero bytes.
pub(crate) fn write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if file.len() < end {
        file.resize(end, 0);
    }
    file[start..end].copy_from_slice(bytes);
}

impl ChangeStorage for Disk {
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>> {
        let state = self.state();
        if self.dead(state.calls) {
            return Err(io::Error::other("the disk stopped"));
        }
        Ok(match file {
            ChangeFile::Stream => Some(state.now.stream.len() as u64),
            ChangeFile::Record => state.now.record.as_ref().map(|bytes| bytes.len() as u64),
        })
    }

    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state();
        if self.dead(state.calls) {
            return Err(io::Error::other("the disk stopped"));
        }
        let bytes = match file {
            ChangeFile::Stream => Some(&state.now.stream),
            ChangeFile::Record => state.now.record.as_ref(),
        };
        sv2_core::ReadAt::read_at(bytes.ok_or(io::ErrorKind::NotFound)?, buffer, offset)
    }

    fn write_all_at(&self, file: ChangeFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.perform(Operation::Write(file, offset, bytes.to_vec()))
    }

    fn cut_stream(&self, len: u64) -> io::Result<()> {
        self.perform(Operation::Cut(len))
    }

    fn sync(&self, file: ChangeFile) -> io::Result<()> {
        self.perform(Operation::Sync(file))
    }

    fn create_record(&self) -> io::Result<()> {
        self.perform(Operation::Create)
    }

    fn remove_record(&self) -> io::Result<()> {
        self.perform(Operation::Remove)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.perform(Operation::SyncFolder)
    }
}

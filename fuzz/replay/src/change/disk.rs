//! A stream and a change record in memory, which stop to work where they are told to.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use sv2_core::{ChangeFile, ChangeStorage};

/// Two files in memory.
pub(super) struct Disk {
    state: Mutex<State>,
}

struct State {
    stream: Vec<u8>,
    record: Option<Vec<u8>>,
    /// Changes that are still carried out; `None` for all.
    left: Option<usize>,
}

impl Disk {
    pub(super) fn new(stream: &[u8], record: &[u8]) -> Self {
        let (stream, record) = (stream.to_vec(), Some(record.to_vec()));
        Self { state: Mutex::new(State { stream, record, left: None }) }
    }

    /// The same disk, on which so many changes are carried out and none after them.
    pub(super) fn stopping_before(self, change: usize) -> Self {
        self.state().left = Some(change);
        self
    }

    /// The stream, and the change record if it is still there.
    pub(super) fn contents(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let state = self.state();
        (state.stream.clone(), state.record.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state for a change, if changes are still carried out.
    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.left {
            Some(0) => return Err(io::ErrorKind::BrokenPipe.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }
}

impl ChangeStorage for Disk {
    fn len(&self, file: ChangeFile) -> io::Result<Option<u64>> {
        let state = self.state();
        Ok(match file {
            ChangeFile::Stream => Some(state.stream.len() as u64),
            ChangeFile::Record => state.record.as_ref().map(|bytes| bytes.len() as u64),
        })
    }

    fn read_at(&self, file: ChangeFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state();
        let bytes = match file {
            ChangeFile::Stream => &state.stream[..],
            ChangeFile::Record => state.record.as_deref().unwrap_or_default(),
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = bytes.get(start..).unwrap_or_default();
        let len = found.len().min(buffer.len());
        buffer[..len].copy_from_slice(&found[..len]);
        Ok(len)
    }

    fn write_all_at(&self, file: ChangeFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.changing()?;
        assert_eq!(file, ChangeFile::Stream, "a replay writes no record");
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let place = state.stream.get_mut(start..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.expect("a replay writes within the stream").copy_from_slice(bytes);
        Ok(())
    }

    fn cut_stream(&self, len: u64) -> io::Result<()> {
        let mut state = self.changing()?;
        assert!(len <= state.stream.len() as u64, "a replay never lengthens a stream");
        state.stream.truncate(len as usize);
        Ok(())
    }

    fn sync(&self, _: ChangeFile) -> io::Result<()> {
        self.changing().map(|_| ())
    }

    fn create_record(&self) -> io::Result<()> {
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn remove_record(&self) -> io::Result<()> {
        self.changing()?.record = None;
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.changing().map(|_| ())
    }
}

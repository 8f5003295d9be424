//! A position in the plaintext, with what was read ahead of it.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use sv2_stream::{Plaintext, ReadAhead};

use crate::{StreamError, StreamReader};

/// Where a reader stands, and the window of plaintext that it fetched last.
#[derive(Default)]
pub(crate) struct Position {
    offset: u64,
    ahead: ReadAhead,
    window: Option<Arc<Plaintext>>,
}

impl Position {
    pub(crate) fn new(read_ahead: u64) -> Self {
        Self { ahead: ReadAhead::new(read_ahead), ..Self::default() }
    }

    pub(crate) fn read(&mut self, of: &StreamReader<'_>, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(of.len().saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        let count = self.read_some(of, &mut out[..wanted]).map_err(io::Error::other)?;
        self.offset += count as u64;
        Ok(count)
    }

    /// From what was read ahead, from the frames that are kept, or from a new window.
    fn read_some(&mut self, of: &StreamReader<'_>, out: &mut [u8]) -> Result<usize, StreamError> {
        let held = self.window.as_ref().map_or(0, |held| held.copy_to(self.offset, out));
        if held > 0 || out.is_empty() {
            return Ok(held);
        }
        let kept = of.frames.copy_to(self.offset, out);
        if kept > 0 {
            return Ok(kept);
        }
        let end = self.ahead.window(of.stream.layout, of.len(), self.offset, out.len() as u64);
        let window = Arc::new(of.fetch(std::slice::from_ref(&(self.offset..end)))?);
        let count = window.copy_to(self.offset, out);
        of.frames.keep_ends(&window, self.offset..self.offset + count as u64);
        self.window = Some(window);
        Ok(count)
    }

    pub(crate) fn seek(&mut self, len: u64, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => len.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.offset.checked_add_signed(delta),
        };
        self.offset = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.offset)
    }
}

/// A reader of a [`StreamReader`] with a position of its own, which reads ahead while one read
/// follows the other.
pub struct StreamCursor<'r, 'a> {
    reader: &'r StreamReader<'a>,
    position: Position,
}

impl<'r, 'a> StreamCursor<'r, 'a> {
    pub(crate) fn new(reader: &'r StreamReader<'a>, position: Position) -> Self {
        Self { reader, position }
    }
}

impl Read for StreamCursor<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.position.read(self.reader, out)
    }
}

impl Seek for StreamCursor<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position.seek(self.reader.len(), to)
    }
}

/// A [`StreamCursor`] that shares its reader, for who cannot keep a borrow.
pub struct SharedCursor<'a> {
    reader: Arc<StreamReader<'a>>,
    position: Position,
}

impl<'a> SharedCursor<'a> {
    pub(crate) fn new(reader: Arc<StreamReader<'a>>, position: Position) -> Self {
        Self { reader, position }
    }
}

impl Read for SharedCursor<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.position.read(&self.reader, out)
    }
}

impl Seek for SharedCursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position.seek(self.reader.len(), to)
    }
}

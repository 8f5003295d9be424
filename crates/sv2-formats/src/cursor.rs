//! `Read` and `Seek` with a position of their own over a reader that others share.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use sv2_core::StreamReader;

/// One reader's place in a stream.
#[derive(Clone)]
pub struct Cursor {
    stream: Arc<StreamReader<'static>>,
    position: u64,
}

impl Cursor {
    /// A place at the start of the stream.
    #[must_use]
    pub fn new(stream: Arc<StreamReader<'static>>) -> Self {
        Self { stream, position: 0 }
    }

    /// A place `position` bytes into the plaintext.
    #[must_use]
    pub fn at(stream: Arc<StreamReader<'static>>, position: u64) -> Self {
        Self { stream, position }
    }
}

impl Read for Cursor {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read_at(out, self.position).map_err(io::Error::other)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.stream.len().checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

//! Reading and writing at computed offsets: regular files and memory.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use sv2_framing::SegmentLayout;

use crate::StreamError;
use crate::io::{read_slots, write_slots};

/// The most that is allocated ahead of bytes that were not seen yet.
const STEP: usize = 1 << 20;

/// Something that can be read at any offset, from many threads at once.
///
/// Implement it for an object store, say, to read ranges of a stream there.
pub trait ReadAt: Send + Sync {
    /// Reads at most `buffer.len()` bytes from `offset` on; 0 only at the end.
    ///
    /// # Errors
    /// Whatever the source says; `Interrupted` is tried again.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Bytes that there are now.
    ///
    /// # Errors
    /// Whatever the source says.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are no bytes.
    ///
    /// # Errors
    /// As [`ReadAt::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(Vec::len(self));
        let count = buffer.len().min(Vec::len(self) - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(Vec::len(self) as u64)
    }
}

/// An input that can be read at any offset, from many threads.
pub(crate) enum PositionedInput<'a> {
    /// A regular file from `base` on.
    File { file: File, base: u64, len: u64 },
    /// Bytes in memory.
    Memory(&'a [u8]),
    /// Anything else, which had `len` bytes when it was opened.
    Custom { source: Box<dyn ReadAt + 'a>, len: u64 },
}

impl PositionedInput<'_> {
    /// Bytes of the input when it was opened.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } | Self::Custom { len, .. } => *len,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `Read`; an input that ends early is `UnexpectedEof`. `buffer` is then unspecified.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), StreamError> {
        let failed = |source| StreamError::Read { offset, source };
        match self {
            Self::File { file, base, .. } => {
                file.read_exact_at(buffer, base + offset).map_err(failed)
            }
            Self::Memory(bytes) => {
                let part = memory(bytes, offset, buffer.len()).map_err(failed)?;
                buffer.copy_from_slice(part);
                Ok(())
            }
            Self::Custom { source, .. } => read_exact(&**source, buffer, offset).map_err(failed),
        }
    }

    /// Bytes of the input now, where it can have changed.
    pub(crate) fn current_len(&self) -> io::Result<u64> {
        match self {
            Self::File { file, base, .. } => Ok(file.metadata()?.len().saturating_sub(*base)),
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::Custom { source, .. } => source.len(),
        }
    }

    /// `len` bytes from `offset` on, allocated as they arrive.
    pub(crate) fn read_vec(&self, offset: u64, len: u64) -> Result<Vec<u8>, StreamError> {
        if offset.checked_add(len).is_none_or(|end| end > self.len()) {
            let source = io::ErrorKind::UnexpectedEof.into();
            return Err(StreamError::Read { offset, source });
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < len {
            let start = bytes.len();
            // At most a step, so it fits.
            let step = (len - start as u64).min(STEP as u64) as usize;
            bytes.resize(start + step, 0);
            self.read_exact_at(&mut bytes[start..], offset + start as u64)?;
        }
        Ok(bytes)
    }

    /// Fills the plaintext slots of a segment buffer from `offset` on.
    pub(crate) fn read_slots_at(
        &self,
        wire: &mut [u8],
        layout: SegmentLayout,
        offset: u64,
    ) -> Result<(), StreamError> {
        let read = match self {
            Self::File { file, base, .. } => read_slots(wire, layout, |buffers, done| {
                Ok(rustix::io::preadv(file, buffers, base + offset + done)?)
            }),
            Self::Memory(bytes) => read_slots(wire, layout, |buffers, done| {
                let Some(mut rest) =
                    usize::try_from(offset + done).ok().and_then(|at| bytes.get(at..))
                else {
                    return Ok(0);
                };
                io::Read::read_vectored(&mut rest, buffers)
            }),
            Self::Custom { source, .. } => read_slots(wire, layout, |buffers, done| {
                let Some(first) = buffers.iter_mut().find(|buffer| !buffer.is_empty()) else {
                    return Ok(0);
                };
                source.read_at(first, offset + done)
            }),
        };
        let short = |done: usize| StreamError::InputChanged { offset: offset + done as u64 };
        match read {
            Ok(done) if done == layout.plaintext_len() as usize => Ok(()),
            Ok(done) => Err(short(done)),
            Err(source) => Err(StreamError::Read { offset, source }),
        }
    }

    /// Whether the input still ends where it ended when it was opened.
    pub(crate) fn check_end(&self) -> Result<(), StreamError> {
        let mut more = [0; 1];
        loop {
            let (read, offset) = match self {
                Self::File { file, base, len } => {
                    (FileExt::read_at(file, &mut more, base + len), *len)
                }
                Self::Custom { source, len } => (source.read_at(&mut more, *len), *len),
                Self::Memory(_) => return Ok(()),
            };
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(StreamError::InputChanged { offset }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(StreamError::Read { offset, source }),
            }
        }
    }
}

/// An output that can be written at any offset, from many threads.
pub(crate) enum PositionedOutput<'a> {
    /// A regular file from `base` on.
    File { file: &'a File, base: u64 },
    /// Memory, cut into one part for each segment.
    Memory { parts: Vec<Mutex<&'a mut [u8]>> },
}

impl<'a> PositionedOutput<'a> {
    /// Memory in which part `i` is written by whoever does segment `i`.
    pub(crate) fn memory(bytes: &'a mut [u8], part_len: usize) -> Self {
        Self::Memory { parts: bytes.chunks_mut(part_len.max(1)).map(Mutex::new).collect() }
    }

    /// Runs `fill` on the part of memory that belongs to a segment; `None` for files.
    pub(crate) fn with_part<T>(
        &self,
        segment: u64,
        fill: impl FnOnce(&mut [u8]) -> T,
    ) -> Option<T> {
        let Self::Memory { parts } = self else { return None };
        let part = parts.get(usize::try_from(segment).ok()?)?;
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        Some(fill(&mut part))
    }

    /// Writes all of `bytes` at `offset` of a file.
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<(), StreamError> {
        match self {
            Self::File { file, base } => file
                .write_all_at(bytes, base + offset)
                .map_err(|source| StreamError::Write { offset, source }),
            Self::Memory { .. } => Ok(()),
        }
    }

    /// Brings what was written to stable storage; memory has none.
    pub(crate) fn sync_data(&self) -> Result<(), StreamError> {
        match self {
            Self::File { file, .. } => {
                file.sync_data().map_err(|source| StreamError::Write { offset: 0, source })
            }
            Self::Memory { .. } => Ok(()),
        }
    }

    /// Writes the plaintext slots of a segment at `offset` of a file, or to its part of memory.
    pub(crate) fn write_slots(
        &self,
        wire: &[u8],
        layout: SegmentLayout,
        segment: u64,
        offset: u64,
    ) -> Result<(), StreamError> {
        match self {
            Self::File { file, base } => {
                write_slots(wire, layout, |buffers: &[IoSlice<'_>], done| {
                    Ok(rustix::io::pwritev(file, buffers, base + offset + done)?)
                })
                .map_err(|source| StreamError::Write { offset, source })
            }
            Self::Memory { .. } => self
                .with_part(segment, |mut part| {
                    for slot in layout.plaintext_slots() {
                        let (here, rest) = part.split_at_mut_checked(slot.len())?;
                        here.copy_from_slice(&wire[slot]);
                        part = rest;
                    }
                    part.is_empty().then_some(())
                })
                .flatten()
                .ok_or(StreamError::WorkerLost { segment }),
        }
    }
}

fn read_exact(source: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn memory(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(len)?))
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

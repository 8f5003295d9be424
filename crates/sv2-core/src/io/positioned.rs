//! Inputs that are read at computed offsets: regular files, memory, and what a caller brings.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use sv2_framing::SegmentLayout;

use crate::StreamError;
use crate::io::read_at::{ReadAt, ReadPart, read_exact_at};
use crate::io::read_slots;
use crate::io::stamp::Stamp;
use crate::system::{self, FileExt};

/// The most that is allocated ahead of bytes that were not seen yet.
const STEP: usize = 1 << 20;

/// An input that can be read at any offset, from many threads.
pub(crate) enum PositionedInput<'a> {
    /// A regular file from `base` on, as it was when it was opened.
    File { file: File, base: u64, len: u64, stamp: Stamp },
    /// Bytes in memory.
    Memory(&'a [u8]),
    /// Anything else, which had `len` bytes when it was opened.
    Custom { source: Box<dyn ReadAt + 'a>, len: u64 },
    /// The first `len` bytes of another input.
    Start { whole: Whole<'a>, len: u64 },
}

/// An input of which only the start is read.
pub(crate) enum Whole<'a> {
    Borrowed(&'a PositionedInput<'a>),
    Owned(Box<PositionedInput<'a>>),
}

impl<'a> Deref for Whole<'a> {
    type Target = PositionedInput<'a>;

    fn deref(&self) -> &PositionedInput<'a> {
        match self {
            Self::Borrowed(whole) => whole,
            Self::Owned(whole) => whole,
        }
    }
}

impl<'a> PositionedInput<'a> {
    /// The first `len` bytes of the input, of which it has at least as many, for whoever keeps it.
    pub(crate) fn into_start(self, len: u64) -> PositionedInput<'a> {
        PositionedInput::Start { whole: Whole::Owned(Box::new(self)), len }
    }
}

impl PositionedInput<'_> {
    /// Whether it is a file or memory, where many small reads cost little.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::File { .. } | Self::Memory(_) => true,
            Self::Custom { .. } => false,
            Self::Start { whole, .. } => whole.is_local(),
        }
    }

    /// The first `len` bytes of the input, of which it has at least as many.
    pub(crate) fn start(&self, len: u64) -> PositionedInput<'_> {
        PositionedInput::Start { whole: Whole::Borrowed(self), len }
    }

    /// Whether somebody wrote to the input since it was opened, as far as its storage tells: by the
    /// length, and of a file by its times.
    pub(crate) fn has_changed(&self) -> bool {
        match self {
            Self::File { file, stamp, .. } => Stamp::of(file).is_ok_and(|now| now != *stamp),
            Self::Memory(_) => false,
            Self::Custom { source, len } => source.len().is_ok_and(|now| now != *len),
            Self::Start { whole, .. } => whole.has_changed(),
        }
    }

    /// Bytes of the input when it was opened.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } | Self::Custom { len, .. } | Self::Start { len, .. } => *len,
            Self::Memory(bytes) => <[u8]>::len(bytes) as u64,
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
            Self::Custom { source, .. } => read_exact_at(&**source, buffer, offset).map_err(failed),
            Self::Start { whole, len } => match offset.checked_add(buffer.len() as u64) {
                Some(end) if end <= *len => whole.read_exact_at(buffer, offset),
                _ => Err(failed(io::ErrorKind::UnexpectedEof.into())),
            },
        }
    }

    /// Bytes of the input now, where it can have changed.
    pub(crate) fn current_len(&self) -> io::Result<u64> {
        match self {
            Self::File { file, base, .. } => Ok(file.metadata()?.len().saturating_sub(*base)),
            Self::Memory(bytes) => Ok(<[u8]>::len(bytes) as u64),
            Self::Custom { source, .. } => source.len(),
            // What follows is none of its business.
            Self::Start { whole, len } => Ok(whole.current_len()?.min(*len)),
        }
    }

    /// Reads at most `buffer.len()` bytes from `offset` on; fewer only at the end.
    pub(crate) fn read_up_to_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // At most the buffer, so it fits.
        let count = self.len().saturating_sub(offset).min(buffer.len() as u64) as usize;
        match self.read_exact_at(&mut buffer[..count], offset) {
            Ok(()) => Ok(count),
            Err(StreamError::Read { source, .. }) => Err(source),
            Err(_) => Err(io::ErrorKind::Other.into()),
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

    /// The bytes of all these ranges; a source of the caller's may fetch them at the same time.
    ///
    /// The ranges are those of one plan, or what is wanted of a tail that was judged, so that they
    /// are bounded.
    pub(crate) fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, StreamError> {
        let first = ranges.first().map_or(0, |range| range.start);
        let failed = |source| StreamError::Read { offset: first, source };
        if let Self::Start { whole, len, .. } = self {
            return match ranges.iter().all(|range| range.end <= *len) {
                true => whole.read_ranges(ranges),
                false => Err(failed(io::ErrorKind::UnexpectedEof.into())),
            };
        }
        let mut buffers = Vec::with_capacity(ranges.len());
        for range in ranges {
            let len = usize::try_from(range.end - range.start).ok();
            let len = len.filter(|_| range.end <= self.len());
            buffers.push(vec![0; len.ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))?]);
        }
        let parts = ranges.iter().map(|range| range.start).zip(&mut buffers);
        if let Self::Custom { source, .. } = self {
            let parts = parts.map(|(offset, buffer)| ReadPart { offset, buffer });
            source.read_many(&mut parts.collect::<Vec<_>>()).map_err(failed)?;
        } else {
            for (offset, buffer) in parts {
                self.read_exact_at(buffer, offset)?;
            }
        }
        Ok(buffers)
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
                system::read_vectored_at(file, buffers, base + offset + done)
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
            Self::Start { whole, .. } => return whole.read_slots_at(wire, layout, offset),
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
                Self::File { file, base, len, .. } => {
                    (FileExt::read_at(file, &mut more, base + len), *len)
                }
                Self::Custom { source, len } => (source.read_at(&mut more, *len), *len),
                Self::Memory(_) | Self::Start { .. } => return Ok(()),
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

fn memory(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(len)?))
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

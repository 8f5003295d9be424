//! Reading and writing at computed offsets: regular files and memory.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use sv2_framing::SegmentLayout;

use crate::StreamError;
use crate::io::read_at::{ReadAt, ReadPart, read_exact_at};
use crate::io::{read_slots, write_slots};

/// The most that is allocated ahead of bytes that were not seen yet.
const STEP: usize = 1 << 20;

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
        }
    }

    /// Bytes of the input now, where it can have changed.
    pub(crate) fn current_len(&self) -> io::Result<u64> {
        match self {
            Self::File { file, base, .. } => Ok(file.metadata()?.len().saturating_sub(*base)),
            Self::Memory(bytes) => Ok(<[u8]>::len(bytes) as u64),
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

    /// The bytes of all these ranges; a source of the caller's may fetch them at the same time.
    ///
    /// The ranges lie within the input and are those of one plan, so that they are bounded.
    pub(crate) fn read_ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>, StreamError> {
        let len = |range: &Range<u64>| range.end - range.start;
        let Self::Custom { source, .. } = self else {
            return ranges.iter().map(|range| self.read_vec(range.start, len(range))).collect();
        };
        let longest = usize::MAX as u64;
        if ranges.iter().any(|range| range.end > self.len() || len(range) > longest) {
            let offset = ranges.first().map_or(0, |range| range.start);
            return Err(StreamError::Read { offset, source: io::ErrorKind::UnexpectedEof.into() });
        }
        let mut buffers: Vec<_> = ranges.iter().map(|range| vec![0; len(range) as usize]).collect();
        let mut parts: Vec<_> = ranges
            .iter()
            .zip(&mut buffers)
            .map(|(range, buffer)| ReadPart { offset: range.start, buffer })
            .collect();
        source.read_many(&mut parts).map_err(|source| StreamError::Read {
            offset: ranges.first().map_or(0, |range| range.start),
            source,
        })?;
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
                .ok_or(StreamError::Defect { segment }),
        }
    }
}

fn memory(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(len)?))
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

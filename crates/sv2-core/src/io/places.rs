//! Outputs that are written at computed offsets: regular files, memory, and what a caller brings.

use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sv2_framing::{SegmentIndex, SegmentLayout, StreamLayout};

use crate::StreamError;
use crate::io::write_slots;
use crate::system::{self, FileExt};

/// Something that can be written at any offset, from many threads at once.
///
/// Implement it for a store that takes parts in any order, say.
/// Every byte is written once, but for what a call that failed had written.
pub trait WriteAt: Send + Sync {
    /// Writes a part of `bytes` at `offset`, and returns how many; 0 is an error.
    ///
    /// # Errors
    /// Whatever the sink says; `Interrupted` is tried again.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written durable; called before the tail of a stream is written, and at the
    /// end.
    ///
    /// # Errors
    /// Whatever the sink says.
    fn sync(&self) -> io::Result<()>;
}

impl WriteAt for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Sinks that hold or borrow another one.
macro_rules! through {
    ($($of_type:ty),*) => {
        $(impl<T: WriteAt + ?Sized> WriteAt for $of_type {
            fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
                (**self).write_at(bytes, offset)
            }

            fn sync(&self) -> io::Result<()> {
                (**self).sync()
            }
        })*
    };
}

through!(&T, Box<T>, std::sync::Arc<T>);

/// An output that can be written at any offset, from many threads.
pub(crate) enum PositionedOutput<'a> {
    /// A regular file from `base` on.
    File { file: &'a File, base: u64 },
    /// What a caller brought.
    Custom(&'a dyn WriteAt),
    /// Memory, cut where its pieces begin.
    Parts(Vec<(u64, Mutex<&'a mut [u8]>)>),
}

/// How an output is cut into the pieces that are written at once, all in bytes: a head, pieces of
/// equal length but for the last, a tail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    head: u64,
    step: u64,
    tail: u64,
    end: u64,
}

impl Cut {
    /// A stream of so much plaintext; `None` where it cannot hold it.
    pub(crate) fn stream(layout: &StreamLayout, plaintext_len: u64) -> Option<Self> {
        let end = layout.stream_len(plaintext_len)?;
        let (head, step) = (layout.header_len.into(), layout.full_segment_len());
        Some(Self { head, step, tail: layout.tail_offset(plaintext_len), end })
    }

    /// The plaintext of a stream.
    pub(crate) fn plaintext(layout: &StreamLayout, plaintext_len: u64) -> Self {
        let step = layout.plaintext_offset(SegmentIndex(1));
        Self { head: 0, step, tail: plaintext_len, end: plaintext_len }
    }

    /// Bytes of the output.
    pub(crate) fn len(self) -> u64 {
        self.end
    }
}

impl<'a> PositionedOutput<'a> {
    /// Memory, which has the length of the cut.
    pub(crate) fn parts(bytes: &'a mut [u8], cut: Cut) -> Self {
        let (mut rest, mut at, mut parts) = (bytes, 0, Vec::new());
        while !rest.is_empty() {
            let end = match at {
                0 if cut.head > 0 => cut.head,
                at if at < cut.tail => cut.tail.min(at + cut.step),
                _ => cut.end,
            };
            // No piece is longer than the memory that it is a part of.
            let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(rest.len());
            let (part, more) = rest.split_at_mut(len);
            parts.push((at, Mutex::new(part)));
            (rest, at) = (more, end);
        }
        Self::Parts(parts)
    }

    /// The piece of memory that begins at `offset`, to be filled where it lies; `None` for what is
    /// no memory.
    ///
    /// # Errors
    /// `Defect` where no piece begins there.
    pub(crate) fn part(
        &self,
        offset: u64,
    ) -> Result<Option<MutexGuard<'_, &'a mut [u8]>>, StreamError> {
        let Self::Parts(parts) = self else { return Ok(None) };
        let found = parts.binary_search_by_key(&offset, |&(start, _)| start);
        let (_, part) = &parts[found.map_err(|_| StreamError::Defect { segment: 0 })?];
        Ok(Some(part.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Writes all of `bytes` at `offset`; in memory they are a whole piece.
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<(), StreamError> {
        let written = match self {
            Self::File { file, base } => file.write_all_at(bytes, base + offset),
            Self::Custom(sink) => write_all(*sink, bytes, offset),
            Self::Parts(_) => {
                return match self.part(offset)? {
                    Some(mut part) if part.len() == bytes.len() => {
                        part.copy_from_slice(bytes);
                        Ok(())
                    }
                    _ => Err(StreamError::Defect { segment: 0 }),
                };
            }
        };
        written.map_err(|source| StreamError::Write { offset, source })
    }

    /// Brings what was written to stable storage before anything else is written. Memory has no
    /// other storage than itself, where the order of writes is not seen.
    pub(crate) fn barrier(&self) -> Result<(), StreamError> {
        let synced = match self {
            Self::File { file, .. } => file.sync_data(),
            Self::Custom(sink) => sink.sync(),
            Self::Parts(_) => return Ok(()),
        };
        synced.map_err(|source| StreamError::Write { offset: 0, source })
    }

    /// Writes the plaintext slots of a segment at `offset`; in memory they are a whole piece.
    pub(crate) fn write_slots(
        &self,
        wire: &[u8],
        layout: SegmentLayout,
        offset: u64,
    ) -> Result<(), StreamError> {
        let written = match self {
            Self::File { file, base } => {
                write_slots(wire, layout, |buffers: &[IoSlice<'_>], done| {
                    system::write_vectored_at(file, buffers, base + offset + done)
                })
            }
            Self::Custom(sink) => write_slots(wire, layout, |buffers, done| {
                let first = buffers.iter().find(|buffer| !buffer.is_empty());
                first.map_or(Ok(0), |first| sink.write_at(first, offset + done))
            }),
            Self::Parts(_) => {
                let mut part = self.part(offset)?.ok_or(StreamError::Defect { segment: 0 })?;
                let mut rest = &mut part[..];
                for slot in layout.plaintext_slots() {
                    let (here, more) = rest
                        .split_at_mut_checked(slot.len())
                        .ok_or(StreamError::Defect { segment: 0 })?;
                    here.copy_from_slice(&wire[slot]);
                    rest = more;
                }
                Ok(())
            }
        };
        written.map_err(|source| StreamError::Write { offset, source })
    }
}

/// Writes all of `bytes` at `offset`.
pub(crate) fn write_all(sink: &dyn WriteAt, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match sink.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

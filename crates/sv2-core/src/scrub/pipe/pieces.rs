//! The input of a scrub that reads once, and what is there of it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sv2_framing::SEGMENT_HEADER_LEN;
use sv2_headers::TRAILER_LEN;

use super::window::Window;
use crate::end::SEARCHED;
use crate::io::{PositionedInput, ReadAt, SequentialInput};
use crate::{RunOptions, StreamError};

/// Bytes that are read at a time behind the window.
const STEP: usize = 1 << 20;

/// What is there of a stream that went by: both headers at its beginning, the bytes that are looked
/// at, and its last bytes. What is not there any more reads as zeros, and nothing that decides reads
/// it.
#[derive(Default)]
pub(super) struct Pieces {
    pub(super) head: Vec<u8>,
    /// Where the window begins, in bytes from the start of the stream.
    pub(super) at: u64,
    pub(super) window: Window,
    /// The last bytes of the input, and where they begin, where the window does not reach them.
    pub(super) end: (u64, Vec<u8>),
}

impl Pieces {
    /// Keeps the first segment header beside the front header: where that and its copy differ, it says
    /// which of them leads.
    pub(super) fn keep_first(&mut self) {
        let first = self.window.bytes();
        self.head.extend_from_slice(&first[..first.len().min(SEGMENT_HEADER_LEN)]);
    }

    /// Where the window ends.
    pub(super) fn reached(&self) -> u64 {
        self.at + self.window.bytes().len() as u64
    }
}

/// The pieces as a source.
struct View<'p>(&'p Mutex<Pieces>);

impl ReadAt for View<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        buffer.fill(0);
        let pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (end_at, end) = &pieces.end;
        let window = pieces.window.bytes();
        for (at, piece) in [(0, &pieces.head[..]), (*end_at, end), (pieces.at, window)] {
            let from = at.max(offset);
            let to = (at + piece.len() as u64).min(offset.saturating_add(buffer.len() as u64));
            if from < to {
                // Within both, which are in memory.
                let target = (from - offset) as usize..(to - offset) as usize;
                buffer[target].copy_from_slice(&piece[(from - at) as usize..(to - at) as usize]);
            }
        }
        Ok(buffer.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

pub(super) fn source_of(pieces: &Mutex<Pieces>, len: u64) -> PositionedInput<'_> {
    PositionedInput::Custom { source: Box::new(View(pieces)), len }
}

/// The input and what was read of it.
pub(super) struct Pipe<'p> {
    pub(super) input: SequentialInput<'p>,
    pub(super) pieces: &'p Mutex<Pieces>,
    pub(super) run: &'p RunOptions,
    pub(super) ended: bool,
}

impl Pipe<'_> {
    pub(super) fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until the window has `len` bytes or the input ends; whether it has them.
    pub(super) fn fill(&mut self, len: u64) -> Result<bool, StreamError> {
        loop {
            if self.run.cancel.is_cancelled() {
                return Err(StreamError::Cancelled { segment: 0 });
            }
            let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
            let has_all = pieces.window.bytes().len() as u64 >= len;
            if has_all || self.ended {
                return Ok(has_all);
            }
            // What does not fit does not arrive.
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let (asked, came) = pieces.window.read(len, |buffer| self.input.read_up_to(buffer))?;
            self.ended = came < asked;
        }
    }

    /// Reads what follows the window up to the end of the input: how much it is, and whether it is
    /// all zeros as far as that is looked at.
    pub(super) fn pass_rest(&mut self) -> Result<(u64, bool), StreamError> {
        let at = self.pieces().reached();
        let (mut len, mut zeros) = (0u64, true);
        let (mut bytes, mut last) = (vec![0; STEP], Vec::new());
        while !self.ended {
            if self.run.cancel.is_cancelled() {
                return Err(StreamError::Cancelled { segment: 0 });
            }
            let count = self.input.read_up_to(&mut bytes)?;
            self.ended = count < bytes.len();
            zeros &= len >= SEARCHED || bytes[..count].iter().all(|byte| *byte == 0);
            len += count as u64;
            last.extend_from_slice(&bytes[count.saturating_sub(TRAILER_LEN)..count]);
            last.drain(..last.len().saturating_sub(TRAILER_LEN));
        }
        let end = (at + len).saturating_sub(last.len() as u64);
        self.pieces().end = (end, last);
        Ok((len, zeros))
    }
}

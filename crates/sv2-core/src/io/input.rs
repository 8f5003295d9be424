//! What a stream is read from.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::PathBuf;

use sv2_framing::SegmentLayout;

use crate::StreamError;
use crate::io::{PositionedInput, ReadAt, Stamp, Waiting, read_slots};
use crate::system::grow_pipe;

/// What a call reads.
#[non_exhaustive]
pub enum InputSource<'a> {
    /// Anything that reads; consumed once, from where it stands.
    Reader(Box<dyn Read + Send + 'a>),
    /// An open file, from its position on; a regular file is read at computed offsets.
    File(File),
    /// A file by name.
    Path(PathBuf),
    /// Bytes in memory.
    Memory(&'a [u8]),
    /// Anything else that can be read at any offset.
    ReadAt(Box<dyn ReadAt + 'a>),
}

/// An input that was opened and looked at.
pub(crate) enum Input<'a> {
    Positioned(PositionedInput<'a>),
    Sequential(SequentialInput<'a>),
}

impl<'a> InputSource<'a> {
    pub(crate) fn open(self) -> Result<Input<'a>, StreamError> {
        let failed = |source| StreamError::Read { offset: 0, source };
        let file = match self {
            Self::Memory(bytes) => return Ok(Input::Positioned(PositionedInput::Memory(bytes))),
            Self::Reader(reader) => return Ok(Input::Sequential(SequentialInput::new(reader))),
            Self::ReadAt(source) => {
                let len = source.len().map_err(failed)?;
                return Ok(Input::Positioned(PositionedInput::Custom { source, len }));
            }
            Self::Path(path) => File::open(path).map_err(failed)?,
            Self::File(file) => file,
        };
        let metadata = file.metadata().map_err(failed)?;
        // A file that claims to be empty may still yield bytes, as those of /proc do.
        if metadata.is_file() && metadata.len() > 0 {
            let base = (&file).stream_position().map_err(failed)?;
            let len = metadata.len().saturating_sub(base);
            let stamp = Stamp::of(&file).map_err(failed)?;
            return Ok(Input::Positioned(PositionedInput::File { file, base, len, stamp }));
        }
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        grow_pipe(&file);
        Ok(Input::Sequential(SequentialInput::new(Box::new(Waiting(file)))))
    }

    /// Opens an input that a call reads at offsets, and perhaps again in a later call.
    ///
    /// # Errors
    /// As of an input; `Usage` where it cannot be read at offsets.
    pub(crate) fn open_positioned(self) -> Result<PositionedInput<'a>, StreamError> {
        let empty = match &self {
            Self::File(file) => file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0),
            Self::Path(path) => path.metadata().is_ok_and(|file| file.is_file() && file.len() == 0),
            _ => false,
        };
        let refused = StreamError::Usage("what can be resumed is read from a file and no pipe");
        match self.open()? {
            Input::Positioned(input) => Ok(input),
            // An empty file is read as a pipe is, since it may not be what it claims.
            Input::Sequential(mut input) if empty => match input.read_up_to(&mut [0])? {
                0 => Ok(PositionedInput::Memory(&[])),
                _ => Err(refused),
            },
            Input::Sequential(_) => Err(refused),
        }
    }
}

impl<'a> Input<'a> {
    /// Bytes of the input when it was opened, where that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        match self {
            Self::Positioned(input) => Some(input.len()),
            Self::Sequential(_) => None,
        }
    }

    /// The same input, read from front to back.
    pub(crate) fn into_sequential(self) -> SequentialInput<'a> {
        match self {
            Self::Sequential(input) => input,
            Self::Positioned(PositionedInput::Memory(bytes)) => {
                SequentialInput::new(Box::new(bytes))
            }
            Self::Positioned(PositionedInput::Custom { source, .. }) => {
                SequentialInput::new(Box::new(FrontToBack { source, offset: 0 }))
            }
            Self::Positioned(source @ PositionedInput::Start { .. }) => {
                SequentialInput::new(Box::new(StartToEnd { source, offset: 0 }))
            }
            // The file still stands where it stood: positioned reads do not move it.
            Self::Positioned(PositionedInput::File { file, .. }) => {
                SequentialInput::new(Box::new(file))
            }
        }
    }
}

/// A source of positioned reads, read from front to back.
struct FrontToBack<'a> {
    source: Box<dyn ReadAt + 'a>,
    offset: u64,
}

impl Read for FrontToBack<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The start of another input, read from front to back.
struct StartToEnd<'a> {
    source: PositionedInput<'a>,
    offset: u64,
}

impl Read for StartToEnd<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_up_to_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// An input that is read once, from front to back, with the offset reached so far.
pub(crate) struct SequentialInput<'a> {
    reader: Box<dyn Read + Send + 'a>,
    offset: u64,
    kept: Option<Kept>,
}

/// What was read since the last place from which a caller goes on after a read that failed.
#[derive(Default)]
struct Kept {
    /// Its bytes, and behind them room for what is wanted, which is made once.
    bytes: Vec<u8>,
    /// How many of the bytes were read.
    filled: usize,
    /// How many of them were handed out, once more where they are read again.
    taken: usize,
    /// How many there shall be before they are handed out again, so that reading them again costs
    /// the same however often the input makes its reader wait.
    wanted: usize,
    /// Whether the input ended while they were waited for: it may not be asked again.
    ended: bool,
}

impl Kept {
    /// Drops what was handed out.
    fn settle(&mut self) {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        (self.taken, self.wanted) = (0, 0);
    }

    /// Takes in what was read behind the rest.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.filled);
        self.bytes.extend_from_slice(bytes);
        self.filled += bytes.len();
    }
}

impl<'a> SequentialInput<'a> {
    pub(crate) fn new(reader: Box<dyn Read + Send + 'a>) -> Self {
        Self { reader, offset: 0, kept: None }
    }

    /// Bytes that were read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// From here on, whoever calls [`SequentialInput::read_up_to`] goes on after a read that
    /// failed from the last place that it settled.
    pub(crate) fn keep(&mut self) {
        self.kept = Some(Kept::default());
    }

    /// Settles what was read: it is not read again.
    pub(crate) fn settle(&mut self) {
        self.kept.iter_mut().for_each(Kept::settle);
    }

    /// Says that so many more bytes are needed until the next place is settled.
    pub(crate) fn expect(&mut self, len: usize) {
        if let Some(kept) = &mut self.kept {
            kept.wanted = kept.taken.saturating_add(len);
        }
    }

    /// Fills `buffer` as far as the input reaches and returns the bytes read.
    pub(crate) fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        let (begun, mut done) = (self.offset, 0);
        let Some(mut kept) = self.kept.take() else {
            self.fill(buffer, &mut done)?;
            return Ok(done);
        };
        if kept.taken == 0
            && let Err(error) = self.refill(&mut kept)
        {
            self.kept = Some(kept);
            return Err(error);
        }
        let again = &kept.bytes[kept.taken..kept.filled];
        let count = again.len().min(buffer.len());
        buffer[..count].copy_from_slice(&again[..count]);
        self.offset += count as u64;
        done = count;
        let filled = if kept.ended { Ok(()) } else { self.fill(buffer, &mut done) };
        if done > count {
            kept.push(&buffer[count..done]);
        }
        match filled {
            Ok(()) => kept.taken += done,
            Err(_) => {
                kept.wanted = kept.wanted.max(kept.taken + buffer.len());
                self.offset = begun - std::mem::take(&mut kept.taken) as u64;
            }
        }
        self.kept = Some(kept);
        filled.map(|()| done)
    }

    /// Reads what is wanted behind what is kept, which is not handed out yet.
    fn refill(&mut self, kept: &mut Kept) -> Result<(), StreamError> {
        if kept.filled == 0 || kept.filled >= kept.wanted || kept.ended {
            return Ok(());
        }
        if kept.bytes.len() < kept.wanted {
            kept.bytes.resize(kept.wanted, 0);
        }
        let offset = self.offset;
        self.offset += kept.filled as u64;
        let filled = self.fill(&mut kept.bytes[..kept.wanted], &mut kept.filled);
        kept.ended = filled.is_ok() && kept.filled < kept.wanted;
        self.offset = offset;
        filled
    }

    /// Fills `buffer` behind its first `done` bytes, as far as the input reaches and no failure
    /// comes, and counts in `done` what was read.
    pub(crate) fn fill(&mut self, buffer: &mut [u8], done: &mut usize) -> Result<(), StreamError> {
        while *done < buffer.len() {
            match self.reader.read(&mut buffer[*done..]) {
                Ok(0) => break,
                Ok(count) => {
                    *done += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(StreamError::Read { offset: self.offset, source }),
            }
        }
        Ok(())
    }

    /// Fills the plaintext slots of a segment buffer as far as the input reaches.
    pub(crate) fn read_slots(
        &mut self,
        wire: &mut [u8],
        layout: SegmentLayout,
    ) -> Result<usize, StreamError> {
        let Self { reader, offset, .. } = self;
        let done = read_slots(wire, layout, |buffers, _| {
            let count = reader.read_vectored(buffers)?;
            *offset += count as u64;
            Ok(count)
        });
        done.map_err(|source| StreamError::Read { offset: *offset, source })
    }
}

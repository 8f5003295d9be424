//! What a stream is read from.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::PathBuf;

use sv2_framing::SegmentLayout;

use crate::StreamError;
use crate::io::{PositionedInput, ReadAt, Stamp, Waiting, read_slots};

/// Capacity that is asked of a pipe at either end, in bytes; the system may refuse.
const PIPE_CAPACITY: usize = 1 << 20;

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
}

impl<'a> SequentialInput<'a> {
    pub(crate) fn new(reader: Box<dyn Read + Send + 'a>) -> Self {
        Self { reader, offset: 0 }
    }

    /// Bytes that were read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills `buffer` as far as the input reaches and returns the bytes read.
    pub(crate) fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.reader.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset + done as u64;
                    return Err(StreamError::Read { offset, source });
                }
            }
        }
        self.offset += done as u64;
        Ok(done)
    }

    /// Fills the plaintext slots of a segment buffer as far as the input reaches.
    pub(crate) fn read_slots(
        &mut self,
        wire: &mut [u8],
        layout: SegmentLayout,
    ) -> Result<usize, StreamError> {
        let Self { reader, offset } = self;
        let done = read_slots(wire, layout, |buffers, _| {
            let count = reader.read_vectored(buffers)?;
            *offset += count as u64;
            Ok(count)
        });
        done.map_err(|source| StreamError::Read { offset: *offset, source })
    }
}

/// Asks for a larger pipe, so that fewer system calls move more bytes; refusal is no error.
pub(crate) fn grow_pipe(file: &File) {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::pipe::fcntl_setpipe_size(file, PIPE_CAPACITY);
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, PIPE_CAPACITY);
    }
}

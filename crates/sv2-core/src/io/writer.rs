//! An output of plaintext that a caller writes piece by piece.

use std::io::{Seek, SeekFrom, Write};

use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::io::places::write_all;
use crate::io::{Output, OutputEnd, OutputSink, Secrecy, SequentialOutput, WriteAt};

/// An output that a caller writes from front to back; a named file appears when it is finished,
/// has mode 0600 and is opened as [`OutputSink::Path`] says.
pub struct OutputWriter<'a> {
    end: End<'a>,
}

enum End<'a> {
    Sequential(SequentialOutput<'a>),
    File {
        file: std::fs::File,
        base: u64,
        written: u64,
        end: OutputEnd,
    },
    Custom {
        sink: Box<dyn WriteAt + 'a>,
        written: u64,
    },
    Memory(&'a mut Vec<u8>),
    Slice {
        /// What is left of it.
        rest: &'a mut [u8],
        written: u64,
    },
}

impl<'a> OutputWriter<'a> {
    /// Opens an output.
    ///
    /// # Errors
    /// `OutputExists`, `OutputRefused` and `Write`.
    pub fn open(sink: OutputSink<'a>) -> Result<Self, StreamError> {
        let end = match sink.open(Secrecy::Plaintext)? {
            Output::Sequential(output) => End::Sequential(output),
            Output::File { file, base, end, .. } => End::File { file, base, written: 0, end },
            Output::Custom(sink) => End::Custom { sink, written: 0 },
            Output::Memory(bytes) => End::Memory(bytes),
            Output::Slice(rest) => End::Slice { rest, written: 0 },
        };
        Ok(Self { end })
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// `Write`, with the bytes that had been written.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        match &mut self.end {
            End::Sequential(output) => output.write_all(bytes),
            End::File { file, written, .. } => {
                file.write_all(bytes)
                    .map_err(|source| StreamError::Write { offset: *written, source })?;
                *written += bytes.len() as u64;
                Ok(())
            }
            End::Custom { sink, written } => {
                write_all(&**sink, bytes, *written)
                    .map_err(|source| StreamError::Write { offset: *written, source })?;
                *written += bytes.len() as u64;
                Ok(())
            }
            End::Memory(memory) => {
                memory.extend_from_slice(bytes);
                Ok(())
            }
            End::Slice { rest, written } => {
                // Of what is longer than the memory, as much as that has room for.
                *written += rest.len().min(bytes.len()) as u64;
                rest.write_all(bytes)
                    .map_err(|source| StreamError::Write { offset: *written, source })
            }
        }
    }

    /// Leaves `len` bytes that read as zeros: a hole where the output is a file, written elsewhere.
    ///
    /// # Errors
    /// As of [`OutputWriter::write_all`].
    pub fn skip(&mut self, len: u64) -> Result<(), StreamError> {
        if let End::File { file, base, written, end } = &mut self.end
            && matches!(end, OutputEnd::Name { .. })
        {
            // A file that is made here holds nothing yet, so that what is passed over is a hole.
            let failed = |source| StreamError::Write { offset: *written, source };
            file.set_len(*base + *written + len).map_err(failed)?;
            file.seek(SeekFrom::Start(*base + *written + len)).map_err(failed)?;
            *written += len;
            return Ok(());
        }
        let zeros = [0; 4096];
        let mut left = len;
        while left > 0 {
            // At most a block, so it fits.
            let step = left.min(zeros.len() as u64) as usize;
            self.write_all(&zeros[..step])?;
            left -= step as u64;
        }
        Ok(())
    }

    /// Brings what can be to stable storage, and gives a named file its name unless `cancel` was
    /// set before.
    ///
    /// # Errors
    /// As of every call that writes: `Write`, `OutputExists`, `OutputKept`, `Cancelled`.
    pub fn finish(self, cancel: &Cancellation) -> Result<(), StreamError> {
        match self.end {
            End::Sequential(mut output) => output.flush(),
            End::File { file, base, written, end } => end.finish(file, base + written, cancel),
            End::Custom { sink, written: offset } => {
                sink.sync().map_err(|source| StreamError::Write { offset, source })
            }
            End::Memory(_) => Ok(()),
            End::Slice { rest: [], .. } => Ok(()),
            End::Slice { written: offset, .. } => {
                Err(StreamError::Write { offset, source: std::io::ErrorKind::WriteZero.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed_at(result: Result<(), StreamError>) -> u64 {
        match result {
            Err(StreamError::Write { offset, .. }) => offset,
            other => panic!("{other:?}"),
        }
    }

    fn with<T>(memory: &mut [u8], call: impl FnOnce(OutputWriter<'_>) -> T) -> T {
        call(OutputWriter::open(OutputSink::Slice(memory)).unwrap())
    }

    #[test]
    fn memory_of_another_length_fails_where_it_ends_or_is_left() {
        let mut memory = [0; 10];
        let too_long = with(&mut memory, |mut output| {
            output.write_all(&[1; 7]).unwrap();
            output.write_all(&[2; 4])
        });
        assert_eq!(failed_at(too_long), 10);
        assert_eq!(memory, [1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
        let too_short = with(&mut memory, |mut output| {
            output.write_all(&[3; 9]).unwrap();
            output.finish(&Cancellation::new())
        });
        assert_eq!(failed_at(too_short), 9);
        with(&mut memory, |mut output| {
            output.skip(10).unwrap();
            output.finish(&Cancellation::new()).unwrap();
        });
        assert_eq!(memory, [0; 10]);
    }
}

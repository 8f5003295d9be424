//! Writing an output by a driver, and finishing it when that succeeded.

use std::io::{self, Write};

use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::io::places::Cut;
use crate::io::{Output, PositionedOutput, SequentialOutput, WriteAt};

/// Where bytes go, as a driver sees it.
pub(crate) enum Target<'t, 'w> {
    Positioned(PositionedOutput<'t>),
    Sequential(&'t mut SequentialOutput<'w>),
}

impl Output<'_> {
    /// Whether it can be written at computed offsets.
    pub(crate) fn has_places(&self) -> bool {
        match self {
            Self::File { positional, .. } => *positional,
            Self::Custom(_) | Self::Memory(_) | Self::Slice(_) => true,
            Self::Sequential(_) => false,
        }
    }

    /// Has `fill` write the output, at offsets where it is to be cut, and finishes it. `fill` gives
    /// the number of bytes that it wrote besides.
    pub(crate) fn fill<T>(
        self,
        places: Option<Cut>,
        cancel: &Cancellation,
        fill: impl FnOnce(Target<'_, '_>) -> Result<(T, u64), StreamError>,
    ) -> Result<T, StreamError> {
        match self {
            Self::Sequential(mut output) => {
                let (done, _) = fill(Target::Sequential(&mut output))?;
                output.flush()?;
                Ok(done)
            }
            Self::File { file, base, end, .. } => {
                let (done, len) = match places {
                    Some(_) => {
                        fill(Target::Positioned(PositionedOutput::File { file: &file, base }))
                    }
                    None => {
                        let mut output = SequentialOutput::of_file(&file, end.has_name());
                        fill(Target::Sequential(&mut output))
                    }
                }?;
                end.finish(file, base + len, cancel)?;
                Ok(done)
            }
            Self::Custom(sink) => {
                let (done, offset) = match places {
                    Some(_) => fill(Target::Positioned(PositionedOutput::Custom(&*sink))),
                    None => {
                        let front = Box::new(FrontToBack { sink: &*sink, offset: 0 });
                        fill(Target::Sequential(&mut SequentialOutput::new(front)))
                    }
                }?;
                sink.sync().map_err(|source| StreamError::Write { offset, source })?;
                Ok(done)
            }
            Self::Memory(bytes) => {
                // A call that fails leaves the caller's vector empty.
                let mut memory = std::mem::take(bytes);
                let (done, _) = match places {
                    Some(cut) => {
                        zeroed(&mut memory, cut.len())?;
                        fill(Target::Positioned(PositionedOutput::parts(&mut memory, cut)))
                    }
                    None => {
                        let memory = Box::new(&mut memory);
                        fill(Target::Sequential(&mut SequentialOutput::new(memory)))
                    }
                }?;
                *bytes = memory;
                Ok(done)
            }
            Self::Slice(bytes) => match places {
                Some(cut) if cut.len() != bytes.len() as u64 => Err(misfit(cut.len())),
                Some(cut) => Ok(fill(Target::Positioned(PositionedOutput::parts(bytes, cut)))?.0),
                None => {
                    let mut rest = &mut *bytes;
                    let front = Box::new(&mut rest);
                    let (done, _) = fill(Target::Sequential(&mut SequentialOutput::new(front)))?;
                    match rest.len() {
                        0 => Ok(done),
                        rest => Err(misfit((bytes.len() - rest) as u64)),
                    }
                }
            },
        }
    }
}

/// An output that ends elsewhere than the memory for it.
fn misfit(offset: u64) -> StreamError {
    StreamError::Write { offset, source: io::ErrorKind::WriteZero.into() }
}

/// A sink with offsets, written from front to back.
struct FrontToBack<'a> {
    sink: &'a dyn WriteAt,
    offset: u64,
}

impl Write for FrontToBack<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.sink.write_at(bytes, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes an empty vector `len` zero bytes long; what it has room for is used again, since new
/// memory has to be found page by page.
fn zeroed(bytes: &mut Vec<u8>, len: u64) -> Result<(), StreamError> {
    let max = usize::MAX as u64;
    let fits = usize::try_from(len);
    let len =
        fits.map_err(|_| StreamError::Limit { what: "length of the output", value: len, max })?;
    if bytes.capacity() < len {
        *bytes = vec![0; len];
    } else {
        bytes.resize(len, 0);
    }
    Ok(())
}

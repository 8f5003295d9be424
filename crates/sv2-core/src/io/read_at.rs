//! Sources that are read at any offset.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::system::FileExt;

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

    /// Fills several buffers, one after the other unless the source does better.
    ///
    /// A store should fetch them at the same time: whoever calls this waits for all of them.
    ///
    /// # Errors
    /// Whatever the source says, and `UnexpectedEof` where a buffer reaches beyond the end; the
    /// buffers are then unspecified.
    fn read_many(&self, parts: &mut [ReadPart<'_>]) -> io::Result<()> {
        parts.iter_mut().try_for_each(|part| read_exact_at(self, part.buffer, part.offset))
    }
}

/// A part of a source, and where its bytes go.
#[derive(Debug)]
pub struct ReadPart<'a> {
    /// Where the part begins.
    pub offset: u64,
    /// Is filled with it.
    pub buffer: &'a mut [u8],
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(<[u8]>::len(self));
        let count = buffer.len().min(<[u8]>::len(self) - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }
}

/// Sources that hold or borrow another one.
macro_rules! through {
    ($(($($of:tt)*) $of_type:ty),*) => {
        $(impl $($of)* ReadAt for $of_type {
            fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
                (**self).read_at(buffer, offset)
            }

            fn len(&self) -> io::Result<u64> {
                ReadAt::len(&**self)
            }

            fn read_many(&self, parts: &mut [ReadPart<'_>]) -> io::Result<()> {
                (**self).read_many(parts)
            }
        })*
    };
}

through!(
    (<T: ReadAt + ?Sized>) &T,
    (<T: ReadAt + ?Sized>) Box<T>,
    (<T: ReadAt + ?Sized>) Arc<T>,
    () Vec<u8>,
    () Bytes
);

/// Fills `buffer` from `offset` on.
pub(crate) fn read_exact_at<T: ReadAt + ?Sized>(
    source: &T,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<()> {
    fill(buffer, |rest, done| source.read_at(rest, offset + done))
}

/// Fills `buffer` by a read that is told how much is there already.
pub(crate) fn fill(
    buffer: &mut [u8],
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match read(&mut buffer[done..], done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

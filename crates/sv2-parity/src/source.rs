//! Files as this crate sees them.

use std::fs::File;
use std::io::{self, ErrorKind};

use crate::{ParityError, Part};

/// Something that is read at offsets.
pub trait Source: Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// As [`Source::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads at most `buffer.len()` bytes from `offset` on; 0 only at the end.
    ///
    /// # Errors
    /// Whatever the storage says; `Interrupted` is tried again.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// Something that is written at offsets too.
pub trait Target: Source {
    /// Writes all of `bytes` at `offset`, beyond the end too.
    ///
    /// # Errors
    /// Whatever the storage says; any part of `bytes` may have been written then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends it to `len` bytes.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Brings everything to stable storage.
    ///
    /// # Errors
    /// Whatever the storage says.
    fn sync(&self) -> io::Result<()>;
}

impl Source for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(self, buffer, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(self, buffer, offset);
        #[cfg(not(any(unix, windows)))]
        {
            let _ = (buffer, offset);
            Err(ErrorKind::Unsupported.into())
        }
    }
}

impl Target for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            match write_at(self, rest, offset) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => (rest, offset) = (&rest[count..], offset + count as u64),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Writes some of `bytes`, which does not move the position of the file on Unix and does on Windows.
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
    #[cfg(not(any(unix, windows)))]
    {
        let _ = (file, bytes, offset);
        Err(ErrorKind::Unsupported.into())
    }
}

/// Fills `buffer`; says how far it came where the file ends before.
pub(crate) fn read_up_to(source: &dyn Source, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read_at(&mut buffer[done..], offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Whether all of `buffer` could be read; an unreadable place counts as lost.
pub(crate) fn can_read(source: &dyn Source, buffer: &mut [u8], offset: u64) -> bool {
    matches!(read_up_to(source, buffer, offset), Ok(done) if done == buffer.len())
}

/// Fills `buffer`, and takes an end before as an error.
pub(crate) fn read_exact(
    source: &dyn Source,
    part: Part,
    buffer: &mut [u8],
    offset: u64,
) -> Result<(), ParityError> {
    match read_up_to(source, buffer, offset) {
        Ok(done) if done == buffer.len() => Ok(()),
        Ok(_) => Err(ParityError::Changed),
        Err(source) => Err(ParityError::Read { part, offset, source }),
    }
}

/// Length of one of the files.
pub(crate) fn len_of(source: &dyn Source, part: Part) -> Result<u64, ParityError> {
    source.len().map_err(|source| ParityError::Read { part, offset: 0, source })
}

/// Writes to one of the files.
pub(crate) fn write_to(
    target: &dyn Target,
    part: Part,
    bytes: &[u8],
    offset: u64,
) -> Result<(), ParityError> {
    let written = target.write_all_at(bytes, offset);
    written.map_err(|source| ParityError::Write { part, offset, source })
}

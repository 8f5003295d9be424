//! Windows, and targets that have no files.
//!
//! The standard library tells no owner, no mode and no identity of a file there, so that a file
//! beside an output cannot be known as this user's: calls that would have to are refused.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::path::Path;

use tempfile::TempPath;

use crate::Existing;
use crate::system::{Ownership, Ready};

/// Reads and writes at offsets. Unlike on Unix the position of the file moves, so that nobody who
/// goes by positions may share a file with one who goes by offsets.
pub(crate) trait FileExt {
    /// Reads at most `buffer.len()` bytes; 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of `bytes`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Fills `buffer`; `UnexpectedEof` where the file ends before.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => (buffer, offset) = (&mut buffer[count..], offset + count as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes`.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => (bytes, offset) = (&bytes[count..], offset + count as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl FileExt for File {
    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(self, bytes, offset)
    }

    #[cfg(not(windows))]
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(not(windows))]
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Reads into the first buffer that has room.
pub(crate) fn read_vectored_at(
    file: &File,
    buffers: &mut [IoSliceMut<'_>],
    offset: u64,
) -> io::Result<usize> {
    let first = buffers.iter_mut().find(|buffer| !buffer.is_empty());
    first.map_or(Ok(0), |buffer| file.read_at(buffer, offset))
}

/// Writes the first buffer that is not empty.
pub(crate) fn write_vectored_at(
    file: &File,
    buffers: &[IoSlice<'_>],
    offset: u64,
) -> io::Result<usize> {
    let first = buffers.iter().find(|buffer| !buffer.is_empty());
    first.map_or(Ok(0), |buffer| file.write_at(buffer, offset))
}

/// Nothing tells files apart.
pub(crate) fn identity(_: &Metadata) -> Option<[u64; 2]> {
    None
}

/// Nothing tells whose a file is.
pub(crate) fn ownership(_: &Metadata) -> Option<Ownership> {
    None
}

/// The user that this process acts for, which has no number here.
pub(crate) fn user() -> u32 {
    0
}

/// There are no permission bits to give.
pub(crate) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// A file gets what its folder hands down.
pub(crate) fn temporary_mode(_: &mut tempfile::Builder<'_, '_>, _: u32) {}

/// A file gets what its folder hands down.
pub(crate) fn for_owner_alone(_: &mut OpenOptions) {}

/// No folder is known to be its owner's alone.
pub(crate) fn make_private_folder(_: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens what has a name.
pub(crate) fn open_no_link(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.open(path)
}

/// Opens a file to be read.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A folder is not opened as a file.
pub(crate) fn open_folder(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// No name leads to a socket.
pub(crate) fn is_socket(_: &Metadata) -> bool {
    false
}

/// The null device belongs to nobody else.
pub(crate) fn is_null(_: &Metadata) -> bool {
    false
}

/// The error of a name that leads from link to link.
pub(crate) fn too_many_links() -> io::Error {
    io::Error::other("too many levels of symbolic links")
}

/// Whether locks are not to be had on a file system, rather than this one lock (F-1209).
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// Whether a file system says that it has no such call.
pub(crate) fn lacks_call(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// Renames a file, in the place of another one or of none.
///
/// # Errors
/// `AlreadyExists`, and whatever else the system says.
pub(crate) fn rename(from: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    let from = TempPath::try_from_path(from)?;
    let renamed = match existing {
        Existing::Refuse => from.persist_noclobber(path),
        Existing::Replace => from.persist(path),
    };
    renamed.map_err(|mut error| {
        // The caller's file, and no temporary one of this function.
        error.path.disable_cleanup(true);
        error.error
    })
}

/// A handle of our own on a standard stream.
pub(crate) fn standard_stream(number: u32) -> Option<io::Result<File>> {
    #[cfg(windows)]
    {
        use std::os::windows::io::AsHandle;
        let copied = match number {
            0 => io::stdin().as_handle().try_clone_to_owned(),
            1 => io::stdout().as_handle().try_clone_to_owned(),
            2 => io::stderr().as_handle().try_clone_to_owned(),
            _ => return None,
        };
        Some(copied.map(File::from))
    }
    #[cfg(not(windows))]
    (number < 3).then(|| Err(io::ErrorKind::Unsupported.into()))
}

/// Descriptors have no numbers.
pub(crate) fn duplicate(_: u32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether writes to a file go to its end, whatever offset they name: nobody is asked.
pub(crate) fn appends(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// No file makes its reader wait by saying so.
pub(crate) fn wait_until_ready(_: &File, _: Ready) -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

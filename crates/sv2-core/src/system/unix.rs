//! What every Unix has.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;
pub(crate) use std::os::unix::fs::FileExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::Existing;
use crate::system::{Ownership, Ready};

/// Reads into several buffers at an offset; the position of the file stays.
pub(crate) fn read_vectored_at(
    file: &File,
    buffers: &mut [IoSliceMut<'_>],
    offset: u64,
) -> io::Result<usize> {
    Ok(rustix::io::preadv(file, buffers, offset)?)
}

/// Writes several buffers at an offset; the position of the file stays.
pub(crate) fn write_vectored_at(
    file: &File,
    buffers: &[IoSlice<'_>],
    offset: u64,
) -> io::Result<usize> {
    Ok(rustix::io::pwritev(file, buffers, offset)?)
}

/// What a file is told from every other file of the system by.
pub(crate) fn identity(metadata: &Metadata) -> Option<[u64; 2]> {
    Some([metadata.dev(), metadata.ino()])
}

/// Who owns a file, as the system tells it.
pub(crate) fn ownership(metadata: &Metadata) -> Option<Ownership> {
    Some(Ownership {
        user: metadata.uid(),
        group: metadata.gid(),
        mode: metadata.mode(),
        names: metadata.nlink(),
    })
}

/// The user that this process acts for.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Gives a file permission bits.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Has a temporary file made with permission bits, as the mask of the process allows.
pub(crate) fn temporary_mode(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    builder.permissions(Permissions::from_mode(mode));
}

/// Has a file that is made be its owner's alone.
pub(crate) fn for_owner_alone(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Makes a folder that is its owner's alone, and those above it.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens what has a name and is no link, and never as the terminal of the process.
pub(crate) fn open_no_link(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NOCTTY;
    // The bits of an open are a C int.
    options.custom_flags(flags.bits() as i32).open(path)
}

/// Opens a file to be read that somebody may have put a pipe or a link in the place of.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Opens a folder to be synced.
pub(crate) fn open_folder(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

/// Whether it is a socket.
pub(crate) fn is_socket(metadata: &Metadata) -> bool {
    metadata.file_type().is_socket()
}

/// Whether it is the null device, which tells nobody; in a container it may be nobody's.
pub(crate) fn is_null(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device()
        && std::fs::metadata("/dev/null")
            .is_ok_and(|null| null.rdev() == metadata.rdev() && null.file_type().is_char_device())
}

/// The error of a name that leads from link to link.
pub(crate) fn too_many_links() -> io::Error {
    Errno::LOOP.into()
}

/// Whether locks are not to be had on a file system, rather than this one lock (F-1209).
pub(crate) fn has_no_locks(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::NOSYS, Errno::NOLCK, Errno::OPNOTSUPP, Errno::INVAL])
}

/// Whether a file system says that it has no such call.
pub(crate) fn lacks_call(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::INVAL, Errno::NOSYS, Errno::PERM, Errno::OPNOTSUPP, Errno::MLINK])
}

fn is_one_of(error: &io::Error, numbers: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|found| numbers.iter().any(|one| one.raw_os_error() == found))
}

/// Renames a file, in the place of another one or of none.
///
/// # Errors
/// `AlreadyExists`; an error that [`lacks_call`] knows where the system cannot refuse to replace.
pub(crate) fn rename(from: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    if existing == Existing::Replace {
        return std::fs::rename(from, path);
    }
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        Ok(renameat_with(CWD, from, CWD, path, RenameFlags::NOREPLACE)?)
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    Err(Errno::NOSYS.into())
}

/// A handle of our own on a standard stream.
pub(crate) fn standard_stream(number: u32) -> Option<io::Result<File>> {
    let copied = match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => return None,
    };
    Some(copied.map(File::from))
}

/// A copy of a descriptor by its name.
#[cfg(not(target_os = "linux"))]
pub(crate) fn duplicate(number: u32) -> io::Result<File> {
    let name = format!("/dev/fd/{number}");
    File::options().read(true).open(&name).or_else(|_| File::options().write(true).open(&name))
}

/// Whether writes to a file go to its end, whatever offset they name.
pub(crate) fn appends(file: &File) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_getfl(file)?.contains(OFlags::APPEND))
}

/// Waits until a file can be read or written; a signal may end this before.
pub(crate) fn wait_until_ready(file: &File, ready: Ready) -> io::Result<()> {
    let flags = match ready {
        Ready::Read => PollFlags::IN,
        Ready::Write => PollFlags::OUT,
    };
    match poll(&mut [PollFd::new(file, flags)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

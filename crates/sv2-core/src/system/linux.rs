//! What Linux has beyond other systems; each of it may be missing in a sandbox or on a file system,
//! and no error comes from here for that.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Capacity that is asked of a pipe at either end, in bytes; the system may refuse.
const PIPE_CAPACITY: usize = 1 << 20;

/// The extents of a sparse file from `base` on; asked once, since each question moves the file's
/// position, which is put back.
pub(crate) fn data_of(file: &File, base: u64, len: u64) -> Option<Vec<(u64, u64)>> {
    use rustix::fs::{SeekFrom, seek, tell};

    let metadata = file.metadata().ok()?;
    if metadata.blocks().saturating_mul(512) >= metadata.len() {
        return None;
    }
    let stood = tell(file).ok()?;
    let mut data = Vec::new();
    let mut at = base;
    let end = base + len;
    let whole = loop {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break true,
            Err(_) => break false,
        };
        let Ok(stop) = seek(file, SeekFrom::Hole(start)) else { break false };
        if start >= end || stop <= start {
            break true;
        }
        data.push((start - base, stop.min(end) - base));
        at = stop;
    };
    let restored = seek(file, SeekFrom::Start(stood)).is_ok();
    (whole && restored).then_some(data)
}

/// Brings everything on the file system of a file to stable storage: many files at once, and the name
/// of one whose folder cannot be opened.
pub(crate) fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

/// Whether the file system of a file takes writes in any order.
///
/// Those that programs provide often do not: behind them may be an object store, which takes what
/// is written from front to back and says so only when that is not done.
pub(crate) fn takes_any_order(file: &File) -> bool {
    /// What a file system of a program is known by.
    const FUSE: i64 = 0x6573_5546;
    // The type of the field differs between machines.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    rustix::fs::fstatfs(file).map_or(true, |system| system.f_type as i64 != FUSE)
}

/// Asks for a larger pipe, so that fewer system calls move more bytes; refusal is no error.
pub(crate) fn grow_pipe(file: &File) {
    let _ = rustix::pipe::fcntl_setpipe_size(file, PIPE_CAPACITY);
}

/// A file without a name in `folder`; none where the file system has none.
pub(crate) fn nameless(folder: &Path, mode: u32) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::from_raw_mode(mode)).ok().map(File::from)
}

/// Links a file without a name to a new name.
pub(crate) fn link_to(file: &File, name: &Path) -> io::Result<()> {
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, source, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// A copy of a descriptor of which only the number is known, which safe code cannot have by `dup`.
pub(crate) fn duplicate(number: u32) -> io::Result<File> {
    let raw = i32::try_from(number).map_err(|_| Errno::BADF)?;
    let copied = pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(|process| pidfd_getfd(process, raw, PidfdGetfdFlags::empty()));
    match copied {
        Ok(copy) => Ok(File::from(copy)),
        Err(Errno::BADF) => Err(Errno::BADF.into()),
        // Kernels before 5.6, and sandboxes that forbid the call.
        Err(_) => reopen(number),
    }
}

/// The same file opened anew, brought to where the descriptor stands.
pub(crate) fn reopen(number: u32) -> io::Result<File> {
    use std::io::{Seek, SeekFrom};

    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
    let field = |name: &str| {
        let line = about.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let flags = field("flags:").and_then(|flags| u32::from_str_radix(&flags, 8).ok()).unwrap_or(0);
    let (reads, writes) = match flags & 3 {
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    let kept = OFlags::APPEND | OFlags::NONBLOCK;
    let kept = OFlags::from_bits_retain(flags) & kept;
    let mut options = File::options();
    // The bits of an open are a C int.
    options.read(reads).write(writes).custom_flags(kept.bits() as i32);
    let mut file = options.open(format!("/proc/self/fd/{number}"))?;
    if let Some(position) = field("pos:").and_then(|position| position.parse().ok())
        && file.metadata()?.is_file()
    {
        file.seek(SeekFrom::Start(position))?;
    }
    Ok(file)
}

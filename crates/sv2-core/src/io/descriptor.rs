//! Descriptors that this process was started with, by number.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Component, Path};

/// The number of the descriptor of this process that a name means, where it means one.
///
/// It is judged by its text: `/dev/stdin`, `/dev/stdout`, `/dev/stderr`, `/dev/fd/N`,
/// `/proc/self/fd/N`, `/proc/thread-self/fd/N` and the same under this process's own number.
#[must_use]
pub fn descriptor_number(path: &Path) -> Option<u32> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir if names.is_empty() => {}
            Component::Normal(name) => names.push(name.to_str()?),
            _ => return None,
        }
    }
    if !path.is_absolute() {
        return None;
    }
    let number = match names[..] {
        ["dev", "stdin"] => return Some(0),
        ["dev", "stdout"] => return Some(1),
        ["dev", "stderr"] => return Some(2),
        ["dev", "fd", number] | ["proc", "self" | "thread-self", "fd", number] => number,
        ["proc", process, "fd", number] if process == std::process::id().to_string() => number,
        _ => return None,
    };
    // The kernel knows no other way to write a number.
    let value: u32 = number.parse().ok()?;
    (value.to_string() == number).then_some(value)
}

/// A handle of our own on a descriptor of this process: the same open file, at the same position,
/// whatever it is.
///
/// # Errors
/// `NotFound` or whatever else the system says where no such descriptor is open.
pub fn open_descriptor(number: u32) -> io::Result<File> {
    let standard = match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => return duplicate(number),
    };
    Ok(File::from(standard?))
}

/// A copy of a descriptor of which only the number is known, which safe code cannot have by `dup`.
#[cfg(target_os = "linux")]
fn duplicate(number: u32) -> io::Result<File> {
    use rustix::io::Errno;
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

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
#[cfg(target_os = "linux")]
fn reopen(number: u32) -> io::Result<File> {
    use std::io::{Seek, SeekFrom};
    use std::os::unix::fs::OpenOptionsExt;

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
    let kept = rustix::fs::OFlags::APPEND | rustix::fs::OFlags::NONBLOCK;
    let kept = rustix::fs::OFlags::from_bits_retain(flags) & kept;
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

/// Elsewhere the name itself is such a copy.
#[cfg(not(target_os = "linux"))]
fn duplicate(number: u32) -> io::Result<File> {
    let name = format!("/dev/fd/{number}");
    File::options().read(true).open(&name).or_else(|_| File::options().write(true).open(&name))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn names_of_descriptors_are_known_by_their_text() {
        let own = format!("/proc/{}/fd/7", std::process::id());
        for (name, expected) in [
            ("/dev/stdin", Some(0)),
            ("/dev/stdout", Some(1)),
            ("//dev//stderr", Some(2)),
            ("/dev/fd/63", Some(63)),
            ("/proc/self/fd/1", Some(1)),
            (&own, Some(7)),
            ("/dev/fd/+3", None),
            ("/dev/fd/03", None),
            ("/dev/fd/3/x", None),
            ("dev/fd/3", None),
            ("/proc/1/fd/3", None),
            ("/dev/null", None),
        ] {
            assert_eq!(descriptor_number(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_copy_of_a_descriptor_stands_where_it_stands() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one two").unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        let number = file.as_raw_fd() as u32;
        let read = |mut copy: File| {
            let mut text = String::new();
            copy.read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(read(reopen(number).unwrap()), "two");
        assert_eq!(read(open_descriptor(number).unwrap()), "two");
        // The position is shared, as between all copies of one descriptor.
        assert_eq!(file.stream_position().unwrap(), 7);
        assert!(open_descriptor(100_000).is_err());
    }

    /// A socket cannot be opened by its name under /dev/fd.
    #[test]
    fn a_socket_is_copied() {
        let (one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
        other.write_all(b"text").unwrap();
        drop(other);
        let mut text = String::new();
        open_descriptor(one.as_raw_fd() as u32).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
    }
}

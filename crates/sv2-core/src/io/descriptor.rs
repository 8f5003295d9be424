//! Descriptors that this process was started with, by number.

use std::fs::File;
use std::io;
use std::path::{Component, Path};

use crate::system;

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
    system::standard_stream(number).unwrap_or_else(|| system::duplicate(number))
}

#[cfg(all(test, target_os = "linux"))]
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
        assert_eq!(read(system::reopen(number).unwrap()), "two");
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

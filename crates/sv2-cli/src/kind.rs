//! What a file is that is no stream: named for what it is, and what opens it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::invocation::operand;
use crate::names::Name;

/// Bytes at the start of a file that tell what it is.
const HEAD: u64 = 64;

/// How each pipe began that was read, and standard input, which cannot be looked at again.
static BEGINNINGS: Mutex<Vec<(Name, Vec<u8>)>> = Mutex::new(Vec::new());

/// Keeps the beginning of what is read, in case it is no stream.
pub(crate) struct Remembered<R> {
    name: Name,
    reader: R,
}

impl<R> Remembered<R> {
    /// What is read of the input of this name from its beginning on.
    pub(crate) fn new(name: Name, reader: R) -> Self {
        beginnings().retain(|(of, _)| *of != name);
        Self { name, reader }
    }
}

impl<R: Read> Read for Remembered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        remember(&self.name, &buffer[..count]);
        Ok(count)
    }
}

/// Keeps what still belongs to the beginning of an input; no byte where it ended.
pub(crate) fn remember(name: &Name, bytes: &[u8]) {
    let mut kept = beginnings();
    let at = kept.iter().position(|(of, _)| of == name).unwrap_or_else(|| {
        kept.push((name.clone(), Vec::new()));
        kept.len() - 1
    });
    let head = &mut kept[at].1;
    let more = bytes.len().min((HEAD as usize).saturating_sub(head.len()));
    head.extend_from_slice(&bytes[..more]);
}

fn beginnings() -> MutexGuard<'static, Vec<(Name, Vec<u8>)>> {
    BEGINNINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a kind of file begins, what it is, and the command that opens it.
struct Kind {
    starts: &'static [&'static [u8]],
    what: &'static str,
    opened: Opened,
}

/// How to get on.
enum Opened {
    /// A command, with the name of the file behind it.
    By(&'static str),
    /// In words.
    Words(&'static str),
}

const TEXT_MODE: Opened =
    Opened::Words("fetch it again as binary: no text mode, no conversion of line ends or encoding");

/// A stream begins with the bytes 89 53 56 32 0d 0a 1a 0a, which tell what was done to them.
const KINDS: [Kind; 11] = [
    Kind {
        starts: &[b"SV2PRTY\n"],
        what: "it is a parity file and not the stream that it protects",
        opened: Opened::Words("name the stream, which has the same name without .par"),
    },
    Kind {
        starts: &[b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----"],
        what: "it is an age file",
        opened: Opened::By("age -d"),
    },
    Kind {
        starts: &[b"-----BEGIN PGP MESSAGE-----", b"\x85\x01", b"\x85\x02", b"\x8c\x0d\x04"],
        what: "it looks like a gpg message",
        opened: Opened::By("gpg -d"),
    },
    Kind {
        starts: &[b"\x28\xb5\x2f\xfd"],
        what: "it is a zstd file",
        opened: Opened::By("zstd -dc"),
    },
    Kind { starts: &[b"\x1f\x8b"], what: "it is a gzip file", opened: Opened::By("gzip -dc <") },
    Kind {
        starts: &[
            b"\x89SV2\x0a\x1a\x0a",
            b"\x89SV2\x0d\x0d\x0a\x1a\x0d\x0a",
            b"\x89SV2\x0d\x1a\x0d",
        ],
        what: "it is a stream whose line ends were converted on the way, as text",
        opened: TEXT_MODE,
    },
    Kind {
        starts: &[b"\xc2\x89SV2", b"\xef\xbf\xbdSV2", b"\xef\xbb\xbf\x89SV2", b"?SV2"],
        what: "it is a stream whose bytes were converted to UTF-8 on the way, as text",
        opened: TEXT_MODE,
    },
    Kind {
        starts: &[
            b"\x89\0S\0V\0",
            b"\xfd\xffS\0V\0",
            b"\xff\xfe\x89\0S\0",
            b"\xff\xfe\xfd\xffS\0",
            b"\xff\xfe0 S\0",
            b"\xfe\xff\0\x89\0S",
        ],
        what: "it is a stream whose bytes were converted to UTF-16 on the way, as text",
        opened: TEXT_MODE,
    },
    Kind {
        starts: &[b"\x09SV2"],
        what: "it is a stream that lost the highest bit of every byte on the way",
        opened: TEXT_MODE,
    },
    Kind {
        starts: &[b"iVNWMg0KGgo"],
        what: "it is a stream in base64",
        opened: Opened::By("base64 -d"),
    },
    Kind {
        starts: &[b"895356320d0a1a0a", b"895356320D0A1A0A"],
        what: "it is a stream in hexadecimal digits",
        opened: Opened::By("xxd -r -p"),
    },
];

/// What an input that is no stream is, and what to do, where it tells.
pub(crate) fn of(name: &Name) -> Option<(&'static str, String)> {
    // Nothing but a file is opened for this: a pipe would block.
    let file = name.path().filter(|path| path.metadata().is_ok_and(|found| found.is_file()));
    let mut head = Vec::new();
    match file {
        Some(path) => {
            File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
        }
        // Of what nobody read nothing is known.
        None => head.clone_from(&beginnings().iter().find(|(of, _)| of == name)?.1),
    }
    if head.is_empty() {
        let hint = match file {
            Some(_) => "fetch it again, or encrypt again what it was made of",
            None => "see whether the program failed that was to write it",
        };
        return Some(("it is empty", hint.into()));
    }
    let kind = KINDS.iter().find(|kind| kind.starts.iter().any(|start| head.starts_with(start)))?;
    let Some(path) = file else {
        let hint = match kind.opened {
            Opened::By(command) => format!("pipe it into: {}", command.trim_end_matches(" <")),
            Opened::Words(words) => words.to_owned(),
        };
        return Some((kind.what, hint));
    };
    let word = operand(path.as_os_str());
    let hint = match kind.opened {
        Opened::By(command) => format!("{command} {word}"),
        Opened::Words(words) => words.to_owned(),
    };
    Some((kind.what, hint))
}

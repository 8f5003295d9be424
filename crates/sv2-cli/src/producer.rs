//! A program whose output is sealed only if it ended well, and inputs whose length is known
//! beforehand.
//!
//! A short pipe looks like a whole one to whoever reads it: what knows better is asked at its end,
//! before the stream is sealed.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use crate::exit::Exit;
use crate::failure::{Failure, plain};
use crate::names::{Name, shown};

/// Why an input that ended is not whole.
#[derive(Debug)]
pub(crate) enum Unfinished {
    /// The program that wrote it failed.
    Failed { program: String, how: String },
    /// It has another length than was expected.
    Length { expected: u64, read: u64 },
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { program, how } => write!(f, "'{program}' failed with {how}"),
            Self::Length { expected, read } if read > expected => {
                write!(f, "the input is longer than the {expected} bytes of --expect-length")
            }
            Self::Length { expected, read } => {
                write!(f, "the input has {read} bytes, and --expect-length says {expected}")
            }
        }
    }
}

impl Error for Unfinished {}

impl Unfinished {
    /// The failure of a run that was told so by its input, where it was.
    pub(crate) fn failure_of(error: &io::Error) -> Option<Failure> {
        let unfinished: &Self = error.get_ref()?.downcast_ref()?;
        let sentence = format!("{unfinished}; nothing was sealed");
        Some(Failure::new(Exit::Io, sentence).hint(match unfinished {
            Self::Failed { .. } => "see what it said, and run the command again",
            Self::Length { .. } => "check what writes the input, and run the command again",
        }))
    }
}

/// Standard output of a program that was started, which ends well only if the program does.
pub(crate) struct Produced {
    output: File,
    child: Option<Child>,
    program: String,
}

impl Produced {
    /// Starts a program without a shell; of what is open it gets standard input, its pipe as
    /// standard output, and standard error.
    pub(crate) fn start(command: &[OsString]) -> Result<Self, Failure> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| Failure::usage("--exec needs a command behind --"))?;
        let failed = |error: &io::Error| {
            Failure::new(Exit::Io, format!("cannot run '{}': {}", shown(program), plain(error)))
                .hint("check its name and the PATH")
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let output = child
            .stdout
            .take()
            .map(|pipe| File::from(OwnedFd::from(pipe)))
            .ok_or_else(|| failed(&io::Error::other("it has no output")))?;
        Ok(Self { output, child: Some(child), program: shown(program) })
    }
}

impl Produced {
    /// A second handle on the pipe, to look at.
    pub(crate) fn pipe(&self) -> io::Result<File> {
        self.output.try_clone()
    }

    /// Its name for sentences.
    pub(crate) fn name(&self) -> Name {
        Name::Program(self.program.clone())
    }
}

impl Read for Produced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.output.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        let Some(mut child) = self.child.take() else { return Ok(0) };
        let status = child.wait()?;
        if status.success() {
            return Ok(0);
        }
        let how = status.to_string();
        Err(io::Error::other(Unfinished::Failed { program: self.program.clone(), how }))
    }
}

/// An input that must have a length when it ends.
pub(crate) struct Measured<R> {
    inner: R,
    expected: u64,
    read: u64,
}

impl<R> Measured<R> {
    pub(crate) fn new(inner: R, expected: u64) -> Self {
        Self { inner, expected, read: 0 }
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        let is_end = count == 0 && !buffer.is_empty();
        if self.read > self.expected || (is_end && self.read != self.expected) {
            return Err(io::Error::other(unexpected(self.expected, self.read)));
        }
        Ok(count)
    }
}

/// What is said of a length that was not expected.
pub(crate) fn unexpected(expected: u64, read: u64) -> Unfinished {
    Unfinished::Length { expected, read }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_input_ends_at_its_length_alone() {
        for (len, expected, is_good) in [(0, 0, true), (5, 5, true), (5, 6, false), (6, 5, false)] {
            let bytes = vec![7; len];
            let mut read = Vec::new();
            let ended = Measured::new(&bytes[..], expected).read_to_end(&mut read);
            assert_eq!(ended.is_ok(), is_good, "{len} of {expected}");
        }
    }
}

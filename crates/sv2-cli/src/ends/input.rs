//! Inputs: a named file or standard input, opened and looked at.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sv2_core::{InputSource, StreamError, Waiting, descriptor_number, open_descriptor};

use super::Direction;
use super::closed::require_open;
use super::part::Part;
use crate::failure::Failure;
use crate::invocation::operand;
use crate::kind::{Remembered, remember};
use crate::names::{Name, Names};
use crate::readings;

/// An input that was opened.
pub(crate) struct Input {
    /// Its name for sentences.
    pub(crate) name: Name,
    pub(super) path: Option<PathBuf>,
    file: File,
    pub(super) metadata: Metadata,
    direction: Direction,
}

/// Bytes that are asked for of a pipe; the system may refuse.
const PIPE_CAPACITY: usize = 1 << 20;

impl Input {
    /// Opens the named input, or standard input where none or `-` is named; it is a stream unless
    /// it is to be encrypted.
    pub(crate) fn open(path: Option<&Path>, direction: Direction) -> Result<Self, Failure> {
        let mut options = File::options();
        Self::open_with(path, None, options.read(true), direction)
    }

    /// Opens a regular file by the path that reaches it, which no link ends; a pipe is not waited
    /// for, and refused as everything else that took its name.
    pub(crate) fn open_found(
        path: &Path,
        reached: &Path,
        direction: Direction,
    ) -> Result<Self, Failure> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let mut options = File::options();
        // The bits of an open are a C int.
        options.read(true).custom_flags(flags.bits() as i32);
        let input = Self::open_with(Some(path), Some(reached), &mut options, direction)?;
        if input.metadata.is_file() {
            return Ok(input);
        }
        Err(Failure::usage(format!("'{}' is no regular file any more", input.name)))
    }

    fn open_with(
        path: Option<&Path>,
        reached: Option<&Path>,
        options: &mut OpenOptions,
        direction: Direction,
    ) -> Result<Self, Failure> {
        let path = path.filter(|path| *path != Path::new("-"));
        let (name, file) = match path {
            Some(path) => {
                let file = match descriptor_number(path) {
                    Some(number) => open_descriptor(number),
                    None => options.open(reached.unwrap_or(path)),
                };
                let file = file.map_err(|error| Failure::file("open", path, &error))?;
                (Name::File(path.to_owned()), file)
            }
            None => {
                let file = own(&io::stdin());
                let file = file.map_err(|error| Failure::file("read", "-".as_ref(), &error))?;
                require_open(&file, &Name::Stdin)?;
                (Name::Stdin, file)
            }
        };
        let metadata = file
            .metadata()
            .map_err(|error| Failure::file("read", path.unwrap_or("-".as_ref()), &error))?;
        if metadata.is_dir() {
            let next = match (direction, path) {
                (Direction::Encrypt, Some(path)) => format!(
                    "every file below it to a stream of its own: sv2 encrypt --recursive -o FOLDER \
                     {0}; or all of it to one stream: tar -c {0} | sv2 encrypt -o folder.tar.sv2",
                    operand(path.as_os_str())
                ),
                _ => "name a stream, which is a file".to_owned(),
            };
            return Err(Failure::usage(format!("'{name}' is a folder")).hint(next));
        }
        if let (Some(path), Direction::Decrypt) = (path, direction) {
            readings::opened(path, &file, &metadata);
        }
        let input = Self { name, path: path.map(Path::to_owned), file, metadata, direction };
        if direction == Direction::Decrypt && input.is_stdin() && input.metadata.is_file() {
            input.look_at_beginning();
        }
        Ok(input)
    }

    /// An input that is a pipe from a program.
    pub(crate) fn of_program(name: Name, file: File) -> Result<Self, Failure> {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| Failure::file("read", "-".as_ref(), &error))?;
        Ok(Self { name, path: None, file, metadata, direction: Direction::Encrypt })
    }

    /// As [`Input::open`], of a stream that is read at any offset, by `command`: a pipe is refused
    /// and not waited for.
    pub(crate) fn open_file(path: Option<&Path>, command: &str) -> Result<Self, Failure> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = File::options();
        // The bits of an open are a C int.
        options.read(true).custom_flags(flags.bits() as i32);
        let input = Self::open_with(path, None, &mut options, Direction::Decrypt)?;
        input.require_file(command)?;
        Ok(input)
    }

    /// Keeps how a file on standard input begins, from where it stands, in case it is no stream.
    fn look_at_beginning(&self) {
        let mut head = [0; 64];
        let stands = io::Seek::stream_position(&mut &self.file);
        if let Ok(count) = stands.and_then(|offset| self.file.read_at(&mut head, offset)) {
            remember(&self.name, &head[..count]);
        }
    }

    /// What the file is.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether it is standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.path.is_none()
    }

    /// Whether somebody would have to type it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Refuses what cannot be read at any offset, with the command's name in the sentence.
    pub(crate) fn require_file(&self, command: &str) -> Result<(), Failure> {
        let name = &self.name;
        if !self.is_seekable() {
            return Err(Failure::usage(format!(
                "{name}: 'sv2 {command}' jumps about in its input, which must be a file and not a \
                 pipe"
            ))
            .hint("save the stream to a file first"));
        }
        if self.metadata.is_file() && self.metadata.len() == 0 {
            let names = Names { input: name, output: &Name::Stdout };
            return Err(Failure::stream(&StreamError::NotAStream, names));
        }
        Ok(())
    }

    /// Whether it is a file by name, which a later command can read again.
    pub(crate) fn is_named_file(&self) -> bool {
        self.path.is_some() && self.metadata.is_file()
    }

    /// Whether it can be read at any offset: a file, or a device with blocks.
    pub(crate) fn is_seekable(&self) -> bool {
        self.metadata.is_file() || self.is_device()
    }

    fn is_device(&self) -> bool {
        self.metadata.file_type().is_block_device()
    }

    /// The base name of a named input.
    pub(crate) fn base_name(&self) -> Option<&str> {
        self.path.as_deref()?.file_name()?.to_str()
    }

    /// A second handle on the same open file, at the same position.
    pub(crate) fn again(&self) -> Result<InputSource<'static>, Failure> {
        let failed = |error| self.failed(&error);
        let file = self.file.try_clone().map_err(failed)?;
        if self.is_device() {
            return Ok(InputSource::ReadAt(Box::new(Part::rest(file).map_err(failed)?)));
        }
        Ok(InputSource::File(file))
    }

    /// As [`Input::again`], up to the end of the stream in it.
    pub(crate) fn up_to(&self, len: u64) -> Result<InputSource<'static>, Failure> {
        let file = self.file.try_clone().and_then(Part::rest);
        let part = file.map_err(|error| self.failed(&error))?;
        Ok(InputSource::ReadAt(Box::new(part.up_to(len))))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::file("read", self.path.as_deref().unwrap_or("-".as_ref()), error)
    }

    /// The open file, to be read by somebody else.
    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// What is read of it, so that the drivers see what it is; how a stream on standard input or on
    /// a pipe begins is kept, in case it is none.
    pub(crate) fn into_source(self) -> InputSource<'static> {
        if self.direction == Direction::Encrypt {
            return InputSource::File(self.file);
        }
        if self.is_device() {
            // A device that does not tell its length is read as a pipe is.
            return match self.file.try_clone().and_then(Part::rest) {
                Ok(part) if part.len() > 0 => InputSource::ReadAt(Box::new(part)),
                _ => InputSource::File(self.file),
            };
        }
        if !self.metadata.is_file() {
            let _ = rustix::pipe::fcntl_setpipe_size(&self.file, PIPE_CAPACITY);
            let reader = Remembered::new(self.name, Waiting(self.file));
            return InputSource::Reader(Box::new(reader));
        }
        InputSource::File(self.file)
    }
}

/// A handle of our own on a stream of the program.
pub(super) fn own(stream: &impl AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

//! What a stream or its plaintext is written to.

use std::fs::{File, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sv2_framing::SegmentLayout;

use crate::StreamError;
use crate::io::input::grow_pipe;
use crate::io::unfinished::Unfinished;
use crate::io::write_slots;

/// What to do where the named output exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Fail with `OutputExists`, even where it appears while the call runs.
    Refuse,
    /// Replace it, atomically, when the call has succeeded.
    Replace,
}

/// What a call writes.
pub enum OutputSink<'a> {
    /// Anything that writes.
    Writer(Box<dyn Write + 'a>),
    /// An open file, from its position on; a regular one is written at computed offsets and
    /// synced. A failed call leaves in it what was written.
    File(File),
    /// A file by name: written under a temporary name in the same folder, synced, renamed, and
    /// the folder synced; a failed call leaves nothing.
    Path {
        /// The name that the finished file gets.
        path: PathBuf,
        /// What to do where it exists.
        existing: Existing,
    },
    /// Memory; the vector is replaced, and left empty by a failed call.
    Memory(&'a mut Vec<u8>),
}

/// The mode that a new file gets, before the process's mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Ciphertext: readable as the mask allows.
    Stream,
    /// Plaintext: for the owner alone.
    Plaintext,
}

/// An output that was opened and looked at.
pub(crate) enum Output<'a> {
    /// A regular file from `base` on.
    File { file: File, base: u64, end: OutputEnd },
    /// Anything else that writes.
    Sequential(SequentialOutput<'a>),
    /// Memory.
    Memory(&'a mut Vec<u8>),
}

/// What is left to do when a regular file was written.
pub(crate) enum OutputEnd {
    /// Leave the file's position behind what was written, and sync it.
    Sync,
    /// Sync, rename, sync the folder.
    Rename { temporary: Unfinished, path: PathBuf, existing: Existing },
}

impl<'a> OutputSink<'a> {
    /// Empties an output in memory, which a call that fails early must leave empty too.
    pub(crate) fn clear(&mut self) {
        if let Self::Memory(bytes) = self {
            bytes.clear();
        }
    }

    pub(crate) fn open(self, durability: Durability) -> Result<Output<'a>, StreamError> {
        let failed = |source| StreamError::Write { offset: 0, source };
        match self {
            Self::Memory(bytes) => {
                bytes.clear();
                Ok(Output::Memory(bytes))
            }
            Self::Writer(writer) => Ok(Output::Sequential(SequentialOutput::new(writer))),
            Self::File(file) => {
                if positionable(&file).map_err(failed)? {
                    let base = (&file).stream_position().map_err(failed)?;
                    return Ok(Output::File { file, base, end: OutputEnd::Sync });
                }
                grow_pipe(&file);
                Ok(Output::Sequential(SequentialOutput::new(Box::new(file))))
            }
            Self::Path { path, existing } => open_path(path, existing, durability),
        }
    }
}

fn open_path(
    path: PathBuf,
    existing: Existing,
    durability: Durability,
) -> Result<Output<'static>, StreamError> {
    let failed = |source| StreamError::Write { offset: 0, source };
    match std::fs::metadata(&path) {
        // A device, a pipe or a terminal is written to and never replaced.
        Ok(metadata) if !metadata.is_file() => {
            let file = File::options().write(true).open(&path).map_err(failed)?;
            grow_pipe(&file);
            return Ok(Output::Sequential(SequentialOutput::new(Box::new(file))));
        }
        Ok(_) if existing == Existing::Refuse => return Err(StreamError::OutputExists),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mode = match durability {
        Durability::Stream => 0o666,
        Durability::Plaintext => 0o600,
    };
    let (file, temporary) =
        Unfinished::create(folder_of(&path), Permissions::from_mode(mode)).map_err(failed)?;
    Ok(Output::File { file, base: 0, end: OutputEnd::Rename { temporary, path, existing } })
}

impl OutputEnd {
    /// Makes what was written to `file` up to `end` durable and gives it its name.
    pub(crate) fn finish(self, mut file: File, end: u64) -> Result<(), StreamError> {
        let failed = |source| StreamError::Write { offset: end, source };
        match self {
            Self::Sync => {
                file.seek(SeekFrom::Start(end)).map_err(failed)?;
                sync(&file).map_err(failed)
            }
            Self::Rename { temporary, path, existing } => {
                file.sync_all().map_err(failed)?;
                // What can fail does so before the file has its name.
                let folder = File::open(folder_of(&path)).map_err(failed)?;
                temporary.persist(&path, existing).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => StreamError::OutputExists,
                    _ => failed(error),
                })?;
                sync(&folder).map_err(failed)
            }
        }
    }
}

/// Syncs, where the file system can.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

/// Whether a file can be written at computed offsets: regular, and not opened for appending,
/// where the system ignores offsets.
fn positionable(file: &File) -> io::Result<bool> {
    let appends = rustix::fs::fcntl_getfl(file)?.contains(rustix::fs::OFlags::APPEND);
    Ok(file.metadata()?.is_file() && !appends)
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An output that is written once, from front to back, with the offset reached so far.
pub(crate) struct SequentialOutput<'a> {
    writer: Box<dyn Write + 'a>,
    offset: u64,
}

impl<'a> SequentialOutput<'a> {
    pub(crate) fn new(writer: Box<dyn Write + 'a>) -> Self {
        Self { writer, offset: 0 }
    }

    /// Bytes that were written so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes all of `bytes`.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = match self.writer.write(rest) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                written => written,
            };
            let offset = self.offset;
            let count = written.map_err(|source| StreamError::Write { offset, source })?;
            self.offset += count as u64;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Writes the plaintext slots of a segment.
    pub(crate) fn write_slots(
        &mut self,
        wire: &[u8],
        layout: SegmentLayout,
    ) -> Result<(), StreamError> {
        let Self { writer, offset } = self;
        let written = write_slots(wire, layout, |buffers, _| {
            let count = writer.write_vectored(buffers)?;
            *offset += count as u64;
            Ok(count)
        });
        written.map_err(|source| StreamError::Write { offset: *offset, source })
    }

    /// Flushes the writer.
    pub(crate) fn flush(&mut self) -> Result<(), StreamError> {
        let offset = self.offset;
        self.writer.flush().map_err(|source| StreamError::Write { offset, source })
    }
}

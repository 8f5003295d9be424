//! What a stream or its plaintext is written to.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sv2_framing::SegmentLayout;
use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::io::batch::{OutputBatch, Written};
use crate::io::place::{HeldOutput, OutputFault, OutputPlace};
use crate::io::unfinished::Unfinished;
use crate::io::{FileAttributes, NamePlace, NamedOutput, Waiting, WriteAt, write_slots};
use crate::io::{sync, sync_folder};
use crate::system::{self, FileExt, grow_pipe, takes_any_order};

/// What to do where the named output exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Fail with `OutputExists`, even where it appears while the call runs.
    Refuse,
    /// Replace it, atomically, when the call has succeeded.
    Replace,
}

/// What a call writes.
#[non_exhaustive]
pub enum OutputSink<'a> {
    /// Anything that writes.
    Writer(Box<dyn Write + 'a>),
    /// An open file, from its position on; a regular one is written at computed offsets and
    /// synced. A failed call leaves in it what was written.
    File(File),
    /// A file by name: written without a name or under a temporary one in the same folder, synced,
    /// named, and the folder synced. A failed call leaves nothing, but where the whole file could
    /// not get its name in the end: `OutputKept` tells where it is then.
    ///
    /// A device, a pipe or a descriptor such as `/dev/stdout` is written to and never replaced;
    /// one of another user is refused.
    Path {
        /// The name that the finished file gets.
        path: PathBuf,
        /// What to do where it exists.
        existing: Existing,
    },
    /// A file by name that was begun already.
    Named(NamedOutput),
    /// What a name led to when it was judged: a device, a pipe or an open descriptor.
    Held(HeldOutput),
    /// Anything else that can be written at any offset. A failed call leaves in it what was
    /// written.
    WriteAt(Box<dyn WriteAt + 'a>),
    /// Memory; the vector is replaced, and left empty by a failed call.
    Memory(&'a mut Vec<u8>),
    /// Memory of just the length of the output: any other is refused as a failed write. A failed
    /// call leaves in it what was written.
    Slice(&'a mut [u8]),
}

/// The mode that a new file gets, before the process's mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Ciphertext: readable as the mask allows.
    Stream,
    /// Plaintext: for the owner alone.
    Plaintext,
}

/// An output that was opened and looked at.
pub(crate) enum Output<'a> {
    /// A regular file from `base` on, which `positional` allows to be written in any order.
    File { file: File, base: u64, end: OutputEnd, positional: bool },
    /// What a caller brought.
    Custom(Box<dyn WriteAt + 'a>),
    /// Anything else that writes.
    Sequential(SequentialOutput<'a>),
    /// Memory.
    Memory(&'a mut Vec<u8>),
    /// Memory that cannot grow.
    Slice(&'a mut [u8]),
}

/// What is left to do when a regular file was written.
pub(crate) enum OutputEnd {
    /// Leave the file's position behind what was written, and sync it.
    Sync,
    /// Give attributes, sync, name, sync the folder.
    Name {
        unfinished: Unfinished,
        place: NamePlace,
        existing: Existing,
        attributes: FileAttributes,
        /// Where the rest of it waits for that of others, after its attributes.
        batch: Option<(OutputBatch, u64)>,
    },
}

impl<'a> OutputSink<'a> {
    /// Empties an output in memory, which a call that fails early must leave empty too.
    pub(crate) fn clear(&mut self) {
        if let Self::Memory(bytes) = self {
            bytes.clear();
        }
    }

    pub(crate) fn open(self, secrecy: Secrecy) -> Result<Output<'a>, StreamError> {
        let failed = |source| StreamError::Write { offset: 0, source };
        match self {
            Self::Memory(bytes) => {
                bytes.clear();
                Ok(Output::Memory(bytes))
            }
            Self::Slice(bytes) => Ok(Output::Slice(bytes)),
            Self::WriteAt(sink) => Ok(Output::Custom(sink)),
            Self::Writer(writer) => Ok(Output::Sequential(SequentialOutput::new(writer))),
            Self::File(file) => open_file(file).map_err(failed),
            Self::Held(held) => held.open().and_then(open_file).map_err(failed),
            Self::Named(named) => Ok(named.into_output()),
            Self::Path { path, existing } => open_path(&path, existing, secrecy),
        }
    }
}

fn open_file(file: File) -> io::Result<Output<'static>> {
    if !keeps_offsets(&file)? {
        grow_pipe(&file);
        return Ok(Output::Sequential(SequentialOutput::new(Box::new(Waiting(file)))));
    }
    let base = (&file).stream_position()?;
    let positional = takes_any_order(&file);
    Ok(Output::File { file, base, end: OutputEnd::Sync, positional })
}

fn open_path(
    path: &Path,
    existing: Existing,
    secrecy: Secrecy,
) -> Result<Output<'static>, StreamError> {
    let failed = |source| output_failure(0, source);
    match OutputPlace::find(path).map_err(failed)? {
        OutputPlace::Open(held) => return held.open().and_then(open_file).map_err(failed),
        OutputPlace::Folder => return Err(failed(io::ErrorKind::IsADirectory.into())),
        OutputPlace::File(_) if existing == Existing::Refuse => {
            return Err(StreamError::OutputExists);
        }
        OutputPlace::File(_) | OutputPlace::Vacant => {}
    }
    let mode = match secrecy {
        Secrecy::Stream => 0o666,
        Secrecy::Plaintext => 0o600,
    };
    Ok(NamedOutput::begin(path, existing, mode).map_err(failed)?.into_output())
}

/// The error of an output that cannot be opened or written.
pub(crate) fn output_failure(offset: u64, source: io::Error) -> StreamError {
    match source.get_ref().and_then(|inner| inner.downcast_ref::<OutputFault>()) {
        Some(fault) => StreamError::OutputRefused(*fault),
        None => StreamError::Write { offset, source },
    }
}

impl OutputEnd {
    /// Whether the file has a name already, be it a temporary one.
    pub(crate) fn has_name(&self) -> bool {
        match self {
            Self::Sync => true,
            Self::Name { unfinished, .. } => unfinished.has_name(),
        }
    }

    /// Makes what was written to `file` up to `end` durable and gives it its name, unless `cancel`
    /// is set before it has it.
    pub(crate) fn finish(
        self,
        mut file: File,
        end: u64,
        cancel: &Cancellation,
    ) -> Result<(), StreamError> {
        let failed = |source| StreamError::Write { offset: end, source };
        match self {
            Self::Sync => {
                file.seek(SeekFrom::Start(end)).map_err(failed)?;
                sync(&file).map_err(failed)
            }
            // In this order, so that the folder is held until an unfinished file is gone.
            Self::Name { place, unfinished, existing, attributes, batch } => {
                attributes.give(&file).map_err(failed)?;
                if let Some((batch, ticket)) = batch {
                    batch.push(Written { ticket, file, unfinished, place, existing, len: end });
                    return Ok(());
                }
                sync(&file).map_err(failed)?;
                unfinished
                    .persist(&file, &place, existing, cancel)
                    .map_err(|error| error.told(&place, end))?;
                sync_folder(place.reached(), &file).map_err(|source| StreamError::OutputKept {
                    kept: place.shown().to_owned(),
                    source,
                })
            }
        }
    }
}

/// Whether a file has offsets to write at: regular, and not opened for appending, where the system
/// ignores them.
fn keeps_offsets(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.is_file() && !system::appends(file)?)
}

/// Refuses a file that will be written at offsets where its file system takes no such writes; the
/// file is as it was then.
pub(crate) fn check_any_order(file: &File) -> io::Result<()> {
    if takes_any_order(file) {
        return Ok(());
    }
    let len = file.metadata()?.len();
    // One byte beyond the end, with a gap.
    file.write_all_at(&[0], len + 1).and_then(|()| file.set_len(len)).map_err(|_| {
        let what = "its file system takes writes from front to back alone";
        io::Error::new(io::ErrorKind::Unsupported, what)
    })
}

/// An output that is written once, from front to back, with the offset reached so far.
pub(crate) struct SequentialOutput<'a> {
    writer: Box<dyn Write + 'a>,
    offset: u64,
    /// The file behind it, where others can find that by a name.
    named: Option<&'a File>,
}

impl<'a> SequentialOutput<'a> {
    pub(crate) fn new(writer: Box<dyn Write + 'a>) -> Self {
        Self { writer, offset: 0, named: None }
    }

    /// Writes to a regular file, which has a name or not.
    pub(crate) fn of_file(file: &'a File, has_name: bool) -> Self {
        Self { named: has_name.then_some(file), ..Self::new(Box::new(file)) }
    }

    /// Brings what was written to stable storage before anything else is written, where it has a
    /// name (F-1006): what nobody can find is synced as a whole.
    pub(crate) fn barrier(&mut self) -> Result<(), StreamError> {
        let Some(file) = self.named else { return Ok(()) };
        self.flush()?;
        let offset = self.offset;
        file.sync_data().map_err(|source| StreamError::Write { offset, source })
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
        let Self { writer, offset, .. } = self;
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

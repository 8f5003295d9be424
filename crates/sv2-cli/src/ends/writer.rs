//! An output that a command writes piece by piece, with its failures in the words of all outputs.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sv2_core::{Existing, StreamError};

use crate::ends::partial::{Partial, sync};
use crate::ends::terminal::TextOnly;
use crate::failure::Failure;
use crate::names::{Name, Names};

/// An output that was opened.
pub(crate) struct OutputWriter {
    name: Name,
    end: End,
    written: u64,
}

enum End {
    /// Standard output, a device or a pipe: what is written is out.
    Open(File),
    Terminal(TextOnly),
    /// A file that appears when it is complete.
    Partial(Partial),
}

impl OutputWriter {
    pub(super) fn open(name: Name, file: File) -> Self {
        Self { name, end: End::Open(file), written: 0 }
    }

    pub(super) fn terminal(name: Name, terminal: TextOnly) -> Self {
        Self { name, end: End::Terminal(terminal), written: 0 }
    }

    /// A named output; a device, a pipe or a terminal is written to and never replaced.
    pub(super) fn named(name: Name, path: &Path, existing: Existing) -> Result<Self, Failure> {
        let is_special = std::fs::metadata(path).is_ok_and(|target| !target.is_file());
        let end = if is_special {
            File::options().write(true).open(path).map(End::Open)
        } else {
            Partial::create(path, existing).map(End::Partial)
        };
        match end {
            Ok(end) => Ok(Self { name, end, written: 0 }),
            Err(source) => Err(failure(&name, 0, source)),
        }
    }

    /// Writes all of `bytes`.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match &mut self.end {
            End::Open(file) => file.write_all(bytes),
            End::Terminal(terminal) => terminal.write_all(bytes),
            End::Partial(partial) => partial.file().write_all(bytes),
        };
        written.map_err(|source| failure(&self.name, self.written, source))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Makes durable what can be, and gives a named file its name.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { name, end, written } = self;
        let finished = match end {
            End::Open(file) => match file.metadata() {
                Ok(metadata) if metadata.is_file() => sync(&file),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            },
            End::Terminal(mut terminal) => terminal.flush(),
            End::Partial(partial) => partial.finish(),
        };
        finished.map_err(|source| failure(&name, written, source))
    }
}

fn failure(output: &Name, offset: u64, source: io::Error) -> Failure {
    let error = match source.kind() {
        io::ErrorKind::AlreadyExists => StreamError::OutputExists,
        _ => StreamError::Write { offset, source },
    };
    // What is read plays no part when writing fails.
    Failure::stream(&error, Names { input: output, output })
}

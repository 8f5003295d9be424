//! An output that a command writes piece by piece, with its failures in the words of all outputs.

use sv2_core::{Cancellation, OutputSink, StreamError};

use crate::failure::Failure;
use crate::names::{Name, Names};

/// An output that was opened.
pub(crate) struct OutputWriter {
    name: Name,
    end: sv2_core::OutputWriter<'static>,
}

impl OutputWriter {
    pub(super) fn open(name: Name, sink: OutputSink<'static>) -> Result<Self, Failure> {
        match sv2_core::OutputWriter::open(sink) {
            Ok(end) => Ok(Self { name, end }),
            Err(error) => Err(failure(&name, &error)),
        }
    }

    /// Writes all of `bytes`.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.end.write_all(bytes).map_err(|error| failure(&self.name, &error))
    }

    /// Leaves bytes that read as zeros, as a hole where the output is a file.
    pub(crate) fn skip(&mut self, len: u64) -> Result<(), Failure> {
        self.end.skip(len).map_err(|error| failure(&self.name, &error))
    }

    /// Makes durable what can be, and gives a named file its name unless `cancel` was set before.
    pub(crate) fn finish(self, cancel: &Cancellation) -> Result<(), Failure> {
        let Self { name, end, .. } = self;
        end.finish(cancel).map_err(|error| failure(&name, &error))
    }
}

fn failure(output: &Name, error: &StreamError) -> Failure {
    // What is read plays no part when writing fails.
    Failure::stream(error, Names { input: output, output })
}

//! What still authenticates of a damaged or unsealed stream, range by range.

use std::io::{self, Write};
use std::ops::Range;

use sv2_core::{
    DecryptOptions, Gaps, InputSource, KeySource, OutputSink, StreamError, Tail,
    decrypt_stream_with, salvage,
};

use crate::ends::OutputWriter;
use crate::failure::Failure;

/// How a stream that is not whole is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rescue {
    /// Every frame that authenticates, with zeros for the others.
    Salvage,
    /// Up to where it breaks off.
    Unsealed,
}

/// What a range got.
pub(super) struct Got {
    /// Bytes of it that were written.
    pub(super) written: u64,
    /// Plaintext of it that is lost, as zeros.
    pub(super) lost: Vec<Range<u64>>,
    /// Whether the seal holds.
    pub(super) sealed: bool,
}

impl Rescue {
    /// Reads the whole stream and writes what of it lies in the range.
    pub(super) fn copy(
        self,
        source: InputSource<'_>,
        key: &KeySource<'_>,
        options: &DecryptOptions,
        range: &Range<u64>,
        writer: &mut OutputWriter,
    ) -> Result<Got, Stop> {
        let mut picked = Picked { range: range.clone(), at: 0, written: 0, writer, failure: None };
        let sink = OutputSink::Writer(Box::new(&mut picked));
        let done = match self {
            Self::Salvage => {
                salvage(source, sink, key, options, Gaps::Zero).map(|done| (done.lost, done.sealed))
            }
            Self::Unsealed => {
                let mut options = options.clone();
                options.tail = Tail::MayBeMissing;
                decrypt_stream_with(source, sink, key, &options)
                    .map(|done| (Vec::new(), done.sealed))
            }
        };
        if let Some(failure) = picked.failure {
            return Err(Stop::Told(failure));
        }
        let (lost, sealed) = done.map_err(Stop::Stream)?;
        let lost = lost
            .into_iter()
            .map(|lost| lost.start.max(range.start)..lost.end.min(range.end))
            .filter(|lost| lost.start < lost.end)
            .collect();
        Ok(Got { written: picked.written, lost, sealed })
    }
}

/// Why nothing more was read.
pub(super) enum Stop {
    Stream(StreamError),
    Told(Failure),
}

/// Passes on what lies in a range.
struct Picked<'a> {
    range: Range<u64>,
    at: u64,
    written: u64,
    writer: &'a mut OutputWriter,
    /// In the words of all outputs.
    failure: Option<Failure>,
}

impl Write for Picked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.at + bytes.len() as u64;
        let from = self.range.start.clamp(self.at, end) - self.at;
        let to = self.range.end.clamp(self.at, end) - self.at;
        self.at = end;
        if from < to {
            // Both lie within the bytes.
            let wanted = &bytes[from as usize..to as usize];
            if let Err(failure) = self.writer.write_all(wanted) {
                self.failure = Some(failure);
                return Err(io::Error::other("told"));
            }
            self.written += wanted.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

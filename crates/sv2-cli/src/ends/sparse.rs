//! Plaintext whose zeros become holes: blocks of nothing but zeros are passed over.

use std::io::{self, Write};

use super::OutputWriter;
use crate::failure::Failure;

/// What a file system keeps or leaves out as a whole, as most have it.
const BLOCK: usize = 4096;

/// Writes to an output from its start on, with holes in place of blocks of zeros.
pub(crate) struct Sparse<'w> {
    writer: &'w mut OutputWriter,
    /// The beginning of a block that is not complete.
    block: Vec<u8>,
    /// Zeros that were passed over and not told to the output yet.
    skipped: u64,
    /// In the words of all outputs.
    failure: Option<Failure>,
}

impl<'w> Sparse<'w> {
    pub(crate) fn new(writer: &'w mut OutputWriter) -> Self {
        Self { writer, block: Vec::with_capacity(BLOCK), skipped: 0, failure: None }
    }

    /// Writes what is left of the last block.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let block = std::mem::take(&mut self.block);
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.put(&block)?;
        match self.skipped {
            0 => Ok(()),
            skipped => self.writer.skip(skipped),
        }
    }

    /// The failure of the output, where that is why the work ended.
    pub(crate) fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.iter().all(|byte| *byte == 0) {
            self.skipped += bytes.len() as u64;
            return Ok(());
        }
        if self.skipped > 0 {
            self.writer.skip(std::mem::take(&mut self.skipped))?;
        }
        self.writer.write_all(bytes)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut rest = bytes;
        if !self.block.is_empty() {
            let (more, behind) = rest.split_at(rest.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(more);
            rest = behind;
            if self.block.len() < BLOCK {
                return Ok(());
            }
            let block = std::mem::take(&mut self.block);
            self.put(&block)?;
        }
        let blocks = rest.chunks_exact(BLOCK);
        self.block.extend_from_slice(blocks.remainder());
        for block in blocks {
            self.put(block)?;
        }
        Ok(())
    }
}

impl Write for Sparse<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.take(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(failure) => {
                self.failure = Some(failure);
                Err(io::Error::other("told"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

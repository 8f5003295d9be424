//! Where recovered plaintext goes, with holes, zeros or nothing in place of what is lost.

use std::fs::File;

use sv2_pipeline::Cancellation;

use crate::StreamError;
use crate::io::{PositionedOutput, SequentialOutput};

/// Zeros that are written at a time.
const STEP: usize = 64 << 10;

/// An output that can be left empty in places.
pub(super) enum Gapped<'o, 'w> {
    /// A regular file from `base` on: zeros are holes where nothing was before.
    File { file: &'o File, base: u64, existing: u64, at: u64 },
    /// Anything else.
    Sequential { output: &'o mut SequentialOutput<'w>, cancel: &'o Cancellation },
}

impl<'o, 'w> Gapped<'o, 'w> {
    pub(super) fn file(file: &'o File, base: u64) -> Result<Self, StreamError> {
        let metadata =
            file.metadata().map_err(|source| StreamError::Write { offset: 0, source })?;
        Ok(Self::File { file, base, existing: metadata.len(), at: 0 })
    }

    /// Bytes of output so far, those of gaps included.
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::File { at, .. } => *at,
            Self::Sequential { output, .. } => output.offset(),
        }
    }

    pub(super) fn write(&mut self, plaintext: &[u8]) -> Result<(), StreamError> {
        match self {
            Self::File { file, base, at, .. } => {
                PositionedOutput::File { file, base: *base }.write_all_at(plaintext, *at)?;
                *at += plaintext.len() as u64;
                Ok(())
            }
            Self::Sequential { output, .. } => output.write_all(plaintext),
        }
    }

    /// Leaves `len` bytes that read as zeros.
    pub(super) fn skip(&mut self, len: u64) -> Result<(), StreamError> {
        match self {
            Self::File { file, base, existing, at } => {
                // What the caller's file holds already is no hole.
                let old = existing.saturating_sub(*base + *at).min(len);
                let output = PositionedOutput::File { file, base: *base };
                let zeros = [0; STEP];
                let mut done = 0;
                while done < old {
                    // At most a step, so it fits.
                    let step = (old - done).min(STEP as u64) as usize;
                    output.write_all_at(&zeros[..step], *at + done)?;
                    done += step as u64;
                }
                *at += len;
                Ok(())
            }
            Self::Sequential { output, cancel } => {
                let zeros = [0; STEP];
                let mut left = len;
                while left > 0 {
                    if cancel.is_cancelled() {
                        return Err(StreamError::Cancelled { segment: 0 });
                    }
                    let step = left.min(STEP as u64) as usize;
                    output.write_all(&zeros[..step])?;
                    left -= step as u64;
                }
                Ok(())
            }
        }
    }

    /// Makes the file as long as what was written and skipped.
    pub(super) fn finish(&self) -> Result<(), StreamError> {
        if let Self::File { file, base, existing, at } = self
            && *base + *at > *existing
        {
            let failed = |source| StreamError::Write { offset: *at, source };
            file.set_len(*base + *at).map_err(failed)?;
        }
        Ok(())
    }
}

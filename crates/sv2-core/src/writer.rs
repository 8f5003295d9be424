//! A stream behind `Write`, one segment at a time on the caller's thread.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use sv2_framing::{FrameIndex, SegmentIndex, SegmentLayout};

use crate::encrypt::drawn;
use crate::seal::{Filled, Moved, SealJob};
use crate::tail::IndexBuilder;
use crate::{EncryptOptions, Section, StreamError, StreamKey, StreamReport};

/// Encrypts what is written to it, on the thread that writes.
///
/// The stream is complete only when [`EncryptWriter::finish`] has returned `Ok`: a writer that is
/// dropped before leaves an unsealed stream, which no reader takes for a whole one.
/// After an error every further call fails; the writer below may hold part of a segment then, so
/// that one that answers `WouldBlock` does not serve.
///
/// Of the options of a run it takes the cipher library, the token and the observer, which it looks
/// at before and after each segment.
/// It holds what was written since the last whole segment, and nothing more until the first is
/// whole.
pub struct EncryptWriter<W: Write> {
    writer: W,
    job: SealJob,
    wire: Vec<u8>,
    full: SegmentLayout,
    filled: usize,
    index: IndexBuilder,
    failed: bool,
    begun: Instant,
}

impl<W: Write> EncryptWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// As [`crate::encrypt_stream_v2`] for options and `Write`.
    pub fn new(
        mut writer: W,
        key: &StreamKey,
        options: &EncryptOptions,
    ) -> Result<Self, StreamError> {
        let begun = Instant::now();
        let job = SealJob::begin(key, options)?;
        job.watch.check_cancelled(0)?;
        writer
            .write_all(job.sealer.header())
            .map_err(|source| StreamError::Write { offset: 0, source })?;
        let full = job.layout().full_segment();
        let (wire, index) = (Vec::new(), job.index());
        Ok(Self { writer, job, wire, full, filled: 0, index, failed: false, begun })
    }

    /// As [`EncryptWriter::new`], under a key that is drawn here and lies in the slots that `slots`
    /// makes for it, as with [`encrypt_for`](crate::encrypt_for).
    ///
    /// # Errors
    /// Those of `slots`; `Usage` where it makes none, or `options` have slots already; everything
    /// else as with [`EncryptWriter::new`].
    pub fn create_for<E: From<StreamError>>(
        writer: W,
        slots: impl FnOnce(&StreamKey) -> Result<Vec<Section>, E>,
        options: &EncryptOptions,
    ) -> Result<Self, E> {
        let (key, options) = drawn(slots, options)?;
        Ok(Self::new(writer, &key, &options)?)
    }

    /// The writer below, which holds whole segments only.
    pub fn get_ref(&self) -> &W {
        &self.writer
    }

    /// Seals what is left, writes the tail, flushes, and hands the writer back.
    ///
    /// # Errors
    /// `Write`, `Crypto`, `Cancelled`; `Usage` after an earlier error. The stream is then not
    /// sealed.
    pub fn finish(mut self) -> Result<(W, StreamReport), StreamError> {
        if self.failed {
            return Err(StreamError::Usage("the writer failed before"));
        }
        if self.filled > 0 {
            self.seal_segment()?;
        }
        let Self { mut writer, job, index, begun, .. } = self;
        let offset = job.layout().tail_offset(index.plaintext_len());
        let moved = Moved::inline(index, &job.watch);
        let report = job.watch.ended(job.finish(moved, |tail| {
            let written = writer.write_all(tail).and_then(|()| writer.flush());
            written.map_err(|source| StreamError::Write { offset, source })
        }))?;
        Ok((writer, report.since(begun)))
    }

    fn seal_segment(&mut self) -> Result<(), StreamError> {
        self.failed = true;
        let sealed = self.seal_and_write();
        self.job.watch.ended(sealed)?;
        self.failed = false;
        Ok(())
    }

    fn seal_and_write(&mut self) -> Result<(), StreamError> {
        let layout = self.job.layout();
        let segment = self.index.plaintext_len() / layout.geometry.segment_size();
        self.job.watch.check_cancelled(segment)?;
        self.job.check_len(self.index.plaintext_len() + self.filled as u64)?;
        let wire = std::mem::take(&mut self.wire);
        // At most a segment, so it fits.
        let filled = Filled { wire, plaintext_len: self.filled as u32, read: Duration::ZERO };
        let sealed = self.job.seal_filled(segment, filled)?;
        let begun = Instant::now();
        let offset = layout.segment_offset(SegmentIndex(segment));
        self.writer
            .write_all(&sealed.wire[..sealed.len])
            .map_err(|source| StreamError::Write { offset, source })?;
        let lap = sealed.lap.write(begun.elapsed());
        self.index.push(&sealed.receipt.entry, sealed.receipt.plaintext_len);
        self.wire = sealed.wire;
        self.job.watch.segment(std::mem::take(&mut self.filled) as u64, lap);
        Ok(())
    }
}

impl<W: Write> Write for EncryptWriter<W> {
    /// Takes at most a frame. An error is a [`StreamError`] in an `io::Error` of a fitting kind.
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("the writer failed before"));
        }
        if plaintext.is_empty() {
            return Ok(0);
        }
        if self.filled == self.full.plaintext_len() as usize {
            self.seal_segment()?;
        }
        let frame_size = self.full.frame_size() as usize;
        let frame = FrameIndex((self.filled / frame_size) as u16);
        let mut slot = self.full.plaintext_slot(frame);
        slot.start += self.filled % frame_size;
        slot.end = slot.start + slot.len().min(plaintext.len());
        if self.wire.len() < slot.end {
            self.wire.resize(slot.end, 0);
        }
        let count = slot.len();
        self.wire[slot].copy_from_slice(&plaintext[..count]);
        self.filled += count;
        Ok(count)
    }

    /// Flushes the segments that are whole; the rest waits for more plaintext or for `finish`.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

//! A stream behind `Write`, one segment at a time on the caller's thread.

use std::io::{self, Write};
use std::time::Instant;

use sv2_framing::{FrameIndex, SegmentIndex, SegmentLayout};

use crate::encrypt::{EncryptJob, Written};
use crate::report::StageTimes;
use crate::tail::IndexBuilder;
use crate::{Driver, EncryptOptions, StreamError, StreamKey, StreamReport};

/// Encrypts what is written to it.
///
/// The stream is complete only when [`EncryptWriter::finish`] has returned `Ok`: a writer that is
/// dropped before leaves an unsealed stream, which no reader takes for a whole one.
/// After an error every further call fails.
pub struct EncryptWriter<W: Write> {
    writer: W,
    job: EncryptJob,
    wire: Vec<u8>,
    full: SegmentLayout,
    filled: usize,
    segments: u64,
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
        let job = EncryptJob::begin(key, options)?;
        writer
            .write_all(&job.keyed.bytes)
            .map_err(|source| StreamError::Write { offset: 0, source })?;
        let full = SegmentLayout::full(job.layout.geometry, job.layout.digest);
        let index = IndexBuilder::new(job.layout.digest);
        let wire = vec![0; full.wire_len()];
        Ok(Self { writer, job, wire, full, filled: 0, segments: 0, index, failed: false, begun })
    }

    /// Seals what is left, writes the tail, flushes, and hands the writer back.
    ///
    /// # Errors
    /// `Write`, `Crypto`; `Usage` after an earlier error. The stream is then not sealed.
    pub fn finish(mut self) -> Result<(W, StreamReport), StreamError> {
        if self.failed {
            return Err(StreamError::Usage("the writer failed before"));
        }
        if self.filled > 0 {
            self.seal_segment()?;
        }
        let plaintext_len = self.index.plaintext_len();
        let index = std::mem::replace(&mut self.index, IndexBuilder::new(self.job.layout.digest));
        let (tail, trailer) = self.job.tail(index)?;
        let offset = self.job.layout.tail_offset(plaintext_len);
        self.writer
            .write_all(&tail)
            .and_then(|()| self.writer.flush())
            .map_err(|source| StreamError::Write { offset, source })?;
        let stream_len = offset + tail.len() as u64;
        let written = Written {
            plaintext_len,
            stream_len,
            trailer,
            stages: StageTimes::default(),
            threads: 1,
            driver: Driver::Inline,
        };
        let report = self.job.report(&written, self.begun);
        Ok((self.writer, report))
    }

    fn seal_segment(&mut self) -> Result<(), StreamError> {
        let layout = &self.job.layout;
        let index = SegmentIndex(self.segments);
        let context = self.job.worker.context();
        let Some(segment) = context.layout(self.filled as u64) else {
            return Err(StreamError::Usage("a segment without plaintext"));
        };
        let value = self.index.plaintext_len() + self.filled as u64;
        let max = layout.geometry.max_plaintext_len();
        if value > max {
            return Err(StreamError::Limit { what: "plaintext length", value, max });
        }
        let wire = &mut self.wire[..segment.wire_len()];
        let entry = self
            .job
            .worker
            .encrypt_in_place(index, segment.plaintext_len(), wire)
            .map_err(|error| StreamError::from_segment(&error, layout))?;
        let offset = layout.segment_offset(index);
        self.writer.write_all(wire).map_err(|source| StreamError::Write { offset, source })?;
        self.index.push(&entry, segment.plaintext_len());
        self.segments += 1;
        self.filled = 0;
        Ok(())
    }
}

impl<W: Write> Write for EncryptWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("the writer failed before"));
        }
        if plaintext.is_empty() {
            return Ok(0);
        }
        if self.filled == self.full.plaintext_len() as usize {
            self.failed = true;
            self.seal_segment().map_err(io::Error::other)?;
            self.failed = false;
        }
        let frame_size = self.full.frame_size() as usize;
        let frame = FrameIndex((self.filled / frame_size) as u16);
        let mut slot = self.full.plaintext_slot(frame);
        slot.start += self.filled % frame_size;
        let count = slot.len().min(plaintext.len());
        self.wire[slot.start..slot.start + count].copy_from_slice(&plaintext[..count]);
        self.filled += count;
        Ok(count)
    }

    /// Flushes the segments that are whole; the rest waits for more plaintext or for `finish`.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

//! Sealing and writing the segments and the tail of an append, once its change record is stored.

use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_headers::IndexEntry;
use sv2_pipeline::{Fed, RunStats, run_inline, run_ordered};

use crate::change::ChangeFile;
use crate::change::append::{AppendJob, Done};
use crate::encrypt::pipeline_options;
use crate::error::pipeline_error;
use crate::io::SequentialInput;
use crate::report::StageTimes;
use crate::tail::IndexBuilder;
use crate::{Driver, StreamError};

/// A segment on its way to a worker: its buffer, and how much plaintext is in the slots.
pub(super) struct Filled {
    pub(super) wire: Vec<u8>,
    pub(super) plaintext_len: u32,
}

/// A sealed segment.
struct Sealed {
    wire: Vec<u8>,
    wire_len: usize,
    plaintext_len: u32,
    entry: IndexEntry,
}

impl AppendJob<'_> {
    /// Writes segments and tail over the old tail, and brings them to stable storage.
    pub(super) fn write(
        &self,
        mut input: SequentialInput<'_>,
        total: Option<u64>,
        first: Filled,
        small: bool,
    ) -> Result<Done, StreamError> {
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);
        let old_len = self.stream.trailer.plaintext_len;
        let mut index = self.kept_index()?;
        let kept_len = index.plaintext_len();
        let mut done = 0u64;
        let mut bytes_out = 0u64;
        let mut ahead = Some(first);
        let mut ended = small;

        let read = &mut input;
        let source = |_: u64, buffer: Vec<u8>| {
            if let Some(first) = ahead.take() {
                return Ok(Fed::Job(first));
            }
            if ended {
                return Ok(Fed::End(buffer));
            }
            let mut wire = buffer;
            wire.resize(full.wire_len(), 0);
            // At most a segment, so it fits.
            let plaintext_len = read.read_slots(&mut wire, full)? as u32;
            ended = plaintext_len < full.plaintext_len();
            Ok(match plaintext_len {
                0 => Fed::End(wire),
                _ => Fed::Job(Filled { wire, plaintext_len }),
            })
        };
        let work = |number: u64, filled: Filled| self.seal(self.kept + number, filled);
        let sink = |number: u64, sealed: Sealed| {
            let offset = self.layout.segment_offset(SegmentIndex(self.kept + number));
            let wire = &sealed.wire[..sealed.wire_len];
            self.write_at(wire, offset)?;
            index.push(&sealed.entry, sealed.plaintext_len);
            done += u64::from(sealed.plaintext_len);
            bytes_out += wire.len() as u64;
            self.check_len(kept_len + done)?;
            self.options.run.observe(done.saturating_sub(self.rest.len() as u64), total);
            Ok(sealed.wire)
        };
        let (stats, driver) = self.drive(source, work, sink, total, small)?;
        let appended = input.offset();
        if total.is_some_and(|total| total != appended) {
            let offset = total.map_or(appended, |total| total.min(appended));
            return Err(StreamError::InputChanged { offset });
        }

        self.check_cancelled()?;
        let plaintext_len = index.plaintext_len();
        debug_assert_eq!(plaintext_len, old_len + appended);
        let (tail, trailer) = index.into_tail(&self.stream.keyed, self.generation);
        let tail_offset = self.layout.tail_offset(plaintext_len);
        // F-1006: data, then the tail.
        self.sync(tail_offset)?;
        self.write_at(&tail, tail_offset)?;
        self.sync(tail_offset)?;
        self.check_cancelled()?;
        bytes_out += tail.len() as u64;
        let stages = StageTimes::of(&stats);
        Ok(Done { plaintext_len, bytes_out, trailer, stages, threads: stats.threads, driver })
    }

    /// Ends an append that was interrupted before it counts: what interrupts a producer may end
    /// its output as well.
    fn check_cancelled(&self) -> Result<(), StreamError> {
        if self.options.run.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: self.kept });
        }
        Ok(())
    }

    fn drive(
        &self,
        source: impl FnMut(u64, Vec<u8>) -> Result<Fed<Vec<u8>, Filled>, StreamError> + Send,
        work: impl Fn(u64, Filled) -> Result<Sealed, StreamError> + Sync,
        sink: impl FnMut(u64, Sealed) -> Result<Vec<u8>, StreamError>,
        total: Option<u64>,
        small: bool,
    ) -> Result<(RunStats, Driver), StreamError> {
        let run = &self.options.run;
        let (stats, driver) = if small || run.driver == Some(Driver::Inline) {
            (run_inline(&run.cancel, Vec::new(), source, work, sink), Driver::Inline)
        } else {
            let new_len = |total| self.rest.len() as u64 + total;
            let segments = total.map(|total| self.layout.geometry.segment_count(new_len(total)));
            let options = pipeline_options(run, &self.layout, segments);
            let stats = run_ordered(options, &run.cancel, Vec::new, source, work, sink);
            (stats, Driver::Ordered)
        };
        Ok((stats.map_err(pipeline_error)?, driver))
    }

    fn seal(&self, segment: u64, filled: Filled) -> Result<Sealed, StreamError> {
        let Filled { mut wire, plaintext_len } = filled;
        let Some(layout) = self.worker.context().layout(plaintext_len.into()) else {
            return Err(StreamError::Defect { segment });
        };
        let wire_len = layout.wire_len();
        let entry = self
            .worker
            .encrypt_in_place(SegmentIndex(segment), plaintext_len, &mut wire[..wire_len])
            .map_err(|error| StreamError::from_segment(&error, &self.layout))?;
        Ok(Sealed { wire, wire_len, plaintext_len, entry })
    }

    /// The sealed entries of the segments that stay (F-1109).
    fn kept_index(&self) -> Result<IndexBuilder, StreamError> {
        let mut builder = IndexBuilder::new(self.layout.digest);
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);
        for segment in 0..self.kept {
            let entry = self.index.entry(segment).ok_or(StreamError::Defect { segment })?;
            builder.push(&entry, full.plaintext_len());
        }
        Ok(builder)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StreamError> {
        self.storage
            .write_all_at(ChangeFile::Stream, bytes, offset)
            .map_err(|source| StreamError::Write { offset, source })
    }

    fn sync(&self, offset: u64) -> Result<(), StreamError> {
        let synced = self.storage.sync(ChangeFile::Stream);
        synced.map_err(|source| StreamError::Write { offset, source })
    }
}

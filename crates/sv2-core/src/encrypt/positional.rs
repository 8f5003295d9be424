//! The positional driver: each worker reads, seals and writes whole segments by number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_pipeline::run_positional;

use crate::encrypt::{EncryptJob, Written};
use crate::error::pipeline_error;
use crate::io::{PositionedInput, PositionedOutput};
use crate::report::{StageClock, StageTimes};
use crate::tail::IndexBuilder;
use crate::{Driver, StreamError};

impl EncryptJob {
    /// Encrypts at computed offsets of a file.
    pub(super) fn positional(
        &self,
        input: &PositionedInput<'_>,
        output: &PositionedOutput<'_>,
    ) -> Result<Written, StreamError> {
        let plaintext_len = input.len();
        self.check_len(plaintext_len)?;
        output.write_all_at(&self.keyed.bytes, 0)?;
        let sealed = self.seal_all(input, output, plaintext_len)?;
        input.check_end()?;
        let (tail, trailer) = self.tail(sealed.index)?;
        output.sync_data()?;
        let tail_offset = self.layout.tail_offset(plaintext_len);
        output.write_all_at(&tail, tail_offset)?;
        Ok(Written {
            plaintext_len,
            stream_len: tail_offset + tail.len() as u64,
            trailer,
            stages: sealed.stages,
            threads: sealed.threads,
            driver: Driver::Positional,
        })
    }

    /// Encrypts into memory, each segment straight into its place.
    pub(super) fn positional_to_memory(
        &self,
        input: &PositionedInput<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<Written, StreamError> {
        let plaintext_len = input.len();
        self.check_len(plaintext_len)?;
        let too_long = StreamError::Usage("the stream does not fit into memory");
        let header_len = self.keyed.bytes.len();
        let Ok(tail_offset) = usize::try_from(self.layout.tail_offset(plaintext_len)) else {
            return Err(too_long);
        };
        bytes.resize(tail_offset, 0);
        bytes[..header_len].copy_from_slice(&self.keyed.bytes);
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest).wire_len();
        let sealed = {
            let output = PositionedOutput::memory(&mut bytes[header_len..], full);
            self.seal_all(input, &output, plaintext_len)?
        };
        input.check_end()?;
        let (tail, trailer) = self.tail(sealed.index)?;
        bytes.extend_from_slice(&tail);
        Ok(Written {
            plaintext_len,
            stream_len: bytes.len() as u64,
            trailer,
            stages: sealed.stages,
            threads: sealed.threads,
            driver: Driver::Positional,
        })
    }

    /// Seals every segment of an input of known length, at its offset.
    pub(crate) fn seal_all(
        &self,
        input: &PositionedInput<'_>,
        output: &PositionedOutput<'_>,
        plaintext_len: u64,
    ) -> Result<SealedSegments, StreamError> {
        let segments = self.layout.geometry.segment_count(plaintext_len);
        let done = AtomicU64::new(0);
        let clock = StageClock::default();
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);
        let work = |buffer: &mut Vec<u8>, segment: u64| {
            let index = SegmentIndex(segment);
            let layout = self.layout.segment_layout(plaintext_len, index).unwrap_or(full);
            let plaintext_offset = segment * self.layout.geometry.segment_size();
            let wire_offset = self.layout.segment_offset(index);
            let seal = |wire: &mut [u8]| {
                let start = Instant::now();
                input.read_slots_at(wire, layout, plaintext_offset)?;
                let read = Instant::now();
                let entry = self
                    .worker
                    .encrypt_in_place(index, layout.plaintext_len(), wire)
                    .map_err(|error| StreamError::from_segment(&error, &self.layout))?;
                clock.read(read - start);
                clock.cipher(read.elapsed());
                Ok::<_, StreamError>(entry)
            };
            let entry = match output.with_part(segment, seal) {
                Some(entry) => entry?,
                None => {
                    buffer.resize(full.wire_len(), 0);
                    let wire = &mut buffer[..layout.wire_len()];
                    let entry = seal(wire)?;
                    let start = Instant::now();
                    output.write_all_at(wire, wire_offset)?;
                    clock.write(start.elapsed());
                    entry
                }
            };
            let plaintext = u64::from(layout.plaintext_len());
            let now = done.fetch_add(plaintext, Ordering::Relaxed) + plaintext;
            self.run.observe(now, Some(plaintext_len));
            Ok((entry, layout.plaintext_len()))
        };
        let options = self.pipeline(Some(segments));
        let (entries, stats) = run_positional(options, &self.run.cancel, segments, Vec::new, work)
            .map_err(pipeline_error)?;
        let mut index = IndexBuilder::new(self.layout.digest);
        for (entry, plaintext_len) in &entries {
            index.push(entry, *plaintext_len);
        }
        Ok(SealedSegments { index, stages: clock.times(&stats), threads: stats.threads })
    }
}

/// All segments of a stream, in their places.
pub(crate) struct SealedSegments {
    pub(crate) index: IndexBuilder,
    pub(crate) stages: StageTimes,
    pub(crate) threads: usize,
}

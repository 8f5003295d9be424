//! The ordered driver over an input that can be read at offsets: workers read what they seal, so
//! that a segment stays in one core's cache until it is written.

use std::time::Instant;

use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_pipeline::{Fed, run_ordered};

use crate::encrypt::sequential::{Filled, Sealed};
use crate::encrypt::{EncryptJob, Written};
use crate::error::pipeline_error;
use crate::io::{PositionedInput, SequentialOutput};
use crate::report::{StageClock, StageTimes};
use crate::tail::IndexBuilder;
use crate::{Driver, StreamError};

impl EncryptJob {
    /// Reads at computed offsets and writes from front to back.
    pub(super) fn ordered(
        &self,
        input: &PositionedInput<'_>,
        output: &mut SequentialOutput<'_>,
    ) -> Result<Written, StreamError> {
        let plaintext_len = input.len();
        self.check_len(plaintext_len)?;
        let segments = self.layout.geometry.segment_count(plaintext_len);
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);
        let clock = StageClock::default();
        output.write_all(&self.keyed.bytes)?;
        let mut index = IndexBuilder::new(self.layout.digest);

        let feed = |segment: u64, wire: Vec<u8>| {
            Ok(if segment < segments { Fed::Job(wire) } else { Fed::End(wire) })
        };
        let work = |segment: u64, mut wire: Vec<u8>| {
            let number = SegmentIndex(segment);
            let layout = self.layout.segment_layout(plaintext_len, number).unwrap_or(full);
            let start = Instant::now();
            wire.resize(full.wire_len(), 0);
            input.read_slots_at(
                &mut wire,
                layout,
                segment * self.layout.geometry.segment_size(),
            )?;
            let read = Instant::now();
            let sealed =
                self.seal(segment, Filled { wire, plaintext_len: layout.plaintext_len() })?;
            clock.read(read - start);
            clock.cipher(read.elapsed());
            Ok(sealed)
        };
        let sink = |_: u64, sealed: Sealed| {
            output.write_all(&sealed.wire[..sealed.wire_len])?;
            index.push(&sealed.entry, sealed.plaintext_len);
            self.run.observe(index.plaintext_len(), Some(plaintext_len));
            Ok(sealed.wire)
        };
        let options = self.pipeline(Some(segments));
        let stats = run_ordered(options, &self.run.cancel, Vec::new, feed, work, sink)
            .map_err(pipeline_error)?;
        input.check_end()?;

        let (tail, trailer) = self.tail(index)?;
        output.write_all(&tail)?;
        Ok(Written {
            plaintext_len,
            stream_len: output.offset(),
            trailer,
            stages: StageTimes { write: stats.sink_time, ..clock.times(&stats) },
            threads: stats.threads,
            driver: Driver::Ordered,
        })
    }
}

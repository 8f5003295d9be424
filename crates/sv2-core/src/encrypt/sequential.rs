//! The ordered driver, and the inline driver for inputs of about a segment.

use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_headers::IndexEntry;
use sv2_pipeline::{Fed, run_inline, run_ordered};

use crate::encrypt::{EncryptJob, Written};
use crate::error::pipeline_error;
use crate::io::{Input, SequentialInput, SequentialOutput};
use crate::report::StageTimes;
use crate::tail::IndexBuilder;
use crate::{Driver, StreamError};

/// A segment on its way: its buffer, and how much plaintext is in the slots.
pub(super) struct Filled {
    pub(super) wire: Vec<u8>,
    pub(super) plaintext_len: u32,
}

/// A sealed segment.
pub(super) struct Sealed {
    pub(super) wire: Vec<u8>,
    pub(super) wire_len: usize,
    pub(super) plaintext_len: u32,
    pub(super) entry: IndexEntry,
}

impl EncryptJob {
    /// Reads from front to back and writes from front to back.
    pub(super) fn sequential(
        &self,
        input: Input<'_>,
        output: &mut SequentialOutput<'_>,
    ) -> Result<Written, StreamError> {
        let total = match &input {
            Input::Positioned(positioned)
                if positioned.len() > self.layout.geometry.segment_size()
                    && self.run.driver != Some(Driver::Inline) =>
            {
                return self.ordered(positioned, output);
            }
            Input::Positioned(input) => Some(input.len()),
            Input::Sequential(_) => None,
        };
        self.check_len(total.unwrap_or(0))?;
        let mut input = input.into_sequential();
        let full = SegmentLayout::full(self.layout.geometry, self.layout.digest);

        // The first segment tells whether threads are worth starting. An input of known length
        // gets a buffer of its size, and one byte more to notice that it grew.
        let segment_size = self.layout.geometry.segment_size();
        let room = total.map_or(segment_size, |total| segment_size.min(total.saturating_add(1)));
        let room = self.worker.context().layout(room).unwrap_or(full);
        let mut first = vec![0; room.wire_len()];
        let first_len = fill(&mut input, &mut first, room)?;
        let small = u64::from(first_len) < segment_size;
        if small && total.is_some_and(|total| total != u64::from(first_len)) {
            return Err(StreamError::InputChanged { offset: first_len.into() });
        }
        let inline = self.run.driver == Some(Driver::Inline) || small;

        output.write_all(&self.keyed.bytes)?;
        let mut index = IndexBuilder::new(self.layout.digest);
        let mut done = 0u64;
        let mut ahead = Some((first, first_len));
        let mut ended = small;

        let source = |_: u64, buffer: Vec<u8>| {
            let (wire, plaintext_len) = match ahead.take() {
                Some(first) => first,
                None if ended => return Ok(Fed::End(buffer)),
                None => {
                    let mut wire = buffer;
                    wire.resize(full.wire_len(), 0);
                    let plaintext_len = fill(&mut input, &mut wire, full)?;
                    ended = plaintext_len < full.plaintext_len();
                    (wire, plaintext_len)
                }
            };
            if plaintext_len == 0 {
                return Ok(Fed::End(wire));
            }
            Ok(Fed::Job(Filled { wire, plaintext_len }))
        };
        let work = |segment: u64, filled: Filled| self.seal(segment, filled);
        let sink = |_: u64, sealed: Sealed| {
            output.write_all(&sealed.wire[..sealed.wire_len])?;
            index.push(&sealed.entry, sealed.plaintext_len);
            done += u64::from(sealed.plaintext_len);
            self.check_len(done)?;
            self.run.observe(done, total);
            Ok(sealed.wire)
        };
        let (stats, driver) = if inline {
            let stats = run_inline(&self.run.cancel, Vec::new(), source, work, sink);
            (stats, Driver::Inline)
        } else {
            let segments = total.map(|len| self.layout.geometry.segment_count(len));
            let options = self.pipeline(segments);
            let stats = run_ordered(options, &self.run.cancel, Vec::new, source, work, sink);
            (stats, Driver::Ordered)
        };
        let stats = stats.map_err(pipeline_error)?;
        if let Some(total) = total.filter(|&total| total != done) {
            return Err(StreamError::InputChanged { offset: total.min(done) });
        }

        let (tail, trailer) = self.tail(index)?;
        output.write_all(&tail)?;
        Ok(Written {
            plaintext_len: done,
            stream_len: output.offset(),
            trailer,
            stages: StageTimes::of(&stats),
            threads: stats.threads,
            driver,
        })
    }

    pub(super) fn seal(&self, segment: u64, filled: Filled) -> Result<Sealed, StreamError> {
        let Filled { mut wire, plaintext_len } = filled;
        let Some(layout) = self.worker.context().layout(plaintext_len.into()) else {
            return Err(StreamError::Usage("a segment without plaintext"));
        };
        let wire_len = layout.wire_len();
        let index = SegmentIndex(segment);
        let entry = self
            .worker
            .encrypt_in_place(index, plaintext_len, &mut wire[..wire_len])
            .map_err(|error| StreamError::from_segment(&error, &self.layout))?;
        Ok(Sealed { wire, wire_len, plaintext_len, entry })
    }
}

/// Reads one segment's plaintext into its slots; fewer bytes than a segment mean the end.
fn fill(
    input: &mut SequentialInput<'_>,
    wire: &mut [u8],
    layout: SegmentLayout,
) -> Result<u32, StreamError> {
    // At most a segment, so it fits.
    Ok(input.read_slots(wire, layout)? as u32)
}

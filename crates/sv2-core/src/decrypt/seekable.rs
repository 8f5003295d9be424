//! Reading a stream whose index is known: positional and ordered (format.md section 8.2).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sv2_framing::{SEGMENT_HEADER_LEN, SegmentIndex, SegmentLayout};
use sv2_pipeline::{Fed, run_inline, run_ordered, run_positional};
use sv2_segment_worker::Explain;
use sv2_stream::FormatError;

use crate::decrypt::{DecryptJob, Done};
use crate::encrypt::pipeline_options;
use crate::error::pipeline_error;
use crate::io::{PositionedInput, PositionedOutput, SequentialOutput};
use crate::report::{StageClock, StageTimes};
use crate::tail::{Index, SealedStream, explain_frame};
use crate::{Driver, StreamError};

impl DecryptJob {
    /// Each worker reads, opens and writes whole segments by number.
    pub(super) fn positional(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        output: PositionedOutput<'_>,
    ) -> Result<Done, StreamError> {
        let total = stream.trailer.plaintext_len;
        let done = AtomicU64::new(0);
        let clock = StageClock::default();
        let work = |wire: &mut Vec<u8>, segment: u64| {
            let layout = self.open_segment(source, stream, index, segment, wire, &clock)?;
            let start = Instant::now();
            let offset = self.layout.plaintext_offset(SegmentIndex(segment));
            output.write_slots(wire, layout, segment, offset)?;
            clock.write(start.elapsed());
            let plaintext = u64::from(layout.plaintext_len());
            let now = done.fetch_add(plaintext, Ordering::Relaxed) + plaintext;
            self.options.run.observe(now, Some(total));
            Ok(())
        };
        let run = &self.options.run;
        let options = pipeline_options(run, &self.layout, Some(stream.trailer.segments));
        let count = stream.trailer.segments;
        let (_, stats) =
            run_positional(options, &run.cancel, count, Vec::new, work).map_err(pipeline_error)?;
        let stages = clock.times(&stats);
        Ok(self.done(source, stream, stages, stats.threads, Driver::Positional))
    }

    /// Workers read and open segments, the caller's thread writes them in order.
    pub(super) fn ordered(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        output: &mut SequentialOutput<'_>,
    ) -> Result<Done, StreamError> {
        let total = stream.trailer.plaintext_len;
        let segments = stream.trailer.segments;
        let clock = StageClock::default();
        let feed = |segment: u64, wire: Vec<u8>| {
            Ok(if segment < segments { Fed::Job(wire) } else { Fed::End(wire) })
        };
        let work = |segment: u64, mut wire: Vec<u8>| {
            let layout = self.open_segment(source, stream, index, segment, &mut wire, &clock)?;
            Ok((wire, layout))
        };
        let mut done = 0;
        let sink = |_: u64, (wire, layout): (Vec<u8>, SegmentLayout)| {
            output.write_slots(&wire, layout)?;
            done += u64::from(layout.plaintext_len());
            self.options.run.observe(done, Some(total));
            Ok(wire)
        };
        let run = &self.options.run;
        let inline = run.driver == Some(Driver::Inline) || segments <= 1;
        let (stats, driver) = if inline {
            (run_inline(&run.cancel, Vec::new(), feed, work, sink), Driver::Inline)
        } else {
            let options = pipeline_options(run, &self.layout, Some(segments));
            let stats = run_ordered(options, &run.cancel, Vec::new, feed, work, sink);
            (stats, Driver::Ordered)
        };
        let stats = stats.map_err(pipeline_error)?;
        let stages = StageTimes { write: stats.sink_time, ..clock.times(&stats) };
        Ok(self.done(source, stream, stages, stats.threads, driver))
    }

    /// Reads the frames of a segment into `wire` and opens them there.
    pub(crate) fn open_segment(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        segment: u64,
        wire: &mut Vec<u8>,
        clock: &StageClock,
    ) -> Result<SegmentLayout, StreamError> {
        let number = SegmentIndex(segment);
        let missing = StreamError::Defect { segment };
        let plaintext_len = stream.trailer.plaintext_len;
        let (Some(entry), Some(layout)) =
            (index.entry(segment), self.layout.segment_layout(plaintext_len, number))
        else {
            return Err(missing);
        };
        let start = Instant::now();
        let body_len = layout.body_len();
        if wire.len() < body_len {
            wire.resize(body_len, 0);
        }
        let offset = self.layout.segment_offset(number) + SEGMENT_HEADER_LEN as u64;
        source.read_exact_at(&mut wire[SEGMENT_HEADER_LEN..body_len], offset)?;
        let read = Instant::now();
        let context = self.worker.context();
        let header = context.sealed_header(number, layout.plaintext_len(), entry.salt);
        let digest = self
            .worker
            .decrypt_in_place(&header, wire, Explain::CallerRereads)
            .map_err(|error| FormatError::from_segment(&error, &self.layout))
            .map_err(|error| explain_frame(source, stream, error))?;
        if digest != entry.digest {
            return Err(StreamError::DigestMismatch { segment });
        }
        clock.read(read - start);
        clock.cipher(read.elapsed());
        Ok(layout)
    }

    pub(crate) fn done(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        stages: StageTimes,
        threads: usize,
        driver: Driver,
    ) -> Done {
        Done {
            stream_len: source.len(),
            plaintext_len: stream.trailer.plaintext_len,
            segments: stream.trailer.segments,
            frames: stream.frames(),
            stages,
            threads,
            driver,
            backend: self.backend(),
            revision: stream.keyed.header.revision,
            seal: Some((stream.fingerprint(), stream.trailer.generation)),
            unsealed_end: None,
        }
    }
}

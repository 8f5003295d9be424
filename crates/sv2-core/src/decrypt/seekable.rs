//! Reading a stream whose index is known: positional and ordered (format.md section 8.2).

use std::time::Instant;

use sv2_framing::{SEGMENT_HEADER_LEN, SegmentIndex, SegmentLayout};
use sv2_pipeline::{Fed, run_positional};
use sv2_segment_worker::Explain;
use sv2_stream::FormatError;

use crate::decrypt::DecryptJob;
use crate::drive::{Drive, Ends, Plan};
use crate::error::pipeline_error;
use crate::io::{
    Cut, OutputSink, PositionedInput, PositionedOutput, Secrecy, SequentialOutput, Target,
};
use crate::report::Effort;
use crate::tail::{Index, SealedStream, explain_frame};
use crate::watch::Lap;
use crate::{Driver, StreamError, StreamReport};

impl DecryptJob {
    /// Decrypts a stream whose index is known.
    pub(super) fn sealed(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        output: OutputSink<'_>,
    ) -> Result<StreamReport, StreamError> {
        let run = &self.options.run;
        let len = stream.trailer.plaintext_len;
        self.watch.expect(Some(len));
        let mut drive = Drive::begin(run, self.layout, Some(len))?;
        let output = output.open(Secrecy::Plaintext)?;
        let ends = if output.has_places() { Ends::Places } else { Ends::Sequence };
        let plan = drive.plan(ends, Some(stream.trailer.segments));
        let cut = (plan.driver == Driver::Positional).then(|| Cut::plaintext(&self.layout, len));
        output.fill(cut, &run.cancel, |target| {
            let effort = match target {
                Target::Positioned(output) => self.positional(plan, source, stream, index, output),
                Target::Sequential(output) => self.ordered(plan, source, stream, index, output),
            }?;
            Ok((self.report(source, stream, effort), len))
        })
    }

    /// Each worker reads, opens and writes whole segments by number.
    fn positional(
        &self,
        plan: Plan,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        output: PositionedOutput<'_>,
    ) -> Result<Effort, StreamError> {
        let work = |wire: &mut Vec<u8>, segment: u64| {
            let (layout, lap) = self.open_segment(source, stream, index, segment, wire)?;
            let start = Instant::now();
            let offset = self.layout.plaintext_offset(SegmentIndex(segment));
            output.write_slots(wire, layout, offset)?;
            self.watch.segment(layout.plaintext_len().into(), lap.write(start.elapsed()));
            Ok(())
        };
        let (cancel, count) = (&self.options.run.cancel, stream.trailer.segments);
        let ran = run_positional(plan.options, cancel, count, Vec::new, work);
        let (_, stats) = ran.map_err(pipeline_error)?;
        Ok(self.watch.effort(&stats, Driver::Positional))
    }

    /// Workers read and open segments, the caller's thread writes them in order.
    fn ordered(
        &self,
        plan: Plan,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        output: &mut SequentialOutput<'_>,
    ) -> Result<Effort, StreamError> {
        let segments = stream.trailer.segments;
        let feed = |segment: u64, wire: Vec<u8>| {
            Ok(if segment < segments { Fed::Job(wire) } else { Fed::End(wire) })
        };
        let work = |segment: u64, mut wire: Vec<u8>| {
            let (layout, lap) = self.open_segment(source, stream, index, segment, &mut wire)?;
            Ok((wire, layout, lap))
        };
        let sink = |_: u64, (wire, layout, lap): (Vec<u8>, SegmentLayout, Lap)| {
            let start = Instant::now();
            output.write_slots(&wire, layout)?;
            self.watch.segment(layout.plaintext_len().into(), lap.write(start.elapsed()));
            Ok(wire)
        };
        let cancel = &self.options.run.cancel;
        Ok(self.watch.effort(&plan.in_order(cancel, feed, work, sink)?, plan.driver))
    }

    /// Reads the frames of a segment into `wire` and opens them there.
    pub(crate) fn open_segment(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        index: &Index,
        segment: u64,
        wire: &mut Vec<u8>,
    ) -> Result<(SegmentLayout, Lap), StreamError> {
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
        Ok((layout, Lap::new(segment).read(read - start).cipher(read.elapsed())))
    }

    /// What there is to say of a stream that was decrypted to its end.
    pub(crate) fn report(
        &self,
        source: &PositionedInput<'_>,
        stream: &SealedStream,
        effort: Effort,
    ) -> StreamReport {
        let (trailer, fingerprint) = (&stream.trailer, stream.fingerprint());
        StreamReport {
            bytes_in: source.len(),
            bytes_out: trailer.plaintext_len,
            ..StreamReport::sealed(stream.header(), trailer, fingerprint, self.backend(), effort)
        }
    }
}

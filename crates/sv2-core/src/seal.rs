//! The one road from plaintext to segments: filled, sealed, handed on, noted in the index.
//!
//! Encrypting, appending and resuming say where plaintext comes from and where segments go, and
//! nothing else.

mod feed;

use std::time::Instant;

use sv2_framing::{SegmentIndex, SegmentLayout, StreamLayout};
use sv2_headers::{IndexEntry, StreamHeader, Trailer};
use sv2_pipeline::{Fed, run_positional};
use sv2_stream::{KeyedHeader, Receipt, StreamSealer};

use crate::drive::Plan;
use crate::error::pipeline_error;
use crate::header::new_header;
use crate::io::{PositionedInput, PositionedOutput};
use crate::report::Effort;
use crate::tail::IndexBuilder;
use crate::watch::{Lap, Watch};
use crate::{
    Driver, EncryptOptions, RandomSource, RunOptions, StreamError, StreamKey, StreamReport,
    fastest_backend,
};

pub(crate) use feed::{Feed, Filled, Front};

/// A stream whose segments are being sealed.
pub(crate) struct SealJob {
    pub(crate) sealer: StreamSealer,
    pub(crate) watch: Watch,
    /// The generation that its tail gets.
    generation: u64,
}

/// Segments that are where they belong.
pub(crate) struct Moved {
    /// The index of the whole stream.
    pub(crate) index: IndexBuilder,
    /// Segments that were there before.
    kept: u64,
    effort: Effort,
}

impl Moved {
    /// Segments that were moved as their caller handed them in, and those of a call that moved
    /// none.
    pub(crate) fn inline(index: IndexBuilder, watch: &Watch) -> Self {
        Self { index, kept: 0, effort: Effort::inline(watch.times()) }
    }
}

impl SealJob {
    /// A new stream.
    pub(crate) fn begin(key: &StreamKey, options: &EncryptOptions) -> Result<Self, StreamError> {
        let keyed = KeyedHeader::create(key, &new_header(options), &options.random)?;
        Ok(Self::under(keyed, &options.random, &options.run, 0))
    }

    /// A stream whose header exists.
    pub(crate) fn under(
        keyed: KeyedHeader,
        random: &RandomSource,
        run: &RunOptions,
        generation: u64,
    ) -> Self {
        let backend = run.backend.unwrap_or_else(|| fastest_backend(keyed.header.suite));
        let sealer = StreamSealer::under(keyed, random, backend);
        Self { sealer, watch: Watch::new(run), generation }
    }

    pub(crate) fn layout(&self) -> StreamLayout {
        self.sealer.layout()
    }

    pub(crate) fn header(&self) -> &StreamHeader {
        &self.sealer.keyed().header
    }

    /// The index of no segment yet.
    pub(crate) fn index(&self) -> IndexBuilder {
        IndexBuilder::new(self.layout().digest)
    }

    /// Refuses a plaintext that this geometry cannot hold (F-204).
    pub(crate) fn check_len(&self, value: u64) -> Result<(), StreamError> {
        let max = self.layout().geometry.max_plaintext_len();
        if value > max {
            return Err(StreamError::Limit { what: "plaintext length", value, max });
        }
        Ok(())
    }

    /// Seals the segments behind those of `index` and hands their bytes to `sink`, in order and
    /// with their offsets.
    pub(crate) fn front_to_back(
        &self,
        plan: Plan,
        mut feed: Feed<'_>,
        mut index: IndexBuilder,
        mut sink: impl FnMut(&[u8], u64) -> Result<(), StreamError>,
    ) -> Result<Moved, StreamError> {
        let layout = self.layout();
        let first = index.plaintext_len() / layout.geometry.segment_size();
        let mut already = feed.already();
        // Who reads at offsets does so on the workers' threads, and who reads in order on its own.
        let (places, mut front) = match &mut feed {
            Feed::Places(input) => (Some(&*input), None),
            Feed::Front(front) => (None, Some(front)),
        };

        let source = |item: u64, wire: Vec<u8>| match (&mut front, places) {
            (Some(front), _) => front.next(wire, layout.full_segment()),
            (None, input) => {
                let len = input.map_or(0, PositionedInput::len);
                Ok(match layout.segment_plaintext_len(len, SegmentIndex(item)) {
                    Some(plaintext_len) => Fed::Job(Filled::unread(wire, plaintext_len)),
                    None => Fed::End(wire),
                })
            }
        };
        let work = |item: u64, mut filled: Filled| {
            if let Some(input) = places {
                filled.read_at(input, item, &layout)?;
            }
            self.seal_filled(first + item, filled)
        };
        let sink = |_: u64, mut sealed: Sealed| {
            let begun = Instant::now();
            let Receipt { segment, plaintext_len, entry, .. } = sealed.receipt;
            sink(&sealed.wire[..sealed.len], layout.segment_offset(SegmentIndex(segment)))?;
            index.push(&entry, plaintext_len);
            self.check_len(index.plaintext_len())?;
            sealed.lap = sealed.lap.write(begun.elapsed());
            let old = std::mem::take(&mut already);
            self.watch.segment(u64::from(plaintext_len).saturating_sub(old), sealed.lap);
            Ok(sealed.wire)
        };
        let cancel = &self.watch.run.cancel;
        let stats = plan.in_order(cancel, source, work, sink)?;
        feed.check_end()?;
        Ok(Moved { index, kept: 0, effort: self.watch.effort(&stats, plan.driver) })
    }

    /// Seals every segment of an input of known length in its place in `output`; one for which
    /// `keep` gives an entry, by its place and the plaintext in the slots, is there already.
    pub(crate) fn at_offsets(
        &self,
        plan: Plan,
        input: &PositionedInput<'_>,
        output: &PositionedOutput<'_>,
        keep: impl Fn(&mut Vec<u8>, Place, &[u8]) -> Result<Option<IndexEntry>, StreamError> + Sync,
    ) -> Result<Moved, StreamError> {
        let layout = self.layout();
        let plaintext_len = input.len();
        let segments = layout.geometry.segment_count(plaintext_len);
        let work = |buffers: &mut Buffers, segment: u64| {
            let place = Place::of(&layout, plaintext_len, segment)?;
            let len = place.layout.wire_len();
            // Memory is sealed where it lies.
            let mut part = output.part(place.offset)?;
            let wire = match &mut part {
                Some(part) => part.get_mut(..len).ok_or(StreamError::Defect { segment })?,
                None => {
                    buffers.wire.resize(buffers.wire.len().max(len), 0);
                    &mut buffers.wire[..len]
                }
            };
            let begun = Instant::now();
            input.read_slots_at(wire, place.layout, layout.plaintext_offset(place.number))?;
            let read = Instant::now();
            let kept = keep(&mut buffers.found, place, wire)?;
            let entry = match kept {
                Some(entry) => entry,
                None => self.seal(segment, place.layout.plaintext_len(), wire)?.entry,
            };
            let sealed = Instant::now();
            if kept.is_none() && part.is_none() {
                output.write_all_at(&buffers.wire[..len], place.offset)?;
            }
            let lap = Lap::new(segment).read(read - begun).cipher(sealed - read);
            let plaintext_len = place.layout.plaintext_len();
            if kept.is_some() {
                self.watch.keep(plaintext_len.into());
            }
            self.watch.segment(plaintext_len.into(), lap.write(sealed.elapsed()));
            Ok((entry, plaintext_len, kept.is_some()))
        };
        let cancel = &self.watch.run.cancel;
        let ran = run_positional(plan.options, cancel, segments, Buffers::default, work);
        let (entries, stats) = ran.map_err(pipeline_error)?;
        input.check_end()?;
        let mut index = self.index();
        let mut kept = 0;
        for (entry, plaintext_len, is_kept) in &entries {
            index.push(entry, *plaintext_len);
            kept += u64::from(*is_kept);
        }
        Ok(Moved { index, kept, effort: self.watch.effort(&stats, Driver::Positional) })
    }

    /// Brings the segments of an output to stable storage and writes its tail (F-1006).
    pub(crate) fn finish_at_offsets(
        &self,
        moved: Moved,
        output: &PositionedOutput<'_>,
    ) -> Result<StreamReport, StreamError> {
        output.barrier()?;
        let offset = self.layout().tail_offset(moved.index.plaintext_len());
        self.finish(moved, |tail| output.write_all_at(tail, offset))
    }

    /// Makes the tail, has it written, and reports.
    ///
    /// # Errors
    /// Those of `write`; `Cancelled`: what interrupts a producer may end its output as well, and
    /// then what was read is not all that there was to seal.
    pub(crate) fn finish(
        &self,
        moved: Moved,
        write: impl FnOnce(&[u8]) -> Result<(), StreamError>,
    ) -> Result<StreamReport, StreamError> {
        self.watch.check_cancelled(0)?;
        let Moved { index, kept, effort } = moved;
        let (tail, trailer) = index.into_tail(self.sealer.keyed(), self.generation);
        write(&tail)?;
        let plaintext_len = trailer.plaintext_len;
        Ok(StreamReport {
            bytes_in: plaintext_len,
            bytes_out: self.layout().tail_offset(plaintext_len) + tail.len() as u64,
            kept_segments: kept,
            ..self.report(&trailer, effort)
        })
    }

    /// The report on this stream, of which nothing was read or written yet.
    pub(crate) fn report(&self, trailer: &Trailer, effort: Effort) -> StreamReport {
        let fingerprint = self.sealer.keyed().fingerprint(trailer);
        let backend = self.sealer.worker().context().backend();
        StreamReport::sealed(self.header(), trailer, fingerprint, backend, effort)
    }

    /// Seals what lies in the slots of a buffer, which grows to what the segment needs.
    pub(crate) fn seal_filled(&self, segment: u64, filled: Filled) -> Result<Sealed, StreamError> {
        let Filled { mut wire, plaintext_len, read } = filled;
        let begun = Instant::now();
        let StreamLayout { geometry, digest, .. } = self.layout();
        let layout = SegmentLayout::new(geometry, digest, plaintext_len.into());
        let len = layout.ok_or(StreamError::Defect { segment })?.wire_len();
        wire.resize(wire.len().max(len), 0);
        let receipt = self.seal(segment, plaintext_len, &mut wire[..len])?;
        let lap = Lap::new(segment).read(read).cipher(begun.elapsed());
        Ok(Sealed { wire, len, receipt, lap })
    }

    fn seal(
        &self,
        segment: u64,
        plaintext_len: u32,
        wire: &mut [u8],
    ) -> Result<Receipt, StreamError> {
        Ok(self.sealer.seal_in_place(segment, plaintext_len, wire)?)
    }
}

/// What a worker has: the segment that it seals, and one that may be there already.
#[derive(Default)]
struct Buffers {
    wire: Vec<u8>,
    found: Vec<u8>,
}

/// Where a segment lies in its stream.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) number: SegmentIndex,
    pub(crate) layout: SegmentLayout,
    pub(crate) offset: u64,
}

impl Place {
    fn of(stream: &StreamLayout, plaintext_len: u64, segment: u64) -> Result<Self, StreamError> {
        let number = SegmentIndex(segment);
        let layout = stream.segment_layout(plaintext_len, number);
        let layout = layout.ok_or(StreamError::Defect { segment })?;
        Ok(Self { number, layout, offset: stream.segment_offset(number) })
    }
}

/// A sealed segment, the first `len` bytes of a buffer.
pub(crate) struct Sealed {
    pub(crate) wire: Vec<u8>,
    pub(crate) len: usize,
    pub(crate) receipt: Receipt,
    pub(crate) lap: Lap,
}

//! Reading a stream once, from front to back, in constant memory (format.md section 8.3).

use std::time::Duration;

use sv2_framing::{
    FrameIndex, SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader, SegmentIndex, SegmentLayout,
    StreamLayout, footer_len,
};
use sv2_headers::{HEADER_MAGIC, HEADER_PREFIX_LEN, MAX_SEGMENTS, TRAILER_LEN, Trailer};
use sv2_pipeline::Fed;
use sv2_segment_worker::{DecryptSegmentWorker, Explain, SegmentWorkerError};
use sv2_stream::FormatError;

use crate::decrypt::DecryptJob;
use crate::drive::{Drive, Ends, Plan};
use crate::header::{HeaderStart, KeyedHeader};
use crate::io::{OutputSink, Secrecy, SequentialInput, SequentialOutput, Target};
use crate::key::KeyRing;
use crate::report::{Effort, timed};
use crate::tail::{PipeIndex, judge_revision, judge_trailer};
use crate::watch::Lap;
use crate::{DecryptOptions, StreamError, StreamReport, Tail, Unit};

/// The most that is allocated ahead of bytes that have arrived.
const STEP: usize = 8 << 20;

/// Decrypts a stream from a pipe.
pub(super) fn decrypt(
    mut input: SequentialInput<'_>,
    output: OutputSink<'_>,
    ring: &mut KeyRing<'_>,
    options: &DecryptOptions,
) -> Result<StreamReport, StreamError> {
    let keyed = read_header(&mut input, ring)?;
    let job = DecryptJob::new(&keyed, options);
    job.watch.ended(job.pipe(&keyed, input, output))
}

/// Reads and judges the front header (F-812 to F-814).
pub(crate) fn read_header(
    input: &mut SequentialInput<'_>,
    ring: &mut KeyRing<'_>,
) -> Result<KeyedHeader, StreamError> {
    let cut = StreamError::Unsealed { segments: 0 };
    let mut bytes = vec![0; HEADER_PREFIX_LEN];
    let prefix_len = input.read_up_to(&mut bytes)?;
    match HeaderStart::of(&bytes[..prefix_len]) {
        HeaderStart::NoMagic => Err(StreamError::NotAStream),
        HeaderStart::Cut => Err(cut),
        HeaderStart::ImpossibleLen => {
            Err(StreamError::ChecksumMismatch { unit: Unit::Header, offset: 0 })
        }
        HeaderStart::Len(len) => {
            bytes.resize(len, 0);
            let rest = &mut bytes[HEADER_PREFIX_LEN..];
            if input.read_up_to(rest)? < rest.len() {
                return Err(cut);
            }
            Ok(KeyedHeader::open(bytes, ring, Unit::Header, 0)?)
        }
    }
}

/// A segment as it came from the pipe.
pub(crate) struct Received {
    pub(crate) header: SegmentHeader,
    pub(crate) layout: SegmentLayout,
    pub(crate) wire: Vec<u8>,
}

/// A segment that was opened.
pub(crate) struct Opened {
    pub(crate) header: SegmentHeader,
    pub(crate) layout: SegmentLayout,
    pub(crate) wire: Vec<u8>,
    pub(crate) digest: [u8; 32],
}

impl Received {
    /// Whether more segments may follow.
    fn is_full(&self, layout: &StreamLayout) -> bool {
        u64::from(self.header.plaintext_len) == layout.geometry.segment_size()
    }
}

impl Opened {
    /// Copies plaintext from `offset` in the segment on, up to the end of its frame or of `out`,
    /// and returns the number of bytes.
    pub(crate) fn copy_plaintext(&self, offset: usize, out: &mut [u8]) -> usize {
        let frame_size = self.layout.frame_size() as usize;
        let frame = FrameIndex((offset / frame_size) as u16);
        let slot = self.layout.plaintext_slot(frame);
        let plaintext = &self.wire[slot.start + offset % frame_size..slot.end];
        let count = plaintext.len().min(out.len());
        out[..count].copy_from_slice(&plaintext[..count]);
        count
    }
}

/// A segment of which bytes are still to come.
struct Begun {
    received: Received,
    /// Bytes of the body that are there, its header included.
    filled: usize,
}

/// What stands where a segment may begin.
pub(crate) enum Next {
    /// A segment.
    Segment(Received),
    /// The tail; the buffer comes back.
    Tail(Vec<u8>),
}

/// The segments of a stream on a pipe, one after the other, and then its tail.
pub(crate) struct PipeSource<'a> {
    input: SequentialInput<'a>,
    worker: DecryptSegmentWorker,
    layout: StreamLayout,
    begun: Option<Begun>,
    next: u64,
    plaintext_len: u64,
    ended_short: bool,
    /// Whether what follows the trailer is none of its business (F-839).
    may_be_followed: bool,
}

impl<'a> PipeSource<'a> {
    pub(crate) fn new(input: SequentialInput<'a>, job: &DecryptJob) -> Self {
        Self {
            input,
            worker: job.worker.clone(),
            layout: job.layout,
            begun: None,
            next: 0,
            plaintext_len: 0,
            ended_short: false,
            may_be_followed: job.options.tail == Tail::MayBeFollowed,
        }
    }

    fn unsealed(&self) -> StreamError {
        StreamError::Unsealed { segments: self.next }
    }

    /// The same, but after an input that would have made its reader wait, a read goes on where it
    /// was.
    pub(crate) fn patient(mut self) -> Self {
        self.input.keep();
        self
    }

    /// Reads the next segment into `wire`, which grows as bytes arrive.
    pub(crate) fn read(&mut self, wire: Vec<u8>) -> Result<Next, StreamError> {
        let mut begun = match self.begun.take() {
            Some(begun) => begun,
            None => match self.begin(wire)? {
                Ok(begun) => begun,
                Err(wire) => return Ok(Next::Tail(wire)),
            },
        };
        if let Err(error) = self.read_rest(&mut begun) {
            self.begun = Some(begun);
            return Err(error);
        }
        self.input.settle();
        self.next += 1;
        let plaintext_len = u64::from(begun.received.header.plaintext_len);
        self.plaintext_len += plaintext_len;
        self.ended_short = plaintext_len < self.layout.geometry.segment_size();
        Ok(Next::Segment(begun.received))
    }

    /// Reads and judges the header of a segment; the buffer comes back where the tail begins.
    fn begin(&mut self, mut wire: Vec<u8>) -> Result<Result<Begun, Vec<u8>>, StreamError> {
        let offset = self.input.offset();
        if wire.len() < SEGMENT_HEADER_LEN {
            wire.resize(SEGMENT_HEADER_LEN, 0);
        }
        let start = &mut wire[..SEGMENT_HEADER_LEN];
        if self.input.read_up_to(start)? < SEGMENT_HEADER_LEN {
            return Err(self.unsealed());
        }
        if start[..4] == HEADER_MAGIC[..4] {
            return Ok(Err(wire));
        }
        let unit = Unit::Segment { segment: self.next };
        let judged = self.judge(start, offset);
        let header = judged.map_err(|error| error.or_damaged(start, unit, offset))?;
        let layout = SegmentLayout::new(
            self.layout.geometry,
            self.layout.digest,
            header.plaintext_len.into(),
        )
        .ok_or(StreamError::Malformed { unit, what: "plaintext_len", offset })?;
        self.input.settle();
        let received = Received { header, layout, wire };
        Ok(Ok(Begun { received, filled: SEGMENT_HEADER_LEN }))
    }

    /// Reads what is to come of a segment.
    fn read_rest(&mut self, begun: &mut Begun) -> Result<(), StreamError> {
        let Begun { received: Received { layout, wire, .. }, filled } = begun;
        while *filled < layout.body_len() {
            // A part that is not whole yet is gone on with.
            let end = layout.body_len().min((*filled / STEP + 1) * STEP);
            if wire.len() < end {
                wire.resize(end, 0);
            }
            self.input.fill(&mut wire[..end], filled)?;
            if *filled < end {
                return Err(self.unsealed());
            }
        }
        // The footer decides nothing; one that is cut off shows at the next read (F-817).
        let mut footer = [0; 40];
        self.input.read_up_to(&mut footer[..footer_len(self.layout.digest)])?;
        Ok(())
    }

    /// Judges the 64 bytes of a segment header at `offset` (section 5, in its order).
    fn judge(&self, bytes: &[u8], offset: u64) -> Result<SegmentHeader, FormatError> {
        let segment = self.next;
        let unit = Unit::Segment { segment };
        if bytes[..4] == SEGMENT_MAGIC && segment >= MAX_SEGMENTS {
            let what = "number of segments";
            return Err(FormatError::Limit { what, value: segment + 1, max: MAX_SEGMENTS });
        }
        let judged = self.worker.judge_header(SegmentIndex(segment), bytes);
        let well_formed = matches!(judged, Ok(_) | Err(SegmentWorkerError::ForeignSegment { .. }));
        if self.ended_short && well_formed {
            return Err(FormatError::Malformed { unit, what: "segment after a short one", offset });
        }
        let header = judged.map_err(|error| FormatError::from_segment_at(&error, offset))?;
        let (value, max) = (
            self.plaintext_len + u64::from(header.plaintext_len),
            self.layout.geometry.max_plaintext_len(),
        );
        if value > max {
            return Err(FormatError::Limit { what: "plaintext length", value, max });
        }
        Ok(header)
    }

    /// Reads and judges the tail, of which the first 64 bytes were read (F-818 to F-821).
    pub(crate) fn read_tail(
        &mut self,
        keyed: &KeyedHeader,
        index: &PipeIndex,
    ) -> Result<Sealed, StreamError> {
        let mut rest_of_copy = vec![0; keyed.bytes.len() - SEGMENT_HEADER_LEN];
        let segments = index.segments();
        // There are as many entries as there were segments.
        let rest_len = rest_of_copy.len() as u64 + index.total_len() + TRAILER_LEN as u64;
        self.input.expect(usize::try_from(rest_len).unwrap_or(usize::MAX));
        read_all(&mut self.input, &mut rest_of_copy, StreamError::Unsealed { segments })?;
        let index_offset = self.input.offset();
        let input = &mut self.input;
        let check = index
            .read_index(|buffer| read_all(input, buffer, StreamError::Unsealed { segments }))?;
        let offset = self.input.offset();
        let mut bytes = [0; TRAILER_LEN];
        read_all(&mut self.input, &mut bytes, StreamError::Unsealed { segments })?;

        let judged = |error: FormatError| error.or_damaged(&bytes, Unit::Trailer, offset);
        let from_header = |error| judged(FormatError::from_header(error, Unit::Trailer, offset));
        let trailer = Trailer::decode(&bytes).map_err(from_header)?;
        judge_trailer(&trailer, &bytes, &keyed.header, &keyed.keys, offset)?;
        judge_revision(&trailer, &keyed.header)
            .map_err(|error| error.or_damaged(&keyed.bytes, Unit::Header, 0))?;
        trailer.check_counts(self.layout.geometry).map_err(from_header)?;
        if trailer.segments != segments || trailer.plaintext_len != self.plaintext_len {
            let what = "number of segments or plaintext length";
            let error = FormatError::Malformed { unit: Unit::Trailer, what, offset };
            return Err(judged(error).into());
        }
        if let Err(offset) = check.holds(&trailer.index_root) {
            let (unit, offset) = (Unit::Index, index_offset + offset);
            return Err(StreamError::AuthenticationFailed { unit, offset });
        }
        let offset = self.input.offset();
        if !self.may_be_followed && self.input.read_up_to(&mut [0; 1])? != 0 {
            return Err(StreamError::TrailingData { offset });
        }
        Ok(Sealed { trailer, stream_len: offset })
    }
}

/// A stream on a pipe that was read to its sealed end.
pub(crate) struct Sealed {
    pub(crate) trailer: Trailer,
    pub(crate) stream_len: u64,
}

fn read_all(
    input: &mut SequentialInput<'_>,
    buffer: &mut [u8],
    short: StreamError,
) -> Result<(), StreamError> {
    if input.read_up_to(buffer)? < buffer.len() { Err(short) } else { Ok(()) }
}

impl DecryptJob {
    /// Opens a segment in its buffer.
    pub(crate) fn open(&self, received: Received) -> Result<Opened, StreamError> {
        let Received { header, layout, mut wire } = received;
        let digest = self
            .worker
            .decrypt_in_place(&header, &mut wire, Explain::Now)
            .map_err(|error| {
                let start = &wire[..SEGMENT_HEADER_LEN];
                DecryptSegmentWorker::explain_frame_failure(error, start)
            })
            .map_err(|error| StreamError::from_segment(&error, &self.layout))?;
        Ok(Opened { header, layout, wire, digest })
    }

    fn pipe(
        &self,
        keyed: &KeyedHeader,
        input: SequentialInput<'_>,
        output: OutputSink<'_>,
    ) -> Result<StreamReport, StreamError> {
        let mut drive = Drive::begin(&self.options.run, self.layout, None)?;
        let mut source = PipeSource::new(input, self);
        let output = output.open(Secrecy::Plaintext)?;
        // The first segment tells whether threads are worth starting.
        let first = timed(|| source.read(Vec::new()));
        let segments = match &first.0 {
            Ok(Next::Segment(received)) if received.is_full(&self.layout) => None,
            _ => Some(1),
        };
        let plan = drive.plan(Ends::Sequence, segments);
        output.fill(None, &self.options.run.cancel, |target| match target {
            Target::Sequential(output) => {
                let report = self.in_order(plan, keyed, (first, source), output)?;
                let len = report.bytes_out;
                Ok((report, len))
            }
            Target::Positioned(_) => Err(StreamError::Defect { segment: 0 }),
        })
    }

    fn in_order(
        &self,
        plan: Plan,
        keyed: &KeyedHeader,
        (first, mut source): ((Result<Next, StreamError>, Duration), PipeSource<'_>),
        output: &mut SequentialOutput<'_>,
    ) -> Result<StreamReport, StreamError> {
        let mut index = PipeIndex::new(self.layout.digest);
        let (mut released, mut frames) = (0u64, 0u64);
        let mut at_tail = false;
        let mut ahead = Some(first);
        let feed = |_: u64, buffer: Vec<u8>| {
            let (next, read) = match ahead.take() {
                Some(first) => first,
                None => timed(|| source.read(buffer)),
            };
            Ok(match next? {
                Next::Segment(received) => Fed::Job((received, read)),
                Next::Tail(buffer) => {
                    at_tail = true;
                    Fed::End(buffer)
                }
            })
        };
        let work = |segment: u64, (received, read): (Received, Duration)| {
            let (opened, time) = timed(|| self.open(received));
            Ok((opened?, Lap::new(segment).read(read).cipher(time)))
        };
        let sink = |_: u64, (opened, lap): (Opened, Lap)| {
            let (written, time) = timed(|| output.write_slots(&opened.wire, opened.layout));
            written?;
            index.push(&opened.header.salt, &opened.digest);
            released += u64::from(opened.layout.plaintext_len());
            frames += u64::from(opened.layout.frame_count());
            self.watch.segment(opened.layout.plaintext_len().into(), lap.write(time));
            Ok(opened.wire)
        };
        let cancel = &self.options.run.cancel;
        let stats = plan.in_order(cancel, feed, work, sink);
        let effort = match &stats {
            Ok(stats) => self.watch.effort(stats, plan.driver),
            Err(_) => Effort { driver: plan.driver, ..Effort::inline(self.watch.times()) },
        };
        let segments = index.segments();
        let sealed = stats.and_then(|_| {
            debug_assert!(at_tail, "the source ends at the tail alone");
            source.read_tail(keyed, &index)
        });
        match sealed {
            Ok(Sealed { trailer, stream_len }) => {
                let fingerprint = keyed.fingerprint(&trailer);
                self.options.check_fingerprint(fingerprint)?;
                let (header, backend) = (&keyed.header, self.backend());
                Ok(StreamReport {
                    bytes_in: stream_len,
                    bytes_out: released,
                    ..StreamReport::sealed(header, &trailer, fingerprint, backend, effort)
                })
            }
            Err(error) if self.options.accepts_unsealed(&error) => {
                let end = error.kind();
                let report = StreamReport::unsealed(&keyed.header, end, self.backend(), effort);
                Ok(StreamReport {
                    bytes_out: released,
                    plaintext_len: released,
                    segments,
                    frames,
                    ..report
                })
            }
            Err(error) => Err(error),
        }
    }
}

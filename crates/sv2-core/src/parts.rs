//! One stream that many machines seal by parts: between files and a part (format.md section 10 and
//! appendix A.5).
//!
//! What is planned, sealed and finished, [`Coordinator`] and [`PartSealer`] decide; here is the
//! reading and writing around them. Nothing is scheduled: each call is one task of whoever starts
//! tasks, and may run twice.

use std::io::{self, Write};

use sv2_framing::crc::{combine, crc64};
use sv2_headers::StreamHeader;
use sv2_stream::KeyRing;

use crate::damage::{Damage, Fault, Tally};
use crate::extents::Holes;
use crate::header::new_header;
use crate::io::{PositionedInput, ReadAt, read_exact_at};
use crate::scrub::{SegmentScrub, positioned};
use crate::{
    Backend, Cancellation, DecryptOptions, EncryptOptions, InputSource, KeySource, RandomSource,
    StreamError, StreamKey, Unit, fastest_backend,
};

pub use sv2_crypto::SegmentsKey;
pub use sv2_stream::parts::{
    Coordinator, Finished, PartReceipt, PartRule, PartSealer, PartSpec, PartsError, PartsJob,
    PartsPlan, SourcePin, StoredPart, geometry_for,
};

/// Bytes that are read at a time where only their checksum is wanted.
const STEP: usize = 1 << 20;

/// Why a task of a stream of parts failed; nothing is complete then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartFailure {
    /// The plan, a part or a receipt was refused.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// Reading, writing, or the stream itself.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// Draws a header under `key` and plans the parts of `source`.
///
/// # Errors
/// As [`Coordinator::plan`].
pub fn plan_parts(
    key: &StreamKey,
    options: &EncryptOptions,
    source: SourcePin,
    rule: &PartRule,
) -> Result<Coordinator, PartsError> {
    Coordinator::plan(key, &new_header(options), source, rule, &options.random)
}

/// Goes on with a plan, to finish its stream; needs the stream's key.
///
/// # Errors
/// As [`Coordinator::reopen`].
pub fn reopen_parts(
    plan: &[u8],
    keys: &KeySource<'_>,
    options: &DecryptOptions,
) -> Result<Coordinator, PartsError> {
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    Coordinator::reopen(plan, &mut ring)
}

/// What seals parts of this plan, under the key of segments alone and with the fastest library
/// unless `backend` names one.
///
/// # Errors
/// As [`PartSealer::open`].
pub fn part_sealer(
    plan: &[u8],
    key: SegmentsKey,
    source: &SourcePin,
    backend: Option<Backend>,
) -> Result<PartSealer, PartsError> {
    let header = PartsPlan::header_in(plan).and_then(|bytes| StreamHeader::decode(bytes).ok());
    let suite = header.ok_or(PartsError::ForeignPlan)?.suite;
    let backend = backend.unwrap_or_else(|| fastest_backend(suite));
    PartSealer::open(plan, key, source, backend, &RandomSource::System)
}

/// Seals one part: reads its plaintext from `source` at its offsets, writes its wire bytes to
/// `output`, and returns the receipt of this attempt.
///
/// `each` is told the plaintext bytes of each segment that was written, and ends the work where it
/// fails. One segment is in memory at a time. On error `output` holds a beginning of the part, of
/// which nobody has a receipt.
///
/// # Errors
/// As [`PartSealer::seal_segment`]; `Read`, also where the source ends early, and `Write`.
pub fn seal_part(
    sealer: &PartSealer,
    part: u32,
    source: &dyn ReadAt,
    output: &mut dyn Write,
    each: &mut dyn FnMut(u64) -> Result<(), StreamError>,
) -> Result<PartReceipt, PartFailure> {
    let spec = sealer.plan().part(part)?;
    let size = sealer.layout().geometry.segment_size();
    let mut written = 0;
    let mut write = |bytes: &[u8]| {
        let done = output.write_all(bytes);
        done.map_err(|source| StreamError::Write { offset: written, source })?;
        written += bytes.len() as u64;
        Ok::<(), StreamError>(())
    };
    if part == 1 {
        write(sealer.plan().header())?;
    }
    let mut receipts = Vec::new();
    let mut plaintext = Vec::new();
    for segment in spec.segments.clone() {
        let start = segment * size;
        let len = size.min(spec.plaintext.end - start);
        // At most a segment, so it fits.
        plaintext.resize(len as usize, 0);
        read_exact_at(source, &mut plaintext, start)
            .map_err(|source| StreamError::Read { offset: start, source })?;
        let (wire, receipt) = sealer.seal_segment(part, segment, &plaintext)?;
        write(&wire)?;
        receipts.push(receipt);
        each(len)?;
    }
    Ok(sealer.receipt(part, receipts)?)
}

/// CRC-64/NVME of a whole part, as it is stored.
///
/// # Errors
/// `Read` with the offset in the part, and `Cancelled`.
pub fn part_crc64(source: &dyn ReadAt, cancel: &Cancellation) -> Result<u64, StreamError> {
    let failed = |offset| move |source| StreamError::Read { offset, source };
    let len = source.len().map_err(failed(0))?;
    let (mut crc, mut at) = (crc64(&[]), 0);
    let mut buffer = vec![0; STEP];
    while at < len {
        if cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        let count = (len - at).min(STEP as u64);
        // At most the buffer, so it fits.
        let bytes = &mut buffer[..count as usize];
        read_exact_at(source, bytes, at).map_err(failed(at))?;
        crc = combine(crc, crc64(bytes), count);
        at += count;
    }
    Ok(crc)
}

/// Checks a stored part without a key: its length, the header of part 1 against the plan, and every
/// header, frame and footer of its segments.
///
/// Offsets are those in the whole stream. The list is joined and has an end as that of
/// [`scrub`](crate::scrub), with what is beyond as one entry for each fault, and segments that lie
/// in a hole of a sparse file are not read. A plan that nobody judged is a claim, so this finds
/// accidents alone.
///
/// # Errors
/// `Read`, `Cancelled`; `Usage` where the plan has no such part, or for an input that cannot seek.
pub fn scrub_part(
    plan: &PartsPlan,
    part: u32,
    input: InputSource<'_>,
    cancel: &Cancellation,
) -> Result<Vec<Damage>, StreamError> {
    let no_part = |_| StreamError::Usage("the plan has no such part");
    let spec = plan.part(part).map_err(no_part)?;
    let stored = positioned(input)?;
    let wanted = spec.wire.end - spec.wire.start;
    let unit = Unit::Segment { segment: spec.segments.start };
    if stored.len() != wanted {
        let fault = Fault::Disagrees("length of part and plan");
        return Ok(vec![Damage::bare(unit, fault, spec.wire.start, stored.len())]);
    }
    let whole = Placed { part: &stored, start: spec.wire.start };
    let source = PositionedInput::Custom { source: Box::new(whole), len: spec.wire.end };
    let mut tally = Tally::default();
    let header = plan.header();
    if part == 1 && source.read_vec(0, header.len() as u64)? != header {
        let fault = Fault::Disagrees("header and plan");
        tally.push(Damage::bare(Unit::Header, fault, 0, header.len() as u64));
    }
    let decoded = StreamHeader::decode(header)
        .map_err(|_| StreamError::Usage("the plan holds no header of a stream"))?;
    let scrub = SegmentScrub::of_header(&source, &decoded, plan.layout(), plan.source().len);
    let (mut buffer, holes) = (Vec::new(), Holes::of(&stored));
    let mut next = spec.segments.start;
    while next < spec.segments.end {
        if cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: next });
        }
        let run = next..scrub.end_of_run(next, spec.segments.end, &holes, spec.wire.start);
        next = run.end;
        if run.end - run.start > 1 {
            scrub.hole(&run).into_iter().for_each(|damage| tally.push(damage));
            continue;
        }
        let found = scrub.check(run.start, None, buffer)?;
        found.damages.into_iter().for_each(|damage| tally.push(damage));
        buffer = found.buffer;
    }
    let (mut damages, beyond, ..) = tally.finish();
    damages.extend(beyond);
    Ok(damages)
}

/// A part at its place in the stream; nothing else of the stream is there.
struct Placed<'p> {
    part: &'p PositionedInput<'p>,
    start: u64,
}

impl ReadAt for Placed<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(at) = offset.checked_sub(self.start) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.part.read_up_to_at(buffer, at)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.start + self.part.len())
    }
}

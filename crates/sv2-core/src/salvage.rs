//! Getting out of a damaged stream what still authenticates (format.md section 8.6).

mod locate;
mod map;
mod output;
mod parts;
mod recover;
mod search;

use std::ops::Range;
use std::time::{Duration, Instant};

use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_headers::StreamHeader;
use sv2_pipeline::Fed;

use crate::decrypt::DecryptJob;
use crate::drive::{Drive, Ends, Plan};
use crate::io::{Input, Output, PositionedInput, Secrecy, Target};
use crate::key::KeyRing;
use crate::salvage::map::Map;
use crate::salvage::output::Gapped;
use crate::salvage::parts::Parts;
use crate::salvage::recover::Recovered;
use crate::survey::Survey;
use crate::{DecryptOptions, InputSource, KeySource, OutputSink, StreamError};

/// Zeros that are written for each byte of the source before a salvage is refused.
const MOST_ZEROS: u64 = 16;

/// Other streams that are named.
const MOST_STREAMS: usize = 16;

/// What stands in the output for plaintext that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gaps {
    /// Zero bytes, so that everything else keeps its offset.
    Zero,
    /// Nothing.
    Skip,
}

/// What was recovered and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Whether the seal holds, so that the plaintext length and the version of every segment are
    /// known. Without it, whatever was behind the last segment of which a frame opened is unknown.
    pub sealed: bool,
    /// Plaintext bytes of the stream, as far as that is known.
    pub plaintext_len: u64,
    /// Plaintext bytes that authenticated and were written.
    pub recovered: u64,
    /// Plaintext that is lost, in order and joined.
    pub lost: Vec<Range<u64>>,
    /// Plaintext that authenticated for its place in this stream, but whose version no page of
    /// the index confirms: it may stem from an earlier attempt at its segment.
    pub unconfirmed: Vec<Range<u64>>,
    /// Bytes of the source that belong to no part of the stream and to no damage of one, in
    /// order: what was put in front, between or behind, and copies of what was used elsewhere.
    pub foreign: Vec<Range<u64>>,
    /// Where headers of other streams begin, the first of them.
    pub other_streams: Vec<u64>,
    /// Bytes that were written, zeros included.
    pub bytes_out: u64,
    /// Time that it took.
    pub wall: Duration,
}

impl SalvageReport {
    /// Whether everything was there, and nothing besides that was not explained.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sealed && self.lost.is_empty() && self.foreign.is_empty()
    }
}

/// Writes every frame of a damaged stream that still opens, and says what is missing (F-833).
///
/// A usable header must be somewhere, and a tail at the end or somewhere else is used.
/// Every frame whose ciphertext and tag lie whole anywhere is found: at its place, where headers,
/// frames and neighbours have it, and otherwise where it fits.
/// Nothing that did not authenticate is written, and a gap in a file is a hole.
///
/// What is read and opened is bounded by a multiple of the input: where there are so many headers
/// that only a forger can have put them there, each segment is looked for at one place, and where
/// front and trailer are lost, the first 16 headers that decode are tried.
///
/// # Errors
/// The header's errors where neither header is usable, `NotAStream`; `Read`, `Write`,
/// `OutputExists`, `Cancelled`; `Usage` for an input that cannot seek, and where zeros would take
/// more than 16 times the bytes of the input.
/// Where a fingerprint is expected: `WrongFingerprint`, and what is wrong with the tail of a stream
/// whose seal is lost.
pub fn salvage(
    input: InputSource<'_>,
    output: OutputSink<'_>,
    keys: &KeySource<'_>,
    options: &DecryptOptions,
    gaps: Gaps,
) -> Result<SalvageReport, StreamError> {
    let begun = Instant::now();
    let Input::Positioned(source) = input.open()? else {
        return Err(StreamError::Usage("a pipe cannot be salvaged, only a file"));
    };
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    let (mut map, survey) = locate::locate(&source, &mut ring, options)?;
    let job = DecryptJob::new(&map.keyed, options);
    let cancel = &options.run.cancel;
    let mut drive = Drive::begin(&options.run, map.keyed.layout(), Some(map.plaintext_len))?;
    search::search(&source, &mut map, &survey, &job, cancel)?;
    map.end_with_last_that(|map, segment| {
        if cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        Ok(recover::recover(&source, map, &job, segment, Vec::new())?.has_any())
    })?;
    let zeros = map.plaintext_len.saturating_sub(source.len());
    if gaps == Gaps::Zero && zeros > source.len().saturating_mul(MOST_ZEROS) {
        return Err(StreamError::Usage(
            "what is lost is more than 16 times as long as the input, so leave it out instead of \
             filling it with zeros",
        ));
    }
    let mut tally = Tally::new(&map);
    let plan = drive.plan(Ends::Sequence, Some(map.segments()));
    let rescue = Rescue { source: &source, map: &map, job: &job, options, gaps, plan };
    let bytes_out = match output.open(Secrecy::Plaintext)? {
        Output::File { file, base, end, positional: true } => {
            let mut output = Gapped::file(&file, base)?;
            rescue.run(&mut output, &mut tally)?;
            let written = output.offset();
            end.finish(file, base + written, cancel)?;
            written
        }
        output => output.fill(None, cancel, |target| match target {
            Target::Sequential(output) => {
                rescue.run(&mut Gapped::Sequential { output, cancel }, &mut tally)?;
                Ok((output.offset(), output.offset()))
            }
            Target::Positioned(_) => Err(StreamError::Defect { segment: 0 }),
        })?,
    };
    tally.end(&map);
    let other_streams = other_streams(&source, &map, &survey, &mut tally.parts);
    Ok(SalvageReport {
        sealed: map.sealed.is_some(),
        plaintext_len: map.plaintext_len,
        recovered: tally.recovered,
        lost: tally.lost,
        unconfirmed: tally.unconfirmed,
        foreign: tally.parts.foreign(source.len()),
        other_streams,
        bytes_out,
        wall: begun.elapsed(),
    })
}

/// Where the first header of each other stream in the source begins; those of this one are taken
/// in where they are its front.
fn other_streams(
    source: &PositionedInput<'_>,
    map: &Map,
    survey: &Survey,
    parts: &mut Parts,
) -> Vec<u64> {
    let own = &map.keyed;
    let mut others: Vec<(u64, Vec<u8>)> = Vec::new();
    for &offset in survey.streams.iter().take(64 * MOST_STREAMS) {
        let left = source.len() - offset;
        let Ok(prefix) = source.read_vec(offset, left.min(96)) else { continue };
        let (Ok(_), Some(commitment)) = (StreamHeader::decode_prefix(&prefix), prefix.get(48..80))
        else {
            continue;
        };
        if commitment == own.header.commitment {
            parts.push_front(own.bytes.len() as u64, offset as i64);
        } else if others.iter().all(|(_, known)| known != commitment) && others.len() < MOST_STREAMS
        {
            others.push((offset, commitment.to_vec()));
        }
    }
    others.into_iter().map(|(offset, _)| offset).collect()
}

/// What was recovered so far.
struct Tally {
    recovered: u64,
    lost: Vec<Range<u64>>,
    unconfirmed: Vec<Range<u64>>,
    parts: Parts,
}

impl Tally {
    fn new(map: &Map) -> Self {
        let mut parts = Parts::new(map.keyed.layout());
        // The front header is where the stream begins, unless another one opened it.
        if map.keyed.offset == 0 {
            parts.push(0..map.keyed.bytes.len() as u64, 0);
        }
        Self { recovered: 0, lost: Vec::new(), unconfirmed: Vec::new(), parts }
    }

    /// Takes in the tail, as far as there is one.
    fn end(&mut self, map: &Map) {
        let layout = self.parts.layout();
        if let (Some(shift), Some(end)) = (map.shift(), layout.stream_len(map.plaintext_len)) {
            self.parts.push(layout.tail_offset(map.plaintext_len)..end, shift);
        }
    }
}

/// A salvage whose map is made.
struct Rescue<'r> {
    source: &'r PositionedInput<'r>,
    map: &'r Map,
    job: &'r DecryptJob,
    options: &'r DecryptOptions,
    gaps: Gaps,
    plan: Plan,
}

impl Rescue<'_> {
    fn run(&self, output: &mut Gapped<'_, '_>, tally: &mut Tally) -> Result<(), StreamError> {
        let layout = self.map.keyed.layout();
        let size = layout.geometry.segment_size();
        let (segments, total) = (self.map.segments(), self.map.plaintext_len);
        let run = &self.options.run;
        let mut next = 0;
        let feed = |_: u64, buffer: Vec<u8>| {
            if next >= segments {
                return Ok(Fed::End(buffer));
            }
            // What has no place in the source is skipped in one step.
            let (first, (range, likely)) = (next, self.map.run_from(next));
            next = if likely { first + 1 } else { range.end.min(segments).max(first + 1) };
            Ok(Fed::Job((first, likely, buffer)))
        };
        let work = |_: u64, (segment, likely, buffer): (u64, bool, Vec<u8>)| {
            if !likely {
                return Ok((segment, Err(buffer)));
            }
            let recovered = recover::recover(self.source, self.map, self.job, segment, buffer)?;
            Ok((segment, Ok(recovered)))
        };
        let mut at = 0;
        let sink = |_: u64, (segment, found): (u64, Result<Recovered, Vec<u8>>)| {
            let recovered = match found {
                Ok(recovered) => recovered,
                Err(buffer) => return Ok(buffer),
            };
            let start = segment * size;
            for piece in recovered.pieces() {
                let place = start + piece.range.start..start + piece.range.end;
                self.lose(at..place.start, output, tally)?;
                output.write(piece.plaintext)?;
                at = place.end;
                tally.recovered += place.end - place.start;
                tally.push_part(segment, &piece, recovered.layout());
                if !recovered.confirmed {
                    extend(&mut tally.unconfirmed, place);
                }
            }
            run.observe((start + size).min(total), Some(total));
            Ok(recovered.into_buffer())
        };
        self.plan.in_order(&run.cancel, feed, work, sink)?;
        self.lose(at..total, output, tally)?;
        output.finish()
    }

    /// Passes over plaintext that is lost.
    fn lose(
        &self,
        range: Range<u64>,
        output: &mut Gapped<'_, '_>,
        tally: &mut Tally,
    ) -> Result<(), StreamError> {
        if range.is_empty() {
            return Ok(());
        }
        if self.gaps == Gaps::Zero {
            output.skip(range.end - range.start)?;
        }
        extend(&mut tally.lost, range);
        Ok(())
    }
}

impl Tally {
    /// Takes in where a frame lay.
    fn push_part(&mut self, segment: u64, piece: &recover::Piece<'_>, layout: SegmentLayout) {
        let belongs = self.parts.layout().segment_offset(SegmentIndex(segment));
        let frame = layout.frame(sv2_framing::FrameIndex(piece.frame));
        let is_last = piece.frame + 1 == layout.frame_count();
        // The header in front of the first frame and the footer behind the last go with them.
        let start = if piece.frame == 0 { 0 } else { frame.start };
        let end = if is_last { layout.wire_len() } else { frame.end };
        let shift = piece.start - belongs as i64;
        self.parts.push(belongs + start as u64..belongs + end as u64, shift);
    }
}

/// Appends a range, joined to the last one where they touch.
fn extend(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

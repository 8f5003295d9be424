//! Getting out of a damaged stream what still authenticates (format.md section 8.6).

mod locate;
mod map;
mod recover;

use std::ops::Range;
use std::time::{Duration, Instant};

use sv2_headers::IndexEntry;
use sv2_pipeline::{Fed, run_ordered};

use crate::decrypt::DecryptJob;
use crate::drive::pipeline_options;
use crate::error::pipeline_error;
use crate::io::{Input, PositionedInput, Secrecy, SequentialOutput, Target};
use crate::key::KeyRing;
use crate::salvage::map::Map;
use crate::salvage::recover::Recovered;
use crate::{DecryptOptions, InputSource, KeySource, OutputSink, StreamError};

/// What stands in the output for plaintext that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Bytes that were written, zeros included.
    pub bytes_out: u64,
    /// Time that it took.
    pub wall: Duration,
}

impl SalvageReport {
    /// Whether everything was there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sealed && self.lost.is_empty()
    }
}

/// Writes every frame of a damaged stream that still opens, and says what is missing (F-833).
///
/// Front header or copy must be usable.
/// Segments are looked for at their places and, where they are not there, by their headers, so
/// that bytes that went missing or came in cost no more than the frames they touch.
/// Nothing that did not authenticate is written.
///
/// What is read is bounded by a multiple of the input: where there are so many headers that only a
/// forger can have put them there, each segment is looked for at one place, and where front and
/// trailer are lost, the first 16 headers that decode are tried.
///
/// # Errors
/// The header's errors where neither header is usable, `NotAStream`; `Read`, `Write`,
/// `OutputExists`, `Cancelled`; `Usage` for an input that cannot seek.
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
    let mut map = locate::locate(&source, &mut ring, options)?;
    let job = DecryptJob::new(&map.keyed, options);
    map.end_with_last_that(|map, segment| {
        if options.run.cancel.is_cancelled() {
            return Err(StreamError::Cancelled { segment: 0 });
        }
        Ok(recover::recover(&source, map, &job, segment, Vec::new())?.has_any())
    })?;
    let mut tally = Tally::default();
    let output = output.open(Secrecy::Plaintext)?;
    let bytes_out = output.fill(None, &options.run.cancel, |target| match target {
        Target::Sequential(output) => {
            run(&source, &map, &job, options, gaps, output, &mut tally)?;
            Ok((output.offset(), output.offset()))
        }
        Target::Positioned(_) => Err(StreamError::Defect { segment: 0 }),
    })?;
    Ok(SalvageReport {
        sealed: map.sealed,
        plaintext_len: map.plaintext_len,
        recovered: tally.recovered,
        lost: tally.lost,
        unconfirmed: tally.unconfirmed,
        bytes_out,
        wall: begun.elapsed(),
    })
}

/// What was recovered so far.
#[derive(Default)]
struct Tally {
    recovered: u64,
    lost: Vec<Range<u64>>,
    unconfirmed: Vec<Range<u64>>,
}

fn run(
    source: &PositionedInput<'_>,
    map: &Map,
    job: &DecryptJob,
    options: &DecryptOptions,
    gaps: Gaps,
    output: &mut SequentialOutput<'_>,
    tally: &mut Tally,
) -> Result<(), StreamError> {
    let layout = map.keyed.layout();
    let segments = map.segments();
    let zeros = vec![0; layout.geometry.frame_size() as usize];
    let feed = |segment: u64, buffer: Vec<u8>| {
        Ok(if segment < segments { Fed::Job(buffer) } else { Fed::End(buffer) })
    };
    let work = |segment: u64, buffer: Vec<u8>| recover::recover(source, map, job, segment, buffer);
    let sink = |segment: u64, recovered: Recovered| {
        let start = segment * layout.geometry.segment_size();
        for frame in recovered.frames() {
            let place = start + frame.range.start..start + frame.range.end;
            match frame.plaintext {
                Some(plaintext) => {
                    output.write_all(plaintext)?;
                    tally.recovered += place.end - place.start;
                    if !recovered.confirmed {
                        extend(&mut tally.unconfirmed, place);
                    }
                }
                None => {
                    if gaps == Gaps::Zero {
                        output.write_all(&zeros[..(place.end - place.start) as usize])?;
                    }
                    extend(&mut tally.lost, place);
                }
            }
        }
        let done = (start + layout.geometry.segment_size()).min(map.plaintext_len);
        options.run.observe(done, Some(map.plaintext_len));
        Ok(recovered.into_buffer())
    };
    let pipeline = pipeline_options(&options.run, &layout, Some(segments));
    run_ordered(pipeline, &options.run.cancel, Vec::new, feed, work, sink)
        .map_err(pipeline_error)?;
    Ok(())
}

/// Appends a range, joined to the last one where they touch.
fn extend(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

/// The salt of a segment and whether a checked page of the index says so.
enum Salt {
    /// From a page of the index that the seal covers.
    Sealed(IndexEntry),
    /// From the segment's own header, as far as one was found.
    OwnHeader,
}

//! Looking for damage without a key, and for forgery with one (format.md section 8.7).

mod segment;
mod tail;

use std::time::Instant;

use sv2_framing::StreamLayout;
use sv2_headers::{DigestAlg, IndexShape};
use sv2_pipeline::run_positional;

use crate::damage::{Damage, DamageMap, Fault};
use crate::decrypt::DecryptJob;
use crate::encrypt::pipeline_options;
use crate::error::pipeline_error;
use crate::inspect::{Inspection, inspect_input};
use crate::io::{Input, PositionedInput};
use crate::key::KeyRing;
use crate::scrub::segment::SegmentScrub;
use crate::tail::SealedStream;
use crate::{DecryptOptions, InputSource, KeySource, RunOptions, StreamError, Unit};

/// Checks structure, checksums, digests and the agreement of index and segments of a whole
/// stream, without a key (F-828), and lists everything that is wrong.
///
/// A sound result proves that no accident happened; it proves nothing against intent.
///
/// # Errors
/// `NotAStream`, and the header's error where neither header can be decoded; `Read`,
/// `Cancelled`; `Usage` for an input that cannot seek.
pub fn scrub(input: InputSource<'_>, run: &RunOptions) -> Result<DamageMap, StreamError> {
    let begun = Instant::now();
    let source = positioned(input)?;
    let stream = inspect_input(&source)?;
    check(&source, &stream, None, run, begun)
}

/// Does what [`scrub`] does and authenticates every frame under its key, without writing
/// anything (F-829).
///
/// # Errors
/// Those of [`crate::decrypt_stream_with`] for header, trailer and index: a stream whose seal
/// does not hold is not listed but refused. Damage of segments is listed.
pub fn verify(
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    options: &DecryptOptions,
) -> Result<DamageMap, StreamError> {
    let begun = Instant::now();
    let source = positioned(input)?;
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    let sealed = SealedStream::open(&source, &mut ring)?;
    options.check_fingerprint(sealed.fingerprint())?;
    let job = DecryptJob::new(&sealed.keyed, options)?;
    // Without a key either header may be the one that was put there; the opened one is known to be
    // the stream's, and its lengths were found right (F-829).
    let stream = Inspection {
        header: sealed.keyed.header.clone(),
        layout: sealed.layout,
        len_matches: Some(true),
        ..inspect_input(&source)?
    };
    check(&source, &stream, Some(job), &options.run, begun)
}

fn positioned(input: InputSource<'_>) -> Result<PositionedInput<'_>, StreamError> {
    match input.open()? {
        Input::Positioned(source) => Ok(source),
        Input::Sequential(_) => {
            Err(StreamError::Usage("a pipe cannot be verified, only a file; decrypt it instead"))
        }
    }
}

fn check(
    source: &PositionedInput<'_>,
    stream: &Inspection,
    job: Option<DecryptJob>,
    run: &RunOptions,
    begun: Instant,
) -> Result<DamageMap, StreamError> {
    let layout = stream.layout;
    let plaintext_len = match &stream.trailer {
        Some(trailer) if stream.len_matches == Some(true) => trailer.plaintext_len,
        _ => plaintext_there(&layout, source.len()),
    };
    let segments = layout.geometry.segment_count(plaintext_len);
    let mut damages = tail::check_header(source, stream)?;
    let index = tail::read_index(source, stream)?;

    let scrub = SegmentScrub::new(source, stream, &index, plaintext_len, job);
    let options = pipeline_options(run, &layout, Some(segments));
    let done = std::sync::atomic::AtomicU64::new(0);
    let work = |buffer: &mut Vec<u8>, segment: u64| {
        let found = scrub.check(segment, buffer)?;
        let size = layout.geometry.segment_size();
        let now = done.fetch_add(size, std::sync::atomic::Ordering::Relaxed) + size;
        run.observe(now.min(plaintext_len), Some(plaintext_len));
        Ok(found)
    };
    let (found, _) =
        run_positional(options, &run.cancel, segments, Vec::new, work).map_err(pipeline_error)?;
    damages.extend(found.into_iter().flatten());
    damages.extend(tail::check_tail(source, stream, &index)?);
    damages.sort_by_key(|damage| damage.offset);
    Ok(DamageMap {
        authenticated: scrub.authenticates(),
        sealed: stream.trailer.is_some(),
        stream_len: source.len(),
        plaintext_len,
        segments,
        frames: plaintext_len.div_ceil(layout.geometry.frame_size().into()),
        frame_size: layout.geometry.frame_size(),
        damages,
        wall: begun.elapsed(),
    })
}

/// Plaintext of the whole segments and frames that an unsealed stream of this length can hold.
fn plaintext_there(layout: &StreamLayout, stream_len: u64) -> u64 {
    let body = stream_len.saturating_sub(layout.header_len.into());
    body / layout.full_segment_len() * layout.geometry.segment_size()
}

/// A damage that carries no plaintext.
fn bare(unit: Unit, fault: Fault, offset: u64, len: u64) -> Damage {
    Damage { unit, fault, offset, len, plaintext: None }
}

/// Where the index of a stream lies, if its trailer can be believed.
fn index_place(stream: &Inspection) -> Option<(u64, IndexShape, DigestAlg)> {
    let trailer = stream.trailer.as_ref().filter(|_| stream.len_matches == Some(true))?;
    let offset = stream.layout.index_offset(trailer.plaintext_len);
    let digest = stream.layout.digest;
    Some((offset, IndexShape::new(trailer.segments, digest), digest))
}

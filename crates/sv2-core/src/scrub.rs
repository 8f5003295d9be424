//! Looking for damage without a key, and for forgery with one (format.md section 8.7).
//!
//! What decides is read once: with a key, trailer, lengths and index are those whose seal was
//! checked, and nothing is taken from a second read of the same bytes (F-829).

mod headers;
mod pipe;
mod scattered;
mod segment;
mod tail;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sv2_framing::StreamLayout;
use sv2_headers::IndexEntry;
use sv2_pipeline::Fed;

use crate::changed::{has_changed, or_changed};
use crate::damage::{Damage, DamageMap, Tally};
use crate::decrypt::DecryptJob;
use crate::drive::{Drive, Ends};
use crate::end::find_trailing;
use crate::extents::Holes;
use crate::inspect::look;
use crate::io::{Input, PositionedInput};
use crate::key::KeyRing;
use crate::scrub::segment::Opener;
pub(crate) use crate::scrub::segment::SegmentScrub;
use crate::scrub::tail::PageSource;
use crate::tail::SealedStream;
use crate::{DecryptOptions, InputSource, KeySource, RunOptions, StreamError, Tail};
use sv2_stream::open_metadata;

/// Checks structure, checksums, digests and the agreement of index and segments of a whole
/// stream, without a key (F-828), and lists everything that is wrong.
///
/// A stream without damage proves that no accident happened; it proves nothing against intent.
/// Time and memory are those of reading it once: neighbours are listed as one, and a list has an
/// end.
///
/// # Errors
/// `NotAStream`, and the header's error where neither header can be decoded; `Read`,
/// `Cancelled`; `InputChanged` where damage was found and somebody wrote to the input meanwhile;
/// `Usage` for an input that cannot seek.
pub fn scrub(input: InputSource<'_>, run: &RunOptions) -> Result<DamageMap, StreamError> {
    scrub_with(input, run, &mut |_| {})
}

/// Does what [`scrub`] does and hands every damaged unit to `each` as it is found, in the order
/// of their offsets; runs of segments that lie in a hole of a sparse file are one.
///
/// # Errors
/// As [`scrub`].
pub fn scrub_with(
    input: InputSource<'_>,
    run: &RunOptions,
    each: &mut dyn FnMut(&Damage),
) -> Result<DamageMap, StreamError> {
    scrub_source(&positioned(input)?, run, each)
}

/// Does what [`scrub`] does with the sealed stream that a source begins with, whatever follows it
/// (F-839); where its end is not found, the whole source is scrubbed.
///
/// # Errors
/// As [`scrub`].
pub fn scrub_followed(input: InputSource<'_>, run: &RunOptions) -> Result<DamageMap, StreamError> {
    scrub_followed_with(input, run, &mut |_| {})
}

/// Does what [`scrub_followed`] does and hands every damaged unit to `each`, as [`scrub_with`] does.
///
/// # Errors
/// As [`scrub`].
pub fn scrub_followed_with(
    input: InputSource<'_>,
    run: &RunOptions,
    each: &mut dyn FnMut(&Damage),
) -> Result<DamageMap, StreamError> {
    let source = positioned(input)?;
    match find_trailing(&source)? {
        Some(trailing) => {
            let map = scrub_source(&source.start(trailing.offset), run, each)?;
            Ok(DamageMap { trailing: Some(trailing), ..map })
        }
        None => scrub_source(&source, run, each),
    }
}

/// Does what [`scrub`] does with a stream that can be read once, from front to back, such as one on a
/// pipe; with [`Tail::MayBeFollowed`] whatever follows its end.
///
/// The result is that of a file wherever everything is at its place. Where lengths do not fit, parts
/// are not looked for: [`DamageMap::unsearched`] says of how many bytes nothing is known. It works on
/// the caller's thread. What is held is one segment, as far as it arrived, which a pool has to have
/// room for, the index, twice where segment headers are damaged, and 160 bytes for each segment.
///
/// # Errors
/// As [`scrub`], with the error of the front header where that cannot be decoded, since its copy
/// comes last; `Usage` for more than 2^20 segments, or a tail that may be missing;
/// `Limit` where a pool has less than a segment.
pub fn scrub_pipe(
    input: InputSource<'_>,
    tail: Tail,
    run: &RunOptions,
) -> Result<DamageMap, StreamError> {
    if tail == Tail::MayBeMissing {
        return Err(StreamError::Usage("a scrub says itself whether the end is missing"));
    }
    pipe::scrub(input.open()?.into_sequential(), tail, run)
}

/// As [`scrub`], of a source that was opened.
pub(crate) fn scrub_whole(
    source: &PositionedInput<'_>,
    run: &RunOptions,
) -> Result<DamageMap, StreamError> {
    scrub_source(source, run, &mut |_| {})
}

/// As [`scrub_with`], of a source that was opened; what was damaged while somebody wrote to it is no
/// damage.
pub(crate) fn scrub_source(
    source: &PositionedInput<'_>,
    run: &RunOptions,
    each: &mut dyn FnMut(&Damage),
) -> Result<DamageMap, StreamError> {
    let map = or_changed(source, None, scrub_all(source, run, each))?;
    match map.damages.first() {
        Some(first) if source.has_changed() => {
            Err(StreamError::InputChanged { offset: first.offset })
        }
        _ => Ok(map),
    }
}

fn scrub_all(
    source: &PositionedInput<'_>,
    run: &RunOptions,
    each: &mut dyn FnMut(&Damage),
) -> Result<DamageMap, StreamError> {
    let begun = Instant::now();
    let look = look(source)?;
    let mut check = Check { source, tally: Tally::default(), each };
    check.push_all(headers::front(&look));
    let sealed = look.trailer.is_some();
    let Some(trailer) = look.fitting() else {
        if let Some(trailing) = find_trailing(source)? {
            // A sealed stream, and something behind it that hides its end.
            check.push_all(headers::trailer(&look, source.len()));
            let found = Checked { end_is_known: true, ..Checked::nothing() };
            let map = check.map(&look.layout, found, begun, true);
            return Ok(DamageMap { trailing: Some(trailing), ..map });
        }
        // Nothing says where anything is, so it is looked for.
        let found = scattered::look_for_parts(source, &look, run, &mut |it| check.push(it))?;
        check.push_all(headers::trailer(&look, source.len()));
        return Ok(check.map(&look.layout, found.as_checked(), begun, sealed));
    };
    let segments = SegmentScrub::of_look(source, &look, trailer.plaintext_len);
    let pages = PageSource::new(source, &look.layout, trailer);
    check.segments(&segments, &|segment| pages.entry(segment), run)?;
    check.push_all(headers::copy(&look, source.len()));
    pages.check(&mut |damage| check.push(damage))?;
    check.push_all(headers::trailer(&look, source.len()));
    Ok(check.map(&look.layout, segments.as_checked(), begun, sealed))
}

/// Does what [`scrub`] does and authenticates every frame under its key, and the metadata, without
/// writing anything (F-829).
///
/// # Errors
/// Those of [`crate::decrypt_stream_with`] for header, trailer and index: a stream whose seal
/// does not hold is not listed but refused. Damage of segments is listed.
pub fn verify(
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    options: &DecryptOptions,
) -> Result<DamageMap, StreamError> {
    verify_with(input, keys, options, &mut |_| {})
}

/// Does what [`verify`] does and hands every damaged unit to `each` as it is found, in the order of
/// their offsets.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(
    input: InputSource<'_>,
    keys: &KeySource<'_>,
    options: &DecryptOptions,
    each: &mut dyn FnMut(&Damage),
) -> Result<DamageMap, StreamError> {
    let begun = Instant::now();
    let source = positioned(input)?;
    let trailing = match options.tail {
        Tail::MayBeFollowed => find_trailing(&source)?,
        Tail::Required | Tail::MayBeMissing => None,
    };
    let cut = trailing.map(|trailing| source.start(trailing.offset));
    let source = cut.as_ref().unwrap_or(&source);
    let mut ring = KeyRing::new(keys, &options.context, options.max_segment_size);
    let sealed = or_changed(source, None, SealedStream::open(source, &mut ring))?;
    let index = or_changed(source, Some(&sealed), sealed.read_index(source))?;
    options.check_fingerprint(sealed.fingerprint())?;
    let job = DecryptJob::new(&sealed.keyed, options);
    let segments = SegmentScrub::of_sealed(source, &sealed, Opener { job: &job });
    let mut check = Check { source, tally: Tally::default(), each };
    let metadata = open_metadata(&sealed.keyed).map(drop);
    check.push_all(headers::sealed_front(source, &sealed, &metadata)?);
    check.segments(&segments, &|segment| Ok(index.entry(segment)), &options.run)?;
    check.push_all(headers::sealed_copy(source, &sealed, &metadata)?);
    check.push_all(headers::sealed_trailer(&sealed, source.len()));
    let map = check.map(&sealed.layout, segments.as_checked(), begun, true);
    if !map.damages.is_empty() && has_changed(source, Some(&sealed)) {
        return Err(StreamError::InputChanged { offset: map.damages[0].offset });
    }
    Ok(DamageMap { trailing, ..map })
}

/// An input that can be read at offsets.
pub(crate) fn positioned(input: InputSource<'_>) -> Result<PositionedInput<'_>, StreamError> {
    match input.open()? {
        Input::Positioned(source) => Ok(source),
        Input::Sequential(_) => Err(StreamError::Usage(
            "a pipe cannot be read at offsets; scrub_pipe checks one without a key, a decrypt with one",
        )),
    }
}

/// The entry of a segment, as far as there is an index.
type Entries<'e> = dyn Fn(u64) -> Result<Option<IndexEntry>, StreamError> + Sync + 'e;

/// What is found on the way through a stream.
struct Check<'c> {
    source: &'c PositionedInput<'c>,
    tally: Tally,
    each: &'c mut dyn FnMut(&Damage),
}

impl Check<'_> {
    fn push(&mut self, damage: Damage) {
        (self.each)(&damage);
        self.tally.push(damage);
    }

    fn push_all(&mut self, damages: impl IntoIterator<Item = Damage>) {
        for damage in damages {
            self.push(damage);
        }
    }

    /// Checks all segments, on all threads, and takes in what is found in order.
    fn segments(
        &mut self,
        scrub: &SegmentScrub<'_>,
        entry: &Entries<'_>,
        run: &RunOptions,
    ) -> Result<(), StreamError> {
        let layout = scrub.layout();
        let (count, total) = (scrub.segments(), scrub.plaintext_len());
        let holes = Holes::of(self.source);
        let mut next = 0;
        // A stack: the next segment is read into what was put back last, by whichever thread, which
        // is the likeliest to be in a cache still. What went round with the findings would come back
        // in their order, and late.
        let buffers = Mutex::new(Vec::<Vec<u8>>::new());
        let buffers = || buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let feed = |_: u64, none: Vec<u8>| {
            if next == count {
                return Ok(Fed::End(none));
            }
            let first = next;
            next = scrub.end_of_run(first, count, &holes, 0);
            Ok(Fed::Job(first..next))
        };
        let work = |_: u64, run: Range<u64>| {
            if run.end - run.start > 1 {
                return Ok((run.end, scrub.hole(&run).into_iter().collect()));
            }
            let entry = entry(run.start)?;
            let buffer = buffers().pop().unwrap_or_default();
            let found = scrub.check(run.start, entry, buffer)?;
            buffers().push(found.buffer);
            Ok((run.end, found.damages))
        };
        let sink = |_: u64, (end, damages): (u64, Vec<Damage>)| {
            self.push_all(damages);
            run.observe((end * layout.geometry.segment_size()).min(total), Some(total));
            Ok(Vec::new())
        };
        let mut drive = Drive::begin(run, layout, Some(total))?;
        let plan = drive.plan(Ends::Findings, Some(count));
        plan.in_order(&run.cancel, feed, work, sink).map(drop)
    }

    fn map(
        self,
        layout: &StreamLayout,
        checked: Checked,
        begun: Instant,
        sealed: bool,
    ) -> DamageMap {
        let (damages, beyond, damaged_units, damaged_plaintext) = self.tally.finish();
        DamageMap {
            authenticated: checked.authenticated,
            sealed,
            by_place: checked.by_place,
            trailing: None,
            end_is_known: checked.end_is_known,
            unplaced: checked.unplaced,
            unsearched: 0,
            stream_len: self.source.len(),
            plaintext_len: checked.plaintext_len,
            segments: checked.segments,
            frames: checked.plaintext_len.div_ceil(layout.geometry.frame_size().into()),
            frame_size: layout.geometry.frame_size(),
            damages,
            beyond,
            damaged_units,
            damaged_plaintext,
            wall: begun.elapsed(),
        }
    }
}

/// What was looked at.
#[derive(Debug)]
struct Checked {
    authenticated: bool,
    by_place: bool,
    end_is_known: bool,
    unplaced: u64,
    plaintext_len: u64,
    segments: u64,
}

impl Checked {
    /// What is known before anything was looked at.
    fn nothing() -> Self {
        Self {
            authenticated: false,
            by_place: false,
            end_is_known: false,
            unplaced: 0,
            plaintext_len: 0,
            segments: 0,
        }
    }
}

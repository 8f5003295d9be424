//! Looking for damage in a stream that is read once, from front to back, without a key (format.md
//! section 8.7).
//!
//! Segments are checked at their places as they come, and everything behind them once the end is
//! there. What is held is the segment that comes, where its header is damaged also as much as an end
//! could have, twice, and what the segments said, with room for more: [`PER_SEGMENT`]. Nothing is
//! looked for anywhere else than at its place: that takes a file.

mod pieces;
mod window;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sv2_framing::{
    SEGMENT_HEADER_LEN, SegmentHeader, SegmentIndex, StreamLayout, decode_footer,
    decode_segment_header, footer_len,
};
use sv2_headers::{
    HEADER_MAGIC, HEADER_PREFIX_LEN, IndexEntry, IndexShape, StreamHeader, TRAILER_LEN, checksum,
};
use sv2_stream::FormatError;

use super::tail::PageSource;
use super::{Check, Checked, SegmentScrub, headers};
use crate::damage::{Damage, DamageMap, Fault, Tally};
use crate::drive::Drive;
use crate::end::{Trailing, ends_in};
use crate::inspect::{Look, layout_of, look};
use crate::io::SequentialInput;
use crate::{RunOptions, StreamError, Tail, Unit};
use pieces::{Pieces, Pipe, source_of};

/// The most segments of which something is kept: 4 TiB of plaintext at the defaults.
const MOST_SEGMENTS: u64 = 1 << 20;

/// The most bytes that are kept of a segment that went by: 160 MiB in all.
const PER_SEGMENT: usize = 160;

// A list that is full doubles.
const _: () = assert!(2 * size_of::<Said>() == PER_SEGMENT);

/// Scrubs a stream from a pipe.
pub(super) fn scrub(
    mut input: SequentialInput<'_>,
    tail: Tail,
    run: &RunOptions,
) -> Result<DamageMap, StreamError> {
    let begun = Instant::now();
    let (head, mut header) = read_head(&mut input)?;
    let layout = layout_of(&header);
    // A pool has room for the segment that is held.
    let _drive = Drive::begin(run, layout, None)?;
    let pieces = Mutex::new(Pieces { head, at: header.header_len.into(), ..Pieces::default() });
    let mut pipe = Pipe { input, pieces: &pieces, run, ended: false };
    pipe.fill(SEGMENT_HEADER_LEN as u64)?;
    pipe.pieces().keep_first();
    if let Some(tag) = other_tag(&mut pipe, &header, &layout)? {
        header.commitment[..8].copy_from_slice(&tag);
    }
    let source = source_of(&pieces, u64::MAX);
    let segments =
        SegmentScrub::of_header(&source, &header, layout, layout.geometry.max_plaintext_len());
    let mut passed = Passed::new(layout, header.commitment);
    while passed.is_full(&mut pipe)? {
        if passed.segments == MOST_SEGMENTS {
            return Err(StreamError::Usage(
                "a pipe of more than 1,048,576 segments cannot be scrubbed, only a file",
            ));
        }
        passed.pass(&mut pipe.pieces(), &segments)?;
        run.observe(passed.segments * layout.geometry.segment_size(), None);
    }
    let followed = passed.read_end(&mut pipe)?;
    passed.judge(&pieces, followed, tail, begun)
}

/// The tag of the stream, where the front header is that of another one: the first segment and what
/// is behind it, the second one or the header copy, have the same other tag. A first segment that
/// stands alone with its tag is itself the foreign one.
fn other_tag(
    pipe: &mut Pipe<'_>,
    header: &StreamHeader,
    layout: &StreamLayout,
) -> Result<Option<[u8; 8]>, StreamError> {
    let first = sound_header(pipe.pieces().window.bytes(), layout, 0);
    let of_stream = |tag: &[u8; 8]| header.commitment.starts_with(tag);
    let first = first.filter(|first| !of_stream(&first.stream_tag));
    let Some(SegmentHeader { stream_tag, plaintext_len, .. }) = first else { return Ok(None) };
    if u64::from(plaintext_len) != layout.geometry.segment_size() {
        // It ends the stream and is judged beside the header copy.
        return Ok(None);
    }
    let full = layout.full_segment_len();
    pipe.fill(full + HEADER_PREFIX_LEN as u64)?;
    let pieces = pipe.pieces();
    // It fits where it is held.
    let behind = pieces.window.bytes().get(full as usize..).unwrap_or_default();
    let confirmed = match sound_header(behind, layout, 1) {
        Some(second) => second.stream_tag == stream_tag,
        None => StreamHeader::decode_prefix(behind)
            .is_ok_and(|copy| copy.commitment.starts_with(&stream_tag)),
    };
    Ok(confirmed.then_some(stream_tag))
}

/// Reads the front header, of which the fixed part must be legible; whether the rest is, is judged at
/// the end, beside its copy.
fn read_head(input: &mut SequentialInput<'_>) -> Result<(Vec<u8>, StreamHeader), StreamError> {
    let decoded = |error| match error {
        sv2_headers::HeaderError::Truncated { .. } => StreamError::Unsealed { segments: 0 },
        error => FormatError::from_header(error, Unit::Header, 0).into(),
    };
    let mut bytes = vec![0; HEADER_PREFIX_LEN];
    let len = input.read_up_to(&mut bytes)?;
    bytes.truncate(len);
    let header = StreamHeader::decode_prefix(&bytes).map_err(decoded)?;
    // At most 64 KiB.
    bytes.resize(header.header_len as usize, 0);
    let rest = bytes.len() - HEADER_PREFIX_LEN;
    if input.read_up_to(&mut bytes[HEADER_PREFIX_LEN..])? < rest {
        return Err(StreamError::Unsealed { segments: 0 });
    }
    Ok((bytes, header))
}

/// The header of a segment, where it is sound and says that it is this one.
fn sound_header(bytes: &[u8], layout: &StreamLayout, segment: u64) -> Option<SegmentHeader> {
    let bytes = bytes.get(..SEGMENT_HEADER_LEN).filter(|bytes| checksum::holds(bytes))?;
    decode_segment_header(bytes, layout.geometry, SegmentIndex(segment)).ok()
}

/// What a segment said that the index says as well.
struct Said {
    /// None where its header is damaged.
    salt: Option<[u8; 24]>,
    /// None where its footer is.
    footer: Option<(u64, [u8; 32])>,
}

/// The segments that went by.
struct Passed {
    layout: StreamLayout,
    commitment: [u8; 32],
    segments: u64,
    said: Vec<Said>,
    tally: Tally,
    /// Segments up to the last one with a sound header: behind it nothing may be at its place.
    sure: u64,
    /// What was found behind it.
    doubtful: Tally,
    /// Plaintext bytes of the short segment that ends the stream, where its header says so, or 0
    /// where the header copy stands in its place.
    short: Option<u32>,
}

impl Passed {
    fn new(layout: StreamLayout, commitment: [u8; 32]) -> Self {
        Self {
            layout,
            commitment,
            segments: 0,
            said: Vec::new(),
            tally: Tally::default(),
            sure: 0,
            doubtful: Tally::default(),
            short: None,
        }
    }

    /// Whether the window begins with a full segment, which is then all there.
    fn is_full(&mut self, pipe: &mut Pipe<'_>) -> Result<bool, StreamError> {
        let full = self.layout.full_segment_len();
        if !pipe.fill(SEGMENT_HEADER_LEN as u64)? {
            return Ok(false);
        }
        let (header, is_copy) = {
            let pieces = pipe.pieces();
            let window = pieces.window.bytes();
            let header = sound_header(window, &self.layout, self.segments);
            (header, window.starts_with(&HEADER_MAGIC))
        };
        match header {
            Some(header) if u64::from(header.plaintext_len) == self.segment_size() => {
                return pipe.fill(full);
            }
            Some(header) => self.short = Some(header.plaintext_len),
            None if is_copy => self.short = Some(0),
            None => {
                // Where more follows than any end has, this is no end.
                let index = IndexShape::new(self.segments + 1, self.layout.digest).total_len();
                let ends = u64::from(self.layout.header_len) + index + TRAILER_LEN as u64;
                return pipe.fill(full + ends);
            }
        }
        Ok(false)
    }

    fn segment_size(&self) -> u64 {
        self.layout.geometry.segment_size()
    }

    /// Checks the full segment that the window begins with, and drops it.
    fn pass(
        &mut self,
        pieces: &mut Pieces,
        segments: &SegmentScrub<'_>,
    ) -> Result<(), StreamError> {
        let len = self.layout.full_segment_len();
        // It fits where it is held.
        let wire = pieces.window.bytes().get(..len as usize);
        let wire = wire.ok_or(StreamError::Defect { segment: self.segments })?;
        self.take(&segments.check_held(self.segments, wire)?, wire);
        pieces.window.pass(len as usize);
        pieces.at += len;
        Ok(())
    }

    /// Takes in what was found in the next segment.
    fn take(&mut self, damages: &[Damage], wire: &[u8]) {
        let header = sound_header(wire, &self.layout, self.segments)
            .filter(|header| self.commitment.starts_with(&header.stream_tag));
        let footer = wire.len() - footer_len(self.layout.digest);
        let footer = decode_footer(&wire[footer..], self.layout.digest).ok();
        let is_told = |damage: &Damage| matches!(damage.unit, Unit::Footer { .. });
        self.said.push(Said {
            salt: header.map(|header| header.salt),
            footer: footer
                .filter(|_| !damages.iter().any(is_told))
                .map(|footer| (footer.crc, footer.digest)),
        });
        self.segments += 1;
        let is_sure = header.is_some();
        if is_sure {
            self.settle_doubts();
            self.sure = self.segments;
        }
        let tally = if is_sure { &mut self.tally } else { &mut self.doubtful };
        damages.iter().for_each(|damage| tally.push(damage.clone()));
    }

    /// Everything is at its place after all.
    fn settle_doubts(&mut self) {
        self.tally.absorb(std::mem::take(&mut self.doubtful));
    }

    /// Reads what follows the full segments, and what follows the end, where that is to be seen.
    fn read_end(&self, pipe: &mut Pipe<'_>) -> Result<Option<Trailing>, StreamError> {
        let at = pipe.pieces().at;
        let end = self.short.and_then(|short| {
            let before = self.segments.checked_mul(self.segment_size())?;
            self.layout.stream_len(before.checked_add(short.into())?)
        });
        let Some(end) = end else { return Ok(None) };
        if !pipe.fill(end.saturating_sub(at))? {
            return Ok(None);
        }
        let (len, zeros) = pipe.pass_rest()?;
        let follows = len > 0;
        let source = source_of(pipe.pieces, end + len);
        let is_end = follows && ends_in(&source, &self.layout, end)?;
        Ok(is_end.then_some(Trailing { offset: end, len, zeros }))
    }

    /// Judges the whole, now that its end is there.
    fn judge(
        mut self,
        pieces: &Mutex<Pieces>,
        followed: Option<Trailing>,
        tail: Tail,
        begun: Instant,
    ) -> Result<DamageMap, StreamError> {
        let len = {
            let pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner);
            pieces.reached().max(pieces.end.0 + pieces.end.1.len() as u64)
        };
        let ignored = followed.filter(|_| tail == Tail::MayBeFollowed);
        let len = ignored.map_or(len, |trailing| trailing.offset);
        let source = source_of(pieces, len);
        let look = look(&source)?;
        let mut each = |_: &Damage| {};
        let mut check = Check { source: &source, tally: Tally::default(), each: &mut each };
        check.push_all(headers::front(&look));
        if let (Some(trailing), None) = (followed, ignored) {
            // As of a file: the end is told, and the stream in front of it was not asked for.
            check.push_all(headers::trailer(&look, len));
            let found = Checked { end_is_known: true, ..Checked::nothing() };
            let map = check.map(&self.layout, found, begun, true);
            return Ok(DamageMap { trailing: Some(trailing), ..map });
        }
        if !self.agrees_with(&look) {
            let sure = Checked {
                plaintext_len: self.sure * self.segment_size(),
                segments: self.sure,
                ..Checked::nothing()
            };
            check.tally.absorb(self.tally);
            check.push_all(headers::trailer(&look, len));
            let reached = self.layout.segment_offset(SegmentIndex(self.sure)).min(len);
            let map = check.map(&self.layout, sure, begun, look.trailer.is_some());
            return Ok(DamageMap { unsearched: len - reached, ..map });
        }
        self.settle_doubts();
        let mut found = std::mem::take(&mut self.tally);
        let Some(trailer) = look.fitting() else {
            return Err(StreamError::Defect { segment: self.segments });
        };
        let pages = PageSource::new(&source, &look.layout, trailer);
        for (segment, said) in (0..).zip(&self.said) {
            if let Some(entry) = pages.entry(segment)? {
                for damage in self.disagreements(segment, said, &entry) {
                    check.tally.absorb_before(&mut found, damage.offset);
                    check.push(damage);
                }
            }
        }
        check.tally.absorb(found);
        let segments = SegmentScrub::of_look(&source, &look, trailer.plaintext_len);
        for segment in self.segments..segments.segments() {
            let found = segments.check(segment, pages.entry(segment)?, Vec::new())?;
            check.push_all(found.damages);
        }
        check.push_all(headers::copy(&look, len));
        pages.check(&mut |damage| check.push(damage))?;
        check.push_all(headers::trailer(&look, len));
        let map = check.map(&look.layout, segments.as_checked(), begun, true);
        Ok(DamageMap { trailing: ignored, ..map })
    }

    /// Whether the end says of the stream what its segments were checked by.
    fn agrees_with(&self, look: &Look) -> bool {
        let Some(trailer) = look.fitting() else { return false };
        let segments = self.layout.geometry.segment_count(trailer.plaintext_len);
        look.layout == self.layout
            && (self.segments == 0 || look.header.commitment[..8] == self.commitment[..8])
            && (self.segments..=self.segments + 1).contains(&segments)
    }

    /// What a segment and its entry of the index say differently.
    fn disagreements(&self, segment: u64, said: &Said, entry: &IndexEntry) -> Vec<Damage> {
        let mut damages = Vec::new();
        let offset = self.layout.segment_offset(SegmentIndex(segment));
        if said.salt.is_some_and(|salt| salt != entry.salt) {
            let fault = Fault::Disagrees("salt of segment and index");
            let unit = Unit::Segment { segment };
            damages.push(Damage::bare(unit, fault, offset, SEGMENT_HEADER_LEN as u64));
        }
        let what = match said.footer {
            Some((crc, _)) if crc != entry.crc => "checksum of footer and index",
            Some((_, digest)) if digest != entry.digest => "digest of footer and index",
            _ => return damages,
        };
        let len = footer_len(self.layout.digest) as u64;
        let offset = offset + self.layout.full_segment_len() - len;
        damages.push(Damage::bare(Unit::Footer { segment }, Fault::Disagrees(what), offset, len));
        damages
    }
}

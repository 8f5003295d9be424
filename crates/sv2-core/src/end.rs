//! Where a sealed stream ends that something follows (format.md section 8.9).
//!
//! The end is a claim until the seal there was checked; whoever reads the stream up to it checks
//! everything else as well.

use sv2_framing::{SEGMENT_HEADER_LEN, SegmentIndex, StreamLayout, decode_segment_header};
use sv2_headers::{TRAILER_LEN, TRAILER_MAGIC, Trailer, checksum};

use crate::extents::Holes;
use crate::inspect::front_header;
use crate::io::{Input, PositionedInput};
use crate::{InputSource, StreamError};

/// Bytes at the end of a source that are searched for a trailer, and zeros that are passed over
/// before it; a disk is not searched.
pub(crate) const SEARCHED: u64 = 64 << 20;

/// Bytes that are read at a time.
const STEP: u64 = 1 << 20;

/// Segment headers in a row that may be damaged.
const DAMAGED: u64 = 4;

/// Bytes that stand behind the end of a sealed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trailing {
    /// Where the stream ends, in bytes from its start.
    pub offset: u64,
    /// Bytes that follow.
    pub len: u64,
    /// Whether they are all zeros, as far as the first 64 MiB of them tell.
    pub zeros: bool,
}

/// Looks for the end of a sealed stream that something follows, without a key: by its segment
/// headers, else by a trailer near the end of the source whose lengths fit.
///
/// `None` where the source ends in a trailer, or none was found.
///
/// # Errors
/// `Read`; `Usage` for an input that cannot seek.
pub fn trailing(input: InputSource<'_>) -> Result<Option<Trailing>, StreamError> {
    let Input::Positioned(source) = input.open()? else {
        return Err(StreamError::Usage("a pipe cannot be inspected, only a file"));
    };
    find_trailing(&source)
}

/// As [`trailing`], of an input that was opened.
pub(crate) fn find_trailing(source: &PositionedInput<'_>) -> Result<Option<Trailing>, StreamError> {
    let Some(offset) = end(source)?.filter(|end| *end < source.len()) else { return Ok(None) };
    let len = source.len() - offset;
    Ok(Some(Trailing { offset, len, zeros: are_zeros(source, offset)? }))
}

/// The source up to the end of its stream, where something follows it.
pub(crate) fn up_to_end<'s>(
    source: &'s PositionedInput<'s>,
) -> Result<Option<PositionedInput<'s>>, StreamError> {
    let trailing = find_trailing(source)?;
    Ok(trailing.map(|trailing| source.start(trailing.offset)))
}

/// As [`up_to_end`], for whoever keeps the source.
pub(crate) fn cut_to_end(source: PositionedInput<'_>) -> Result<PositionedInput<'_>, StreamError> {
    Ok(match find_trailing(&source)? {
        Some(trailing) => source.into_start(trailing.offset),
        None => source,
    })
}

/// Where a sealed stream may end (F-839).
fn end(source: &PositionedInput<'_>) -> Result<Option<u64>, StreamError> {
    let Some((layout, tag)) = front_header(source)? else { return Ok(None) };
    if let Some(plaintext_len) = plaintext_len_by_segments(source, &layout, &tag)?
        && let Some(end) = layout.stream_len(plaintext_len)
        && ends_in(source, &layout, end)?
    {
        return Ok(Some(end));
    }
    candidates(source, &layout)
}

/// Whether a trailer ends at `end` that says so itself.
pub(crate) fn ends_in(
    source: &PositionedInput<'_>,
    layout: &StreamLayout,
    end: u64,
) -> Result<bool, StreamError> {
    let Some(offset) = end.checked_sub(TRAILER_LEN as u64).filter(|_| end <= source.len()) else {
        return Ok(false);
    };
    let mut bytes = [0; TRAILER_LEN];
    source.read_exact_at(&mut bytes, offset)?;
    let Ok(trailer) = Trailer::decode(&bytes) else { return Ok(false) };
    Ok((trailer.header_len, trailer.digest) == (layout.header_len, layout.digest)
        && trailer.check_counts(layout.geometry).is_ok()
        && layout.stream_len(trailer.plaintext_len) == Some(end))
}

/// The plaintext of the segments that stand behind each other from the front on: a search by
/// halves, since one header in a thousand is enough to know.
fn plaintext_len_by_segments(
    source: &PositionedInput<'_>,
    layout: &StreamLayout,
    tag: &[u8],
) -> Result<Option<u64>, StreamError> {
    let size = layout.geometry.segment_size();
    let len_of = |segment: u64| segment_at(source, layout, tag, segment);
    // Whether the stream reaches a segment, a few damaged headers apart.
    let reaches = |segment: u64| -> Result<Option<(u64, u32)>, StreamError> {
        for near in segment..segment + DAMAGED {
            if let Some(len) = len_of(near)? {
                return Ok(Some((near, len)));
            }
        }
        Ok(None)
    };
    let Some(mut last) = reaches(0)? else {
        return Ok(Some(0));
    };
    let (mut good, mut step) = (last.0, 1);
    while let Some(found) = reaches(good + step)? {
        (last, good) = (found, found.0);
        step *= 2;
    }
    let mut bad = good + step;
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match reaches(middle)? {
            Some(found) => (last, good) = (found, found.0.max(middle)),
            None => bad = middle,
        }
        bad = bad.max(good + 1);
    }
    Ok(last.0.checked_mul(size).and_then(|start| start.checked_add(last.1.into())))
}

/// Plaintext bytes of the segment at its place, if its header is there and sound.
fn segment_at(
    source: &PositionedInput<'_>,
    layout: &StreamLayout,
    tag: &[u8],
    segment: u64,
) -> Result<Option<u32>, StreamError> {
    let place = segment.checked_mul(layout.full_segment_len());
    let offset = place.and_then(|place| place.checked_add(layout.header_len.into()));
    let Some(offset) = offset.filter(|at| at.saturating_add(64) <= source.len()) else {
        return Ok(None);
    };
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    source.read_exact_at(&mut bytes, offset)?;
    if !checksum::holds(&bytes) || bytes[48..56] != *tag {
        return Ok(None);
    }
    let decoded = decode_segment_header(&bytes, layout.geometry, SegmentIndex(segment));
    Ok(decoded.ok().map(|header| header.plaintext_len))
}

/// A trailer near the end of the source, zeros behind it not counted, whose lengths fit.
fn candidates(
    source: &PositionedInput<'_>,
    layout: &StreamLayout,
) -> Result<Option<u64>, StreamError> {
    let data_end = end_of_data(source)?;
    let least = data_end.saturating_sub(SEARCHED);
    // A trailer may end in zeros itself.
    let mut high = (data_end + TRAILER_LEN as u64).min(source.len());
    while high > least {
        let low = high.saturating_sub(STEP).max(least);
        let with = (high + TRAILER_MAGIC.len() as u64).min(source.len());
        let bytes = source.read_vec(low, with - low)?;
        for (at, part) in bytes.windows(TRAILER_MAGIC.len()).enumerate().rev() {
            let end = low + at as u64 + TRAILER_LEN as u64;
            if part[0] == TRAILER_MAGIC[0] && part == TRAILER_MAGIC && ends_in(source, layout, end)?
            {
                return Ok(Some(end));
            }
        }
        high = low;
    }
    Ok(None)
}

/// Where the last byte ends that is not zero, as far as it is near the end.
fn end_of_data(source: &PositionedInput<'_>) -> Result<u64, StreamError> {
    let least = source.len().saturating_sub(SEARCHED);
    let mut high = Holes::of(source).end_of_data();
    let least = least.min(high.saturating_sub(SEARCHED));
    while high > least {
        let low = high.saturating_sub(STEP).max(least);
        let bytes = source.read_vec(low, high - low)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok(low + last as u64 + 1);
        }
        high = low;
    }
    Ok(high)
}

/// Whether the first bytes from `offset` on are zeros.
fn are_zeros(source: &PositionedInput<'_>, offset: u64) -> Result<bool, StreamError> {
    let end = Holes::of(source).end_of_data().min(offset.saturating_add(SEARCHED));
    let mut at = offset;
    while at < end {
        let step = (end - at).min(STEP);
        if source.read_vec(at, step)?.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += step;
    }
    Ok(true)
}

//! Where a sealed stream ends that something follows (section 8.9): every place is looked at.

use super::header::{check_structure, declared_len};
use super::outcome::Limits;
use super::primitives::{all_zero, array, crc_holds, u32_at, u64_at};
use super::trailer::Trailer;
use super::{Layout, SEGMENT_MAGIC, TRAILER_MAGIC};

/// Where the stream that `source` begins with ends, if that is not where the source ends (F-839).
pub fn end_of_followed(source: &[u8]) -> Option<u64> {
    let header = declared_len(source).and_then(|len| source.get(..len))?;
    let header = check_structure(header, &Limits::FORMAT).ok()?;
    let layout = &header.layout;
    let by_segments = layout.stream_len(plaintext_len(source, layout, &header.bytes[48..56]));
    let end = match ends_in(source, layout, by_segments) {
        true => Some(by_segments),
        false => by_trailer(source, layout),
    };
    end.filter(|end| *end < source.len() as u64)
}

/// P as the last segment has it that stands at its place.
fn plaintext_len(source: &[u8], layout: &Layout, tag: &[u8]) -> u64 {
    let places = (0..).map_while(|number: u64| {
        let start = usize::try_from(layout.segment_offset(number)).ok()?;
        Some((number, source.get(start..start + 64)?))
    });
    let standing = places.filter(|(number, bytes)| {
        let len = u64::from(u32_at(bytes, 16));
        bytes[..4] == SEGMENT_MAGIC
            && all_zero(&bytes[4..8])
            && all_zero(&bytes[20..24])
            && u64_at(bytes, 8) == *number
            && bytes[48..56] == *tag
            && (1..=layout.segment_size()).contains(&len)
            && crc_holds(bytes)
    });
    standing
        .last()
        .map_or(0, |(number, bytes)| number * layout.segment_size() + u64::from(u32_at(bytes, 16)))
}

/// The last trailer in front of the zeros at the end whose lengths are those of its place.
fn by_trailer(source: &[u8], layout: &Layout) -> Option<u64> {
    let data = source.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let starts = (0..data).rev().filter(|start| source[*start..].starts_with(&TRAILER_MAGIC));
    starts.map(|start| start as u64 + 128).find(|end| ends_in(source, layout, *end))
}

/// Whether a trailer ends at `end` that says so itself.
fn ends_in(source: &[u8], layout: &Layout, end: u64) -> bool {
    let start = (end as usize).checked_sub(128);
    let Some(bytes) = start.and_then(|start| source.get(start..end as usize)) else { return false };
    let Ok(trailer) = Trailer::parse(array(bytes, 0), end - 128) else { return false };
    (trailer.header_len, trailer.digest) == (layout.header_len, layout.digest)
        && trailer.check_counts(layout).is_ok()
        && layout.stream_len(trailer.plaintext_len) == end
}

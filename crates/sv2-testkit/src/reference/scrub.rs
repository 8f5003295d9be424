//! A scrub without the key: which units of a stream are not what was written (sections 6 and 7).

use super::header::{Header, check_structure, declared_len};
use super::outcome::{Limits, Unit};
use super::primitives::{array, crc_holds, sha256, u32_at, u64_at};
use super::segment::{digest_of, frame_header, split_frames};
use super::trailer::Trailer;
use super::{Layout, SEGMENT_MAGIC};

/// One damaged unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is damaged.
    pub unit: Unit,
    /// The segment it belongs to.
    pub segment: Option<u64>,
    /// The frame within the segment.
    pub frame: Option<u32>,
    /// Where the unit begins in the stream.
    pub offset: u64,
}

/// The damaged units of `stream`, in the order of the stream. Without a sound trailer, or without
/// a sound header, only these are named: nothing else tells where the other units are.
pub fn scrub(stream: &[u8]) -> Vec<Damage> {
    let mut damages = Vec::new();
    let front = sound_header(stream, 0);
    if front.is_none() {
        damages.push(damage(Unit::Header, None, None, 0));
    }
    let Some(trailer) = sound_trailer(stream) else {
        let offset = (stream.len() as u64).saturating_sub(128);
        damages.push(damage(Unit::Trailer, None, None, offset));
        return damages;
    };
    let copy_offset = stream.len() as u64 - tail_len(&trailer).min(stream.len() as u64);
    let copy = sound_header(stream, copy_offset);
    let Some(header) = front.as_ref().or(copy.as_ref()) else {
        damages.push(damage(Unit::HeaderCopy, None, None, copy_offset));
        return damages;
    };
    let layout = header.layout;
    let p = trailer.plaintext_len;
    let possible = p <= layout.max_plaintext_len()
        && trailer.segments == layout.segment_count(p)
        && layout.stream_len(p) == stream.len() as u64;
    if !possible {
        damages.push(damage(Unit::Trailer, None, None, trailer.offset));
        return damages;
    }
    let index = slice(stream, layout.index_offset(p), layout.page_table_offset(p));
    for number in 0..trailer.segments {
        let entry_len = layout.entry_len() as usize;
        let entry = &index[number as usize * entry_len..][..entry_len];
        scrub_segment(stream, &header.bytes[48..56], &layout, p, number, entry, &mut damages);
    }
    if copy.is_none_or(|copy| front.is_some_and(|front| front.bytes != copy.bytes)) {
        damages.push(damage(Unit::HeaderCopy, None, None, copy_offset));
    }
    let table_offset = layout.page_table_offset(p);
    let table = slice(stream, table_offset, trailer.offset);
    let page_len = 1024 * layout.entry_len() as usize;
    for (number, (page, hash)) in index.chunks(page_len).zip(table.chunks(32)).enumerate() {
        if sha256(page)[..] != *hash {
            let offset = layout.index_offset(p) + (number * page_len) as u64;
            damages.push(damage(Unit::Index, None, None, offset));
        }
    }
    if sha256(table) != trailer.index_root {
        damages.push(damage(Unit::Index, None, None, table_offset));
    }
    damages
}

fn damage(unit: Unit, segment: Option<u64>, frame: Option<u32>, offset: u64) -> Damage {
    Damage { unit, segment, frame, offset }
}

fn slice(stream: &[u8], start: u64, end: u64) -> &[u8] {
    &stream[start as usize..end as usize]
}

fn sound_header(stream: &[u8], offset: u64) -> Option<Header> {
    let source = &stream[offset as usize..];
    let bytes = source.get(..declared_len(source)?)?;
    let header = check_structure(bytes, &Limits::FORMAT).ok()?;
    crc_holds(bytes).then_some(header)
}

fn sound_trailer(stream: &[u8]) -> Option<Trailer> {
    let (rest, last) = stream.split_last_chunk::<128>()?;
    Trailer::parse(*last, rest.len() as u64).ok().filter(|_| crc_holds(last))
}

fn tail_len(trailer: &Trailer) -> u64 {
    let entry_len = if trailer.digest == 0 { 32 } else { 64 };
    let index_len = trailer.segments.saturating_mul(entry_len);
    let table_len = 32 * trailer.segments.div_ceil(1024);
    index_len.saturating_add(table_len).saturating_add(u64::from(trailer.header_len) + 128)
}

fn scrub_segment(
    stream: &[u8],
    stream_tag: &[u8],
    layout: &Layout,
    plaintext_len: u64,
    number: u64,
    entry: &[u8],
    damages: &mut Vec<Damage>,
) {
    let p = layout.segment_plaintext_len(plaintext_len, number);
    let start = layout.segment_offset(number);
    let wire = slice(stream, start, start + layout.segment_len(p));
    let header: [u8; 64] = array(wire, 0);
    let as_expected = header[..4] == SEGMENT_MAGIC
        && u32_at(&header, 4) == 0
        && u64_at(&header, 8) == number
        && u64::from(u32_at(&header, 16)) == p
        && u32_at(&header, 20) == 0
        && header[24..48] == entry[..24]
        && header[48..56] == *stream_tag;
    if !as_expected || !crc_holds(&header) {
        damages.push(damage(Unit::SegmentHeader, Some(number), None, start));
    }
    let frames_end = 64 + layout.frames_len(p) as usize;
    let frames = split_frames(layout, &wire[64..frames_end]);
    for (j, frame) in (0..).zip(&frames) {
        let demanded = frame_header(j, frame.len() as u32 - 32);
        if frame[..8] != demanded || !crc_holds(frame) {
            let offset = layout.frame_offset(number, u64::from(j));
            damages.push(damage(Unit::Frame, Some(number), Some(j), offset));
        }
    }
    let footer = &wire[frames_end..];
    let digest = digest_of(layout.digest, &header, &frames);
    if *footer != entry[24..] || !footer.starts_with(&digest) || !crc_holds(wire) {
        let offset = start + frames_end as u64;
        damages.push(damage(Unit::Footer, Some(number), None, offset));
    }
}

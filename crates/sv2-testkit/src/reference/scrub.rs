//! A scrub without the key: which units of a stream are not what was written (section 8.7).

use super::header::{Header, check_structure, declared_len};
use super::outcome::{Failure, FailureKind, Limits, Unit};
use super::primitives::{array, crc_holds, sha256, u32_at, u64_at};
use super::segment::{digest_of, frame_header, split_frames};
use super::trailer::Trailer;
use super::{HEADER_MAGIC, Layout, SEGMENT_MAGIC, TRAILER_MAGIC};

/// One damaged unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is damaged.
    pub unit: Unit,
    /// The segment it belongs to.
    pub segment: Option<u64>,
    /// The frame within the segment.
    pub frame: Option<u32>,
    /// Where the unit begins in the stream, or the end of the source for what is missing.
    pub offset: u64,
}

impl Damage {
    /// Damage of a unit outside of the segments.
    pub(super) fn bare(unit: Unit, offset: u64) -> Damage {
        Damage { unit, segment: None, frame: None, offset }
    }
}

/// A header that decodes, and whether its checksum holds.
type Decoded = Result<(Header, bool), Failure>;

/// The damaged units of `stream`, by offset (F-834 to F-838).
///
/// # Errors
///
/// That of the front header where neither header decodes, which no checksum explains.
pub fn scrub(stream: &[u8]) -> Result<Vec<Damage>, Failure> {
    let len = stream.len() as u64;
    let has_trailer = stream.last_chunk::<128>().is_some_and(|t| t.starts_with(&TRAILER_MAGIC));
    if !has_trailer && !stream.starts_with(&HEADER_MAGIC) {
        return Err(Failure::new(FailureKind::NotAStream, Unit::Stream, 0));
    }
    let trailer = stream
        .last_chunk::<128>()
        .filter(|_| has_trailer)
        .and_then(|bytes| Trailer::parse(*bytes, len - 128).ok());
    let front = decode_header(stream, Unit::Header, 0);
    let copy_offset = trailer.as_ref().and_then(copy_offset);
    let copy = copy_offset.map(|offset| decode_header(stream, Unit::HeaderCopy, offset));
    let fits = |header: &Header| {
        trailer.as_ref().is_some_and(|trailer| {
            (trailer.header_len, trailer.digest) == (header.layout.header_len, header.layout.digest)
                && trailer.check_counts(&header.layout).is_ok()
                && header.layout.stream_len(trailer.plaintext_len) == len
        })
    };
    let by_copy = match (&front, &copy) {
        (Ok((front, true)), Some(Ok((copy, true)))) if front.bytes[..80] != copy.bytes[..80] => {
            let first_is_of = |header: &Header| {
                let first = &stream[header.layout.header_len as usize..][..64];
                first.starts_with(&SEGMENT_MAGIC)
                    && crc_holds(first)
                    && first[48..56] == header.bytes[48..56]
            };
            fits(copy) && (!fits(front) || (first_is_of(copy) && !first_is_of(front)))
        }
        (Ok((_, front)), Some(Ok((_, copy)))) => *copy && !*front,
        (Err(_), Some(Ok(_))) => true,
        _ => false,
    };
    let header = match (&front, &copy) {
        (_, Some(Ok((copy, _)))) if by_copy => copy,
        (Ok((front, _)), _) => front,
        _ => return front.map(|_| Vec::new()),
    };
    let differ = match (&front, &copy) {
        (Ok((front, true)), Some(Ok((copy, true)))) => front.bytes != copy.bytes,
        _ => false,
    };
    let is_sound = |decoded: &Decoded| matches!(decoded, Ok((_, true)));

    let mut damages = Vec::new();
    if !is_sound(&front) || (differ && by_copy) {
        damages.push(damage(Unit::Header, None, None, 0));
    }
    let Some(trailer) = &trailer else {
        damages.push(damage(Unit::Trailer, None, None, len));
        return Ok(damages);
    };
    if !fits(header) || !crc_holds(&trailer.bytes) {
        damages.push(damage(Unit::Trailer, None, None, trailer.offset));
    }
    if !fits(header) {
        // Nothing says where anything is (F-837).
        return Ok(damages);
    }
    match (copy_offset, &copy) {
        (Some(offset), Some(copy)) if !is_sound(copy) || (differ && !by_copy) => {
            damages.push(damage(Unit::HeaderCopy, None, None, offset));
        }
        (Some(_), Some(_)) => {}
        _ => damages.push(damage(Unit::HeaderCopy, None, None, len)),
    }
    let tag = &header.bytes[48..56];
    scrub_indexed(stream, tag, &header.layout, trailer, &mut damages);
    damages.sort_by_key(|damage| damage.offset);
    Ok(damages)
}

fn damage(unit: Unit, segment: Option<u64>, frame: Option<u32>, offset: u64) -> Damage {
    Damage { unit, segment, frame, offset }
}

fn slice(stream: &[u8], start: u64, end: u64) -> &[u8] {
    &stream[start as usize..end as usize]
}

/// What F-335 says without a key of the header at `offset`.
fn decode_header(stream: &[u8], unit: Unit, offset: u64) -> Decoded {
    let source = &stream[offset as usize..];
    let failed = |kind| Failure::new(kind, unit, offset);
    if !source.starts_with(&HEADER_MAGIC) {
        return Err(failed(FailureKind::NotAStream));
    }
    let ended = || Failure::new(FailureKind::Unsealed, Unit::Stream, stream.len() as u64);
    let prefix = source.get(..96).ok_or_else(ended)?;
    // An impossible length is itself an error of the structure, so 96 bytes are enough to judge.
    let bytes = declared_len(source).map_or(Ok(prefix), |len| source.get(..len).ok_or_else(ended));
    let header = check_structure(bytes?, &Limits::FORMAT).map_err(failed)?;
    let holds = crc_holds(&header.bytes);
    Ok((header, holds))
}

/// Where the copy is, if there is a place for it (F-809).
fn copy_offset(trailer: &Trailer) -> Option<u64> {
    let entry_len = if trailer.digest == 0 { 32 } else { 64 };
    let index_len = trailer.segments.checked_mul(entry_len)?;
    let table_len = 32 * trailer.segments.div_ceil(1024);
    let header_len = u64::from(trailer.header_len);
    let tail_len = index_len.checked_add(table_len)?.checked_add(header_len)?;
    trailer.offset.checked_sub(tail_len).filter(|offset| *offset >= header_len)
}

/// All segments, the pages and the page table of a stream whose trailer gives its lengths.
fn scrub_indexed(
    stream: &[u8],
    tag: &[u8],
    layout: &Layout,
    trailer: &Trailer,
    damages: &mut Vec<Damage>,
) {
    let p = trailer.plaintext_len;
    let index_offset = layout.index_offset(p);
    let table_offset = layout.page_table_offset(p);
    let index = slice(stream, index_offset, table_offset);
    let entry_len = layout.entry_len() as usize;
    for (number, entry) in (0..).zip(index.chunks(entry_len)) {
        scrub_segment(stream, tag, layout, p, number, entry, damages);
    }
    let table = slice(stream, table_offset, trailer.offset);
    let pages = index.chunks(1024 * entry_len);
    for (number, (page, hash)) in pages.zip(table.chunks(32)).enumerate() {
        if sha256(page)[..] != *hash {
            let offset = index_offset + (number * 1024 * entry_len) as u64;
            damages.push(damage(Unit::Index, None, None, offset));
        }
    }
    if sha256(table) != trailer.index_root {
        damages.push(damage(Unit::Index, None, None, table_offset));
    }
}

pub(super) fn scrub_segment(
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
    let header_sound = header[..4] == SEGMENT_MAGIC
        && u32_at(&header, 4) == 0
        && u64_at(&header, 8) == number
        && u64::from(u32_at(&header, 16)) == p
        && u32_at(&header, 20) == 0
        && header[48..56] == *stream_tag
        && crc_holds(&header);
    if !header_sound || header[24..48] != entry[..24] {
        damages.push(damage(Unit::SegmentHeader, Some(number), None, start));
    }
    let frames_end = 64 + layout.frames_len(p) as usize;
    let frames = split_frames(layout, &wire[64..frames_end]);
    let mut body_sound = header_sound;
    for (j, frame) in (0..).zip(&frames) {
        let demanded = frame_header(j, frame.len() as u32 - 32);
        if frame[..8] != demanded || !crc_holds(frame) {
            let offset = layout.frame_offset(number, u64::from(j));
            damages.push(damage(Unit::Frame, Some(number), Some(j), offset));
            body_sound = false;
        }
    }
    let footer = &wire[frames_end..];
    let digest = digest_of(layout.digest, &header, &frames);
    let own_damage = body_sound && (!footer.starts_with(&digest) || !crc_holds(wire));
    if own_damage || *footer != entry[24..] {
        let offset = start + frames_end as u64;
        damages.push(damage(Unit::Footer, Some(number), None, offset));
    }
}

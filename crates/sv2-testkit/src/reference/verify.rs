//! A verification with the key: everything that is not what was sealed, or would not be told from
//! it without the key (section 8.7).

use super::header::sealed_metadata;
use super::outcome::{Failure, Limits, Unit};
use super::primitives::crc_holds;
use super::scrub::{Damage, scrub_segment};
use super::seekable::Opened;
use super::segment::{digest_of, open_frame};

/// The damaged units of a stream whose seal and index hold, by offset (F-829).
///
/// # Errors
///
/// What a whole decrypt ends in before its first segment.
pub fn verify(key: &[u8; 32], context: &[u8], stream: &[u8]) -> Result<Vec<Damage>, Failure> {
    let opened = Opened::open(key, context, stream, &Limits::FORMAT)?;
    opened.check_pages()?;
    let layout = &opened.header.layout;
    let plaintext_len = opened.trailer.plaintext_len;
    let mut damages = Vec::new();
    header_at(&opened, Unit::Header, 0, &mut damages);
    for index in 0..opened.trailer.segments {
        segment(&opened, index, &mut damages);
    }
    header_at(&opened, Unit::HeaderCopy, layout.tail_offset(plaintext_len), &mut damages);
    if !crc_holds(&opened.trailer.bytes) {
        damages.push(Damage::bare(Unit::Trailer, opened.trailer.offset));
    }
    Ok(damages)
}

/// A header in its place against the one that opened the stream, and the metadata of that one.
fn header_at(opened: &Opened<'_>, unit: Unit, offset: u64, damages: &mut Vec<Damage>) {
    let own = &opened.header.bytes;
    let bytes = opened.bytes(offset, offset + own.len() as u64);
    let signed = own.len() - 8;
    if bytes[..signed] != own[..signed] || !crc_holds(bytes) {
        damages.push(Damage::bare(unit, offset));
    }
    if unit == opened.used && sealed_metadata(&opened.header, &opened.keys).is_err() {
        damages.push(Damage::bare(Unit::Metadata, offset));
    }
}

/// What a scrub finds in a segment under the sealed entry, and what the key finds besides.
fn segment(opened: &Opened<'_>, index: u64, damages: &mut Vec<Damage>) {
    let layout = &opened.header.layout;
    let plaintext_len = opened.trailer.plaintext_len;
    let (header, entry) = opened.expected(index);
    let tag = &opened.keys.commitment[..8];
    let mut found = Vec::new();
    scrub_segment(opened.stream, tag, layout, plaintext_len, index, entry, &mut found);

    let frames = opened.frames(index);
    let (key, base_nonce) = opened.keys.segment(&super::primitives::array(&header, 0));
    let mut all_open = true;
    for (j, frame) in (0..).zip(&frames) {
        if open_frame(opened.header.suite, &key, &base_nonce, j, frame).is_err() {
            all_open = false;
            let offset = layout.frame_offset(index, u64::from(j));
            let damage = Damage { unit: Unit::Frame, segment: Some(index), frame: Some(j), offset };
            if !found.contains(&damage) {
                found.push(damage);
            }
        }
    }
    // Frames that all open and are not those of the sealed digest: a holder of the key wrote them.
    let sealed = &entry[24..entry.len() - 8];
    if all_open && digest_of(layout.digest, &header, &frames) != sealed {
        let p = layout.segment_plaintext_len(plaintext_len, index);
        let offset = layout.segment_offset(index) + 64 + layout.frames_len(p);
        found.retain(|damage| damage.unit != Unit::Footer);
        found.push(Damage { unit: Unit::Footer, segment: Some(index), frame: None, offset });
    }
    found.sort_by_key(|damage| damage.offset);
    damages.extend(found);
}

//! The checks of a header in their order: structure, commitment, MAC (section 3).

use std::ops::Range;

use super::age_file::stanza_types;
use super::outcome::{FailureKind, Limits};
use super::primitives::{
    aead_open, all_zero, array, crc_holds, hmac_sha256, u16_at, u32_at, u64_at,
};
use super::{HEADER_MAGIC, Keys, Layout, VERSION};

/// A header whose structure, commitment and MAC hold.
#[derive(Clone, Debug)]
pub struct Header {
    /// The bytes of the header, MAC and CRC included.
    pub bytes: Vec<u8>,
    /// The suite id.
    pub suite: u8,
    /// The layout that it declares.
    pub layout: Layout,
    /// The header revision.
    pub revision: u64,
    /// The body of the metadata section within `bytes`.
    pub metadata: Option<Range<usize>>,
}

/// Checks the header that `source` begins with. `source` may go on after it.
///
/// A header whose length field is impossible, or points past the end of `source`, has no place
/// where a right checksum could be, so whatever else is wrong with it is a `ChecksumMismatch`.
pub fn open_header(
    source: &[u8],
    key: &[u8; 32],
    context: &[u8],
    limits: &Limits,
) -> Result<(Header, Keys), FailureKind> {
    if !source.starts_with(&HEADER_MAGIC) {
        return Err(FailureKind::NotAStream);
    }
    let Some(bytes) = declared_len(source).and_then(|len| source.get(..len)) else {
        return Err(FailureKind::ChecksumMismatch);
    };
    let opened = check_structure(bytes, limits).and_then(|header| {
        let keys = check_keys(&header, key, context)?;
        Ok((header, keys))
    });
    opened.map_err(|kind| kind.judged(crc_holds(bytes)))
}

/// The header length that `source` declares, where it is there and possible.
pub fn declared_len(source: &[u8]) -> Option<usize> {
    let len = u32_at(source.get(..84)?, 80);
    check_len(len).ok().map(|()| len as usize)
}

/// Checks a header length by itself.
pub fn check_len(len: u32) -> Result<(), FailureKind> {
    if !len.is_multiple_of(64) || len < 256 {
        return Err(FailureKind::Malformed);
    }
    if len > 65536 { Err(FailureKind::Limit) } else { Ok(()) }
}

/// Everything about a header that needs no key; `bytes` has exactly the length it declares.
pub fn check_structure(bytes: &[u8], limits: &Limits) -> Result<Header, FailureKind> {
    if !bytes.starts_with(&HEADER_MAGIC) {
        return Err(FailureKind::NotAStream);
    }
    if u16_at(bytes, 8) != VERSION {
        return Err(FailureKind::Unsupported);
    }
    let (suite, digest) = (bytes[10], bytes[11]);
    if !(1..=2).contains(&suite) || digest > 2 {
        return Err(FailureKind::Unsupported);
    }
    let (frame_log2, frames_log2) = (bytes[12], bytes[13]);
    if frame_log2 < 8 {
        return Err(FailureKind::Malformed);
    }
    if frame_log2 > 20 || frames_log2 > 14 || frame_log2 + frames_log2 > 30 {
        return Err(FailureKind::Limit);
    }
    if 1 << (frame_log2 + frames_log2) > limits.max_segment_size {
        return Err(FailureKind::Limit);
    }
    let flags = u16_at(bytes, 14);
    if flags > 1 {
        return Err(FailureKind::Unsupported);
    }
    let header_len = u32_at(bytes, 80);
    check_len(header_len)?;
    if !all_zero(&bytes[84..88]) {
        return Err(FailureKind::Malformed);
    }
    let metadata = check_sections(&bytes[..bytes.len() - 40], flags == 1)?;
    Ok(Header {
        bytes: bytes.to_vec(),
        suite,
        layout: Layout { frame_log2, frames_log2, digest, header_len },
        revision: u64_at(bytes, 88),
        metadata,
    })
}

/// Walks the sections from byte 96 to the end of `bytes`, where the MAC begins.
/// Returns where the body of the metadata is.
fn check_sections(bytes: &[u8], slotted: bool) -> Result<Option<Range<usize>>, FailureKind> {
    let mut slots = Vec::new();
    let mut metadata = None;
    let mut at = 96;
    while bytes.len() - at >= 6 && u16_at(bytes, at) != 0 {
        let section_type = u16_at(bytes, at);
        let body_len = u32_at(bytes, at + 2) as usize;
        let start = at + 6;
        if body_len > bytes.len() - start {
            return Err(FailureKind::Malformed);
        }
        let end = start + body_len;
        match section_type {
            1 if !slotted || body_len < 2 => return Err(FailureKind::Malformed),
            1 if slots.len() == 64 => return Err(FailureKind::Limit),
            1 => slots.push(&bytes[start..end]),
            2 if metadata.is_some() || body_len < 40 => return Err(FailureKind::Malformed),
            2 => metadata = Some(start..end),
            unknown if unknown & 0x8000 == 0 => return Err(FailureKind::Unsupported),
            _ => {}
        }
        at = end;
    }
    if !all_zero(&bytes[at..]) {
        return Err(FailureKind::Malformed);
    }
    let mut scrypt_slots = 0;
    for slot in slots {
        if u16_at(slot, 0) != 1 {
            continue;
        }
        let types = stanza_types(&slot[2..]).ok_or(FailureKind::Malformed)?;
        if types.contains(&&b"scrypt"[..]) {
            scrypt_slots += 1;
            if types.len() > 1 || scrypt_slots > 1 {
                return Err(FailureKind::Malformed);
            }
        }
    }
    Ok(metadata)
}

fn check_keys(header: &Header, key: &[u8; 32], context: &[u8]) -> Result<Keys, FailureKind> {
    let bytes = &header.bytes;
    let keys = Keys::derive(key, &array(bytes, 0), context);
    if keys.commitment[..] != bytes[48..80] {
        return Err(FailureKind::WrongKeyOrContext);
    }
    let mac_at = bytes.len() - 40;
    if hmac_sha256(&keys.k_header, &bytes[..mac_at])[..] != bytes[mac_at..mac_at + 32] {
        return Err(FailureKind::AuthenticationFailed);
    }
    Ok(keys)
}

/// The sealed metadata of a header, padding included, as bytes that are not parsed; `None` where
/// there is none.
pub fn sealed_metadata(header: &Header, keys: &Keys) -> Result<Option<Vec<u8>>, FailureKind> {
    let Some(body) = header.metadata.clone() else { return Ok(None) };
    let (salt, sealed) = header.bytes[body].split_at(24);
    let (key, nonce) = keys.metadata(&array(salt, 0));
    let opened = aead_open(header.suite, &key, &nonce, sealed);
    opened.map(Some).ok_or(FailureKind::AuthenticationFailed)
}

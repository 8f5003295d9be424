//! New versions of a sealed stream: another header, or more plaintext (section 11).

use super::encrypt::{push_section, segment, trailer};
use super::header::{Header, check_structure};
use super::outcome::{Failure, FailureKind, Limits, Unit};
use super::primitives::{crc64, hmac_sha256, sha256, u16_at, u32_at};
use super::seekable::Opened;
use super::{Keys, Params};

/// What becomes of the metadata in a header rewrite.
#[derive(Clone, Copy, Debug)]
pub enum Metadata<'a> {
    /// They stay, byte for byte.
    Keep,
    /// There are none any more.
    Remove,
    /// This JSON text, sealed under this salt.
    Replace(&'a [u8], [u8; 24]),
}

/// Why a header is not rewritten.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// An error of section 9.
    Stream(Failure),
    /// What the caller asks for, against F-1120.
    Usage,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Stream(failure)
    }
}

/// The stream with these slot bodies in its header (F-1107, F-1119): slots first, then metadata
/// that take the place of others, then what stays, in its order.
///
/// # Errors
///
/// Those of a seekable reader up to the lengths; `Limit` where the sections do not fit or the
/// revision would pass its maximum; what F-335 says of the new sections; `Usage` where the stream
/// is not slotted.
pub fn rewrite(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    slots: &[Vec<u8>],
    metadata: Metadata<'_>,
) -> Result<Vec<u8>, Refused> {
    let opened = Opened::up_to_lengths(key, context, stream, &Limits::FORMAT)?;
    let Opened { header, keys, .. } = &opened;
    let failed = |kind| Failure::new(kind, Unit::Header, 0);
    if header.bytes[15] == 0 {
        return Err(Refused::Usage);
    }
    let revision = header.revision.checked_add(1).ok_or(failed(FailureKind::Limit))?;

    let mut bytes = header.bytes[..88].to_vec();
    bytes.extend(revision.to_be_bytes());
    for slot in slots {
        push_section(&mut bytes, 1, slot);
    }
    if let Metadata::Replace(json, salt) = metadata {
        push_section(&mut bytes, 2, &sealed_metadata(header.suite, keys, json, &salt));
    }
    for (kind, body) in sections(header) {
        if kind != 1 && (kind != 2 || matches!(metadata, Metadata::Keep)) {
            push_section(&mut bytes, kind, body);
        }
    }
    let mac_at = header.bytes.len() - 40;
    if bytes.len() > mac_at {
        return Err(failed(FailureKind::Limit).into());
    }
    bytes.resize(mac_at, 0);
    bytes.extend(hmac_sha256(&keys.k_header, &bytes));
    bytes.extend(crc64(&bytes).to_be_bytes());
    check_structure(&bytes, &Limits::FORMAT).map_err(failed)?;

    let mut stream = stream.to_vec();
    let copy = header.layout.tail_offset(opened.trailer.plaintext_len) as usize;
    stream[..bytes.len()].copy_from_slice(&bytes);
    stream[copy..copy + bytes.len()].copy_from_slice(&bytes);
    let at = stream.len() - 128;
    stream[at + 72..at + 80].copy_from_slice(&revision.to_be_bytes());
    let seal = hmac_sha256(&keys.k_seal, &stream[at..at + 88]);
    stream[at + 88..at + 120].copy_from_slice(&seal);
    let crc = crc64(&stream[at..at + 120]);
    stream[at + 120..].copy_from_slice(&crc.to_be_bytes());
    Ok(stream)
}

fn sealed_metadata(suite: u8, keys: &Keys, json: &[u8], salt: &[u8; 24]) -> Vec<u8> {
    let mut padded = json.to_vec();
    padded.resize(json.len().next_multiple_of(64), b' ');
    let (key, nonce) = keys.metadata(salt);
    [&salt[..], &super::primitives::aead_seal(suite, &key, &nonce, &padded)].concat()
}

/// Type and body of each section of a header that was checked.
fn sections(header: &Header) -> Vec<(u16, &[u8])> {
    let bytes = &header.bytes[..header.bytes.len() - 40];
    let (mut at, mut sections) = (96, Vec::new());
    while bytes.len() - at >= 6 && u16_at(bytes, at) != 0 {
        let end = at + 6 + u32_at(bytes, at + 2) as usize;
        sections.push((u16_at(bytes, at), &bytes[at + 6..end]));
        at = end;
    }
    sections
}

/// The stream with this plaintext behind its own (F-1109, F-1110, F-1121, F-1122); `salts` gives
/// the salt of each segment that is written.
///
/// # Errors
///
/// Those of a seekable reader for everything up to the pages and for a short last segment;
/// `Limit` where the plaintext or the generation would pass its maximum.
pub fn append(
    key: &[u8; 32],
    context: &[u8],
    stream: &[u8],
    more: &[u8],
    salts: &mut dyn FnMut(u64) -> [u8; 24],
) -> Result<Vec<u8>, Failure> {
    let opened = Opened::open(key, context, stream, &Limits::FORMAT)?;
    opened.check_pages()?;
    let (layout, old) = (opened.header.layout, &opened.trailer);
    let failed = |kind| Failure::new(kind, Unit::Trailer, old.offset);
    let generation = old.generation.checked_add(1).ok_or(failed(FailureKind::Limit))?;
    if more.is_empty() {
        return Ok(stream.to_vec());
    }
    let kept = old.plaintext_len / layout.segment_size();
    let mut plaintext = match old.plaintext_len % layout.segment_size() {
        0 => Vec::new(),
        _ => opened.segment(kept)?,
    };
    plaintext.extend(more);
    let len = kept * layout.segment_size() + plaintext.len() as u64;
    if len > layout.max_plaintext_len() {
        return Err(failed(FailureKind::Limit));
    }

    let mut appended = stream[..layout.segment_offset(kept) as usize].to_vec();
    let mut index = opened.index()[..(kept * layout.entry_len()) as usize].to_vec();
    let params = Params {
        suite: opened.header.suite,
        digest: layout.digest,
        frame_log2: layout.frame_log2,
        frames_log2: layout.frames_log2,
        header_len: layout.header_len,
        revision: opened.header.revision,
        generation,
        ..Params::new(opened.header.suite, layout.digest)
    };
    for (number, plaintext) in (kept..).zip(plaintext.chunks(layout.segment_size() as usize)) {
        let salt = salts(number);
        let (wire, trace) = segment(&params, &opened.keys, number, salt, plaintext);
        appended.extend(wire);
        index.extend([&salt[..], &trace.digest, &trace.crc.to_be_bytes()].concat());
    }
    appended.extend(tail(&params, &opened.keys, &opened.header.bytes, &index, len));
    Ok(appended)
}

/// Copy, index, page table and trailer of a stream with this plaintext length.
pub(super) fn tail(
    params: &Params,
    keys: &Keys,
    header: &[u8],
    index: &[u8],
    plaintext_len: u64,
) -> Vec<u8> {
    let layout = params.layout();
    let pages = index.chunks(1024 * layout.entry_len() as usize);
    let table: Vec<u8> = pages.flat_map(sha256).collect();
    let segments = layout.segment_count(plaintext_len);
    let trailer = trailer(params, keys, segments, plaintext_len, sha256(&table));
    [header, index, &table, &trailer].concat()
}

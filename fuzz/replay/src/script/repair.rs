//! What is made right after the changes of a script: all that a holder of the stream key could.

use crate::KEY;
use std::ops::Range;
use sv2_testkit::paint;
use sv2_testkit::reference::header::declared_len;
use sv2_testkit::reference::keys::frame_nonce;
use sv2_testkit::reference::primitives::{aead_seal, crc64, sha256};
use sv2_testkit::reference::segment::{digest_of, frame_header, split_frames};
use sv2_testkit::reference::{Keys, Layout, Params, SEGMENT_MAGIC, forge};

/// Commitment, MAC and checksum of the front header.
const FRONT: u8 = 1;
/// Every frame that is there, sealed anew under the segment header that is there.
const FRAMES: u8 = 2;
/// The checksums of segment headers, frames and segments, and the digests.
const CHECKSUMS: u8 = 4;
/// What the trailer says of header and segments.
const COUNTS: u8 = 8;
/// Index, page table and their hash.
const INDEX: u8 = 16;
/// Seal and checksum of the trailer.
const SEAL: u8 = 32;
/// The header copy, from the front.
const COPY: u8 = 64;
/// Commitment, MAC and checksum of the header copy.
const COPY_SEAL: u8 = 128;

const TRAILER_LEN: usize = 128;

/// Repairs what `repairs` asks for, as far as it is there.
pub(super) fn apply(params: &Params, repairs: u8, stream: &mut [u8]) {
    let Some(header_len) = declared_len(stream).filter(|len| *len <= stream.len()) else { return };
    let asks = |repair| repairs & repair != 0;
    let (header, rest) = stream.split_at_mut(header_len);
    if asks(FRONT) {
        forge::reseal_header(&KEY, &params.context, header);
    }
    let Some(layout) = layout(header) else { return };
    let keys = Keys::derive(&KEY, &front(header), &params.context);
    let segments = segments(&layout, rest);
    for wire in &segments {
        let wire = &mut rest[wire.clone()];
        if asks(FRAMES) {
            seal_frames(&layout, params.suite, &keys, wire);
        }
        if asks(CHECKSUMS) {
            refresh_checksums(&layout, wire);
        }
    }
    let Some((rest, trailer)) = rest.split_last_chunk_mut::<TRAILER_LEN>() else { return };
    let end = segments.last().map_or(0, |last| last.end);
    let tail = rest.get_mut(end..).unwrap_or_default();
    let tail_len = tail.len();
    if asks(COPY) && tail_len >= header_len {
        tail[..header_len].copy_from_slice(header);
    }
    if asks(COPY_SEAL)
        && let Some(copy) = declared_len(tail).and_then(|len| tail.get_mut(..len))
    {
        forge::reseal_header(&KEY, &params.context, copy);
    }
    if asks(COUNTS) {
        let p: u64 = segments.iter().map(|wire| plaintext_len(&layout, wire.len())).sum();
        trailer[10] = layout.digest;
        trailer[12..16].copy_from_slice(&layout.header_len.to_be_bytes());
        trailer[24..32].copy_from_slice(&(segments.len() as u64).to_be_bytes());
        trailer[32..40].copy_from_slice(&p.to_be_bytes());
        trailer[72..80].copy_from_slice(&header[88..96]);
    }
    if asks(INDEX) {
        let (body, tail) = rest.split_at_mut(end.min(rest.len()));
        write_index(&layout, body, &segments, tail.get_mut(header_len..).unwrap_or_default());
        let entries_len = segments.len() * layout.entry_len() as usize;
        let table = tail.get(header_len + entries_len..).unwrap_or_default();
        trailer[40..72].copy_from_slice(&sha256(table));
    }
    if asks(SEAL) {
        forge::reseal_trailer(&KEY, &params.context, header, trailer);
    }
}

/// The layout that a header declares, where its numbers are small.
fn layout(header: &[u8]) -> Option<Layout> {
    let (digest, frame_log2, frames_log2) = (header[11], header[12], header[13]);
    let header_len = header.len() as u32;
    let small = digest <= 2 && (8..=12).contains(&frame_log2) && frames_log2 <= 4;
    small.then_some(Layout { frame_log2, frames_log2, digest, header_len })
}

fn front(header: &[u8]) -> [u8; 48] {
    std::array::from_fn(|at| header[at])
}

/// The segments that follow each other from the start of `body`, as their headers say.
fn segments(layout: &Layout, body: &[u8]) -> Vec<Range<usize>> {
    let mut segments = Vec::new();
    let mut start = 0;
    while let Some(header) = body.get(start..start + 64) {
        let p = u64::from(number(header, 16));
        if header[..4] != SEGMENT_MAGIC || p == 0 || p > layout.segment_size() {
            break;
        }
        let end = start + layout.segment_len(p) as usize;
        if end > body.len() {
            break;
        }
        segments.push(start..end);
        start = end;
    }
    segments
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}

/// The plaintext bytes of a segment with so many wire bytes.
fn plaintext_len(layout: &Layout, wire_len: usize) -> u64 {
    let frames_len = wire_len as u64 - 72 - layout.digest_len();
    frames_len - 32 * frames_len.div_ceil(layout.frame_size() + 32)
}

/// Where the frames of a segment are.
fn frames_of(layout: &Layout, wire: &[u8]) -> Range<usize> {
    64..wire.len() - 8 - layout.digest_len() as usize
}

/// Seals painted plaintext for the place that the segment's header names.
fn seal_frames(layout: &Layout, suite: u8, keys: &Keys, wire: &mut [u8]) {
    let keyed: [u8; 56] = std::array::from_fn(|at| wire[at]);
    let (key, base_nonce) = keys.segment(&keyed);
    let index = u64::from(number(&keyed, 8)) << 32 | u64::from(number(&keyed, 12));
    let mut offset = index.wrapping_mul(layout.segment_size()) % (1 << 60);
    let frames = frames_of(layout, wire);
    let frame_wire = 32 + layout.frame_size() as usize;
    for (j, frame) in (0..).zip(wire[frames].chunks_mut(frame_wire)) {
        let len = frame.len() - 32;
        let plaintext = paint::painted_range(offset, len);
        let sealed = aead_seal(suite, &key, &frame_nonce(&base_nonce, j), &plaintext);
        frame[..8].copy_from_slice(&frame_header(j, len as u32));
        frame[8..24 + len].copy_from_slice(&sealed);
        offset += len as u64;
    }
}

fn refresh_checksums(layout: &Layout, wire: &mut [u8]) {
    forge::refresh_crc(&mut wire[..64]);
    let frames = frames_of(layout, wire);
    let frame_wire = 32 + layout.frame_size() as usize;
    for frame in wire[frames.clone()].chunks_mut(frame_wire) {
        forge::refresh_crc(frame);
    }
    let digest = recomputed_digest(layout, wire);
    wire[frames.end..frames.end + digest.len()].copy_from_slice(&digest);
    forge::refresh_crc(wire);
}

fn recomputed_digest(layout: &Layout, wire: &[u8]) -> Vec<u8> {
    let header: [u8; 64] = std::array::from_fn(|at| wire[at]);
    let frames = split_frames(layout, &wire[frames_of(layout, wire)]);
    digest_of(layout.digest, &header, &frames)
}

/// Writes what finds place of the entries of `segments` and of the page table.
fn write_index(layout: &Layout, body: &[u8], segments: &[Range<usize>], index: &mut [u8]) {
    let mut entries = Vec::new();
    for segment in segments {
        let Some(wire) = body.get(segment.clone()) else { return };
        entries.extend(&wire[24..48]);
        entries.extend(recomputed_digest(layout, wire));
        entries.extend(crc64(&wire[..wire.len() - 8]).to_be_bytes());
    }
    let pages = entries.chunks(1024 * layout.entry_len() as usize).flat_map(sha256);
    let written: Vec<u8> = entries.iter().copied().chain(pages).collect();
    let len = written.len().min(index.len());
    index[..len].copy_from_slice(&written[..len]);
}

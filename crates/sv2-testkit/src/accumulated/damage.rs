//! What happens to the stream of a case between writing and reading.

use super::draw::Draw;
use super::{Attempt, Case, Subject};
use crate::mutate::{insert, overwrite, remove, swap};
use crate::reference::Layout;
use crate::reference::forge::{refresh_crc, reseal_header, reseal_trailer};

/// The fields of a trailer that are replaced, as offset and length.
const TRAILER_FIELDS: [(usize, usize); 9] =
    [(8, 2), (10, 1), (12, 4), (16, 8), (24, 8), (32, 8), (40, 32), (72, 8), (80, 8)];
/// The fields of a header that are replaced; the last is the byte before the MAC.
const HEADER_FIELDS: [(usize, usize); 11] = [
    (8, 2),
    (10, 1),
    (11, 1),
    (12, 1),
    (13, 1),
    (14, 2),
    (80, 4),
    (84, 4),
    (88, 8),
    (96, 2),
    (98, 4),
];

/// What a reader is given.
#[derive(Clone, Debug)]
pub struct Damaged {
    /// The stream.
    pub stream: Vec<u8>,
    /// The stream key, or another one.
    pub key: [u8; 32],
    /// The context, or another one.
    pub context: Vec<u8>,
}

/// Draws the damage of a case and does it.
pub(super) fn damaged(case: &mut Case, stream: Vec<u8>, subject: &mut dyn Subject) -> Damaged {
    let layout = case.params.layout();
    let p = case.plaintext.len() as u64;
    let len = stream.len() as u64;
    let (mut key, mut context) = (case.key, case.params.context.clone());
    let draw = &mut case.draw;
    let stream = match draw.pick(16) {
        5 => {
            let at = draw.pick(len) as usize;
            flipped(draw, stream, at)
        }
        6 => {
            let units = units(&layout, p);
            let (start, unit_len) = units[draw.pick(units.len() as u64) as usize];
            let at = start + draw.pick(unit_len as u64 - 8) as usize;
            let mut stream = flipped(draw, stream, at);
            refresh_crc(&mut stream[start..start + unit_len]);
            stream
        }
        7 => stream[..draw.pick(len) as usize].to_vec(),
        8 => {
            let at = draw.pick(len) as usize;
            let end = stream.len().min(at + 1 + draw.pick(600) as usize);
            remove(&stream, at..end)
        }
        9 => {
            let at = draw.pick(len + 1) as usize;
            let many = 1 + draw.pick(100);
            insert(&stream, at, &draw.take(many))
        }
        10 => {
            let many = 1 + draw.pick(200);
            [stream, draw.take(many)].concat()
        }
        11 if p > 0 => {
            let frames = frames(&layout, p);
            let mut frame = || frames[draw.pick(frames.len() as u64) as usize];
            let ((a, a_len), (b, b_len)) = (frame(), frame());
            let (first, second) = (a.min(b), a.max(b));
            match a != b && a_len == b_len {
                true => swap(&stream, first..first + a_len, second..second + a_len),
                false => stream,
            }
        }
        12 if p > 0 => {
            let index = draw.pick(layout.segment_count(p));
            let start = layout.segment_offset(index) as usize;
            let end = start + layout.segment_len(layout.segment_plaintext_len(p, index)) as usize;
            let earlier = subject.write(case, Attempt::Earlier);
            overwrite(&stream, start, &earlier[start..end])
        }
        13 => {
            let (at, field) = TRAILER_FIELDS[draw.pick(9) as usize];
            let mut stream = stream;
            let (rest, trailer) = stream.split_at_mut(len as usize - 128);
            replace(draw, &mut trailer[at..at + field]);
            reseal_trailer(&key, &context, &rest[..layout.header_len as usize], trailer);
            stream
        }
        14 => {
            let header_len = layout.header_len as usize;
            let mut header = stream[..header_len].to_vec();
            let number = draw.pick(12) as usize;
            let before_mac = (header_len - 41, 1);
            let (at, field) = HEADER_FIELDS.get(number).copied().unwrap_or(before_mac);
            replace(draw, &mut header[at..at + field]);
            reseal_header(&key, &context, &mut header);
            let copy = layout.tail_offset(p) as usize;
            match draw.pick(3) {
                0 => overwrite(&stream, 0, &header),
                1 => overwrite(&stream, copy, &header),
                _ => overwrite(&overwrite(&stream, 0, &header), copy, &header),
            }
        }
        15 => {
            match draw.pick(2) {
                0 => key[31] ^= 1,
                _ => context.push(0),
            }
            stream
        }
        _ => stream,
    };
    Damaged { stream, key, context }
}

/// One bit of the byte at `at` flipped.
fn flipped(draw: &mut Draw, mut stream: Vec<u8>, at: usize) -> Vec<u8> {
    stream[at] ^= 1 << draw.pick(8);
    stream
}

/// Makes a field zeros, ones, or one more than it was.
fn replace(draw: &mut Draw, field: &mut [u8]) {
    match draw.pick(3) {
        0 => field.fill(0),
        1 => field.fill(0xFF),
        _ => {
            for byte in field.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }
}

/// Where every frame is, and its length.
fn frames(layout: &Layout, p: u64) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    for index in 0..layout.segment_count(p) {
        let segment = layout.segment_plaintext_len(p, index);
        for frame in 0..layout.frame_count(segment) {
            let len = layout.frame_plaintext_len(segment, frame) + 32;
            frames.push((layout.frame_offset(index, frame) as usize, len as usize));
        }
    }
    frames
}

/// Headers, segment headers, frames and the trailer, in the order of the stream.
fn units(layout: &Layout, p: u64) -> Vec<(usize, usize)> {
    let header_len = layout.header_len as usize;
    let mut units = frames(layout, p);
    let heads = (0..layout.segment_count(p)).map(|index| layout.segment_offset(index) as usize);
    units.extend(heads.map(|start| (start, 64)));
    units.extend([(0, header_len), (layout.tail_offset(p) as usize, header_len)]);
    units.push((layout.trailer_offset(p) as usize, 128));
    units.sort_unstable();
    units
}

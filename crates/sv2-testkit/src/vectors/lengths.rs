//! Lengths, counts and positions that lie, and reserved bits that are set: tables of patches.

use super::base::{LEN, expect, sound, tiny};
use super::changed::{
    HEADER_LEN, both_headers, copy_start, differences, fields, trailer, with_right_crc,
};
use super::model::{Body, PatchRow, StreamCase, Table, Vector};
use crate::mutate::{find, frame_range, segment_range};

/// The tables of lying lengths and of reserved bits.
pub(super) fn vectors() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let mut lies = Rows::new(&base);
    header_lengths(&mut lies);
    trailer_lengths(&mut lies);
    segment_lengths(&mut lies);
    frame_lengths(&mut lies);
    let mut bits = Rows::new(&base);
    reserved_bits(&mut bits);
    vec![
        lies.table("lying-lengths", "length", "Lengths, counts and positions that lie."),
        bits.table("reserved-bits", "reserved", "Each reserved bit, set under right checksums."),
    ]
}

/// One bit of each zero byte after the sections of a header without any.
pub(super) fn padding() -> Vec<Vector> {
    let base = sound(&tiny(), LEN);
    let mut rows = Rows::new(&base);
    for at in 98..HEADER_LEN - 40 {
        let bit = at % 8;
        let stream = both_headers(&base, |header| header[at] ^= 1 << bit);
        rows.push(&format!("header byte {at} bit {bit}"), stream, ["Malformed header"; 2]);
    }
    vec![rows.table("reserved-padding", "reserved", "Each byte after the sections, one bit set.")]
}

/// The rows of one table, each checked against what was written down for it.
struct Rows<'a> {
    base: &'a StreamCase,
    rows: Vec<PatchRow>,
}

impl<'a> Rows<'a> {
    fn new(base: &'a StreamCase) -> Rows<'a> {
        Rows { base, rows: Vec::new() }
    }

    fn push(&mut self, name: &str, stream: Vec<u8>, [pipe, seekable]: [&str; 2]) {
        let patches = differences(&self.base.stream, &stream);
        assert!(!patches.is_empty(), "{name} changes nothing");
        let ends = self.base.ends_with(stream);
        expect(name, &ends.pipe, pipe);
        expect(name, &ends.seekable, seekable);
        self.rows.push(PatchRow { name: name.to_owned(), patches, ends });
    }

    fn table(self, name: &str, layer: &'static str, scenario: &str) -> Vector {
        let base = StreamCase { origin: None, ..self.base.clone() };
        let table = Table { base, flips: Vec::new(), cuts: Vec::new(), patches: self.rows };
        let body = Body::Table(Box::new(table));
        Vector { name: name.to_owned(), layer, scenario: scenario.to_owned(), body }
    }
}

fn header_lengths(rows: &mut Rows<'_>) {
    let base = rows.base;
    let copy = copy_start(base);
    for len in [0_u32, 64, 192, 255, 257, 65_600, 0x8000_0000, u32::MAX] {
        let mut stream = base.stream.clone();
        for start in [0, copy] {
            stream[start + 80..start + 84].copy_from_slice(&len.to_be_bytes());
        }
        let name = format!("header_len {len} in both headers");
        rows.push(&name, stream, ["ChecksumMismatch header"; 2]);
    }
    for (len, pipe) in [(320_u32, "ChecksumMismatch header"), (65_536, "Unsealed")] {
        let mut stream = base.stream.clone();
        for start in [0, copy] {
            stream[start + 80..start + 84].copy_from_slice(&len.to_be_bytes());
        }
        let name = format!("header_len {len} in both headers");
        rows.push(&name, stream, [pipe, "ChecksumMismatch header"]);
    }
}

/// Values that a holder of the key sealed, and the same without the key.
fn trailer_lengths(rows: &mut Rows<'_>) {
    let base = rows.base;
    let start = base.stream.len() - 128;
    type Lie = (&'static str, usize, Vec<u8>, &'static str);
    let word = |value: u64| value.to_be_bytes().to_vec();
    let half = |value: u32| value.to_be_bytes().to_vec();
    let lies: [Lie; 25] = [
        ("n 0", 24, word(0), "Malformed trailer"),
        ("n 2", 24, word(2), "Malformed trailer"),
        ("n 4", 24, word(4), "Malformed trailer"),
        ("n 2^32", 24, word(1 << 32), "Malformed trailer"),
        ("n 2^32 + 1", 24, word((1 << 32) + 1), "Limit"),
        ("n 2^63", 24, word(1 << 63), "Limit"),
        ("n -1", 24, word(u64::MAX), "Limit"),
        ("P 0", 32, word(0), "Malformed trailer"),
        ("P one less", 32, word(LEN as u64 - 1), "Malformed trailer"),
        ("P one more", 32, word(LEN as u64 + 1), "Malformed trailer"),
        ("P a segment more", 32, word(LEN as u64 + 512), "Malformed trailer"),
        ("P 2^41", 32, word(1 << 41), "Malformed trailer"),
        ("P 2^41 + 1", 32, word((1 << 41) + 1), "Limit"),
        ("P 2^56 + 1", 32, word((1 << 56) + 1), "Limit"),
        ("P 2^63", 32, word(1 << 63), "Limit"),
        ("P -1", 32, word(u64::MAX), "Limit"),
        ("version 0", 8, vec![0, 0], "Unsupported trailer"),
        ("version 2", 8, vec![0, 2], "Unsupported trailer"),
        ("digest 0", 10, vec![0], "Malformed trailer"),
        ("digest 2", 10, vec![2], "Malformed trailer"),
        ("digest 3", 10, vec![3], "Unsupported trailer"),
        ("header_len 0", 12, half(0), "Malformed trailer"),
        ("header_len 257", 12, half(257), "Malformed trailer"),
        ("header_len 320", 12, half(320), "Malformed trailer"),
        ("header_len 65600", 12, half(65_600), "Limit"),
    ];
    for (name, at, bytes, error) in lies {
        let stream = trailer(base, |trailer| {
            trailer[at..at + bytes.len()].copy_from_slice(&bytes);
        });
        rows.push(&format!("sealed {name}"), stream, [error; 2]);
        let unit = start..base.stream.len();
        let forged = with_right_crc(base, start + at, &bytes, unit.clone());
        let error = match at {
            8 | 10 | 12 => error,
            _ => "AuthenticationFailed seal",
        };
        rows.push(&format!("unsealed {name}"), forged.clone(), [error; 2]);
        let mut damaged = forged;
        damaged[unit.end - 8..].copy_from_slice(&base.stream[unit.end - 8..]);
        rows.push(&format!("damaged {name}"), damaged, ["ChecksumMismatch trailer"; 2]);
    }
    for (name, bytes) in [("header_len 2^31", half(1 << 31)), ("header_len -1", half(u32::MAX))] {
        let error = if name.ends_with("-1") { "Malformed trailer" } else { "Limit" };
        let stream = trailer(base, |trailer| trailer[12..16].copy_from_slice(&bytes));
        rows.push(&format!("sealed {name}"), stream, [error; 2]);
    }
    // A trailer that is newer than both headers makes them stale.
    let newer = trailer(base, |trailer| trailer[72..80].copy_from_slice(&word(1)));
    rows.push("sealed revision 1", newer, ["StaleHeader"; 2]);
}

/// A seekable reader does not look at the headers of segments at all.
fn segment_lengths(rows: &mut Rows<'_>) {
    let base = rows.base;
    let fields = fields(base);
    for segment in [0, 2] {
        let start = segment_range(&fields, segment).start;
        let malformed = format!("Malformed segment {segment}");
        let frame = format!("AuthenticationFailed frame {segment} 0");
        let mut lies: Vec<(String, usize, Vec<u8>, &str)> = Vec::new();
        for len in [0_u32, 513, 0x8000_0000, u32::MAX] {
            let bytes = len.to_be_bytes().to_vec();
            lies.push((format!("plaintext_len {len}"), start + 16, bytes, &malformed));
        }
        for index in [segment + 1, 1 << 32, 1 << 63, u64::MAX] {
            let bytes = index.to_be_bytes().to_vec();
            lies.push((format!("index {index}"), start + 8, bytes, &malformed));
        }
        let full = 512_u32.to_be_bytes().to_vec();
        let (name, error) = match segment {
            // The first frame is full either way, so its key is what is wrong.
            0 => ("plaintext_len 511", &frame),
            _ => ("plaintext_len 277", &frame),
        };
        let bytes = if segment == 0 { 511_u32 } else { 277 }.to_be_bytes().to_vec();
        lies.push((name.to_owned(), start + 16, bytes, error));
        if segment == 2 {
            lies.push(("plaintext_len 512".to_owned(), start + 16, full, &frame));
        }
        for (name, at, bytes, error) in lies {
            let unit = start..start + 64;
            let stream = with_right_crc(base, at, &bytes, unit.clone());
            let name = format!("segment {segment} {name}");
            rows.push(&name, stream.clone(), [error, "success"]);
            let mut damaged = stream;
            damaged[unit.end - 8..unit.end].copy_from_slice(&base.stream[unit.end - 8..unit.end]);
            let error = format!("ChecksumMismatch segment {segment}");
            rows.push(&format!("damaged {name}"), damaged, [&error, "success"]);
        }
    }
}

fn frame_lengths(rows: &mut Rows<'_>) {
    let base = rows.base;
    let fields = fields(base);
    for (segment, frame) in [(0, 1), (2, 1)] {
        let unit = frame_range(&fields, segment, frame);
        let mut lies: Vec<(String, usize, Vec<u8>)> = Vec::new();
        for len in [0_u32, 1, 255, 257, 0x8000_0000, u32::MAX] {
            lies.push((format!("length {len}"), 4, len.to_be_bytes().to_vec()));
        }
        for index in [0_u16, 2, 0x8000, u16::MAX] {
            lies.push((format!("index {index}"), 2, index.to_be_bytes().to_vec()));
        }
        for first in [0_u8, 2, 0x81] {
            lies.push((format!("first byte {first}"), 0, vec![first]));
        }
        for (name, at, bytes) in lies {
            let stream = with_right_crc(base, unit.start + at, &bytes, unit.clone());
            let error = format!("Malformed frame {segment} {frame}");
            rows.push(&format!("frame {segment} {frame} {name}"), stream, [&error; 2]);
        }
    }
}

fn reserved_bits(rows: &mut Rows<'_>) {
    let base = rows.base;
    let fields = fields(base);
    let len = base.stream.len();
    for bit in 0..16 {
        let stream = both_headers(base, |header| header[15 - bit / 8] ^= 1 << (bit % 8));
        let error = if bit == 0 { "success" } else { "Unsupported header" };
        if bit > 0 {
            rows.push(&format!("flag bit {bit}"), stream, [error; 2]);
        }
    }
    for (at, bit) in bits(84..88) {
        let stream = both_headers(base, |header| header[at] ^= 1 << bit);
        rows.push(&format!("header byte {at} bit {bit}"), stream, ["Malformed header"; 2]);
    }
    // Byte 96 and 97 would be a section type; from there on the list has ended.
    for (at, bit) in bits(98..100).chain(bits(HEADER_LEN - 41..HEADER_LEN - 40)) {
        let stream = both_headers(base, |header| header[at] ^= 1 << bit);
        rows.push(&format!("header byte {at} bit {bit}"), stream, ["Malformed header"; 2]);
    }
    for (at, bit) in bits(11..12).chain(bits(80..88)) {
        let stream = trailer(base, |trailer| trailer[at] ^= 1 << bit);
        rows.push(&format!("sealed trailer byte {at} bit {bit}"), stream, ["Malformed trailer"; 2]);
        let changed = [base.stream[len - 128 + at] ^ (1 << bit)];
        let stream = with_right_crc(base, len - 128 + at, &changed, len - 128..len);
        rows.push(&format!("trailer byte {at} bit {bit}"), stream, ["Malformed trailer"; 2]);
    }
    let segment = find(&fields, "segment.magic", Some(1), None).start;
    for (at, bit) in bits(4..8).chain(bits(20..24)) {
        let stream = with_right_crc(base, segment + at, &[1 << bit], segment..segment + 64);
        let name = format!("segment 1 byte {at} bit {bit}");
        rows.push(&name, stream, ["Malformed segment 1", "success"]);
    }
    let frame = frame_range(&fields, 1, 0);
    for (at, bit) in bits(1..2) {
        let stream = with_right_crc(base, frame.start + at, &[1 << bit], frame.clone());
        rows.push(&format!("frame 1 0 byte {at} bit {bit}"), stream, ["Malformed frame 1 0"; 2]);
    }
}

/// Every bit of these bytes.
fn bits(bytes: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    bytes.flat_map(|at| (0..8).map(move |bit| (at, bit)))
}

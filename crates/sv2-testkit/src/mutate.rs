//! Changes to streams: flips, cuts, moved regions, and the names of all regions of a stream.
//!
//! Every function leaves its input alone and returns the changed stream.

use std::ops::Range;

use crate::reference::Layout;
use crate::reference::primitives::{u32_at, u64_at};

/// A field of a stream, such as the tag of frame 0 of segment 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// `unit.field`, for example `frame.tag`; the units are `header`, `segment`, `frame`,
    /// `footer`, `copy`, `index`, `page_table` and `trailer`.
    pub name: String,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The segment that the field belongs to, also for its index entry.
    pub segment: Option<u64>,
    /// The frame within the segment.
    pub frame: Option<u32>,
}

impl Region {
    /// The bytes of the region as a range.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

const HEADER_FIELDS: [(&str, usize); 12] = [
    ("magic", 8),
    ("version", 2),
    ("suite", 1),
    ("digest", 1),
    ("frame_log2", 1),
    ("frames_log2", 1),
    ("flags", 2),
    ("stream_salt", 32),
    ("commitment", 32),
    ("header_len", 4),
    ("reserved", 4),
    ("revision", 8),
];

const SEGMENT_FIELDS: [(&str, usize); 8] = [
    ("magic", 4),
    ("reserved_a", 4),
    ("index", 8),
    ("plaintext_len", 4),
    ("reserved_b", 4),
    ("salt", 24),
    ("stream_tag", 8),
    ("crc", 8),
];

const TRAILER_FIELDS: [(&str, usize); 13] = [
    ("magic", 8),
    ("version", 2),
    ("digest", 1),
    ("reserved_a", 1),
    ("header_len", 4),
    ("generation", 8),
    ("segments", 8),
    ("plaintext_len", 8),
    ("index_root", 32),
    ("revision", 8),
    ("reserved_b", 8),
    ("seal", 32),
    ("crc", 8),
];

/// Every field of a sound stream, in order and without gaps. Empty fields are left out.
///
/// # Panics
///
/// Where header and trailer are not those of a sound stream of this length.
pub fn regions(stream: &[u8]) -> Vec<Region> {
    let layout = Layout {
        digest: stream[11],
        frame_log2: stream[12],
        frames_log2: stream[13],
        header_len: u32_at(stream, 80),
    };
    let plaintext_len = u64_at(stream, stream.len() - 128 + 32);
    assert_eq!(layout.stream_len(plaintext_len), stream.len() as u64, "not a sound stream");
    let digest_len = layout.digest_len() as usize;

    let mut cutter = Cutter { regions: Vec::new(), at: 0, segment: None, frame: None };
    cutter.header("header", &layout);
    for index in 0..layout.segment_count(plaintext_len) {
        let p = layout.segment_plaintext_len(plaintext_len, index);
        cutter.segment = Some(index);
        cutter.fields("segment", &SEGMENT_FIELDS);
        for frame in 0..layout.frame_count(p) {
            cutter.frame = Some(frame as u32);
            let ciphertext_len = layout.frame_plaintext_len(p, frame) as usize;
            let fields = [("header", 8), ("ciphertext", ciphertext_len), ("tag", 16), ("crc", 8)];
            cutter.fields("frame", &fields);
        }
        cutter.frame = None;
        cutter.fields("footer", &[("digest", digest_len), ("crc", 8)]);
    }
    cutter.segment = None;
    cutter.header("copy", &layout);
    for index in 0..layout.segment_count(plaintext_len) {
        cutter.segment = Some(index);
        cutter.fields("index", &[("salt", 24), ("digest", digest_len), ("crc", 8)]);
    }
    cutter.segment = None;
    let pages = layout.segment_count(plaintext_len).div_ceil(1024) as usize;
    for _ in 0..pages {
        cutter.fields("page_table", &[("hash", 32)]);
    }
    cutter.fields("trailer", &TRAILER_FIELDS);
    cutter.regions
}

struct Cutter {
    regions: Vec<Region>,
    at: usize,
    segment: Option<u64>,
    frame: Option<u32>,
}

impl Cutter {
    fn fields(&mut self, unit: &str, fields: &[(&str, usize)]) {
        for (field, len) in fields.iter().filter(|(_, len)| *len > 0) {
            let start = self.at;
            self.at += len;
            self.regions.push(Region {
                name: format!("{unit}.{field}"),
                start,
                end: self.at,
                segment: self.segment,
                frame: self.frame,
            });
        }
    }

    fn header(&mut self, unit: &str, layout: &Layout) {
        self.fields(unit, &HEADER_FIELDS);
        let sections_len = layout.header_len as usize - 96 - 40;
        self.fields(unit, &[("sections", sections_len), ("mac", 32), ("crc", 8)]);
    }
}

/// The one region with this name, segment and frame.
///
/// # Panics
///
/// Where there is none, so that a test never mutates nothing.
pub fn find<'a>(
    regions: &'a [Region],
    name: &str,
    segment: Option<u64>,
    frame: Option<u32>,
) -> &'a Region {
    regions
        .iter()
        .find(|region| region.name == name && region.segment == segment && region.frame == frame)
        .unwrap_or_else(|| panic!("no region {name} in segment {segment:?}, frame {frame:?}"))
}

/// The wire bytes of segment `index`, from its header to the end of its footer.
pub fn segment_range(regions: &[Region], index: u64) -> Range<usize> {
    let start = find(regions, "segment.magic", Some(index), None).start;
    start..find(regions, "footer.crc", Some(index), None).end
}

/// The wire bytes of a frame, from its header to the end of its CRC.
pub fn frame_range(regions: &[Region], segment: u64, frame: u32) -> Range<usize> {
    let start = find(regions, "frame.header", Some(segment), Some(frame)).start;
    start..find(regions, "frame.crc", Some(segment), Some(frame)).end
}

/// The stream with the byte at `offset` changed by XOR with `mask`, which is not zero.
pub fn flip(stream: &[u8], offset: usize, mask: u8) -> Vec<u8> {
    assert_ne!(mask, 0, "a flip must change the byte");
    let mut flipped = stream.to_vec();
    flipped[offset] ^= mask;
    flipped
}

/// Every stream that differs from this one in one byte, changed by `mask`, with its offset.
pub fn flips(stream: &[u8], mask: u8) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..stream.len()).map(move |offset| (offset, flip(stream, offset, mask)))
}

/// Every proper prefix of the stream, the empty one first.
pub fn truncations(stream: &[u8]) -> impl Iterator<Item = &[u8]> + '_ {
    (0..stream.len()).map(|len| &stream[..len])
}

/// The stream with the bytes at `at` replaced by as many of `bytes`.
pub fn overwrite(stream: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = stream.to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    changed
}

/// The stream with `bytes` added before the byte at `at`.
pub fn insert(stream: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    [&stream[..at], bytes, &stream[at..]].concat()
}

/// The stream without the bytes of `range`.
pub fn remove(stream: &[u8], range: Range<usize>) -> Vec<u8> {
    [&stream[..range.start], &stream[range.end..]].concat()
}

/// The stream with the bytes of `range` twice in a row.
pub fn duplicate(stream: &[u8], range: Range<usize>) -> Vec<u8> {
    insert(stream, range.end, &stream[range.clone()])
}

/// The stream with two regions exchanged, `first` ending before `second` begins.
pub fn swap(stream: &[u8], first: Range<usize>, second: Range<usize>) -> Vec<u8> {
    assert!(first.end <= second.start, "the first region must lie before the second");
    [
        &stream[..first.start],
        &stream[second.clone()],
        &stream[first.end..second.start],
        &stream[first.clone()],
        &stream[second.end..],
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{DIGEST_SHA256, Params, encrypt};

    #[test]
    fn regions_cover_a_stream_without_gaps() {
        let params = Params::tiny(1, DIGEST_SHA256, 1);
        let stream = encrypt(&[1; 32], &params, &mut |_| [2; 24], &[3; 1000]);
        let regions = regions(&stream);
        let mut at = 0;
        for region in &regions {
            assert_eq!(region.start, at, "{}", region.name);
            at = region.end;
        }
        assert_eq!(at, stream.len());
        let magic = find(&regions, "segment.magic", Some(1), None);
        assert_eq!(&stream[magic.range()], b"SV2S");
        let last = find(&regions, "frame.ciphertext", Some(1), Some(1));
        assert_eq!(last.range().len(), 1000 - 768);
        assert_eq!(stream[find(&regions, "copy.magic", None, None).range()], stream[..8]);
        assert_eq!(&stream[find(&regions, "trailer.magic", None, None).range()], b"SV2TAIL\n");
    }

    #[test]
    fn each_mutation_does_what_its_name_says() {
        let stream = b"abcdef";
        assert_eq!(flip(stream, 0, 0x20), b"Abcdef");
        assert_eq!(flips(stream, 1).count(), 6);
        assert_eq!(truncations(stream).last(), Some(&b"abcde"[..]));
        assert_eq!(overwrite(stream, 2, b"XY"), b"abXYef");
        assert_eq!(insert(stream, 6, b"!"), b"abcdef!");
        assert_eq!(remove(stream, 1..3), b"adef");
        assert_eq!(duplicate(stream, 1..3), b"abcbcdef");
        assert_eq!(swap(stream, 0..1, 3..6), b"defbca");
    }
}

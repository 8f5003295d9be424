//! Plaintext length to stream length and back (section 2.3).

use proptest::prelude::*;
use sv2_framing::{SegmentIndex, StreamLayout};
use sv2_headers::{DigestAlg, Geometry};

const FORMAT: &str = include_str!("../../../../docs/format.md");
const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

fn layout(frame_log2: u8, frames_log2: u8, digest: DigestAlg, header_len: u32) -> StreamLayout {
    let geometry = Geometry::new(frame_log2, frames_log2).expect("within limits");
    StreamLayout { geometry, digest, header_len }
}

/// F, K, S, D and H of section 2.1.
fn symbols(layout: StreamLayout) -> [u128; 5] {
    let frame = u128::from(layout.geometry.frame_size());
    let frames = u128::from(layout.geometry.frames_per_segment());
    let digest = layout.digest.len() as u128;
    [frame, frames, frame * frames, digest, layout.header_len.into()]
}

/// N(P) as section 2.3 writes it.
fn forward(layout: StreamLayout, p: u128) -> u128 {
    let [f, _, s, d, h] = symbols(layout);
    2 * h + 128 + p + 32 * p.div_ceil(f) + (104 + 2 * d) * p.div_ceil(s) + 32 * p.div_ceil(1024 * s)
}

/// The inverse as section 2.3 peels it off, and the maximum of F-204.
fn backward(layout: StreamLayout, n: u128) -> Option<u128> {
    let [f, k, s, d, h] = symbols(layout);
    let (wf, head) = (f + 32, 104 + 2 * d);
    let ws = k * wf + head;
    let wp = 1024 * ws + 32;
    let x = n.checked_sub(2 * h + 128)?;
    if x == 0 {
        return Some(0);
    }
    let above_zero = |value: Option<u128>| value.filter(|&value| value >= 1);
    let g = (x - 1) / wp;
    let r = above_zero((x - g * wp).checked_sub(32))?;
    let i = (r - 1) / ws;
    let r = above_zero((r - i * ws).checked_sub(head))?;
    let j = (r - 1) / wf;
    let r = above_zero((r - j * wf).checked_sub(32))?;
    let p = g * 1024 * s + i * s + j * f + r;
    (p <= (1 << 56).min(s << 32)).then_some(p)
}

fn assert_inverse(layout: StreamLayout, stream_len: u64) {
    let expected = backward(layout, stream_len.into());
    let found = layout.plaintext_len(stream_len);
    assert_eq!(found.map(u128::from), expected, "{stream_len} of {layout:?}");
    // F-212
    if let Some(plaintext_len) = found {
        assert_eq!(layout.stream_len(plaintext_len), Some(stream_len));
    }
}

/// F-211, F-212: all lengths up to three segments and a bit, and around the second page.
#[test]
fn every_length_of_small_streams_is_inverted() {
    for (digest, frames_log2) in [(0, 0), (1, 0), (0, 2), (2, 2)] {
        let layout = layout(8, frames_log2, DIGESTS[digest], 256);
        let size = layout.geometry.segment_size();
        let page = 1024 * size;
        for around in [0..3 * size + 300, page - 2..page + 300] {
            let lengths: Vec<u64> = around
                .clone()
                .map(|plaintext_len| {
                    let stream_len = layout.stream_len(plaintext_len).expect("a short stream");
                    assert_eq!(u128::from(stream_len), forward(layout, plaintext_len.into()));
                    stream_len
                })
                .collect();
            let (first, last) = (lengths[0], lengths[lengths.len() - 1]);
            let mut next = lengths.iter().zip(around).peekable();
            for stream_len in first..=last {
                let expected = next.next_if(|(len, _)| **len == stream_len).map(|(_, p)| p);
                assert_eq!(layout.plaintext_len(stream_len), expected, "{stream_len}");
                assert_inverse(layout, stream_len);
            }
            assert_eq!(next.next(), None, "no two plaintexts make streams of one length");
        }
        for stream_len in 0..640 {
            assert_eq!(layout.plaintext_len(stream_len), None, "{stream_len}");
        }
    }
}

/// F-204: the longest plaintexts, by the number of segments and by 2^56.
#[test]
fn the_longest_streams_have_lengths_and_longer_ones_have_none() {
    for (frame_log2, frames_log2, max) in [(8, 0, 1 << 40), (20, 10, 1 << 56), (16, 6, 1 << 54)] {
        for digest in DIGESTS {
            let layout = layout(frame_log2, frames_log2, digest, 65_536);
            let longest = layout.stream_len(max).expect("the maximum itself");
            assert_eq!(u128::from(longest), forward(layout, max.into()));
            assert_eq!(layout.plaintext_len(longest), Some(max));
            assert_eq!(layout.stream_len(max + 1), None);
            assert_eq!(layout.stream_len(u64::MAX), None);
            let above = forward(layout, u128::from(max) + 1);
            for stream_len in [longest + 1, above as u64, u64::MAX] {
                assert_eq!(layout.plaintext_len(stream_len), None, "{stream_len}");
            }
        }
    }
}

/// The cells of the table rows between the markers whose first cell is `first`.
fn rows(heading: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let (_, tables) = FORMAT.split_once("<!-- sizes:begin -->").expect("section 2.5");
    let (tables, _) = tables.split_once("<!-- sizes:end -->").expect("section 2.5");
    let (_, table) = tables.split_once(heading).expect("a table of section 2.5");
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

fn number(cell: &str) -> u64 {
    cell.parse().unwrap_or_else(|_| panic!("{cell} is a number"))
}

/// F-205, F-211: the table of section 2.5.
#[test]
fn sizes_are_those_of_the_format() {
    let layout = layout(16, 6, DigestAlg::None, 1024);
    let mut count = 0;
    for row in rows("| plaintext | P |") {
        let [p, segments, frames, pages, tail, trailer, n] =
            [1, 2, 3, 4, 5, 6, 7].map(|cell| number(row[cell]));
        assert_eq!(layout.geometry.segment_count(p), segments, "{row:?}");
        assert_eq!(p.div_ceil(u64::from(layout.geometry.frame_size())), frames);
        let index = sv2_headers::IndexShape::new(segments, layout.digest);
        assert_eq!(index.pages(), pages);
        assert_eq!(layout.tail_offset(p), tail);
        assert_eq!(layout.index_offset(p) + index.total_len(), trailer);
        assert_eq!(layout.stream_len(p), Some(n));
        assert_eq!(layout.plaintext_len(n), Some(p));
        count += 1;
    }
    assert_eq!(count, 8);
}

/// F-212: the lengths that section 2.5 calls impossible, and those beside them.
#[test]
fn impossible_stream_lengths_are_those_of_the_format() {
    let layout = layout(16, 6, DigestAlg::None, 1024);
    let mut count = 0;
    for row in rows("| impossible stream lengths |") {
        let [from, to, how_many] = [1, 2, 3].map(|cell| number(row[cell]));
        assert_eq!(to - from + 1, how_many);
        assert!((from..=to).all(|length| layout.plaintext_len(length).is_none()), "{row:?}");
        assert!(layout.plaintext_len(to + 1).is_some(), "{row:?}");
        assert!(from == 0 || layout.plaintext_len(from - 1).is_some(), "{row:?}");
        count += 1;
    }
    assert_eq!(count, 5);
}

/// Section 2.5: plaintext offsets and where they lie.
#[test]
fn offsets_are_those_of_the_format() {
    let layout = layout(16, 6, DigestAlg::None, 1024);
    let mut count = 0;
    for row in rows("| plaintext offset |") {
        let [x, segment, frame, within, wire] = [0, 1, 2, 3, 4].map(|cell| number(row[cell]));
        let position = layout.position(x);
        let found = (position.segment.0, u64::from(position.frame.0), position.offset.into());
        assert_eq!(found, (segment, frame, within), "{row:?}");
        let start = layout.frame_offset(position.segment, position.frame);
        assert_eq!(start + 8 + within, wire);
        count += 1;
    }
    assert_eq!(count, 7);
}

fn layouts() -> impl Strategy<Value = StreamLayout> {
    (8u8..=20, 0u8..=14, 0..3usize, 4u32..=1024).prop_filter_map(
        "at most 2^30",
        |(frame, frames, digest, steps)| {
            let geometry = Geometry::new(frame, frames).ok()?;
            Some(StreamLayout { geometry, digest: DIGESTS[digest], header_len: 64 * steps })
        },
    )
}

proptest! {
    /// F-205, F-206, F-211, F-212: for any parameters, near the borders of frames, segments and
    /// pages too.
    #[test]
    fn lengths_are_inverted_for_any_parameters(
        layout in layouts(),
        at: u64,
        shift in 0u32..64,
        unit in 0..4usize,
        step in 0u64..400,
    ) {
        let size = layout.geometry.segment_size();
        let unit = [1, u64::from(layout.geometry.frame_size()), size, 1024 * size][unit];
        let max = layout.geometry.max_plaintext_len();
        let plaintext_len = ((at >> shift) % max / unit * unit).min(max);
        let stream_len = layout.stream_len(plaintext_len).expect("at most the maximum");
        prop_assert_eq!(u128::from(stream_len), forward(layout, plaintext_len.into()));
        prop_assert_eq!(layout.plaintext_len(stream_len), Some(plaintext_len));
        assert_inverse(layout, stream_len + step);
        assert_inverse(layout, stream_len.saturating_sub(step));
        assert_inverse(layout, at >> shift);
    }

    /// F-206: every segment is full but the last, and together they hold the plaintext.
    #[test]
    fn segments_of_a_stream_are_full_but_the_last(layout in layouts(), at: u64, shift in 0u32..64) {
        let max = layout.geometry.max_plaintext_len();
        let plaintext_len = (at >> shift).min(max);
        let count = layout.geometry.segment_count(plaintext_len);
        let len = |index| layout.segment_plaintext_len(plaintext_len, SegmentIndex(index));
        let size = layout.geometry.segment_size();
        let of = |index| layout.segment_layout(plaintext_len, SegmentIndex(index));
        for index in [count, count + 1, u64::MAX] {
            prop_assert_eq!((len(index), of(index)), (None, None));
        }
        if let Some(last) = count.checked_sub(1) {
            let rest = len(last).expect("the last segment");
            prop_assert!(rest >= 1 && u64::from(rest) <= size);
            prop_assert_eq!(last * size + u64::from(rest), plaintext_len);
            for index in [0, last / 2, last.saturating_sub(1)] {
                prop_assert!(index == last || len(index) == Some(size as u32));
                let found = of(index).map(|segment| (segment.plaintext_len(), segment.footer().len()));
                prop_assert_eq!(found, len(index).map(|len| (len, layout.digest.len() + 8)));
            }
        }
    }
}

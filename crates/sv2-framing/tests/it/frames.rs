//! Frames on the wire: every value of every byte, every cut, every place.

use sv2_framing::{FrameError, FrameHeader, FrameIndex, SegmentLayout, crc, decode_frame};
use sv2_headers::{DigestAlg, Geometry};

/// A segment of 600 bytes in frames of 256, with frames of right form around arbitrary bytes.
fn segment() -> (SegmentLayout, Vec<u8>) {
    let geometry = Geometry::new(8, 2).expect("within limits");
    let layout = SegmentLayout::new(geometry, DigestAlg::Sha256, 600).expect("1..=S");
    let mut wire: Vec<u8> = (0..layout.wire_len()).map(|at| (at * 7 % 253) as u8).collect();
    for frame in (0..3).map(FrameIndex) {
        let record = &mut wire[layout.frame(frame)];
        record[..8].copy_from_slice(&layout.frame_header(frame).encode());
        let (covered, stored) = record.split_at_mut(record.len() - 8);
        stored.copy_from_slice(&crc::crc64(covered).to_be_bytes());
    }
    (layout, wire)
}

/// F-513: of the first eight bytes only the demanded values pass; the rest is the cipher's.
#[test]
fn every_value_of_every_byte_of_a_frame_is_judged() {
    let (layout, wire) = segment();
    for frame in (0..3).map(FrameIndex) {
        let range = layout.frame(frame);
        let record = decode_frame(&wire, layout, frame).expect("well formed");
        let len = record.ciphertext.len();
        assert_eq!(len, if frame.0 < 2 { 256 } else { 88 });
        assert_eq!(record.covered.len(), 8 + len + 16);
        for (at, value) in (0..range.len()).flat_map(|at| (0..=255u8).map(move |value| (at, value)))
        {
            let mut other = wire.clone();
            other[range.start + at] = value;
            let decoded = decode_frame(&other, layout, frame);
            if at < 8 && value != wire[range.start + at] {
                assert_eq!(decoded, Err(FrameError::FrameHeader { frame }), "{at} to {value}");
            } else {
                let record = decoded.expect("a free byte");
                let rest = [record.ciphertext, record.tag, &record.crc.to_be_bytes()].concat();
                assert_eq!(rest, other[range.clone()][8..]);
            }
        }
    }
}

/// F-516: a frame is as long as its place demands, so a shorter input is cut and no shorter
/// frame.
#[test]
fn a_cut_frame_is_not_judged() {
    let (layout, wire) = segment();
    for frame in (0..3).map(FrameIndex) {
        let need = layout.frame(frame).end;
        for have in 0..need {
            let decoded = decode_frame(&wire[..have], layout, frame);
            let error = FrameError::Truncated { need: need as u64, have: have as u64 };
            assert_eq!(decoded, Err(error));
        }
        assert!(decode_frame(&wire[..need], layout, frame).is_ok());
    }
}

/// F-512: a segment has exactly as many frames as its length demands.
#[test]
fn frames_behind_the_last_one_do_not_exist() {
    let (layout, wire) = segment();
    for frame in [3, 4, 1 << 14, u16::MAX].map(FrameIndex) {
        assert_eq!(decode_frame(&wire, layout, frame), Err(FrameError::FrameHeader { frame }));
        assert_eq!(decode_frame(&[], layout, frame), Err(FrameError::FrameHeader { frame }));
    }
}

#[test]
fn a_frame_in_another_place_is_malformed() {
    let (layout, mut wire) = segment();
    let (first, second) = (layout.frame(FrameIndex(0)), layout.frame(FrameIndex(1)));
    let moved = wire[first].to_vec();
    wire[second].copy_from_slice(&moved);
    let frame = FrameIndex(1);
    assert_eq!(decode_frame(&wire, layout, frame), Err(FrameError::FrameHeader { frame }));
}

/// Section 5.3: `01`, zero, number, length.
#[test]
fn frame_headers_are_the_bytes_of_the_format() {
    let encode =
        |index, ciphertext_len| FrameHeader { index: FrameIndex(index), ciphertext_len }.encode();
    assert_eq!(encode(0, 1), [1, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(encode(0x3FFF, 1 << 20), [1, 0, 0x3F, 0xFF, 0, 0x10, 0, 0]);
    assert_eq!(encode(0x0102, 0x0304_0506), [1, 0, 1, 2, 3, 4, 5, 6]);
}

//! From an offset to a place and back (section 2.4), for every byte of small streams.

use sv2_framing::{FrameIndex, SegmentIndex, SegmentLayout, StreamLayout};
use sv2_headers::{DigestAlg, Geometry};

/// What a wire offset holds, by the second half of section 2.4.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    SegmentHeader(u64, u64),
    Footer(u64, u64),
    FrameHeader(u64, u64, u64),
    Plaintext(u64),
    Tag(u64, u64),
    FrameCrc(u64, u64),
}

/// Section 2.4, word by word.
fn place(layout: StreamLayout, p: u64, w: u64) -> Place {
    let (f, s) = (u64::from(layout.geometry.frame_size()), layout.geometry.segment_size());
    let k = u64::from(layout.geometry.frames_per_segment());
    let full = 72 + layout.digest.len() as u64 + s + 32 * k;
    let h = u64::from(layout.header_len);
    let (i, y) = ((w - h) / full, (w - h) % full);
    let len = s.min(p - i * s);
    let e = 64 + len + 32 * len.div_ceil(f);
    if y < 64 {
        return Place::SegmentHeader(i, y);
    }
    if y >= e {
        return Place::Footer(i, y - e);
    }
    let (j, q) = ((y - 64) / (f + 32), (y - 64) % (f + 32));
    let l = f.min(len - j * f);
    match q {
        _ if q < 8 => Place::FrameHeader(i, j, q),
        _ if q < 8 + l => Place::Plaintext(i * s + j * f + q - 8),
        _ if q < 24 + l => Place::Tag(i, j),
        _ => Place::FrameCrc(i, j),
    }
}

/// F-209: the parts follow each other without gaps, and the layouts name the same place for
/// every byte that the format's own formula does.
#[test]
fn every_byte_of_small_streams_is_where_the_format_says() {
    for (frames_log2, digest, p) in [
        (0, DigestAlg::None, 1),
        (0, DigestAlg::Sha256, 700),
        (1, DigestAlg::None, 1024),
        (2, DigestAlg::Blake3, 2305),
    ] {
        let geometry = Geometry::new(8, frames_log2).expect("within limits");
        let layout = StreamLayout { geometry, digest, header_len: 320 };
        let mut w = 320;
        for i in 0..geometry.segment_count(p) {
            let segment = SegmentIndex(i);
            assert_eq!(layout.segment_offset(segment), w);
            let len = layout.segment_plaintext_len(p, segment).expect("a segment of the stream");
            let parts = SegmentLayout::new(geometry, digest, len.into()).expect("1..=S");
            for y in 0..64 {
                assert_eq!(place(layout, p, w + y), Place::SegmentHeader(i, y));
            }
            for j in 0..parts.frame_count() {
                let (range, slot) =
                    (parts.frame(FrameIndex(j)), parts.plaintext_slot(FrameIndex(j)));
                assert_eq!(layout.frame_offset(segment, FrameIndex(j)), w + range.start as u64);
                for y in range.clone() {
                    let found = place(layout, p, w + y as u64);
                    let j = u64::from(j);
                    if slot.contains(&y) {
                        let Place::Plaintext(x) = found else { panic!("{found:?}") };
                        let position = layout.position(x);
                        assert_eq!((position.segment, position.frame.0.into()), (segment, j));
                        assert_eq!(slot.start + position.offset as usize, y);
                    } else if y < slot.start {
                        assert_eq!(found, Place::FrameHeader(i, j, (y - range.start) as u64));
                    } else if y < slot.end + 16 {
                        assert_eq!(found, Place::Tag(i, j));
                    } else {
                        assert_eq!(found, Place::FrameCrc(i, j));
                    }
                }
            }
            for y in parts.footer() {
                let within = (y - parts.footer().start) as u64;
                assert_eq!(place(layout, p, w + y as u64), Place::Footer(i, within));
            }
            w += parts.wire_len() as u64;
        }
        assert_eq!(layout.tail_offset(p), w);
        assert_eq!(layout.segments_len(p), w - 320);
        assert_eq!(layout.index_offset(p), w + 320);
    }
}

#[test]
fn every_plaintext_offset_is_found_again() {
    let geometry = Geometry::new(8, 1).expect("within limits");
    let layout = StreamLayout { geometry, digest: DigestAlg::None, header_len: 256 };
    for x in 0..2000 {
        let position = layout.position(x);
        assert!(position.offset < 256 && position.frame.0 < 2);
        let back = position.segment.0 * 512
            + u64::from(position.frame.0) * 256
            + u64::from(position.offset);
        assert_eq!(back, x);
        let frame = layout.frame_offset(position.segment, position.frame);
        let wire = frame + 8 + u64::from(position.offset);
        assert_eq!(place(layout, 2000, wire), Place::Plaintext(x));
    }
}

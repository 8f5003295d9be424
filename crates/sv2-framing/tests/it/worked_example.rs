//! The segment of appendix B as bytes and structs.

use sv2_framing::{
    FrameIndex, SegmentFooter, SegmentHeader, SegmentIndex, SegmentLayout, StreamLayout, crc,
    decode_footer, decode_frame, decode_segment_header, encode_footer, encode_segment_header,
};
use sv2_headers::{DigestAlg, Geometry};

use crate::appendix::{array, example};

fn geometry() -> Geometry {
    Geometry::new(8, 0).expect("within limits")
}

fn segment() -> Vec<u8> {
    [example("segment header"), example("frame"), example("footer")].concat()
}

/// F-501: the fields at their offsets, and the bytes that enter the key. F-101.
#[test]
fn the_segment_header_is_that_of_the_example() {
    let bytes = example("segment header");
    let header = decode_segment_header(&bytes, geometry(), SegmentIndex(0)).expect("well formed");
    let commitment = example("commitment");
    let expected = SegmentHeader {
        index: SegmentIndex(0),
        plaintext_len: 16,
        salt: array("salt of segment 0"),
        stream_tag: commitment[..8].try_into().expect("8 bytes"),
    };
    assert_eq!(header, expected);
    assert_eq!(header.keyed()[..], bytes[..56]);
    assert_eq!(encode_segment_header(&header)[..], bytes);
}

/// F-512, F-517: one frame and the footer. F-103: checksums are stored big-endian.
#[test]
fn frame_and_footer_are_those_of_the_example() {
    let wire = segment();
    let layout = SegmentLayout::new(geometry(), DigestAlg::None, 16).expect("1..=S");
    assert_eq!(layout.wire_len(), wire.len());
    let frame = decode_frame(&wire, layout, FrameIndex(0)).expect("well formed");
    assert_eq!(frame.ciphertext, example("ciphertext"));
    assert_eq!(frame.tag, example("tag"));
    let bytes = example("frame");
    assert_eq!(frame.covered, &bytes[..40]);
    assert_eq!(frame.crc.to_be_bytes(), bytes[40..]);
    assert_eq!(frame.crc, crc::crc64(frame.covered));

    let footer = decode_footer(&wire[layout.footer()], DigestAlg::None).expect("8 bytes");
    assert_eq!(footer, SegmentFooter { digest: [0; 32], crc: crc::crc64(&wire[..112]) });
    let mut out = [0; 8];
    encode_footer(&footer, DigestAlg::None, &mut out).expect("8 bytes");
    assert_eq!(out[..], example("footer"));
}

/// F-209, F-211: the parts of the stream and its length.
#[test]
fn the_stream_has_the_length_of_the_example() {
    let layout = StreamLayout { geometry: geometry(), digest: DigestAlg::None, header_len: 256 };
    assert_eq!(layout.segment_offset(SegmentIndex(0)), 256);
    assert_eq!(layout.tail_offset(16), 256 + segment().len() as u64);
    assert_eq!(layout.index_offset(16), 256 + segment().len() as u64 + 256);
    assert_eq!(layout.stream_len(16), Some(824));
    assert_eq!(layout.plaintext_len(824), Some(16));
    let parts = ["header", "segment header", "frame", "footer", "header", "index", "page table"];
    let sum: usize = parts.iter().map(|part| example(part).len()).sum();
    assert_eq!(sum + example("trailer").len(), 824);
}

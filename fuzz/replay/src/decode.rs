//! The decoders without a key: what they accept, the encoders write back bit for bit.

use crate::{Verdict, split};
use sv2_framing::{
    FrameIndex, SEGMENT_KEYED_LEN, SegmentIndex, SegmentLayout, StreamLayout, decode_footer,
    decode_frame, decode_segment_header, encode_footer, encode_segment_header,
};
use sv2_headers::{
    DigestAlg, Geometry, HEADER_TRAILING_LEN, IndexEntry, IndexShape, StreamHeader, TRAILER_LEN,
    Trailer, age_slot, peek_header_len,
};

/// Decodes segment header, frames and footer.
///
/// The selector's low two bits are the digest's id, the next two the frame size, the next two the
/// number of frames, and the last two the segment's number.
///
/// # Panics
///
/// Where what was decoded does not encode to the bytes it came from.
pub fn framing_decode(data: &[u8]) -> Verdict {
    let Some((selector, wire)) = split(data) else { return Verdict::Refused };
    let parameters = (
        Geometry::new(8 + (selector >> 2 & 3), selector >> 4 & 3),
        DigestAlg::from_id(selector & 3),
    );
    let (Ok(geometry), Ok(digest)) = parameters else { return Verdict::Refused };
    let expected = SegmentIndex(u64::from(selector >> 6));
    let header = decode_segment_header(wire, geometry, expected);
    let Ok(header) = header else { return Verdict::Refused };
    assert_eq!(encode_segment_header(&header)[..SEGMENT_KEYED_LEN], wire[..SEGMENT_KEYED_LEN]);

    let layout = SegmentLayout::new(geometry, digest, header.plaintext_len.into());
    let layout = layout.expect("a decoded length is one that a segment can have");
    let mut plaintext_len = 0;
    for frame in (0..layout.frame_count()).map(FrameIndex) {
        let Ok(record) = decode_frame(wire, layout, frame) else { return Verdict::Refused };
        assert_eq!(record.ciphertext.len(), layout.plaintext_slot(frame).len());
        assert_eq!(record.tag.len(), 16);
        plaintext_len += record.ciphertext.len();
    }
    assert_eq!(plaintext_len, header.plaintext_len as usize);
    assert_eq!(decode_frame(wire, layout, FrameIndex(layout.frame_count())).ok(), None);

    let footer = wire.get(layout.footer()).unwrap_or_default();
    let Ok(decoded) = decode_footer(footer, digest) else { return Verdict::Refused };
    let mut encoded = vec![0; footer.len()];
    assert_eq!(encode_footer(&decoded, digest, &mut encoded), Ok(()));
    assert_eq!(encoded, footer);
    Verdict::Accepted
}

/// Decodes a stream header, and judges the input as the body of a key slot.
///
/// # Panics
///
/// Where what was decoded does not encode to the bytes it came from, or header and prefix disagree.
pub fn header_decode(data: &[u8]) -> Verdict {
    let _ = age_slot(data);
    let Ok(header) = StreamHeader::decode(data) else { return Verdict::Refused };
    assert_eq!(peek_header_len(data), Some(header.header_len));

    let prefix = StreamHeader::decode_prefix(data).expect("a header begins with a good prefix");
    assert_eq!(prefix.core(), header.core());
    for section in &header.sections {
        if let Some((_, body)) = section.as_slot() {
            let _ = age_slot(body);
        }
    }
    let encoded = header.encode().expect("what was decoded can be encoded");
    let authenticated = encoded.len() - HEADER_TRAILING_LEN;
    assert_eq!(encoded[..authenticated + 32], data[..authenticated + 32]);
    Verdict::Accepted
}

/// Decodes the end of a stream: index entries, page table, trailer.
///
/// The selector holds the frame size (low three bits) and the number of frames (next three).
///
/// # Panics
///
/// Where what was decoded does not encode to the bytes it came from, or two lengths that belong
/// together disagree.
pub fn tail_decode(data: &[u8]) -> Verdict {
    let Some((selector, tail)) = split(data) else { return Verdict::Refused };
    let Ok(geometry) = Geometry::new(8 + (selector & 7), selector >> 3 & 7) else {
        return Verdict::Refused;
    };
    let Some((index, bytes)) = tail.split_last_chunk::<TRAILER_LEN>() else {
        return Verdict::Refused;
    };
    let Ok(trailer) = Trailer::decode(bytes) else { return Verdict::Refused };
    assert_eq!(trailer.encode()[..120], bytes[..120]);
    let shape = IndexShape::new(trailer.segments, trailer.digest);
    if trailer.check_counts(geometry).is_err() {
        return Verdict::Refused;
    }
    assert_lengths_agree(geometry, &trailer, shape);
    if shape.total_len() != index.len() as u64 {
        return Verdict::Refused;
    }
    let entries = &index[..index.len() - shape.page_table_len() as usize];
    for bytes in entries.chunks(shape.entry_len() as usize) {
        let entry = IndexEntry::decode(trailer.digest, bytes).expect("an entry has its length");
        let mut encoded = Vec::new();
        entry.encode(trailer.digest, &mut encoded);
        assert_eq!(encoded, bytes);
    }
    Verdict::Accepted
}

/// Stream length and plaintext length give each other, and the pages cover the entries.
fn assert_lengths_agree(geometry: Geometry, trailer: &Trailer, shape: IndexShape) {
    let layout = StreamLayout { geometry, digest: trailer.digest, header_len: trailer.header_len };
    let stream_len = layout.stream_len(trailer.plaintext_len);
    let stream_len = stream_len.expect("the plaintext is within the limits");
    assert_eq!(layout.plaintext_len(stream_len), Some(trailer.plaintext_len));
    assert_eq!(
        layout.index_offset(trailer.plaintext_len) + shape.total_len() + TRAILER_LEN as u64,
        stream_len
    );
    let Some(last) = shape.pages().checked_sub(1) else { return };
    let (start, len) = shape.page(last);
    assert_eq!(start + len, shape.entries_len());
    assert_eq!(shape.page_of(trailer.segments - 1), last);
}

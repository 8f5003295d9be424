//! Bytes to structs: the decoder of hostile input (format.md sections 5 and 9).
//!
//! Nothing here allocates, and no length from the wire is used before it was compared with what
//! position and geometry allow.

use sv2_headers::{DigestAlg, Geometry, MAX_SEGMENTS};

use crate::layout::{FRAME_HEADER_LEN, SEGMENT_HEADER_LEN, SegmentLayout, TAG_LEN, footer_len};
use crate::{FrameError, FrameIndex, SEGMENT_MAGIC, SegmentFooter, SegmentHeader, SegmentIndex};

/// One frame as it lies on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRecord<'a> {
    /// What the checksum covers: header, ciphertext, tag.
    pub covered: &'a [u8],
    /// The ciphertext without its tag.
    pub ciphertext: &'a [u8],
    /// The AEAD tag.
    pub tag: &'a [u8],
    /// The checksum as stored.
    pub crc: u64,
}

/// Decodes a segment header that must be number `expected` of a stream of this geometry.
///
/// The stream tag is returned, not judged: whose segment it is, the caller knows.
/// Whether the segment before was a full one, the caller knows too (F-208).
/// The checksum is not looked at (section 6).
///
/// # Errors
/// `Truncated` where there are not 64 bytes; then in the order of F-505 `SegmentHeader` for a
/// wrong magic, `Limit` for a segment after 2^32 others, `SegmentHeader` for reserved bytes,
/// index or plaintext length, `Limit` for a longer plaintext than a stream may have.
pub fn decode_segment_header(
    bytes: &[u8],
    geometry: Geometry,
    expected: SegmentIndex,
) -> Result<SegmentHeader, FrameError> {
    let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_LEN>() else {
        return Err(truncated(SEGMENT_HEADER_LEN, bytes.len()));
    };
    let wrong = |what| Err(FrameError::SegmentHeader { segment: expected, what });
    if bytes[0..4] != SEGMENT_MAGIC {
        return wrong("magic");
    }
    let segments = expected.0.saturating_add(1);
    if segments > MAX_SEGMENTS {
        return limit(expected, "number of segments", segments, MAX_SEGMENTS);
    }
    if bytes[4..8] != [0; 4] || bytes[20..24] != [0; 4] {
        return wrong("reserved bytes");
    }
    if u64::from_be_bytes(array(bytes, 8)) != expected.0 {
        return wrong("index");
    }
    let plaintext_len = u32::from_be_bytes(array(bytes, 16));
    if plaintext_len == 0 || u64::from(plaintext_len) > geometry.segment_size() {
        return wrong("plaintext_len");
    }
    // Below 2^32 segments of at most 2^30 bytes, the sum fits.
    let plaintext_end = expected.0 * geometry.segment_size() + u64::from(plaintext_len);
    if plaintext_end > geometry.max_plaintext_len() {
        let max = geometry.max_plaintext_len();
        return limit(expected, "plaintext length", plaintext_end, max);
    }
    Ok(SegmentHeader {
        index: expected,
        plaintext_len,
        salt: array(bytes, 24),
        stream_tag: array(bytes, 48),
    })
}

/// Decodes frame `frame` out of the wire bytes of a whole segment.
///
/// # Errors
/// `FrameHeader` where the segment has no such frame; `Truncated` where `wire` ends before the
/// frame does; `FrameHeader` where the frame's first eight bytes are not what the layout demands.
pub fn decode_frame(
    wire: &[u8],
    layout: SegmentLayout,
    frame: FrameIndex,
) -> Result<FrameRecord<'_>, FrameError> {
    let wrong = FrameError::FrameHeader { frame };
    if frame.0 >= layout.frame_count() {
        return Err(wrong);
    }
    // F-516: the place and the length come from the position, never from the frame's header.
    let range = layout.frame(frame);
    let record = wire.get(range.clone()).ok_or(truncated(range.end, wire.len()))?;
    let (covered, crc) = record.split_last_chunk::<8>().ok_or(wrong)?;
    let (header, sealed) = covered.split_at(FRAME_HEADER_LEN);
    // F-513
    if header != layout.frame_header(frame).encode() {
        return Err(wrong);
    }
    let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG_LEN);
    Ok(FrameRecord { covered, ciphertext, tag, crc: u64::from_be_bytes(*crc) })
}

/// Decodes a footer from exactly its bytes.
///
/// # Errors
/// `Truncated` where `bytes` has another length than a footer.
pub fn decode_footer(bytes: &[u8], digest: DigestAlg) -> Result<SegmentFooter, FrameError> {
    let need = footer_len(digest);
    if bytes.len() != need {
        return Err(truncated(need, bytes.len()));
    }
    let mut footer =
        SegmentFooter { digest: [0; 32], crc: u64::from_be_bytes(array(bytes, digest.len())) };
    footer.digest[..digest.len()].copy_from_slice(&bytes[..digest.len()]);
    Ok(footer)
}

fn limit<T>(
    segment: SegmentIndex,
    what: &'static str,
    value: u64,
    max: u64,
) -> Result<T, FrameError> {
    Err(FrameError::Limit { segment, what, value, max })
}

fn truncated(need: usize, have: usize) -> FrameError {
    FrameError::Truncated { need: need as u64, have: have as u64 }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

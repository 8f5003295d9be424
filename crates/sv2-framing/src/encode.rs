//! Structs to bytes (format.md section 5).

use sv2_headers::{DigestAlg, checksum};

use crate::layout::{SEGMENT_HEADER_LEN, footer_len};
use crate::{FrameError, SEGMENT_KEYED_LEN, SegmentFooter, SegmentHeader};

/// The segment header with its checksum.
#[must_use]
pub fn encode_segment_header(header: &SegmentHeader) -> [u8; SEGMENT_HEADER_LEN] {
    let mut bytes = [0; SEGMENT_HEADER_LEN];
    bytes[..SEGMENT_KEYED_LEN].copy_from_slice(&header.keyed());
    checksum::store(&mut bytes);
    bytes
}

/// Writes a footer into `out`, which is exactly as long as a footer.
///
/// # Errors
/// `Truncated` where `out` has another length; it is then left as it was.
pub fn encode_footer(
    footer: &SegmentFooter,
    digest: DigestAlg,
    out: &mut [u8],
) -> Result<(), FrameError> {
    let need = footer_len(digest);
    if out.len() != need {
        return Err(FrameError::Truncated { need: need as u64, have: out.len() as u64 });
    }
    let (digest_out, crc_out) = out.split_at_mut(digest.len());
    digest_out.copy_from_slice(&footer.digest[..digest.len()]);
    crc_out.copy_from_slice(&footer.crc.to_be_bytes());
    Ok(())
}

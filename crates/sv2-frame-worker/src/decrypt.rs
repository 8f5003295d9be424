//! Opening one frame (format.md sections 5, 6 and 9).

use sv2_crypto::SegmentOpener;
use sv2_framing::{FRAME_CRC_LEN, FRAME_HEADER_LEN, FrameError, SegmentLayout, TAG_LEN, crc};

use crate::{FrameInput, FrameOutput, FrameWorkerError};

/// Whether a failed authentication is told from a damaged frame.
///
/// The AEAD destroys the ciphertext of a frame that does not open, so that its checksum can be
/// judged before or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// The checksum is computed first; a pipe offers its bytes only once.
    Now,
    /// The caller can read the bytes again and judges the checksum himself.
    CallerRereads,
}

/// Opens the frames of one segment, in any order.
#[derive(Debug, Clone, Copy)]
pub struct DecryptFrameWorker<'a> {
    opener: &'a SegmentOpener,
    layout: SegmentLayout,
    explain: Explain,
}

impl<'a> DecryptFrameWorker<'a> {
    /// A worker for a segment.
    #[must_use]
    pub fn new(opener: &'a SegmentOpener, layout: SegmentLayout, explain: Explain) -> Self {
        Self { opener, layout, explain }
    }

    /// Opens the ciphertext in its slot; header, tag and checksum stay as they were.
    ///
    /// The checksum decides nothing: it only names the failure.
    ///
    /// # Errors
    /// `Malformed` for a wrong frame header, `AuthenticationFailed` for a frame that does not
    /// open, and in the place of both `ChecksumMismatch` where the checksum is wrong too; with
    /// [`Explain::CallerRereads`] a frame that does not open is always `AuthenticationFailed`.
    /// The slot then holds nothing that may be released.
    pub fn decrypt(&self, input: FrameInput<'_>) -> Result<FrameOutput, FrameWorkerError> {
        let frame = input.index;
        let malformed =
            FrameWorkerError::Malformed { frame, source: FrameError::FrameHeader { frame } };
        let record = input.record;
        if frame.0 >= self.layout.frame_count() || record.len() != self.layout.frame(frame).len() {
            return Err(malformed);
        }
        let header = self.layout.frame_header(frame);
        let (covered, stored) = record.split_at_mut(record.len() - FRAME_CRC_LEN);
        let mut stored_crc = [0; FRAME_CRC_LEN];
        stored_crc.copy_from_slice(stored);
        let stored_crc = u64::from_be_bytes(stored_crc);
        // F-513, F-515: the frame header first, then opening.
        if covered[..FRAME_HEADER_LEN] != header.encode() {
            let intact = crc::crc64(covered) == stored_crc;
            return Err(if intact {
                malformed
            } else {
                FrameWorkerError::ChecksumMismatch { frame }
            });
        }
        let intact = match self.explain {
            Explain::Now => crc::crc64(covered) == stored_crc,
            Explain::CallerRereads => true,
        };
        let (ciphertext, tag) =
            covered[FRAME_HEADER_LEN..].split_at_mut(header.ciphertext_len as usize);
        let mut expected_tag = [0; TAG_LEN];
        expected_tag.copy_from_slice(tag);
        match self.opener.open(frame.0.into(), ciphertext, &expected_tag) {
            Ok(()) => Ok(FrameOutput {
                index: frame,
                plaintext_len: header.ciphertext_len,
                crc: stored_crc,
            }),
            Err(_) if intact => Err(FrameWorkerError::AuthenticationFailed { frame }),
            Err(_) => Err(FrameWorkerError::ChecksumMismatch { frame }),
        }
    }
}

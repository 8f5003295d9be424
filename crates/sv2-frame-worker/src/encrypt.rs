//! Sealing one frame (format.md section 5).

use sv2_crypto::SegmentSealer;
use sv2_framing::{FRAME_CRC_LEN, FRAME_HEADER_LEN, SegmentLayout, TAG_LEN, crc};

use crate::{FrameInput, FrameOutput, FrameWorkerError};

/// Seals the frames of one segment, each once.
#[derive(Debug)]
pub struct EncryptFrameWorker<'a> {
    sealer: &'a mut SegmentSealer,
    layout: SegmentLayout,
}

impl<'a> EncryptFrameWorker<'a> {
    /// A worker for a segment whose salt was just drawn.
    #[must_use]
    pub fn new(sealer: &'a mut SegmentSealer, layout: SegmentLayout) -> Self {
        Self { sealer, layout }
    }

    /// Seals the plaintext in its slot and writes header, tag and checksum around it.
    ///
    /// Frames are sealed in increasing order, so that none is sealed twice under one salt.
    ///
    /// # Errors
    /// `AlreadySealed` for a frame at or before the last one sealed; `Malformed` where the frame
    /// or the length of `record` is not of this segment; the record is then as it was.
    /// `Cipher` for an input that the AEAD cannot take, which no frame is; the record is then
    /// unspecified.
    pub fn encrypt(&mut self, input: FrameInput<'_>) -> Result<FrameOutput, FrameWorkerError> {
        let frame = input.index;
        // F-508
        if u32::from(frame.0) < self.sealer.next() {
            return Err(FrameWorkerError::AlreadySealed { frame });
        }
        let record = input.record;
        if frame.0 >= self.layout.frame_count() || record.len() != self.layout.frame(frame).len() {
            let source = sv2_framing::FrameError::FrameHeader { frame };
            return Err(FrameWorkerError::Malformed { frame, source });
        }
        let header = self.layout.frame_header(frame);
        let crc_at = record.len() - FRAME_CRC_LEN;
        let tag_at = crc_at - TAG_LEN;
        record[..FRAME_HEADER_LEN].copy_from_slice(&header.encode());
        let tag = self
            .sealer
            .seal(frame.0.into(), &mut record[FRAME_HEADER_LEN..tag_at])
            .map_err(|source| FrameWorkerError::Cipher { frame, source })?;
        record[tag_at..crc_at].copy_from_slice(&tag);
        let crc = crc::crc64(&record[..crc_at]);
        record[crc_at..].copy_from_slice(&crc.to_be_bytes());
        Ok(FrameOutput { index: frame, plaintext_len: header.ciphertext_len, crc })
    }
}

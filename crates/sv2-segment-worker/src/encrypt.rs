//! Plaintext to wire (format.md section 5).

use alloc::sync::Arc;

use bytes::BytesMut;
use sv2_crypto::SegmentDigest;
use sv2_frame_worker::{EncryptFrameWorker, FrameInput};
use sv2_framing::{
    FRAME_CRC_LEN, FrameIndex, SEGMENT_HEADER_LEN, SEGMENT_KEYED_LEN, SegmentFooter, SegmentIndex,
    SegmentLayout, crc, encode_footer, encode_segment_header,
};
use sv2_headers::{DigestAlg, IndexEntry};

use crate::{EncryptedSegment, SegmentCryptoContext, SegmentInput, SegmentWorkerError};

/// Seals segments; each call draws a salt of its own.
#[derive(Debug, Clone)]
pub struct EncryptSegmentWorker {
    context: Arc<SegmentCryptoContext>,
}

impl EncryptSegmentWorker {
    /// A worker for the segments of one stream.
    #[must_use]
    pub fn new(context: Arc<SegmentCryptoContext>) -> Self {
        Self { context }
    }

    /// What all segments of the stream have in common.
    #[must_use]
    pub fn context(&self) -> &Arc<SegmentCryptoContext> {
        &self.context
    }

    /// Seals a copy of the plaintext.
    ///
    /// # Errors
    /// As [`EncryptSegmentWorker::encrypt_in_place`].
    pub fn encrypt(&self, input: SegmentInput) -> Result<EncryptedSegment, SegmentWorkerError> {
        let SegmentInput { index, plaintext } = input;
        let layout = self.layout(index, plaintext.len() as u64)?;
        let mut wire = BytesMut::zeroed(layout.wire_len());
        let mut rest = &plaintext[..];
        for slot in layout.plaintext_slots() {
            let (part, more) = rest.split_at(slot.len());
            wire[slot].copy_from_slice(part);
            rest = more;
        }
        let entry = self.encrypt_in_place(index, layout.plaintext_len(), &mut wire)?;
        let plaintext_len = layout.plaintext_len();
        Ok(EncryptedSegment { index, plaintext_len, wire: wire.freeze(), entry })
    }

    /// Seals the plaintext that lies in the slots of `wire`, whose length is exactly that of the
    /// segment, and writes everything around it.
    ///
    /// The salt is drawn here, so a second call for the same segment is a new attempt under a
    /// new key.
    ///
    /// # Errors
    /// `Length` where `plaintext_len` is not in `1..=S`, `wire` has another length, or a stream
    /// of this geometry has no such segment (F-1003); `wire` is then as it was.
    /// `Crypto` without random bytes or backend, `Frame` where the cipher refuses; `wire` is then
    /// unspecified and must not be released.
    pub fn encrypt_in_place(
        &self,
        index: SegmentIndex,
        plaintext_len: u32,
        wire: &mut [u8],
    ) -> Result<IndexEntry, SegmentWorkerError> {
        let layout = self.layout(index, plaintext_len.into())?;
        if wire.len() != layout.wire_len() {
            return Err(SegmentWorkerError::Length {
                segment: index,
                need: layout.wire_len() as u64,
                have: wire.len() as u64,
            });
        }
        let crypto = |source| SegmentWorkerError::Crypto { segment: index, source };
        let (header, mut sealer) = self.context.begin(index, plaintext_len).map_err(crypto)?;
        let alg = self.context.digest();

        let header_bytes = encode_segment_header(&header);
        wire[..SEGMENT_HEADER_LEN].copy_from_slice(&header_bytes);
        let mut segment_crc = crc::crc64(&header_bytes);
        let mut digest = SegmentDigest::new(alg);
        digest.update(&header_bytes[..SEGMENT_KEYED_LEN]);

        let mut worker = EncryptFrameWorker::new(&mut sealer, layout);
        for frame in (0..layout.frame_count()).map(FrameIndex) {
            let range = layout.frame(frame);
            let record = &mut wire[range.clone()];
            let covered_len = record.len() - FRAME_CRC_LEN;
            let sealed = worker.encrypt(FrameInput { index: frame, record }).map_err(|source| {
                SegmentWorkerError::Frame { segment: index, offset: range.start as u64, source }
            })?;
            // F-601: no checksum enters the digest.
            digest.update(&wire[range][..covered_len]);
            let joins = self.context.crc();
            segment_crc = joins.append(segment_crc, sealed.crc, covered_len as u64);
            segment_crc = joins.append_stored(segment_crc, sealed.crc);
        }

        let digest = digest.finish();
        if alg != DigestAlg::None {
            segment_crc = crc::combine(segment_crc, crc::crc64(&digest), digest.len() as u64);
        }
        let footer = SegmentFooter { digest, crc: segment_crc };
        encode_footer(&footer, alg, &mut wire[layout.footer()])
            .map_err(|source| SegmentWorkerError::Header { segment: index, source })?;
        Ok(IndexEntry { salt: header.salt, digest, crc: segment_crc })
    }

    fn layout(
        &self,
        segment: SegmentIndex,
        plaintext_len: u64,
    ) -> Result<SegmentLayout, SegmentWorkerError> {
        let geometry = self.context.geometry();
        // F-1003: the longest plaintext is a whole number of segments, so that the last segment
        // that a stream may have is a full one and none behind it may hold a byte.
        let last = geometry.segment_count(geometry.max_plaintext_len()) - 1;
        let most = if segment.0 <= last { geometry.segment_size() } else { 0 };
        let layout = self.context.layout(plaintext_len).filter(|_| most > 0);
        layout.ok_or(SegmentWorkerError::Length { segment, need: most, have: plaintext_len })
    }
}

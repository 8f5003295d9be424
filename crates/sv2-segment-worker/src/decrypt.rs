//! Wire to plaintext (format.md sections 5, 6, 8 and 9).

use alloc::sync::Arc;

use bytes::{Bytes, BytesMut};
use sv2_crypto::SegmentDigest;
use sv2_frame_worker::{DecryptFrameWorker, Explain, FrameInput, FrameWorkerError};
use sv2_framing::{
    FRAME_CRC_LEN, FrameIndex, SEGMENT_HEADER_LEN, SegmentHeader, SegmentIndex, SegmentLayout,
    decode_segment_header,
};
use sv2_headers::{DigestAlg, checksum};

use crate::{DecryptedSegment, SegmentCryptoContext, SegmentWire, SegmentWorkerError};

/// Opens segments.
#[derive(Debug, Clone)]
pub struct DecryptSegmentWorker {
    context: Arc<SegmentCryptoContext>,
}

impl DecryptSegmentWorker {
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

    /// Opens a whole segment.
    ///
    /// Without `input.sealed` this is what a reader of a pipe does: the segment's header tells
    /// length and salt.
    /// With it, this is what a seekable reader does (F-805, F-811): the length of the wire bytes
    /// tells that of the plaintext, the entry tells the salt, the 64 bytes of the header are not
    /// looked at, and the recomputed digest must be the sealed one.
    /// The footer is not looked at either way.
    /// The wire bytes are opened in place where nobody else holds them, otherwise in a copy.
    ///
    /// # Errors
    /// Without an entry, in this order: `Header` and `ForeignSegment`, `Length` where the wire
    /// bytes are not as many as the header tells, `Frame` for the first frame that does not open;
    /// `HeaderChecksumMismatch` in the place of each where the header's checksum is wrong too.
    /// With an entry: `Length` where no segment has as many wire bytes, `Frame`,
    /// `DigestMismatch`.
    /// Either way `Crypto` where the backend is not part of this build.
    pub fn decrypt(&self, input: SegmentWire) -> Result<DecryptedSegment, SegmentWorkerError> {
        let SegmentWire { index, wire, sealed } = input;
        let Some(entry) = sealed else { return self.decrypt_unsealed(index, wire) };
        let (geometry, alg) = (self.context.geometry(), self.context.digest());
        let layout = SegmentLayout::from_wire_len(geometry, alg, wire.len());
        let full = SegmentLayout::full(geometry, alg);
        let layout = layout.ok_or_else(|| length(index, full.wire_len(), wire.len()))?;
        let header = self.context.sealed_header(index, layout.plaintext_len(), entry.salt);
        let mut buffer = into_mut(wire);
        let digest = self.decrypt_in_place(&header, &mut buffer, Explain::Now)?;
        if entry.digest != digest {
            return Err(SegmentWorkerError::DigestMismatch { segment: index });
        }
        Ok(DecryptedSegment { index, salt: entry.salt, digest, layout, buffer })
    }

    /// Opens a segment under the salt in its own header.
    fn decrypt_unsealed(
        &self,
        index: SegmentIndex,
        wire: Bytes,
    ) -> Result<DecryptedSegment, SegmentWorkerError> {
        let header = self.judge_header(index, &wire)?;
        let layout = self.layout(&header)?;
        if wire.len() != layout.wire_len() {
            let damaged = !checksum::holds(&wire[..SEGMENT_HEADER_LEN]);
            return Err(if damaged {
                SegmentWorkerError::HeaderChecksumMismatch { segment: index }
            } else {
                length(index, layout.wire_len(), wire.len())
            });
        }
        let mut buffer = into_mut(wire);
        let digest =
            self.decrypt_in_place(&header, &mut buffer, Explain::Now).map_err(|error| {
                // Frames are opened behind the header, which is still as it was read.
                Self::explain_frame_failure(error, &buffer[..SEGMENT_HEADER_LEN])
            })?;
        Ok(DecryptedSegment { index, salt: header.salt, digest, layout, buffer })
    }

    /// Judges the 64 bytes of a segment header that must be number `expected` of this stream.
    ///
    /// # Errors
    /// `Header`, `ForeignSegment`, or in the place of both `HeaderChecksumMismatch`.
    pub fn judge_header(
        &self,
        expected: SegmentIndex,
        bytes: &[u8],
    ) -> Result<SegmentHeader, SegmentWorkerError> {
        // F-505, F-504 last.
        let error = match decode_segment_header(bytes, self.context.geometry(), expected) {
            Ok(header) if header.stream_tag == self.context.stream_tag() => return Ok(header),
            Ok(_) => SegmentWorkerError::ForeignSegment { segment: expected },
            Err(source) => SegmentWorkerError::Header { segment: expected, source },
        };
        let damaged = bytes.get(..SEGMENT_HEADER_LEN).is_some_and(|unit| !checksum::holds(unit));
        Err(if damaged {
            SegmentWorkerError::HeaderChecksumMismatch { segment: expected }
        } else {
            error
        })
    }

    /// Opens the frames in `wire` under the key that `header` gives, and returns the segment's
    /// recomputed digest (zero where the stream has none).
    ///
    /// `wire` begins where the segment header begins and holds all frames; the first 64 bytes
    /// and the footer are not looked at, so a reader who has the sealed index need not fetch
    /// them.
    /// Afterwards each frame's slot holds its plaintext.
    ///
    /// # Errors
    /// `Length` where `wire` ends before the last frame does; `Frame` for the first frame that
    /// does not open: nothing of `wire` may be released then, not even frames before it.
    /// With [`Explain::Now`] a wrong checksum of the bytes at the start of `wire` is not judged:
    /// whoever read them from a pipe asks [`DecryptSegmentWorker::explain_frame_failure`].
    pub fn decrypt_in_place(
        &self,
        header: &SegmentHeader,
        wire: &mut [u8],
        explain: Explain,
    ) -> Result<[u8; 32], SegmentWorkerError> {
        let segment = header.index;
        let layout = self.layout(header)?;
        if wire.len() < layout.body_len() {
            return Err(length(segment, layout.body_len(), wire.len()));
        }
        let opener = self
            .context
            .opener(header)
            .map_err(|source| SegmentWorkerError::Crypto { segment, source })?;
        let mut digest = SegmentDigest::new(self.context.digest());
        digest.update(&header.keyed());
        let hashed = self.context.digest() != DigestAlg::None;
        let worker = DecryptFrameWorker::new(&opener, layout, explain);
        for frame in (0..layout.frame_count()).map(FrameIndex) {
            let range = layout.frame(frame);
            let record = &mut wire[range.clone()];
            if hashed {
                digest.update(&record[..record.len() - FRAME_CRC_LEN]);
            }
            worker.decrypt(FrameInput { index: frame, record }).map_err(|source| {
                SegmentWorkerError::Frame { segment, offset: range.start as u64, source }
            })?;
        }
        Ok(digest.finish())
    }

    /// Opens a run of whole frames of a segment under the key that `header` gives.
    ///
    /// `records` begins where frame `first` begins and holds whole frames, one after the other;
    /// how many they are follows from its length.
    /// Afterwards each frame's slot holds its plaintext; no digest is computed (F-825).
    ///
    /// # Errors
    /// `Length` where `records` does not hold whole frames of this segment; `Frame` for the first
    /// frame that does not open, as with [`Explain::CallerRereads`]: nothing of `records` may be
    /// released then.
    pub fn decrypt_frames(
        &self,
        header: &SegmentHeader,
        first: FrameIndex,
        records: &mut [u8],
    ) -> Result<(), SegmentWorkerError> {
        let segment = header.index;
        let layout = self.layout(header)?;
        let opener = self
            .context
            .opener(header)
            .map_err(|source| SegmentWorkerError::Crypto { segment, source })?;
        let worker = DecryptFrameWorker::new(&opener, layout, Explain::CallerRereads);
        let start = layout.frame(first).start;
        let mut opened = 0;
        for frame in (first.0..layout.frame_count()).map(FrameIndex) {
            if opened == records.len() {
                break;
            }
            let range = layout.frame(frame);
            let (need, have) = (range.end - start, records.len());
            let record = records
                .get_mut(range.start - start..range.end - start)
                .ok_or(length(segment, need, have))?;
            worker.decrypt(FrameInput { index: frame, record }).map_err(|source| {
                SegmentWorkerError::Frame { segment, offset: range.start as u64, source }
            })?;
            opened = range.end - start;
        }
        if opened == records.len() { Ok(()) } else { Err(length(segment, opened, records.len())) }
    }

    /// Names the failure of a frame whose segment header came from a pipe: a header whose
    /// checksum is wrong explains it before the frame's own checksum does (F-906).
    ///
    /// `header_bytes` begins with the 64 bytes as they were read; fewer explain nothing.
    #[must_use]
    pub fn explain_frame_failure(
        error: SegmentWorkerError,
        header_bytes: &[u8],
    ) -> SegmentWorkerError {
        match error {
            SegmentWorkerError::Frame { segment, source, .. }
                if !matches!(source, FrameWorkerError::Cipher { .. })
                    && header_bytes
                        .get(..SEGMENT_HEADER_LEN)
                        .is_some_and(|unit| !checksum::holds(unit)) =>
            {
                SegmentWorkerError::HeaderChecksumMismatch { segment }
            }
            other => other,
        }
    }

    fn layout(&self, header: &SegmentHeader) -> Result<SegmentLayout, SegmentWorkerError> {
        self.context.layout(header.plaintext_len.into()).ok_or(SegmentWorkerError::Length {
            segment: header.index,
            need: self.context.geometry().segment_size(),
            have: header.plaintext_len.into(),
        })
    }
}

fn length(segment: SegmentIndex, need: usize, have: usize) -> SegmentWorkerError {
    SegmentWorkerError::Length { segment, need: need as u64, have: have as u64 }
}

/// The same bytes, writable: without a copy where nobody else holds them.
fn into_mut(wire: Bytes) -> BytesMut {
    wire.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]))
}

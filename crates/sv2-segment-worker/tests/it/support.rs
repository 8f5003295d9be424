//! Streams of the smallest sizes, and segments of them.

use std::sync::Arc;

use bytes::Bytes;
use sv2_crypto::{Backend, RandomSource, RootKeys, StreamKey, hazmat};
use sv2_framing::{SegmentIndex, SegmentLayout};
use sv2_headers::{DigestAlg, Geometry, IndexEntry, StreamHeader, Suite, checksum};
use sv2_segment_worker::{
    DecryptSegmentWorker, DecryptedSegment, EncryptSegmentWorker, EncryptedSegment,
    SegmentCryptoContext, SegmentInput, SegmentWire, SegmentWorkerError,
};

pub(crate) const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
pub(crate) const DIGESTS: [DigestAlg; 3] = [DigestAlg::None, DigestAlg::Sha256, DigestAlg::Blake3];

/// What a stream is made of; each field has a small value to start from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameters {
    pub(crate) suite: Suite,
    pub(crate) digest: DigestAlg,
    pub(crate) frame_log2: u8,
    pub(crate) frames_log2: u8,
    pub(crate) stream_salt: [u8; 32],
}

/// Four frames of 256 bytes, AES, no digest.
pub(crate) const SMALL: Parameters = Parameters {
    suite: Suite::Aes256Gcm,
    digest: DigestAlg::None,
    frame_log2: 8,
    frames_log2: 2,
    stream_salt: [0x55; 32],
};

/// Every suite with every digest, in the small geometry.
pub(crate) fn each() -> impl Iterator<Item = Parameters> {
    SUITES.into_iter().flat_map(|suite| {
        DIGESTS.into_iter().map(move |digest| Parameters { suite, digest, ..SMALL })
    })
}

impl Parameters {
    pub(crate) fn context(self, random: RandomSource) -> Arc<SegmentCryptoContext> {
        let mut header = StreamHeader {
            suite: self.suite,
            digest: self.digest,
            geometry: Geometry::new(self.frame_log2, self.frames_log2).expect("within limits"),
            slotted: false,
            stream_salt: self.stream_salt,
            commitment: [0; 32],
            header_len: 256,
            revision: 0,
            sections: Vec::new(),
            mac: [0; 32],
        };
        let key = StreamKey::from_bytes(std::array::from_fn(|at| at as u8));
        let keys = RootKeys::derive(&key, &header.core(), b"");
        header.commitment = *keys.commitment();
        SegmentCryptoContext::new(&header, keys.segments_key(), Backend::Ring, random)
    }

    pub(crate) fn sealer(self) -> EncryptSegmentWorker {
        EncryptSegmentWorker::new(self.context(RandomSource::System))
    }

    /// A sealer whose salts are all the same, to show what happens then.
    pub(crate) fn hazardous_sealer(self, salt: [u8; 24]) -> EncryptSegmentWorker {
        EncryptSegmentWorker::new(self.context(RandomSource::Hazmat(Arc::new(OneSalt(salt)))))
    }

    pub(crate) fn opener(self) -> DecryptSegmentWorker {
        DecryptSegmentWorker::new(self.context(RandomSource::System))
    }

    pub(crate) fn layout(self, plaintext_len: usize) -> SegmentLayout {
        let geometry = Geometry::new(self.frame_log2, self.frames_log2).expect("within limits");
        SegmentLayout::new(geometry, self.digest, plaintext_len as u64).expect("1..=S")
    }
}

struct OneSalt([u8; 24]);

impl hazmat::FixedRandom for OneSalt {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }

    fn segment_salt(&self, _index: u64) -> [u8; 24] {
        self.0
    }
}

/// Bytes that differ from place to place.
pub(crate) fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

pub(crate) fn seal(worker: &EncryptSegmentWorker, index: u64, len: usize) -> EncryptedSegment {
    let input = SegmentInput { index: SegmentIndex(index), plaintext: plaintext(len).into() };
    worker.encrypt(input).expect("a segment of the stream")
}

pub(crate) fn open(
    worker: &DecryptSegmentWorker,
    index: u64,
    wire: &[u8],
    sealed: Option<IndexEntry>,
) -> Result<Vec<u8>, SegmentWorkerError> {
    let wire = Bytes::copy_from_slice(wire);
    let segment = worker.decrypt(SegmentWire { index: SegmentIndex(index), wire, sealed })?;
    Ok(segment.into_plaintext().to_vec())
}

/// The frames of an opened segment, put together by the test.
pub(crate) fn joined(segment: &DecryptedSegment) -> Vec<u8> {
    segment.frames().collect::<Vec<_>>().concat()
}

/// Makes the checksum of the segment header right again.
pub(crate) fn repair_header(wire: &mut [u8]) {
    checksum::store(&mut wire[..64]);
}

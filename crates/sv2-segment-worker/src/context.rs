//! What all segments of a stream have in common (format.md sections 3 to 5).

use alloc::sync::Arc;

use sv2_crypto::{Backend, CryptoError, RandomSource, SegmentOpener, SegmentSealer, SegmentsKey};
use sv2_framing::crc::SegmentCrc;
use sv2_framing::{FRAME_HEADER_LEN, SegmentHeader, SegmentIndex, SegmentLayout, TAG_LEN};
use sv2_headers::{DigestAlg, Geometry, StreamHeader, Suite};

/// Keys, parameters and nonce policy of a stream's segments; shared by all workers of a stream.
#[derive(Debug)]
pub struct SegmentCryptoContext {
    key: SegmentsKey,
    suite: Suite,
    digest: DigestAlg,
    geometry: Geometry,
    stream_tag: [u8; 8],
    backend: Backend,
    random: RandomSource,
    crc: SegmentCrc,
}

impl SegmentCryptoContext {
    /// The context of the stream with this header.
    ///
    /// `random` is where salts are drawn when segments are begun: [`RandomSource::System`] for
    /// everything but vectors and tests.
    #[must_use]
    pub fn new(
        header: &StreamHeader,
        key: SegmentsKey,
        backend: Backend,
        random: RandomSource,
    ) -> Arc<Self> {
        let mut stream_tag = [0; 8];
        stream_tag.copy_from_slice(&header.commitment[..8]);
        let covered = FRAME_HEADER_LEN + header.geometry.frame_size() as usize + TAG_LEN;
        Arc::new(Self {
            key,
            suite: header.suite,
            digest: header.digest,
            geometry: header.geometry,
            stream_tag,
            backend,
            random,
            crc: SegmentCrc::new(covered as u64),
        })
    }

    /// Frame and segment sizes.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The segment digest.
    #[must_use]
    pub fn digest(&self) -> DigestAlg {
        self.digest
    }

    /// The backend that seals and opens.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The first eight bytes of the stream's commitment.
    #[must_use]
    pub fn stream_tag(&self) -> [u8; 8] {
        self.stream_tag
    }

    /// The layout of a segment, or `None` where `plaintext_len` is not in `1..=S`.
    #[must_use]
    pub fn layout(&self, plaintext_len: u64) -> Option<SegmentLayout> {
        SegmentLayout::new(self.geometry, self.digest, plaintext_len)
    }

    /// The header of a segment under a salt that the sealed index holds.
    #[must_use]
    pub fn sealed_header(
        &self,
        index: SegmentIndex,
        plaintext_len: u32,
        salt: [u8; 24],
    ) -> SegmentHeader {
        SegmentHeader { index, plaintext_len, salt, stream_tag: self.stream_tag }
    }

    /// Begins a segment under a salt that is drawn for it (F-506, F-507).
    pub(crate) fn begin(
        &self,
        index: SegmentIndex,
        plaintext_len: u32,
    ) -> Result<(SegmentHeader, SegmentSealer), CryptoError> {
        let mut header = self.sealed_header(index, plaintext_len, [0; 24]);
        let mut keyed = header.keyed();
        let (random, backend) = (&self.random, self.backend);
        let sealer = self.key.begin_segment(index.0, &mut keyed, random, self.suite, backend)?;
        header.salt.copy_from_slice(&keyed[24..48]);
        Ok((header, sealer))
    }

    pub(crate) fn opener(&self, header: &SegmentHeader) -> Result<SegmentOpener, CryptoError> {
        self.key.segment_opener(&header.keyed(), self.suite, self.backend)
    }

    pub(crate) fn crc(&self) -> &SegmentCrc {
        &self.crc
    }
}

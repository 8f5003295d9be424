//! Hooks that break the format's promises unless they are used for vectors and tests alone
//! (F-511); only with the feature `hazmat`.
//!
//! A salt that is used twice for different bytes gives away the XOR of both plaintexts and, with
//! AES-GCM, the key that authenticates them.

use alloc::boxed::Box;

use sv2_headers::Suite;
use zeroize::Zeroizing;

pub use crate::aead::SegmentCipher;
use crate::{Backend, CryptoError, SegmentSealer, SegmentsKey};

/// A source of bytes that are not random.
pub trait FixedRandom: Send + Sync {
    /// Fills `out` with what shall stand for random bytes.
    fn fill(&self, out: &mut [u8]);
    /// The salt for segment `index`.
    fn segment_salt(&self, index: u64) -> [u8; 24];
}

/// A sealer under the salt that stands in the first 56 bytes of a segment's header.
///
/// # Errors
/// `BackendMissing` where the backend is not part of this build.
pub fn segment_sealer(
    key: &SegmentsKey,
    keyed: &[u8; 56],
    suite: Suite,
    backend: Backend,
) -> Result<SegmentSealer, CryptoError> {
    key.sealer(keyed, suite, backend)
}

/// Lets a sealer seal its frames again, for measurements.
pub fn rewind(sealer: &mut SegmentSealer) {
    sealer.rewind();
}

/// What seals and opens under the salt in these bytes, any frame any number of times.
///
/// # Errors
/// `BackendMissing` where the backend is not part of this build.
pub fn segment_cipher(
    key: &SegmentsKey,
    keyed: &[u8; 56],
    suite: Suite,
    backend: Backend,
) -> Result<SegmentCipher, CryptoError> {
    key.segment_cipher(keyed, suite, backend)
}

/// AEAD key and base nonce of the segment whose header begins with these 56 bytes, for
/// conformance vectors and for a machine that is trusted with one segment and no more.
#[must_use]
pub fn segment_material(key: &SegmentsKey, keyed: &[u8; 56]) -> Box<Zeroizing<[u8; 44]>> {
    crate::secret::without_traces(|| key.segment_material(keyed))
}

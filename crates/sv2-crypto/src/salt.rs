//! Where salts come from (format.md sections 4 and 5).

use alloc::sync::Arc;
use core::fmt;

use ring::rand::{SecureRandom, SystemRandom};

use crate::CryptoError;
use crate::hazmat::FixedRandom;

/// The source of stream salts, segment salts and metadata salts.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum RandomSource {
    /// The operating system's random source, unbuffered: the only one for real data.
    #[default]
    System,
    /// Injected bytes, for vectors and tests; see [`hazmat`].
    Hazmat(Arc<dyn FixedRandom>),
}

impl RandomSource {
    /// Fills `out` with uniform random bytes for something that is no segment salt.
    ///
    /// # Errors
    /// `RandomSource` where the operating system gives none; `out` is then unspecified.
    pub fn fill(&self, out: &mut [u8]) -> Result<(), CryptoError> {
        match self {
            Self::System => system(out),
            Self::Hazmat(fixed) => {
                fixed.fill(out);
                Ok(())
            }
        }
    }

    /// Draws the salt for one attempt to write segment `index` (F-506, F-507): to be asked when
    /// the segment is begun.
    ///
    /// # Errors
    /// `RandomSource` where the operating system gives no random bytes.
    pub fn segment_salt(&self, index: u64) -> Result<[u8; 24], CryptoError> {
        match self {
            Self::System => {
                let mut salt = [0; 24];
                system(&mut salt)?;
                Ok(salt)
            }
            Self::Hazmat(fixed) => Ok(fixed.segment_salt(index)),
        }
    }
}

impl fmt::Debug for RandomSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Hazmat(_) => "Hazmat(..)",
        })
    }
}

fn system(out: &mut [u8]) -> Result<(), CryptoError> {
    SystemRandom::new().fill(out).map_err(|_| CryptoError::RandomSource)
}

/// Hooks that break the format's promises unless they are used for vectors and tests alone.
///
/// A salt that is used twice for different bytes gives away the XOR of both plaintexts and, with
/// AES-GCM, the key that authenticates them.
pub mod hazmat {
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
        key.segment_material(keyed)
    }
}

//! Where salts come from (format.md sections 4 and 5).

#[cfg(feature = "hazmat")]
use alloc::sync::Arc;
use core::fmt;

use ring::rand::{SecureRandom, SystemRandom};

use crate::CryptoError;
#[cfg(feature = "hazmat")]
use crate::hazmat::FixedRandom;

/// The source of stream salts, segment salts and metadata salts.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum RandomSource {
    /// The operating system's random source, unbuffered: the only one for real data.
    #[default]
    System,
    /// Injected bytes, for vectors and tests; see [`hazmat`](crate::hazmat).
    #[cfg(feature = "hazmat")]
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
            #[cfg(feature = "hazmat")]
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
        #[cfg(feature = "hazmat")]
        if let Self::Hazmat(fixed) = self {
            return Ok(fixed.segment_salt(index));
        }
        // Only an injected salt follows from its segment.
        let _ = index;
        let mut salt = [0; 24];
        system(&mut salt)?;
        Ok(salt)
    }
}

impl fmt::Debug for RandomSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            #[cfg(feature = "hazmat")]
            Self::Hazmat(_) => "Hazmat(..)",
        })
    }
}

fn system(out: &mut [u8]) -> Result<(), CryptoError> {
    SystemRandom::new().fill(out).map_err(|_| CryptoError::RandomSource)
}

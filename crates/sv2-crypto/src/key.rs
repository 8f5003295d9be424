//! The stream key (format.md section 4).

use core::fmt;

use crate::secret::Secret;
use crate::{CryptoError, RandomSource};

/// 32 uniform random bytes from which every key of a stream is derived; never a passphrase.
///
/// Wiped when dropped, not cloneable, and printed as nothing but its name.
pub struct StreamKey(Secret<32>);

impl StreamKey {
    /// Draws a key from the operating system.
    ///
    /// # Errors
    /// `RandomSource` where the operating system gives no random bytes.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut key = Self(Secret::zero());
        RandomSource::System.fill(&mut key.0[..])?;
        Ok(key)
    }

    /// Takes 32 uniform random bytes as the key; the caller wipes his own copy.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::take(bytes))
    }

    /// Takes 32 uniform random bytes as the key without a copy that a move leaves behind; nothing
    /// for another number of bytes.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Secret::zero());
        if bytes.len() != key.0.len() {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The key's bytes, for wrapping them into a key slot.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(..)")
    }
}

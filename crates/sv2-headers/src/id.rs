//! Identifiers of suites and digests (format.md section 3).

use crate::HeaderError;

/// The AEAD of a stream; both go with HKDF and HMAC over SHA-256.
///
/// A closed set: each place that chooses by it has to choose anew when one is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-256-GCM, id 1.
    Aes256Gcm,
    /// ChaCha20-Poly1305, id 2.
    ChaCha20Poly1305,
}

impl Suite {
    /// The id on the wire.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }

    /// The suite with this id.
    ///
    /// # Errors
    /// `Unsupported` for every id but 1 and 2.
    pub const fn from_id(id: u8) -> Result<Self, HeaderError> {
        match id {
            1 => Ok(Self::Aes256Gcm),
            2 => Ok(Self::ChaCha20Poly1305),
            _ => Err(HeaderError::Unsupported { what: "suite", value: id as u64 }),
        }
    }

    /// The field's name for it, as the program prints and takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }
}

/// The optional segment digest.
///
/// A closed set: each place that chooses by it has to choose anew when one is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestAlg {
    /// No digest, id 0: entries and footers carry a CRC alone.
    None,
    /// SHA-256, id 1.
    Sha256,
    /// BLAKE3 with 256 bits of output, id 2.
    Blake3,
}

impl DigestAlg {
    /// The id on the wire.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Sha256 => 1,
            Self::Blake3 => 2,
        }
    }

    /// The digest with this id.
    ///
    /// # Errors
    /// `Unsupported` for every id above 2.
    pub const fn from_id(id: u8) -> Result<Self, HeaderError> {
        match id {
            0 => Ok(Self::None),
            1 => Ok(Self::Sha256),
            2 => Ok(Self::Blake3),
            _ => Err(HeaderError::Unsupported { what: "digest", value: id as u64 }),
        }
    }

    /// Length of one digest in bytes: 0 or 32, the `D` of the format.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Sha256 | Self::Blake3 => 32,
        }
    }

    /// Whether there is no digest.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The field's name for it, as the program prints and takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
        }
    }
}

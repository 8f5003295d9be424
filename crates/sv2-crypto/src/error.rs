//! What can go wrong in this crate.

/// A failure of a primitive; it says nothing about why an authentication failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The bytes are not what the holder of the key sealed.
    #[error("authentication failed")]
    AuthenticationFailed,
    /// The operating system gave no random bytes.
    #[error("the operating system's random source failed")]
    RandomSource,
    /// The backend is not part of this build.
    #[error("the cipher backend is not part of this build")]
    BackendMissing,
    /// A frame at or before the last one that was sealed under this salt (F-508).
    #[error("the frame was sealed before")]
    AlreadySealed,
    /// More bytes than one frame of any geometry has were handed to the AEAD.
    #[error("the input is too long for one AEAD call")]
    TooLong,
}

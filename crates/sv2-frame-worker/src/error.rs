//! Why a frame was not sealed or not opened (format.md section 9).

use sv2_crypto::CryptoError;
use sv2_framing::{FrameError, FrameIndex};

/// A frame that was not sealed or not opened; its buffer holds nothing that may be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameWorkerError {
    /// The frame's first eight bytes are not what its place demands, and its checksum holds.
    #[error("frame {frame} is malformed")]
    Malformed {
        /// The frame.
        frame: FrameIndex,
        /// What the decoder found.
        source: FrameError,
    },
    /// The frame is not what was written: its checksum is wrong as well.
    #[error("the checksum of frame {frame} does not match")]
    ChecksumMismatch {
        /// The frame.
        frame: FrameIndex,
    },
    /// The frame does not open under its key.
    #[error("frame {frame} failed authentication")]
    AuthenticationFailed {
        /// The frame.
        frame: FrameIndex,
    },
    /// A frame number was sealed before under the same salt.
    #[error("frame {frame} was sealed already under this salt")]
    AlreadySealed {
        /// The frame.
        frame: FrameIndex,
    },
    /// The cipher refused for a reason that no input can cause.
    #[error("the cipher failed at frame {frame}")]
    Cipher {
        /// The frame.
        frame: FrameIndex,
        /// What the cipher said.
        source: CryptoError,
    },
}

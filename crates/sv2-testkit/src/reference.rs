//! The whole stream_v2 format, slow, linear and in the order of `docs/format.md`.
//!
//! Read it from `primitives` over `layout`, `keys` and `encrypt` to the two readers `pipe` and
//! `seekable`. Streams are byte slices, keys are arrays, and every reader returns an [`Outcome`]:
//! what was released and how it ended, with the kind of failure and the unit it lies in.
//! Nothing is streamed, parallel or constant-time.

pub mod age_file;
pub mod change;
pub mod encrypt;
pub mod forge;
pub mod header;
pub mod keys;
pub mod layout;
pub mod outcome;
pub mod params;
pub mod parts;
pub mod pipe;
pub mod primitives;
pub mod salvage;
pub mod scrub;
pub mod seekable;
pub mod segment;
pub mod trailer;
pub mod trailing;
pub mod verify;

pub use change::{append, rewrite};
pub use encrypt::{FrameTrace, SegmentTrace, Trace, encrypt, encrypt_traced};
pub use keys::Keys;
pub use layout::Layout;
pub use outcome::{Failure, FailureKind, Limits, Outcome, Summary, Unit};
pub use params::Params;
pub use pipe::{decrypt_followed_pipe, decrypt_pipe, decrypt_unsealed, decrypt_unsealed_pipe};
pub use salvage::salvage;
pub use scrub::{Damage, scrub};
pub use seekable::{decrypt_seekable, open_metadata, open_pipe_metadata, read_range};
pub use trailing::end_of_followed;
pub use verify::verify;

/// The first eight bytes of a header and of its copy.
pub const HEADER_MAGIC: [u8; 8] = [0x89, 0x53, 0x56, 0x32, 0x0D, 0x0A, 0x1A, 0x0A];
/// The first four bytes of a segment header.
pub const SEGMENT_MAGIC: [u8; 4] = *b"SV2S";
/// The first eight bytes of a trailer.
pub const TRAILER_MAGIC: [u8; 8] = *b"SV2TAIL\x0A";
/// The only version of the format.
pub const VERSION: u16 = 1;
/// Suite 1: AES-256-GCM with HKDF-SHA-256 and HMAC-SHA-256.
pub const AES_256_GCM: u8 = 1;
/// Suite 2: ChaCha20-Poly1305 with HKDF-SHA-256 and HMAC-SHA-256.
pub const CHACHA20_POLY1305: u8 = 2;
/// Digest 0: none.
pub const DIGEST_NONE: u8 = 0;
/// Digest 1: SHA-256.
pub const DIGEST_SHA256: u8 = 1;
/// Digest 2: BLAKE3-256.
pub const DIGEST_BLAKE3: u8 = 2;

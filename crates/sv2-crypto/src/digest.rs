//! Hashes: the segment digest, SHA-256 of index and context, the fingerprint (sections 4, 6, 7).

use core::fmt;

use ring::digest;
use sv2_headers::DigestAlg;

use crate::schedule::label;

/// SHA-256 of the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finish()
}

/// The fingerprint of a sealed stream (F-604): of the first 80 bytes of its header and the first 72 of
/// its trailer.
///
/// It binds the content against everyone only where the stream has segment digests; otherwise it
/// binds against people without the key alone.
#[must_use]
pub fn fingerprint(header: &[u8; 80], trailer_content: &[u8; 72]) -> [u8; 32] {
    sha256(&[label!("fingerprint"), header, trailer_content])
}

/// A running SHA-256.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// The hash of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was taken in.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256(..)")
    }
}

/// The running digest of a segment, or nothing where the stream has no digests.
pub struct SegmentDigest(State);

#[expect(clippy::large_enum_variant, reason = "lives on the stack for one segment")]
enum State {
    None,
    Sha256(Sha256),
    Blake3(blake3::Hasher),
}

impl SegmentDigest {
    /// A digest of nothing yet.
    #[must_use]
    pub fn new(alg: DigestAlg) -> Self {
        Self(match alg {
            DigestAlg::Sha256 => State::Sha256(Sha256::new()),
            DigestAlg::Blake3 => State::Blake3(blake3::Hasher::new()),
            DigestAlg::None => State::None,
        })
    }

    /// Takes in more bytes.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::None => {}
            State::Sha256(hash) => hash.update(bytes),
            State::Blake3(hash) => {
                hash.update(bytes);
            }
        }
    }

    /// The digest of all that was taken in; zero where the stream has no digests.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        match self.0 {
            State::None => [0; 32],
            State::Sha256(hash) => hash.finish(),
            State::Blake3(hash) => *hash.finalize().as_bytes(),
        }
    }
}

impl fmt::Debug for SegmentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentDigest(..)")
    }
}

//! The AEAD of one segment: its key, its base nonce, and the one function that makes nonces
//! (format.md sections 4 and 5).

#![cfg_attr(not(feature = "hazmat"), allow(unreachable_pub, reason = "hazmat alone shows ciphers"))]

use alloc::boxed::Box;
use core::fmt;
use core::hint::black_box;

use ring::aead as ring_aead;
use sv2_headers::Suite;
use zeroize::Zeroizing;

use crate::secret::scrub_stack;
use crate::{Backend, CryptoError};

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of a tag in bytes.
pub const TAG_LEN: usize = 16;

/// Opens the frames of one segment, in place.
#[derive(Debug)]
pub struct SegmentOpener(pub(crate) SegmentCipher);

impl SegmentOpener {
    /// Opens the ciphertext of frame `frame` in place.
    ///
    /// # Errors
    /// `AuthenticationFailed`; `ciphertext` is then unspecified: neither ciphertext nor
    /// plaintext, and must not be released.
    pub fn open(
        &self,
        frame: u32,
        ciphertext: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        self.0.open(frame, ciphertext, tag)
    }
}

/// Seals the frames of one segment, in place, each at most once and in increasing order (F-508).
///
/// [`SegmentsKey::begin_segment`](crate::SegmentsKey::begin_segment) makes one under a salt that it
/// draws, and there is no other way to one outside of `hazmat` (F-511).
#[derive(Debug)]
pub struct SegmentSealer {
    cipher: SegmentCipher,
    next: u32,
}

impl SegmentSealer {
    pub(crate) fn new(cipher: SegmentCipher) -> Self {
        Self { cipher, next: 0 }
    }

    /// Forgets which frames were sealed.
    #[cfg(feature = "hazmat")]
    pub(crate) fn rewind(&mut self) {
        self.next = 0;
    }

    /// The first frame that may still be sealed.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Seals the plaintext of frame `frame` in place and returns its tag.
    ///
    /// # Errors
    /// `AlreadySealed` for a frame below [`SegmentSealer::next`]; `plaintext` is then as it was.
    /// `TooLong` for more bytes than the AEAD takes in one call, which no frame has;
    /// `plaintext` is then unspecified and must not be released.
    pub fn seal(&mut self, frame: u32, plaintext: &mut [u8]) -> Result<[u8; TAG_LEN], CryptoError> {
        if frame < self.next {
            return Err(CryptoError::AlreadySealed);
        }
        self.next = frame.checked_add(1).ok_or(CryptoError::TooLong)?;
        self.cipher.seal(frame, plaintext)
    }
}

/// Seals and opens the frames of one segment, in place.
///
/// A frame number may be sealed once under one cipher, ever; whoever holds one sees to that, and
/// nobody outside of `hazmat` does.
/// The expanded key is on the heap, where no move copies it, and is overwritten by the drop.
pub struct SegmentCipher {
    aead: Box<Aead>,
    suite: Suite,
    backend: Backend,
    base_nonce: Zeroizing<[u8; NONCE_LEN]>,
}

#[cfg_attr(
    feature = "aws-lc",
    expect(clippy::large_enum_variant, reason = "one is boxed for each segment")
)]
enum Aead {
    Ring(ring_aead::LessSafeKey),
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc_rs::aead::LessSafeKey),
}

impl Aead {
    fn new(suite: Suite, backend: Backend, key: &[u8]) -> Result<Self, CryptoError> {
        match backend {
            Backend::Ring => {
                let algorithm = match suite {
                    Suite::ChaCha20Poly1305 => &ring_aead::CHACHA20_POLY1305,
                    Suite::Aes256Gcm => &ring_aead::AES_256_GCM,
                };
                let key = ring_aead::UnboundKey::new(algorithm, key);
                let key = key.map_err(|_| CryptoError::TooLong)?;
                Ok(Self::Ring(ring_aead::LessSafeKey::new(key)))
            }
            #[cfg(feature = "aws-lc")]
            Backend::AwsLc => {
                use aws_lc_rs::aead;
                let algorithm = match suite {
                    Suite::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
                    Suite::Aes256Gcm => &aead::AES_256_GCM,
                };
                let key = aead::UnboundKey::new(algorithm, key);
                let key = key.map_err(|_| CryptoError::TooLong)?;
                Ok(Self::AwsLc(aead::LessSafeKey::new(key)))
            }
            #[cfg(not(feature = "aws-lc"))]
            Backend::AwsLc => Err(CryptoError::BackendMissing),
        }
    }
}

impl SegmentCipher {
    /// Expands a key; whoever calls this overwrites the stack, once for all that it does.
    pub(crate) fn new(
        suite: Suite,
        backend: Backend,
        key: &[u8],
        base_nonce: Zeroizing<[u8; NONCE_LEN]>,
    ) -> Result<Self, CryptoError> {
        let aead = Aead::new(suite, backend, key).map(Box::new)?;
        Ok(Self { aead, suite, backend, base_nonce })
    }

    /// Seals the plaintext of frame `frame` in place and returns its tag.
    ///
    /// # Errors
    /// `TooLong` for more bytes than the AEAD takes in one call, which no frame has;
    /// `plaintext` is then unspecified and must not be released.
    pub fn seal(&self, frame: u32, plaintext: &mut [u8]) -> Result<[u8; TAG_LEN], CryptoError> {
        let nonce = self.nonce(frame);
        let mut out = [0; TAG_LEN];
        match &*self.aead {
            Aead::Ring(key) => {
                let nonce = ring_aead::Nonce::assume_unique_for_key(nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, ring_aead::Aad::empty(), plaintext)
                    .map_err(|_| CryptoError::TooLong)?;
                out.copy_from_slice(tag.as_ref());
            }
            #[cfg(feature = "aws-lc")]
            Aead::AwsLc(key) => {
                use aws_lc_rs::aead;
                let nonce = aead::Nonce::assume_unique_for_key(nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, aead::Aad::empty(), plaintext)
                    .map_err(|_| CryptoError::TooLong)?;
                out.copy_from_slice(tag.as_ref());
            }
        }
        Ok(out)
    }

    /// Opens the ciphertext of frame `frame` in place.
    ///
    /// # Errors
    /// `AuthenticationFailed`; `ciphertext` is then unspecified: neither ciphertext nor
    /// plaintext, and must not be released.
    pub fn open(
        &self,
        frame: u32,
        ciphertext: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), CryptoError> {
        let nonce = self.nonce(frame);
        let failed = CryptoError::AuthenticationFailed;
        match &*self.aead {
            Aead::Ring(key) => {
                let nonce = ring_aead::Nonce::assume_unique_for_key(nonce);
                let tag = ring_aead::Tag::from(*tag);
                key.open_in_place_separate_tag(
                    nonce,
                    ring_aead::Aad::empty(),
                    tag,
                    ciphertext,
                    0..,
                )
                .map_err(|_| failed)?;
            }
            #[cfg(feature = "aws-lc")]
            Aead::AwsLc(key) => {
                use aws_lc_rs::aead;
                let nonce = aead::Nonce::assume_unique_for_key(nonce);
                key.open_in_place_separate_tag(nonce, aead::Aad::empty(), tag, ciphertext)
                    .map_err(|_| failed)?;
            }
        }
        Ok(())
    }

    /// F-405: `base_nonce XOR (8 zero bytes || u32 frame)`, the only place where a nonce is made.
    fn nonce(&self, frame: u32) -> [u8; NONCE_LEN] {
        let mut nonce = *self.base_nonce;
        for (byte, counter) in nonce[8..].iter_mut().zip(frame.to_be_bytes()) {
            *byte ^= counter;
        }
        nonce
    }
}

impl Drop for SegmentCipher {
    /// Puts an expanded key of zeros over the other one, since the libraries do not wipe theirs.
    fn drop(&mut self) {
        if let Ok(blank) = Aead::new(self.suite, self.backend, &[0; 32]) {
            *self.aead = blank;
        }
        black_box(&mut self.aead);
        // What sealing and opening left in frames that are dead.
        scrub_stack();
    }
}

impl fmt::Debug for SegmentCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SegmentCipher(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    fn cipher(base_nonce: [u8; NONCE_LEN]) -> SegmentCipher {
        let base_nonce = Zeroizing::new(base_nonce);
        SegmentCipher::new(Suite::Aes256Gcm, Backend::Ring, &[0; 32], base_nonce)
            .expect("32 bytes are a key")
    }

    /// F-405: for every frame that a segment can have.
    #[test]
    fn nonces_of_a_segment_differ_and_follow_the_formula() {
        for base_nonce in [[0; NONCE_LEN], [0xFF; NONCE_LEN], *b"base nonce 1"] {
            let cipher = cipher(base_nonce);
            let mut seen = BTreeSet::new();
            for frame in 0..1u32 << 14 {
                let nonce = cipher.nonce(frame);
                let mut counter = [0; NONCE_LEN];
                counter[8..].copy_from_slice(&frame.to_be_bytes());
                for at in 0..NONCE_LEN {
                    assert_eq!(nonce[at], base_nonce[at] ^ counter[at], "byte {at} of {frame}");
                }
                assert!(seen.insert(nonce), "frame {frame}");
            }
        }
    }

    /// F-1008: what this crate holds of a segment's key and nonces wipes itself; where it does not,
    /// this is not compiled.
    #[test]
    fn keys_and_nonces_of_a_segment_wipe_themselves() {
        fn wipes_itself<T: zeroize::ZeroizeOnDrop>(_: &T) {}

        let key = crate::SegmentsKey::from_bytes([7; 32]);
        let material = key.segment_material(&[1; 56]);
        wipes_itself(&*material);
        let cipher = key
            .segment_opener(&[1; 56], Suite::Aes256Gcm, Backend::Ring)
            .expect("ring is in every build");
        wipes_itself(&cipher.0.base_nonce);
        assert_eq!(cipher.0.base_nonce[..], material[32..]);
    }
}

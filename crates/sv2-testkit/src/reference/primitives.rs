//! The primitives of sections 1, 4 and 5 of the format, as plain functions over slices.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use crc::{CRC_64_NVME, Crc};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::{AES_256_GCM, CHACHA20_POLY1305, DIGEST_BLAKE3, DIGEST_SHA256};

static CRC: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

/// CRC-64/NVME of `bytes`.
pub fn crc64(bytes: &[u8]) -> u64 {
    CRC.checksum(bytes)
}

/// Whether the last eight bytes of `unit` are the big-endian CRC of the bytes before them.
pub fn crc_holds(unit: &[u8]) -> bool {
    match unit.split_last_chunk::<8>() {
        Some((covered, stored)) => crc64(covered).to_be_bytes() == *stored,
        None => false,
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA-256 of `bytes` under `key`.
pub fn hmac_sha256(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

/// HKDF-Expand with SHA-256, without the extract step: `prk` has at least 32 bytes.
pub fn hkdf_expand<const N: usize>(prk: &[u8], info: &[u8]) -> [u8; N] {
    let mut okm = [0; N];
    let hkdf = Hkdf::<Sha256>::from_prk(prk).expect("the key is as long as the hash");
    hkdf.expand(info, &mut okm).expect("the output is far below 255 hashes");
    okm
}

/// Ciphertext and tag of `plaintext` with empty AAD; `suite` must be 1 or 2.
pub fn aead_seal(suite: u8, key: &[u8; 32], nonce: &[u8; 12], plaintext: &[u8]) -> Vec<u8> {
    let sealed = match suite {
        AES_256_GCM => Aes256Gcm::new(key.into()).encrypt(nonce.into(), plaintext),
        CHACHA20_POLY1305 => ChaCha20Poly1305::new(key.into()).encrypt(nonce.into(), plaintext),
        unknown => panic!("the caller gave suite {unknown}"),
    };
    sealed.expect("a frame is far below the limits of the cipher")
}

/// The plaintext of ciphertext and tag, or `None` where the tag is wrong or the suite unknown.
pub fn aead_open(suite: u8, key: &[u8; 32], nonce: &[u8; 12], sealed: &[u8]) -> Option<Vec<u8>> {
    match suite {
        AES_256_GCM => Aes256Gcm::new(key.into()).decrypt(nonce.into(), sealed).ok(),
        CHACHA20_POLY1305 => ChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), sealed).ok(),
        _ => None,
    }
}

/// The segment digest: `D` bytes, so none at all where the digest id is 0.
pub fn segment_digest(digest: u8, bytes: &[u8]) -> Vec<u8> {
    match digest {
        DIGEST_SHA256 => sha256(bytes).to_vec(),
        DIGEST_BLAKE3 => blake3::hash(bytes).as_bytes().to_vec(),
        _ => Vec::new(),
    }
}

/// The `N` bytes at `at`; the caller has checked that they are there.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

/// The big-endian number of two bytes at `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(bytes, at))
}

/// The big-endian number of four bytes at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

/// The big-endian number of eight bytes at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

/// Whether every byte is zero.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

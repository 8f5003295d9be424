//! Segment and frame, section 5: the bytes that position and length demand, and opening frames.

use super::keys::{Keys, frame_nonce};
use super::outcome::FailureKind;
use super::primitives::{aead_open, array, crc64, segment_digest};
use super::{Layout, SEGMENT_MAGIC};

/// The header of segment `index`.
pub fn segment_header(
    index: u64,
    plaintext_len: u32,
    salt: &[u8; 24],
    commitment: &[u8; 32],
) -> [u8; 64] {
    let mut header = [0; 64];
    header[0..4].copy_from_slice(&SEGMENT_MAGIC);
    header[8..16].copy_from_slice(&index.to_be_bytes());
    header[16..20].copy_from_slice(&plaintext_len.to_be_bytes());
    header[24..48].copy_from_slice(salt);
    header[48..56].copy_from_slice(&commitment[..8]);
    let crc = crc64(&header[..56]);
    header[56..64].copy_from_slice(&crc.to_be_bytes());
    header
}

/// The header of frame `frame` with `ciphertext_len` bytes of ciphertext.
pub fn frame_header(frame: u32, ciphertext_len: u32) -> [u8; 8] {
    let mut header = [0; 8];
    header[0] = 1;
    header[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
    header[4..8].copy_from_slice(&ciphertext_len.to_be_bytes());
    header
}

/// The plaintext of one frame: first its header is compared, then it is opened.
/// The CRC at the end of `frame` is not looked at.
pub fn open_frame(
    suite: u8,
    key: &[u8; 32],
    base_nonce: &[u8; 12],
    number: u32,
    frame: &[u8],
) -> Result<Vec<u8>, FailureKind> {
    let (header, rest) = frame.split_at(8);
    let sealed = &rest[..rest.len() - 8];
    if header != frame_header(number, sealed.len() as u32 - 16) {
        return Err(FailureKind::Malformed);
    }
    let nonce = frame_nonce(base_nonce, number);
    aead_open(suite, key, &nonce, sealed).ok_or(FailureKind::AuthenticationFailed)
}

/// The plaintext of all frames of a segment, or the first frame that fails and how.
pub fn open_frames(
    suite: u8,
    keys: &Keys,
    header: &[u8; 64],
    frames: &[&[u8]],
) -> Result<Vec<u8>, (u32, FailureKind)> {
    let (key, base_nonce) = keys.segment(&array(header, 0));
    let mut plaintext = Vec::new();
    for (j, frame) in (0..).zip(frames) {
        match open_frame(suite, &key, &base_nonce, j, frame) {
            Ok(opened) => plaintext.extend(opened),
            Err(kind) => return Err((j, kind)),
        }
    }
    Ok(plaintext)
}

/// Cuts the frames of a segment apart; all but the last are full.
pub fn split_frames<'a>(layout: &Layout, frames: &'a [u8]) -> Vec<&'a [u8]> {
    frames.chunks(32 + layout.frame_size() as usize).collect()
}

/// The digest over header[0..56] and every frame without its CRC.
pub fn digest_of(digest: u8, header: &[u8; 64], frames: &[&[u8]]) -> Vec<u8> {
    let mut digested = header[..56].to_vec();
    for frame in frames {
        digested.extend(&frame[..frame.len() - 8]);
    }
    segment_digest(digest, &digested)
}

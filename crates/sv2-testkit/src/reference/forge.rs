//! Streams that hold together and are still wrong: MACs and CRCs made anew after a change, with
//! the key or without, so that a test reaches the checks behind them.

use super::keys::frame_nonce;
use super::primitives::{aead_seal, array, crc64, hmac_sha256, segment_digest};
use super::segment::{frame_header, segment_header};
use super::{Keys, Params};

/// Makes the CRC in the last eight bytes of `unit` right again; needs no key.
/// A unit is a header, segment header, frame, whole segment or trailer.
pub fn refresh_crc(unit: &mut [u8]) {
    let end = unit.len() - 8;
    let crc = crc64(&unit[..end]).to_be_bytes();
    unit[end..].copy_from_slice(&crc);
}

/// Makes commitment, MAC and CRC of a header right for whatever it now says.
pub fn reseal_header(key: &[u8; 32], context: &[u8], header: &mut [u8]) {
    let keys = Keys::derive(key, &array(header, 0), context);
    let mac_at = header.len() - 40;
    header[48..80].copy_from_slice(&keys.commitment);
    let mac = hmac_sha256(&keys.k_header, &header[..mac_at]);
    header[mac_at..mac_at + 32].copy_from_slice(&mac);
    refresh_crc(header);
}

/// Makes seal and CRC of a trailer right for whatever it now says, under the keys of the stream
/// with this `header`.
pub fn reseal_trailer(key: &[u8; 32], context: &[u8], header: &[u8], trailer: &mut [u8]) {
    let keys = Keys::derive(key, &array(header, 0), context);
    let seal = hmac_sha256(&keys.k_seal, &trailer[..88]);
    trailer[88..120].copy_from_slice(&seal);
    refresh_crc(trailer);
}

/// A segment whose frames hold just this plaintext, however long, with everything else right.
pub fn sealed_segment(
    params: &Params,
    keys: &Keys,
    index: u64,
    salt: &[u8; 24],
    frames: &[&[u8]],
) -> Vec<u8> {
    let len: usize = frames.iter().map(|frame| frame.len()).sum();
    let header = segment_header(index, len as u32, salt, &keys.commitment);
    let mut wire = header.to_vec();
    let mut digested = header[..56].to_vec();
    for (j, plaintext) in (0..).zip(frames) {
        let frame = sealed_frame(params, keys, &header, j, plaintext);
        digested.extend(&frame[..frame.len() - 8]);
        wire.extend(frame);
    }
    wire.extend(segment_digest(params.digest, &digested));
    wire.extend(crc64(&wire).to_be_bytes());
    wire
}

/// Frame `j` of the segment with this header, holding just this plaintext.
pub fn sealed_frame(
    params: &Params,
    keys: &Keys,
    header: &[u8; 64],
    j: u32,
    plaintext: &[u8],
) -> Vec<u8> {
    let (key, base_nonce) = keys.segment(&array(header, 0));
    let mut frame = frame_header(j, plaintext.len() as u32).to_vec();
    frame.extend(aead_seal(params.suite, &key, &frame_nonce(&base_nonce, j), plaintext));
    frame.extend(crc64(&frame).to_be_bytes());
    frame
}

//! Streams that hold together and are still wrong: MACs and CRCs made anew after a change, with
//! the key or without, so that a test reaches the checks behind them.

use super::Keys;
use super::primitives::{array, crc64, hmac_sha256};

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

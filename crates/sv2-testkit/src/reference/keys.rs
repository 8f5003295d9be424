//! The key schedule of section 4.

use super::primitives::{array, hkdf_expand, sha256};

/// Every key of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// 64 bytes from stream key, core and context.
    pub root: [u8; 64],
    /// The first half of the root: public, in the header.
    pub commitment: [u8; 32],
    /// The second half of the root: what all other keys come from.
    pub prk: [u8; 32],
    /// Key of the header MAC.
    pub k_header: [u8; 32],
    /// Key of the seal.
    pub k_seal: [u8; 32],
    /// Key of the resume journal.
    pub k_journal: [u8; 32],
    /// Key of the record of a change in place.
    pub k_change: [u8; 32],
    /// What segment keys are derived from.
    pub k_segments: [u8; 32],
}

impl Keys {
    /// The keys for a stream key, the first 48 bytes of the header, and the caller's context.
    pub fn derive(stream_key: &[u8; 32], core: &[u8; 48], context: &[u8]) -> Keys {
        let info = [&label("root")[..], core, &sha256(context)].concat();
        let root: [u8; 64] = hkdf_expand(stream_key, &info);
        let prk: [u8; 32] = array(&root, 32);
        Keys {
            root,
            commitment: array(&root, 0),
            prk,
            k_header: hkdf_expand(&prk, &label("header")),
            k_seal: hkdf_expand(&prk, &label("seal")),
            k_journal: hkdf_expand(&prk, &label("journal")),
            k_change: hkdf_expand(&prk, &label("change")),
            k_segments: hkdf_expand(&prk, &label("segments")),
        }
    }

    /// Key and base nonce of the segment whose header begins with these 56 bytes.
    pub fn segment(&self, header: &[u8; 56]) -> ([u8; 32], [u8; 12]) {
        let okm: [u8; 44] =
            hkdf_expand(&self.k_segments, &[&label("segment")[..], header].concat());
        (array(&okm, 0), array(&okm, 32))
    }

    /// Key and nonce of the sealed metadata with this salt.
    pub fn metadata(&self, salt: &[u8; 24]) -> ([u8; 32], [u8; 12]) {
        let okm: [u8; 44] = hkdf_expand(&self.prk, &[&label("meta")[..], salt].concat());
        (array(&okm, 0), array(&okm, 32))
    }
}

/// L(s): `stream_v2/1 `, the name, one zero byte.
pub fn label(name: &str) -> Vec<u8> {
    [b"stream_v2/1 ", name.as_bytes(), &[0]].concat()
}

/// The nonce of frame `frame`: its number, in the last four bytes, on the base nonce.
pub fn frame_nonce(base_nonce: &[u8; 12], frame: u32) -> [u8; 12] {
    let mut nonce = *base_nonce;
    for (byte, counter) in nonce[8..].iter_mut().zip(frame.to_be_bytes()) {
        *byte ^= counter;
    }
    nonce
}

/// What to sign or pin: a hash over header[0..80] and trailer[0..72].
pub fn fingerprint(header: &[u8], trailer: &[u8]) -> [u8; 32] {
    sha256(&[&label("fingerprint")[..], &header[..80], &trailer[..72]].concat())
}

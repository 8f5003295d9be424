//! F-511: the salt in a header of the caller's makes no sealer.

use sv2_crypto::{Backend, SegmentsKey};
use sv2_headers::Suite;

fn main() {
    let key = SegmentsKey::from_bytes([0; 32]);
    let _ = key.sealer(&[7; 56], Suite::Aes256Gcm, Backend::Ring);
    let _ = key.segment_cipher(&[7; 56], Suite::Aes256Gcm, Backend::Ring);
    let _ = key.segment_material(&[7; 56]);
}

//! F-511: what opens under any header seals nothing.

use sv2_crypto::{Backend, SegmentsKey};
use sv2_headers::Suite;

fn main() {
    let key = SegmentsKey::from_bytes([0; 32]);
    let opener = key.segment_opener(&[7; 56], Suite::Aes256Gcm, Backend::Ring).unwrap();
    let _ = opener.seal(0, &mut [0; 16]);
    let _ = opener.0.seal(0, &mut [0; 16]);
}

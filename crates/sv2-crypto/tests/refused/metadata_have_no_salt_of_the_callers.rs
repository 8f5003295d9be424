//! F-330: the salt of metadata is drawn where they are sealed.

use sv2_crypto::{RootKeys, StreamKey};
use sv2_headers::Suite;

fn main() {
    let keys = RootKeys::derive(&StreamKey::from_bytes([0; 32]), &[0; 48], b"");
    let _ = keys.metadata_cipher(Suite::Aes256Gcm, &[7; 24]);
}

//! F-508: a sealer that was copied would seal a frame twice.

use sv2_crypto::{Backend, RandomSource, SegmentsKey};
use sv2_headers::Suite;

fn main() {
    let key = SegmentsKey::from_bytes([0; 32]);
    let (mut keyed, random) = ([0; 56], RandomSource::System);
    let sealer = key.begin_segment(0, &mut keyed, &random, Suite::Aes256Gcm, Backend::Ring).unwrap();
    let mut again = sealer.clone();
    let _ = again.seal(0, &mut [0; 16]);
    again.rewind();
}

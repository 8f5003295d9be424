//! The reference implementation against published answers and against itself.

mod known_answers;
mod layout;
mod mutations;
mod rejections;
mod roundtrip;
mod scrub;

use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Params, encrypt};

/// The stream key of all tests.
const KEY: [u8; 32] = [7; 32];

/// A segment salt that differs for each segment.
fn salt(index: u64) -> [u8; 24] {
    let mut salt = [0xA5; 24];
    salt[16..].copy_from_slice(&index.to_be_bytes());
    salt
}

/// A stream of `len` painted bytes.
fn stream(params: &Params, len: usize) -> Vec<u8> {
    encrypt(&KEY, params, &mut salt, &paint(len))
}

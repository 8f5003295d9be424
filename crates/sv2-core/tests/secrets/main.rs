//! What is left in the memory of the process when keys are no longer needed.

#![cfg(target_os = "linux")]

mod keys;
mod streams;

use sv2_testkit::memory::{Needle, Place};

/// What HMAC adds to each byte of its key, which hides nothing, and nothing.
const PADS: [u8; 3] = [0, 0x36, 0x5C];

/// Where a key is, as it is or as HMAC pads it.
fn places(needle: &Needle) -> Vec<(u8, Place)> {
    let padded = PADS.map(|pad| (pad, needle.padded(pad).places()));
    padded.into_iter().flat_map(|(pad, found)| found.into_iter().map(move |at| (pad, at))).collect()
}

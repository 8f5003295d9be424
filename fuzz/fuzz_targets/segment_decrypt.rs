//! One hostile segment against a known key.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::segment_decrypt(data);
});

//! A hostile stream against a known key, from memory and as from a pipe.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::stream_decrypt(data);
});

//! Sealed metadata against a JSON library.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::metadata_decode(data);
});

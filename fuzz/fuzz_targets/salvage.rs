//! Salvage of streams that a script makes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::salvage(data);
});

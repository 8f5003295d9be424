//! The age file of a key slot against the reference.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::slot_decode(data);
});

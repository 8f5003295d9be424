//! A stream header and its key slots out of hostile bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::header_decode(data);
});

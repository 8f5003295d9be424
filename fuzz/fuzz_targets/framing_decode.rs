//! Segment header, frames and footer out of hostile bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::framing_decode(data);
});

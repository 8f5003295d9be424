//! Opening a stream and planning a range without IO, out of hostile bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::opening(data);
});

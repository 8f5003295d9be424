//! Repair by parity files out of hostile bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::parity_repair(data);
});

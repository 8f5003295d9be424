//! Plans and receipts of a stream of parts out of hostile bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::parts_read(data);
});

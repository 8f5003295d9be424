//! A hostile change record beside a stream.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sv2_fuzz_bodies::change_replay(data);
});

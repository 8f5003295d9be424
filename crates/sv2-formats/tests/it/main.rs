//! Real formats, read through an encrypted stream by the libraries that everybody reads them with:
//! the right contents, from several threads, and no frame opened that was not asked for.

mod archive;
mod columns;
mod rows;

/// Bytes that no compression shortens and no format repeats, the same in each run.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| byte()).collect()
}

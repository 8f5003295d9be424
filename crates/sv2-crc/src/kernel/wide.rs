//! 256-bit carry-less multiplication: the only unsafe call of the workspace.
//!
//! A message is a polynomial, and a vector of 128 bits of it can be moved `n` bits up modulo the
//! polynomial by two multiplications with constants (`Fold`).
//! Eight vectors of 256 bits run side by side over the message, are folded into one at its end,
//! and the 16 bytes that remain go through the table with the rest of the message.
//! To be deleted once `crc-fast` does this itself.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_set_epi64x,
    _mm_xor_si128, _mm256_castsi256_si128, _mm256_clmulepi64_epi128, _mm256_extracti128_si256,
    _mm256_set_epi64x, _mm256_set_m128i, _mm256_xor_si256,
};

use crate::polynomial::power_of_x;
use crate::table;

/// Vectors side by side: enough to hide the latency of a multiplication.
const LANES: usize = 8;
/// Bytes in a vector.
const VECTOR: usize = 32;
/// Bytes in one step of all vectors.
const BLOCK: usize = LANES * VECTOR;

/// The two constants that move 128 bits up by a number of bits.
///
/// The product of two reflected 64-bit polynomials is one bit short of reflected 128 bits, so each
/// exponent is one less than the distance.
struct Fold {
    low: i64,
    high: i64,
}

impl Fold {
    const fn by_bytes(bytes: usize) -> Self {
        let bits = bytes as u64 * 8;
        Self { low: power_of_x(bits + 63) as i64, high: power_of_x(bits - 1) as i64 }
    }
}

const BY_BLOCK: Fold = Fold::by_bytes(BLOCK);
const BY_VECTOR: Fold = Fold::by_bytes(VECTOR);
const BY_HALF: Fold = Fold::by_bytes(VECTOR / 2);

/// Whether this processor has what [`update`] uses.
pub(super) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("vpclmulqdq")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("sse4.1")
}

/// The register after `bytes` more; neither the start value nor the final inversion is applied.
pub(super) fn update(register: u64, bytes: &[u8]) -> u64 {
    if bytes.len() < BLOCK || !is_available() {
        return table::update(register, bytes);
    }
    #[allow(unsafe_code, reason = "a function for processors that were asked for just above")]
    // SAFETY: `fold_all` is safe but for its target features: it takes a slice, touches memory
    // through that slice alone, and its intrinsics take values and no pointers.
    // `is_available` has found each of the features on this processor in the line above.
    let (folded, rest) = unsafe { fold_all(register, bytes) };
    table::update(table::update(0, &folded), rest)
}

/// Folds as many 16-byte steps of `bytes` as there are into the last 16 bytes of them, and returns
/// those and what is left of `bytes`; `bytes` holds a block at least.
#[target_feature(enable = "vpclmulqdq,pclmulqdq,avx2,sse4.1")]
fn fold_all(register: u64, bytes: &[u8]) -> ([u8; 16], &[u8]) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut lanes = [_mm256_set_epi64x(0, 0, 0, 0); LANES];
    if let Some((first, blocks)) = blocks.split_first() {
        for (lane, vector) in lanes.iter_mut().zip(first.as_chunks::<VECTOR>().0) {
            *lane = load(vector);
        }
        lanes[0] = _mm256_xor_si256(lanes[0], _mm256_set_epi64x(0, 0, 0, register as i64));
        for block in blocks {
            for (lane, vector) in lanes.iter_mut().zip(block.as_chunks::<VECTOR>().0) {
                *lane = fold(*lane, &BY_BLOCK, load(vector));
            }
        }
    }
    let mut vector = lanes[0];
    for lane in &lanes[1..] {
        vector = fold(vector, &BY_VECTOR, *lane);
    }
    let (vectors, rest) = rest.as_chunks::<VECTOR>();
    for next in vectors {
        vector = fold(vector, &BY_VECTOR, load(next));
    }
    let (first, second) = (_mm256_castsi256_si128(vector), _mm256_extracti128_si256::<1>(vector));
    let folded = fold_half(first, &BY_HALF, second);
    let words = [_mm_cvtsi128_si64(folded), _mm_extract_epi64::<1>(folded)];
    let mut out = [0; 16];
    out[..8].copy_from_slice(&words[0].to_le_bytes());
    out[8..].copy_from_slice(&words[1].to_le_bytes());
    (out, rest)
}

/// 32 bytes as a vector, without a pointer.
///
/// A load that takes a pointer is one instruction in place of six, and no faster here: the
/// multiplications are what takes the time.
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; VECTOR]) -> __m256i {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        i64::from_le_bytes(word)
    };
    _mm256_set_m128i(_mm_set_epi64x(word(24), word(16)), _mm_set_epi64x(word(8), word(0)))
}

/// Both halves of `vector`, moved up, plus `next`.
#[inline]
#[target_feature(enable = "vpclmulqdq,avx2")]
fn fold(vector: __m256i, by: &Fold, next: __m256i) -> __m256i {
    let by = _mm256_set_epi64x(by.high, by.low, by.high, by.low);
    let low = _mm256_clmulepi64_epi128::<0x00>(vector, by);
    let high = _mm256_clmulepi64_epi128::<0x11>(vector, by);
    _mm256_xor_si256(_mm256_xor_si256(low, high), next)
}

/// As [`fold`], for 128 bits.
#[inline]
#[target_feature(enable = "pclmulqdq")]
fn fold_half(half: __m128i, by: &Fold, next: __m128i) -> __m128i {
    let by = _mm_set_epi64x(by.high, by.low);
    let low = _mm_clmulepi64_si128::<0x00>(half, by);
    let high = _mm_clmulepi64_si128::<0x11>(half, by);
    _mm_xor_si128(_mm_xor_si128(low, high), next)
}

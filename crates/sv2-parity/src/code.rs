//! The erasure code of a window, by the crate `reed-solomon-simd` (parity.md section 4).
//!
//! The code works on each 64 bytes of the blocks alone, so blocks are given to it slice by slice:
//! the slices of a whole window stay in the processor's cache, and its work area is small.

use reed_solomon_simd::engine::DefaultEngine;
use reed_solomon_simd::rate::{HighRateDecoder, HighRateEncoder, RateDecoder, RateEncoder};

use crate::Geometry;

/// Bytes of a block that are encoded at once.
const ENCODED_SLICE: usize = 1024;
/// Bytes of a block that are decoded at once; the fixed cost of a call is higher.
const DECODED_SLICE: usize = 2048;

/// Blocks behind one another, all of one length.
pub(crate) struct Blocks<'b> {
    bytes: &'b [u8],
    block_len: usize,
}

impl<'b> Blocks<'b> {
    pub(crate) fn new(bytes: &'b [u8], geometry: Geometry) -> Self {
        Self { bytes, block_len: geometry.block_len() }
    }

    fn slice(&self, block: usize, at: usize, len: usize) -> &'b [u8] {
        &self.bytes[block * self.block_len + at..][..len]
    }
}

/// Computes the parity blocks of a window.
///
/// `data` has all data blocks, and `parity` room for all parity blocks.
pub(crate) fn encode(geometry: Geometry, data: &[u8], parity: &mut [u8]) {
    let (count, extra) = (usize::from(geometry.data()), usize::from(geometry.parity()));
    let block_len = geometry.block_len();
    let len = block_len.min(ENCODED_SLICE);
    let mut encoder = HighRateEncoder::new(count, extra, len, DefaultEngine::new(), None)
        .expect("a geometry has counts and lengths that the code supports");
    let data = Blocks::new(data, geometry);
    for at in (0..block_len).step_by(len) {
        for block in 0..count {
            let added = encoder.add_original_shard(data.slice(block, at, len));
            added.expect("as many shards as were announced, of the length announced");
        }
        let encoded = encoder.encode().expect("all shards were added");
        for (block, shard) in encoded.recovery_iter().enumerate() {
            parity[block * block_len + at..][..len].copy_from_slice(shard);
        }
    }
}

/// Computes the data blocks with the numbers `lost` and hands each of their slices to `found`: the
/// number's place in `lost`, the offset in the block, and the bytes.
///
/// `sound` are numbers of parity blocks in `parity` that are sound, at least as many as are lost;
/// what stands in the lost blocks plays no part.
pub(crate) fn decode(
    geometry: Geometry,
    data: &[u8],
    lost: &[u16],
    parity: &[u8],
    sound: &[u16],
    mut found: impl FnMut(usize, usize, &[u8]),
) {
    let (count, extra) = (usize::from(geometry.data()), usize::from(geometry.parity()));
    let block_len = geometry.block_len();
    let len = block_len.min(DECODED_SLICE);
    let mut decoder = HighRateDecoder::new(count, extra, len, DefaultEngine::new(), None)
        .expect("a geometry has counts and lengths that the code supports");
    let (data, parity) = (Blocks::new(data, geometry), Blocks::new(parity, geometry));
    let mut is_lost = vec![false; count];
    for &block in lost {
        is_lost[usize::from(block)] = true;
    }
    for at in (0..block_len).step_by(len) {
        for block in (0..count).filter(|&block| !is_lost[block]) {
            let added = decoder.add_original_shard(block, data.slice(block, at, len));
            added.expect("each number is given once");
        }
        for &block in &sound[..lost.len()] {
            let slice = parity.slice(block.into(), at, len);
            decoder.add_recovery_shard(block.into(), slice).expect("each number is given once");
        }
        let decoded = decoder.decode().expect("as many shards as there are data blocks");
        for (place, &block) in lost.iter().enumerate() {
            if let Some(shard) = decoded.restored_original(block.into()) {
                found(place, at, shard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_give_the_bytes_of_whole_blocks() {
        let geometry = Geometry::new(12, 7, 7, 3).unwrap();
        let data: Vec<u8> = (0..7 * 4096u32).map(|i| ((i * i) >> 5) as u8).collect();
        let mut parity = vec![0; 3 * 4096];
        encode(geometry, &data, &mut parity);
        let mut whole = HighRateEncoder::new(7, 3, 4096, DefaultEngine::new(), None).unwrap();
        for block in data.chunks(4096) {
            whole.add_original_shard(block).unwrap();
        }
        let whole = whole.encode().unwrap();
        assert_eq!(whole.recovery_iter().flatten().copied().collect::<Vec<_>>(), parity);
    }
}

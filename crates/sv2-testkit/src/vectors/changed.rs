//! Changes by someone who holds the key, or by someone who can only make checksums right.

use std::ops::Range;

use super::base::KEY;
use super::model::StreamCase;
use crate::mutate::{Region, find, regions};
use crate::reference::forge::{refresh_crc, reseal_header, reseal_trailer};

/// The length of the header of the stream that most negative vectors start from.
pub(super) const HEADER_LEN: usize = 256;

/// Where the header copy begins in the sound stream of this case.
pub(super) fn copy_start(case: &StreamCase) -> usize {
    find(&regions(&case.stream), "copy.magic", None, None).start
}

/// The regions of the sound stream of this case.
pub(super) fn fields(case: &StreamCase) -> Vec<Region> {
    regions(&case.stream)
}

/// Front and copy changed alike, commitment, MACs and CRCs made right by a holder of the key.
pub(super) fn both_headers(case: &StreamCase, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut stream = case.stream.clone();
    for start in [0, copy_start(case)] {
        let header = &mut stream[start..start + HEADER_LEN];
        change(header);
        reseal_header(&KEY, &case.context, header);
    }
    stream
}

/// The trailer changed, seal and CRC made right by a holder of the key.
pub(super) fn trailer(case: &StreamCase, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut stream = case.stream.clone();
    let (rest, trailer) = stream.split_at_mut(case.stream.len() - 128);
    change(trailer);
    reseal_trailer(&KEY, &case.context, &rest[..HEADER_LEN], trailer);
    stream
}

/// Bytes from `at` on replaced, and the CRC of the unit that holds them made right.
pub(super) fn with_right_crc(
    case: &StreamCase,
    at: usize,
    bytes: &[u8],
    unit: Range<usize>,
) -> Vec<u8> {
    let mut stream = case.stream.clone();
    stream[at..at + bytes.len()].copy_from_slice(bytes);
    refresh_crc(&mut stream[unit]);
    stream
}

/// The places where two streams of equal length differ, as the bytes of the second.
pub(super) fn differences(old: &[u8], new: &[u8]) -> Vec<(u64, Vec<u8>)> {
    assert_eq!(old.len(), new.len(), "a patch does not move bytes");
    let mut patches: Vec<(u64, Vec<u8>)> = Vec::new();
    for (at, (_, byte)) in old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new) {
        match patches.last_mut() {
            Some((start, bytes)) if *start + bytes.len() as u64 == at as u64 => bytes.push(*byte),
            _ => patches.push((at as u64, vec![*byte])),
        }
    }
    patches
}

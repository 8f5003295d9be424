//! Every flipped byte and every cut of small streams, by both kinds of reader: the engine ends as
//! the reference does, in the same place, with the same bytes released.

use sv2_core::{DecryptOptions, Driver};
use sv2_testkit::mutate::{flip, truncations};
use sv2_testkit::reference::{Limits, Outcome, Params, decrypt_pipe, decrypt_seekable};

use crate::harness::{KEY, decrypt_options, stream};
use crate::outcome::{assert_same, assert_same_end, file, memory, pipe, pipe_in_pieces, temporary};

/// Two segments, the second of them short: 256 and 44 bytes.
const LEN: usize = 300;

fn by_pipe(wire: &[u8]) -> Outcome {
    decrypt_pipe(&KEY, b"", wire, &Limits::FORMAT)
}

fn by_seeking(wire: &[u8]) -> Outcome {
    decrypt_seekable(&KEY, b"", wire, &Limits::FORMAT)
}

fn inline() -> DecryptOptions {
    decrypt_options(Driver::Inline, 1)
}

/// Flips each byte of a stream of this suite and digest by two masks.
fn flip_all(suite: u8, digest: u8) {
    let wire = stream(&Params::tiny(suite, digest, 0), LEN);
    for mask in [0x01, 0x80] {
        for offset in 0..wire.len() {
            let flipped = flip(&wire, offset, mask);
            let case = format!("suite {suite} digest {digest} byte {offset} mask {mask:#x}");
            assert_same(&pipe(&flipped, &inline()), &by_pipe(&flipped), &case);
            assert_same(&memory(&flipped, &inline()), &by_seeking(&flipped), &case);
        }
    }
}

/// F-801, F-806, F-811, F-817 to F-819, F-832, F-901, F-905, F-906.
#[test]
fn every_flip_ends_as_in_the_reference_with_aes_gcm() {
    flip_all(1, 0);
}

/// As above, with SHA-256 digests.
#[test]
fn every_flip_ends_as_in_the_reference_with_aes_gcm_and_sha_256() {
    flip_all(1, 1);
}

/// As above, with BLAKE3 digests.
#[test]
fn every_flip_ends_as_in_the_reference_with_aes_gcm_and_blake3() {
    flip_all(1, 2);
}

/// As above, with the other suite.
#[test]
fn every_flip_ends_as_in_the_reference_with_chacha20_poly1305() {
    flip_all(2, 0);
}

/// As above, with SHA-256 digests.
#[test]
fn every_flip_ends_as_in_the_reference_with_chacha20_poly1305_and_sha_256() {
    flip_all(2, 1);
}

/// As above, with BLAKE3 digests.
#[test]
fn every_flip_ends_as_in_the_reference_with_chacha20_poly1305_and_blake3() {
    flip_all(2, 2);
}

/// F-813, F-814, F-902: on a pipe a cut is `Unsealed` and on a seekable source it has no trailer.
#[test]
fn every_cut_ends_as_in_the_reference() {
    for (suite, digest) in [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)] {
        let wire = stream(&Params::tiny(suite, digest, 0), LEN);
        for cut in truncations(&wire) {
            let case = format!("suite {suite} digest {digest}, {} bytes left", cut.len());
            let piped = pipe(cut, &inline());
            assert_same(&piped, &by_pipe(cut), &case);
            if let Err(sv2_core::StreamError::Unsealed { segments }) = piped.result {
                assert_eq!(segments, piped.released.len().div_ceil(256) as u64, "{case}");
            }
            assert_same(&memory(cut, &inline()), &by_seeking(cut), &case);
        }
    }
}

/// The same outcomes by every driver and number of threads, for a sample of the flips. F-901: of
/// several failures the first in the stream, whoever finds it first.
#[test]
fn drivers_and_threads_do_not_change_an_outcome() {
    let wire = stream(&Params::tiny(1, 1, 0), 256 * 4 + 10);
    for (number, offset) in (0..wire.len()).step_by(13).enumerate() {
        // A second damage far behind the first must not be the one that is named.
        let mut flipped = flip(&wire, offset, 0x10);
        let behind = offset + 600;
        if behind < wire.len() {
            flipped[behind] ^= 4;
        }
        let (piped, sought) = (by_pipe(&flipped), by_seeking(&flipped));
        let threads = [1, 2, 3, 7][number % 4];
        for driver in [Driver::Ordered, Driver::Positional, Driver::Inline] {
            let options = decrypt_options(driver, threads);
            let case = format!("byte {offset} {driver:?} {threads}");
            assert_same(&pipe_in_pieces(&flipped, &[97], &options), &piped, &case);
            assert_same(&memory(&flipped, &options), &sought, &case);
        }
    }
}

/// The same outcomes from regular files to regular files, at offsets and in order.
#[test]
fn files_end_as_memory_does() {
    let wire = stream(&Params::tiny(2, 1, 0), 256 * 3 + 10);
    for (number, offset) in (0..wire.len()).step_by(29).enumerate() {
        let flipped = flip(&wire, offset, 0x40);
        let outcome = by_seeking(&flipped);
        let driver = [Driver::Positional, Driver::Ordered][number % 2];
        let ended = file(temporary(&flipped), &decrypt_options(driver, 3));
        let case = format!("byte {offset} {driver:?}");
        match driver {
            Driver::Positional => assert_same_end(&ended, &outcome, &case),
            _ => assert_same(&ended, &outcome, &case),
        }
    }
}

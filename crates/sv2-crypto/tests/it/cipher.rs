//! Sealing and opening frames (F-514), by both suites and by every backend of the build.

use proptest::prelude::*;
use sv2_crypto::hazmat::{SegmentCipher, segment_cipher};
use sv2_crypto::{Backend, CryptoError, RandomSource, SegmentsKey};
use sv2_headers::Suite;

use crate::appendix::{array, example};

const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];

fn cipher(suite: Suite, backend: Backend) -> SegmentCipher {
    let keyed: [u8; 56] = example("segment header")[..56].try_into().expect("64 bytes");
    let key = SegmentsKey::from_bytes(array("K_segments"));
    segment_cipher(&key, &keyed, suite, backend).expect("an available backend")
}

fn each() -> impl Iterator<Item = (Suite, Backend)> {
    SUITES
        .into_iter()
        .flat_map(|suite| Backend::available().iter().map(move |&backend| (suite, backend)))
}

/// F-514: the frame of the worked example, on every backend.
#[test]
fn ciphertext_and_tag_are_those_of_the_worked_example() {
    for &backend in Backend::available() {
        let cipher = cipher(Suite::Aes256Gcm, backend);
        let mut frame = example("plaintext");
        let tag = cipher.seal(0, &mut frame).expect("short");
        assert_eq!((&frame, &tag[..]), (&example("ciphertext"), &example("tag")[..]));
        assert_eq!(cipher.open(0, &mut frame, &tag), Ok(()));
        assert_eq!(frame, example("plaintext"));
    }
}

/// F-514: the second suite, computed with another implementation (`cryptography` for Python) from
/// the same key and nonce.
#[test]
fn chacha20_poly1305_makes_the_known_bytes() {
    let known = "3d4409fb11336ba1562bb67d992f51a15a19ea084cf549af7b761fe5c7d958d7";
    for &backend in Backend::available() {
        let mut frame = example("plaintext");
        let tag = cipher(Suite::ChaCha20Poly1305, backend).seal(0, &mut frame).expect("short");
        let hex: String = frame.iter().chain(&tag).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, known);
    }
}

#[test]
fn a_frame_opens_under_its_own_number_only() {
    for (suite, backend) in each() {
        let cipher = cipher(suite, backend);
        for frame in [0, 1, 2, 255, 256, (1 << 14) - 1] {
            let mut sealed = *b"plaintext of a frame";
            let tag = cipher.seal(frame, &mut sealed).expect("short");
            for other in [0, 1, 2, 255, 256, 257, (1 << 14) - 1, 1 << 14] {
                let opened = cipher.open(other, &mut sealed.clone(), &tag);
                assert_eq!(opened.is_ok(), other == frame, "{frame} as {other}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_ciphertext_and_tag_is_noticed() {
    for (suite, backend) in each() {
        let cipher = cipher(suite, backend);
        let mut sealed = [0x3C; 33];
        let tag = cipher.seal(7, &mut sealed).expect("short");
        for bit in 0..(33 + 16) * 8 {
            let (mut ciphertext, mut tag) = (sealed, tag);
            match bit / 8 {
                at @ 0..33 => ciphertext[at] ^= 1 << (bit % 8),
                at => tag[at - 33] ^= 1 << (bit % 8),
            }
            let opened = cipher.open(7, &mut ciphertext, &tag);
            assert_eq!(opened, Err(CryptoError::AuthenticationFailed), "bit {bit}");
            // F-803: nothing of the plaintext is left for a careless caller.
            assert_ne!(ciphertext, [0x3C; 33], "bit {bit}");
        }
    }
}

#[test]
fn the_other_suite_and_the_other_segment_do_not_open() {
    let mut sealed = *b"plaintext";
    let tag = cipher(Suite::Aes256Gcm, Backend::Ring).seal(0, &mut sealed).expect("short");
    let other = cipher(Suite::ChaCha20Poly1305, Backend::Ring);
    assert!(other.open(0, &mut sealed.clone(), &tag).is_err());
    let other = SegmentsKey::from_bytes(array("K_segments"))
        .segment_opener(&[0; 56], Suite::Aes256Gcm, Backend::Ring)
        .expect("ring");
    assert!(other.open(0, &mut sealed, &tag).is_err());
}

/// F-508, F-511: a segment is begun under a salt of the random source, whatever the caller put into
/// its place, and each of its frames is sealed once.
#[test]
fn a_segment_is_begun_under_a_salt_that_is_drawn_and_seals_each_frame_once() {
    let key = SegmentsKey::from_bytes(array("K_segments"));
    for (suite, backend) in each() {
        let begin = || {
            let mut keyed = [7; 56];
            let random = RandomSource::System;
            let sealer = key.begin_segment(0, &mut keyed, &random, suite, backend);
            (keyed, sealer.expect("a backend of this build"))
        };
        let (keyed, mut sealer) = begin();
        let (other, _) = begin();
        assert_ne!(keyed[24..48], [7; 24]);
        assert_ne!(keyed[24..48], other[24..48]);
        assert_eq!((&keyed[..24], &keyed[48..]), (&[7; 24][..], &[7; 8][..]));
        let opener = key.segment_opener(&keyed, suite, backend).expect("the same backend");
        for frame in [0, 1, 5] {
            let mut bytes = *b"plaintext";
            let tag = sealer.seal(frame, &mut bytes).expect("short");
            assert_eq!(sealer.next(), frame + 1);
            for again in 0..=frame {
                let mut other = *b"something";
                assert_eq!(sealer.seal(again, &mut other), Err(CryptoError::AlreadySealed));
                assert_eq!(&other, b"something", "left as it was");
            }
            assert_eq!(opener.open(frame, &mut bytes, &tag), Ok(()));
            assert_eq!(&bytes, b"plaintext");
        }
    }
}

/// A backend that is not built in is refused by name, and one that is listed never.
#[test]
fn available_backends_are_those_that_make_ciphers() {
    let key = SegmentsKey::from_bytes([1; 32]);
    for backend in [Backend::Ring, Backend::AwsLc] {
        let made = key.segment_opener(&[0; 56], Suite::Aes256Gcm, backend);
        match Backend::available().contains(&backend) {
            true => assert!(made.is_ok(), "{}", backend.name()),
            false => assert_eq!(made.err(), Some(CryptoError::BackendMissing)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// F-105: every backend makes the same bytes, and each opens what another sealed.
    #[test]
    fn backends_agree_and_open_what_they_sealed(
        key: [u8; 32],
        frame in 0u32..1 << 14,
        plaintext in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        for suite in SUITES {
            let mut outcomes = Vec::new();
            for &backend in Backend::available() {
                let key = SegmentsKey::from_bytes(key);
                let cipher = segment_cipher(&key, &[9; 56], suite, backend).expect("available");
                let mut bytes = plaintext.clone();
                let tag = cipher.seal(frame, &mut bytes).expect("short");
                outcomes.push((cipher, bytes, tag));
            }
            let (_, bytes, tag) = &outcomes[0];
            for (cipher, other_bytes, other_tag) in &outcomes {
                prop_assert_eq!((other_bytes, other_tag), (bytes, tag));
                let mut opened = bytes.clone();
                prop_assert_eq!(cipher.open(frame, &mut opened, tag), Ok(()));
                prop_assert_eq!(&opened, &plaintext);
            }
        }
    }
}

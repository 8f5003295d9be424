//! The primitives alone: AEAD by suite, backend and frame size, and the hashes of both libraries.
//!
//! `SegmentCipher` stands beside the library that it wraps, so that the wrapper's cost shows.
//! The feature `aws-lc` adds the second library to every group.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use sv2_crypto::hazmat::{SegmentCipher, segment_cipher, segment_material};
use sv2_crypto::{Backend, RootKeys, SegmentsKey, StreamKey, sha256};
use sv2_headers::{HEADER_CORE_LEN, Suite};

/// Frame sizes in bytes.
const FRAMES: [usize; 3] = [16 << 10, 64 << 10, 256 << 10];
/// Frames that are sealed before the clock starts, for one batch of openings.
const BATCH: BatchSize = BatchSize::NumIterations(16);
const KEY: [u8; 32] = [7; 32];

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
        .configure_from_args();
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        for &backend in Backend::available() {
            seal(&mut criterion, suite, backend);
            open(&mut criterion, suite, backend);
        }
    }
    library_seal(&mut criterion);
    sha256_of_each(&mut criterion);
    hkdf_of_each(&mut criterion);
    hmac_of_each(&mut criterion);
    criterion.final_summary();
}

fn suite_name(suite: Suite) -> &'static str {
    match suite {
        Suite::Aes256Gcm => "aes-256-gcm",
        Suite::ChaCha20Poly1305 => "chacha20-poly1305",
    }
}

fn cipher(suite: Suite, backend: Backend) -> SegmentCipher {
    let key = SegmentsKey::from_bytes(KEY);
    segment_cipher(&key, &[0; 56], suite, backend).expect("a backend of this build")
}

fn painted(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn seal(criterion: &mut Criterion, suite: Suite, backend: Backend) {
    let mut group = criterion.benchmark_group(format!("{}/seal", suite_name(suite)));
    let cipher = cipher(suite, backend);
    for len in FRAMES {
        let mut frame = painted(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new(backend.name(), len >> 10), |bencher| {
            bencher.iter(|| cipher.seal(3, &mut frame).expect("a frame"));
        });
    }
}

/// Opening destroys the ciphertext, so each opening gets a frame that was sealed beforehand.
fn open(criterion: &mut Criterion, suite: Suite, backend: Backend) {
    let mut group = criterion.benchmark_group(format!("{}/open", suite_name(suite)));
    let cipher = cipher(suite, backend);
    for len in FRAMES {
        let mut sealed = painted(len);
        let tag = cipher.seal(3, &mut sealed).expect("a frame");
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new(backend.name(), len >> 10), |bencher| {
            bencher.iter_batched_ref(
                || sealed.clone(),
                |frame| cipher.open(3, frame, &tag).expect("the frame that was sealed"),
                BATCH,
            );
        });
    }
}

/// AES-256-GCM on the libraries themselves.
fn library_seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aes-256-gcm/seal-by-the-library");
    for len in FRAMES {
        let mut frame = painted(len);
        group.throughput(Throughput::Bytes(len as u64));
        {
            use ring::aead;
            let key = aead::UnboundKey::new(&aead::AES_256_GCM, &KEY).expect("32 bytes");
            let key = aead::LessSafeKey::new(key);
            group.bench_function(BenchmarkId::new("ring", len >> 10), |bencher| {
                bencher.iter(|| {
                    let nonce = aead::Nonce::assume_unique_for_key([3; 12]);
                    key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), &mut frame)
                        .expect("a frame")
                });
            });
        }
        #[cfg(feature = "aws-lc")]
        {
            use aws_lc_rs::aead;
            let key = aead::UnboundKey::new(&aead::AES_256_GCM, &KEY).expect("32 bytes");
            let key = aead::LessSafeKey::new(key);
            group.bench_function(BenchmarkId::new("aws-lc", len >> 10), |bencher| {
                bencher.iter(|| {
                    let nonce = aead::Nonce::assume_unique_for_key([3; 12]);
                    key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), &mut frame)
                        .expect("a frame")
                });
            });
        }
    }
}

/// A short message costs what a key commitment costs; a long one what a segment digest costs.
fn sha256_of_each(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sha-256");
    for len in [64, 1 << 20] {
        let message = painted(len);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("ring", len), |bencher| {
            bencher.iter(|| sha256(&[black_box(&message)]));
        });
        #[cfg(feature = "aws-lc")]
        group.bench_function(BenchmarkId::new("aws-lc", len), |bencher| {
            use aws_lc_rs::digest;
            bencher.iter(|| digest::digest(&digest::SHA256, black_box(&message)));
        });
    }
}

/// One segment key: HKDF-Expand to 44 bytes.
fn hkdf_of_each(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hkdf-expand");
    let key = SegmentsKey::from_bytes(KEY);
    let keyed = [9; 56];
    group.bench_function("ring/segment-key", |bencher| {
        bencher.iter(|| segment_material(&key, black_box(&keyed)));
    });
    #[cfg(feature = "aws-lc")]
    group.bench_function("aws-lc/segment-key", |bencher| {
        use aws_lc_rs::hkdf;

        struct Len(usize);
        impl hkdf::KeyType for Len {
            fn len(&self) -> usize {
                self.0
            }
        }
        bencher.iter(|| {
            let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &KEY);
            let info: [&[u8]; 2] = [b"stream_v2/1 segment\0", black_box(&keyed)];
            let mut out = [0; 44];
            let okm = prk.expand(&info, Len(44)).expect("44 bytes");
            okm.fill(&mut out).expect("44 bytes");
            out
        });
    });
}

/// One seal of a trailer: HMAC of 96 bytes.
fn hmac_of_each(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hmac-sha-256");
    let roots = RootKeys::derive(&StreamKey::from_bytes(KEY), &[0; HEADER_CORE_LEN], b"");
    let key = roots.seal_key();
    let message = [5; 96];
    group.bench_function("ring/96", |bencher| {
        bencher.iter(|| key.sign(&[black_box(&message)]));
    });
    #[cfg(feature = "aws-lc")]
    group.bench_function("aws-lc/96", |bencher| {
        use aws_lc_rs::hmac;
        bencher.iter(|| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
            hmac::sign(&key, black_box(&message))
        });
    });
}

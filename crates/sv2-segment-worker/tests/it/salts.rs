//! One salt, one pass (section 5.2).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sv2_crypto::{Backend, RandomSource, SegmentsKey, hazmat};
use sv2_framing::SegmentIndex;
use sv2_headers::StreamHeader;
use sv2_segment_worker::{EncryptSegmentWorker, SegmentCryptoContext, SegmentWorkerError};

use crate::appendix::example;
use crate::support::{SMALL, each, seal};

/// F-507, F-508: sealing again is a new attempt, under a new salt and with no equal frame.
#[test]
fn every_attempt_draws_a_salt_of_its_own() {
    for parameters in each() {
        let sealer = parameters.sealer();
        let attempts: Vec<_> = (0..50).map(|_| seal(&sealer, 1, 600)).collect();
        let salts: HashSet<_> = attempts.iter().map(|attempt| attempt.entry.salt).collect();
        assert_eq!(salts.len(), 50);
        let frames: HashSet<_> = attempts
            .iter()
            .flat_map(|attempt| {
                let slots = parameters.layout(600).plaintext_slots();
                slots.map(|slot| attempt.wire[slot].to_vec())
            })
            .collect();
        assert_eq!(frames.len(), 150);
    }
}

/// F-511: the salt comes out with the segment, in its header and in its entry.
#[test]
fn the_salt_is_in_header_and_entry() {
    let segment = seal(&SMALL.sealer(), 0, 10);
    assert_eq!(segment.wire[24..48], segment.entry.salt);
}

/// Counts the salts that were drawn.
#[derive(Default)]
struct Counting(AtomicU64);

impl hazmat::FixedRandom for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }

    fn segment_salt(&self, _index: u64) -> [u8; 24] {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let mut salt = [0; 24];
        salt[..8].copy_from_slice(&count.to_be_bytes());
        salt
    }
}

/// F-506: one draw for each attempt that begins, none before and none for one that cannot.
#[test]
fn a_salt_is_drawn_when_the_segment_is_begun() {
    let counting = Arc::new(Counting::default());
    let drawn = || counting.0.load(Ordering::Relaxed);
    let sealer = EncryptSegmentWorker::new(SMALL.context(RandomSource::Hazmat(counting.clone())));
    assert_eq!(drawn(), 0);
    let refused = sealer.encrypt_in_place(SegmentIndex(0), 600, &mut [0; 10]);
    assert!(matches!(refused, Err(SegmentWorkerError::Length { .. })));
    assert_eq!(drawn(), 0);
    for attempt in 1..5u64 {
        let segment = seal(&sealer, 0, 600);
        assert_eq!(drawn(), attempt);
        assert_eq!(segment.entry.salt[..8], attempt.to_be_bytes());
    }
}

#[test]
fn a_backend_that_is_not_built_in_seals_nothing() {
    let header = StreamHeader::decode(&example("header")).expect("a header");
    for backend in [Backend::Ring, Backend::AwsLc] {
        let key = SegmentsKey::from_bytes([1; 32]);
        let context = SegmentCryptoContext::new(&header, key, backend, RandomSource::System);
        assert_eq!(context.backend(), backend);
        let mut wire = vec![0; context.layout(16).expect("1..=S").wire_len()];
        let sealer = EncryptSegmentWorker::new(context);
        let sealed = sealer.encrypt_in_place(SegmentIndex(0), 16, &mut wire);
        match Backend::available().contains(&backend) {
            true => assert!(sealed.is_ok()),
            false => assert!(matches!(sealed, Err(SegmentWorkerError::Crypto { .. }))),
        }
    }
}

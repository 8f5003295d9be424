//! Where salts come from (sections 3.4 and 5.2).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sv2_crypto::{RandomSource, hazmat};

/// Gives 1, 2, 3 .. as bytes, so that a test sees which draw is which.
#[derive(Default)]
struct Counting(AtomicU8);

impl Counting {
    fn next(&self) -> u8 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl hazmat::FixedRandom for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.next());
    }

    fn segment_salt(&self, index: u64) -> [u8; 24] {
        let mut salt = [self.next(); 24];
        salt[16..].copy_from_slice(&index.to_be_bytes());
        salt
    }
}

/// F-506, F-507, F-1002: each draw asks the system again; none comes from a buffer or a counter.
#[test]
fn salts_of_the_system_never_repeat() {
    let source = RandomSource::default();
    let draws: Vec<_> =
        (0..1000).map(|_| source.segment_salt(3).expect("the system has random bytes")).collect();
    let halves: HashSet<&[u8]> = draws.iter().flat_map(|salt| [&salt[..12], &salt[12..]]).collect();
    assert_eq!(halves.len(), 2000);
}

/// F-309, F-330: a draw fills all of what it is given.
#[test]
fn a_draw_of_the_system_fills_every_byte() {
    for len in [24, 32] {
        let mut touched = vec![false; len];
        // A byte stays zero in 64 draws with probability 2^-512.
        for _ in 0..64 {
            let mut out = vec![0; len];
            RandomSource::System.fill(&mut out).expect("the system has random bytes");
            touched.iter_mut().zip(out).for_each(|(touched, byte)| *touched |= byte != 0);
        }
        assert!(touched.iter().all(|&touched| touched));
    }
}

/// F-511: the one way to choose a salt is the hook that says what it is.
#[test]
fn the_hazardous_hook_gives_what_it_was_told_to() {
    let source = RandomSource::Hazmat(Arc::new(Counting::default()));
    let mut salt = [0; 32];
    source.fill(&mut salt).expect("fixed");
    assert_eq!(salt, [1; 32]);
    let salt = source.clone().segment_salt(0x0102).expect("fixed");
    assert_eq!(salt[..16], [2; 16], "a clone draws from the same source");
    assert_eq!(salt[16..], [0, 0, 0, 0, 0, 0, 1, 2]);
}

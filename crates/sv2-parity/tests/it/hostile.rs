//! Parity files that lie, and how much they cost.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use sv2_parity::{Geometry, Memory, ParityError, Sidecar, Source, Work, renew, scan};

use crate::support::{Dice, Stream, parity_of, repaired};

fn opened(parity: &[u8]) -> Result<(), ParityError> {
    Sidecar::open(&Memory::new(parity.to_vec())).map(drop)
}

/// Puts `bytes` into both copies of the directory and makes their checksums right.
fn with_field(parity: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut parity = parity.to_vec();
    let directory = 168 + 24 + 16;
    for start in [0, parity.len() - directory] {
        parity[start + at..][..bytes.len()].copy_from_slice(bytes);
        sv2_crc::store(&mut parity[start..start + directory]);
    }
    parity
}

fn small() -> (Vec<u8>, Vec<u8>) {
    let file = Dice::new(1).bytes(9_000);
    let parity = parity_of(&file, Geometry::new(8, 3, 21, 6).unwrap());
    (file, parity)
}

/// each field is judged on its own.
#[test]
fn a_directory_that_cannot_be_right_is_refused_by_the_field() {
    let (_, parity) = small();
    let refused = |at: usize, bytes: &[u8]| match opened(&with_field(&parity, at, bytes)) {
        Err(ParityError::Malformed { offset, .. }) => offset,
        other => panic!("offset {at}: {other:?}"),
    };
    assert!(matches!(opened(&with_field(&parity, 8, &[0, 2])), Err(ParityError::Unsupported(2))));
    assert_eq!(refused(10, &[0]), 10);
    assert_eq!(refused(10, &[1]), 40, "a stream has a trailer");
    assert_eq!(refused(11, &[2]), 11);
    assert_eq!(refused(12, &[0, 9]), 12);
    assert_eq!(refused(14, &[0, 2]), 168 + 2 * 24);
    assert_eq!(refused(16, &[1]), 16);
    assert_eq!(refused(24, &[1]), 24);
    assert_eq!(refused(40, &[1]), 40);
    assert_eq!(refused(168, &[0x80]), 168, "end");
    assert_eq!(refused(176, &[0x80]), 168, "blocks");
    assert_eq!(refused(184, &[17]), 184, "block length");
    assert_eq!(refused(184, &[5]), 184, "block length");
    assert_eq!(refused(185, &[1]), 184, "reserved");
    assert_eq!(refused(186, &[0, 0]), 184, "run");
    assert_eq!(refused(188, &[0, 22]), 184, "not whole runs");
    assert_eq!(refused(188, &[8, 1]), 184, "too many blocks");
    assert_eq!(refused(190, &[0, 0]), 184, "no parity");
    assert_eq!(refused(190, &[0, 7]), 24, "another length");
    assert_eq!(refused(196, &[1]), 192);
}

/// what is left of a parity file decides what it is called.
#[test]
fn files_that_are_none_are_told_from_those_that_are_destroyed() {
    let (file, parity) = small();
    assert!(matches!(opened(&file), Err(ParityError::NotParity)));
    assert!(matches!(opened(&[]), Err(ParityError::NotParity)));
    assert!(matches!(opened(&parity[..100]), Err(ParityError::Destroyed(_))));
    assert!(matches!(opened(&parity[..parity.len() / 2 - 1]), Err(ParityError::Destroyed(_))));
    assert!(opened(&parity[..parity.len() / 2]).is_ok());
    let mut both = parity.clone();
    both[20] ^= 1;
    assert!(opened(&both).is_ok());
    let end = both.len() - 20;
    both[end] ^= 1;
    assert!(matches!(opened(&both), Err(ParityError::Destroyed(_))));
}

/// a table at the place of another window is none; two are as good as lost here.
#[test]
fn a_table_at_the_place_of_another_window_is_not_used() {
    let (file, parity) = small();
    let table = 16 + 8 * 27 + 8;
    let record = 2 * table + 6 * 256;
    let places = [208, 208 + record];
    let mut swapped = parity.clone();
    for (from, to) in [(places[0], places[1]), (places[1], places[0])] {
        swapped[to..to + table].copy_from_slice(&parity[from..from + table]);
    }
    let (found, findings) = repaired(&file, &swapped).unwrap();
    assert!(found == file && findings.windows.len() == 2, "the second tables serve");
    assert!(findings.is_file_sound());
}

/// a parity file of which a part is of an earlier version, as a copy that was cut off leaves
/// it, puts nothing of that version back, and follows no change.
#[test]
fn a_parity_file_of_two_versions_puts_nothing_back() {
    let dice = &mut Dice::new(11);
    let stream = Stream::new(20_000, dice);
    let mut rewritten = stream.clone();
    rewritten.rewrite();
    let geometry = Geometry::new(8, 3, 21, 6).unwrap();
    let (old, new) = (parity_of(&stream.bytes, geometry), parity_of(&rewritten.bytes, geometry));
    assert_eq!(old.len(), new.len());
    let mut changed = rewritten.clone();
    changed.append(2_000, dice);
    let mut refused = 0;
    for cut in (0..=new.len()).step_by(97) {
        // The front was written anew, and the rest was not.
        let mixed = [&new[..cut], &old[cut..]].concat();
        match repaired(&rewritten.bytes, &mixed) {
            Ok((found, _)) => assert!(found == rewritten.bytes, "cut at {cut}"),
            Err(ParityError::Mixed) => refused += 1,
            Err(ParityError::Stale(_)) => assert!(cut < 208, "cut at {cut}"),
            Err(error) => panic!("cut at {cut}: {error}"),
        }
        let mixed = Memory::new(mixed);
        let (sidecar, target) = (Sidecar::open(&mixed).unwrap(), Memory::default());
        if renew(&Memory::new(changed.bytes.clone()), &sidecar, &target, &Work::alone()).is_ok() {
            let target = Memory::new(target.bytes());
            let sidecar = Sidecar::open(&target).unwrap();
            let findings =
                scan(&Memory::new(changed.bytes.clone()), None, &sidecar, &Work::alone());
            assert!(findings.unwrap().is_file_sound(), "cut at {cut}");
        }
    }
    assert!(refused > 50, "{refused}");
}

/// The parity file of another file damages nothing.
#[test]
fn the_parity_file_of_another_file_repairs_nothing() {
    let (_, parity) = small();
    let other = Dice::new(2).bytes(9_000);
    assert!(matches!(repaired(&other, &parity), Err(ParityError::BeyondRepair { .. })));
}

/// parity that gives other bytes than the checksums say leads to no write.
#[test]
fn parity_that_contradicts_the_checksums_gives_nothing_back() {
    let (file, parity) = small();
    let geometry = Geometry::new(8, 3, 21, 6).unwrap();
    // Parity of another file under the tables' own checksums.
    let other = parity_of(&Dice::new(2).bytes(9_000), geometry);
    let mut mixed = parity.clone();
    let table = 16 + 8 * 27 + 8;
    let record = 2 * table + 6 * 256;
    for window in 0..2 {
        let at = 208 + window * record;
        mixed[at + table..][..6 * 256].copy_from_slice(&other[at + table..][..6 * 256]);
        for copy in [at, 208 + ((window + 1) % 2 + 1) * record - table] {
            let crcs = copy + 16 + 8 * 21;
            mixed[crcs..][..48].copy_from_slice(&other[crcs..][..48]);
            sv2_crc::store(&mut mixed[copy..copy + table]);
        }
    }
    let sidecar = Memory::new(mixed);
    let sidecar = Sidecar::open(&sidecar).unwrap();
    let mut bad = file.clone();
    bad[1000] ^= 1;
    let bad_file = Memory::new(bad.clone());
    let findings = scan(&bad_file, None, &sidecar, &Work::alone()).unwrap();
    assert!(findings.is_repairable());
    let done = sv2_parity::repair_in_place(&bad_file, None, &sidecar, &findings, &Work::alone());
    assert!(matches!(done, Err(ParityError::Contradiction { .. })), "{done:?}");
    assert_eq!(bad_file.bytes(), bad);
    let copy = Memory::default();
    let done = sv2_parity::repair_copy(&bad_file, None, &sidecar, &findings, &copy, &Work::alone());
    assert!(matches!(done, Err(ParityError::Contradiction { .. })), "{done:?}");
}

/// A source that counts what is read of it.
struct Counted {
    file: Memory,
    read: AtomicU64,
}

impl Source for Counted {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// a claim of windows that are not there costs nothing.
#[test]
fn claims_of_a_short_parity_file_cost_no_reads() {
    let (_, parity) = small();
    let mut huge = parity.clone();
    let blocks: u64 = 1 << 40;
    let windows = blocks.div_ceil(3).div_ceil(7);
    let record = 2 * (16 + 8 * 27 + 8) + 6 * 256;
    for (at, value) in
        [(16, blocks * 256), (24, 2 * 208 + windows * record), (168, blocks * 256), (176, blocks)]
    {
        huge = with_field(&huge, at, &value.to_be_bytes());
    }
    let source = Counted { file: Memory::new(huge), read: AtomicU64::new(0) };
    assert!(matches!(Sidecar::open(&source), Err(ParityError::Destroyed(_))));
    assert!(source.read.into_inner() < 1000);
}

/// A comparison reads both files about once.
#[test]
fn a_comparison_reads_the_file_once() {
    let (file, parity) = small();
    let source = Counted { file: Memory::new(file.clone()), read: AtomicU64::new(0) };
    let parity = Counted { file: Memory::new(parity), read: AtomicU64::new(0) };
    let sidecar = Sidecar::open(&parity).unwrap();
    scan(&source, None, &sidecar, &Work::alone()).unwrap();
    // And twice the place of a trailer, which a file that is no stream has not.
    assert_eq!(source.read.into_inner(), file.len() as u64 + 2 * 128);
    assert!(parity.read.into_inner() <= parity.file.len().unwrap() + 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written over a parity file, a repair gives the file back or nothing.
    #[test]
    fn no_change_of_a_parity_file_makes_a_repair_write_something_else(
        at in 0usize..20_000,
        bytes in proptest::collection::vec(any::<u8>(), 1..600),
        sealed in any::<bool>(),
        hole in 0usize..8_000,
    ) {
        let (file, mut parity) = small();
        let at = at % parity.len();
        let end = (at + bytes.len()).min(parity.len());
        parity[at..end].copy_from_slice(&bytes[..end - at]);
        if sealed {
            parity = with_field(&parity, 0, b"SV2PRTY\n");
        }
        let mut bad = file.clone();
        bad[hole..hole + 500].fill(0);
        if let Ok((found, _)) = repaired(&bad, &parity) {
            prop_assert_eq!(found, file);
        }
    }
}

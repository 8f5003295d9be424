//! Parity files in files, other copies, and what a writer says of its work.

use std::fs::File;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use sv2_parity::{
    Identity, Memory, ParityError, Request, Sidecar, Spread, Work, protect, repair_copy,
    repair_in_place, scan,
};

use crate::support::{Dice, request, two_threads};

fn file_with(bytes: &[u8]) -> File {
    use sv2_parity::Target;
    let file = tempfile::tempfile().unwrap();
    Target::write_all_at(&file, bytes, 0).unwrap();
    file
}

fn content(file: &File) -> Vec<u8> {
    use std::io::{Read, Seek};
    let (mut file, mut bytes) = (file, Vec::new());
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// the parity file names any other file by length and checksum.
#[test]
fn the_checksum_of_the_whole_follows_from_those_of_the_blocks_in_any_order() {
    for len in [1, 4095, 4096, 4097, 1_000_000, 9_000_001] {
        let bytes = Dice::new(len as u64).bytes(len);
        for spread in [Spread::Runs, Spread::Consecutive] {
            let request = Request::new(1000, spread).unwrap();
            let parity = Memory::default();
            let file = Memory::new(bytes.clone());
            let done = protect(&file, &parity, request, &two_threads()).unwrap();
            let crc = sv2_crc::crc64(&bytes);
            assert_eq!(done.directory.identity, Identity::Other, "{len}");
            assert_eq!(done.directory.crc, crc, "{len}");
            assert_eq!(done.parity_len, parity.bytes().len() as u64);
        }
    }
}

#[test]
fn the_bytes_of_a_parity_file_do_not_depend_on_the_threads() {
    let file = Memory::new(Dice::new(1).bytes(30_000_000));
    let (one, two) = (Memory::default(), Memory::default());
    protect(&file, &one, request(), &Work::alone()).unwrap();
    protect(&file, &two, request(), &two_threads()).unwrap();
    assert!(one.bytes() == two.bytes());
}

///
#[test]
fn an_empty_file_is_protected_and_repaired() {
    let parity = Memory::default();
    protect(&Memory::default(), &parity, request(), &Work::alone()).unwrap();
    let sidecar = Sidecar::open(&parity).unwrap();
    let findings = scan(&Memory::default(), None, &sidecar, &Work::alone()).unwrap();
    assert!(findings.is_file_sound());
}

#[test]
fn real_files_are_repaired_in_place_and_into_another() {
    let bytes = Dice::new(2).bytes(3_000_000);
    let parity = tempfile::tempfile().unwrap();
    protect(&file_with(&bytes), &parity, request(), &two_threads()).unwrap();
    let mut bad = bytes.clone();
    bad[1_000_000..1_040_000].fill(0);
    bad.truncate(2_990_000);
    let (bad, copy) = (file_with(&bad), tempfile::tempfile().unwrap());
    let sidecar = Sidecar::open(&parity).unwrap();
    let findings = scan(&bad, None, &sidecar, &two_threads()).unwrap();
    repair_copy(&bad, None, &sidecar, &findings, &copy, &two_threads()).unwrap();
    assert!(content(&copy) == bytes && content(&bad) != bytes);
    repair_in_place(&bad, None, &sidecar, &findings, &two_threads()).unwrap();
    assert!(content(&bad) == bytes);
}

/// another copy gives what it has, also where its own damage is beyond repair.
#[test]
fn two_copies_that_are_both_beyond_repair_make_one_that_is_whole() {
    let bytes = Dice::new(3).bytes(2_000_000);
    let parity = Memory::default();
    protect(&Memory::new(bytes.clone()), &parity, request(), &Work::alone()).unwrap();
    let sidecar = Sidecar::open(&parity).unwrap();
    let (mut one, mut other) = (bytes.clone(), bytes.clone());
    one[..900_000].fill(0);
    other[800_000..].fill(0);
    let (one, other) = (Memory::new(one), Memory::new(other));
    for file in [&one, &other] {
        let findings = scan(file, None, &sidecar, &Work::alone()).unwrap();
        assert!(!findings.is_repairable());
    }
    let findings = scan(&one, Some(&other), &sidecar, &Work::alone()).unwrap();
    assert!(findings.is_repairable());
    let done = repair_in_place(&one, Some(&other), &sidecar, &findings, &Work::alone()).unwrap();
    assert!(one.bytes() == bytes);
    assert!(done.borrowed > 190 && done.computed >= 24, "{done:?}");
}

#[test]
fn work_is_watched_and_can_be_stopped() {
    let file = Memory::new(Dice::new(4).bytes(10_000_000));
    let seen = AtomicU64::new(0);
    let watch = |bytes| {
        seen.fetch_add(bytes, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let parity = Memory::default();
    let work = Work { observer: &watch, ..two_threads() };
    protect(&file, &parity, request(), &work).unwrap();
    assert_eq!(seen.into_inner(), 10_000_000);
    let stop = Work { observer: &|_| ControlFlow::Break(()), ..two_threads() };
    let stopped = protect(&file, &Memory::default(), request(), &stop);
    assert!(matches!(stopped, Err(ParityError::Cancelled)));
    let sidecar = Sidecar::open(&parity).unwrap();
    assert!(matches!(scan(&file, None, &sidecar, &stop), Err(ParityError::Cancelled)));
}

//! Parity files that follow appends and rewrites of their stream.

use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use sv2_parity::{Memory, ParityError, Renewal, Sidecar, Source, Work, protect, renew, scan};

use crate::support::{Dice, Stream, repaired, request, two_threads};

fn protected(stream: &Stream) -> Vec<u8> {
    let parity = Memory::default();
    protect(&Memory::new(stream.bytes.clone()), &parity, request(), &two_threads()).unwrap();
    parity.bytes()
}

fn renewed(stream: &[u8], parity: &[u8]) -> Result<(Vec<u8>, Renewal), ParityError> {
    let (old, new) = (Memory::new(parity.to_vec()), Memory::default());
    let sidecar = Sidecar::open(&old)?;
    let renewal = renew(&Memory::new(stream.to_vec()), &sidecar, &new, &two_threads())?;
    Ok((new.bytes(), renewal))
}

/// Some damage at places that follow from the length, repaired again.
fn check_repair(stream: &[u8], parity: &[u8]) {
    let (found, findings) = repaired(stream, parity).unwrap();
    assert!(findings.is_file_sound() && findings.windows.is_empty() && found == stream);
    for at in [0, stream.len() / 2, stream.len() - 130] {
        let mut bad = stream.to_vec();
        bad[at..at + 100].fill(0xEE);
        assert!(repaired(&bad, parity).unwrap().0 == stream, "{at}");
    }
}

/// the parity file follows many small appends, and its areas stay few.
#[test]
fn many_appends_merge_their_areas_and_stay_repairable() {
    let dice = &mut Dice::new(21);
    let mut stream = Stream::new(50_000, dice);
    let mut parity = protected(&stream);
    let mut most = 0;
    for round in 0..40 {
        stream.append(1 + dice.below(9_000), dice);
        let (next, renewal) = renewed(&stream.bytes, &parity).unwrap();
        parity = next;
        most = most.max(renewal.directory.areas.len());
        if round % 8 == 0 {
            check_repair(&stream.bytes, &parity);
        }
    }
    assert!(most <= 2, "{most}");
}

/// windows that a change did not touch are taken over, and the old recipients are stale.
#[test]
fn a_rewritten_header_costs_the_windows_of_header_and_tail() {
    let dice = &mut Dice::new(22);
    let mut stream = Stream::new(10 << 20, dice);
    let geometry = sv2_parity::Geometry::new(10, 10, 600, 20).unwrap();
    let len = stream.bytes.len() as u64;
    let area = sv2_parity::Area::new(0, len, len.div_ceil(1024), geometry).unwrap();
    assert!(area.windows() > 10);
    let parity = Memory::default();
    let file = Memory::new(stream.bytes.clone());
    sv2_parity::protect_with(&file, &parity, request(), vec![area], &two_threads()).unwrap();
    stream.rewrite();
    assert!(matches!(repaired(&stream.bytes, &parity.bytes()), Err(ParityError::Stale(_))));
    let (next, renewal) = renewed(&stream.bytes, &parity.bytes()).unwrap();
    assert!(renewal.encoded <= 3 && renewal.kept >= area.windows() - 3, "{renewal:?}");
    check_repair(&stream.bytes, &next);

    stream.append(100, dice);
    // The old index of so many small segments lay in half of the windows.
    let (last, renewal) = renewed(&stream.bytes, &next).unwrap();
    assert!(renewal.kept >= 6, "{} of {}", renewal.encoded, area.windows());
    assert_eq!(renewal.directory.areas.len(), 2);
    check_repair(&stream.bytes, &last);

    // As much again: the areas stay apart until what is new is as long as what was.
    stream.append(1 << 20, dice);
    let (last, renewal) = renewed(&stream.bytes, &last).unwrap();
    assert_eq!(renewal.directory.areas.len(), 2);
    check_repair(&stream.bytes, &last);
}

/// damage does not become what is protected.
#[test]
fn damage_in_a_window_that_is_encoded_anew_stops_the_renewal() {
    let dice = &mut Dice::new(23);
    let mut stream = Stream::new(300_000, dice);
    let parity = protected(&stream);
    stream.append(10, dice);
    let mut bad = stream.bytes.clone();
    bad[150_000] ^= 1;
    assert!(matches!(renewed(&bad, &parity), Err(ParityError::Damaged(at)) if at <= 150_000));
    assert!(renewed(&stream.bytes, &parity).is_ok());
}

#[test]
fn a_stream_of_another_shape_is_protected_anew() {
    let dice = &mut Dice::new(24);
    let stream = Stream::new(30_000, dice);
    let parity = protected(&stream);
    let other = Stream::new(29_000, dice);
    assert!(matches!(renewed(&other.bytes, &parity), Err(ParityError::Usage(_))));
    assert!(matches!(renewed(&[1; 3000], &parity), Err(ParityError::Usage(_))));
    let file = Memory::default();
    protect(&Memory::new(vec![1; 3000]), &file, request(), &Work::alone()).unwrap();
    assert!(matches!(renewed(&stream.bytes, &file.bytes()), Err(ParityError::Usage(_))));
}

/// A parity file whose reads are counted.
struct Counting<'a> {
    inner: Memory,
    reads: &'a AtomicU64,
}

impl Source for Counting<'_> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read_at(buffer, offset)
    }
}

fn three_megabytes(dice: &mut Dice) -> (Stream, Vec<u8>) {
    let stream = Stream::new(3 << 20, dice);
    let geometry = sv2_parity::Geometry::new(8, 2, 20, 4).unwrap();
    let parity = crate::support::parity_of(&stream.bytes, geometry);
    (stream, parity)
}

/// Tables are read several times, and whoever stops the work is heard in each of these passes.
#[test]
fn a_renewal_that_is_stopped_reads_no_further_tables() {
    let (mut stream, parity) = three_megabytes(&mut Dice::new(23));
    stream.rewrite();
    // However often the observer was asked before.
    for asked in [0, 1, 300, 700, 900, 1200] {
        let (reads, calls, stopped) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let observer = |_| {
            if calls.fetch_add(1, Ordering::Relaxed) < asked {
                return ControlFlow::Continue(());
            }
            stopped.store(reads.load(Ordering::Relaxed), Ordering::Relaxed);
            ControlFlow::Break(())
        };
        let work = Work { threads: NonZeroUsize::MIN, observer: &observer };
        let old = Counting { inner: Memory::new(parity.clone()), reads: &reads };
        let sidecar = Sidecar::open(&old).unwrap();
        let opened = reads.load(Ordering::Relaxed);
        let file = Memory::new(stream.bytes.clone());
        let ended = renew(&file, &sidecar, &Memory::default(), &work);
        assert!(matches!(ended, Err(ParityError::Cancelled)), "{asked}: {ended:?}");
        let read = reads.load(Ordering::Relaxed);
        assert_eq!(read, stopped.load(Ordering::Relaxed), "{asked}: read after it was stopped");
        assert!(read - opened <= 2 * asked, "{asked}: {} reads", read - opened);
    }
}

#[test]
fn a_scan_of_windows_without_tables_is_stopped_as_well() {
    let (stream, mut parity) = three_megabytes(&mut Dice::new(24));
    let records = 208..parity.len() - 208;
    parity[records].fill(0);
    let reads = AtomicU64::new(0);
    let old = Counting { inner: Memory::new(parity), reads: &reads };
    let sidecar = Sidecar::open(&old).unwrap();
    let opened = reads.load(Ordering::Relaxed);
    let stop = Work { threads: NonZeroUsize::MIN, observer: &|_| ControlFlow::Break(()) };
    let ended = scan(&Memory::new(stream.bytes), None, &sidecar, &stop);
    assert!(matches!(ended, Err(ParityError::Cancelled)), "{ended:?}");
    assert_eq!(reads.load(Ordering::Relaxed) - opened, 2, "both tables of one window");
}

//! Repairs in place that end anywhere.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use sv2_parity::{
    Geometry, Memory, Sidecar, Source, Target, Work, protect_with, repair_in_place, scan,
};

use crate::support::{Dice, Stream, area, parity_of, request};

/// A file whose power fails after some writes, of which the last one is torn.
struct Failing {
    file: Memory,
    left: AtomicU64,
    torn: usize,
}

impl Failing {
    fn spend(&self) -> bool {
        let spend = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }
}

impl Source for Failing {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

impl Target for Failing {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.spend() {
            return self.file.write_all_at(bytes, offset);
        }
        self.file.write_all_at(&bytes[..self.torn.min(bytes.len())], offset)?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.spend() { self.file.set_len(len) } else { Err(io::ErrorKind::Other.into()) }
    }

    fn sync(&self) -> io::Result<()> {
        if self.spend() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
    }
}

/// only lost blocks are written, so that whatever ends a repair, the next one succeeds.
#[test]
fn a_repair_that_dies_anywhere_leaves_a_file_that_the_next_one_repairs() {
    let dice = &mut Dice::new(11);
    let stream = Stream::new(20_000, dice);
    let geometry = Geometry::new(8, 3, 21, 6).unwrap();
    let parity = Memory::new(parity_of(&stream.bytes, geometry));
    let sidecar = Sidecar::open(&parity).unwrap();
    for damage in 0..3 {
        let mut bad = stream.bytes.clone();
        bad[300..1500].fill(0);
        bad[9_000..9_600].fill(7);
        match damage {
            0 => bad.truncate(bad.len() - 700),
            1 => bad.extend_from_slice(&[5; 333]),
            _ => {}
        }
        let mut steps = 0;
        loop {
            let file =
                Failing { file: Memory::new(bad.clone()), left: AtomicU64::new(steps), torn: 100 };
            let findings = scan(&file, None, &sidecar, &Work::alone()).unwrap();
            let done = repair_in_place(&file, None, &sidecar, &findings, &Work::alone());
            let left = file.file.bytes();
            for (at, (now, before)) in left.iter().zip(&bad).enumerate() {
                let is_lost = (256..1536).contains(&at)
                    || (8960..9728).contains(&at)
                    || at >= (bad.len().min(stream.bytes.len()) / 256) * 256;
                assert!(now == before || is_lost, "a sound byte was written at {at}");
            }
            if done.is_ok() {
                assert_eq!(left, stream.bytes);
                break;
            }
            let file = Memory::new(left);
            let findings = scan(&file, None, &sidecar, &Work::alone()).unwrap();
            repair_in_place(&file, None, &sidecar, &findings, &Work::alone()).unwrap();
            assert_eq!(file.bytes(), stream.bytes, "after {steps} steps");
            steps += 1;
        }
        assert!(steps > 5);
    }
}

/// whatever ends the writing, there is no parity file or a whole one.
#[test]
fn a_parity_file_that_was_not_finished_is_none() {
    let file = Dice::new(12).bytes(9_000);
    let geometry = Geometry::new(8, 3, 21, 6).unwrap();
    let whole = parity_of(&file, geometry);
    let mut steps = 0;
    loop {
        let target =
            Failing { file: Memory::default(), left: AtomicU64::new(steps), torn: usize::MAX };
        let areas = vec![area(file.len() as u64, geometry)];
        let source = Memory::new(file.clone());
        let done = protect_with(&source, &target, request(), areas, &Work::alone());
        let left = target.file.bytes();
        // The copy at the front may be missing.
        let has_records = left.get(208..) == Some(&whole[208..]);
        assert_eq!(Sidecar::open(&target).is_ok(), has_records, "after {steps} steps");
        if done.is_ok() {
            break;
        }
        steps += 1;
    }
    assert!(steps > 5);
}

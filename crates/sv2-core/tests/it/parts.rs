//! A stream that is sealed by parts between files: tasks that fail, and tasks that interleave.

use std::collections::{BTreeMap, HashSet};
use std::io;

use proptest::prelude::*;
use sv2_core::parts::{
    Coordinator, PartFailure, PartRule, PartSealer, PartsError, PartsPlan, SourcePin, StoredPart,
    part_crc64, part_sealer, plan_parts, reopen_parts, scrub_part, seal_part,
};
use sv2_core::{
    Cancellation, DecryptOptions, EncryptOptions, Geometry, InputSource, KeySource, ReadAt,
    RunOptions, StreamError, StreamKey, Unit, scrub,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Limits, decrypt_seekable};

const KEY: [u8; 32] = [3; 32];

fn planned(len: usize) -> Coordinator {
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(8, 1).expect("legal sizes");
    let rule = PartRule::s3().bounds(2000, 100_000).wanted_len(2200);
    let pin = SourcePin::new(len as u64, "a tag");
    plan_parts(&StreamKey::from_bytes(KEY), &options, pin, &rule).expect("a plan")
}

fn sealer(coordinator: &Coordinator) -> PartSealer {
    let plan = coordinator.parts_plan();
    let sealer = part_sealer(&plan.to_bytes(), coordinator.segments_key(), plan.source(), None);
    sealer.expect("the plan is ours")
}

/// What nobody cancels.
fn free() -> Cancellation {
    Cancellation::new()
}

fn all(_: u64) -> Result<(), StreamError> {
    Ok(())
}

/// One attempt: the wire bytes and the receipt.
fn attempt(sealer: &PartSealer, part: u32, plaintext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut wire = Vec::new();
    let source = plaintext.to_vec();
    let receipt = seal_part(sealer, part, &source, &mut wire, &mut all).expect("a part");
    let crc = receipt.crc64(sealer.plan()).expect("of this plan");
    assert_eq!(part_crc64(&wire, &free()).expect("memory"), crc);
    (wire, sealer.encode(&receipt))
}

/// A writer that takes so many bytes.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_task_that_fails_has_no_receipt_and_names_its_place() {
    let plaintext = paint(7000);
    let coordinator = planned(plaintext.len());
    let sealer = sealer(&coordinator);
    let spec = sealer.plan().part(2).expect("a part");
    let wire_len = (spec.wire.end - spec.wire.start) as usize;
    for room in [0, 1, 599, wire_len - 1] {
        let failed = seal_part(&sealer, 2, &plaintext, &mut Full(room), &mut all);
        let Err(PartFailure::Stream(StreamError::Write { offset, .. })) = failed else {
            panic!("{room}: {failed:?}");
        };
        assert!(offset <= room as u64);
    }
    // The source ends early, in the part and in front of it.
    for len in [spec.plaintext.end - 1, spec.plaintext.start, 0] {
        let short = plaintext[..len as usize].to_vec();
        let failed = seal_part(&sealer, 2, &short, &mut Vec::new(), &mut all);
        let Err(PartFailure::Stream(StreamError::Read { offset, .. })) = failed else {
            panic!("{len}: {failed:?}");
        };
        assert!(spec.plaintext.contains(&offset));
    }
    let mut told = 0;
    let mut stop = |_| {
        told += 1;
        if told == 2 { Err(StreamError::Cancelled { segment: 0 }) } else { Ok(()) }
    };
    let failed = seal_part(&sealer, 2, &plaintext, &mut Vec::new(), &mut stop);
    assert!(matches!(failed, Err(PartFailure::Stream(StreamError::Cancelled { .. }))));
    let failed = seal_part(&sealer, 99, &plaintext, &mut Vec::new(), &mut all);
    assert!(matches!(failed, Err(PartFailure::Parts(PartsError::NoSuchPart { part: 99 }))));
}

/// F-828, for a part alone: whichever byte rots, it is found, without a key and without the others.
#[test]
fn every_flipped_byte_of_a_part_is_found_without_a_key() {
    let plaintext = paint(5000);
    let coordinator = planned(plaintext.len());
    let sealer = sealer(&coordinator);
    let plan = PartsPlan::claimed(&coordinator.parts_plan().to_bytes()).expect("a plan");
    for part in [1, plan.parts()] {
        let (wire, _) = attempt(&sealer, part, &plaintext);
        let found = |wire: &[u8]| {
            scrub_part(&plan, part, InputSource::Memory(wire), &free()).expect("memory")
        };
        assert_eq!(found(&wire), []);
        for at in 0..wire.len() {
            let mut bad = wire.clone();
            bad[at] ^= 4;
            let damages = found(&bad);
            let place = plan.part(part).expect("a part").wire.start + at as u64;
            let pinned = damages.iter().any(|it| (it.offset..it.offset + it.len).contains(&place));
            assert!(pinned, "byte {at} of part {part}: {damages:?}");
        }
        for other in [&wire[..wire.len() - 1], &[&wire[..], &[0]].concat()] {
            let damages = found(other);
            assert!(matches!(damages[..], [ref one] if matches!(one.unit, Unit::Segment { .. })));
        }
    }
}

/// What a task does next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An engine starts an attempt at this part, which seals it.
    Start(u32),
    /// The attempt with this number (of those that were started) keeps its receipt.
    Keep(usize),
    /// And gives its part the name, in the place of what was there.
    Store(usize),
    /// A receipt that was kept is lost.
    Lose(usize),
    /// What is stored of a part is lost.
    Drop(u32),
    /// Whoever plans dies, and another one goes on from the plan.
    Restart,
    /// Somebody finishes.
    Finish,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8u32).prop_map(Step::Start),
        6 => (0..12usize).prop_map(Step::Keep),
        6 => (0..12usize).prop_map(Step::Store),
        1 => (0..12usize).prop_map(Step::Lose),
        1 => (0..8u32).prop_map(Step::Drop),
        1 => Just(Step::Restart),
        2 => Just(Step::Finish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// F-1231: attempts at the same parts interleave step by step, are killed between two steps
    /// (which then never come), and are finished at any moment: that gives one sound stream
    /// exactly where each stored part has its receipt, and names the first other part else.
    #[test]
    fn interleaved_tasks_end_in_one_sound_stream_or_an_error_that_names_the_part(
        len in 1900..6000usize,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let plaintext = paint(len);
        let mut coordinator = planned(len);
        let bytes = coordinator.parts_plan().to_bytes();
        let count = coordinator.parts_plan().parts();
        let sealer = sealer(&coordinator);
        let mut attempts: Vec<(u32, Vec<u8>, Vec<u8>)> = Vec::new();
        let mut kept: HashSet<usize> = HashSet::new();
        let mut stored: BTreeMap<u32, usize> = BTreeMap::new();
        let mut salts = HashSet::new();
        for step in steps.into_iter().chain([Step::Finish]) {
            match step {
                Step::Start(part) => {
                    let part = part % count + 1;
                    let (wire, receipt) = attempt(&sealer, part, &plaintext);
                    for entry in receipt[48..receipt.len() - 32].chunks_exact(32) {
                        prop_assert!(salts.insert(entry[..24].to_vec()), "a salt came twice");
                    }
                    attempts.push((part, wire, receipt));
                }
                Step::Keep(number) if number < attempts.len() => drop(kept.insert(number)),
                Step::Store(number) if number < attempts.len() => {
                    stored.insert(attempts[number].0, number);
                }
                Step::Lose(number) => drop(kept.remove(&number)),
                Step::Drop(part) => drop(stored.remove(&(part % count + 1))),
                Step::Restart => {
                    let key = StreamKey::from_bytes(KEY);
                    let options = DecryptOptions::standard();
                    coordinator = reopen_parts(&bytes, &KeySource::Key(&key), &options).expect("ours");
                }
                Step::Finish => {
                    let receipts: Vec<_> = kept.iter().map(|&number| &attempts[number].2).collect();
                    let held: Vec<_> = stored
                        .iter()
                        .map(|(&part, &number)| {
                            let crc = part_crc64(&attempts[number].1, &free()).expect("memory");
                            StoredPart::checked(part, crc)
                        })
                        .collect();
                    let bad = (1..=count)
                        .find(|part| stored.get(part).is_none_or(|number| !kept.contains(number)));
                    match coordinator.finish(&receipts, &held) {
                        Ok(finished) => {
                            prop_assert_eq!(bad, None);
                            let parts = stored.values().flat_map(|&number| attempts[number].1.clone());
                            let object: Vec<u8> = parts.chain(finished.tail).collect();
                            let opened = decrypt_seekable(&KEY, b"", &object, &Limits::FORMAT);
                            prop_assert!(opened.result.is_ok() && opened.released == plaintext);
                            let map = scrub(InputSource::Memory(&object), &RunOptions::automatic());
                            prop_assert!(map.expect("a stream").is_undamaged());
                        }
                        Err(error) => prop_assert_eq!(error.part(), bad),
                    }
                }
                Step::Keep(_) | Step::Store(_) => {}
            }
        }
    }
}

/// The checksum of a part is that of its bytes, in steps of any number.
#[test]
fn the_checksum_of_a_part_is_that_of_its_bytes() {
    for len in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 7] {
        let bytes = paint(len);
        assert_eq!(part_crc64(&bytes, &free()).expect("memory"), sv2_framing::crc::crc64(&bytes));
    }
    struct Broken;
    impl ReadAt for Broken {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }
        fn len(&self) -> io::Result<u64> {
            Ok(5)
        }
    }
    let ended = part_crc64(&Broken, &free()).expect_err("it ends early");
    assert!(matches!(
        ended,
        StreamError::Read { offset: 0, source } if source.kind() == io::ErrorKind::UnexpectedEof
    ));
}

/// Who is interrupted reads no further: a part may have 5 GiB.
#[test]
fn a_part_is_not_read_on_behind_an_interrupt() {
    let plaintext = paint(5000);
    let coordinator = planned(plaintext.len());
    let (wire, _) = attempt(&sealer(&coordinator), 1, &plaintext);
    let plan = PartsPlan::claimed(&coordinator.parts_plan().to_bytes()).expect("a plan");
    let cancel = free();
    cancel.cancel();
    let scrubbed = scrub_part(&plan, 1, InputSource::Memory(&wire), &cancel);
    assert!(matches!(scrubbed, Err(StreamError::Cancelled { segment: 0 })));
    assert!(matches!(part_crc64(&wire, &cancel), Err(StreamError::Cancelled { segment: 0 })));
}

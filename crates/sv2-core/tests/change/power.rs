//! The power fails: of everything that was not synced any part may be on the disk.

#![expect(clippy::print_stdout, reason = "counts of cases")]

use std::collections::{BTreeSet, HashSet};

use sv2_core::{ChangeFile, DigestAlg};
use sv2_testkit::paint::paint;

use crate::crash::{APPENDS, Change, recovered};
use crate::disk::{Disk, Found, Operation, Stop, write};
use crate::support::{SEGMENT, addition, append_to, readdress, settle, stream};

/// What becomes of a write that was not synced.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Lost,
    Whole,
    FirstHalf,
    LastHalf,
}

/// The fates of an operation: writes may be torn, all else is done or not.
fn fates(operation: &Operation) -> &'static [Fate] {
    match operation {
        Operation::Write(..) => &[Fate::Lost, Fate::Whole, Fate::FirstHalf, Fate::LastHalf],
        _ => &[Fate::Lost, Fate::Whole],
    }
}

/// Whether a later sync within the log brought operation `at` to stable storage.
fn is_durable(log: &[Operation], at: usize) -> bool {
    let sync = match &log[at] {
        Operation::Write(file, ..) => Operation::Sync(*file),
        Operation::Cut(_) => Operation::Sync(ChangeFile::Stream),
        Operation::Create | Operation::Remove => Operation::SyncFolder,
        Operation::Sync(_) | Operation::SyncFolder => return true,
    };
    let later = &log[at + 1..];
    // A change record that was removed and made again is another file.
    let same_file = match &log[at] {
        Operation::Write(ChangeFile::Record, ..) => {
            let next = later.iter().position(|operation| *operation == Operation::Create);
            &later[..next.unwrap_or(later.len())]
        }
        _ => later,
    };
    same_file.contains(&sync)
}

/// What the disk holds after the power failed at the end of the log, for each choice of fates.
fn remains(base: &Found, log: &[Operation]) -> HashSet<Found> {
    let open: Vec<usize> = (0..log.len()).filter(|&at| !is_durable(log, at)).collect();
    let mut choices: Vec<Vec<Fate>> = vec![Vec::new()];
    for &at in &open {
        choices = choices
            .iter()
            .flat_map(|chosen| fates(&log[at]).iter().map(|fate| [&chosen[..], &[*fate]].concat()))
            .collect();
    }
    let mut remains = HashSet::new();
    for chosen in choices {
        let fate = |at: usize| match open.iter().position(|&open| open == at) {
            Some(number) => chosen[number],
            None => Fate::Whole,
        };
        remains.insert(replay(base, log, fate));
    }
    remains
}

/// The disk after each operation met its fate. A change record's bytes and its name are apart: bytes
/// may be there without the name, and the name without the bytes.
fn replay(base: &Found, log: &[Operation], fate: impl Fn(usize) -> Fate) -> Found {
    let mut stream = base.stream.clone();
    let mut files = vec![base.record.clone().unwrap_or_default()];
    let mut named = base.record.as_ref().map(|_| 0);
    for (at, operation) in log.iter().enumerate() {
        let fate = fate(at);
        let done = matches!(fate, Fate::Whole);
        match operation {
            Operation::Write(file, offset, bytes) => {
                let half = bytes.len() / 2;
                let (from, to) = match fate {
                    Fate::Lost => continue,
                    Fate::Whole => (0, bytes.len()),
                    Fate::FirstHalf => (0, half),
                    Fate::LastHalf => (half, bytes.len()),
                };
                let target = match file {
                    ChangeFile::Stream => &mut stream,
                    ChangeFile::Record => files.last_mut().expect("there is a first"),
                };
                write(target, offset + from as u64, &bytes[from..to]);
            }
            Operation::Cut(len) if done => stream.resize(*len as usize, 0),
            Operation::Create => {
                files.push(Vec::new());
                if done {
                    named = Some(files.len() - 1);
                }
            }
            Operation::Remove if done => named = None,
            _ => {}
        }
    }
    Found { stream, record: named.map(|number| files[number].clone()) }
}

/// What may be left when the power fails before any operation of `change`, or after the last.
fn power_losses(old: &Found, change: &Change<'_>) -> Vec<Found> {
    let whole = Disk::holding(old.clone());
    change(&whole).expect("a change that nothing stops");
    let log = whole.log();
    (0..=log.len()).flat_map(|end| remains(whole.begun_with(), &log[..end])).collect()
}

// F-1101, F-1102
#[test]
fn an_append_whose_power_fails_leaves_the_old_or_the_new_stream() {
    let mut cases = 0;
    for (old_len, added_len) in APPENDS {
        let old = Found { stream: stream(old_len, DigestAlg::None), record: None };
        let added = addition(added_len);
        let new_plaintext = [paint(old_len), added.clone()].concat();
        let change = |disk: &Disk| append_to(disk, &added).map(|_| ());
        let mut generations = BTreeSet::new();
        for found in power_losses(&old, &change) {
            let (after, plaintext, _, generation) = recovered(&found).expect("a sealed state");
            match generation {
                0 => assert_eq!(after, old, "the old stream, byte for byte"),
                _ => assert!(plaintext == new_plaintext, "the new plaintext"),
            }
            generations.insert(generation);
            cases += 1;
        }
        assert_eq!(generations, BTreeSet::from([0, 1]), "both outcomes were met");
    }
    println!("appends without power: {cases} cases");
    assert!(cases > 200, "{cases} cases");
}

// F-1101, F-1102, F-1107
#[test]
fn a_rewrite_whose_power_fails_leaves_the_old_or_the_new_header() {
    let old = Found { stream: stream(SEGMENT + 5, DigestAlg::None), record: None };
    let change = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    let mut revisions = BTreeSet::new();
    for found in power_losses(&old, &change) {
        let (_, plaintext, revision, _) = recovered(&found).expect("a sealed state");
        assert_eq!(plaintext, paint(SEGMENT + 5));
        revisions.insert(revision);
    }
    assert_eq!(revisions, BTreeSet::from([0, 1]), "both outcomes were met");
}

// F-1101, F-1102
#[test]
fn a_recovery_whose_power_fails_is_done_by_the_next_one() {
    let old = Found { stream: stream(SEGMENT + 100, DigestAlg::None), record: None };
    let append = |disk: &Disk| append_to(disk, b"more").map(|_| ());
    let rewrite = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    let changes: [&Change<'_>; 2] = [&append, &rewrite];
    let mut cases = 0;
    for change in changes {
        let whole = Disk::holding(old.clone());
        change(&whole).expect("a change that nothing stops");
        for at in 0..whole.log().len() {
            let disk = Disk::holding(old.clone()).stopping(Stop::Killed { at, eighths: 8 });
            change(&disk).expect_err("a change that is stopped");
            // The process was killed and the machine went on: what it had not synced is seen by
            // the recovery, but is as open as before when the power fails then.
            let (killed, recovery) = (disk.log(), Disk::holding(disk.found()));
            settle(&recovery).expect("a recovery");
            let log = [killed.clone(), recovery.log()].concat();
            for end in killed.len()..=log.len() {
                for found in remains(&old, &log[..end]) {
                    recovered(&found).unwrap_or_else(|why| panic!("killed at {at}, {end}: {why}"));
                    cases += 1;
                }
            }
        }
    }
    println!("recoveries without power: {cases} cases");
    assert!(cases > 100, "{cases} cases");
}

// F-1102, F-1207
#[test]
fn a_change_after_a_killed_one_whose_power_fails_leaves_a_sealed_stream() {
    let old = Found { stream: stream(SEGMENT + 100, DigestAlg::None), record: None };
    let append = |disk: &Disk| append_to(disk, b"more").map(|_| ());
    let rewrite = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    let changes: [&Change<'_>; 2] = [&append, &rewrite];
    let mut states = BTreeSet::new();
    for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let whole = Disk::holding(old.clone());
        changes[first](&whole).expect("a change that nothing stops");
        for at in 0..whole.log().len() {
            let disk = Disk::holding(old.clone()).stopping(Stop::Killed { at, eighths: 8 });
            changes[first](&disk).expect_err("a change that is stopped");
            let (killed, next) = (disk.log(), Disk::holding(disk.found()));
            changes[second](&next).expect("a change");
            let log = [killed.clone(), next.log()].concat();
            for end in killed.len()..=log.len() {
                for found in remains(&old, &log[..end]) {
                    let (_, _, revision, generation) = recovered(&found).unwrap_or_else(|why| {
                        panic!("{first} killed at {at}, {second} until {end}: {why}")
                    });
                    states.insert((revision, generation));
                }
            }
        }
    }
    let met = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)];
    assert_eq!(states, BTreeSet::from(met), "revisions and generations");
}

// F-1101
#[test]
fn without_the_syncs_before_the_first_change_a_power_loss_destroys_the_stream() {
    let old = Found { stream: stream(SEGMENT + 100, DigestAlg::None), record: None };
    let added = addition(SEGMENT);
    let whole = Disk::holding(old.clone());
    append_to(&whole, &added).expect("an append");
    for omitted in [Operation::Sync(ChangeFile::Record), Operation::SyncFolder] {
        let mut log = whole.log();
        let first = log.iter().position(|operation| *operation == omitted).expect("one sync");
        log.remove(first);
        let lost = (0..=log.len())
            .flat_map(|end| remains(&old, &log[..end]))
            .any(|found| recovered(&found).is_err());
        assert!(lost, "the model does not notice that {omitted:?} is missing");
    }
}

// F-1006
#[test]
fn the_tail_is_written_after_the_segments_are_on_stable_storage() {
    let disk = Disk::new(&stream(SEGMENT + 100, DigestAlg::None));
    append_to(&disk, &addition(2 * SEGMENT)).expect("an append");
    let log = disk.log();
    let writes: Vec<usize> = (0..log.len())
        .filter(|&at| matches!(log[at], Operation::Write(ChangeFile::Stream, ..)))
        .collect();
    let [.., segment, tail] = writes[..] else { panic!("segments and a tail") };
    assert!(log[segment..tail].contains(&Operation::Sync(ChangeFile::Stream)));
}

// F-1101
#[test]
fn nothing_is_written_to_the_stream_before_the_change_record_is_on_stable_storage() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let (appended, readdressed) = (Disk::new(&old), Disk::new(&old));
    append_to(&appended, &addition(SEGMENT)).expect("an append");
    readdress(&readdressed, &[1, 2]).expect("a rewrite");
    for disk in [appended, readdressed] {
        let log = disk.log();
        let is_stream = |operation: &Operation| {
            matches!(operation, Operation::Write(ChangeFile::Stream, ..) | Operation::Cut(_))
        };
        let first = log.iter().position(is_stream).expect("a change");
        let last = log.iter().rposition(is_stream).expect("a change");
        let prepared = &log[..first];
        assert!(prepared.ends_with(&[Operation::Sync(ChangeFile::Record), Operation::SyncFolder]));
        let ended = [Operation::Sync(ChangeFile::Stream), Operation::Remove, Operation::SyncFolder];
        assert_eq!(log[last + 1..], ended);
    }
}

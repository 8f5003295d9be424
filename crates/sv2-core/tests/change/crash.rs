//! The process dies at any operation of a change, in the middle of any write: the old or the new
//! sealed state is reached (F-1102).

use std::collections::BTreeSet;

use sv2_core::{
    ChangeFile, DecryptOptions, DigestAlg, InputSource, KeySource, OutputSink, Recovery,
    StreamError, decrypt_stream_with,
};
use sv2_testkit::paint::paint;

use crate::disk::{Disk, Found, Operation, Stop};
use crate::support::{SEGMENT, addition, append_to, judge, key, readdress, settle, stream};

/// Old lengths and additions: without and with a segment that is opened, into the same segment
/// and over several.
pub(crate) const APPENDS: [(usize, usize); 5] = [
    (0, 3),
    (SEGMENT, 2 * SEGMENT + 1),
    (SEGMENT + 100, 50),
    (SEGMENT + 100, SEGMENT - 100),
    (2 * SEGMENT - 1, 3 * SEGMENT),
];

/// A change of a disk.
pub(crate) type Change<'c> = dyn Fn(&Disk) -> Result<(), StreamError> + 'c;

/// Every way to die in the course of `change`: how, and what is then on the disk.
fn deaths(old: &Found, change: &Change<'_>) -> Vec<(Stop, Found)> {
    let whole = Disk::holding(old.clone());
    change(&whole).expect("a change that nothing stops");
    let mut deaths = Vec::new();
    for (at, operation) in whole.log().iter().enumerate() {
        let tears = if matches!(operation, Operation::Write(..)) { 8 } else { 0 };
        for eighths in 0..=tears {
            let stop = Stop::Killed { at, eighths };
            let disk = Disk::holding(old.clone()).stopping(stop);
            change(&disk).expect_err("a change that is stopped");
            deaths.push((stop, disk.found()));
        }
    }
    deaths
}

/// The plaintext, revision and generation of what recovery makes of a disk.
pub(crate) fn recovered(found: &Found) -> Result<(Found, Vec<u8>, u64, u64), String> {
    let disk = Disk::holding(found.clone());
    settle(&disk).map_err(|error| format!("recovery failed: {error}"))?;
    let after = disk.found();
    if after.record.is_some() {
        return Err("the record is still there".to_owned());
    }
    let (plaintext, summary) = judge(&after.stream).ok_or("the stream is not sound")?;
    Ok((after, plaintext, summary.revision, summary.generation))
}

// F-1102, F-1206, F-1207
#[test]
fn an_append_that_dies_anywhere_leaves_the_old_or_the_new_stream() {
    for digest in [DigestAlg::None, DigestAlg::Sha256] {
        for (old_len, added_len) in APPENDS {
            let old = Found { stream: stream(old_len, digest), record: None };
            let added = addition(added_len);
            let new_plaintext = [paint(old_len), added.clone()].concat();
            let change = |disk: &Disk| append_to(disk, &added).map(|_| ());
            let mut generations = BTreeSet::new();
            for (stop, found) in deaths(&old, &change) {
                let (after, plaintext, _, generation) =
                    recovered(&found).unwrap_or_else(|why| panic!("{stop:?}: {why}"));
                match generation {
                    0 => assert_eq!(after, old, "{stop:?}: the old stream, byte for byte"),
                    _ => assert!(plaintext == new_plaintext, "{stop:?}: the new plaintext"),
                }
                generations.insert(generation);
            }
            assert_eq!(generations, BTreeSet::from([0, 1]), "both outcomes were met");
        }
    }
}

// F-1102, F-1107
#[test]
fn a_rewrite_that_dies_anywhere_leaves_the_old_or_the_new_header() {
    let old = Found { stream: stream(SEGMENT + 5, DigestAlg::None), record: None };
    let change = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    let mut revisions = BTreeSet::new();
    for (stop, found) in deaths(&old, &change) {
        let (after, plaintext, revision, _) =
            recovered(&found).unwrap_or_else(|why| panic!("{stop:?}: {why}"));
        assert_eq!(plaintext, paint(SEGMENT + 5));
        if revision == 0 {
            assert_eq!(after, old, "{stop:?}: the old stream, byte for byte");
        }
        revisions.insert(revision);
    }
    assert_eq!(revisions, BTreeSet::from([0, 1]), "both outcomes were met");
}

/// Whether a seekable reader that knows nothing of the change record opens the stream.
fn opens(stream: &[u8]) -> bool {
    let (key, mut plaintext) = (key(), Vec::new());
    let (input, output) = (InputSource::Memory(stream), OutputSink::Memory(&mut plaintext));
    let options = DecryptOptions::standard();
    decrypt_stream_with(input, output, &KeySource::Key(&key), &options).is_ok()
}

// F-1107
#[test]
fn a_rewrite_that_died_opens_without_recovery_unless_the_trailer_is_torn() {
    let old = Found { stream: stream(SEGMENT + 5, DigestAlg::None), record: None };
    let change = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    let whole = Disk::holding(old.clone());
    change(&whole).expect("a rewrite");
    let trailer = old.stream.len() as u64 - 128;
    let log = whole.log();
    let torn = |stop| match stop {
        Stop::Killed { at, eighths } => {
            let Operation::Write(ChangeFile::Stream, offset, _) = &log[at] else { return false };
            *offset == trailer && (1..8).contains(&eighths)
        }
        _ => false,
    };
    for (stop, found) in deaths(&old, &change) {
        assert!(opens(&found.stream) || torn(stop), "{stop:?}");
    }
    let order: Vec<u64> = log
        .iter()
        .filter_map(|operation| match operation {
            Operation::Write(ChangeFile::Stream, offset, _) => Some(*offset),
            _ => None,
        })
        .collect();
    let copy = trailer - 32 - 2 * 32 - crate::support::HEADER_LEN as u64;
    assert_eq!(order, [copy, 0, trailer], "F-1107: copy, front, trailer");
}

// F-1102, F-1107
#[test]
fn a_rewrite_that_mends_a_header_may_die_too() {
    let sound = stream(SEGMENT + 5, DigestAlg::None);
    let copy = sound.len() - 128 - 32 - 2 * 32 - crate::support::HEADER_LEN;
    let change = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    for damaged in [20, copy + 20] {
        let mut stream = sound.clone();
        stream[damaged] ^= 1;
        let old = Found { stream, record: None };
        for (stop, found) in deaths(&old, &change) {
            let disk = Disk::holding(found);
            settle(&disk).unwrap_or_else(|error| panic!("{stop:?}: {error}"));
            let after = disk.stream();
            assert!(opens(&after), "{stop:?}");
            assert!(after == old.stream || judge(&after).is_some(), "{stop:?}");
        }
    }
}

// F-1102
#[test]
fn a_recovery_that_dies_anywhere_is_done_by_the_next_one() {
    let appended = Found { stream: stream(SEGMENT + 100, DigestAlg::None), record: None };
    let added = addition(SEGMENT);
    let append = |disk: &Disk| append_to(disk, &added).map(|_| ());
    let rewrite = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    let changes: [&Change<'_>; 2] = [&append, &rewrite];
    for change in changes {
        let mut recoveries = 0;
        for (first, found) in deaths(&appended, change) {
            let (straight, ..) = recovered(&found).expect("the outcome without a second death");
            let recovery = |disk: &Disk| settle(disk).map(|_| ());
            for (second, found) in deaths(&found, &recovery) {
                let (after, ..) = recovered(&found)
                    .unwrap_or_else(|why| panic!("{first:?}, then {second:?}: {why}"));
                assert_eq!(after, straight, "{first:?}, then {second:?}");
                recoveries += 1;
            }
        }
        assert!(recoveries > 100, "{recoveries} second deaths");
    }
}

// F-1207
#[test]
fn the_next_change_recovers_by_itself() {
    let old = Found { stream: stream(SEGMENT + 100, DigestAlg::None), record: None };
    let added = addition(SEGMENT);
    let append = |disk: &Disk| append_to(disk, &added).map(|_| ());
    let mut plaintexts = BTreeSet::new();
    for (stop, found) in deaths(&old, &append) {
        let (_, before, ..) = recovered(&found).expect("one of two states");
        let disk = Disk::holding(found);
        append_to(&disk, b"more").expect("an append after a crash");
        let (plaintext, _) = judge(&disk.stream()).expect("a sound stream");
        assert!(plaintext == [before, b"more".to_vec()].concat(), "{stop:?}");
        plaintexts.insert(plaintext);
    }
    assert_eq!(plaintexts.len(), 2, "both outcomes were met");
}

// F-1206, F-1207
#[test]
fn recovery_says_what_it_did() {
    let old = Found { stream: stream(SEGMENT + 100, DigestAlg::None), record: None };
    let append = |disk: &Disk| append_to(disk, b"more").map(|_| ());
    let rewrite = |disk: &Disk| readdress(disk, &[1, 2]).map(|_| ());
    // An append whose new end is there lacks nothing but the removal of its record.
    let changes: [(&Change<'_>, &[Recovery]); 2] =
        [(&append, &[Recovery::TakenBack, Recovery::Finished]), (&rewrite, &[Recovery::Finished])];
    for (change, replayed) in changes {
        let mut seen = Vec::new();
        for (_, found) in deaths(&old, change) {
            let disk = Disk::holding(found);
            let recovery = settle(&disk).expect("a recovery");
            assert_eq!(settle(&disk).expect("another"), Recovery::Nothing);
            if !seen.contains(&recovery) {
                seen.push(recovery);
            }
        }
        assert_eq!(seen, [&[Recovery::Nothing, Recovery::Discarded], replayed].concat());
    }
}

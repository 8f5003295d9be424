//! Change records that are damaged, of something else, or in use (local-files.md section 1.1).

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sv2_core::{
    ChangeClaim, ChangeFault, ChangeFile, ChangeOptions, DigestAlg, FileFault, InputSource,
    KeySource, Recovery, StreamError, append, inspect_change, recover, unfinished_change,
};

use crate::disk::{Disk, Found, Operation, Stop};
use crate::support::{
    HEADER_LEN, KEY, SEGMENT, addition, append_to, key, readdress, settle, stream,
};

/// A disk on which a change died half-way, with a complete change record.
pub(crate) fn half_changed(old: &[u8], change: impl Fn(&Disk) -> Result<(), StreamError>) -> Found {
    let whole = Disk::new(old);
    change(&whole).expect("a change");
    let is_stream =
        |operation: &Operation| matches!(operation, Operation::Write(ChangeFile::Stream, ..));
    let at = whole.log().iter().position(is_stream).expect("a write") + 1;
    let disk = Disk::new(old).stopping(Stop::Killed { at, eighths: 4 });
    change(&disk).expect_err("a change that is stopped");
    disk.found()
}

pub(crate) fn half_appended(old: &[u8]) -> Found {
    half_changed(old, |disk| append_to(disk, &addition(2 * SEGMENT)).map(|_| ()))
}

pub(crate) fn half_rewritten(old: &[u8]) -> Found {
    half_changed(old, |disk| readdress(disk, &[1, 2]).map(|_| ()))
}

// F-1206
#[test]
fn a_change_record_with_a_wrong_bit_or_without_its_end_is_removed_and_not_used() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    for record in broken(&found) {
        let disk = Disk::holding(Found { record: Some(record), stream: old.clone() });
        assert_eq!(settle(&disk).expect("a recovery"), Recovery::Discarded);
        assert_eq!(disk.log(), [Operation::Remove, Operation::SyncFolder]);
    }
}

/// The change record of a disk cut at each length, and with each byte changed.
fn broken(found: &Found) -> Vec<Vec<u8>> {
    let record = found.record.clone().expect("a change record");
    let mut broken: Vec<Vec<u8>> = (0..record.len()).map(|len| record[..len].to_vec()).collect();
    broken.extend((0..record.len()).map(|at| {
        let mut flipped = record.clone();
        flipped[at] ^= 1 << (at % 8);
        flipped
    }));
    broken
}

/// F-1206: where the old tail is gone, the change record is all there is of it, and stays although it is
/// damaged.
#[test]
fn a_damaged_change_record_stays_beside_a_stream_that_needs_it() {
    let found = half_appended(&stream(SEGMENT + 100, DigestAlg::None));
    for record in broken(&found) {
        let disk = Disk::holding(Found { record: Some(record), ..found.clone() });
        let error = settle(&disk).expect_err("it cannot be used");
        assert!(is_refused(&error, ChangeFault::Incomplete), "{error}");
        assert_eq!(disk.log(), [], "nothing was changed");
    }
}

/// F-1206: a damaged change record of a rewrite stays where the front header is that of another trailer,
/// or torn beside a copy that is.
#[test]
fn a_damaged_change_record_stays_in_each_step_of_a_rewrite_that_needs_it() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let whole = Disk::new(&old);
    readdress(&whole, &[1, 2]).expect("a rewrite");
    let (new, count) = (whole.stream(), whole.log().len());
    let (front, tail) = (HEADER_LEN, old.len() - 128);
    let mut verdicts = [0, 0];
    for (at, eighths) in (0..count).flat_map(|at| [(at, 0), (at, 4)]) {
        let disk = Disk::new(&old).stopping(Stop::Killed { at, eighths });
        readdress(&disk, &[1, 2]).expect_err("a rewrite that is stopped");
        let Found { stream, record: Some(mut record) } = disk.found() else { continue };
        record.truncate(record.len().saturating_sub(1));
        let same =
            |other: &[u8]| (stream[..front] == other[..front], stream[tail..] == other[tail..]);
        let is_settled = same(&old) == (true, true) || same(&new) == (true, true);
        let disk = Disk::holding(Found { stream, record: Some(record) });
        assert_eq!(settle(&disk).is_ok(), is_settled, "{at}, {eighths}");
        verdicts[usize::from(is_settled)] += 1;
    }
    assert!(verdicts[0] >= 4 && verdicts[1] >= 4, "{verdicts:?}");
}

pub(crate) fn is_refused(error: &StreamError, fault: ChangeFault) -> bool {
    matches!(error, StreamError::RefusedChange(found) if *found == fault)
}

// F-1210
#[test]
fn a_change_record_of_another_stream_or_state_is_left_alone_with_both_files() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let newer = appended(&old);
    let newest = appended(&newer);
    let other = ChangeFault::OtherStream;
    let cases = [
        ("the same plaintext in another stream", stream(SEGMENT + 100, DigestAlg::None), other),
        ("a longer stream", stream(9 * SEGMENT, DigestAlg::None), other),
        ("a shorter stream", stream(SEGMENT - 1, DigestAlg::None), other),
        ("no stream", b"something else".to_vec(), other),
        ("nothing", Vec::new(), other),
        ("an older state of the stream", old, ChangeFault::OtherState),
        ("a newer state of the stream", appended(&newest), ChangeFault::OtherState),
    ];
    for record in [half_appended(&newer).record, half_rewritten(&newer).record] {
        for (what, stream, fault) in &cases {
            let disk = Disk::holding(Found { stream: stream.clone(), record: record.clone() });
            let error = settle(&disk).expect_err(what);
            assert!(is_refused(&error, *fault), "{what}: {error}");
            append_to(&disk, b"more").expect_err("a change recovers first");
            assert_eq!(disk.log(), [], "{what}: nothing was written");
        }
    }
}

/// What an append makes of a stream; another one each time.
pub(crate) fn appended(old: &[u8]) -> Vec<u8> {
    let disk = Disk::new(old);
    append_to(&disk, &addition(2 * SEGMENT)).expect("an append");
    disk.stream()
}

/// F-1214: an append that ended and whose record was kept is not taken back: the new state is
/// whole, and the record goes.
#[test]
fn the_record_of_an_append_that_ended_is_dropped_and_the_append_stays() {
    for len in [0, 9, SEGMENT, SEGMENT + 100] {
        let old = stream(len, DigestAlg::None);
        let whole = Disk::new(&old);
        append_to(&whole, &addition(2 * SEGMENT)).expect("an append");
        let at = whole.log().len() - 2;
        let disk = Disk::new(&old).stopping(Stop::Killed { at, eighths: 0 });
        append_to(&disk, &addition(2 * SEGMENT)).expect_err("an append that is stopped");
        let found = disk.found();
        assert!(found.record.is_some());
        let disk = Disk::holding(found.clone());
        assert_eq!(settle(&disk).expect("a recovery"), Recovery::Finished);
        let done = [Operation::Sync(ChangeFile::Stream), Operation::Remove, Operation::SyncFolder];
        assert_eq!(disk.log(), done, "{len}");
        assert_eq!(disk.stream(), found.stream);
    }
}

/// F-1214: an append that was torn is taken back whatever rotted at the front of the stream,
/// since the record has the header that opened it.
#[test]
fn a_torn_append_is_mended_although_the_front_header_rotted() {
    for len in [0, 9, SEGMENT, SEGMENT + 100] {
        let old = stream(len, DigestAlg::None);
        let mut found = half_appended(&old);
        for at in [0, 20, 50, 100, HEADER_LEN - 1] {
            found.stream[at] ^= 1;
        }
        let disk = Disk::holding(found);
        assert_eq!(settle(&disk).expect("a recovery"), Recovery::TakenBack, "{len}");
        assert_eq!(disk.stream()[HEADER_LEN..], old[HEADER_LEN..], "{len}");
    }
}

// F-1214
#[test]
fn without_the_key_a_record_is_reported_and_not_used() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let wrong = sv2_core::StreamKey::from_bytes([1; 32]);
    let other = stream(SEGMENT + 100, DigestAlg::None);
    let mut torn = half_appended(&old);
    torn.record.as_mut().expect("a record").truncate(100);
    let planted = Found { stream: other, record: half_appended(&old).record };
    let twice = {
        let disk = Disk::holding(Found { stream: old.clone(), record: None });
        for _ in 0..2 {
            append_to(&disk, b"more").expect("an append");
        }
        disk.stream()
    };
    let kept = Found { stream: twice.clone(), record: half_appended(&old).record };
    let kept_rewrite = Found { stream: twice, record: half_rewritten(&old).record };
    for (found, claim) in [
        (half_appended(&old), ChangeClaim::Append),
        (half_rewritten(&old), ChangeClaim::Rewrite),
        (torn, ChangeClaim::Unfit(ChangeFault::Incomplete)),
        (planted, ChangeClaim::Unfit(ChangeFault::OtherStream)),
        (kept, ChangeClaim::Unfit(ChangeFault::OtherState)),
        (kept_rewrite, ChangeClaim::Unfit(ChangeFault::OtherState)),
    ] {
        let (_folder, path) = folder_with(&found);
        assert_eq!(inspect_change(&path).expect("a look"), Some(claim));
        recover(&path, &KeySource::Key(&wrong), &ChangeOptions::standard())
            .expect_err("it is not the key");
        assert_eq!(std::fs::read(&path).expect("a file"), found.stream);
        assert!(unfinished_change(&path).is_some());
    }
    let (_folder, path) = folder_with(&Found { stream: old, record: None });
    assert_eq!(inspect_change(&path).expect("a look"), None);
}

// F-1214
#[test]
fn a_record_is_that_of_one_context() {
    let found = half_appended(&stream(SEGMENT + 100, DigestAlg::None));
    let (disk, key) = (Disk::holding(found), key());
    let options = ChangeOptions::standard().context("another");
    let error =
        sv2_core::recover_on(&disk, &KeySource::Key(&key), &options).expect_err("a context");
    assert!(matches!(error, StreamError::WrongKeyOrContext), "{error}");
    assert_eq!(disk.log(), []);
}

// F-1208
#[test]
fn a_change_record_holds_neither_key_nor_plaintext() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let plaintext = sv2_testkit::paint::paint(SEGMENT + 100);
    for found in [half_appended(&old), half_rewritten(&old)] {
        let record = found.record.expect("a change record");
        let holds = |needle: &[u8]| record.windows(needle.len()).any(|part| part == needle);
        assert!(!holds(&KEY));
        assert!(!holds(&plaintext[SEGMENT..SEGMENT + 16]), "the segment that is opened");
    }
}

fn by_name(path: &Path) -> Result<Recovery, StreamError> {
    let key = key();
    recover(path, &KeySource::Key(&key), &ChangeOptions::standard())
}

/// A folder with a stream and a change record in it, as `found` has them.
pub(crate) fn folder_with(found: &Found) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("stream.sv2");
    std::fs::write(&path, &found.stream).expect("a small file");
    if let Some(record) = &found.record {
        let beside = folder.path().join("stream.sv2.sv2-change");
        std::fs::write(beside, record).expect("a small file");
    }
    (folder, path)
}

// F-1207
#[test]
fn files_are_recovered_through_any_symbolic_link() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let (folder, path) = folder_with(&half_appended(&old));
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    let record = folder.path().canonicalize().expect("a folder").join("stream.sv2.sv2-change");
    assert_eq!(unfinished_change(&path), Some(record.clone()));
    assert_eq!(unfinished_change(&link), Some(record));
    assert_eq!(by_name(&link).expect("a recovery"), Recovery::TakenBack);
    assert_eq!(unfinished_change(&path), None);
    assert_eq!(std::fs::read(&path).expect("a file"), old);
    assert_eq!(by_name(&path).expect("a recovery"), Recovery::Nothing);
    let missing = folder.path().join("missing");
    assert_eq!(unfinished_change(&missing), None);
    assert!(matches!(by_name(&missing), Err(StreamError::Read { .. })));
}

// F-1209
#[test]
fn two_changes_of_one_file_exclude_each_other() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    let (_folder, path) = folder_with(&found);
    let other = File::open(&path).expect("a file");
    other.lock().expect("a lock");
    assert!(matches!(by_name(&path), Err(StreamError::Busy)));
    let (key, input) = (key(), InputSource::Memory(b"more"));
    let busy = append(&path, input, &KeySource::Key(&key), &ChangeOptions::standard());
    assert!(matches!(busy, Err(StreamError::Busy)), "{busy:?}");
    assert_eq!(std::fs::read(&path).expect("a file"), found.stream, "nothing was written");
    assert!(unfinished_change(&path).is_some());
    drop(other);
    assert_eq!(by_name(&path).expect("a recovery"), Recovery::TakenBack);
}

// F-1206
#[test]
fn what_is_no_file_is_neither_changed_nor_taken_for_a_change_record() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(by_name(folder.path()).is_err());
    let (folder, path) = folder_with(&Found { stream: stream(1, DigestAlg::None), record: None });
    let aim = folder.path().join("precious");
    std::fs::write(&aim, b"precious").expect("a small file");
    std::os::unix::fs::symlink(&aim, folder.path().join("stream.sv2.sv2-change")).expect("a link");
    assert!(matches!(by_name(&path), Err(StreamError::ChangeRecord(_))));
    assert_eq!(std::fs::read(&aim).expect("a file"), b"precious");
}

// F-1213
#[test]
fn a_change_record_that_others_may_have_written_is_not_used() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    let fault_of = |path: &Path| match by_name(path) {
        Err(StreamError::ChangeRecord(error)) => {
            error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
        }
        _ => None,
    };
    let (folder, path) = folder_with(&found);
    let record = folder.path().join("stream.sv2.sv2-change");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
    };
    for others_write in [0o620, 0o602] {
        mode(&record, others_write);
        assert_eq!(fault_of(&path), Some(FileFault::Writable));
    }
    mode(&record, 0o600);
    let second = folder.path().join("second");
    std::fs::hard_link(&record, &second).expect("a second name");
    assert_eq!(fault_of(&path), Some(FileFault::Names));
    std::fs::remove_file(&second).expect("it is there");
    std::fs::rename(&record, &second).expect("it is there");
    std::os::unix::fs::symlink(&second, &record).expect("a link");
    assert_eq!(fault_of(&path), Some(FileFault::Link));
    std::fs::remove_file(&record).expect("it is there");
    std::fs::rename(&second, &record).expect("it is there");
    // Another owner can only be made by root; the tests of CI may run as anybody.
    if std::os::unix::fs::chown(&record, Some(65_534), None).is_ok() {
        assert_eq!(fault_of(&path), Some(FileFault::Owner));
        // The stream's own owner could have written to the stream as well.
        std::os::unix::fs::chown(&path, Some(65_534), None).expect("it worked before");
    }
    assert_eq!(std::fs::read(&path).expect("a file"), found.stream, "nothing was written");
    // Who may write to the stream need not plant anything.
    mode(&path, 0o660);
    mode(&record, 0o660);
    assert_eq!(by_name(&path).expect("a recovery"), Recovery::TakenBack);
    assert_eq!(std::fs::read(&path).expect("a file"), old);
}

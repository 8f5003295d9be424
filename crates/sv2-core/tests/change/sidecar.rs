//! Sidecars that are damaged, of something else, or in use (format.md appendix A.2).

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sv2_core::{
    ChangeFile, ChangeOptions, DigestAlg, ErrorKind, FileFault, InputSource, KeySource, Recovery,
    StreamError, append, recover, recover_on, unfinished_change,
};

use crate::disk::{Disk, Found, Operation, Stop};
use crate::support::{HEADER_LEN, KEY, SEGMENT, addition, append_to, key, readdress, stream};

/// A disk on which a change died half-way, with a complete sidecar.
fn half_changed(old: &[u8], change: impl Fn(&Disk) -> Result<(), StreamError>) -> Found {
    let whole = Disk::new(old);
    change(&whole).expect("a change");
    let is_stream =
        |operation: &Operation| matches!(operation, Operation::Write(ChangeFile::Stream, ..));
    let at = whole.log().iter().position(is_stream).expect("a write") + 1;
    let disk = Disk::new(old).stopping(Stop::Killed { at, eighths: 4 });
    change(&disk).expect_err("a change that is stopped");
    disk.found()
}

fn half_appended(old: &[u8]) -> Found {
    half_changed(old, |disk| append_to(disk, &addition(2 * SEGMENT)).map(|_| ()))
}

fn half_rewritten(old: &[u8]) -> Found {
    half_changed(old, |disk| readdress(disk, &[1, 2]).map(|_| ()))
}

// F-1206
#[test]
fn a_sidecar_with_a_wrong_bit_or_without_its_end_is_removed_and_not_used() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    for sidecar in broken(&found) {
        let disk = Disk::holding(Found { sidecar: Some(sidecar), stream: old.clone() });
        assert_eq!(recover_on(&disk).expect("a recovery"), Recovery::Discarded);
        assert_eq!(disk.log(), [Operation::Remove, Operation::SyncFolder]);
    }
}

/// The sidecar of a disk cut at each length, and with each byte changed.
fn broken(found: &Found) -> Vec<Vec<u8>> {
    let sidecar = found.sidecar.clone().expect("a sidecar");
    let mut broken: Vec<Vec<u8>> = (0..sidecar.len()).map(|len| sidecar[..len].to_vec()).collect();
    broken.extend((0..sidecar.len()).map(|at| {
        let mut flipped = sidecar.clone();
        flipped[at] ^= 1 << (at % 8);
        flipped
    }));
    broken
}

/// F-1206: where the old tail is gone, the sidecar is all there is of it, and stays although it is
/// damaged.
#[test]
fn a_damaged_sidecar_stays_beside_a_stream_that_needs_it() {
    let found = half_appended(&stream(SEGMENT + 100, DigestAlg::None));
    for sidecar in broken(&found) {
        let disk = Disk::holding(Found { sidecar: Some(sidecar), ..found.clone() });
        let error = recover_on(&disk).expect_err("it cannot be used");
        assert!(matches!(error, StreamError::UnfinishedChange { .. }), "{error}");
        assert_eq!(disk.log(), [], "nothing was changed");
    }
}

/// F-1206: a damaged sidecar of a rewrite stays where the front header is that of another trailer,
/// or torn beside a copy that is.
#[test]
fn a_damaged_sidecar_stays_in_each_step_of_a_rewrite_that_needs_it() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let whole = Disk::new(&old);
    readdress(&whole, &[1, 2]).expect("a rewrite");
    let (new, count) = (whole.stream(), whole.log().len());
    let (front, tail) = (HEADER_LEN, old.len() - 128);
    let mut verdicts = [0, 0];
    for (at, eighths) in (0..count).flat_map(|at| [(at, 0), (at, 4)]) {
        let disk = Disk::new(&old).stopping(Stop::Killed { at, eighths });
        readdress(&disk, &[1, 2]).expect_err("a rewrite that is stopped");
        let Found { stream, sidecar: Some(mut sidecar) } = disk.found() else { continue };
        sidecar.truncate(sidecar.len().saturating_sub(1));
        let same =
            |other: &[u8]| (stream[..front] == other[..front], stream[tail..] == other[tail..]);
        let is_settled = same(&old) == (true, true) || same(&new) == (true, true);
        let disk = Disk::holding(Found { stream, sidecar: Some(sidecar) });
        assert_eq!(recover_on(&disk).is_ok(), is_settled, "{at}, {eighths}");
        verdicts[usize::from(is_settled)] += 1;
    }
    assert!(verdicts[0] >= 4 && verdicts[1] >= 4, "{verdicts:?}");
}

// F-1210
#[test]
fn a_sidecar_of_another_stream_or_state_is_left_alone_with_both_files() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let disk = Disk::new(&old);
    append_to(&disk, &addition(2 * SEGMENT)).expect("an append");
    let newer = disk.stream();
    let others = [
        ("the same plaintext in another stream", stream(SEGMENT + 100, DigestAlg::None)),
        ("a longer stream", stream(9 * SEGMENT, DigestAlg::None)),
        ("a shorter stream", stream(SEGMENT - 1, DigestAlg::None)),
        ("no stream", b"something else".to_vec()),
        ("nothing", Vec::new()),
    ];
    let sidecars = [half_appended(&newer).sidecar, half_rewritten(&newer).sidecar];
    for sidecar in sidecars {
        let older = [("an older state of the stream", old.clone())];
        for (what, stream) in others.iter().chain(&older) {
            let found = Found { stream: stream.clone(), sidecar: sidecar.clone() };
            let disk = Disk::holding(found);
            let error = recover_on(&disk).expect_err(what);
            let kind = matches!(error, StreamError::UnfinishedChange { source: None, .. });
            assert!(kind, "{what}: {error}");
            assert_eq!(error.kind(), ErrorKind::Io);
            append_to(&disk, b"more").expect_err("a change recovers first");
            assert_eq!(disk.log(), [], "{what}: nothing was written");
        }
    }
}

/// What an append makes of a stream; another one each time.
fn appended(old: &[u8]) -> Vec<u8> {
    let disk = Disk::new(old);
    append_to(&disk, &addition(2 * SEGMENT)).expect("an append");
    disk.stream()
}

// F-1210
#[test]
fn one_witness_is_enough_to_tell_states_of_equal_length_apart() {
    let digest = DigestAlg::None;
    let (short, long) = (stream(9, digest), stream(2 * SEGMENT, digest));
    let empty = stream(0, digest);
    let cases = [
        ("no segment stays: the front header", half_appended(&short), stream(9, digest)),
        ("a fork: the last segment that stays", half_appended(&appended(&long)), appended(&long)),
        ("nothing but headers: the header", half_rewritten(&empty), stream(0, digest)),
        ("a fork: the trailer", half_rewritten(&appended(&long)), appended(&long)),
    ];
    for (what, half, other) in cases {
        let found = Found { stream: other, sidecar: half.sidecar };
        let disk = Disk::holding(found);
        let error = recover_on(&disk).expect_err(what);
        assert!(matches!(error, StreamError::UnfinishedChange { .. }), "{what}: {error}");
        assert_eq!(disk.log(), [], "{what}: nothing was written");
    }
}

// F-1210
#[test]
fn a_whole_sidecar_of_a_later_version_is_left_alone() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    let sidecar = found.sidecar.clone().expect("a sidecar");
    let end = sidecar.len() - 32;
    // Version, direction, number of records; a record's offset, length, purpose and checksum.
    let checksum = 32 + 16 + HEADER_LEN;
    for at in [9, 11, 31, 32, 32 + 11, 32 + 15, checksum] {
        let mut later = sidecar.clone();
        later[at] ^= 0x40;
        let hash = sv2_testkit::reference::primitives::sha256(&later[..end]);
        later[end..].copy_from_slice(&hash);
        let disk = Disk::holding(Found { sidecar: Some(later), ..found.clone() });
        let error = recover_on(&disk).expect_err("a sidecar that cannot be read");
        assert!(matches!(error, StreamError::UnfinishedChange { .. }), "{at}: {error}");
        assert_eq!(disk.log(), [], "{at}: nothing was written");
    }
}

/// The records of a sidecar, each as it stands there.
fn records_of(sidecar: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &sidecar[32..sidecar.len() - 32];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let len = 24 + u32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        records.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    records
}

/// A whole sidecar with the head of another one and these records.
fn sidecar_of(head: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let mut sidecar = head[..24].to_vec();
    sidecar.extend((records.len() as u64).to_be_bytes());
    for record in records {
        let mut record = record.clone();
        sv2_testkit::reference::forge::refresh_crc(&mut record);
        sidecar.extend(record);
    }
    let hash = sv2_testkit::reference::primitives::sha256(&sidecar);
    sidecar.extend(hash);
    sidecar
}

// F-1212
#[test]
fn a_sidecar_that_would_overwrite_its_own_witness_is_refused_before_anything_is_written() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let appended = half_appended(&old);
    let rewritten = half_rewritten(&old);
    let (undo, redo) = (appended.sidecar.clone(), rewritten.sidecar.clone());
    let (undo, redo) = (undo.expect("a sidecar"), redo.expect("a sidecar"));
    let (of_undo, of_redo) = (records_of(&undo), records_of(&redo));
    assert_eq!((of_undo.len(), of_redo.len()), (3, 5), "two of each are witnesses");
    // Offset of a record's byte: 16 bytes stand before the content.
    let flipped = |records: &[Vec<u8>], record: usize, at: usize| {
        let mut records = records.to_vec();
        records[record][16 + at] ^= 1;
        records
    };
    let with = |records: &[Vec<u8>], record: Vec<u8>, place: usize| {
        let mut records = records.to_vec();
        records.insert(place, record);
        records
    };
    // A write of the last byte of the front header, which is a witness of the append.
    let mut clash = (HEADER_LEN as u64 - 1).to_be_bytes().to_vec();
    clash.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    let (same, other) = (old[HEADER_LEN - 1], old[HEADER_LEN - 1] ^ 1);
    let clashing = |byte: u8| [&clash[..], &[byte], &[0; 8]].concat();
    let sixteen: Vec<_> =
        std::iter::repeat_n(of_redo[0].clone(), 14).chain(of_redo.clone()).collect();
    let seventeen = with(&sixteen, of_redo[0].clone(), 0);

    let cases = [
        ("the header's first kept byte", &rewritten, flipped(&of_redo, 3, 0), false),
        ("the header's last kept byte", &rewritten, flipped(&of_redo, 3, 87), false),
        ("the header's next byte", &rewritten, flipped(&of_redo, 3, 88), true),
        ("the trailer's last kept byte", &rewritten, flipped(&of_redo, 4, 71), false),
        ("the trailer's next byte", &rewritten, flipped(&of_redo, 4, 72), true),
        ("a witness after a write", &rewritten, with(&of_redo, of_redo[0].clone(), 3), false),
        ("sixteen witnesses", &rewritten, sixteen, true),
        ("seventeen witnesses", &rewritten, seventeen, false),
        ("an undo of a witness", &appended, with(&of_undo, clashing(other), 2), false),
        ("an undo after the rest", &appended, with(&of_undo, clashing(other), 3), false),
        ("an undo that changes nothing", &appended, with(&of_undo, clashing(same), 3), true),
        ("the trailer's witness alone", &rewritten, of_redo[1..].to_vec(), false),
        ("the header's witness alone", &rewritten, [&of_redo[..1], &of_redo[2..]].concat(), true),
        ("no witness", &appended, of_undo[2..].to_vec(), false),
    ];
    for (what, found, records, sound) in cases {
        let head = found.sidecar.as_deref().unwrap_or_default();
        let sidecar = sidecar_of(head, &records);
        let disk = Disk::holding(Found { sidecar: Some(sidecar), ..found.clone() });
        let result = recover_on(&disk);
        if sound {
            result.expect(what);
            assert_eq!(disk.found().sidecar, None, "{what}");
        } else {
            let error = result.expect_err(what);
            assert!(matches!(error, StreamError::UnfinishedChange { .. }), "{what}: {error}");
            assert!(error.to_string().contains("makes no sense"), "{what}: {error}");
            assert_eq!(disk.log(), [], "{what}: nothing was written");
        }
    }
}

// F-1208
#[test]
fn a_sidecar_holds_neither_key_nor_plaintext() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let plaintext = sv2_testkit::paint::paint(SEGMENT + 100);
    for found in [half_appended(&old), half_rewritten(&old)] {
        let sidecar = found.sidecar.expect("a sidecar");
        let holds = |needle: &[u8]| sidecar.windows(needle.len()).any(|part| part == needle);
        assert!(!holds(&KEY));
        assert!(!holds(&plaintext[SEGMENT..SEGMENT + 16]), "the segment that is opened");
    }
}

/// A folder with a stream and a sidecar in it, as `found` has them.
fn folder_with(found: &Found) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("stream.sv2");
    std::fs::write(&path, &found.stream).expect("a small file");
    if let Some(sidecar) = &found.sidecar {
        let beside = folder.path().join("stream.sv2.sv2-change");
        std::fs::write(beside, sidecar).expect("a small file");
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
    let sidecar = folder.path().canonicalize().expect("a folder").join("stream.sv2.sv2-change");
    assert_eq!(unfinished_change(&path), Some(sidecar.clone()));
    assert_eq!(unfinished_change(&link), Some(sidecar));
    assert_eq!(recover(&link).expect("a recovery"), Recovery::TakenBack);
    assert_eq!(unfinished_change(&path), None);
    assert_eq!(std::fs::read(&path).expect("a file"), old);
    assert_eq!(recover(&path).expect("a recovery"), Recovery::Nothing);
    let missing = folder.path().join("missing");
    assert_eq!(unfinished_change(&missing), None);
    assert!(matches!(recover(&missing), Err(StreamError::Read { .. })));
}

// F-1209
#[test]
fn two_changes_of_one_file_exclude_each_other() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    let (_folder, path) = folder_with(&found);
    let other = File::open(&path).expect("a file");
    other.lock().expect("a lock");
    assert!(matches!(recover(&path), Err(StreamError::Busy)));
    let (key, input) = (key(), InputSource::Memory(b"more"));
    let busy = append(&path, input, &KeySource::Key(&key), &ChangeOptions::standard());
    assert!(matches!(busy, Err(StreamError::Busy)), "{busy:?}");
    assert_eq!(std::fs::read(&path).expect("a file"), found.stream, "nothing was written");
    assert!(unfinished_change(&path).is_some());
    drop(other);
    assert_eq!(recover(&path).expect("a recovery"), Recovery::TakenBack);
}

// F-1206
#[test]
fn what_is_no_file_is_neither_changed_nor_taken_for_a_sidecar() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(recover(folder.path()).is_err());
    let (folder, path) = folder_with(&Found { stream: stream(1, DigestAlg::None), sidecar: None });
    let aim = folder.path().join("precious");
    std::fs::write(&aim, b"precious").expect("a small file");
    std::os::unix::fs::symlink(&aim, folder.path().join("stream.sv2.sv2-change")).expect("a link");
    assert!(matches!(recover(&path), Err(StreamError::Sidecar(_))));
    assert_eq!(std::fs::read(&aim).expect("a file"), b"precious");
}

// F-1213
#[test]
fn a_sidecar_that_others_may_have_written_is_not_used() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let found = half_appended(&old);
    let fault_of = |path: &Path| match recover(path) {
        Err(StreamError::Sidecar(error)) => {
            error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
        }
        _ => None,
    };
    let (folder, path) = folder_with(&found);
    let sidecar = folder.path().join("stream.sv2.sv2-change");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
    };
    for others_write in [0o620, 0o602] {
        mode(&sidecar, others_write);
        assert_eq!(fault_of(&path), Some(FileFault::Writable));
    }
    mode(&sidecar, 0o600);
    let second = folder.path().join("second");
    std::fs::hard_link(&sidecar, &second).expect("a second name");
    assert_eq!(fault_of(&path), Some(FileFault::Names));
    std::fs::remove_file(&second).expect("it is there");
    std::fs::rename(&sidecar, &second).expect("it is there");
    std::os::unix::fs::symlink(&second, &sidecar).expect("a link");
    assert_eq!(fault_of(&path), Some(FileFault::Link));
    std::fs::remove_file(&sidecar).expect("it is there");
    std::fs::rename(&second, &sidecar).expect("it is there");
    // Another owner can only be made by root; the tests of CI may run as anybody.
    if std::os::unix::fs::chown(&sidecar, Some(65_534), None).is_ok() {
        assert_eq!(fault_of(&path), Some(FileFault::Owner));
        // The stream's own owner could have written to the stream as well.
        std::os::unix::fs::chown(&path, Some(65_534), None).expect("it worked before");
    }
    assert_eq!(std::fs::read(&path).expect("a file"), found.stream, "nothing was written");
    // Who may write to the stream need not plant anything.
    mode(&path, 0o660);
    mode(&sidecar, 0o660);
    assert_eq!(recover(&path).expect("a recovery"), Recovery::TakenBack);
    assert_eq!(std::fs::read(&path).expect("a file"), old);
}

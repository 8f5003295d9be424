//! Files that somebody else put beside the output, or that are no files of ours any more.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sv2_core::{
    CheckpointError, CheckpointFile, DigestAlg, ErrorKind, FileFault, StreamError, StreamReport,
};
use sv2_testkit::paint::paint;

use crate::support::{Folder, HEADER_LEN, SEGMENT, options, refusal, stream};

const LEN: usize = 5 * SEGMENT + 1;

fn wire() -> Vec<u8> {
    stream(&paint(LEN), &options(DigestAlg::None, 1))
}

fn resume(folder: &Folder) -> Result<StreamReport, StreamError> {
    folder.resume(&paint(LEN), &options(DigestAlg::None, 2))
}

fn fault(result: Result<StreamReport, StreamError>) -> (CheckpointFile, FileFault) {
    match refusal(result) {
        CheckpointError::NotOurs { file, fault } => (file, fault),
        other => panic!("{other}"),
    }
}

/// A way to make a sound file one that others can write or have written.
type Plant = fn(&Folder, &Path);

const PLANTS: [(Plant, FileFault); 5] = [
    (
        |folder, path| {
            fs::rename(path, folder.path("elsewhere")).expect("a file");
            symlink("elsewhere", path).expect("a new link");
        },
        FileFault::Link,
    ),
    (
        |folder, path| fs::hard_link(path, folder.path("elsewhere")).expect("a link"),
        FileFault::Names,
    ),
    (|_, path| mode(path, 0o620), FileFault::Writable),
    (|_, path| mode(path, 0o602), FileFault::Writable),
    (
        |_, path| {
            fs::remove_file(path).expect("a file");
            let kind = rustix::fs::FileType::Fifo;
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).expect("a pipe");
        },
        FileFault::Special,
    ),
];

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
}

/// F-1115: neither a link nor a file that others can write to or name is believed.
#[test]
fn an_unfinished_stream_that_others_may_have_written_is_refused() {
    for (plant, expected) in PLANTS {
        let folder = Folder::with_unfinished(&wire());
        plant(&folder, &folder.output.file(CheckpointFile::Output));
        let names = folder.names();
        assert_eq!(fault(resume(&folder)), (CheckpointFile::Output, expected));
        assert_eq!(folder.names(), names);
    }
}

/// F-1115: the same for both files of a decrypt.
#[test]
fn files_of_a_decrypt_that_others_may_have_written_are_refused() {
    for file in [CheckpointFile::Output, CheckpointFile::Journal] {
        for (plant, expected) in PLANTS {
            let folder = Folder::new();
            let run = crate::support::cancelled_at(SEGMENT as u64);
            folder.decrypt_with(&wire(), run).expect_err("it was cancelled");
            plant(&folder, &folder.output.file(file));
            let names = folder.names();
            assert_eq!(fault(folder.decrypt(&wire())), (file, expected));
            assert_eq!(folder.names(), names);
        }
    }
}

/// A file of the same name that is none of ours is never written to.
#[test]
fn a_file_that_is_no_unfinished_stream_is_left_alone() {
    let mut damaged = wire();
    damaged[100] ^= 1;
    let mut other_version = wire();
    other_version[9] = 2;
    for bytes in [
        &b""[..],
        b"a letter to somebody",
        &wire()[..95],
        &wire()[..HEADER_LEN - 1],
        &damaged,
        &other_version,
    ] {
        let folder = Folder::with_unfinished(bytes);
        let refused = refusal(resume(&folder));
        assert!(
            matches!(refused, CheckpointError::Foreign { file: CheckpointFile::Output, .. }),
            "{refused}"
        );
        assert_eq!(folder.file(CheckpointFile::Output), bytes);
    }
    let folder = Folder::with_unfinished(b"a letter to somebody");
    let refused = refusal(folder.decrypt(&wire()));
    assert!(matches!(refused, CheckpointError::NoJournal), "{refused}");
    assert_eq!(folder.file(CheckpointFile::Output), b"a letter to somebody");
}

/// Two calls never work on one output.
#[test]
fn a_file_that_is_being_worked_on_is_left_alone() {
    let folder = Folder::with_unfinished(&wire());
    let other = File::open(folder.output.file(CheckpointFile::Output)).expect("a file");
    other.try_lock().expect("nobody else has it");
    for result in [resume(&folder), folder.decrypt(&wire())] {
        let error = result.expect_err("it is locked");
        assert!(matches!(error, StreamError::Checkpoint(CheckpointError::InUse)), "{error}");
        assert_eq!(error.kind(), ErrorKind::Io);
    }
    assert_eq!(folder.file(CheckpointFile::Output), wire());
    drop(other);
    assert_eq!(resume(&folder).expect("it goes on").kept_segments, 6);
}

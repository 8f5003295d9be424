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

/// F-1116: a finished stream of this user's own, renamed in a folder that others can write to, is
/// not continued, whoever else knows its key: no mark names it. Nor does the mark of another run.
#[test]
fn a_finished_stream_that_was_renamed_into_place_is_not_continued() {
    let mut folder = Folder::new();
    for marked in [false, true] {
        folder.put(CheckpointFile::Output, &wire());
        if marked {
            let mut other = wire();
            other[20] ^= 1;
            folder.mark(&other);
        }
        let refused = refusal(resume(&folder));
        let unknown = CheckpointFile::Output;
        assert!(
            matches!(refused, CheckpointError::NotMarked { file } if file == unknown),
            "{refused}"
        );
        assert_eq!(folder.file(CheckpointFile::Output), wire());
    }
    // The mark of this very stream, for another output.
    folder.mark(&wire());
    let elsewhere = folder.path("elsewhere");
    fs::rename(folder.output.file(CheckpointFile::Output), folder.path("elsewhere.unfinished"))
        .expect("a file");
    folder.output.path = elsewhere;
    let refused = refusal(resume(&folder));
    assert!(matches!(refused, CheckpointError::NotMarked { .. }), "{refused}");
}

/// F-1116: where no mark can be kept, others must not be able to rename files, and what looks
/// finished is left alone.
#[test]
fn without_a_place_for_marks_only_an_unfinished_file_in_a_folder_of_ones_own_is_continued() {
    for place in [None, Some("relative".into()), Some("/dev/null/state".into())] {
        let mut folder = Folder::new();
        folder.output.state = place;
        folder.put(CheckpointFile::Output, &wire());
        let refused = refusal(resume(&folder));
        assert!(matches!(refused, CheckpointError::Sealed), "{refused}");
        for mode_of_folder in [0o770, 0o707] {
            mode(&folder.path(""), mode_of_folder);
            let refused = refusal(resume(&folder));
            // A group of the user's own is no other user.
            if mode_of_folder == 0o707 || rustix::process::geteuid().is_root() {
                assert!(matches!(refused, CheckpointError::Unmarkable), "{refused}");
            }
            assert_eq!(folder.file(CheckpointFile::Output), wire());
        }
        mode(&folder.path(""), 0o1777);
        folder.put(CheckpointFile::Output, &wire()[..wire().len() - 1]);
        resume(&folder).expect("it goes on");
        assert_eq!(folder.names(), ["out"]);
        mode(&folder.path(""), 0o707);
        fs::remove_file(folder.path("out")).expect("a file");
        let begun = folder.encrypt(&paint(LEN), &options(DigestAlg::None, 1));
        assert!(matches!(refusal(begun), CheckpointError::Unmarkable));
        assert_eq!(folder.names(), Vec::<String>::new(), "nothing that could not be continued");
    }
}

/// F-1117: a mark that others can write is none.
#[test]
fn marks_in_a_folder_that_others_can_write_to_are_not_believed() {
    let folder = Folder::with_unfinished(&wire());
    let state = folder.output.state.clone().expect("a folder for marks");
    mode(&state.join("resume"), 0o777);
    let refused = refusal(resume(&folder));
    assert!(matches!(refused, CheckpointError::Sealed), "{refused}");
}

/// F-1117: what has the name of a mark and is none is neither waited for nor read to its end.
#[test]
fn a_pipe_or_an_endless_file_in_the_place_of_a_mark_is_no_mark() {
    for endless in [false, true] {
        let folder = Folder::with_unfinished(&wire());
        let marks = folder.output.state.clone().expect("a folder for marks").join("resume");
        let mark = fs::read_dir(&marks).expect("it is there").next().expect("a mark");
        let path = mark.expect("it is listed").path();
        match endless {
            true => {
                let file = File::options().write(true).open(&path).expect("a file");
                file.set_len(1 << 40).expect("a hole");
            }
            false => {
                fs::remove_file(&path).expect("a file");
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).expect("a pipe");
            }
        }
        // Whoever is not believed by a mark is not continued.
        resume(&folder).expect_err("there is no mark");
        assert_eq!(folder.file(CheckpointFile::Output), wire());
    }
}

/// F-1117: a mark is there before the file has a name, and goes when the output has its own.
#[test]
fn a_mark_lasts_as_long_as_what_it_is_about() {
    let folder = Folder::new();
    let mut interrupted = options(DigestAlg::None, 1);
    interrupted.run = crate::support::cancelled_at(SEGMENT as u64);
    folder.encrypt(&paint(LEN), &interrupted).expect_err("it was cancelled");
    assert_eq!((folder.names(), folder.marks()), (vec!["out.unfinished".to_owned()], 1));
    resume(&folder).expect("its mark is there");
    assert_eq!((folder.names(), folder.marks()), (vec!["out".to_owned()], 0));
    fs::remove_file(folder.path("out")).expect("a file");

    let run = crate::support::cancelled_at(SEGMENT as u64);
    folder.decrypt_with(&wire(), run).expect_err("it was cancelled");
    assert_eq!(folder.marks(), 1);
    folder.decrypt(&wire()).expect("it goes on");
    assert_eq!((folder.names(), folder.marks()), (vec!["out".to_owned()], 0));
}

/// F-1118: plaintext that the journal counts is compared with the stream again, but for files that
/// a mark names in a folder where nobody else can put others in their place.
#[test]
fn counted_plaintext_that_others_could_have_changed_is_read_again() {
    let cut_off = || {
        let folder = Folder::new();
        let run = crate::support::cancelled_at(2 * SEGMENT as u64);
        folder.decrypt_with(&wire(), run).expect_err("it was cancelled");
        let mut changed = folder.file(CheckpointFile::Output);
        assert!(changed.len() > SEGMENT);
        changed[SEGMENT] ^= 1;
        (folder, changed)
    };
    let refused = |folder: &Folder, changed: &[u8]| {
        let refused = refusal(folder.decrypt(&wire()));
        assert!(matches!(refused, CheckpointError::Changed { segment: 1 }), "{refused}");
        assert_eq!(folder.file(CheckpointFile::Output), changed);
    };
    // No mark: an archive was unpacked, or there is no place for one.
    let (folder, changed) = cut_off();
    folder.put(CheckpointFile::Output, &changed);
    let state = folder.output.state.clone().expect("a folder for marks");
    fs::remove_dir_all(state.join("resume")).expect("its mark");
    refused(&folder, &changed);
    // Another file under the same name.
    let (folder, changed) = cut_off();
    let path = folder.output.file(CheckpointFile::Output);
    fs::rename(&path, folder.path("kept")).expect("a file");
    folder.put(CheckpointFile::Output, &changed);
    refused(&folder, &changed);
    // Others can rename there.
    let (folder, changed) = cut_off();
    folder.put(CheckpointFile::Output, &changed);
    mode(&folder.path(""), 0o707);
    refused(&folder, &changed);
    // What is sound goes on, read again or not.
    let (folder, mut changed) = cut_off();
    changed[SEGMENT] ^= 1;
    folder.put(CheckpointFile::Output, &changed);
    mode(&folder.path(""), 0o707);
    assert!(folder.decrypt(&wire()).expect("it goes on").kept_segments > 0);
    assert_eq!(folder.result(), paint(LEN));
}

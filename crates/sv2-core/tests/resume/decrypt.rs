//! A decrypt from its start to an interruption and on to its end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sv2_core::{
    CheckpointError, CheckpointFile, DecryptOptions, DigestAlg, ErrorKind, Existing, InputSource,
    KeySource, StreamError, Tail, decrypt_resumable,
};
use sv2_testkit::paint::paint;

use crate::support::{Folder, SEGMENT, cancelled_at, key, options, refusal, stream};

const LEN: usize = 40 * SEGMENT + 7;

fn wire(len: usize) -> Vec<u8> {
    stream(&paint(len), &options(DigestAlg::Sha256, 1))
}

#[test]
fn a_call_that_is_not_interrupted_leaves_the_output_alone() {
    for len in [0, 1, SEGMENT, SEGMENT + 1, LEN] {
        let folder = Folder::new();
        let report = folder.decrypt(&wire(len)).expect("a sealed stream");
        assert_eq!((report.kept_segments, report.bytes_out), (0, len as u64));
        assert_eq!(folder.names(), ["out"]);
        assert_eq!(folder.result(), paint(len));
        let mode = fs::metadata(folder.path("out")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// F-1106, F-1201: what was counted when a call was cancelled is not done again.
#[test]
fn a_cancelled_call_is_continued() {
    let wire = wire(LEN);
    for done in [1, 5 * SEGMENT as u64, 39 * SEGMENT as u64] {
        let folder = Folder::new();
        let error = folder.decrypt_with(&wire, cancelled_at(done)).expect_err("it was cancelled");
        assert!(matches!(error, StreamError::Cancelled { .. }), "{error}");
        assert_eq!(folder.names(), ["out.sv2-journal", "out.unfinished"]);
        for file in [CheckpointFile::Output, CheckpointFile::Journal] {
            let path = folder.output.file(file);
            assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
        }
        let counted = folder.file(CheckpointFile::Output).len() / SEGMENT;
        let report = folder.decrypt(&wire).expect("it goes on");
        // All workers have finished what they began, so nothing from the front is missing.
        assert!(report.kept_segments >= done / SEGMENT as u64, "{report:?}");
        assert!(report.kept_segments <= counted as u64);
        assert_eq!((report.bytes_out, folder.result()), (LEN as u64, paint(LEN)));
        assert_eq!(folder.names(), ["out"]);
    }
}

/// An error in the middle of a stream costs nothing of what came before it.
#[test]
fn a_stream_that_was_fetched_again_is_continued() {
    let sound = wire(LEN);
    let mut damaged = sound.clone();
    let at = crate::support::place(&sound, 20, DigestAlg::Sha256, LEN);
    damaged[at.start + 100] ^= 1;
    let folder = Folder::new();
    let error = folder.decrypt(&damaged).expect_err("a damaged frame");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let report = folder.decrypt(&sound).expect("it goes on");
    assert_eq!((report.kept_segments, folder.result()), (20, paint(LEN)));
}

/// F-1106: what the journal counts is neither read nor written again.
#[test]
fn what_is_counted_is_not_done_again() {
    let sound = wire(LEN);
    let folder = Folder::new();
    folder.decrypt_with(&sound, cancelled_at(9 * SEGMENT as u64)).expect_err("cancelled");
    let mut damaged = sound.clone();
    let at = crate::support::place(&sound, 3, DigestAlg::Sha256, LEN);
    damaged[at].fill(0);
    folder.decrypt(&damaged).expect("the damage is behind it");
    assert_eq!(folder.result(), paint(LEN));
}

/// F-1211: the journal is there while plaintext is written, and until the output has its name.
#[test]
fn the_journal_outlasts_the_work() {
    let wire = wire(LEN);
    let folder = Folder::new();
    let (journal, output) = (folder.output.file(CheckpointFile::Journal), folder.path("out"));
    let run = sv2_core::RunOptions::automatic().observer(move |_| {
        assert!(journal.exists());
        fs::write(&output, b"precious").expect("a small file");
    });
    let error = folder.decrypt_with(&wire, run).expect_err("the output exists");
    assert!(matches!(error, StreamError::OutputExists), "{error}");
    assert_eq!(folder.result(), b"precious");
    assert_eq!(folder.names(), ["out", "out.sv2-journal", "out.unfinished"]);
    fs::remove_file(folder.path("out")).expect("it is there");
    folder.decrypt(&wire).expect("it goes on");
    assert_eq!((folder.result(), folder.names()), (paint(LEN), vec!["out".to_owned()]));
}

/// F-1106: the journal of another stream, or of another state of the stream, is refused, and
/// nothing is lost.
#[test]
fn a_journal_of_another_stream_is_refused() {
    let folder = Folder::new();
    folder.decrypt_with(&wire(LEN), cancelled_at(9 * SEGMENT as u64)).expect_err("cancelled");
    let before = [CheckpointFile::Output, CheckpointFile::Journal].map(|file| folder.file(file));
    let resealed = stream(&paint(LEN), &options(DigestAlg::Sha256, 2));
    for other in [wire(LEN - 1), resealed] {
        let refused = refusal(folder.decrypt(&other));
        assert!(matches!(refused, CheckpointError::OtherStream), "{refused}");
    }
    let now = [CheckpointFile::Output, CheckpointFile::Journal].map(|file| folder.file(file));
    assert_eq!(now, before);
    folder.decrypt(&wire(LEN)).expect("it goes on");
    assert_eq!(folder.result(), paint(LEN));
}

/// F-1204: an output that is shorter than what is counted is not used; a longer one is cut
/// (F-1203).
#[test]
fn the_output_is_measured_by_the_journal() {
    let wire = wire(LEN);
    let left = || {
        let folder = Folder::new();
        folder.decrypt_with(&wire, cancelled_at(9 * SEGMENT as u64)).expect_err("cancelled");
        folder
    };
    let folder = left();
    let short = vec![0; 5 * SEGMENT];
    folder.put(CheckpointFile::Output, &short);
    let refused = refusal(folder.decrypt(&wire));
    assert!(matches!(refused, CheckpointError::Shorter { len: 2560, .. }), "{refused}");
    assert_eq!(folder.file(CheckpointFile::Output), short);

    let folder = left();
    let mut long = folder.file(CheckpointFile::Output);
    long.resize(LEN + 1000, 0xEE);
    folder.put(CheckpointFile::Output, &long);
    folder.decrypt(&wire).expect("it goes on");
    assert_eq!(folder.result(), paint(LEN));
}

/// A call may die between any two steps of its beginning and of its end.
#[test]
fn half_a_beginning_and_half_an_end_are_no_obstacle() {
    let wire = wire(LEN);
    let folder = Folder::new();
    folder.decrypt_with(&wire, cancelled_at(9 * SEGMENT as u64)).expect_err("cancelled");
    let journal = folder.file(CheckpointFile::Journal);

    // The output was made, its journal not yet.
    let folder = Folder::with_unfinished(b"");
    assert_eq!(folder.decrypt(&wire).expect("it begins").kept_segments, 0);
    assert_eq!(folder.result(), paint(LEN));

    // The output has its name, the journal is not removed yet.
    let mut folder = Folder::new();
    folder.put(CheckpointFile::Journal, &journal);
    fs::write(folder.path("out"), b"finished").expect("a small file");
    let error = folder.decrypt(&wire).expect_err("the output exists");
    assert!(matches!(error, StreamError::OutputExists), "{error}");
    folder.output.existing = Existing::Replace;
    assert_eq!(folder.decrypt(&wire).expect("it begins anew").kept_segments, 0);
    assert_eq!((folder.result(), folder.names()), (paint(LEN), vec!["out".to_owned()]));

    // The same with a journal that is none of this stream's.
    let folder = Folder::new();
    folder.put(CheckpointFile::Journal, b"somebody's notes");
    let refused = refusal(folder.decrypt(&wire));
    assert!(
        matches!(refused, CheckpointError::Foreign { file: CheckpointFile::Journal, .. }),
        "{refused}"
    );
    assert_eq!(folder.names(), ["out.sv2-journal"]);
}

#[test]
fn only_a_sealed_stream_in_a_file_can_be_resumed() {
    let (folder, wire, key) = (Folder::new(), wire(LEN), key());
    let keys = KeySource::Key(&key);
    let mut options = DecryptOptions::standard();
    let piped = InputSource::Reader(Box::new(&wire[..]));
    let error = decrypt_resumable(piped, &folder.output, &keys, &options).expect_err("a pipe");
    assert_eq!(error.kind(), ErrorKind::Usage);
    options.tail = Tail::MayBeMissing;
    let input = InputSource::Memory(&wire);
    let error = decrypt_resumable(input, &folder.output, &keys, &options).expect_err("no seal");
    assert_eq!(error.kind(), ErrorKind::Usage);
    options.tail = Tail::Required;
    options.expected_fingerprint = Some([0; 32]);
    let input = InputSource::Memory(&wire);
    let error = decrypt_resumable(input, &folder.output, &keys, &options).expect_err("not pinned");
    assert!(matches!(error, StreamError::WrongFingerprint), "{error}");
    assert_eq!(
        folder.decrypt(&wire[..wire.len() - 1]).expect_err("cut").kind(),
        ErrorKind::Unsealed
    );
    assert_eq!(folder.names(), Vec::<String>::new());
}

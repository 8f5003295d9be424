//! An encrypt from its start to an interruption and on to its end.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;

use sv2_core::{
    CheckpointError, CheckpointFile, DigestAlg, ErrorKind, Existing, InputSource, OutputSink,
    RunOptions, StreamError, encrypt_resumable, encrypt_stream_v2,
};
use sv2_testkit::paint::paint;

use crate::support::{Folder, SEGMENT, cancelled_at, holds, key, options, place, refusal, stream};

const LEN: usize = 40 * SEGMENT + 7;

#[test]
fn a_call_that_is_not_interrupted_leaves_the_output_alone() {
    for len in [0, 1, SEGMENT, SEGMENT + 1, LEN] {
        let folder = Folder::new();
        let plaintext = paint(len);
        let report = folder.encrypt(&plaintext, &options(DigestAlg::None, 1)).expect("a stream");
        assert_eq!((report.kept_segments, report.bytes_in), (0, len as u64));
        assert_eq!(folder.names(), ["out"]);
        assert_eq!(folder.result(), stream(&plaintext, &options(DigestAlg::None, 1)));
    }
}

/// The finished file has the permissions of any other new stream, the unfinished one is for its
/// owner alone.
#[test]
fn permissions_are_those_of_a_plain_encrypt_at_the_end() {
    let folder = Folder::new();
    let mode = |name: &str| fs::metadata(folder.path(name)).expect("a file").permissions().mode();
    let plaintext = paint(LEN);
    let mut interrupted = options(DigestAlg::None, 1);
    interrupted.run = cancelled_at(1);
    let error = folder.encrypt(&plaintext, &interrupted).expect_err("it was cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(mode("out.unfinished") & 0o777, 0o600);
    folder.resume(&plaintext, &options(DigestAlg::None, 2)).expect("it goes on");

    let path = folder.path("plain");
    let output = OutputSink::Path { path, existing: Existing::Refuse };
    let input = InputSource::Memory(&plaintext);
    encrypt_stream_v2(input, output, &key(), &options(DigestAlg::None, 1)).expect("a stream");
    assert_eq!(mode("out"), mode("plain"));
}

/// F-1104: whatever was finished before a cancellation is kept.
#[test]
fn a_cancelled_call_is_continued() {
    let plaintext = paint(LEN);
    for done in [1, 5 * SEGMENT as u64, 39 * SEGMENT as u64] {
        let folder = Folder::new();
        let mut interrupted = options(DigestAlg::Sha256, 1);
        interrupted.run = cancelled_at(done);
        let error = folder.encrypt(&plaintext, &interrupted).expect_err("it was cancelled");
        assert!(matches!(error, StreamError::Cancelled { .. }), "{error}");
        assert_eq!(folder.names(), ["out.unfinished"]);
        let left = folder.file(CheckpointFile::Output);

        let again = options(DigestAlg::Sha256, 2);
        again.run.cancel.cancel();
        let error = folder.resume(&plaintext, &again).expect_err("it was cancelled at once");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!(folder.file(CheckpointFile::Output), left);

        let report = folder.resume(&plaintext, &options(DigestAlg::Sha256, 3)).expect("it ends");
        assert!(report.kept_segments >= done / SEGMENT as u64, "{report:?}");
        let finished = folder.result();
        assert!(holds(&finished, &plaintext));
        let kept = (0..41).filter(|&index| {
            let place = place(&finished, index, DigestAlg::Sha256, LEN);
            left.get(place.clone()) == Some(&finished[place])
        });
        assert_eq!(kept.count() as u64, report.kept_segments);
    }
}

/// A process that died behind the tail, and before the rename, had done all but name the file.
#[test]
fn a_stream_that_was_only_not_named_yet_is_kept_whole() {
    let plaintext = paint(LEN);
    let whole = stream(&plaintext, &options(DigestAlg::None, 1));
    let folder = Folder::with_unfinished(&whole);
    let report = folder.resume(&plaintext, &options(DigestAlg::None, 2)).expect("it ends");
    assert_eq!(report.kept_segments, 41);
    assert_eq!(folder.result(), whole);
}

#[test]
fn an_unfinished_output_is_neither_begun_anew_nor_continued_from_nothing() {
    let plaintext = paint(LEN);
    let folder = Folder::with_unfinished(b"precious");
    let error = folder.encrypt(&plaintext, &options(DigestAlg::None, 1)).expect_err("one is there");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(folder.file(CheckpointFile::Output), b"precious");
    let folder = Folder::new();
    let refused = refusal(folder.resume(&plaintext, &options(DigestAlg::None, 1)));
    assert!(matches!(refused, CheckpointError::Missing), "{refused}");
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn both_ends_must_be_files() {
    let folder = Folder::new();
    let input = || InputSource::Reader(Box::new(&b"plaintext"[..]));
    let options = options(DigestAlg::None, 1);
    let error = encrypt_resumable(input(), &folder.output, &key(), &options);
    assert_eq!(error.expect_err("a pipe").kind(), ErrorKind::Usage);
    let mut device = folder.output.clone();
    device.path = "/dev/null".into();
    let input = InputSource::Memory(b"plaintext");
    let error = encrypt_resumable(input, &device, &key(), &options);
    assert_eq!(error.expect_err("a device").kind(), ErrorKind::Usage);
    assert_eq!(folder.names(), Vec::<String>::new());

    fs::write(folder.path("empty"), b"").expect("an empty file");
    let input = InputSource::File(File::open(folder.path("empty")).expect("a file"));
    encrypt_resumable(input, &folder.output, &key(), &options).expect("an empty stream");
    assert!(holds(&folder.result(), b""));
}

#[test]
fn an_output_that_exists_is_kept_unless_it_may_be_replaced() {
    let mut folder = Folder::new();
    fs::write(folder.path("out"), b"precious").expect("a small file");
    let (plaintext, options) = (paint(LEN), options(DigestAlg::None, 1));
    let error = folder.encrypt(&plaintext, &options).expect_err("the output exists");
    assert!(matches!(error, StreamError::OutputExists), "{error}");
    assert_eq!(folder.names(), ["out"]);
    folder.output.existing = Existing::Replace;
    folder.encrypt(&plaintext, &options).expect("it is replaced");
    assert!(holds(&folder.result(), &plaintext));
}

/// An output that appears while the call runs is kept too, and the work is not lost.
#[test]
fn an_output_that_appears_meanwhile_is_kept() {
    let folder = Folder::new();
    let plaintext = paint(LEN);
    let path = folder.path("out");
    let mut during = options(DigestAlg::None, 1);
    during.run.observer = Some(std::sync::Arc::new(move |_| {
        fs::write(&path, b"precious").expect("a small file");
    }));
    let error = folder.encrypt(&plaintext, &during).expect_err("the output exists");
    assert!(matches!(error, StreamError::OutputExists), "{error}");
    assert_eq!(folder.result(), b"precious");
    fs::remove_file(folder.path("out")).expect("it is there");
    let report = folder.resume(&plaintext, &options(DigestAlg::None, 2)).expect("it goes on");
    assert_eq!(report.kept_segments, 41);
}

/// F-1006: no output gets its name from a source that changed while it was read.
#[test]
fn a_source_that_changes_meanwhile_leaves_an_unfinished_output() {
    let folder = Folder::new();
    fs::write(folder.path("in"), paint(LEN)).expect("a small file");
    let open = || File::options().read(true).append(true).open(folder.path("in")).expect("a file");
    let grows = open();
    let mut during = options(DigestAlg::None, 1);
    during.run = RunOptions::automatic().observer(move |_| {
        std::io::Write::write_all(&mut &grows, b"more").expect("a small file");
    });
    let input = InputSource::File(open());
    let error = encrypt_resumable(input, &folder.output, &key(), &during).expect_err("it grew");
    assert!(matches!(error, StreamError::InputChanged { .. }), "{error}");
    assert_eq!(folder.names(), ["in", "out.unfinished"]);
    let now = fs::read(folder.path("in")).expect("a small file");
    let report = folder.resume(&now, &options(DigestAlg::None, 2)).expect("it goes on");
    assert_eq!(report.kept_segments, 40);
    assert!(holds(&folder.result(), &now));
}

/// A folder that nothing can be made in is told before anything is read.
#[test]
fn an_output_that_cannot_be_made_is_an_error_of_the_machine() {
    let folder = Folder::new();
    let mut output = folder.output.clone();
    output.path = folder.path("no/where");
    let input = InputSource::Memory(b"plaintext");
    let error = encrypt_resumable(input, &output, &key(), &options(DigestAlg::None, 1));
    let error = error.expect_err("there is no such folder");
    assert!(matches!(error, StreamError::Checkpoint(CheckpointError::File { .. })), "{error}");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(folder.names(), Vec::<String>::new());
}

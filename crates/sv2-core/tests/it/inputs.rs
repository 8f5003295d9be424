//! Inputs that change while they are read, inputs of every kind, and inputs that are none.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sv2_core::{
    DecryptOptions, Driver, ErrorKind, Existing, InputSource, KeySource, Observer, OutputSink,
    ReadAt, StreamError, Tail, decrypt_stream_v2, encrypt_stream_v2, open_header,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Params;

use crate::harness::{
    decrypt_options, encrypt_options, file_with, key, names_in, run, stream, watched,
};

/// Forty segments, more than all buffers hold.
const LEN: usize = 40 * 256;
const DRIVERS: [Driver; 3] = [Driver::Positional, Driver::Ordered, Driver::Inline];

fn params() -> Params {
    Params::tiny(1, 0, 0)
}

/// An observer that changes a file once, after the first segment.
fn after_the_first_segment(change: impl Fn() + Send + Sync + 'static) -> Observer {
    let done = AtomicBool::new(false);
    Arc::new(move |_| {
        if !done.swap(true, Ordering::SeqCst) {
            change();
        }
    })
}

fn cut(path: &Path, len: usize) {
    let file = File::options().write(true).open(path).expect("the input");
    file.set_len(len as u64).expect("a file that can be cut");
}

fn grow(path: &Path) {
    let mut file = File::options().append(true).open(path).expect("the input");
    file.write_all(b"more").expect("a small file");
}

/// Encrypts a file that `change` changes after the first segment, to a folder that must be empty
/// afterwards.
fn encrypt_changed(driver: Driver, change: impl Fn(&Path) + Send + Sync + 'static) -> StreamError {
    let (_input, path) = file_with(&paint(LEN));
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = encrypt_options(&params());
    options.run = run(driver, 1);
    let input = path.clone();
    options.run.observer = Some(after_the_first_segment(move || change(&input)));
    let output =
        OutputSink::Path { path: folder.path().join("output"), existing: Existing::Refuse };
    let error = encrypt_stream_v2(InputSource::Path(path), output, &key(), &options)
        .expect_err("a changed input");
    assert_eq!(names_in(&folder), [] as [&str; 0], "{driver:?}");
    error
}

/// F-510, F-1005: what was read is not what was there, and no tail is written.
#[test]
fn an_input_that_was_cut_on_the_way_is_refused() {
    watched(|| {
        for driver in DRIVERS {
            for left in [25 * 256, 25 * 256 + 7] {
                let error = encrypt_changed(driver, move |path| cut(path, left));
                let StreamError::InputChanged { offset } = error else {
                    panic!("{driver:?} {error:?}");
                };
                assert_eq!((offset, error.kind()), (left as u64, ErrorKind::Io), "{driver:?}");
            }
        }
    });
}

/// The same for one that grew.
#[test]
fn an_input_that_grew_on_the_way_is_refused() {
    watched(|| {
        for driver in DRIVERS {
            let error = encrypt_changed(driver, grow);
            let expected =
                matches!(error, StreamError::InputChanged { offset } if offset == LEN as u64);
            assert!(expected, "{driver:?} {error:?}");
        }
    });
}

/// A short input of one segment is read before its tail is written too.
#[test]
fn a_short_input_that_changed_before_it_was_read_is_refused() {
    struct Shrunk(u64);
    impl ReadAt for Shrunk {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let left = self.0.saturating_sub(offset);
            let count = buffer.len().min(left as usize);
            buffer[..count].fill(1);
            Ok(count)
        }

        fn len(&self) -> io::Result<u64> {
            Ok(100)
        }
    }
    for driver in DRIVERS {
        for really in [0, 99, 101, 256, 300, 700] {
            let mut options = encrypt_options(&params());
            options.run = run(driver, 1);
            let mut out = Vec::new();
            let input = InputSource::ReadAt(Box::new(Shrunk(really)));
            let result = encrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options);
            assert!(
                matches!(result, Err(StreamError::InputChanged { .. })),
                "{driver:?} {really}: {result:?}"
            );
            assert!(out.is_empty());
        }
    }
}

/// A stream that is cut while it is decrypted: the read fails, and nothing is named as finished.
#[test]
fn a_stream_that_was_cut_on_the_way_is_told_to_have_changed() {
    watched(|| {
        let wire = stream(&params(), LEN);
        let left = 256 + 25 * (256 + 104);
        for driver in DRIVERS {
            let (_input, path) = file_with(&wire);
            let folder = tempfile::tempdir().expect("a folder");
            let output =
                OutputSink::Path { path: folder.path().join("output"), existing: Existing::Refuse };
            let mut options = decrypt_options(driver, 1);
            let input = path.clone();
            options.run.observer = Some(after_the_first_segment(move || cut(&input, left)));
            let error = decrypt_stream_v2(InputSource::Path(path), output, &key(), &options)
                .expect_err("a cut stream");
            let StreamError::InputChanged { offset } = &error else {
                panic!("{driver:?} {error:?}");
            };
            assert_eq!(*offset, left as u64 + 64, "the frames of segment 25");
            assert_eq!(names_in(&folder), [] as [&str; 0]);
        }
    });
}

/// A source of positioned reads that counts them and dribbles.
struct Dribble(Vec<u8>, Arc<AtomicU64>);

impl ReadAt for Dribble {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.1.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buffer.len().min(100);
        ReadAt::read_at(&self.0, &mut buffer[..len], offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

/// F-105: any source of positioned reads gives the same bytes.
#[test]
fn a_source_of_positioned_reads_is_as_good_as_a_file() {
    let (plaintext, wire) = (paint(LEN), stream(&params(), LEN));
    for driver in DRIVERS {
        let mut out = Vec::new();
        let mut options = encrypt_options(&params());
        options.run = run(driver, 2);
        let input = InputSource::ReadAt(Box::new(Dribble(plaintext.clone(), Arc::default())));
        encrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options)
            .expect("a sound input");
        assert!(out == wire, "{driver:?}");
        let input = InputSource::ReadAt(Box::new(Dribble(wire.clone(), Arc::default())));
        let options = decrypt_options(driver, 2);
        decrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options)
            .expect("a sound stream");
        assert!(out == plaintext, "{driver:?}");
    }
}

/// Files that are missing, empty, or folders.
#[test]
fn an_input_that_is_none_is_named_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let decrypt = |path: PathBuf| {
        let mut out = Vec::new();
        let options = decrypt_options(Driver::Ordered, 1);
        decrypt_stream_v2(InputSource::Path(path), OutputSink::Memory(&mut out), &key(), &options)
            .expect_err("no stream")
    };
    let missing = decrypt(folder.path().join("missing"));
    assert!(matches!(missing, StreamError::Read { offset: 0, .. }), "{missing:?}");
    let a_folder = decrypt(folder.path().to_path_buf());
    assert!(matches!(a_folder, StreamError::Read { offset: 0, .. }), "{a_folder:?}");
    fs::write(folder.path().join("empty"), b"").expect("an empty file");
    let empty = decrypt(folder.path().join("empty"));
    assert!(matches!(empty, StreamError::NotAStream), "{empty:?}");
}

/// A named output does not appear where the input cannot be opened.
#[test]
fn a_missing_input_leaves_no_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let output =
        OutputSink::Path { path: folder.path().join("output"), existing: Existing::Replace };
    let input = InputSource::Path(folder.path().join("missing"));
    let error = encrypt_stream_v2(input, output, &key(), &encrypt_options(&params()))
        .expect_err("no input");
    assert!(matches!(error, StreamError::Read { .. }), "{error:?}");
    assert_eq!(names_in(&folder), [] as [&str; 0]);
}

/// Bytes that become longer between any two looks at their length, as a file does that is written.
struct Growing {
    bytes: Vec<u8>,
    looks: AtomicU64,
}

impl ReadAt for Growing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.bytes.read_at(buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64 - 50 + self.looks.fetch_add(1, Ordering::Relaxed))
    }
}

/// F-826: what is still written is read without its tail, and is no stream that changed.
#[test]
fn a_stream_that_grows_is_read_without_its_tail() {
    let (plaintext, segment) = (paint(9 * 256), 64 + 288 + 8);
    let mut wire = stream(&params(), plaintext.len());
    // Behind its eighth segment, of nine.
    wire.truncate(256 + 8 * segment + 100);
    let growing = || {
        let source = Growing { bytes: wire.clone(), looks: AtomicU64::new(0) };
        InputSource::ReadAt(Box::new(source))
    };
    let mut options = DecryptOptions::standard();
    options.tail = Tail::MayBeMissing;
    let mut found = Vec::new();
    let report = decrypt_stream_v2(growing(), OutputSink::Memory(&mut found), &key(), &options);
    let report = report.expect("it opens as far as it goes");
    assert!(!report.sealed && found == plaintext[..8 * 256]);
    // Whoever wants the whole is told of its state, and so is whoever wants the header alone.
    options.tail = Tail::Required;
    let refused = decrypt_stream_v2(growing(), OutputSink::Memory(&mut found), &key(), &options);
    assert!(matches!(refused, Err(StreamError::InputChanged { .. })), "{refused:?}");
    let key = key();
    let header = open_header(growing(), &KeySource::Key(&key), &[]).expect("its front is there");
    assert!(!header.sealed);
}

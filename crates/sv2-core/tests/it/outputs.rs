//! Named outputs: when they appear, what they replace, and who may read them.

#![expect(clippy::print_stdout, reason = "a case that cannot be played is told")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::sync::{Arc, Mutex};

use sv2_core::{
    Driver, ErrorKind, Existing, InputSource, Observer, OutputFault, OutputSink, StreamError,
    decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_testkit::mutate::flip;
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Params;

use crate::harness::{decrypt_options, encrypt_options, file_with, key, names_in, run, stream};

const LEN: usize = 256 * 9 + 3;
const DRIVERS: [Driver; 3] = [Driver::Positional, Driver::Ordered, Driver::Inline];

fn params() -> Params {
    Params::tiny(1, 0, 0)
}

/// A folder with a file `output` that holds `old`.
fn folder_with_output() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("output");
    fs::write(&path, b"old").expect("a small file");
    (folder, path)
}

fn decrypt(wire: &[u8], output: OutputSink<'_>, driver: Driver) -> Result<(), StreamError> {
    let options = decrypt_options(driver, 2);
    decrypt_stream_v2(InputSource::Memory(wire), output, &key(), &options).map(drop)
}

/// An existing file is left alone where the caller said so.
#[test]
fn an_existing_output_is_refused() {
    let wire = stream(&params(), LEN);
    for driver in DRIVERS {
        let (folder, path) = folder_with_output();
        let sink = OutputSink::Path { path: path.clone(), existing: Existing::Refuse };
        let error = decrypt(&wire, sink, driver).expect_err("the output exists");
        assert!(matches!(error, StreamError::OutputExists), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(fs::read(&path).expect("the old file"), b"old");
        assert_eq!(names_in(&folder), ["output"]);
    }
}

/// Also where it appears while the call runs; what was written is not thrown away then.
#[test]
fn an_output_that_appears_on_the_way_is_not_replaced_and_ours_is_kept() {
    for driver in DRIVERS {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("output");
        let mut options = encrypt_options(&params());
        options.run = run(driver, 1);
        let other = path.clone();
        let observer: Observer = Arc::new(move |_| {
            fs::write(&other, b"someone else").expect("a small file");
        });
        options.run.observer = Some(observer);
        let (plaintext, sink) =
            (paint(LEN), OutputSink::Path { path: path.clone(), existing: Existing::Refuse });
        let input = InputSource::Memory(&plaintext);
        let result = encrypt_stream_v2(input, sink, &key(), &options);
        let Err(StreamError::OutputKept { kept, source }) = result else { panic!("{result:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("the other file"), b"someone else");
        assert_eq!(names_in(&folder), ["output", "output.kept"]);
        let wire = fs::read(kept).expect("the whole stream");
        let mut opened = Vec::new();
        decrypt(&wire, OutputSink::Memory(&mut opened), driver).expect("a sealed stream");
        assert!(opened == plaintext);
    }
}

/// An interrupt that comes when everything was read, and before the output has its name, wins.
#[test]
fn a_call_that_is_cancelled_after_the_last_segment_leaves_nothing() {
    for existing in [Existing::Refuse, Existing::Replace] {
        for driver in DRIVERS {
            let (folder, path) = folder_with_output();
            if existing == Existing::Refuse {
                fs::remove_file(&path).expect("the old file");
            }
            let before = names_in(&folder);
            let mut options = encrypt_options(&params());
            options.run = run(driver, 2);
            let cancel = options.run.cancel.clone();
            let observer: Observer = Arc::new(move |progress| {
                if progress.done == LEN as u64 {
                    cancel.cancel();
                }
            });
            options.run.observer = Some(observer);
            let plaintext = paint(LEN);
            let sink = OutputSink::Path { path: path.clone(), existing };
            let input = InputSource::Reader(Box::new(&plaintext[..]));
            let result = encrypt_stream_v2(input, sink, &key(), &options);
            assert!(matches!(result, Err(StreamError::Cancelled { .. })), "{result:?}");
            assert_eq!(names_in(&folder), before);
        }
    }
}

/// What ends the process, whatever it is, leaves nothing behind where files need no name.
#[cfg(target_os = "linux")]
#[test]
fn an_output_has_no_name_until_it_is_whole() {
    for existing in [Existing::Refuse, Existing::Replace] {
        let (folder, path) = folder_with_output();
        if existing == Existing::Refuse {
            fs::remove_file(&path).expect("the old file");
        }
        let before = names_in(&folder);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (at, names) = (folder.path().to_owned(), seen.clone());
        let mut options = encrypt_options(&params());
        options.run = run(Driver::Positional, 2);
        let observer: Observer = Arc::new(move |_| {
            let list = fs::read_dir(&at).expect("the folder");
            let list = list.map(|entry| entry.expect("an entry").file_name());
            names.lock().expect("a list").extend(list.map(|name| name.into_string().unwrap()));
        });
        options.run.observer = Some(observer);
        let plaintext = paint(LEN);
        let sink = OutputSink::Path { path: path.clone(), existing };
        encrypt_stream_v2(InputSource::Memory(&plaintext), sink, &key(), &options).expect("sealed");
        let mut seen = seen.lock().expect("a list").clone();
        seen.dedup();
        assert_eq!(seen, before);
        assert_eq!(names_in(&folder), ["output"]);
    }
}

/// A pipe that another user made would hand the plaintext to that user. Only root can play two; who
/// is trusted is shown by the unit test `only_oneself_and_root_are_trusted` for everybody.
#[test]
fn a_pipe_of_another_user_is_refused_where_two_users_can_be_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("output");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o622))
        .expect("a pipe");
    if std::os::unix::fs::chown(&path, Some(20_002), None).is_err() {
        assert!(!rustix::process::geteuid().is_root(), "root can play another user");
        println!("SKIPPED: not root, so nobody else's pipe can be made");
        return;
    }
    for existing in [Existing::Refuse, Existing::Replace] {
        let sink = OutputSink::Path { path: path.clone(), existing };
        let error = decrypt(&stream(&params(), LEN), sink, Driver::Inline).expect_err("refused");
        assert!(matches!(error, StreamError::OutputRefused(OutputFault::Foreign)), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(names_in(&folder), ["output"]);
    }
    // A link of theirs to what is ours or root's is their choice and not ours.
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/null", &link).expect("a link");
    std::os::unix::fs::lchown(&link, Some(20_002), None).expect("its owner");
    let sink = OutputSink::Path { path: link, existing: Existing::Replace };
    let error = decrypt(&stream(&params(), LEN), sink, Driver::Inline).expect_err("refused");
    assert!(matches!(error, StreamError::OutputRefused(OutputFault::ForeignLink)), "{error:?}");
}

/// F-1006: a replaced file changes in one step; a failed call leaves the old one.
#[test]
fn an_output_is_replaced_by_a_whole_one_or_not_at_all() {
    let wire = stream(&params(), LEN);
    let damaged = flip(&wire, 256 + 5 * (256 + 104) + 80, 1);
    for driver in DRIVERS {
        let (folder, path) = folder_with_output();
        let sink = || OutputSink::Path { path: path.clone(), existing: Existing::Replace };
        let error = decrypt(&damaged, sink(), driver).expect_err("a damaged frame");
        assert!(matches!(error, StreamError::ChecksumMismatch { .. }), "{error:?}");
        assert_eq!(fs::read(&path).expect("the old file"), b"old", "{driver:?}");
        let piped = InputSource::Reader(Box::new(&damaged[..]));
        decrypt_stream_v2(piped, sink(), &key(), &decrypt_options(driver, 2))
            .expect_err("a damaged frame");
        assert_eq!(fs::read(&path).expect("the old file"), b"old", "{driver:?}");
        assert_eq!(names_in(&folder), ["output"]);

        let held = File::open(&path).expect("the old file");
        decrypt(&wire, sink(), driver).expect("a sound stream");
        assert_eq!(fs::read(&path).expect("the new file"), paint(LEN), "{driver:?}");
        assert_eq!(names_in(&folder), ["output"]);
        assert_eq!(held.metadata().expect("the old file").len(), 3, "replaced, not overwritten");
    }
}

/// Plaintext is for its owner alone, ciphertext as the mask allows.
#[test]
fn plaintext_is_readable_by_its_owner_alone() {
    let wire = stream(&params(), LEN);
    for existing in [Existing::Refuse, Existing::Replace] {
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |name: &str| {
            let metadata = fs::metadata(folder.path().join(name)).expect("a file");
            metadata.permissions().mode() & 0o777
        };
        let path = |name: &str| OutputSink::Path { path: folder.path().join(name), existing };
        if existing == Existing::Replace {
            fs::write(folder.path().join("plaintext"), b"old").expect("a small file");
        }
        decrypt(&wire, path("plaintext"), Driver::Ordered).expect("a sound stream");
        assert_eq!(mode("plaintext"), 0o600);

        fs::write(folder.path().join("by the mask"), b"").expect("a small file");
        let options = encrypt_options(&params());
        encrypt_stream_v2(InputSource::Memory(b"abc"), path("stream"), &key(), &options)
            .expect("a sound encryption");
        assert_eq!(mode("stream"), mode("by the mask"));
    }
}

/// A device is written to and stays a device.
#[test]
fn a_device_is_written_and_not_replaced() {
    let wire = stream(&params(), LEN);
    for existing in [Existing::Refuse, Existing::Replace] {
        for driver in DRIVERS {
            let sink = OutputSink::Path { path: "/dev/null".into(), existing };
            decrypt(&wire, sink, driver).expect("a sound stream");
            let kind = fs::metadata("/dev/null").expect("the device").file_type();
            assert!(kind.is_char_device());
        }
    }
}

/// A folder that is missing or stands in the way is an error of writing.
#[test]
fn a_missing_folder_or_one_in_the_way_is_an_error_of_writing() {
    let wire = stream(&params(), LEN);
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("missing/output"), folder.path().to_path_buf()] {
        let sink = OutputSink::Path { path: path.clone(), existing: Existing::Replace };
        let error = decrypt(&wire, sink, Driver::Ordered).expect_err("no place to write to");
        assert!(matches!(error, StreamError::Write { offset: 0, .. }), "{path:?} {error:?}");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(names_in(&folder), [] as [&str; 0]);
    }
    // A full device fails the write and is named as that.
    let sink = OutputSink::Path { path: "/dev/full".into(), existing: Existing::Replace };
    let error = decrypt(&wire, sink, Driver::Ordered).expect_err("a full device");
    assert!(matches!(error, StreamError::Write { offset: 0, .. }), "{error:?}");
}

/// A vector in memory holds all of a result or nothing, whatever it held before.
#[test]
fn memory_is_replaced_or_left_empty() {
    let wire = stream(&params(), LEN);
    let (mut early, late) = (wire.clone(), flip(&wire, 256 + 5 * (256 + 104) + 80, 1));
    early.truncate(100);
    for bad in [&early, &late] {
        for piped in [true, false] {
            let mut out = b"old".to_vec();
            let input = match piped {
                true => InputSource::Reader(Box::new(&bad[..])),
                false => InputSource::Memory(bad),
            };
            let options = decrypt_options(Driver::Ordered, 2);
            decrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options)
                .expect_err("a bad stream");
            assert!(out.is_empty(), "piped {piped}");
        }
    }
    let mut out = b"old".to_vec();
    decrypt(&wire, OutputSink::Memory(&mut out), Driver::Positional).expect("a sound stream");
    assert_eq!(out, paint(LEN));
    let mut options = encrypt_options(&params());
    for driver in DRIVERS {
        options.run = run(driver, 1);
        let cancel = options.run.cancel.clone();
        options.run.observer = Some(Arc::new(move |_| cancel.cancel()));
        out.extend_from_slice(b"old");
        let (plaintext, sink) = (paint(LEN), OutputSink::Memory(&mut out));
        encrypt_stream_v2(InputSource::Memory(&plaintext), sink, &key(), &options)
            .expect_err("cancelled");
        assert!(out.is_empty(), "{driver:?}");
    }
}

/// A file that was opened for appending has no offsets to write at; the bytes go to its end.
#[test]
fn a_file_opened_for_appending_is_appended_to() {
    for driver in DRIVERS {
        let (_folder, path) = folder_with_output();
        let file = File::options().append(true).open(&path).expect("the file");
        let mut options = encrypt_options(&params());
        options.run = run(driver, 2);
        let plaintext = paint(LEN);
        let input = InputSource::Memory(&plaintext);
        encrypt_stream_v2(input, OutputSink::File(file), &key(), &options).expect("a stream");
        let expected = [b"old", &stream(&params(), LEN)[..]].concat();
        assert!(fs::read(&path).expect("the file") == expected, "{driver:?}");
    }
}

/// An open file is written from its position on, and stands behind what was written.
#[test]
fn an_open_file_stands_behind_what_was_written() {
    let wire = stream(&params(), LEN);
    for driver in DRIVERS {
        let (_folder, path) = file_with(b"");
        let mut file = File::options().write(true).open(&path).expect("the file");
        file.write_all(b"before ").expect("a small file");
        let handle = file.try_clone().expect("the same file");
        decrypt(&wire, OutputSink::File(handle), driver).expect("a sound stream");
        file.write_all(b" after").expect("a small file");
        let expected = [b"before ", &paint(LEN)[..], b" after"].concat();
        assert!(fs::read(&path).expect("the file") == expected, "{driver:?}");
    }
}

/// A caller's own memory takes a stream and its plaintext, by every driver, where its length is
/// just that of the output, and any other length is a failed write.
#[test]
fn memory_that_cannot_grow_takes_an_output_of_just_its_length() {
    let (plaintext, wire) = (paint(LEN), stream(&params(), LEN));
    for driver in DRIVERS {
        let seal = |out: &mut [u8]| {
            let options = encrypt_options(&params()).run(run(driver, 2));
            let input = InputSource::Memory(&plaintext);
            encrypt_stream_v2(input, OutputSink::Slice(out), &key(), &options).map(drop)
        };
        let open = |out: &mut [u8]| decrypt(&wire, OutputSink::Slice(out), driver);
        let mut found = vec![0; wire.len()];
        seal(&mut found).expect("room for it");
        assert!(found == wire, "{driver:?}");
        let mut found = vec![0; LEN];
        open(&mut found).expect("room for it");
        assert!(found == plaintext, "{driver:?}");
        let refused = [
            seal(&mut vec![0; wire.len() - 1]),
            seal(&mut vec![0; wire.len() + 1]),
            open(&mut vec![0; LEN - 1]),
            open(&mut vec![0; LEN + 1]),
            open(&mut []),
        ];
        for result in refused {
            assert!(matches!(result, Err(StreamError::Write { .. })), "{driver:?} {result:?}");
        }
    }
}

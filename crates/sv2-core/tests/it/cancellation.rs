//! Calls that are cancelled, and observers that panic: typed errors, payloads that arrive, and no
//! file left behind.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sv2_core::{
    Driver, ErrorKind, Existing, InputSource, Observer, OutputSink, RunOptions, StreamError,
    decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::Params;

use crate::harness::{
    decrypt_options, encrypt_options, file_with, key, names_in, run, stream, watched,
};

/// Forty segments.
const LEN: usize = 40 * 256;

const DRIVERS: [(Driver, usize); 5] = [
    (Driver::Positional, 1),
    (Driver::Positional, 3),
    (Driver::Ordered, 1),
    (Driver::Ordered, 3),
    (Driver::Inline, 1),
];

#[derive(Clone, Copy, Debug)]
enum Job {
    Encrypt,
    Decrypt,
    DecryptPipe,
}

const JOBS: [Job; 3] = [Job::Encrypt, Job::Decrypt, Job::DecryptPipe];

fn output(folder: &tempfile::TempDir) -> OutputSink<'static> {
    OutputSink::Path { path: folder.path().join("output"), existing: Existing::Refuse }
}

/// Does a job from file to file under these options.
fn perform(job: Job, input: &Path, to: OutputSink<'_>, run: RunOptions) -> Result<(), StreamError> {
    let path = PathBuf::from(input);
    match job {
        Job::Encrypt => {
            let mut options = encrypt_options(&Params::tiny(1, 0, 0));
            options.run = run;
            encrypt_stream_v2(InputSource::Path(path), to, &key(), &options).map(drop)
        }
        Job::Decrypt | Job::DecryptPipe => {
            let mut options = decrypt_options(Driver::Inline, 1);
            options.run = run;
            let input = match job {
                Job::DecryptPipe => {
                    let file = std::fs::File::open(path).expect("an input");
                    InputSource::Reader(Box::new(file))
                }
                _ => InputSource::Path(path),
            };
            decrypt_stream_v2(input, to, &key(), &options).map(drop)
        }
    }
}

fn input_of(job: Job) -> (tempfile::TempDir, PathBuf) {
    match job {
        Job::Encrypt => file_with(&paint(LEN)),
        _ => file_with(&stream(&Params::tiny(1, 0, 0), LEN)),
    }
}

/// A token that was set before the call lets no segment through.
#[test]
fn a_call_that_was_cancelled_before_does_nothing() {
    watched(|| {
        for job in JOBS {
            let (_input, path) = input_of(job);
            for (driver, threads) in DRIVERS {
                let folder = tempfile::tempdir().expect("a folder");
                let run = run(driver, threads);
                run.cancel.cancel();
                let error = perform(job, &path, output(&folder), run).expect_err("cancelled");
                assert!(
                    matches!(error, StreamError::Cancelled { segment: 0 }),
                    "{job:?} {driver:?} {error:?}"
                );
                assert_eq!(error.kind(), ErrorKind::Cancelled);
                assert_eq!(names_in(&folder), [] as [&str; 0]);
            }
        }
    });
}

/// A token that is set by the observer of the third segment ends the call before its last one.
#[test]
fn a_call_that_is_cancelled_on_its_way_leaves_no_file() {
    watched(|| {
        for job in JOBS {
            let (_input, path) = input_of(job);
            for (driver, threads) in DRIVERS {
                let folder = tempfile::tempdir().expect("a folder");
                let mut run = run(driver, threads);
                let (cancel, seen) = (run.cancel.clone(), Arc::new(AtomicUsize::new(0)));
                let count = seen.clone();
                let last = Arc::new(std::sync::Mutex::new(None));
                let word = last.clone();
                let observer: Observer = Arc::new(move |progress| {
                    if progress.failed.is_some() {
                        assert_eq!(word.lock().expect("unpoisoned").replace(progress), None);
                    } else if count.fetch_add(1, Ordering::SeqCst) == 2 {
                        cancel.cancel();
                    }
                });
                run.observer = Some(observer);
                let error = perform(job, &path, output(&folder), run).expect_err("cancelled");
                let StreamError::Cancelled { segment } = error else {
                    panic!("{job:?} {driver:?} {error:?}");
                };
                let seen = seen.load(Ordering::SeqCst);
                assert!(seen < 40, "{job:?} {driver:?}: cancelled, and all was done");
                let last =
                    last.lock().expect("unpoisoned").expect("a failed call says what it did");
                assert_eq!(last.failed, Some(ErrorKind::Cancelled));
                assert!(last.done > 0 && last.stages.cipher > std::time::Duration::ZERO);
                match driver {
                    // Other workers may be behind the one that cancelled.
                    Driver::Positional if threads > 1 => assert!(segment <= 5, "{segment}"),
                    _ => assert_eq!((segment, seen), (3, 3), "{job:?} {driver:?} {threads}"),
                }
                assert_eq!(names_in(&folder), [] as [&str; 0]);
            }
        }
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload.downcast_ref::<&str>().copied().unwrap_or("another payload")
}

/// A panic of the observer goes on on the caller's thread with its own payload.
#[test]
fn a_panic_of_the_observer_reaches_the_caller_and_leaves_no_file() {
    watched(|| {
        for job in JOBS {
            let (_input, path) = input_of(job);
            for (driver, threads) in DRIVERS {
                let folder = tempfile::tempdir().expect("a folder");
                let mut run = run(driver, threads);
                let observer: Observer = Arc::new(|progress| {
                    if progress.done > 1000 {
                        std::panic::panic_any("the observer's own words");
                    }
                });
                run.observer = Some(observer);
                let call = AssertUnwindSafe(|| perform(job, &path, output(&folder), run));
                let payload = catch_unwind(call).expect_err("a panic");
                assert_eq!(message(&*payload), "the observer's own words", "{job:?} {driver:?}");
                assert_eq!(names_in(&folder), [] as [&str; 0], "{job:?} {driver:?}");
            }
        }
    });
}

/// The observer hears of every segment, rising to the whole.
#[test]
fn the_observer_hears_of_every_segment() {
    for job in JOBS {
        let (_input, path) = input_of(job);
        for (driver, threads) in DRIVERS {
            let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
            let mut run = run(driver, threads);
            let log = heard.clone();
            let observer: Observer =
                Arc::new(move |progress| log.lock().expect("no panic").push(progress));
            run.observer = Some(observer);
            let mut sink = Vec::new();
            perform(job, &path, OutputSink::Memory(&mut sink), run).expect("a sound run");
            let mut heard = heard.lock().expect("no panic").clone();
            heard.sort_by_key(|progress| progress.done);
            let done: Vec<u64> = heard.iter().map(|progress| progress.done).collect();
            let expected: Vec<u64> = (1..=40).map(|count| count * 256).collect();
            assert_eq!(done, expected, "{job:?} {driver:?}");
            let total = match job {
                Job::DecryptPipe => None,
                _ => Some(LEN as u64),
            };
            assert!(heard.iter().all(|progress| progress.total == total), "{job:?}");
        }
    }
}

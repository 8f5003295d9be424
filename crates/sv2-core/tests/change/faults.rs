//! One operation fails and the program lives: the call itself leaves the old state, or says that
//! it could not.

use std::io::{self, Read};

use sv2_core::{
    Cancellation, ChangeFile, DigestAlg, InputSource, KeySource, StreamError, append_on,
};

use crate::crash::recovered;
use crate::disk::{Disk, Operation, Stop};
use crate::support::{SEGMENT, addition, append_to, inline, judge, key, readdress, settle, stream};

// F-1102
#[test]
fn an_append_with_one_failed_operation_is_taken_back() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let added = addition(3 * SEGMENT);
    let whole = Disk::new(&old);
    append_to(&whole, &added).expect("an append");
    let log = whole.log();
    let removal = log.iter().rposition(|operation| *operation == Operation::Remove);
    for (at, operation) in log.iter().enumerate() {
        let disk = Disk::new(&old).stopping(Stop::Once { at });
        let error = append_to(&disk, &added).expect_err("an append with a failed operation");
        let of_stream = matches!(
            operation,
            Operation::Write(ChangeFile::Stream, ..) | Operation::Sync(ChangeFile::Stream)
        );
        match error {
            StreamError::Write { .. } => assert!(of_stream, "{at}"),
            StreamError::ChangeRecord(_) => assert!(!of_stream, "{at}"),
            other => panic!("{at}: {other}"),
        }
        if Some(at) < removal {
            assert_eq!(disk.stream(), old, "{at}: the old stream");
            assert_eq!(disk.found().record, None, "{at}");
        } else {
            recovered(&disk.found()).expect("a sealed state");
        }
    }
}

// F-1102
#[test]
fn a_rewrite_with_one_failed_operation_is_finished_later() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let whole = Disk::new(&old);
    readdress(&whole, &[1, 2]).expect("a rewrite");
    let log = whole.log();
    let stored = log.iter().position(|operation| *operation == Operation::SyncFolder);
    for at in 0..log.len() {
        let disk = Disk::new(&old).stopping(Stop::Once { at });
        let error = readdress(&disk, &[1, 2]).expect_err("a rewrite with a failed operation");
        let (_, _, revision, _) = recovered(&disk.found()).expect("a sealed state");
        if Some(at) <= stored {
            assert!(matches!(error, StreamError::ChangeRecord(_)), "{at}: {error}");
            assert_eq!(disk.stream(), old, "{at}: the old stream");
        } else {
            let kind = matches!(error, StreamError::UnfinishedChange { .. });
            assert!(kind, "{at}: {error}");
            assert_eq!(revision, 1, "{at}");
        }
    }
}

/// Yields some bytes, then an error.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.0);
        if count == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the input broke"));
        }
        buffer[..count].fill(b'x');
        self.0 -= count;
        Ok(count)
    }
}

// F-1005, F-1102
#[test]
fn an_input_that_fails_leaves_the_old_stream() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    for good in [0, 1, SEGMENT - 100, SEGMENT, 5 * SEGMENT + 3] {
        let (disk, key) = (Disk::new(&old), key());
        let input = InputSource::Reader(Box::new(Broken(good)));
        let error = append_on(&disk, input, &KeySource::Key(&key), &inline());
        let Err(StreamError::Read { offset, .. }) = error else { panic!("{error:?}") };
        assert_eq!(offset, good as u64);
        assert_eq!(disk.stream(), old, "{good}");
        assert_eq!(disk.found().record, None, "{good}");
    }
}

/// An input that says another length than it has.
struct Lying {
    said: u64,
    real: Vec<u8>,
}

impl sv2_core::ReadAt for Lying {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.real.read_at(buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.said)
    }
}

// F-510, F-1102
#[test]
fn an_input_of_another_length_than_it_said_leaves_the_old_stream() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    for (said, real) in [(1, 0), (0, 1), (5, 4), (4, 5), (4 * SEGMENT, 3 * SEGMENT), (412, 413)] {
        let (disk, key) = (Disk::new(&old), key());
        let lying = Lying { said: said as u64, real: addition(real) };
        let input = InputSource::ReadAt(Box::new(lying));
        let error = append_on(&disk, input, &KeySource::Key(&key), &inline());
        assert!(matches!(error, Err(StreamError::InputChanged { .. })), "{said}, {real}");
        assert_eq!((disk.stream(), disk.found().record), (old.clone(), None), "{said}, {real}");
    }
}

// F-1102
#[test]
fn an_append_that_is_cancelled_leaves_the_old_stream() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let (disk, key, cancel) = (Disk::new(&old), key(), Cancellation::new());
    let mut options = inline();
    let token = cancel.clone();
    options.run = options.run.cancel(&cancel).observer(move |progress| {
        if progress.done > 2 * SEGMENT as u64 {
            token.cancel();
        }
    });
    let added = addition(9 * SEGMENT);
    let input = InputSource::Memory(&added);
    let error = append_on(&disk, input, &KeySource::Key(&key), &options).expect_err("cancelled");
    assert!(matches!(error, StreamError::Cancelled { .. }), "{error}");
    assert!(disk.log().len() > 8, "something had been written");
    assert_eq!((disk.stream(), disk.found().record), (old, None));
}

// F-1102
#[test]
fn an_observer_that_panics_leaves_what_the_next_change_takes_back() {
    let old = stream(SEGMENT + 100, DigestAlg::None);
    let disk = Disk::new(&old);
    let mut options = inline();
    options.run.observer = Some(std::sync::Arc::new(|progress| {
        assert!(progress.done < SEGMENT as u64, "a panic on purpose");
    }));
    let added = addition(9 * SEGMENT);
    let call = std::panic::AssertUnwindSafe(|| {
        let key = key();
        let input = InputSource::Memory(&added);
        append_on(&disk, input, &KeySource::Key(&key), &options)
    });
    std::panic::catch_unwind(call).expect_err("the observer's panic");
    assert!(disk.found().record.is_some());
    settle(&disk).expect("a recovery");
    assert_eq!((disk.stream(), disk.found().record), (old.clone(), None));
    judge(&old).expect("a sound stream");
}

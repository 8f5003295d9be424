//! Ranges of a sealed stream.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sv2_core::{
    DigestAlg, Driver, InputSource, OutputSink, ReadAt, StreamError, StreamReader, Unit,
    decrypt_stream_with,
};
use sv2_testkit::mutate;
use sv2_testkit::paint::{first_unpainted, paint};

use crate::support::{FRAME, Replaceable, SEGMENT, frame_at, stream, with_key};

fn open(wire: &[u8]) -> Result<StreamReader<'_>, StreamError> {
    with_key(|keys, options| StreamReader::open(InputSource::Memory(wire), keys, options))
}

/// F-822: a range is cut at the end as a positioned read of a file is.
#[test]
fn every_range_of_a_small_stream_is_the_plaintext_there() {
    let len = 2 * SEGMENT + FRAME + 7;
    let wire = stream(len, DigestAlg::None);
    let reader = open(&wire).expect("opens");
    assert_eq!(reader.len(), len as u64);
    let plaintext = paint(len);
    for offset in (0..len + 3).step_by(37) {
        for wanted in [0, 1, 255, 256, 257, SEGMENT, 5 * SEGMENT] {
            let mut out = vec![0xEE; wanted];
            let count = reader.read_at(&mut out, offset as u64).expect("reads");
            let from = offset.min(len);
            assert_eq!(count, wanted.min(len - from));
            assert_eq!(out[..count], plaintext[from..from + count]);
            assert!(out[count..].iter().all(|&byte| byte == 0xEE), "nothing beyond the count");
        }
    }
    assert_eq!(reader.read_at(&mut [0; 4], u64::MAX).expect("far beyond the end"), 0);
}

/// More pages and more frames than the caches hold, so that both are refilled.
#[test]
fn a_stream_of_many_pages_is_read_from_many_threads() {
    let len = 3000 * SEGMENT + 5;
    let wire = stream(len, DigestAlg::None);
    let reader = open(&wire).expect("opens");
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let reader = &reader;
            scope.spawn(move || {
                let mut offset = thread * 7919;
                for _ in 0..400 {
                    offset = (offset * 6_364_136_223 + 1_442_695) % len as u64;
                    let mut out = [0; 700];
                    let count = reader.read_at(&mut out, offset).expect("reads");
                    assert_eq!(first_unpainted(offset, &out[..count]), None);
                }
            });
        }
    });
}

#[test]
fn reading_and_seeking_agree_with_a_file() {
    let len = 5 * SEGMENT + 3;
    let wire = stream(len, DigestAlg::Blake3);
    let mut reader = open(&wire).expect("opens");
    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("reads");
    assert_eq!(all, paint(len));
    assert_eq!(reader.seek(SeekFrom::End(-3)).expect("seeks"), len as u64 - 3);
    assert_eq!(reader.read(&mut [0; 10]).expect("reads"), 3);
    assert_eq!(reader.seek(SeekFrom::Current(-1)).expect("seeks"), len as u64 - 1);
    assert!(reader.seek(SeekFrom::Current(-(len as i64) - 1)).is_err(), "before the start");
}

/// F-824: a frame that fails because the object was replaced says so.
#[test]
fn a_stream_that_was_replaced_is_stale() {
    let old = stream(3 * SEGMENT, DigestAlg::None);
    let new = stream(3 * SEGMENT, DigestAlg::None);
    let longer = stream(4 * SEGMENT, DigestAlg::None);
    for replacement in [new, longer, Vec::new()] {
        let bytes = Arc::new(Mutex::new(old.clone()));
        let source = InputSource::ReadAt(Box::new(Replaceable(Arc::clone(&bytes))));
        let reader = with_key(|keys, options| StreamReader::open(source, keys, options));
        let reader = reader.expect("opens");
        *bytes.lock().expect("no panic holds it") = replacement;
        let error = reader.read_at(&mut [0; 10], 0).expect_err("other bytes");
        assert!(matches!(error, StreamError::StaleIndex), "{error:?}");
    }
}

/// F-905: the same failure has two names, by whether the frame's checksum holds.
#[test]
fn a_damaged_frame_fails_the_ranges_that_touch_it_and_no_others() {
    let digest = DigestAlg::None;
    let wire = stream(3 * SEGMENT, digest);
    let at = frame_at(digest, 1, 2);
    let damaged = mutate::flip(&wire, at + 20, 1);
    let reader = open(&damaged).expect("opens");
    let unit = Unit::Frame { segment: 1, frame: 2 };
    let bad = SEGMENT + 2 * FRAME;
    for (offset, len) in [(bad, 1), (bad - 1, 2), (bad + FRAME - 1, 1), (0, 3 * SEGMENT)] {
        let error = reader.read_at(&mut vec![0; len], offset as u64).expect_err("touches it");
        assert!(
            matches!(error, StreamError::ChecksumMismatch { unit: found, offset } if found == unit && offset == at as u64),
            "{error:?}"
        );
    }
    for (offset, len) in [(bad - 1, 1), (bad + FRAME, FRAME), (0, bad)] {
        assert!(reader.read_at(&mut vec![0; len], offset as u64).is_ok());
    }
    let mut forged = damaged.clone();
    sv2_testkit::reference::forge::refresh_crc(&mut forged[at..at + FRAME + 32]);
    let error = open(&forged).expect("opens").read_at(&mut [0; 1], bad as u64);
    assert!(
        matches!(error, Err(StreamError::AuthenticationFailed { unit: found, .. }) if found == unit)
    );
}

/// A source from which no byte of this frame can be read a second time.
struct Failing {
    wire: Vec<u8>,
    frame: std::ops::Range<u64>,
    reads: AtomicUsize,
}

impl ReadAt for Failing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let touches = offset < self.frame.end && self.frame.start < offset + buffer.len() as u64;
        if touches && self.reads.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(io::Error::other("a bad sector"));
        }
        self.wire.read_at(buffer, offset)
    }

    fn len(&self) -> io::Result<u64> {
        ReadAt::len(&self.wire)
    }
}

/// F-906, F-903: without the bytes nobody can say that a frame was altered, so the failure is that
/// of the second read, for ranges as for a whole decrypt.
#[test]
fn a_failed_frame_that_cannot_be_read_again_is_a_failed_read() {
    let digest = DigestAlg::None;
    // The frame is neither in what is read of the front nor of the end when it is opened.
    let wire = stream(300 * SEGMENT, digest);
    let at = frame_at(digest, 10, 2);
    let source = || {
        let wire = mutate::flip(&wire, at + 20, 1);
        let frame = at as u64..at as u64 + FRAME as u64 + 32;
        InputSource::ReadAt(Box::new(Failing { wire, frame, reads: AtomicUsize::new(0) }))
    };
    let whole = with_key(|keys, options| {
        let mut options = options.clone();
        options.run.driver = Some(Driver::Inline);
        decrypt_stream_with(source(), OutputSink::Writer(Box::new(io::sink())), keys, &options)
    });
    let reader = with_key(|keys, options| StreamReader::open(source(), keys, options));
    let offset = (10 * SEGMENT + 2 * FRAME) as u64;
    let range = reader.expect("opens").read_at(&mut [0; 1], offset);
    for error in [whole.err(), range.err()] {
        let unreadable =
            matches!(&error, Some(StreamError::Read { offset, .. }) if *offset == at as u64);
        assert!(unreadable, "{error:?}");
    }
}

/// F-704: a page that fails is never used, and pages that hold still are.
#[test]
fn a_damaged_page_fails_the_ranges_under_it_and_no_others() {
    let len = 1030 * SEGMENT;
    let wire = stream(len, DigestAlg::None);
    let index = wire.len() - 128 - 2 * 32 - 1030 * 32;
    let damaged = mutate::flip(&wire, index + 5, 1);
    let reader = open(&damaged).expect("the page table is sound");
    let error = reader.read_at(&mut [0; 1], 0).expect_err("page 0 is damaged");
    assert!(matches!(error, StreamError::AuthenticationFailed { unit: Unit::Index, .. }));
    let last = len as u64 - 1;
    assert_eq!(reader.read_at(&mut [0; 1], last).expect("page 1 is sound"), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_ranges_are_the_plaintext_there(
        len in 0usize..6 * SEGMENT,
        ranges in prop::collection::vec((0u64..7 * SEGMENT as u64, 0usize..3000), 1..20),
    ) {
        let wire = stream(len, DigestAlg::Sha256);
        let reader = open(&wire).expect("opens");
        for (offset, wanted) in ranges {
            let mut out = vec![0; wanted];
            let count = reader.read_at(&mut out, offset).expect("reads");
            prop_assert_eq!(count as u64, (wanted as u64).min((len as u64).saturating_sub(offset)));
            prop_assert_eq!(first_unpainted(offset, &out[..count]), None);
        }
    }
}

//! Inputs and outputs that fail, fall short or dribble at any call: typed errors with positions,
//! no output that looks finished, no file left behind, and nothing that hangs.

#![expect(clippy::print_stdout, reason = "counts of fault points")]

use std::io::{Cursor, ErrorKind, Read, Write};

use sv2_core::{
    DecryptReader, Driver, EncryptWriter, Existing, InputSource, KeySource, OutputSink,
    StreamError, decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_testkit::faulty::{Counters, Fault, Faulty, Operation, SharedSink};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{Limits, Params, decrypt_pipe};

use crate::harness::{KEY, decrypt_options, encrypt_options, key, names_in, run, stream, watched};

/// Five full segments of 512 bytes and a short one.
const LEN: usize = 512 * 5 + 100;
const PIECES: [usize; 2] = [200, 130];
const DRIVERS: [(Driver, usize); 3] =
    [(Driver::Inline, 1), (Driver::Ordered, 1), (Driver::Ordered, 3)];

fn params() -> Params {
    Params::tiny(1, 1, 1)
}

fn reader(bytes: Vec<u8>) -> Faulty<Cursor<Vec<u8>>> {
    Faulty::new(Cursor::new(bytes)).in_pieces(&PIECES)
}

fn writer(sink: &SharedSink) -> Faulty<SharedSink> {
    Faulty::new(sink.clone()).in_pieces(&PIECES)
}

/// Encrypts or decrypts through a faulty reader and a faulty writer.
fn transfer(
    encrypts: bool,
    (driver, threads): (Driver, usize),
    reader: Faulty<Cursor<Vec<u8>>>,
    output: OutputSink<'_>,
) -> Result<(), StreamError> {
    let input = InputSource::Reader(Box::new(reader));
    if encrypts {
        let mut options = encrypt_options(&params());
        options.run = run(driver, threads);
        encrypt_stream_v2(input, output, &key(), &options).map(drop)
    } else {
        let options = decrypt_options(driver, threads);
        decrypt_stream_v2(input, output, &key(), &options).map(drop)
    }
}

/// What goes in and what comes out of a sound run.
fn both_sides(encrypts: bool) -> (Vec<u8>, Vec<u8>) {
    let (plaintext, wire) = (paint(LEN), stream(&params(), LEN));
    if encrypts { (plaintext, wire) } else { (wire, plaintext) }
}

/// Fails unless what was written before an error cannot be taken for the whole.
fn assert_unfinished(encrypts: bool, written: &[u8], expected: &[u8], case: &str) {
    assert!(expected.starts_with(written), "{case}: what was written is no prefix");
    if encrypts {
        let read = decrypt_pipe(&KEY, b"", written, &Limits::FORMAT);
        assert!(read.result.is_err(), "{case}: F-1005, an unfinished stream has no tail");
    }
}

/// Calls of a sound run, so that every one of them can be made to fail.
fn calls(encrypts: bool, operation: Operation) -> u64 {
    let (bytes, expected) = both_sides(encrypts);
    let sink = SharedSink::default();
    let (reader, writer) = (reader(bytes), writer(&sink));
    let counters: Counters = match operation {
        Operation::Read => reader.counters(),
        _ => writer.counters(),
    };
    let output = OutputSink::Writer(Box::new(writer));
    transfer(encrypts, DRIVERS[0], reader, output).expect("a sound run");
    assert_eq!(sink.contents(), expected);
    let calls = counters.calls(operation);
    assert!(calls > 0, "a run without a {operation:?} proves nothing");
    calls
}

fn read_faults(encrypts: bool) {
    let (bytes, expected) = both_sides(encrypts);
    let mut points = 0;
    for driver in DRIVERS {
        for call in 0..calls(encrypts, Operation::Read) {
            points += 1;
            let case = format!("encrypts {encrypts}, {driver:?}, read {call}");
            let sink = SharedSink::default();
            let fault = Fault::Error(ErrorKind::ConnectionReset);
            let reader = reader(bytes.clone()).at(Operation::Read, call, fault);
            let counters = reader.counters();
            let output = OutputSink::Writer(Box::new(writer(&sink)));
            let result = transfer(encrypts, driver, reader, output);
            let Err(StreamError::Read { offset, source }) = result else {
                panic!("{case}: {result:?}");
            };
            assert_eq!(source.kind(), ErrorKind::ConnectionReset, "{case}");
            assert_eq!(offset, counters.bytes(Operation::Read), "{case}");
            assert_unfinished(encrypts, &sink.contents(), &expected, &case);
            if !encrypts {
                let released = sink.contents().len();
                assert!(released % 512 == 0 || released == LEN, "{case}: {released}");
            }
        }
    }
    println!("failing reads, encrypts {encrypts}: {points} fault points");
}

/// F-1005: an encrypt whose input fails writes no tail.
#[test]
fn a_failing_read_ends_an_encrypt_at_its_position() {
    watched(|| read_faults(true));
}

/// F-904: a decrypt whose input fails says so, behind whole segments.
#[test]
fn a_failing_read_ends_a_decrypt_at_its_position() {
    watched(|| read_faults(false));
}

fn write_faults(encrypts: bool) {
    let (bytes, expected) = both_sides(encrypts);
    let mut points = 0;
    for driver in DRIVERS {
        for (operation, fault, kind) in [
            (Operation::Write, Fault::Error(ErrorKind::StorageFull), ErrorKind::StorageFull),
            (Operation::Write, Fault::Zero, ErrorKind::WriteZero),
            (Operation::Flush, Fault::Error(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
        ] {
            for call in 0..calls(encrypts, operation) {
                points += 1;
                let case = format!("encrypts {encrypts}, {driver:?}, {operation:?} {call} {kind}");
                let sink = SharedSink::default();
                let writer = writer(&sink).from(operation, call, fault);
                let counters = writer.counters();
                let output = OutputSink::Writer(Box::new(writer));
                let result = transfer(encrypts, driver, reader(bytes.clone()), output);
                let Err(StreamError::Write { offset, source }) = result else {
                    panic!("{case}: {result:?}");
                };
                assert_eq!(source.kind(), kind, "{case}");
                assert_eq!(offset, counters.bytes(Operation::Write), "{case}");
                assert!(expected.starts_with(&sink.contents()), "{case}");
                if operation == Operation::Write {
                    assert_unfinished(encrypts, &sink.contents(), &expected, &case);
                }
            }
        }
    }
    println!("failing writes, encrypts {encrypts}: {points} fault points");
}

/// Full disks, closed pipes and writers that take nothing, at every call of an encrypt.
#[test]
fn a_failing_write_ends_an_encrypt_at_its_position() {
    watched(|| write_faults(true));
}

/// The same of a decrypt.
#[test]
fn a_failing_write_ends_a_decrypt_at_its_position() {
    watched(|| write_faults(false));
}

fn harmless_faults(encrypts: bool) {
    let (bytes, expected) = both_sides(encrypts);
    let faults = [Fault::Error(ErrorKind::Interrupted), Fault::Short(1)];
    let all = calls(encrypts, Operation::Read).max(calls(encrypts, Operation::Write));
    for driver in DRIVERS {
        for fault in faults {
            for call in 0..all {
                let sink = SharedSink::default();
                let reader = reader(bytes.clone()).at(Operation::Read, call, fault);
                let writer = writer(&sink).at(Operation::Write, call, fault);
                let output = OutputSink::Writer(Box::new(writer));
                transfer(encrypts, driver, reader, output)
                    .unwrap_or_else(|error| panic!("{driver:?} {fault:?} {call}: {error:?}"));
                assert!(sink.contents() == expected, "{driver:?} {fault:?} {call}");
            }
        }
        // One byte a call, all the way.
        let sink = SharedSink::default();
        let reader = Faulty::new(Cursor::new(bytes.clone())).in_pieces(&[1]);
        let writer = Faulty::new(sink.clone()).in_pieces(&[1]);
        transfer(encrypts, driver, reader, OutputSink::Writer(Box::new(writer)))
            .expect("a slow run");
        assert!(sink.contents() == expected, "{driver:?}");
    }
    let points = all * 2 * DRIVERS.len() as u64;
    println!("harmless calls, encrypts {encrypts}: {points} fault points, each a read and a write");
}

/// Interruptions and short calls change nothing, F-105.
#[test]
fn interrupted_and_short_calls_are_tried_again() {
    watched(|| {
        harmless_faults(true);
        harmless_faults(false);
    });
}

/// F-904, F-1006: a named output of a failed call never appears, and neither does its draft.
#[test]
fn a_failed_call_leaves_no_file() {
    watched(|| {
        for encrypts in [true, false] {
            let (bytes, _) = both_sides(encrypts);
            for driver in DRIVERS {
                for call in 0..calls(encrypts, Operation::Read) {
                    let folder = tempfile::tempdir().expect("a folder");
                    let path = folder.path().join("output");
                    let fault = Fault::Error(ErrorKind::TimedOut);
                    let reader = reader(bytes.clone()).at(Operation::Read, call, fault);
                    let output = OutputSink::Path { path, existing: Existing::Refuse };
                    let result = transfer(encrypts, driver, reader, output);
                    assert!(matches!(result, Err(StreamError::Read { .. })), "{result:?}");
                    assert_eq!(names_in(&folder), [] as [&str; 0], "{driver:?} {call}");
                }
            }
        }
    });
}

/// The stream's error inside an `io::Error` of the `Read` and `Write` adapters.
fn inner(error: &std::io::Error) -> &StreamError {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<StreamError>())
        .unwrap_or_else(|| panic!("{error:?} holds no StreamError"))
}

/// Every write of an [`EncryptWriter`] fails once: at the header, in a segment, in the tail.
#[test]
fn an_encrypt_writer_fails_for_good() {
    let plaintext = paint(LEN);
    let expected = stream(&params(), LEN);
    let options = encrypt_options(&params());
    let calls = {
        let mut sound =
            EncryptWriter::new(writer(&SharedSink::default()), &key(), &options).expect("a header");
        sound.write_all(&plaintext).expect("a sound writer");
        sound.finish().expect("a tail").0.counters().calls(Operation::Write)
    };
    for call in 0..calls {
        let sink = SharedSink::default();
        let faulty = writer(&sink).at(Operation::Write, call, Fault::Error(ErrorKind::StorageFull));
        let error = match EncryptWriter::new(faulty, &key(), &options) {
            Err(error) => error,
            Ok(mut writer) => match writer.write_all(&plaintext) {
                Err(error) => {
                    let inner = format!("{:?}", inner(&error));
                    assert!(inner.starts_with("Write"), "call {call}: {inner}");
                    let again = writer.write(&[1]).expect_err("a failed writer stays failed");
                    assert!(again.get_ref().is_some());
                    let finished = writer.finish().map(drop);
                    assert!(matches!(finished, Err(StreamError::Usage(_))), "{finished:?}");
                    assert_unfinished(true, &sink.contents(), &expected, "writer");
                    continue;
                }
                Ok(()) => writer.finish().map(drop).expect_err("the tail was not written"),
            },
        };
        assert!(matches!(error, StreamError::Write { .. }), "call {call}: {error:?}");
        assert_unfinished(true, &sink.contents(), &expected, &format!("writer, call {call}"));
    }
}

/// A writer that is dropped without `finish` leaves an unsealed stream (F-801, F-813).
#[test]
fn a_dropped_encrypt_writer_leaves_an_unsealed_stream() {
    let sink = SharedSink::default();
    let mut writer =
        EncryptWriter::new(sink.clone(), &key(), &encrypt_options(&params())).expect("a header");
    writer.write_all(&paint(LEN)).expect("memory");
    writer.flush().expect("memory");
    drop(writer);
    let outcome = decrypt_pipe(&KEY, b"", &sink.contents(), &Limits::FORMAT);
    assert_eq!(outcome.kind(), Some(sv2_testkit::reference::FailureKind::Unsealed));
    assert_eq!(outcome.released, paint(512 * 5));
}

/// Every read of a [`DecryptReader`] fails once, and the end is never reported after that.
#[test]
fn a_decrypt_reader_fails_for_good() {
    let wire = stream(&params(), LEN);
    for call in 0..calls(false, Operation::Read) {
        let fault = Fault::Error(ErrorKind::ConnectionAborted);
        let faulty = reader(wire.clone()).at(Operation::Read, call, fault);
        let counters = faulty.counters();
        let options = decrypt_options(Driver::Inline, 1);
        let mut plaintext = Vec::new();
        let key = key();
        match DecryptReader::new(faulty, &KeySource::Key(&key), &options) {
            Err(StreamError::Read { offset, .. }) => {
                assert_eq!(offset, counters.bytes(Operation::Read));
            }
            Err(other) => panic!("call {call}: {other:?}"),
            Ok(mut reader) => {
                let error = reader.read_to_end(&mut plaintext).expect_err("a failing input");
                let inner = inner(&error);
                let StreamError::Read { offset, .. } = inner else { panic!("{inner:?}") };
                assert_eq!(*offset, counters.bytes(Operation::Read), "call {call}");
                assert!(!reader.is_sealed());
                reader.read(&mut [0; 9]).expect_err("a failed reader stays failed");
            }
        }
        assert!(paint(LEN).starts_with(&plaintext));
        assert!(plaintext.len() % 512 == 0 || plaintext.len() == LEN);
    }
}

/// F-821, F-819: a [`DecryptReader`] reports what is wrong behind the last byte of plaintext.
#[test]
fn a_decrypt_reader_ends_with_the_seal_and_not_with_the_plaintext() {
    let wire = stream(&params(), LEN);
    let trailing = [&wire[..], b"x"].concat();
    for bad in [&wire[..wire.len() - 1], &trailing] {
        let key = key();
        let options = decrypt_options(Driver::Inline, 1);
        let mut reader = DecryptReader::new(bad, &KeySource::Key(&key), &options).expect("header");
        let mut plaintext = vec![0; LEN];
        reader.read_exact(&mut plaintext).expect("all segments open");
        assert_eq!(plaintext, paint(LEN));
        let error = reader.read(&mut [0; 1]).expect_err("the end does not hold");
        let kind = inner(&error);
        let expected = matches!(
            kind,
            StreamError::Unsealed { segments: 6 } | StreamError::TrailingData { .. }
        );
        assert!(expected, "{kind:?}");
    }
}

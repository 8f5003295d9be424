//! What callers choose: unsealed streams, pinned fingerprints, limits, contexts, drivers.

use std::io::Read;

use sv2_core::{
    DecryptOptions, DecryptReader, Driver, EncryptWriter, ErrorKind, InputSource, KeySource,
    OutputSink, StreamError, Tail, decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_testkit::mutate::{find, flip, regions, truncations};
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{
    Limits, Params, decrypt_pipe, decrypt_seekable, decrypt_unsealed_pipe, encrypt_traced,
};

use crate::harness::{KEY, decrypt_options, encrypt_options, key, run, salt, stream};
use crate::outcome::{assert_same, file, memory, pipe, temporary};

const LEN: usize = 700;

fn params() -> Params {
    Params::tiny(1, 1, 0)
}

fn lenient() -> DecryptOptions {
    decrypt_options(Driver::Inline, 1).tail(Tail::MayBeMissing)
}

/// F-826: every cut behind the header is read up to the last whole segment, and said to be
/// unsealed; from a pipe, from memory and through [`DecryptReader`].
#[test]
fn a_cut_stream_is_read_up_to_its_last_whole_segment_on_request() {
    let wire = stream(&params(), LEN);
    for cut in truncations(&wire) {
        let case = format!("{} bytes left", cut.len());
        let expected = decrypt_unsealed_pipe(&KEY, b"", cut, &Limits::FORMAT);
        assert_same(&pipe(cut, &lenient()), &expected, &case);
        assert_same(&memory(cut, &lenient()), &expected, &case);
        let key = key();
        match DecryptReader::new(cut, &KeySource::Key(&key), &lenient()) {
            Ok(mut reader) => {
                let mut plaintext = Vec::new();
                reader.read_to_end(&mut plaintext).expect("an end is accepted");
                assert_eq!(plaintext, expected.released, "{case}");
                assert!(!reader.is_sealed());
            }
            Err(_) => assert!(expected.result.is_err(), "{case}"),
        }
    }
}

/// F-826: the report tells a stream that was cut from one that is damaged behind what was read.
#[test]
fn an_end_of_the_bytes_is_told_from_damage() {
    let wire = stream(&params(), LEN);
    let ends_of = |wire: &[u8]| {
        let ends = [pipe(wire, &lenient()), memory(wire, &lenient())].map(|outcome| outcome.result);
        ends.map(|result| result.expect("a lenient read").unsealed_end)
    };
    assert_eq!(ends_of(&wire), [None; 2], "it is sealed");
    for cut in truncations(&wire).filter(|cut| cut.len() >= 256) {
        assert_eq!(ends_of(cut), [Some(ErrorKind::Unsealed); 2], "{} bytes left", cut.len());
    }
    let mut damaged = wire.clone();
    damaged[wire.len() / 2] ^= 1;
    let cut = &damaged[..wire.len() - 1];
    assert_eq!(ends_of(cut), [Some(ErrorKind::Damaged); 2]);
}

/// F-826: a trailer that does not pass F-707 is none; the frames count all the same.
#[test]
fn a_stream_whose_tail_fails_is_read_as_unsealed_on_request() {
    let wire = stream(&params(), LEN);
    let all = regions(&wire);
    for name in [
        "trailer.magic",
        "trailer.version",
        "trailer.segments",
        "trailer.seal",
        "trailer.index_root",
        "page_table.hash",
    ] {
        let damaged = flip(&wire, find(&all, name, None, None).start, 1);
        let expected = decrypt_unsealed_pipe(&KEY, b"", &damaged, &Limits::FORMAT);
        assert_eq!(expected.released, paint(LEN));
        assert_same(&pipe(&damaged, &lenient()), &expected, name);
        assert_same(&memory(&damaged, &lenient()), &expected, name);
        assert_same(&file(temporary(&damaged), &lenient()), &expected, name);
    }
}

/// F-826: a sound stream is sealed all the same, and one with a damaged segment under a seal that
/// holds is not read around.
#[test]
fn a_sealed_stream_stays_sealed_for_a_lenient_reader() {
    let wire = stream(&params(), LEN);
    let sealed = decrypt_pipe(&KEY, b"", &wire, &Limits::FORMAT);
    assert_same(&pipe(&wire, &lenient()), &sealed, "pipe");
    assert_same(&memory(&wire, &lenient()), &sealed, "memory");
    let tag = find(&regions(&wire), "frame.tag", Some(1), Some(0)).start;
    let damaged = flip(&wire, tag, 1);
    let expected = decrypt_seekable(&KEY, b"", &damaged, &Limits::FORMAT);
    assert_same(&memory(&damaged, &lenient()), &expected, "a damaged segment");
    // On a pipe nobody has seen the trailer yet.
    let expected = decrypt_unsealed_pipe(&KEY, b"", &damaged, &Limits::FORMAT);
    assert_eq!(expected.released, paint(256));
    assert_same(&pipe(&damaged, &lenient()), &expected, "a damaged segment on a pipe");
}

/// F-826 is about the stream alone: a failing input stays a failure.
#[test]
fn a_failing_input_is_no_unsealed_stream() {
    use sv2_testkit::faulty::{Fault, Faulty, Operation};
    let wire = stream(&params(), LEN);
    let fault = Fault::Error(std::io::ErrorKind::TimedOut);
    let reader = Faulty::new(&wire[..]).in_pieces(&[100]).from(Operation::Read, 8, fault);
    let mut out = Vec::new();
    let input = InputSource::Reader(Box::new(reader));
    let result = decrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &lenient());
    assert!(matches!(result, Err(StreamError::Read { .. })), "{result:?}");
    assert!(out.is_empty());
}

/// F-606, F-604: a pinned stream is accepted, and no other is, sealed or not, by any reader.
#[test]
fn only_the_pinned_stream_is_accepted() {
    let (wire, trace) = encrypt_traced(&KEY, &params(), &mut salt, &paint(LEN));
    for tail in [Tail::Required, Tail::MayBeMissing] {
        let pinned = |fingerprint| {
            decrypt_options(Driver::Inline, 1).tail(tail).expected_fingerprint(fingerprint)
        };
        let right = pinned(trace.fingerprint);
        let mut other = trace.fingerprint;
        other[31] ^= 1;
        let wrong = pinned(other);
        for read in [pipe, memory] {
            let report = read(&wire, &right).result.expect("the pinned stream");
            assert_eq!(report.fingerprint, Some(trace.fingerprint));
            let error = read(&wire, &wrong).result.expect_err("another stream");
            assert!(matches!(error, StreamError::WrongFingerprint), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::Unauthentic);
            // Without its seal it is not the pinned stream, whatever else is allowed.
            let error = read(&wire[..wire.len() - 1], &right).result.expect_err("no seal");
            assert!(matches!(error, StreamError::Unsealed { .. }), "{error:?}");
        }
        assert!(memory(&wire, &wrong).released.is_empty(), "known before the first byte");

        let key = key();
        for (options, accepted) in [(right, true), (wrong, false)] {
            let mut reader =
                DecryptReader::new(&wire[..], &KeySource::Key(&key), &options).expect("a header");
            let read = reader.read_to_end(&mut Vec::new());
            assert_eq!((read.is_ok(), reader.is_sealed()), (accepted, accepted));
        }
    }
}

/// F-304 and section 3.5: the caller's maximum is judged beside the format's, before any key.
#[test]
fn segments_above_the_callers_maximum_are_refused() {
    let wire = stream(&Params::tiny(1, 0, 1), LEN);
    let key = key();
    for max in [0, 511, 512] {
        let options = decrypt_options(Driver::Inline, 1).max_segment_size(max);
        let limits = Limits { max_segment_size: max };
        let piped = decrypt_pipe(&KEY, b"", &wire, &limits);
        let sought = decrypt_seekable(&KEY, b"", &wire, &limits);
        assert_eq!(piped.result.is_ok(), max == 512);
        assert_same(&pipe(&wire, &options), &piped, "pipe");
        assert_same(&memory(&wire, &options), &sought, "memory");
        let reader = DecryptReader::new(&wire[..], &KeySource::Key(&key), &options);
        assert_eq!(reader.is_ok(), max == 512);

        // It comes before the key and after the version.
        let strange = [9; 32];
        let other = sv2_core::StreamKey::from_bytes(strange);
        let mut out = Vec::new();
        let sink = OutputSink::Memory(&mut out);
        let result = decrypt_stream_v2(InputSource::Memory(&wire), sink, &other, &options);
        let expected = decrypt_seekable(&strange, b"", &wire, &limits);
        let ended = crate::outcome::Ended { released: out, result };
        assert_same(&ended, &expected, "another key");
        for (at, byte) in [(9, 2), (12, 7), (15, 2), (300, 1)] {
            let mut changed = wire.clone();
            changed[at] = byte;
            sv2_testkit::reference::forge::refresh_crc(&mut changed[..256]);
            let expected = decrypt_pipe(&KEY, b"", &changed, &limits);
            assert_same(&pipe(&changed, &options), &expected, &format!("byte {at}"));
        }
    }
}

/// F-403, F-404: another context is another key.
#[test]
fn another_context_or_key_opens_nothing() {
    let params = Params { context: b"tenant".to_vec(), ..params() };
    let wire = stream(&params, LEN);
    for context in [&b""[..], b"tenan", b"tenant ", b"Tenant"] {
        let options = decrypt_options(Driver::Inline, 1).context(context);
        let expected = decrypt_pipe(&KEY, context, &wire, &Limits::FORMAT);
        assert!(expected.result.is_err());
        assert_same(&pipe(&wire, &options), &expected, "pipe");
        let expected = decrypt_seekable(&KEY, context, &wire, &Limits::FORMAT);
        assert_same(&memory(&wire, &options), &expected, "memory");
    }
}

/// Inputs and outputs that rule a driver out get the next one, and the report says which.
#[test]
fn a_driver_that_is_ruled_out_is_replaced() {
    let (plaintext, wire) = (paint(256 * 6), stream(&params(), 256 * 6));
    let positional = decrypt_options(Driver::Positional, 2);
    let ended = pipe(&wire, &positional);
    assert_eq!(ended.result.expect("a sound stream").driver, Driver::Ordered);
    assert_eq!(ended.released, plaintext);
    let ended = memory(&wire, &positional);
    assert_eq!(ended.result.expect("a sound stream").driver, Driver::Ordered);
    let ended = file(temporary(&wire), &positional);
    assert_eq!(ended.result.expect("a sound stream").driver, Driver::Positional);

    // A pipe to a file, with every driver.
    for driver in [Driver::Positional, Driver::Ordered, Driver::Inline] {
        let output = tempfile::NamedTempFile::new().expect("a file");
        let sink = OutputSink::File(output.reopen().expect("a second handle"));
        let input = InputSource::Reader(Box::new(&wire[..]));
        decrypt_stream_v2(input, sink, &key(), &decrypt_options(driver, 2))
            .expect("a sound stream");
        assert_eq!(std::fs::read(output.path()).expect("the file"), plaintext, "{driver:?}");
    }
    let mut options = encrypt_options(&params());
    options.run = run(Driver::Positional, 2);
    let mut out = Vec::new();
    let input = InputSource::Reader(Box::new(&plaintext[..]));
    let report = encrypt_stream_v2(input, OutputSink::Memory(&mut out), &key(), &options);
    assert_eq!(report.expect("a sound input").driver, Driver::Ordered);
    assert!(out == wire);
}

/// F-306, F-308, F-310, F-319, F-322, F-1003: a writer refuses what a reader would.
#[test]
fn options_that_no_reader_accepts_are_refused() {
    let refused = |change: fn(&mut sv2_core::EncryptOptions)| {
        let mut options = encrypt_options(&params());
        change(&mut options);
        let mut out = Vec::new();
        let sink = OutputSink::Memory(&mut out);
        let error = encrypt_stream_v2(InputSource::Memory(b"x"), sink, &key(), &options)
            .expect_err("an impossible header");
        assert!(out.is_empty());
        let writer = EncryptWriter::new(Vec::new(), &key(), &options);
        assert!(writer.is_err());
        error
    };
    let error = refused(|options| options.header_len = Some(257));
    assert!(matches!(error, StreamError::Malformed { .. }), "{error:?}");
    let error = refused(|options| options.header_len = Some(65_536 + 64));
    assert!(matches!(error, StreamError::Limit { .. }), "{error:?}");
    let error = refused(|options| {
        options.slots = vec![sv2_core::Section { kind: 1, body: vec![0, 9, 1, 1, 1] }; 65];
        options.header_len = None;
    });
    assert!(matches!(error, StreamError::Limit { .. }), "{error:?}");
    let error = refused(|options| {
        options.slots = vec![sv2_core::Section { kind: 1, body: vec![0, 9, 1] }; 40];
    });
    assert!(matches!(error, StreamError::Limit { .. }), "{error:?}");
    let error = refused(|options| {
        options.slots = vec![sv2_core::Section { kind: 1, body: b"\x00\x01no age file".to_vec() }];
    });
    assert!(matches!(error, StreamError::Malformed { .. }), "{error:?}");
}

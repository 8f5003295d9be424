//! The engine and the reference write the same bytes and read each other's streams.

use std::io::{Read, Write};

use proptest::prelude::*;
use sv2_core::{
    Backend, DecryptReader, Driver, EncryptOptions, EncryptWriter, InputSource, KeySource,
    OutputSink, decrypt_stream_v2, encrypt_stream_v2,
};
use sv2_testkit::faulty::{Faulty, SharedSink};
use sv2_testkit::paint::{boundary_lengths, paint};
use sv2_testkit::reference::{
    Limits, Params, decrypt_pipe, decrypt_seekable, encrypt, encrypt_traced,
};

use crate::harness::{KEY, decrypt_options, encrypt_options, file_with, key, run, salt, stream};
use crate::outcome::{assert_same, file, memory, pipe_in_pieces, temporary};

const DRIVERS: [Driver; 3] = [Driver::Positional, Driver::Ordered, Driver::Inline];

/// From memory to memory.
fn through_memory(plaintext: &[u8], options: &EncryptOptions) -> Vec<u8> {
    let mut wire = Vec::new();
    let (input, output) = (InputSource::Memory(plaintext), OutputSink::Memory(&mut wire));
    let report = encrypt_stream_v2(input, output, &key(), options).expect("a sound encryption");
    assert_eq!(report.bytes_in, plaintext.len() as u64);
    assert_eq!(report.bytes_out, wire.len() as u64);
    wire
}

/// From file to file, both standing somewhere behind their starts.
fn through_files(plaintext: &[u8], options: &EncryptOptions) -> Vec<u8> {
    let (_folder, path) = file_with(&[b"before", plaintext].concat());
    let mut input = std::fs::File::open(path).expect("an input");
    input.read_exact(&mut [0; 6]).expect("six bytes");
    let output = tempfile::NamedTempFile::new().expect("an output");
    let mut handle = output.reopen().expect("a second handle");
    handle.write_all(b"head").expect("four bytes");
    let (input, sink) = (InputSource::File(input), OutputSink::File(handle));
    encrypt_stream_v2(input, sink, &key(), options).expect("a sound encryption");
    let mut written = std::fs::read(output.path()).expect("a readable file");
    assert_eq!(written.drain(..4).as_slice(), b"head");
    written
}

/// From a reader to a writer that both move odd pieces.
fn through_pipes(plaintext: &[u8], pieces: &[usize], options: &EncryptOptions) -> Vec<u8> {
    let sink = SharedSink::default();
    let reader = Faulty::new(plaintext).in_pieces(pieces);
    let writer = Faulty::new(sink.clone()).in_pieces(pieces);
    let input = InputSource::Reader(Box::new(reader));
    encrypt_stream_v2(input, OutputSink::Writer(Box::new(writer)), &key(), options)
        .expect("a sound encryption");
    sink.contents()
}

/// Through [`EncryptWriter`], written in odd pieces.
fn through_writer(plaintext: &[u8], pieces: &[usize], options: &EncryptOptions) -> Vec<u8> {
    let mut writer = EncryptWriter::new(Vec::new(), &key(), options).expect("a header");
    let mut rest = plaintext;
    for len in pieces.iter().cycle() {
        let (piece, later) = rest.split_at(rest.len().min(*len));
        writer.write_all(piece).expect("memory takes all");
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let (wire, report) = writer.finish().expect("a sealed stream");
    assert_eq!(report.bytes_out, wire.len() as u64);
    wire
}

/// Through [`DecryptReader`], read in odd pieces.
fn read_back(wire: &[u8], pieces: &[usize], context: &[u8]) -> Vec<u8> {
    let options = decrypt_options(Driver::Inline, 1).context(context);
    let key = key();
    let reader = Faulty::new(wire).in_pieces(pieces);
    let mut reader =
        DecryptReader::new(reader, &KeySource::Key(&key), &options).expect("a sound header");
    let mut plaintext = Vec::new();
    for len in pieces.iter().cycle() {
        let mut piece = vec![0; *len];
        let count = reader.read(&mut piece).expect("a sound stream");
        if count == 0 {
            break;
        }
        plaintext.extend_from_slice(&piece[..count]);
    }
    assert!(reader.is_sealed());
    plaintext
}

/// All geometries and lengths at which a layout changes, by all drivers. F-105, F-205 to F-209.
#[test]
fn every_driver_writes_the_references_bytes_at_every_boundary_length() {
    for (suite, digest, frames_log2) in [(1, 0, 0), (1, 1, 2), (2, 2, 1), (2, 0, 2)] {
        let params = Params::tiny(suite, digest, frames_log2);
        let layout = params.layout();
        for len in boundary_lengths(layout.frame_size(), layout.segment_size()) {
            let plaintext = paint(len as usize);
            let expected = stream(&params, len as usize);
            for driver in DRIVERS {
                for threads in [1, 3] {
                    let mut options = encrypt_options(&params);
                    options.run = run(driver, threads);
                    let case = format!("{params:?} {len} {driver:?} {threads}");
                    assert!(through_memory(&plaintext, &options) == expected, "{case}");
                    assert!(through_pipes(&plaintext, &[7, 300], &options) == expected, "{case}");
                    let reading = decrypt_options(driver, threads);
                    let seekable = decrypt_seekable(&KEY, b"", &expected, &Limits::FORMAT);
                    assert_eq!(seekable.released, plaintext);
                    assert_same(&memory(&expected, &reading), &seekable, &case);
                    let piped = pipe_in_pieces(&expected, &[61, 5], &reading);
                    assert_same(&piped, &seekable, &case);
                }
            }
        }
    }
}

/// As above from and to regular files, which alone make the positional driver read and write at
/// offsets. F-105.
#[test]
fn files_hold_the_references_bytes_from_wherever_they_stood() {
    for (digest, len) in [(0, 0), (0, 255), (1, 1024), (2, 5000)] {
        let params = Params::tiny(1, digest, 1);
        let plaintext = paint(len);
        let expected = stream(&params, len);
        for driver in DRIVERS {
            for threads in [1, 2, 7] {
                let mut options = encrypt_options(&params);
                options.run = run(driver, threads);
                let case = format!("{digest} {len} {driver:?} {threads}");
                assert!(through_files(&plaintext, &options) == expected, "{case}");
                let ended = file(temporary(&expected), &decrypt_options(driver, threads));
                let outcome = decrypt_seekable(&KEY, b"", &expected, &Limits::FORMAT);
                assert_same(&ended, &outcome, &case);
            }
        }
    }
}

/// F-105, F-1002: metadata, slots and a chosen header length too.
#[test]
fn header_sections_are_written_as_the_reference_writes_them() {
    let with_slot = Params {
        slotted: true,
        sections: vec![(1, vec![0, 9, 1, 2, 3])],
        metadata: Some((b"{\"name\":\"a.txt\"}".to_vec(), [0x33; 24])),
        header_len: 512,
        context: b"tenant 7".to_vec(),
        ..Params::tiny(2, 1, 1)
    };
    let expected = stream(&with_slot, 700);
    assert!(through_memory(&paint(700), &encrypt_options(&with_slot)) == expected);
    assert_eq!(read_back(&expected, &[100], b"tenant 7"), paint(700));
}

/// F-307: without a chosen length the header is the default one, or as long as its sections need.
#[test]
fn header_length_follows_from_the_sections() {
    for (slotted, body_len, header_len) in [
        (false, 0, 1024),
        (true, 5, 4096),
        (true, 700, 4096),
        (true, 900, 8192),
        (true, 5000, 32_768),
    ] {
        let sections = if slotted { vec![(1, vec![9; body_len])] } else { Vec::new() };
        let params = Params { slotted, sections, header_len, ..Params::tiny(1, 0, 1) };
        let mut options = encrypt_options(&params);
        options.header_len = None;
        assert!(through_memory(&paint(10), &options) == stream(&params, 10), "{header_len}");
    }
}

/// F-702, F-703, F-820: more than one page of the index.
#[test]
fn an_index_of_several_pages_is_the_references() {
    let params = Params::tiny(1, 1, 0);
    let len = 256 * 2050 + 17;
    let plaintext = paint(len);
    let (expected, trace) = encrypt_traced(&KEY, &params, &mut salt, &plaintext);
    let mut options = encrypt_options(&params);
    options.run = run(Driver::Positional, 2);
    assert!(through_memory(&plaintext, &options) == expected);
    options.run = run(Driver::Ordered, 2);
    assert!(through_pipes(&plaintext, &[4000], &options) == expected);
    for ended in [
        memory(&expected, &decrypt_options(Driver::Ordered, 2)),
        pipe_in_pieces(&expected, &[5000], &decrypt_options(Driver::Ordered, 2)),
    ] {
        let report = ended.result.expect("a sound stream");
        assert_eq!(report.fingerprint, Some(trace.fingerprint));
        assert_eq!((report.segments, report.frames), (2051, 2051));
        assert!(ended.released == plaintext);
    }
}

/// Salts come from the system where nothing is injected: F-309, F-506.
#[test]
fn two_encryptions_of_one_plaintext_share_no_salt() {
    let params = Params::tiny(1, 0, 0);
    let mut options = encrypt_options(&params);
    options.random = sv2_core::RandomSource::System;
    let (one, two) = (through_memory(&paint(600), &options), through_memory(&paint(600), &options));
    let segment = |index: usize| 256 + index * (256 + 72 + 32) + 24;
    let salts: Vec<&[u8]> = [&one, &two]
        .into_iter()
        .flat_map(|wire| (0..3).map(|index| &wire[segment(index)..segment(index) + 24]))
        .collect();
    for (index, salt) in salts.iter().enumerate() {
        assert!(!salts[..index].contains(salt), "salt {index} was drawn before");
    }
    assert_ne!(one[16..48], two[16..48]);
    assert_eq!(decrypt_pipe(&KEY, b"", &one, &Limits::FORMAT).released, paint(600));
}

fn params() -> impl Strategy<Value = Params> {
    let salts = (any::<[u8; 32]>(), proptest::collection::vec(any::<u8>(), 0..20));
    (1u8..=2, 0u8..=2, 8u8..=9, 0u8..=3, 4u32..=6, salts).prop_map(
        |(suite, digest, frame_log2, frames_log2, header_units, (stream_salt, context))| Params {
            frame_log2,
            header_len: 64 * header_units,
            stream_salt,
            context,
            ..Params::tiny(suite, digest, frames_log2)
        },
    )
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1usize..900, 1..4)
}

fn driver() -> impl Strategy<Value = Driver> {
    prop_oneof![Just(Driver::Positional), Just(Driver::Ordered), Just(Driver::Inline)]
}

fn threads() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1usize), Just(2), Just(3), Just(7)]
}

fn backend() -> impl Strategy<Value = Backend> {
    (0..Backend::available().len()).prop_map(|index| Backend::available()[index])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// F-105, F-801: geometry, length, suite, digest, context, driver, threads, backend and the
    /// sizes of reads and writes change no byte, and each side reads what the other wrote.
    #[test]
    fn engine_and_reference_write_and_read_the_same_bytes(
        params in params(),
        len in 0usize..9000,
        driver in driver(),
        threads in threads(),
        backend in backend(),
        pieces in pieces(),
    ) {
        let plaintext = paint(len);
        let expected = encrypt(&KEY, &params, &mut salt, &plaintext);
        let mut options = encrypt_options(&params);
        options.run = run(driver, threads);
        options.run.backend = Some(backend);
        prop_assert!(through_memory(&plaintext, &options) == expected);
        prop_assert!(through_pipes(&plaintext, &pieces, &options) == expected);
        prop_assert!(through_writer(&plaintext, &pieces, &options) == expected);

        prop_assert!(read_back(&expected, &pieces, &params.context) == plaintext);
        let mut reading = decrypt_options(driver, threads);
        reading.context = params.context.clone();
        reading.run.backend = Some(backend);
        let piped = pipe_in_pieces(&expected, &pieces, &reading);
        prop_assert!(piped.result.is_ok() && piped.released == plaintext);
        let mut out = vec![1, 2, 3];
        let sink = OutputSink::Memory(&mut out);
        let report = decrypt_stream_v2(InputSource::Memory(&expected), sink, &key(), &reading);
        prop_assert_eq!(report.map(|report| report.backend).ok(), Some(backend));
        prop_assert!(out == plaintext);
    }

    /// F-105 through regular files, in fewer cases since each is synced.
    #[test]
    fn files_of_any_shape_hold_the_same_bytes(
        params in params(),
        len in 0usize..9000,
        driver in driver(),
        threads in threads(),
    ) {
        let plaintext = paint(len);
        let mut options = encrypt_options(&params);
        options.run = run(driver, threads);
        let expected = encrypt(&KEY, &params, &mut salt, &plaintext);
        prop_assert!(through_files(&plaintext, &options) == expected);
        let mut reading = decrypt_options(driver, threads);
        reading.context = params.context.clone();
        let ended = file(temporary(&expected), &reading);
        prop_assert!(ended.result.is_ok() && ended.released == plaintext);
    }
}

//! The peak of allocations while vectors are read, by family.

#![expect(clippy::print_stdout, reason = "what was counted is printed")]

use std::io;

use sv2_core::{
    ChangeOptions, DecryptOptions, Existing, Gaps, InputSource, KeySource, OutputSink,
    ReaderOptions, ResumableOutput, RunOptions, StreamKey, StreamReader, Tail, decrypt_resumable,
    decrypt_stream_v2, inspect, inspect_change, object_checksum, read_metadata, recover, salvage,
    scrub, scrub_pipe, verify,
};
use sv2_testkit::mutate::flip;
use sv2_testkit::paint::paint;
use sv2_testkit::reference::{self, Params};
use sv2_testkit::vectors::requests::patched;
use sv2_testkit::vectors::{Body, FAMILIES, StreamCase};

use crate::peak_of;

/// What no input of a few MiB may cost, with two threads.
const MOST: usize = 64 << 20;

/// What a short stream may cost whatever it claims: buffers grow by a step ahead of what arrives.
const MOST_OF_SHORT: usize = 16 << 20;

/// Families of streams that are wrong somewhere, as whole streams or as tables of changes.
const READ: [&str; 11] = [
    "headers",
    "slots",
    "metadata",
    "commitment",
    "segments",
    "tails",
    "lengths",
    "tables",
    "scrubs",
    "geometry",
    "foreign",
];

fn run() -> RunOptions {
    RunOptions::automatic().threads(2)
}

/// Reads a stream in every way that there is. How it ends is judged elsewhere.
fn read_in_every_way(stream: &[u8], key: &[u8; 32], context: &[u8], max_segment: Option<u64>) {
    let key = StreamKey::from_bytes(*key);
    let keys = KeySource::Key(&key);
    let mut options = DecryptOptions::standard();
    options.context = context.to_vec();
    options.run = run();
    if let Some(most) = max_segment {
        options.max_segment_size = most;
    }
    let sink = || OutputSink::Writer(Box::new(io::sink()));
    let memory = || InputSource::Memory(stream);
    let pipe = InputSource::Reader(Box::new(stream));
    let _ = decrypt_stream_v2(pipe, sink(), &key, &options).map(drop);
    let _ = decrypt_stream_v2(memory(), sink(), &key, &options).map(drop);
    let _ = scrub(memory(), &options.run).map(drop);
    let _ = verify(memory(), &keys, &options).map(drop);
    let _ = salvage(memory(), sink(), &keys, &options, Gaps::Skip).map(drop);
    let _ = inspect(memory()).map(drop);
    let _ = object_checksum(memory()).map(drop);
    let _ = read_metadata(memory(), &keys, context).map(drop);
    if let Ok(reader) = StreamReader::open(memory(), &keys, &options) {
        let _ = reader.read_at(&mut [0; 100], reader.len() / 2);
    }
}

fn peak_of_case(case: &StreamCase, stream: &[u8]) -> usize {
    peak_of(|| read_in_every_way(stream, &case.key, &case.context, case.max_segment))
}

/// F-802: nothing that a vector claims makes a reader allocate more than its limit.
#[test]
fn no_vector_costs_more_memory_than_its_limit() {
    let mut read = 0;
    for (name, make) in FAMILIES.into_iter().filter(|(name, _)| READ.contains(name)) {
        let (mut most, mut of) = (0, String::new());
        let mut note = |peak: usize, what: String| {
            read += 1;
            if peak > most {
                (most, of) = (peak, what);
            }
        };
        for vector in make() {
            match &vector.body {
                Body::Stream(case) => note(peak_of_case(case, &case.stream), vector.name.clone()),
                Body::Table(table) => {
                    let (case, stream) = (&table.base, &table.base.stream);
                    for row in &table.patches {
                        let changed = patched(stream, &row.patches);
                        note(
                            peak_of_case(case, &changed),
                            format!("{}, {}", vector.name, row.name),
                        );
                    }
                    // Every flip and cut is read in `tests/conformance`; here the allocator looks
                    // at one of 23.
                    for at in (0..stream.len()).step_by(23) {
                        let peak = peak_of_case(case, &flip(stream, at, 0x80));
                        note(peak, format!("{}, flip of byte {at}", vector.name));
                        let peak = peak_of_case(case, &stream[..at]);
                        note(peak, format!("{}, cut to {at}", vector.name));
                    }
                }
                _ => {}
            }
        }
        println!("{name}: at most {} KiB, {of}", most >> 10);
        assert!(most < MOST, "{name}: {most} bytes while {of} was read");
        assert!(most > 0, "{name} was not measured");
    }
    println!("{read} streams");
    assert!(read > 1200, "{read}");
}

/// F-820, F-802: a header that claims the largest segments, and a segment that claims to be one,
/// cost what is there and not what is claimed.
#[test]
fn claims_of_a_short_stream_cost_no_memory() {
    let mut params = Params::tiny(1, 0, 0);
    (params.frame_log2, params.frames_log2) = (16, 10);
    let plaintext = paint(3000);
    let mut salts = |_| [7; 24];
    let key = [0x42; 32];
    let sound = reference::encrypt(&key, &params, &mut salts, &plaintext);
    let header_len = params.header_len as usize;
    let mut claims = sound.clone();
    // The length of the segment's plaintext.
    claims[header_len + 16..header_len + 20].copy_from_slice(&(64u32 << 20).to_be_bytes());
    for (what, stream) in [
        ("as it is", &sound[..]),
        ("cut behind a segment header", &sound[..header_len + 64]),
        ("a segment that claims 64 MiB", &claims),
        ("such a segment and no tail", &claims[..header_len + 200]),
    ] {
        let peak = peak_of(|| read_in_every_way(stream, &key, &[], None));
        println!("{what}: {} KiB", peak >> 10);
        assert!(peak < MOST_OF_SHORT, "{what}: {peak} bytes");
    }
}

/// F-1203, F-1206: records and journals of any length are read piece by piece.
#[test]
fn a_long_change_record_and_a_long_journal_cost_no_memory() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.sv2");
    let stream =
        reference::encrypt(&[7; 32], &Params::tiny(1, 0, 2), &mut |_| [9; 24], &paint(9000));
    std::fs::write(&path, &stream).expect("room");
    let key = StreamKey::from_bytes([7; 32]);
    for magic in [&b"SV2CHNG\n"[..], b"SV2JRNL\n"] {
        let long = [magic, &paint(32 << 20)].concat();
        let record = folder.path().join("a.sv2.sv2-change");
        std::fs::write(&record, &long).expect("room");
        std::fs::write(folder.path().join("out.sv2-journal"), &long).expect("room");
        std::fs::write(folder.path().join("out.unfinished"), []).expect("room");
        let peak = peak_of(|| {
            let _ = inspect_change(&path);
            let _ = recover(&path, &KeySource::Key(&key), &ChangeOptions::standard());
            let output = ResumableOutput::new(folder.path().join("out"), Existing::Refuse);
            let input = InputSource::Memory(&stream);
            let options = DecryptOptions::standard().run(run());
            let _ = decrypt_resumable(input, &output, &KeySource::Key(&key), &options);
        });
        println!("{}: {peak} bytes", String::from_utf8_lossy(magic).trim_end());
        assert!(peak < 4 << 20, "{peak} bytes");
    }
}

/// F-828: a scrub of a pipe holds a segment as far as it arrived and 160 bytes for each that went by,
/// whatever comes.
#[test]
fn a_scrub_of_a_pipe_holds_a_segment_and_little_for_each_that_went_by() {
    // Segments of 1 GiB, 4 MiB and 256 bytes.
    for (frame_log2, frames_log2, junk, most) in
        [(16, 14, 4 << 20, 16 << 20), (16, 6, 24 << 20, 24 << 20), (8, 0, 3 << 20, 8 << 20)]
    {
        let mut params = Params::tiny(1, 0, 0);
        (params.frame_log2, params.frames_log2) = (frame_log2, frames_log2);
        let stream = reference::encrypt(&[7; 32], &params, &mut |_| [9; 24], &paint(300));
        // What is no segment, and never ends where one could.
        let junk = io::Read::take(io::repeat(0x5A), junk);
        let input = io::Read::chain(&stream[..256], junk);
        let mut scrubbed = None;
        let peak = peak_of(|| {
            let input = InputSource::Reader(Box::new(input));
            scrubbed = Some(scrub_pipe(input, Tail::Required, &run()));
        });
        println!("{frame_log2}, {frames_log2}: {peak} bytes");
        assert!(scrubbed.is_some_and(|map| !map.is_ok_and(|map| map.is_undamaged())));
        assert!(peak < most, "{frame_log2}, {frames_log2}: {peak} bytes");
    }
}

/// A frame that is kept holds nothing else of what was read with it.
#[test]
fn frames_that_are_kept_take_no_more_memory_than_they_have() {
    const FRAME: usize = 64 << 10;
    let mut params = Params::tiny(1, 0, 0);
    (params.frame_log2, params.frames_log2) = (16, 6);
    let stream = reference::encrypt(&[7; 32], &params, &mut |_| [9; 24], &paint(64 * FRAME));
    let key = StreamKey::from_bytes([7; 32]);
    let (keys, options) = (KeySource::Key(&key), DecryptOptions::standard().run(run()));
    let mut out = vec![0; FRAME + 100];
    let peak = peak_of(|| {
        let input = InputSource::Memory(&stream);
        let reader = StreamReader::open_with(input, &keys, &options, &ReaderOptions::standard());
        let reader = reader.expect("a stream");
        // A whole frame and a part of the next one, which alone is kept.
        for pair in 0..32 {
            assert_eq!(reader.read_at(&mut out, 2 * pair * FRAME as u64).ok(), Some(FRAME + 100));
        }
    });
    println!("32 frames: {peak} bytes");
    assert!(peak < 32 * FRAME + (1 << 20), "{peak} bytes");
}

//! One reading of a vector, in several ways.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sv2_core::{
    DecryptOptions, Driver, InputSource, KeySource, OutputSink, ReadAt, RunOptions, StreamKey,
    StreamReader, decrypt_stream_v2, read_metadata,
};
use sv2_testkit::vectors::{Mode, Reading, StreamCase, Verdict};

use crate::expect::{ends_as, fails_as};
use crate::subject::{listed, scrubbed};
use crate::ways::{Piped, Placed, Taken, Ways};

fn key(case: &StreamCase) -> StreamKey {
    StreamKey::from_bytes(case.key)
}

fn options(case: &StreamCase, run: RunOptions) -> DecryptOptions {
    let mut options = DecryptOptions::standard();
    options.context.clone_from(&case.context);
    if let Some(most) = case.max_segment {
        options.max_segment_size = most;
    }
    options.run = run;
    options
}

/// A whole decrypt from a pipe: what was released is compared to the byte (F-816).
pub(crate) fn pipe(name: &str, case: &StreamCase, reading: &Reading, ways: &mut Ways) {
    for piped in Piped::of(case) {
        for driver in [Driver::Ordered, Driver::Inline] {
            for (run, way) in ways.each(driver) {
                let taken = Taken::turn(ways);
                let way = format!("{piped:?} {way} {taken:?}");
                let options = options(case, run);
                let left = taken.left(reading.verdict.is_sound(), &reading.released);
                let (done, released) = taken.with(|output| {
                    piped.with(&case.stream, |input| {
                        decrypt_stream_v2(input, output, &key(case), &options)
                    })
                });
                ends_as(name, &way, &done, &reading.verdict);
                assert!(released == left, "{name}, {way}: released bytes differ");
            }
        }
    }
}

/// A whole decrypt of a seekable source, to a writer in order and to a file at offsets.
pub(crate) fn seekable(name: &str, case: &StreamCase, reading: &Reading, ways: &mut Ways) {
    for placed in Placed::of(case) {
        for driver in [Driver::Ordered, Driver::Inline] {
            for (run, way) in ways.each(driver) {
                let taken = Taken::turn(ways);
                let way = format!("{placed:?} {way} {taken:?}");
                let options = options(case, run);
                let left = taken.left(reading.verdict.is_sound(), &reading.released);
                let (done, released) = taken.with(|output| {
                    placed.with(&case.stream, |input| {
                        decrypt_stream_v2(input, output, &key(case), &options)
                    })
                });
                ends_as(name, &way, &done, &reading.verdict);
                assert!(released == left, "{name}, {way}: released bytes differ");
            }
        }
        for (run, way) in ways.each(Driver::Positional) {
            let way = format!("{placed:?} {way}");
            let options = options(case, run);
            let mut file = tempfile::tempfile().expect("a file");
            let done = placed.with(&case.stream, |input| {
                let output = OutputSink::File(file.try_clone().expect("the same file"));
                decrypt_stream_v2(input, output, &key(case), &options)
            });
            ends_as(name, &way, &done, &reading.verdict);
            assert_placed(name, &way, case, reading, &mut file);
        }
    }
}

/// Every byte that a positional decrypt left is that of the plaintext, or was never written.
fn assert_placed(name: &str, way: &str, case: &StreamCase, reading: &Reading, file: &mut File) {
    let mut left = Vec::new();
    file.rewind().expect("a regular file");
    file.read_to_end(&mut left).expect("a short file");
    if reading.verdict.is_sound() {
        assert!(left == case.plaintext, "{name}, {way}: the plaintext differs");
        return;
    }
    assert!(left.len() <= case.plaintext.len(), "{name}, {way}: too much was written");
    let strange =
        left.iter().zip(&case.plaintext).position(|(left, right)| *left != 0 && left != right);
    assert_eq!(strange, None, "{name}, {way}: a byte that is not of the plaintext");
    if reading.released.is_empty() && !fails_in_a_segment(&reading.verdict) {
        assert!(left.is_empty(), "{name}, {way}: written before the seal was checked (F-810)");
    }
}

fn fails_in_a_segment(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Failed(_, named, _) if named.segment.is_some())
}

/// A stream whose trailer is another one as soon as it was replaced.
struct Changing {
    stream: Vec<u8>,
    trailer_now: Vec<u8>,
    replaced: Arc<AtomicBool>,
}

impl ReadAt for Changing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let trailer_at = self.stream.len() as u64 - 128;
        if offset >= trailer_at && self.replaced.load(Ordering::SeqCst) {
            return self.trailer_now.read_at(buffer, offset - trailer_at);
        }
        self.stream.read_at(buffer, offset)
    }

    fn len(&self) -> std::io::Result<u64> {
        Ok(self.stream.len() as u64)
    }
}

/// A range, also where the stream is replaced between opening and reading (F-824).
pub(crate) fn range(name: &str, case: &StreamCase, reading: &Reading, ways: &mut Ways) {
    let Mode::Range { offset, len, trailer_now } = &reading.mode else { return };
    let replaced = Arc::new(AtomicBool::new(false));
    let mut play = |way: &str, input: InputSource<'_>| {
        replaced.store(false, Ordering::SeqCst);
        let (run, run_way) = ways.next(Driver::Inline);
        let way = format!("{way} {offset} {len} {run_way}");
        let key = key(case);
        let keys = KeySource::Key(&key);
        let reader = match StreamReader::open(input, &keys, &options(case, run)) {
            Ok(reader) => reader,
            Err(error) => return fails_as(name, &way, &error, &reading.verdict),
        };
        replaced.store(true, Ordering::SeqCst);
        let left = reader.len().saturating_sub(*offset);
        let mut out = vec![0; (*len).min(left) as usize];
        match (reader.read_at(&mut out, *offset), &reading.verdict) {
            (Ok(count), Verdict::Sound(summary)) => {
                assert!(out[..count] == reading.released, "{name}, {way}: other bytes");
                let found = (Some(reader.fingerprint()), reader.revision(), reader.generation());
                let expected = (summary.fingerprint, summary.revision, summary.generation);
                assert_eq!(found, expected, "{name}, {way}");
            }
            (Err(error), verdict) => fails_as(name, &way, &error, verdict),
            (Ok(_), verdict) => panic!("{name}, {way}: success instead of {verdict}"),
        }
    };
    if let Some(trailer_now) = trailer_now {
        let source = Changing {
            stream: case.stream.clone(),
            trailer_now: trailer_now.clone(),
            replaced: Arc::clone(&replaced),
        };
        return play("replaced", InputSource::ReadAt(Box::new(source)));
    }
    for placed in Placed::of(case) {
        placed.with(&case.stream, |input| play(&format!("{placed:?}"), input));
    }
}

/// The metadata, whose padding is no part of the text.
pub(crate) fn metadata(name: &str, case: &StreamCase, reading: &Reading) {
    let key = key(case);
    for placed in Placed::of(case) {
        let read = placed
            .with(&case.stream, |input| read_metadata(input, &KeySource::Key(&key), &case.context));
        match (read, &reading.verdict) {
            (Ok(found), Verdict::Metadata(expected)) => {
                let found = found
                    .map(|text| String::from_utf8_lossy(&text).trim_end_matches(' ').to_owned());
                assert_eq!(found, *expected, "{name}, {placed:?}");
            }
            (Err(error), verdict) => fails_as(name, &format!("{placed:?}"), &error, verdict),
            (Ok(_), verdict) => panic!("{name}, {placed:?}: success instead of {verdict}"),
        }
    }
}

/// A scrub, which lists each damaged unit and no other, or ends in the error of the header.
pub(crate) fn scrub(name: &str, case: &StreamCase, reading: &Reading, ways: &mut Ways) {
    for placed in Placed::of(case) {
        let (run, way) = ways.next(Driver::Positional);
        let way = format!("{placed:?} {way}");
        // A file without a byte is read as a pipe is, which cannot be scrubbed.
        if case.stream.is_empty() && matches!(placed, Placed::File) {
            continue;
        }
        match placed.with(&case.stream, |input| scrubbed(input, &run)) {
            Ok(damages) => {
                assert_eq!(listed(&damages), reading.verdict, "{name}, {way}");
            }
            Err(error) => fails_as(name, &way, &error, &reading.verdict),
        }
    }
}

//! Many streams at the same time: what they hold, counted.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use sv2_core::{
    DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter, Existing, Gaps, Geometry,
    InputSource, KeySource, OutputSink, Pool, ResumableOutput, RunOptions, StreamError, StreamKey,
    encrypt_resumable, encrypt_stream_v2, resume_encrypt, salvage, scrub, verify,
};
use sv2_testkit::paint::paint;

use crate::peak_of;

const MANY: usize = 1000;
/// What a thousand open writers or readers may hold.
const MOST: usize = 256 << 20;

/// A segment of 4 MiB for each would be 4 GiB.
#[test]
fn a_thousand_open_writers_of_a_short_text_hold_little() {
    let key = StreamKey::from_bytes([3; 32]);
    let text = paint(10 << 10);
    let peak = peak_of(|| {
        let writers: Vec<_> = (0..MANY)
            .map(|_| {
                let options = EncryptOptions::standard();
                let mut writer = EncryptWriter::new(io::sink(), &key, &options).expect("begun");
                writer.write_all(&text).expect("written");
                writer
            })
            .collect();
        for writer in writers {
            writer.finish().expect("sealed");
        }
    });
    assert!(peak < MOST, "{peak} bytes");
}

#[test]
fn a_thousand_open_readers_of_a_short_text_hold_little() {
    let key = StreamKey::from_bytes([3; 32]);
    let (text, mut stream) = (paint(10 << 10), Vec::new());
    let (input, output) = (InputSource::Memory(&text), OutputSink::Memory(&mut stream));
    encrypt_stream_v2(input, output, &key, &EncryptOptions::standard()).expect("sealed");
    let peak = peak_of(|| {
        let keys = KeySource::Key(&key);
        let mut readers: Vec<_> = (0..MANY)
            .map(|_| {
                let options = DecryptOptions::standard();
                let mut reader = DecryptReader::new(&stream[..], &keys, &options).expect("opens");
                reader.read_exact(&mut [0; 100]).expect("the first bytes");
                reader
            })
            .collect();
        for reader in &mut readers {
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).expect("the rest");
            assert!(rest == text[100..]);
        }
    });
    assert!(peak < MOST, "{peak} bytes");
}

/// Gives two segments, waits until everybody has come so far, and ends.
struct Meeting {
    left: usize,
    all: Arc<Barrier>,
}

impl Read for Meeting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Once when all are here, and once when the threads were counted.
            self.all.wait();
            self.all.wait();
            return Ok(0);
        }
        let count = self.left.min(buffer.len());
        buffer[..count].fill(7);
        self.left -= count;
        Ok(count)
    }
}

/// Threads of this process that drivers started.
#[cfg(target_os = "linux")]
fn threads_of_drivers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    let names = tasks.map(|task| {
        let name = task.expect("a thread").path().join("comm");
        std::fs::read_to_string(name).unwrap_or_default()
    });
    names.filter(|name| name.starts_with("sv2-")).count()
}

/// Each call alone would start a reader and its workers: thousands.
#[test]
#[cfg(target_os = "linux")]
fn a_thousand_pipes_share_the_threads_of_a_pool() {
    let threads = 4;
    let pool = Pool::new(threads, 256 << 20);
    let all = Arc::new(Barrier::new(MANY + 1));
    let mut options = EncryptOptions::standard();
    options.geometry = Geometry::new(10, 2).expect("legal sizes");
    options.run = RunOptions::automatic().threads(2).pool(&pool);
    std::thread::scope(|scope| {
        for _ in 0..MANY {
            let (all, options) = (all.clone(), &options);
            let call = move || {
                let input = Meeting { left: 2 * 4096, all };
                let input = InputSource::Reader(Box::new(input));
                let output = OutputSink::Writer(Box::new(io::sink()));
                let key = StreamKey::from_bytes([3; 32]);
                let report = encrypt_stream_v2(input, output, &key, options).expect("sealed");
                assert_eq!(report.segments, 2);
            };
            let builder = std::thread::Builder::new().name("caller".into()).stack_size(256 << 10);
            builder.spawn_scoped(scope, call).expect("a thread");
        }
        all.wait();
        let found = threads_of_drivers();
        assert!((2..=threads).contains(&found), "{found} threads beside the callers'");
        all.wait();
    });
}

/// A pool of so many threads and segments of 1 MiB, and what a call under it may do: the most
/// threads of drivers that its observer saw, and the most bytes that it held.
#[cfg(target_os = "linux")]
fn within(threads: usize, segments: usize, call: impl FnOnce(RunOptions)) -> (usize, usize) {
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let pool = Pool::new(threads, (segments * SEGMENT_WIRE) as u64);
    let run = RunOptions::automatic().threads(8).pool(&pool).observer(move |_| {
        counted.fetch_max(threads_of_drivers(), Ordering::Relaxed);
    });
    let peak = peak_of(|| call(run));
    (seen.load(Ordering::Relaxed), peak)
}

/// Wire bytes of a segment of 1 MiB, rounded up.
#[cfg(target_os = "linux")]
const SEGMENT_WIRE: usize = (1 << 20) + 4096;
/// What a call may hold beside its segments.
#[cfg(target_os = "linux")]
const BESIDE: usize = 512 << 10;

#[test]
#[cfg(target_os = "linux")]
fn scrub_verify_salvage_and_a_resumed_encrypt_stay_within_a_pool() {
    let key = StreamKey::from_bytes([3; 32]);
    let keys = KeySource::Key(&key);
    let text = paint(24 << 20);
    let folder = tempfile::tempdir().expect("a folder");
    let mut output = ResumableOutput::new(folder.path().join("out"), Existing::Replace);
    output.state = Some(folder.path().join("state"));
    let options = || {
        let options = EncryptOptions::standard().context("many");
        options.geometry(Geometry::new(16, 4).expect("legal sizes"))
    };
    let cut_off = || {
        let run = RunOptions::automatic().threads(1);
        let cancel = run.cancel.clone();
        let run = run.observer(move |progress| {
            if progress.done >= 12 << 20 {
                cancel.cancel();
            }
        });
        let call =
            encrypt_resumable(InputSource::Memory(&text), &output, &key, &options().run(run));
        assert!(matches!(call, Err(StreamError::Cancelled { .. })));
    };
    let mut stream = Vec::new();
    let (input, sink) = (InputSource::Memory(&text), OutputSink::Memory(&mut stream));
    encrypt_stream_v2(input, sink, &key, &options()).expect("sealed");
    let reading = |run| DecryptOptions::standard().context("many").run(run);
    let source = || InputSource::Memory(&stream);

    for (threads, segments) in [(0, 2), (1, 3), (2, 4), (3, 9)] {
        let checked = |what: &str, (seen, peak): (usize, usize)| {
            assert!(seen <= threads, "{what}: {seen} threads of {threads}");
            // A salvage looks for parts in windows of this size before it opens any.
            let window = if what == "salvage" { 4 << 20 } else { 0 };
            let most = segments * SEGMENT_WIRE + BESIDE + window;
            assert!(peak <= most, "{what}: {peak} bytes of {most}");
        };
        checked(
            "scrub",
            within(threads, segments, |run| {
                assert!(scrub(source(), &run).expect("a map").damages.is_empty());
            }),
        );
        checked(
            "verify",
            within(threads, segments, |run| {
                assert!(verify(source(), &keys, &reading(run)).expect("a map").damages.is_empty());
            }),
        );
        checked(
            "salvage",
            within(threads, segments, |run| {
                let output = OutputSink::Writer(Box::new(io::sink()));
                let done = salvage(source(), output, &keys, &reading(run), Gaps::Zero);
                assert!(done.expect("salvaged").is_complete());
            }),
        );
        cut_off();
        checked(
            "resume",
            within(threads, segments, |run| {
                let slots = |_: &StreamKey| Ok::<_, StreamError>(Vec::new());
                let (input, options) = (InputSource::Memory(&text), options().run(run));
                let done = resume_encrypt(input, &output, &keys, slots, &options).expect("sealed");
                assert!(done.kept_segments > 0);
            }),
        );
    }
}

//! Many streams at the same time: what they hold, counted.

use std::io::{self, Read, Write};
use std::sync::{Arc, Barrier};

use sv2_core::{
    DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter, Geometry, InputSource, KeySource,
    OutputSink, Pool, RunOptions, StreamKey, encrypt_stream_v2,
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

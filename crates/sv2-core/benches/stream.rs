//! Whole streams: memory and a memory-backed file as input, by threads and backend, beside the crate
//! `fast-floe` with segments of 1 MiB on AWS-LC.
//!
//! A table at the end gives the ratios of what matters, taken in turns.
//! Without the feature `aws-lc` the stream's side runs on ring alone.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use sv2_core::{
    Backend, DecryptOptions, DecryptReader, EncryptOptions, EncryptWriter, InputSource, KeySource,
    OutputSink, RunOptions, StreamKey, decrypt_stream_v2, encrypt_stream_v2,
};

const FLOE: fast_floe::Parameters = fast_floe::Parameters::SEGMENT_1_MIB;
/// Bytes of one read from a file on the other crate's side.
const READ_LEN: usize = 1 << 20;
/// Turns that the medians of the table are taken over.
const ROUNDS: usize = 11;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let is_smoke = has("--test") || !has("--bench");
    let wants_ratios = !has("--list") && !args[1..].iter().any(|arg| !arg.starts_with('-'));
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(4))
        .sample_size(10)
        .configure_from_args();
    // More than one segment of the standard geometry, so that two threads have work.
    let len = if is_smoke { 9 << 20 } else { 256 << 20 };
    let mut bench = Bench::new(len);
    let sides = sides();
    {
        let mut group = criterion.benchmark_group("stream");
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Bytes(len as u64));
        for job in JOBS {
            for side in &sides {
                if !bench.runs(job, side) {
                    continue;
                }
                group.bench_function(BenchmarkId::new(job.name(), side.name()), |bencher| {
                    bencher.iter_custom(|count| (0..count).map(|_| bench.time(job, side)).sum());
                });
            }
        }
    }
    criterion.final_summary();
    if wants_ratios {
        print!("{}", table(&mut bench, &sides, if is_smoke { 1 } else { ROUNDS }));
    }
}

/// What is done to the plaintext or to a stream of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    MemoryToNull,
    MemoryToMemory,
    FileToNull,
    WriterToNull,
    StreamToNull,
    StreamToMemory,
    ReaderToNull,
}

const JOBS: [Job; 7] = [
    Job::MemoryToNull,
    Job::MemoryToMemory,
    Job::FileToNull,
    Job::WriterToNull,
    Job::StreamToNull,
    Job::StreamToMemory,
    Job::ReaderToNull,
];

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::MemoryToNull => "encrypt, memory to null",
            Self::MemoryToMemory => "encrypt, memory to memory",
            Self::FileToNull => "encrypt, file to null",
            Self::WriterToNull => "EncryptWriter to null",
            Self::StreamToNull => "decrypt, memory to null",
            Self::StreamToMemory => "decrypt, memory to memory",
            Self::ReaderToNull => "DecryptReader to null",
        }
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours { backend: Backend, threads: NonZeroUsize },
    Floe,
}

impl Side {
    fn name(&self) -> String {
        match self {
            Self::Ours { backend, threads } => format!("{} x{threads}", backend.name()),
            Self::Floe => "fast-floe".to_owned(),
        }
    }
}

fn sides() -> Vec<Side> {
    let one = NonZeroUsize::MIN;
    let ours = Backend::available().iter().flat_map(|&backend| {
        [one, one.saturating_add(1)].map(|threads| Side::Ours { backend, threads })
    });
    ours.chain([Side::Floe]).collect()
}

/// The material of all jobs; outputs in memory are used again, so that only the first run of each
/// meets pages that were never touched.
struct Bench {
    key: StreamKey,
    floe_key: fast_floe::Key,
    plaintext: Vec<u8>,
    stream: Vec<u8>,
    floe_stream: Vec<u8>,
    file: PathBuf,
    out: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(len: usize) -> Self {
        let key = StreamKey::from_bytes([7; 32]);
        let floe_key = fast_floe::Key::from_bytes([7; 32]);
        let plaintext: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let mut stream = Vec::new();
        let output = OutputSink::Memory(&mut stream);
        encrypt_stream_v2(
            InputSource::Memory(&plaintext),
            output,
            &key,
            &EncryptOptions::standard(),
        )
        .expect("memory to memory");
        let floe_stream = floe_encrypt(&floe_key, &mut &plaintext[..], Vec::new());
        let folder = memory_backed_folder();
        let file = folder.path().join("plaintext");
        std::fs::write(&file, &plaintext).expect("room for the plaintext");
        let out = Vec::new();
        Self { key, floe_key, plaintext, stream, floe_stream, file, out, _folder: folder }
    }

    /// The adapters of one thread are no other with two.
    fn runs(&self, job: Job, side: &Side) -> bool {
        let is_adapter = matches!(job, Job::WriterToNull | Job::ReaderToNull);
        !matches!(side, Side::Ours { threads, .. } if is_adapter && threads.get() > 1)
    }

    fn time(&mut self, job: Job, side: &Side) -> Duration {
        let start = Instant::now();
        match *side {
            Side::Ours { backend, threads } => self.ours(job, backend, threads),
            Side::Floe => self.floe(job),
        }
        start.elapsed()
    }

    fn ours(&mut self, job: Job, backend: Backend, threads: NonZeroUsize) {
        let mut run = RunOptions::automatic();
        run.backend = Some(backend);
        run.threads = Some(threads);
        let encrypt = EncryptOptions::standard().run(run.clone());
        let decrypt = DecryptOptions::standard().run(run);
        let plaintext = InputSource::Memory(&self.plaintext);
        let stream = InputSource::Memory(&self.stream);
        let null = || OutputSink::Writer(Box::new(io::sink()));
        let report = match job {
            Job::MemoryToNull => encrypt_stream_v2(plaintext, null(), &self.key, &encrypt),
            Job::MemoryToMemory => {
                let output = OutputSink::Memory(&mut self.out);
                encrypt_stream_v2(plaintext, output, &self.key, &encrypt)
            }
            Job::FileToNull => {
                let input = InputSource::Path(self.file.clone());
                encrypt_stream_v2(input, null(), &self.key, &encrypt)
            }
            Job::WriterToNull => {
                let mut writer =
                    EncryptWriter::new(io::sink(), &self.key, &encrypt).expect("a sink");
                writer.write_all(&self.plaintext).expect("a sink");
                writer.finish().map(|(_, report)| report)
            }
            Job::StreamToNull => decrypt_stream_v2(stream, null(), &self.key, &decrypt),
            Job::StreamToMemory => {
                decrypt_stream_v2(stream, OutputSink::Memory(&mut self.out), &self.key, &decrypt)
            }
            Job::ReaderToNull => {
                let mut reader =
                    DecryptReader::new(&self.stream[..], &KeySource::Key(&self.key), &decrypt)
                        .expect("a stream");
                io::copy(&mut reader, &mut io::sink()).expect("a whole stream");
                return;
            }
        };
        report.expect("a whole stream");
    }

    fn floe(&mut self, job: Job) {
        match job {
            Job::MemoryToNull | Job::WriterToNull => {
                floe_encrypt(&self.floe_key, &mut &self.plaintext[..], io::sink());
            }
            Job::MemoryToMemory => {
                let mut out = std::mem::take(&mut self.out);
                out.clear();
                self.out = floe_encrypt(&self.floe_key, &mut &self.plaintext[..], out);
            }
            Job::FileToNull => {
                let file = File::open(&self.file).expect("the plaintext");
                floe_encrypt_file(&self.floe_key, file);
            }
            Job::StreamToNull | Job::ReaderToNull => {
                floe_decrypt(&self.floe_key, &self.floe_stream, io::sink());
            }
            Job::StreamToMemory => {
                self.out.clear();
                floe_decrypt(&self.floe_key, &self.floe_stream, &mut self.out);
            }
        }
    }
}

/// A folder in memory where the system has one.
fn memory_backed_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())
    } else {
        tempfile::tempdir()
    };
    folder.expect("a temporary folder")
}

/// All of a plaintext in memory, in one call, as the crate's own benches do.
fn floe_encrypt<W: Write>(key: &fast_floe::Key, plaintext: &mut &[u8], output: W) -> W {
    let mut writer = fast_floe::io::EncryptWriter::new(output, key, b"", FLOE).expect("a writer");
    writer.write_all(plaintext).expect("memory");
    writer.finish().map_err(|error| error.into_error()).expect("a whole message")
}

fn floe_encrypt_file(key: &fast_floe::Key, mut file: File) {
    let mut writer =
        fast_floe::io::EncryptWriter::new(io::sink(), key, b"", FLOE).expect("a writer");
    let mut part = vec![0; READ_LEN];
    loop {
        match file.read(&mut part).expect("the plaintext") {
            0 => break,
            count => writer.write_all(&part[..count]).expect("a sink"),
        }
    }
    writer.finish().map_err(|error| error.into_error()).expect("a whole message");
}

fn floe_decrypt<W: Write>(key: &fast_floe::Key, stream: &[u8], mut output: W) {
    let mut reader = fast_floe::io::DecryptReader::new(stream, key, b"").expect("a message");
    let mut part = vec![0; READ_LEN];
    loop {
        match reader.read(&mut part).expect("a whole message") {
            0 => break,
            count => output.write_all(&part[..count]).expect("memory"),
        }
    }
    reader.finish().map_err(|error| error.into_error()).expect("a whole message");
}

/// GB/s of plaintext for each job and side, and the ratio to the other crate in brackets.
fn table(bench: &mut Bench, sides: &[Side], rounds: usize) -> String {
    let mut text = format!(
        "\nGB/s of plaintext, medians of {rounds} turns; in brackets the ratio to fast-floe\n{:27}",
        ""
    );
    for side in sides {
        text.push_str(&format!("{:>16}", side.name()));
    }
    for job in JOBS {
        let mut times = vec![Vec::new(); sides.len()];
        for _ in 0..rounds {
            for (times, side) in times.iter_mut().zip(sides) {
                if bench.runs(job, side) {
                    times.push(bench.time(job, side));
                }
            }
        }
        let rates: Vec<Option<f64>> = times
            .into_iter()
            .map(|mut times| {
                times.sort();
                let median = times.get(times.len() / 2)?;
                Some(bench.plaintext.len() as f64 / median.as_secs_f64() / 1e9)
            })
            .collect();
        let floe = rates.last().copied().flatten().unwrap_or(f64::NAN);
        text.push_str(&format!("\n{:27}", job.name()));
        for rate in rates {
            let cell = rate.map(|rate| format!("{rate:.2} ({:.2}x)", rate / floe));
            text.push_str(&format!("{:>16}", cell.unwrap_or_default()));
        }
    }
    text.push('\n');
    text
}

//! Fixed work for a counter of instructions: does one job so many times on one thread, in memory.
//!
//! `cargo run --release -p sv2-core --example instructions -- JOB COUNT`, where JOB is one of those
//! below; `cargo xtask instructions` runs it under valgrind and compares with the committed figures.

use std::error::Error;
use std::hint::black_box;

use sv2_core::{
    Backend, DecryptOptions, EncryptOptions, InputSource, KeySource, OutputSink, RunOptions,
    StreamKey, StreamReader, decrypt_stream_v2, encrypt_stream_v2, scrub,
};

/// Bytes of plaintext: of a stream of three segments, and of a small one.
const LARGE: usize = 9 << 20;
const SMALL: usize = 10 << 10;
/// Bytes of a range that lies across the border of two frames, where the first begins, and how far
/// the next is: nothing of it is in memory yet.
const RANGE: usize = 64 << 10;
const RANGE_AT: u64 = 1000;
const RANGE_STEP: u64 = 256 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let job = arguments.next().ok_or("name a job")?;
    let count: usize = arguments.next().ok_or("name a count")?.parse()?;
    let run = RunOptions::automatic().threads(1).backend(Backend::Ring);
    let mut encrypt = EncryptOptions::standard();
    encrypt.run = run.clone();
    let mut decrypt = DecryptOptions::standard();
    decrypt.run = run.clone();
    let key = StreamKey::from_bytes([7; 32]);
    let len = if job.starts_with("small") { SMALL } else { LARGE };
    let plaintext: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    let (mut stream, mut out) = (Vec::new(), Vec::new());
    encrypt_stream_v2(
        InputSource::Memory(&plaintext),
        OutputSink::Memory(&mut stream),
        &key,
        &encrypt,
    )?;
    let keys = KeySource::Key(&key);
    let mut range = vec![0; RANGE];
    let reader = StreamReader::open(InputSource::Memory(&stream), &keys, &decrypt)?;
    for turn in 0..count {
        match job.as_str() {
            "seal" | "small-seal" => {
                let output = OutputSink::Memory(&mut out);
                encrypt_stream_v2(InputSource::Memory(&plaintext), output, &key, &encrypt)?;
            }
            "open" | "small-open" => {
                let output = OutputSink::Memory(&mut out);
                decrypt_stream_v2(InputSource::Memory(&stream), output, &key, &decrypt)?;
            }
            "scrub" => {
                black_box(scrub(InputSource::Memory(&stream), &run)?);
            }
            "range" => {
                let offset = RANGE_AT + turn as u64 * RANGE_STEP;
                black_box(reader.read_at(&mut range, offset)?);
            }
            "small-range" => {
                let input = InputSource::Memory(&stream);
                let reader = StreamReader::open(input, &keys, &decrypt)?;
                black_box(reader.read_at(&mut range[..1000], 5000)?);
            }
            other => return Err(format!("no job {other:?}").into()),
        }
    }
    black_box((&out, &range));
    Ok(())
}

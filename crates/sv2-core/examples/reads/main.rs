//! Measures and checks reads of one large stream: random ranges against the plaintext, their time
//! against a plain read and one opened frame, salvage of a damaged stream against the frames that
//! were hit, and the program's scrub and change of recipients.
//!
//! `cargo run --release -p sv2-core --features aws-lc --example reads -- FOLDER [MIB] [PROGRAM]`
//! makes files of MIB (2048 unless given) MiB in FOLDER and removes them.

#![expect(clippy::print_stdout, reason = "what is measured is printed")]

mod plaintext;
mod program;
mod ranges;
mod rescue;

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sv2_core::{EncryptOptions, Existing, InputSource, OutputSink, StreamKey, encrypt_stream_v2};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The stream of all measurements.
struct Bed {
    stream: PathBuf,
    key: StreamKey,
    len: u64,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder")?);
    let mib: u64 = arguments.next().map_or(Ok(2048), |text| text.parse())?;
    let program = arguments.next().map(PathBuf::from);
    let bed = Bed::new(&folder, mib << 20)?;
    let done = run(&bed, &folder, program.as_deref());
    std::fs::remove_file(&bed.stream)?;
    done
}

fn run(bed: &Bed, folder: &Path, program: Option<&Path>) -> Result<()> {
    ranges::check(bed)?;
    ranges::measure(bed)?;
    if let Some(program) = program {
        program::measure(bed, folder, program)?;
    }
    rescue::check(bed, folder)
}

impl Bed {
    fn new(folder: &Path, len: u64) -> Result<Self> {
        let stream = folder.join("reads.sv2");
        let key = StreamKey::generate()?;
        let input = InputSource::Reader(Box::new(plaintext::Source::new(len)));
        let output = OutputSink::Path { path: stream.clone(), existing: Existing::Replace };
        encrypt_stream_v2(input, output, &key, &EncryptOptions::standard())?;
        println!(
            "stream of {len} bytes of plaintext, {} on the wire",
            File::open(&stream)?.metadata()?.len()
        );
        Ok(Self { stream, key, len })
    }
}

/// The median, the shortest and the longest of some times.
fn spread(mut times: Vec<Duration>) -> (Duration, Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[0], times[times.len() - 1])
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        plaintext::word(self.0 ^ 0x5EED_0000_0000_0000) % bound
    }
}

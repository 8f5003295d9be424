//! Measures what a resumable call costs beside a plain one: encrypts and decrypts by turns, with
//! checkpoints at several distances.
//!
//! `cargo run --release -p sv2-core --features aws-lc --example checkpoints -- FOLDER [MIB] [ROUNDS]`
//! makes files of MIB (1024 unless given) MiB in FOLDER and removes them; ROUNDS is 9 unless given.

#![expect(clippy::print_stdout, reason = "what is measured is printed")]

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sv2_core::{
    DecryptOptions, EncryptOptions, Existing, InputSource, KeySource, OutputSink, ResumableOutput,
    StreamError, StreamKey, decrypt_resumable, decrypt_stream_v2, encrypt_resumable,
    encrypt_stream_v2,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Bytes of plaintext between two checkpoints.
const DISTANCES: [u64; 3] = [16 << 20, 64 << 20, 256 << 20];

/// A way to do the same job: its name, and what is compared with what.
#[derive(Clone, Copy)]
enum Way {
    Encrypt,
    EncryptResumable,
    Decrypt,
    DecryptResumable(u64),
}

struct Bed {
    folder: PathBuf,
    key: StreamKey,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder")?);
    let mib: u64 = arguments.next().map_or(Ok(1024), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(9), |text| text.parse())?;
    let bed = Bed { folder, key: StreamKey::generate()? };
    let done = bed.fill(mib).and_then(|()| bed.measure(rounds, mib));
    for name in ["plain", "stream", "out"] {
        remove(&bed.path(name))?;
    }
    done
}

impl Bed {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("checkpoints.{name}"))
    }

    /// Makes the plaintext and its stream.
    fn fill(&self, mib: u64) -> Result<()> {
        let block: Vec<u8> =
            (0..1_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut plain = File::create(self.path("plain"))?;
        (0..mib).try_for_each(|_| plain.write_all(&block))?;
        plain.sync_all()?;
        self.run(Way::Encrypt)?;
        Ok(fs::rename(self.path("out"), self.path("stream"))?)
    }

    fn measure(&self, rounds: usize, mib: u64) -> Result<()> {
        let resumable = DISTANCES.map(Way::DecryptResumable);
        let ways = [&[Way::Encrypt, Way::EncryptResumable, Way::Decrypt], &resumable[..]].concat();
        let mut times = vec![Vec::new(); ways.len()];
        for round in 0..rounds {
            // Every other round goes backwards, so that no way always comes after the same one.
            for turn in 0..ways.len() {
                let at = if round % 2 == 0 { turn } else { ways.len() - 1 - turn };
                remove(&self.path("out"))?;
                let start = Instant::now();
                self.run(ways[at])?;
                times[at].push(start.elapsed());
            }
        }
        for times in &mut times {
            times.sort();
        }
        let median = |at: usize| times[at][rounds / 2];
        println!("{mib} MiB, {rounds} rounds by turns, seconds: median, fastest, slowest");
        for (at, way) in ways.iter().enumerate() {
            let plain = usize::from(!matches!(way, Way::Encrypt | Way::EncryptResumable)) * 2;
            let cost = median(at).as_secs_f64() / median(plain).as_secs_f64() - 1.0;
            let [middle, first, last] =
                [median(at), times[at][0], times[at][rounds - 1]].map(|time| time.as_secs_f64());
            let name = way.name();
            println!("{name:38} {middle:.4} {first:.4} {last:.4} {:+.2} %", cost * 100.0);
        }
        Ok(())
    }

    fn run(&self, way: Way) -> std::result::Result<(), StreamError> {
        let input = |name| InputSource::Path(self.path(name));
        let plain_output = OutputSink::Path { path: self.path("out"), existing: Existing::Refuse };
        let mut output = ResumableOutput::new(self.path("out"), Existing::Refuse);
        let report = match way {
            Way::Encrypt => {
                let options = EncryptOptions::standard();
                encrypt_stream_v2(input("plain"), plain_output, &self.key, &options)
            }
            Way::EncryptResumable => {
                let options = EncryptOptions::standard();
                encrypt_resumable(input("plain"), &output, &self.key, &options)
            }
            Way::Decrypt => {
                let options = DecryptOptions::standard();
                decrypt_stream_v2(input("stream"), plain_output, &self.key, &options)
            }
            Way::DecryptResumable(distance) => {
                output.checkpoint_distance = distance;
                let (keys, options) = (KeySource::Key(&self.key), DecryptOptions::standard());
                decrypt_resumable(input("stream"), &output, &keys, &options)
            }
        };
        report.map(drop)
    }
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Encrypt => "encrypt".into(),
            Self::EncryptResumable => "encrypt, resumable".into(),
            Self::Decrypt => "decrypt".into(),
            Self::DecryptResumable(distance) => {
                format!("decrypt, a checkpoint each {} MiB", distance >> 20)
            }
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

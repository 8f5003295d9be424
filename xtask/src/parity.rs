//! `cargo xtask parity`: random damage of a large file and of its parity file, judged by the model of
//! the tests: what the promise covers comes back bit for bit, and of the rest nothing is written.
//! Then the same file on a disk, and whether making, comparing and repairing take no more memory
//! than they say.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::report::{Failure, Outcome};
use crate::{bench, shell};

const USAGE: &str = "\
usage: cargo xtask parity [--size 1G] [--rounds 1000] [--seed S]
  --size    bytes of the file, in memory, with K, M or G; five times as much is needed, and 1.1
            times as much in /dev/shm or the folder of temporary files
  --rounds  how many damages
  --seed    where they come from (default 1)";

/// Bytes that are written at a time.
const STEP: u64 = 1 << 20;

/// Runs the example of `sv2-parity`, optimised: the damages in one process, and then protect, scan
/// and repair of a file in one process each, since what is measured is the peak of a process.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (mut size, mut rounds, mut seed) = (1 << 30, 1000u64, 1u64);
    for pair in args.chunks(2) {
        let [option, value] = pair else { return Err(Failure::new(USAGE)) };
        let number = value.parse().ok();
        let read = match option.as_str() {
            "--size" => bench::parse_size(value).map(|found| size = found),
            "--rounds" => number.map(|found| rounds = found),
            "--seed" => number.map(|found| seed = found),
            _ => None,
        };
        read.ok_or_else(|| Failure::new(USAGE))?;
    }
    let size_bytes = size;
    let [size, rounds, seed] = [size, rounds, seed].map(|number| number.to_string());
    let build = ["run", "--quiet", "--release", "--package", "sv2-parity", "--example", "parity"];
    let job = ["--", "damages", &size, &rounds, &seed];
    shell::run(shell::cargo(&[&build[..], &job].concat()))?;
    let folder = Folder::new()?;
    let file = folder.0.join("file");
    fill(&file, size_bytes)?;
    let name = file.to_string_lossy();
    for what in ["protect", "scan", "repair"] {
        if what == "repair" {
            // Two thirds of the gap that is promised.
            let zeros = vec![0; (size_bytes / 30) as usize];
            File::options().write(true).open(&file)?.write_all_at(&zeros, size_bytes / 3)?;
        }
        shell::run(shell::cargo(&[&build[..], &["--", what, &name]].concat()))?;
    }
    Ok(format!("{rounds} damages of {size} bytes, every one ended as promised; memory as promised"))
}

/// A folder in memory where there is one, which goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Outcome<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("sv2-parity-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is a nuisance and no failure.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes of which no two blocks are alike.
fn fill(path: &Path, len: u64) -> Outcome<()> {
    let mut file = File::create(path)?;
    let mut at = 0;
    while at < len {
        let count = STEP.min(len - at);
        let words = (at / 8..(at + count).div_ceil(8)).map(|word| word.wrapping_mul(0x9E37_79B9));
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).take(count as usize).collect();
        file.write_all(&bytes)?;
        at += count;
    }
    Ok(())
}

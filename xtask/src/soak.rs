//! `cargo xtask soak --gib N`: streams far larger than memory, through pipes and from a file.
//!
//! Nothing is stored: what one program writes the next one reads, and the plaintext is compared with
//! what was made, byte for byte, as it arrives.
//! Segments are small, so that 16 GiB have more than 2^16 of them.

use crate::report::{Failure, Outcome};
use crate::{bench, shell};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask soak [--gib 1] [--program FILE]
  --gib      how much plaintext each of the two runs has
  --program  the program to run; without it the optimised one is built";

/// Bytes of a segment.
const SEGMENT: u64 = 256 << 10;
/// The period of the plaintext, a prime, so that no two places of a segment look alike.
const PERIOD: usize = 251;
/// Bytes that are handed over at a time.
const BLOCK: usize = 1 << 20;
/// Blocks between two looks at the memory of the programs.
const BLOCKS: u64 = 256;
/// Peak memory in KiB that each program stays below, whatever the length; the index of 64 GiB in
/// segments of this size is 8 MiB of it.
const MOST: u64 = 192 << 10;

/// Where the plaintext comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Painted bytes, made as they are read.
    Pipe,
    /// A file without blocks, read at offsets.
    Holes,
}

/// What a run was.
struct Figures {
    seconds: f64,
    encrypt_kib: u64,
    decrypt_kib: u64,
}

/// Runs both and says how much memory they took.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (gib, program) = parse(args).ok_or_else(|| Failure::new(USAGE))?;
    let program = match program {
        Some(program) => program.canonicalize()?,
        None => bench::build(false)?,
    };
    let folder = std::env::temp_dir().join(format!("sv2-soak-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let done = both(&program, &folder, gib << 30);
    // A folder that stays is a nuisance and no failure.
    let _ = fs::remove_dir_all(&folder);
    done?;
    let segments = (gib << 30) / SEGMENT;
    Ok(format!("{gib} GiB, {segments} segments, twice, and every byte was right"))
}

fn both(program: &Path, folder: &Path, len: u64) -> Outcome<()> {
    let key = folder.join("key");
    let mut keygen = Command::new(program);
    keygen.args(["keygen", "--raw", "-q", "-o"]).arg(&key);
    shell::run(keygen)?;
    for (name, source) in [("pipe to pipe", Source::Pipe), ("file to pipe", Source::Holes)] {
        let figures = soak(program, folder, source, len)?;
        println!(
            "{name}: {:.0} s, {:.2} GiB/s; peak memory of encrypt {} MiB, of decrypt {} MiB",
            figures.seconds,
            (len >> 30) as f64 / figures.seconds,
            figures.encrypt_kib >> 10,
            figures.decrypt_kib >> 10,
        );
        for (which, kib) in [("encrypt", figures.encrypt_kib), ("decrypt", figures.decrypt_kib)] {
            if kib == 0 || kib > MOST {
                return Err(Failure::new(format!("{which} took {kib} KiB, {name}")));
            }
        }
    }
    Ok(())
}

fn soak(program: &Path, folder: &Path, source: Source, len: u64) -> Outcome<Figures> {
    let key = folder.join("key");
    let started = Instant::now();
    let size = SEGMENT.to_string();
    let mut encrypt = Command::new(program);
    encrypt.args(["encrypt", "-q", "--segment-size", &size, "-o", "-", "-K"]).arg(&key);
    let holes = folder.join("holes");
    match source {
        Source::Pipe => encrypt.stdin(Stdio::piped()),
        Source::Holes => {
            File::create(&holes)?.set_len(len)?;
            encrypt.arg(&holes).stdin(Stdio::null())
        }
    };
    let mut encrypt = encrypt.stdout(Stdio::piped()).spawn()?;
    let wire = encrypt.stdout.take().ok_or_else(|| Failure::new("encrypt has no output"))?;
    let mut decrypt = Command::new(program);
    decrypt.args(["decrypt", "-q", "-K"]).arg(&key).stdin(wire).stdout(Stdio::piped());
    let mut decrypt = decrypt.spawn()?;
    let plaintext = decrypt.stdout.take().ok_or_else(|| Failure::new("decrypt has no output"))?;
    let feeder = encrypt.stdin.take().map(|pipe| thread::spawn(move || feed(pipe, len)));
    let block = if source == Source::Pipe { painted() } else { vec![0; BLOCK + PERIOD] };
    let peaks = compare(plaintext, &block, len, [&encrypt, &decrypt]);
    let fed = feeder.map(|feeder| feeder.join());
    let ended = [("encrypt", encrypt.wait()?), ("decrypt", decrypt.wait()?)];
    // Wrong plaintext comes first: whoever wrote into a pipe that was closed fails after it.
    let [encrypt_kib, decrypt_kib] = peaks?;
    if let Some((name, status)) = ended.iter().find(|(_, status)| !status.success()) {
        return Err(Failure::new(format!("{name}: {status}")));
    }
    if let Some(fed) = fed {
        fed.map_err(|_| Failure::new("the source of bytes panicked"))??;
    }
    Ok(Figures { seconds: started.elapsed().as_secs_f64(), encrypt_kib, decrypt_kib })
}

/// A block of plaintext for any offset: it begins at `offset % PERIOD`.
fn painted() -> Vec<u8> {
    (0..BLOCK + PERIOD).map(|at| (at % PERIOD) as u8).collect()
}

fn at(block: &[u8], offset: u64, count: usize) -> &[u8] {
    let start = (offset % PERIOD as u64) as usize;
    &block[start..start + count]
}

fn feed(mut pipe: impl Write, len: u64) -> io::Result<()> {
    let block = painted();
    let mut offset = 0;
    while offset < len {
        let count = (len - offset).min(BLOCK as u64) as usize;
        pipe.write_all(at(&block, offset, count))?;
        offset += count as u64;
    }
    Ok(())
}

/// Compares all that arrives, and gives the high-water marks that the programs had on the way.
fn compare(
    mut plaintext: impl Read,
    block: &[u8],
    len: u64,
    programs: [&Child; 2],
) -> Outcome<[u64; 2]> {
    let mut arrived = vec![0; BLOCK];
    let (mut offset, mut peaks, mut reads) = (0, [0; 2], 0);
    loop {
        let count = plaintext.read(&mut arrived)?;
        if count == 0 {
            break;
        }
        if arrived[..count] != *at(block, offset, count) {
            return Err(Failure::new(format!("wrong plaintext behind byte {offset}")));
        }
        offset += count as u64;
        if reads % BLOCKS == 0 || offset >= len {
            for (peak, program) in peaks.iter_mut().zip(programs) {
                let status = fs::read_to_string(format!("/proc/{}/status", program.id()));
                let mark = bench::high_water_mark(&status.unwrap_or_default());
                *peak = (*peak).max(mark.unwrap_or(0));
            }
        }
        reads += 1;
    }
    if offset != len {
        return Err(Failure::new(format!("{offset} bytes of {len} arrived")));
    }
    Ok(peaks)
}

fn parse(args: &[String]) -> Option<(u64, Option<PathBuf>)> {
    let (mut gib, mut program) = (1, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--gib" => gib = args.next()?.parse().ok().filter(|gib| (1..1 << 20).contains(gib))?,
            "--program" => program = Some(PathBuf::from(args.next()?)),
            _ => return None,
        }
    }
    Some((gib, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fed_is_what_is_compared_and_nothing_else() {
        let len = 3 * BLOCK as u64 + 7;
        let mut fed = Vec::new();
        feed(&mut fed, len).expect("memory takes all");
        let mut own = Command::new("true").spawn().expect("a program that ends");
        let compared = |bytes: &[u8]| compare(bytes, &painted(), len, [&own, &own]).is_ok();
        assert!(compared(&fed));
        assert!(!compared(&fed[1..]));
        assert!(!compared(&fed[..fed.len() - 1]));
        fed[BLOCK] ^= 1;
        assert!(!compared(&fed));
        own.wait().expect("its own child");
    }

    #[test]
    fn arguments_are_read_and_nonsense_is_refused() {
        let parsed = |line: &str| {
            parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
                .map(|(gib, program)| (gib, program.is_some()))
        };
        assert_eq!(parsed(""), Some((1, false)));
        assert_eq!(parsed("--gib 64 --program a"), Some((64, true)));
        for line in ["64", "--gib", "--gib 0", "--gib x", "--program"] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}

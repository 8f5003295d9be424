//! Parity files at size: `damages`, random damage of a large file in memory, judged by the model
//! of the tests; `protect`, `scan` and `repair`, a file on a disk with times and memory.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports")]
#![allow(dead_code, unused_imports, reason = "the tests use more of what they share")]

#[path = "../tests/it/damages.rs"]
mod damages;
#[path = "../tests/it/model.rs"]
mod model;
#[path = "../tests/it/support.rs"]
mod support;

use std::error::Error;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Instant;

use sv2_parity::{
    Memory, ParityError, Request, Sidecar, Spread, Work, protect, repair_in_place, scan,
};

use damages::{KINDS, damage};
use model::{Model, Verdict};
use support::{Dice, Stream};

const USAGE: &str =
    "usage: parity damages BYTES ROUNDS SEED | protect FILE | scan FILE | repair FILE";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["damages", bytes, rounds, seed] => {
            random_damage(bytes.parse()?, rounds.parse()?, seed.parse()?)
        }
        [what @ ("protect" | "scan" | "repair"), path] => on_disk(what, path),
        _ => Err(USAGE.into()),
    }
}

fn work() -> Work<'static> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Work { threads, observer: &|_| ControlFlow::Continue(()) }
}

fn on_disk(what: &str, path: &str) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let parity = format!("{path}.par");
    let memory = if what == "protect" {
        let target = File::options().read(true).write(true).create_new(true).open(&parity)?;
        let request = Request::new(Request::STANDARD_SHARE, Spread::Runs)?;
        protect(&File::open(path)?, &target, request, &work())?.memory
    } else {
        let file = File::options().read(true).write(what == "repair").open(path)?;
        let parity = File::open(&parity)?;
        let sidecar = Sidecar::open(&parity)?;
        let findings = scan(&file, None, &sidecar, &work())?;
        println!("{} blocks bad in {} windows", findings.bad_blocks(), findings.damaged().count());
        if what == "repair" {
            println!("{:?}", repair_in_place(&file, None, &sidecar, &findings, &work())?);
            findings.repair_memory()
        } else {
            findings.memory
        }
    };
    let (seconds, bound) = (begun.elapsed().as_secs_f64(), memory + PROGRAM);
    let Some(peak) = peak_memory() else {
        println!("{what}: {seconds:.2} s, at most {} MiB", memory >> 20);
        return Ok(());
    };
    let (peak_mib, memory_mib) = (peak >> 20, memory >> 20);
    println!(
        "{what}: {seconds:.2} s, at most {memory_mib} MiB promised, {peak_mib} MiB at the peak"
    );
    assert!(peak <= bound, "{what} took {peak} bytes where {bound} were promised");
    Ok(())
}

/// Bytes that the program itself takes, beside what its threads hold.
const PROGRAM: u64 = 16 << 20;

/// The most memory that this process had resident, in bytes, where the system tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// What came of the rounds of one kind.
#[derive(Default)]
struct Tally {
    rounds: u64,
    covered: u64,
    refused: u64,
    blocks: u64,
}

fn random_damage(len: u64, rounds: u64, seed: u64) -> Result<(), Box<dyn Error>> {
    let dice = &mut Dice::new(seed);
    let stream = Stream::new(len, dice).bytes;
    let parity = Memory::default();
    let request = Request::new(Request::STANDARD_SHARE, Spread::Runs)?;
    let file = Memory::new(stream);
    let made = protect(&file, &parity, request, &work())?;
    let (stream, parity) = (file.into_bytes(), parity.into_bytes());
    let geometry = made.directory.areas[0].geometry();
    let promise = made.directory.areas[0].promise();
    let model = Model {
        block: geometry.block_len(),
        run: geometry.run().into(),
        data: geometry.data().into(),
        parity: geometry.parity().into(),
        file_len: stream.len(),
    };
    println!("{} bytes, {} windows, {promise:?}", stream.len(), model.windows());
    let subjects = ["the file", "the file twice", "the parity file", "both"];
    let mut tallies: Vec<Tally> = subjects.iter().map(|_| Tally::default()).collect();
    // Each round damages these and undoes it: a copy of everything would cost more than the rest.
    let (mut bad_file, mut bad_parity) = (stream.clone(), parity.clone());
    for round in 0..rounds {
        let kinds = [0, 0].map(|_: u8| KINDS[dice.below(KINDS.len() as u64) as usize]);
        let subject = (round % 4) as usize;
        // Around what the promise covers, on either side of it, and far below.
        let most = (promise.gap * 2) >> dice.below(12);
        match subject {
            0 => damage(&mut bad_file, kinds[0], most, dice),
            1 => kinds.iter().for_each(|&kind| damage(&mut bad_file, kind, most / 2, dice)),
            2 => damage(&mut bad_parity, kinds[0], most / 4, dice),
            _ => {
                damage(&mut bad_file, kinds[0], most / 2, dice);
                damage(&mut bad_parity, kinds[1], most / 16 + 1, dice);
            }
        }
        let verdict = model.judge([&stream, &bad_file], [&parity, &bad_parity]);
        let tally = &mut tallies[subject];
        tally.rounds += 1;
        let before = sv2_crc::crc64(&bad_file);
        let (file, sidecar) = (Memory::new(bad_file), Memory::new(bad_parity));
        let done = repaired(&file, &sidecar);
        bad_file = file.into_bytes();
        bad_parity = sidecar.into_bytes();
        let context = format!("seed {seed}, round {round}, {kinds:?}");
        match done {
            Ok(blocks) => {
                assert_eq!(verdict, Verdict::Covered, "{context}");
                assert!(bad_file == stream, "{context}: other bytes");
                tally.covered += 1;
                tally.blocks += blocks;
            }
            Err(error) => {
                assert_eq!(verdict, Verdict::Lost, "{context}: {error}");
                assert!(sv2_crc::crc64(&bad_file) == before, "{context}: something was written");
                tally.refused += 1;
                bad_file.clear();
                bad_file.extend_from_slice(&stream);
            }
        }
        bad_parity.clear();
        bad_parity.extend_from_slice(&parity);
        if round % 50 == 49 {
            eprintln!("{} rounds", round + 1);
        }
    }
    println!("damaged            rounds  repaired bit for bit  refused, nothing written  blocks");
    for (subject, tally) in subjects.iter().zip(&tallies) {
        println!(
            "{subject:16} {:8} {:21} {:25} {:7}",
            tally.rounds, tally.covered, tally.refused, tally.blocks
        );
    }
    Ok(())
}

fn repaired(file: &Memory, parity: &Memory) -> Result<u64, ParityError> {
    let sidecar = Sidecar::open(parity)?;
    let findings = scan(file, None, &sidecar, &work())?;
    Ok(repair_in_place(file, None, &sidecar, &findings, &work())?.computed)
}

//! `cargo xtask torture --kills N`: the program `sv2`, killed at random moments, and what it left.
//!
//! A kill that no program can catch (SIGKILL) hits each command somewhere between its start and a
//! little behind its usual end.
//! After each kill nothing that bears the output's name may be less than the whole, and the same command
//! (or, for a change in place, the next one) must lead to a whole result.
//! The moments come from a seed, which is printed; what the machine does at that moment does not.

pub(crate) mod bed;
pub(crate) mod dice;
mod victim;

use crate::report::{Failure, Outcome};
use crate::{bench, shell};
use bed::Bed;
use dice::Dice;
use std::path::PathBuf;
use std::time::Duration;
use victim::{Phase, VICTIMS, Victim};

const USAGE: &str = "\
usage: cargo xtask torture [--kills N] [--seed S] [--size 24M] [--folder DIR] [--program FILE]
  --kills    how many in all, dealt out in turns to every command (default 12)
  --seed     where the moments come from; a new one each time unless given
  --size     bytes of plaintext, with K, M or G (default 4M)
  --folder   where files are made; a temporary folder that holds files in memory where there is one
  --program  the program to kill; without it the unoptimised one is built";

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    kills: usize,
    seed: u64,
    size: u64,
    folder: Option<PathBuf>,
    program: Option<PathBuf>,
}

/// Kills, and says of each command in which phase it was hit.
pub(crate) fn run(args: &[String]) -> Outcome {
    let request = parse(args).ok_or_else(|| Failure::new(USAGE))?;
    println!("seed {}, {} bytes of plaintext", request.seed, request.size);
    let program = match request.program {
        Some(program) => program.canonicalize()?,
        None => bench::build(true)?,
    };
    let bed = Bed::new(program, request.folder.as_deref(), request.size)?;
    let mut tallies = Vec::new();
    for victim in VICTIMS {
        match victim.usual_time(&bed)? {
            Some(time) => tallies.push(Tally { victim, time, phases: [0; 3], again: 0, kept: 0 }),
            None => println!("{}: SKIPPED, this program has no such command", victim.name()),
        }
    }
    let mut dice = Dice::new(request.seed);
    let mut done = 0;
    while done < request.kills {
        let Some(tally) = tallies.iter_mut().min_by_key(|tally| tally.kills()) else {
            return Err(Failure::new("this program has no command that can be killed"));
        };
        let round = tally.victim.round(&bed, &mut dice, tally.time).map_err(|failure| {
            Failure::new(format!("{}, kill {done}: {failure}", tally.victim.name()))
        })?;
        tally.phases[round.phase as usize] += 1;
        tally.again += round.killed_again;
        tally.kept += usize::from(round.kept);
        done += 1 + round.killed_again;
    }
    for tally in &tallies {
        println!("{}", tally.line());
    }
    Ok(format!("{done} kills with seed {}, every result whole", request.seed))
}

/// A short run for CI, with a seed of its own each time.
pub(crate) fn check() -> Outcome {
    run(&["--kills".to_owned(), "24".to_owned()])
}

/// What became of one command.
struct Tally {
    victim: Victim,
    time: Duration,
    phases: [usize; 3],
    again: usize,
    kept: usize,
}

impl Tally {
    fn kills(&self) -> usize {
        self.phases.iter().sum::<usize>() + self.again
    }

    /// Every round that is counted here ended in a result that was compared with what it was made
    /// of, or [`run`] would have failed.
    fn line(&self) -> String {
        let rounds: usize = self.phases.iter().sum();
        let [before, during, after] =
            [Phase::Before, Phase::During, Phase::After].map(|phase| self.phases[phase as usize]);
        let mut line = format!(
            "{:16} usually {:4} ms; {} kills: before {before}, during {during}, after {after}, \
             while it continued {}; {rounds} of {rounds} results whole",
            self.victim.name(),
            self.time.as_millis(),
            self.kills(),
            self.again
        );
        if self.victim.is_resumed() {
            line.push_str(&format!(", {} went on from what was done", self.kept));
        }
        line
    }
}

fn parse(args: &[String]) -> Option<Request> {
    let mut request = Request { kills: 12, seed: 0, size: 4 << 20, folder: None, program: None };
    let mut seed = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--kills" => request.kills = args.next()?.parse().ok().filter(|&kills| kills > 0)?,
            "--seed" => seed = Some(args.next()?.parse().ok()?),
            "--size" => request.size = bench::parse_size(args.next()?)?,
            "--folder" => request.folder = Some(PathBuf::from(args.next()?)),
            "--program" => request.program = Some(PathBuf::from(args.next()?)),
            _ => return None,
        }
    }
    request.seed = seed.unwrap_or_else(dice::any_seed);
    Some(request)
}

/// The text that a quiet command writes to standard output, which must succeed.
fn output_of(mut command: std::process::Command) -> Outcome<Vec<u8>> {
    command.stdin(std::process::Stdio::null());
    shell::read(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Option<Request> {
        parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read_and_nonsense_is_refused() {
        let request = parsed(&["--kills", "7", "--seed", "5", "--size", "2M"]).expect("sound");
        assert_eq!((request.kills, request.seed, request.size), (7, 5, 2 << 20));
        for bad in [&["--kills"][..], &["--kills", "0"], &["--seed", "x"], &["7"]] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }
}

//! `cargo xtask parity`: random damage of a large file and of its parity file, judged by the model of
//! the tests: what the promise covers comes back bit for bit, and of the rest nothing is written.

use crate::report::{Failure, Outcome};
use crate::{bench, shell};

const USAGE: &str = "\
usage: cargo xtask parity [--size 1G] [--rounds 1000] [--seed S]
  --size    bytes of the file, in memory, with K, M or G; three times as much is needed
  --rounds  how many damages
  --seed    where they come from (default 1)";

/// Runs the example of `sv2-parity`, optimised.
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
    let [size, rounds, seed] = [size, rounds, seed].map(|number| number.to_string());
    let build = ["run", "--quiet", "--release", "--package", "sv2-parity", "--example", "parity"];
    let job = ["--", "damages", &size, &rounds, &seed];
    shell::run(shell::cargo(&[&build[..], &job].concat()))?;
    Ok(format!("{rounds} damages of {size} bytes, every one ended as promised"))
}

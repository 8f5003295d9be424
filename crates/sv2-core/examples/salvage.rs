//! Salvages randomly damaged files and compares what comes out with an exhaustive search:
//! `cargo run -p sv2-core --example salvage -- FROM TO`, by default the first thousand.
//!
//! Optimise the reference for this, as in `--config profile.dev.package.sv2-testkit.opt-level=2`.

#![expect(clippy::print_stdout, reason = "the result is printed")]

#[path = "../tests/damaged/score.rs"]
mod score;

use sv2_testkit::rescue::damaged;

use crate::score::Score;

fn main() -> std::process::ExitCode {
    let mut limits = std::env::args().skip(1).filter_map(|limit| limit.parse().ok());
    let (from, to): (u64, u64) = (limits.next().unwrap_or(0), limits.next().unwrap_or(1000));
    let mut score = Score::default();
    for case in from..to {
        score.add(case, &damaged(case));
    }
    for worse in &score.worse {
        println!("{worse}");
    }
    println!(
        "{} files: {} frames open somewhere, {} recovered; {} lie nowhere; {} cases differ",
        score.files,
        score.openable,
        score.recovered,
        score.lost,
        score.worse.len()
    );
    std::process::ExitCode::from(u8::from(!score.worse.is_empty()))
}

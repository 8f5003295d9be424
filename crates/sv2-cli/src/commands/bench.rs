//! `sv2 bench`: what this machine does in memory, and the settings that follow from it.

mod chart;
mod measure;

use clap::Args;
use serde_json::{Value, json};
use sv2_core::{Backend, Driver, Suite, fastest_backend};

use self::measure::{Figure, Figures};
use crate::console::{Console, print};
use crate::ends::Channel;
use crate::failure::Failure;
use crate::running::watch_signals;
use crate::size::readable;

const EXAMPLES: &str = "\
Examples:
  sv2 bench                       a table with bars, and what to set
  sv2 bench --json | jq .recommended

It takes less than ten seconds and touches no file. Everything happens in memory, so
disks and pipes are not measured: they set a limit of their own.";

/// Settings within this share of the fastest count as equally fast.
const AS_FAST: f64 = 0.95;

/// The arguments of `sv2 bench`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct BenchArgs {}

/// Runs `sv2 bench`.
pub(crate) fn run(_: &BenchArgs, console: &Console) -> Result<(), Failure> {
    let cancel = watch_signals()?;
    let figures = measure::all(&cancel)?;
    let advice = Advice::from(&figures);
    if console.json {
        return console.report(&to_json(&figures, &advice), Channel::Stdout);
    }
    print(&format!("{}\n{}\n", chart::text(&figures), advice.sentence()))
}

/// The settings to use, where they are not what the program takes by itself.
struct Advice {
    processors: usize,
    own_backend: Backend,
    suite: Suite,
    backend: Backend,
    threads: usize,
}

impl Advice {
    /// Of all settings that are about as fast as the fastest, the one with the program's own suite
    /// and backend and with the fewest threads.
    ///
    /// Only one driver is looked at: the others write to nowhere, which is another job.
    fn from(figures: &Figures) -> Self {
        let own_backend = fastest_backend(Suite::Aes256Gcm);
        let comparable = || figures.all.iter().filter(|figure| figure.driver == Driver::Positional);
        let fastest = comparable().map(Figure::mean).fold(0.0, f64::max);
        let rank = |figure: &&Figure| {
            let is_own_suite = figure.suite == Suite::Aes256Gcm;
            (!is_own_suite, figure.backend != own_backend, figure.threads)
        };
        let fast = comparable().filter(|figure| figure.mean() >= fastest * AS_FAST);
        let (suite, backend, threads) = match fast.min_by_key(rank) {
            Some(figure) => (figure.suite, figure.backend, figure.threads),
            None => (Suite::Aes256Gcm, own_backend, figures.processors),
        };
        Self { processors: figures.processors, own_backend, suite, backend, threads }
    }

    /// The options to give; none where the program's own choice is as fast.
    fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.suite != Suite::Aes256Gcm {
            options.push(format!("--suite {}", self.suite.name()));
        }
        if self.backend != self.own_backend {
            options.push(format!("--backend {}", self.backend.name()));
        }
        if self.threads != self.processors {
            options.push(format!("-T {}", self.threads));
        }
        options
    }

    fn sentence(&self) -> String {
        let options = self.options();
        if options.is_empty() {
            return format!(
                "Recommended: no option; {} on {} threads is what sv2 takes by itself.",
                self.backend.name(),
                self.threads
            );
        }
        format!("Recommended: {}", options.join(" "))
    }
}

fn to_json(figures: &Figures, advice: &Advice) -> Value {
    let rows: Vec<Value> = figures
        .all
        .iter()
        .map(|figure| {
            json!({
                "suite": figure.suite.name(),
                "backend": figure.backend.name(),
                "driver": figure.driver.name(),
                "threads": figure.threads,
                "encrypt_bytes_per_second": figure.encrypt.round(),
                "decrypt_bytes_per_second": figure.decrypt.round(),
            })
        })
        .collect();
    json!({
        "command": "bench",
        "processors": figures.processors,
        "bytes": figures.bytes,
        "figures": rows,
        "recommended": {
            "suite": advice.suite.name(),
            "backend": advice.backend.name(),
            "threads": advice.threads,
            "options": advice.options().join(" "),
        },
    })
}

/// What was measured, in one line.
fn title(figures: &Figures) -> String {
    let plural = if figures.processors == 1 { "" } else { "s" };
    format!(
        "{} processor{plural}, {} in memory, GB/s of plaintext, best of several runs",
        figures.processors,
        readable(figures.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(suite: Suite, backend: Backend, threads: usize, rate: f64) -> Figure {
        let driver = Driver::Positional;
        Figure { suite, backend, driver, threads, encrypt: rate, decrypt: rate }
    }

    fn advice(all: Vec<Figure>) -> Vec<String> {
        Advice::from(&Figures { processors: 4, bytes: 1, all }).options()
    }

    #[test]
    fn the_own_choice_needs_no_option_where_nothing_is_clearly_faster() {
        let own = fastest_backend(Suite::Aes256Gcm);
        let other = if own == Backend::Ring { Backend::AwsLc } else { Backend::Ring };
        let all = vec![
            figure(Suite::Aes256Gcm, own, 2, 5.0e9),
            figure(Suite::Aes256Gcm, own, 4, 9.7e9),
            figure(Suite::Aes256Gcm, other, 4, 10.0e9),
        ];
        assert_eq!(advice(all), Vec::<String>::new());
    }

    #[test]
    fn fewer_threads_are_recommended_where_more_bring_nothing() {
        let own = fastest_backend(Suite::Aes256Gcm);
        let all = vec![
            figure(Suite::Aes256Gcm, own, 4, 10.0e9),
            figure(Suite::Aes256Gcm, own, 2, 9.9e9),
            figure(Suite::Aes256Gcm, own, 1, 5.0e9),
        ];
        assert_eq!(advice(all), ["-T 2"]);
    }

    #[test]
    fn figures_of_another_job_recommend_nothing() {
        let own = fastest_backend(Suite::Aes256Gcm);
        let inline = Figure { driver: Driver::Inline, ..figure(Suite::Aes256Gcm, own, 1, 90.0e9) };
        let all = vec![inline, figure(Suite::Aes256Gcm, own, 4, 9.0e9)];
        assert!(advice(all).is_empty());
    }

    #[test]
    fn another_cipher_is_recommended_where_it_is_clearly_faster() {
        let own = fastest_backend(Suite::Aes256Gcm);
        let other = if own == Backend::Ring { Backend::AwsLc } else { Backend::Ring };
        let all = vec![
            figure(Suite::Aes256Gcm, own, 4, 1.0e9),
            figure(Suite::ChaCha20Poly1305, other, 4, 2.0e9),
        ];
        let backend = format!("--backend {}", other.name());
        assert_eq!(advice(all), ["--suite chacha20-poly1305".to_owned(), backend]);
    }
}

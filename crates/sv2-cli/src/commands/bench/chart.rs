//! The figures as bars.

use std::fmt::Write;

use super::measure::Figures;
use super::title;

/// Characters of the longest bar on a terminal.
const BAR: f64 = 24.0;

/// The table with bars.
pub(super) fn text(figures: &Figures) -> String {
    let most = most(figures);
    let mut text = format!("{}\n\n", title(figures));
    let bars = BAR as usize + 7;
    let _ = writeln!(
        text,
        "{:17} {:7} {:10} {:>7}  {:<bars$}  decrypt",
        "suite", "backend", "driver", "threads", "encrypt"
    );
    for figure in &figures.all {
        let cell = |rate: f64| {
            let len = (rate / most * BAR).round() as usize;
            format!("{:6.2} {}", rate / 1e9, "#".repeat(len))
        };
        let line = format!(
            "{:17} {:7} {:10} {:>7}  {:<bars$}  {}",
            figure.suite.name(),
            figure.backend.name(),
            figure.driver.name(),
            figure.threads,
            cell(figure.encrypt),
            cell(figure.decrypt),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The highest rate, so that no bar is longer than the longest.
fn most(figures: &Figures) -> f64 {
    let rates = figures.all.iter().flat_map(|figure| [figure.encrypt, figure.decrypt]);
    rates.fold(f64::MIN_POSITIVE, f64::max)
}

#[cfg(test)]
mod tests {
    use sv2_core::{Backend, Driver, Suite};

    use super::super::measure::Figure;
    use super::*;

    fn figures() -> Figures {
        let figure = |driver, threads, rate| Figure {
            suite: Suite::Aes256Gcm,
            backend: Backend::Ring,
            driver,
            threads,
            encrypt: rate,
            decrypt: 2.0 * rate,
        };
        let all = vec![figure(Driver::Inline, 1, 1.0e9), figure(Driver::Positional, 2, 2.0e9)];
        Figures { processors: 2, bytes: 1 << 26, all }
    }

    #[test]
    fn the_longest_bar_is_that_of_the_highest_rate() {
        let text = text(&figures());
        let bars: Vec<usize> =
            text.split(|found: char| found != '#').map(str::len).filter(|&len| len > 0).collect();
        assert_eq!(bars, [6, 12, 12, 24]);
    }
}

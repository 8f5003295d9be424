//! The figures as bars: on a terminal, and as a picture that is legible on light and on dark ground.

use std::fmt::Write;

use super::measure::{Figure, Figures};
use super::title;

/// Characters of the longest bar on a terminal.
const BAR: f64 = 24.0;
/// Height of a row of the picture, in pixels.
const ROW: usize = 40;
/// Pixels above the first row and below the last one.
const MARGINS: (usize, usize) = (84, 44);
/// Where bars begin, and the length of the longest one, in pixels.
const BARS: (f64, f64) = (270.0, 380.0);

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

/// The picture, with `advice` below it.
pub(super) fn svg(figures: &Figures, advice: &str) -> String {
    let most = most(figures);
    let (top, bottom) = MARGINS;
    let height = top + ROW * figures.all.len() + bottom;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 740 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"sv2 bench\">\n\
         <style>\n\
         .ground {{ fill: #ffffff }} text {{ fill: #1f2328 }} .minor {{ fill: #59636e }}\n\
         .encrypt {{ fill: #0969da }} .decrypt {{ fill: #bf8700 }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         .ground {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .minor {{ fill: #9198a1 }}\n\
         .encrypt {{ fill: #4493f8 }} .decrypt {{ fill: #d29922 }}\n\
         }}\n\
         </style>\n\
         <rect class=\"ground\" width=\"740\" height=\"{height}\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\">sv2 bench</text>\n\
         <text class=\"minor\" x=\"16\" y=\"50\">{}</text>\n\
         <rect class=\"encrypt\" x=\"16\" y=\"62\" width=\"10\" height=\"10\"/>\n\
         <text x=\"32\" y=\"71\">encrypt</text>\n\
         <rect class=\"decrypt\" x=\"96\" y=\"62\" width=\"10\" height=\"10\"/>\n\
         <text x=\"112\" y=\"71\">decrypt</text>\n",
        title(figures)
    );
    for (row, figure) in figures.all.iter().enumerate() {
        svg_row(&mut text, figure, top + ROW * row, most);
    }
    let _ = writeln!(text, "<text x=\"16\" y=\"{}\">{advice}</text>\n</svg>", height - 18);
    text
}

fn svg_row(text: &mut String, figure: &Figure, y: usize, most: f64) {
    let plural = if figure.threads == 1 { "" } else { "s" };
    let _ = writeln!(
        text,
        "<text x=\"16\" y=\"{}\">{} on {}</text>\n\
         <text class=\"minor\" x=\"16\" y=\"{}\">{}, {} thread{plural}</text>",
        y + 14,
        figure.suite.name(),
        figure.backend.name(),
        y + 29,
        figure.driver.name(),
        figure.threads,
    );
    let (left, longest) = BARS;
    for (class, rate, y) in
        [("encrypt", figure.encrypt, y + 2), ("decrypt", figure.decrypt, y + 17)]
    {
        let width = rate / most * longest;
        let _ = writeln!(
            text,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{width:.1}\" height=\"13\"/>\n\
             <text x=\"{:.1}\" y=\"{}\">{:.2}</text>",
            left + width + 6.0,
            y + 11,
            rate / 1e9,
        );
    }
}

/// The highest rate, so that no bar is longer than the longest.
fn most(figures: &Figures) -> f64 {
    let rates = figures.all.iter().flat_map(|figure| [figure.encrypt, figure.decrypt]);
    rates.fold(f64::MIN_POSITIVE, f64::max)
}

#[cfg(test)]
mod tests {
    use sv2_core::{Backend, Driver, Suite};

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

    #[test]
    fn the_picture_has_a_bar_for_each_rate_and_closes_what_it_opens() {
        let picture = svg(&figures(), "advice");
        assert_eq!(picture.matches("height=\"13\"").count(), 4);
        assert_eq!(picture.matches("width=\"380.0\"").count(), 1);
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(picture.ends_with("</svg>\n"));
    }
}

//! The chart: a bar for each program of each table, legible on light and on dark ground.

use super::cases::DEFAULTS;
use super::measure::Measured;

const WIDTH: usize = 760;
/// Where bars begin, and the length of the longest one.
const BARS: (f64, f64) = (250.0, 430.0);
/// Height of a bar's row, of a table's heading, and of the head of the chart.
const HEIGHTS: (usize, usize, usize) = (22, 40, 76);

/// What the tables are called in the chart.
const TITLES: [(&str, &str); 6] = [
    ("null-encrypt", "Encrypt a file to the null sink"),
    ("null-decrypt", "Decrypt a file to the null sink"),
    ("file-encrypt", "Encrypt a file to a file"),
    ("file-decrypt", "Decrypt a file to a file"),
    ("pipe-encrypt", "Encrypt between two pipes"),
    ("pipe-decrypt", "Decrypt between two pipes"),
];

/// Draws all tables below one another on one scale; rows of sv2 with settings are left out.
pub(super) fn draw(groups: &[Measured], note: &str) -> String {
    let shown = |name: &str| name == DEFAULTS || !name.starts_with("sv2 ");
    let (row_height, heading, head) = HEIGHTS;
    let mut bars = String::new();
    let mut y = head;
    let rates = groups.iter().flat_map(|group| group.rows.iter().map(|row| row.rate(group.bytes)));
    let most = rates.fold(f64::MIN_POSITIVE, f64::max);
    for group in groups {
        let title = TITLES.iter().find(|(name, _)| *name == group.name);
        let title = title.map_or(group.name.as_str(), |(_, title)| title);
        bars.push_str(&format!(
            "<text x=\"16\" y=\"{}\" font-weight=\"bold\">{title}</text>\n",
            y + heading - 12
        ));
        y += heading;
        for row in group.rows.iter().filter(|row| shown(&row.name)) {
            bars.push_str(&bar(&row.name, row.rate(group.bytes), most, y));
            y += row_height;
        }
    }
    let height = y + 20;
    format!("{}{bars}</svg>\n", opening(height, note))
}

fn bar(name: &str, rate: f64, most: f64, y: usize) -> String {
    let class = if name == DEFAULTS { "own" } else { "other" };
    let (left, longest) = BARS;
    let width = rate / most * longest;
    format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
         <rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\"/>\n\
         <text x=\"{:.1}\" y=\"{}\">{rate:.2}</text>\n",
        left - 8.0,
        y + 12,
        escaped(name),
        left + width + 6.0,
        y + 12,
    )
}

/// The opening with colours for both grounds, the title and the note.
fn opening(height: usize, note: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" \
         aria-label=\"GB/s of sv2 and other programs\">\n\
         <style>\n\
         .ground {{ fill: #ffffff }} text {{ fill: #1f2328 }} .minor {{ fill: #59636e }}\n\
         .own {{ fill: #0969da }} .other {{ fill: #afb8c1 }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         .ground {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .minor {{ fill: #9198a1 }}\n\
         .own {{ fill: #4493f8 }} .other {{ fill: #57606a }}\n\
         }}\n\
         </style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"17\">GB/s of plaintext, longer is better</text>\n\
         {}",
        wrapped(note)
    )
}

/// The note in lines that fit the chart.
fn wrapped(note: &str) -> String {
    let mut lines = vec![String::new()];
    for word in note.split_whitespace() {
        let is_full = lines.last().is_some_and(|line| line.len() + word.len() > 116);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
            line.push(' ');
        }
    }
    let line = |(number, line): (usize, &String)| {
        format!(
            "<text class=\"minor\" x=\"16\" y=\"{}\" font-size=\"11\">{}</text>\n",
            46 + 14 * number,
            escaped(line.trim_end())
        )
    };
    lines.iter().enumerate().map(line).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::super::measure::Row;
    use super::*;
    use std::time::Duration;

    fn groups() -> Vec<Measured> {
        let row = |name: &str, millis| Row {
            name: name.to_owned(),
            times: vec![Duration::from_millis(millis)],
        };
        let rows = vec![row("cat", 100), row("sv2", 50), row("sv2 --backend ring -T 1", 100)];
        vec![Measured { name: "null-encrypt".to_owned(), bytes: 1_000_000_000, rows }]
    }

    #[test]
    fn the_fastest_bar_is_the_longest_and_settings_are_left_out() {
        let picture = draw(&groups(), "A note.");
        assert_eq!(picture.matches("height=\"16\"").count(), 2);
        assert!(picture.contains("class=\"own\" x=\"250\" y=\"138\" width=\"430.0\""), "{picture}");
        assert!(picture.contains("width=\"215.0\""), "{picture}");
        assert!(!picture.contains("--backend"), "{picture}");
    }

    #[test]
    fn what_is_opened_is_closed_and_what_is_special_is_escaped() {
        let picture = draw(&groups(), &"a < b & c ".repeat(30));
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(picture.contains("a &lt; b &amp; c"));
        assert!(picture.ends_with("</svg>\n"));
    }

    #[test]
    fn every_table_has_a_title() {
        for name in cases::NAMES {
            assert!(TITLES.iter().any(|(titled, _)| *titled == name), "{name}");
        }
    }
}

//! Damage as a picture, which is legible on light and on dark ground and without colours.

use std::fmt::Write;

use super::finding::Kind;
use super::strip::Strip;

/// Width of the picture and of the margins, in pixels.
const WIDTH: f64 = 960.0;
const MARGIN: f64 = 16.0;
/// Height of a stream with its sentences, and of its cells.
const ROW: usize = 84;
const CELL: usize = 26;
/// Where the first stream begins.
const TOP: usize = 72;

/// A stream in the picture.
pub(super) struct Row {
    /// The name of the stream and what was found.
    pub(super) finding: String,
    /// Which check was done.
    pub(super) check: &'static str,
    pub(super) strip: Strip,
}

/// The picture.
pub(super) fn svg(rows: &[Row]) -> String {
    let height = TOP + ROW * rows.len();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"sv2 verify\">\n\
         <style>\n\
         .ground {{ fill: #ffffff }} text {{ fill: #1f2328 }} .sound {{ fill: #d1d9e0 }}\n\
         .accident {{ fill: #bf8700 }} .grave {{ fill: #cf222e }} .mark {{ fill: #ffffff }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         .ground {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .sound {{ fill: #3d444d }}\n\
         .accident {{ fill: #9e6a03 }} .grave {{ fill: #da3633 }} .mark {{ fill: #ffffff }}\n\
         }}\n\
         </style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"17\">sv2 verify</text>\n\
         <text x=\"{MARGIN}\" y=\"50\">{}</text>\n",
        legend(rows)
    );
    for (at, row) in rows.iter().enumerate() {
        draw(&mut text, row, TOP + ROW * at);
    }
    text.push_str("</svg>\n");
    text
}

/// The symbols that occur, in words.
fn legend(rows: &[Row]) -> String {
    let occurs = |kind: &Kind| rows.iter().any(|row| row.strip.kinds().any(|it| it == *kind));
    let mut legend = String::from("plain: sound");
    for kind in Kind::ALL.into_iter().filter(occurs) {
        let _ = write!(legend, ", {}: {}", kind.symbol(), kind.words());
    }
    legend
}

fn draw(text: &mut String, row: &Row, y: usize) {
    for (line, y) in [(&*row.finding, y + 14), (row.check, y + 32)] {
        let _ = writeln!(text, "<text x=\"{MARGIN}\" y=\"{y}\">{}</text>", escaped(line));
    }
    let width = (WIDTH - 2.0 * MARGIN) / row.strip.parts().count() as f64;
    for (at, (kind, from, to)) in row.strip.parts().enumerate() {
        let (x, y) = (MARGIN + at as f64 * width, y + 40);
        let class = match kind {
            None => "sound",
            Some(kind) if kind >= Kind::Malformed => "grave",
            Some(_) => "accident",
        };
        let words = kind.map_or("sound", Kind::words);
        let _ = writeln!(
            text,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{CELL}\">\
             <title>bytes {from} to {to}: {words}</title></rect>",
            width - 1.0,
        );
        if let Some(kind) = kind {
            let _ = writeln!(
                text,
                "<text class=\"mark\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x + (width - 1.0) / 2.0,
                y + 18,
                kind.symbol(),
            );
        }
    }
}

/// Text without anything that a reader of XML would take for markup or refuse.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::strip::Mark;
    use super::*;

    #[test]
    fn a_picture_shows_symbols_in_words_and_closes_what_it_opens() {
        let mark = |kind| Mark { offset: 640, len: 1, kind };
        let row = |kind: Option<Kind>| Row {
            finding: "a<b>&\u{1b}.sv2: damage".into(),
            check: "scrubbed",
            strip: Strip::new(6400, kind.map(mark).into_iter()),
        };
        let rows = [row(None), row(Some(Kind::Checksum)), row(Some(Kind::Authentication))];
        let picture = svg(&rows);
        assert_eq!(picture.matches("<rect class=\"sound\"").count(), 64 + 63 + 63);
        assert_eq!(picture.matches("<rect class=\"accident\"").count(), 1);
        assert_eq!(picture.matches("<rect class=\"grave\"").count(), 1);
        assert!(picture.contains("plain: sound, x: checksum mismatch, !: authentication failure<"));
        assert!(picture.contains("bytes 600 to 700: sound") && picture.contains(">!</text>"));
        assert_eq!(picture.matches("a&lt;b&gt;&amp;\u{fffd}.sv2").count(), 3);
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
        assert!(picture.ends_with("</svg>\n"));
    }
}

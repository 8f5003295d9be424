//! Tables in Markdown, and the markers of the document that they go between.

use super::cases::DEFAULTS;
use super::measure::Measured;

/// The table of a group below its note.
///
/// The last column tells how many times as long as sv2 a program takes.
pub(super) fn render(measured: &Measured, note: &str) -> String {
    let Some(yardstick) = measured.rows.first() else { return note.to_owned() };
    let unit = yardstick.median().as_secs_f64();
    let defaults = measured.rows.iter().find(|row| row.name == DEFAULTS);
    let own = defaults.map_or(unit, |row| row.median().as_secs_f64());
    let mut text = format!(
        "{note}\n\n| program | s | GB/s | fastest to slowest, s | time / {} | time / sv2 |\n\
         |---|---:|---:|---:|---:|---:|\n",
        yardstick.name.replace('|', "\\|")
    );
    for row in &measured.rows {
        let median = row.median().as_secs_f64();
        let end = |time: Option<&std::time::Duration>| time.map_or(0.0, |time| time.as_secs_f64());
        text.push_str(&format!(
            "| {} | {median:.3} | {:.2} | {:.3} to {:.3} | {:.2} | {:.2} |\n",
            row.name.replace('|', "\\|"),
            row.rate(measured.bytes),
            end(row.times.first()),
            end(row.times.last()),
            median / unit,
            median / own,
        ));
    }
    text.trim_end().to_owned()
}

/// The document with `body` between the markers of `name`, or nothing where it has no such markers.
pub(super) fn replace(document: &str, name: &str, body: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- bench {name} -->\n"), format!("<!-- end {name} -->"));
    let body_at = document.find(&begin)? + begin.len();
    let rest_at = body_at + document[body_at..].find(&end)?;
    Some(format!("{}\n{body}\n\n{}", &document[..body_at], &document[rest_at..]))
}

#[cfg(test)]
mod tests {
    use super::super::measure::Row;
    use super::*;
    use std::time::Duration;

    #[test]
    fn rows_are_told_against_the_yardstick_and_against_sv2() {
        let row = |name: &str, millis: u64| Row {
            name: name.to_owned(),
            times: vec![Duration::from_millis(millis)],
        };
        let rows = vec![row("cat | cat", 200), row("sv2", 100), row("age", 500)];
        let measured = Measured { name: "x".to_owned(), bytes: 1_000_000_000, rows };
        let text = render(&measured, "Note.");
        assert!(text.starts_with("Note.\n\n| program |"), "{text}");
        assert!(text.contains("time / cat \\| cat |"), "{text}");
        assert!(text.contains("| sv2 | 0.100 | 10.00 | 0.100 to 0.100 | 0.50 | 1.00 |"), "{text}");
        assert!(text.ends_with("| age | 0.500 | 2.00 | 0.500 to 0.500 | 2.50 | 5.00 |"), "{text}");
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let document = "a\n<!-- bench x -->\nold\n<!-- end x -->\nb\n";
        let new = replace(document, "x", "new");
        assert_eq!(new.as_deref(), Some("a\n<!-- bench x -->\n\nnew\n\n<!-- end x -->\nb\n"));
        let again = new.as_deref().and_then(|new| replace(new, "x", "new"));
        assert_eq!(again, new);
        assert_eq!(replace(document, "y", "new"), None);
    }
}

//! Rules for every text file: ASCII, no trailing white space, one newline at the end.

use crate::report::Finding;
use crate::workspace::SourceFile;

pub(super) fn findings(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.text.split('\n').enumerate() {
        if let Some(found) = line.chars().find(|&found| !is_allowed(found)) {
            let message = format!("has the character U+{:04X}", u32::from(found));
            findings.push(Finding::new(&file.path, number + 1, message));
        }
        if line.ends_with([' ', '\t']) {
            findings.push(Finding::new(&file.path, number + 1, "ends in white space"));
        }
    }
    let ends_well = file.text.ends_with('\n') && !file.text.ends_with("\n\n");
    if !file.text.is_empty() && !ends_well {
        findings.push(Finding::new(&file.path, 0, "does not end in exactly one newline"));
    }
    findings
}

fn is_allowed(found: char) -> bool {
    found == '\t' || (' '..='~').contains(&found)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        findings(&sample("a.md", text)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn plain_text_passes() {
        assert!(messages("# A\n\n\tb\n").is_empty());
        assert!(messages("").is_empty());
    }

    #[test]
    fn characters_beyond_ascii_and_control_characters_are_found() {
        assert_eq!(messages("a\nb \u{2014} c\n"), ["a.md:2: has the character U+2014"]);
        assert_eq!(messages("a\r\n"), ["a.md:1: has the character U+000D"]);
    }

    #[test]
    fn white_space_at_the_end_of_a_line_is_found() {
        assert_eq!(messages("a \nb\t\n").len(), 2);
    }

    #[test]
    fn a_missing_and_a_doubled_last_newline_are_found() {
        assert_eq!(messages("a").len(), 1);
        assert_eq!(messages("a\n\n").len(), 1);
    }
}

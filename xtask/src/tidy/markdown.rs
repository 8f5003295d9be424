//! Markdown: one sentence per line, so that a change shows as the sentence that changed.

use crate::report::Finding;
use crate::workspace::SourceFile;

/// Abbreviations after which a capital letter begins no sentence.
const ABBREVIATIONS: [&str; 9] =
    ["e.g.", "i.e.", "Dr.", "cf.", "vs.", "etc.", "No.", "Sec.", "Fig."];

pub(super) fn findings(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fence = None;
    for (number, line) in file.text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) if !is_verbatim(line) && has_two_sentences(trimmed) => {
                findings.push(Finding::new(&file.path, number + 1, "has more than one sentence"));
            }
            _ => {}
        }
    }
    if fence.is_some() {
        findings.push(Finding::new(&file.path, 0, "leaves a code block open"));
    }
    findings
}

/// Tables and indented code keep their own form.
fn is_verbatim(line: &str) -> bool {
    line.trim_start().starts_with('|') || line.starts_with("    ") && !is_list_item(line)
}

fn is_list_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || number.len() < line.len() && number.starts_with(". ")
}

fn has_two_sentences(line: &str) -> bool {
    let text = without_code(without_marker(line));
    let ends = text.char_indices().filter(|(_, found)| matches!(found, '.' | '?' | '!'));
    ends.into_iter().any(|(at, end)| {
        let closed = text[at + 1..].trim_start_matches([')', '"', '\'', '*', '_']);
        let next =
            closed.strip_prefix(' ').map(|rest| rest.trim_start_matches(['(', '"', '*', '_', '`']));
        let is_capital =
            next.is_some_and(|next| next.starts_with(|c: char| c.is_ascii_uppercase()));
        let is_end = text[..at].ends_with(|c: char| !matches!(c, '.' | ' '));
        is_capital && is_end && !(end == '.' && is_abbreviated(&text[..=at]))
    })
}

/// The line without the marker of a list item or a quotation.
fn without_marker(line: &str) -> &str {
    let line = line.trim_start_matches(['-', '*', '>', '#', ' ']);
    let number = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
    match number.strip_prefix(". ") {
        Some(rest) if number.len() < line.len() => rest,
        _ => line,
    }
}

/// The line with the inside of code spans taken out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Whether the text ends in an abbreviation, or in an initial such as "D.".
fn is_abbreviated(text: &str) -> bool {
    let word = text.rsplit([' ', '(']).next().unwrap_or_default();
    let is_initial = word.len() == 2 && word.starts_with(|c: char| c.is_ascii_uppercase());
    is_initial || ABBREVIATIONS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn count(text: &str) -> usize {
        findings(&sample("a.md", text)).len()
    }

    #[test]
    fn two_sentences_on_a_line_are_found() {
        assert_eq!(count("One. Two.\n"), 1);
        assert_eq!(count("- One (really.) Two\n"), 1);
        assert_eq!(count("Is it? It is.\n"), 1);
        assert_eq!(count("It calls `f`. `G` is next. Then **more**. **Bold** too.\n"), 1);
    }

    #[test]
    fn one_sentence_a_line_passes() {
        assert_eq!(count("One.\nTwo.\n3. Three.\n# 4. Four\n"), 0);
        assert_eq!(count("Version 1.2 and a.b, e.g. Rust, by D. Bernstein.\n"), 0);
        assert_eq!(count("The text `a. B` is code, and x[0 .. H] is a range.\n"), 0);
    }

    #[test]
    fn code_blocks_and_tables_are_left_alone() {
        assert_eq!(count("```\nOne. Two.\n```\n| One. Two. |\n    One. Two.\n"), 0);
        assert_eq!(count("~~~\n```\nOne. Two.\n~~~\n"), 0);
    }

    #[test]
    fn a_code_block_that_stays_open_is_found() {
        assert_eq!(count("```\nOne. Two.\n"), 1);
    }
}

//! Claims: every test that a document names as showing something exists and is a test.

use crate::report::Finding;
use crate::workspace::SourceFile;
use std::collections::BTreeSet;

/// The last column of a table whose cells name tests.
const COLUMN: &str = "shown by";
/// The document that must have such a table.
const DOCUMENT: &str = "docs/security.md";

/// Finds names in tables of the documents that no test bears, and rows that name none.
pub(super) fn findings(files: &[SourceFile]) -> Vec<Finding> {
    let tests = tests(files);
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("md")) {
        let rows = rows(&file.text);
        if file.path == DOCUMENT && rows.is_empty() {
            findings.push(Finding::new(DOCUMENT, 0, "has no table of what is shown by which test"));
        }
        for (line, cell) in rows {
            if cell.is_empty() {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    "names nothing; write - for no claim",
                ));
            }
            for name in names(cell).filter(|name| !tests.contains(name)) {
                let message = format!("names `{name}`, and no test has that name");
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// The last cells of the tables that have the column, with their lines.
fn rows(text: &str) -> Vec<(usize, &str)> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for (number, line) in text.lines().enumerate() {
        let Some(cells) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|'))
        else {
            is_inside = false;
            continue;
        };
        let last = cells.rsplit('|').next().unwrap_or_default().trim();
        if last == COLUMN {
            is_inside = true;
        } else if is_inside && !last.chars().all(|c| c == '-' && last.len() > 1) {
            rows.push((number + 1, last));
        }
    }
    rows
}

/// The names in backticks that are those of functions.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// The functions under a test attribute.
fn tests(files: &[SourceFile]) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    for file in files.iter().filter(|file| file.has_extension("rs")) {
        let mut is_test = false;
        for line in file.text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ") {
                let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
                tests.extend(name.filter(|_| is_test));
                is_test = false;
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const CODE: &str = "//! x\n#[test]\nfn it_holds() {}\nfn helper() {}\n";

    fn messages(table: &str) -> Vec<String> {
        let text = format!("# x\n\n| attack | shown by |\n|---|---|\n{table}");
        let files = [sample(DOCUMENT, &text), sample("a.rs", CODE)];
        findings(&files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_name_that_is_no_test_is_found() {
        assert!(messages("| a | `it_holds` |\n| b | - |\n| c | in words, of `F-1` |\n").is_empty());
        for bad in ["`it_held`", "`it_holds`, `helper`"] {
            assert_eq!(messages(&format!("| a | {bad} |\n")).len(), 1, "{bad}");
        }
    }

    #[test]
    fn an_empty_cell_and_a_missing_table_are_found() {
        assert_eq!(messages("| a |  |\n").len(), 1);
        assert_eq!(findings(&[sample(DOCUMENT, "# x\n"), sample("a.rs", CODE)]).len(), 1);
    }
}

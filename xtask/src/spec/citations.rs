//! Where requirements are cited: ids such as `F-101` and `R-101` in sources, and whether a test says it.
//!
//! An id has three digits or more, so that arithmetic on the frame size is none.

use crate::rust_text;
use crate::workspace::SourceFile;

/// Who cites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Code,
    /// The reference implementations, which tests compare the engine with.
    Reference,
    Test,
    /// Prose; it must name what exists and covers nothing.
    Text,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Reference => "reference",
            Self::Test => "test",
            Self::Text => "text",
        }
    }
}

/// One id on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Citation {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) role: Role,
}

/// All citations of a file; this program's own source has ids only as samples.
pub(super) fn of(file: &SourceFile) -> Vec<Citation> {
    if file.path.starts_with("xtask/") {
        return Vec::new();
    }
    let test_lines = match file.has_extension("rs") {
        true => rust_text::test_lines(&file.text, &rust_text::mask(&file.text)),
        false => Vec::new(),
    };
    let mut citations = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let is_test = test_lines.get(number + 1).copied().unwrap_or(false);
        for id in ids(line) {
            let role = role(file, is_test);
            citations.push(Citation { id, path: file.path.clone(), line: number + 1, role });
        }
    }
    citations
}

fn role(file: &SourceFile, is_test: bool) -> Role {
    let in_tests = file.path.split('/').rev().skip(1).any(|folder| folder == "tests");
    let in_reference =
        file.path.starts_with("crates/sv2-testkit/") || file.path.starts_with("docs/conformance/");
    match () {
        () if file.has_extension("md") => Role::Text,
        () if is_test || in_tests => Role::Test,
        () if in_reference => Role::Reference,
        () => Role::Code,
    }
}

/// Whether this is one whole id.
pub(super) fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("F-").or_else(|| text.strip_prefix("R-")).unwrap_or_default();
    digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ids on a line that stand as words of their own.
fn ids(line: &str) -> Vec<String> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    words.filter(|word| is_id(word)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(path: &str, text: &str) -> Vec<(usize, Role)> {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        of(&file).into_iter().map(|citation| (citation.line, citation.role)).collect()
    }

    #[test]
    fn ids_are_whole_words_of_three_digits_or_more() {
        assert_eq!(ids("F-101, (F-202); `F-1303`."), ["F-101", "F-202", "F-1303"]);
        assert_eq!(ids("R-101 P-256"), ["R-101"]);
        assert_eq!(ids("F-1 F-12 PDF-101 F-101a xF-101 F-101_b"), Vec::<String>::new());
    }

    #[test]
    fn tests_are_told_from_the_code_around_them() {
        let source = "//! F-101\n/// F-102\n#[test]\nfn t() {\n    // F-103\n}\n// F-104\n";
        let expected = [(1, Role::Code), (2, Role::Test), (5, Role::Test), (7, Role::Code)];
        assert_eq!(roles("crates/a/src/b.rs", source), expected);
    }

    #[test]
    fn the_place_of_a_file_tells_who_cites() {
        assert_eq!(roles("crates/a/tests/b.rs", "// F-101"), [(1, Role::Test)]);
        assert_eq!(roles("crates/sv2-testkit/src/b.rs", "// F-101"), [(1, Role::Reference)]);
        assert_eq!(roles("docs/conformance/reference.py", "# F-101"), [(1, Role::Reference)]);
        assert_eq!(roles("docs/limits.py", "# F-101"), [(1, Role::Code)]);
        assert_eq!(roles("docs/security.md", "F-101"), [(1, Role::Text)]);
        assert_eq!(roles("xtask/src/spec.rs", "// F-101"), []);
    }
}

//! Rules for Rust files: an opening comment, names of modules, length, and words that hide a hole.

use crate::report::Finding;
use crate::rust_text;
use crate::workspace::SourceFile;

/// A file of a crate is warned about above this many lines.
const LONG: usize = 350;
/// A file of a crate fails above this many lines.
const TOO_LONG: usize = 500;

/// What code must not say, and why; comments and strings may.
const FORBIDDEN: [(&str, &str); 8] = [
    ("#[ignore", "a test that does not run is no test"),
    (", ignore)", "a test that does not run is no test"),
    ("#[should_panic", "assert on the error, or catch the panic and look at it"),
    ("thread::sleep", "wait for an event: a barrier, a channel, a join"),
    ("todo!", "what is not there is an issue, not code"),
    ("unimplemented!", "what is not there is an issue, not code"),
    ("dbg!", "a left-over"),
    ("include!(", "code belongs into modules"),
];

pub(super) fn findings(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Finding::new(&file.path, 1, "does not begin with `//!`"));
    }
    if file.path.ends_with("/mod.rs") {
        findings.push(Finding::new(&file.path, 0, "is `foo/mod.rs`; write `foo.rs`"));
    }
    let lines = file.text.lines().count();
    if is_in_a_crate(&file.path) && lines > TOO_LONG {
        let message = format!("has {lines} lines, more than {TOO_LONG}");
        findings.push(Finding::new(&file.path, 0, message));
    }
    let masked = rust_text::mask(&file.text);
    for (number, line) in masked.lines().enumerate() {
        for (word, reason) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
            let message = format!("says `{word}`: {reason}");
            findings.push(Finding::new(&file.path, number + 1, message));
        }
    }
    findings.extend(example_findings(file));
    findings
}

/// An example that is marked `ignore` is neither compiled nor run.
fn example_findings(file: &SourceFile) -> Vec<Finding> {
    let is_ignored = |line: &str| {
        let comment = line
            .trim_start()
            .strip_prefix("//")
            .map(|line| line.trim_start_matches(['/', '!', ' ']));
        let tags = comment.and_then(|comment| comment.strip_prefix("```"));
        tags.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == "ignore"))
    };
    let numbered = file.text.lines().enumerate();
    let ignored = numbered.filter(|(_, line)| is_ignored(line));
    ignored
        .map(|(number, _)| Finding::new(&file.path, number + 1, "has an ignored example"))
        .collect()
}

pub(super) fn length_warning(file: &SourceFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let is_long = file.has_extension("rs") && is_in_a_crate(&file.path);
    let message = format!("has {lines} lines, more than {LONG}");
    (is_long && lines > LONG && lines <= TOO_LONG).then(|| Finding::new(&file.path, 0, message))
}

fn is_in_a_crate(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        findings(&sample(path, text)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_file_without_an_opening_comment_is_found() {
        assert_eq!(messages("a.rs", "use x;\n"), ["does not begin with `//!`"]);
        assert!(messages("a.rs", "//! Holds x.\nuse x;\n").is_empty());
    }

    #[test]
    fn a_module_file_by_its_old_name_is_found() {
        assert_eq!(messages("a/mod.rs", "//! x\n"), ["is `foo/mod.rs`; write `foo.rs`"]);
    }

    #[test]
    fn every_forbidden_word_is_found_in_code_and_allowed_in_comments_and_strings() {
        for (word, _) in FORBIDDEN {
            assert_eq!(messages("a.rs", &format!("//! x\n{word}\n")).len(), 1, "{word}");
            assert!(messages("a.rs", &format!("//! {word}\n// {word}\n")).is_empty(), "{word}");
            assert!(messages("a.rs", &format!("//! x\n\"{word}\"\n")).is_empty(), "{word}");
        }
    }

    #[test]
    fn an_ignored_example_is_found_and_one_that_only_compiles_is_not() {
        assert_eq!(messages("a.rs", "//! ```ignore\n//! ```\n"), ["has an ignored example"]);
        assert_eq!(messages("a.rs", "//! x\n/// ```rust,ignore\n").len(), 1);
        assert!(messages("a.rs", "//! ```no_run\n//! ```\n").is_empty());
    }

    #[test]
    fn long_files_of_crates_are_warned_about_and_then_refused() {
        let text = |lines: usize| format!("//! x\n{}", "x\n".repeat(lines - 1));
        let long = |path: &str, lines: usize| {
            let file = sample(path, &text(lines));
            (length_warning(&file).is_some(), findings(&file).len())
        };
        assert_eq!(long("crates/a/src/b.rs", 350), (false, 0));
        assert_eq!(long("crates/a/src/b.rs", 351), (true, 0));
        assert_eq!(long("crates/a/src/b.rs", 500), (true, 0));
        assert_eq!(long("crates/a/src/b.rs", 501), (false, 1));
        assert_eq!(long("crates/a/tests/b.rs", 501), (false, 0));
    }
}

//! What a check gives back: one line on success, findings with their places on failure.

use std::fmt;

/// A check's result; the string of a success is its one-line note for the summary.
pub(crate) type Outcome<T = String> = Result<T, Failure>;

/// Why a check failed, ready to print, one finding a line.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A broken rule and where it is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// A path relative to the project's root, or the name of a crate.
    pub(crate) place: String,
    /// The line, counted from 1; 0 where the finding is about the whole.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(place: &str, line: usize, message: impl Into<String>) -> Self {
        Self { place: place.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.place, self.message),
            line => write!(f, "{}:{line}: {}", self.place, self.message),
        }
    }
}

/// Turns findings into a failure that lists them in order, or gives the note when there are none.
pub(crate) fn settle(mut findings: Vec<Finding>, note: String) -> Outcome {
    if findings.is_empty() {
        return Ok(note);
    }
    findings.sort();
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    Err(Failure::new(format!("{}\n{} finding(s)", lines.join("\n"), lines.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_listed_in_order_with_their_lines() {
        let findings = vec![Finding::new("b.rs", 7, "late"), Finding::new("a.rs", 0, "early")];
        let failure = settle(findings, "fine".to_owned()).map_err(|failure| failure.to_string());
        assert_eq!(failure, Err("a.rs: early\nb.rs:7: late\n2 finding(s)".to_owned()));
    }

    #[test]
    fn nothing_found_is_a_success_with_its_note() {
        assert!(matches!(settle(Vec::new(), "fine".to_owned()), Ok(note) if note == "fine"));
    }
}

//! The numbered requirements of `docs/format.md`, and the code and the tests that cite each.

mod citations;

use crate::report::{Failure, Finding, Outcome, settle};
use crate::workspace::{self, SourceFile};
use citations::{Citation, Role};
use std::collections::BTreeMap;

/// Where the requirements are.
const SPEC: &str = "docs/format.md";

/// A numbered requirement.
#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    line: usize,
    /// Whether it says MUST; such a one needs a test.
    is_must: bool,
}

/// Requirements and citations, put together.
struct Coverage {
    requirements: BTreeMap<String, Requirement>,
    citations: BTreeMap<String, Vec<Citation>>,
    findings: Vec<Finding>,
}

/// Prints every requirement with its citations; with `--strict` a MUST without a test fails.
pub(crate) fn run(args: &[String]) -> Outcome {
    let strict = match args {
        [] => false,
        [arg] if arg == "--strict" => true,
        _ => return Err(Failure::new("usage: cargo xtask spec [--strict]")),
    };
    let coverage = read()?;
    print!("{}", listing(&coverage));
    conclude(coverage, strict)
}

/// Fails on citations of requirements that do not exist, and counts those without a test.
pub(crate) fn check() -> Outcome {
    conclude(read()?, false)
}

fn read() -> Outcome<Coverage> {
    let files = workspace::sources(&["rs", "py", "md"])?;
    let spec = files.iter().find(|file| file.path == SPEC);
    let spec = spec.ok_or_else(|| Failure::new(format!("{SPEC} is missing")))?;
    Ok(cover(spec, &files))
}

fn cover(spec: &SourceFile, files: &[SourceFile]) -> Coverage {
    let mut findings = Vec::new();
    let requirements = requirements(spec, &mut findings);
    let mut citations: BTreeMap<String, Vec<Citation>> = BTreeMap::new();
    for file in files {
        for citation in citations::of(file) {
            if !requirements.contains_key(&citation.id) {
                let message = format!("cites {}, which {SPEC} does not have", citation.id);
                findings.push(Finding::new(&file.path, citation.line, message));
            }
            citations.entry(citation.id.clone()).or_default().push(citation);
        }
    }
    Coverage { requirements, citations, findings }
}

/// The requirements by id: lines that begin with the id in bold.
fn requirements(spec: &SourceFile, findings: &mut Vec<Finding>) -> BTreeMap<String, Requirement> {
    let mut requirements = BTreeMap::new();
    for (number, line) in spec.text.lines().enumerate() {
        let bold = line.strip_prefix("**").and_then(|rest| rest.split_once("**"));
        let Some((id, text)) = bold.filter(|(id, _)| citations::is_id(id)) else {
            continue;
        };
        let is_must = text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word == "MUST");
        let requirement = Requirement { line: number + 1, is_must };
        if requirements.insert(id.to_owned(), requirement).is_some() {
            findings.push(Finding::new(&spec.path, number + 1, format!("gives {id} twice")));
        }
    }
    requirements
}

impl Coverage {
    fn has(&self, id: &str, role: Role) -> bool {
        let found = self.citations.get(id).map(Vec::as_slice).unwrap_or_default();
        found.iter().any(|citation| citation.role == role)
    }

    /// The requirements that say MUST and that no test cites, the reference's source not counted.
    fn untested(&self) -> Vec<&str> {
        let musts = self.requirements.iter().filter(|(_, requirement)| requirement.is_must);
        musts.map(|(id, _)| id.as_str()).filter(|id| !self.has(id, Role::Test)).collect()
    }

    /// Of those, the ones that the reference does not cite either.
    fn bare(&self) -> Vec<&str> {
        self.untested().into_iter().filter(|id| !self.has(id, Role::Reference)).collect()
    }
}

fn listing(coverage: &Coverage) -> String {
    let mut text = String::new();
    for (id, requirement) in &coverage.requirements {
        let level = if requirement.is_must { "MUST" } else { "" };
        text.push_str(&format!("{id} {level:4} {SPEC}:{}\n", requirement.line));
        for role in [Role::Code, Role::Reference, Role::Test] {
            for citation in coverage.citations.get(id).into_iter().flatten() {
                if citation.role == role {
                    let place = format!("{}:{}", citation.path, citation.line);
                    text.push_str(&format!("    {:9} {place}\n", role.name()));
                }
            }
        }
    }
    text
}

fn conclude(coverage: Coverage, strict: bool) -> Outcome {
    let (untested, bare) = (coverage.untested(), coverage.bare());
    let musts = coverage.requirements.values().filter(|requirement| requirement.is_must).count();
    let note = format!(
        "{} requirements, {musts} of them MUST; without a test: {} ({} cited by the reference only)",
        coverage.requirements.len(),
        untested.len(),
        untested.len() - bare.len(),
    );
    let missing: Vec<Finding> = match strict {
        true => bare
            .iter()
            .map(|id| {
                Finding::new(SPEC, coverage.requirements[*id].line, format!("{id} has no test"))
            })
            .collect(),
        false => Vec::new(),
    };
    let mut findings = coverage.findings.clone();
    findings.extend(missing);
    settle(findings, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    fn coverage(spec: &str, others: &[SourceFile]) -> Coverage {
        cover(&file(SPEC, spec), others)
    }

    const TWO: &str = "# x\n**F-101** A writer MUST do it.\n**F-102** It MAY do it (see F-101).\n";

    #[test]
    fn requirements_are_lines_that_begin_with_a_bold_id() {
        let coverage = coverage(TWO, &[]);
        let musts: Vec<bool> =
            coverage.requirements.values().map(|requirement| requirement.is_must).collect();
        assert_eq!(musts, [true, false]);
        assert_eq!(coverage.requirements["F-102"].line, 3);
        assert!(coverage.findings.is_empty());
    }

    #[test]
    fn an_id_that_is_given_twice_fails() {
        let coverage = coverage("**F-101** One MUST.\n**F-101** Two MUST.\n", &[]);
        assert!(conclude(coverage, false).is_err());
    }

    #[test]
    fn a_citation_of_a_requirement_that_does_not_exist_fails() {
        let coverage = coverage(TWO, &[file("crates/a/src/b.rs", "// See F-999.\n")]);
        let failure = conclude(coverage, false).map_err(|failure| failure.to_string());
        let message =
            "crates/a/src/b.rs:1: cites F-999, which docs/format.md does not have\n1 finding(s)";
        assert_eq!(failure, Err(message.to_owned()));
    }

    #[test]
    fn a_must_without_a_test_is_counted_and_fails_only_when_strict() {
        let code = file("crates/a/src/b.rs", "// F-101\n");
        let note = conclude(coverage(TWO, std::slice::from_ref(&code)), false).unwrap_or_default();
        assert!(note.ends_with("without a test: 1 (0 cited by the reference only)"), "{note}");
        assert!(conclude(coverage(TWO, &[code]), true).is_err());
    }

    #[test]
    fn a_must_with_a_test_passes_strictly() {
        let test = file("crates/a/tests/b.rs", "// F-101\n");
        assert!(conclude(coverage(TWO, std::slice::from_ref(&test)), true).is_ok());
        assert!(listing(&coverage(TWO, &[test])).contains("test      crates/a/tests/b.rs:1\n"));
    }
}

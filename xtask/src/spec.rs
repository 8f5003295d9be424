//! The numbered requirements of `docs/format.md`, `docs/local-files.md` and `docs/parity.md`, and the
//! code and the tests that cite each.

mod citations;

use crate::report::{Failure, Finding, Outcome, settle};
use crate::workspace::{self, SourceFile};
use citations::{Citation, Role};
use std::collections::BTreeMap;

/// Where the requirements are, and what their ids begin with.
///
/// Documents may share a beginning; a number is given once in all of them.
const SPECS: [(&str, &str); 3] =
    [("docs/format.md", "F-"), ("docs/local-files.md", "F-"), ("docs/parity.md", "R-")];

/// The document that should have a requirement which none has.
fn spec_of(id: &str) -> &'static str {
    SPECS.iter().find(|(_, start)| id.starts_with(start)).map_or(SPECS[0].0, |(path, _)| path)
}

/// Requirements that no test in Rust can show: which file shows each instead, and why.
///
/// The file has to cite the requirement, and an entry that a test has made needless fails.
const SHOWN_ELSEWHERE: &[Exemption] = &[Exemption {
    id: "F-338",
    by: "docs/conformance/selftest.py",
    why: "every build of the engine has BLAKE3; the implementation in Python runs without it",
}];

/// A requirement that something else than a test in Rust shows.
#[derive(Debug, Clone, Copy)]
struct Exemption {
    id: &'static str,
    by: &'static str,
    why: &'static str,
}

/// A numbered requirement.
#[derive(Debug, PartialEq, Eq)]
struct Requirement {
    /// The document that gives it.
    spec: String,
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

/// Prints every requirement with its citations, and fails as [`check`] does.
pub(crate) fn run(args: &[String]) -> Outcome {
    if !args.is_empty() {
        return Err(Failure::new("usage: cargo xtask spec"));
    }
    let coverage = read()?;
    print!("{}", listing(&coverage));
    conclude(coverage, SHOWN_ELSEWHERE)
}

/// Fails on citations of requirements that do not exist, and on a MUST without a test.
pub(crate) fn check() -> Outcome {
    conclude(read()?, SHOWN_ELSEWHERE)
}

fn read() -> Outcome<Coverage> {
    let files = workspace::sources(&["rs", "py", "md"])?;
    let mut specs = Vec::new();
    for (path, _) in SPECS {
        let spec = files.iter().find(|file| file.path == path);
        specs.push(spec.ok_or_else(|| Failure::new(format!("{path} is missing")))?);
    }
    Ok(cover(&specs, &files))
}

fn cover(specs: &[&SourceFile], files: &[SourceFile]) -> Coverage {
    let mut findings = Vec::new();
    let mut requirements = BTreeMap::new();
    for spec in specs {
        take_requirements(spec, &mut requirements, &mut findings);
    }
    let mut citations: BTreeMap<String, Vec<Citation>> = BTreeMap::new();
    for file in files {
        for citation in citations::of(file) {
            if !requirements.contains_key(&citation.id) {
                let message =
                    format!("cites {}, which {} does not have", citation.id, spec_of(&citation.id));
                findings.push(Finding::new(&file.path, citation.line, message));
            }
            citations.entry(citation.id.clone()).or_default().push(citation);
        }
    }
    Coverage { requirements, citations, findings }
}

/// Takes in the requirements of a document: lines that begin with the id in bold.
fn take_requirements(
    spec: &SourceFile,
    requirements: &mut BTreeMap<String, Requirement>,
    findings: &mut Vec<Finding>,
) {
    for (number, line) in spec.text.lines().enumerate() {
        let bold = line.strip_prefix("**").and_then(|rest| rest.split_once("**"));
        let Some((id, text)) = bold.filter(|(id, _)| citations::is_id(id)) else {
            continue;
        };
        let is_must = text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word == "MUST");
        let requirement = Requirement { spec: spec.path.clone(), line: number + 1, is_must };
        if let Some(other) = requirements.insert(id.to_owned(), requirement) {
            let message = match other.spec == spec.path {
                true => format!("gives {id} twice"),
                false => format!("gives {id}, which {} gives too", other.spec),
            };
            findings.push(Finding::new(&spec.path, number + 1, message));
        }
    }
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
}

fn listing(coverage: &Coverage) -> String {
    let mut text = String::new();
    for (id, requirement) in &coverage.requirements {
        let level = if requirement.is_must { "MUST" } else { "" };
        text.push_str(&format!("{id} {level:4} {}:{}\n", requirement.spec, requirement.line));
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

fn conclude(coverage: Coverage, exemptions: &[Exemption]) -> Outcome {
    let untested = coverage.untested();
    let mut findings = coverage.findings.clone();
    let mut find = |id: &str, message: String| {
        let given = coverage.requirements.get(id);
        let (spec, line) = given.map_or((spec_of(id), 0), |it| (it.spec.as_str(), it.line));
        findings.push(Finding::new(spec, line, format!("{id} {message}")));
    };
    let is_exempt = |id: &str| exemptions.iter().any(|exemption| exemption.id == id);
    for id in untested.iter().filter(|id| !is_exempt(id)) {
        find(id, "says MUST and no test cites it".to_owned());
    }
    let mut elsewhere = String::new();
    for Exemption { id, by, why } in exemptions {
        if !untested.contains(id) {
            find(id, "is shown by a test and needs no exemption".to_owned());
        }
        let cited = coverage.citations.get(*id).into_iter().flatten();
        if !cited.into_iter().any(|citation| citation.path == *by) {
            find(id, format!("is not cited by {by}, which is said to show it"));
        }
        elsewhere.push_str(&format!("; {id} is shown by {by} alone: {why}"));
    }
    let musts = coverage.requirements.values().filter(|requirement| requirement.is_must).count();
    let tested = musts - untested.len();
    let all = coverage.requirements.len();
    settle(findings, format!("{all} requirements, {tested} of {musts} MUST have a test{elsewhere}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    fn coverage(spec: &str, others: &[SourceFile]) -> Coverage {
        cover(&[&file(SPECS[0].0, spec)], others)
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

    /// Says what is wrong, or the note where nothing is.
    fn concluded(spec: &str, others: &[SourceFile], exemptions: &[Exemption]) -> String {
        match conclude(coverage(spec, others), exemptions) {
            Ok(note) => note,
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn an_id_that_is_given_twice_fails() {
        let spec = "**F-101** One thing.\n**F-101** Another.\n";
        assert_eq!(concluded(spec, &[], &[]), "docs/format.md:2: gives F-101 twice\n1 finding(s)");
    }

    #[test]
    fn an_id_that_two_documents_give_fails_and_is_told_with_both() {
        let one = file(SPECS[0].0, "**F-101** One thing.\n");
        let other = file(SPECS[1].0, "**F-102** Another.\n**F-101** A third.\n");
        let found = cover(&[&one, &other], &[]).findings;
        let told: Vec<String> = found.iter().map(Finding::to_string).collect();
        assert_eq!(told, ["docs/local-files.md:2: gives F-101, which docs/format.md gives too"]);
    }

    #[test]
    fn a_citation_of_a_requirement_that_does_not_exist_fails() {
        let test = file("crates/a/tests/b.rs", "// F-101\n// See F-999.\n");
        let message =
            "crates/a/tests/b.rs:2: cites F-999, which docs/format.md does not have\n1 finding(s)";
        assert_eq!(concluded(TWO, &[test], &[]), message);
    }

    #[test]
    fn a_must_that_code_and_reference_cite_and_no_test_fails() {
        let message = "docs/format.md:2: F-101 says MUST and no test cites it\n1 finding(s)";
        for place in ["crates/a/src/b.rs", "crates/sv2-testkit/src/b.rs", "docs/security.md"] {
            assert_eq!(concluded(TWO, &[file(place, "// F-101\n")], &[]), message, "{place}");
        }
    }

    #[test]
    fn a_must_with_a_test_passes() {
        let test = file("crates/a/tests/b.rs", "// F-101\n");
        let note = concluded(TWO, std::slice::from_ref(&test), &[]);
        assert_eq!(note, "2 requirements, 1 of 1 MUST have a test");
        assert!(listing(&coverage(TWO, &[test])).contains("test      crates/a/tests/b.rs:1\n"));
    }

    #[test]
    fn an_exemption_is_told_and_has_to_be_needed_and_true() {
        let exemption = Exemption { id: "F-101", by: "docs/a.py", why: "so it is" };
        let python = file("docs/a.py", "# F-101\n");
        let note = concluded(TWO, std::slice::from_ref(&python), &[exemption]);
        assert_eq!(
            note,
            "2 requirements, 0 of 1 MUST have a test; F-101 is shown by docs/a.py alone: so it is"
        );
        let test = file("crates/a/tests/b.rs", "// F-101\n");
        let needless = concluded(TWO, &[python, test], &[exemption]);
        assert!(needless.contains("F-101 is shown by a test and needs no exemption"), "{needless}");
        let untrue = concluded(TWO, &[file("docs/c.py", "# F-101\n")], &[exemption]);
        assert!(untrue.contains("F-101 is not cited by docs/a.py"), "{untrue}");
    }

    #[test]
    fn an_argument_is_refused() {
        assert!(run(&["--strict".to_owned()]).is_err());
    }
}

//! Rules on source text that no compiler, formatter or lint holds; `docs/style.md` says why.

mod circles;
mod claims;
mod manifest;
mod markdown;
mod rust;
mod text;

use crate::report::{Finding, Outcome, settle};
use crate::workspace::{self, SourceFile};

/// The kinds of file that are looked at.
const EXTENSIONS: [&str; 4] = ["rs", "md", "toml", "py"];

/// Checks every file of the project; long files are only warned about until they are far too long.
pub(crate) fn check() -> Outcome {
    let files = workspace::sources(&EXTENSIONS)?;
    let packages = workspace::metadata()?.packages;
    let mut findings: Vec<Finding> = files.iter().flat_map(file_findings).collect();
    if let Some(root) = files.iter().find(|file| file.path == "Cargo.toml") {
        findings.extend(manifest::comment_findings(root));
    }
    findings.extend(manifest::package_findings(&packages, &files));
    findings.extend(circles::findings(&files));
    findings.extend(claims::findings(&files));
    let warnings: Vec<Finding> = files.iter().filter_map(rust::length_warning).collect();
    for warning in &warnings {
        println!("warning: {warning}");
    }
    settle(findings, format!("{} files hold, {} warning(s)", files.len(), warnings.len()))
}

fn file_findings(file: &SourceFile) -> Vec<Finding> {
    let mut findings = text::findings(file);
    if file.has_extension("rs") {
        findings.extend(rust::findings(file));
    }
    if file.has_extension("md") {
        findings.extend(markdown::findings(file));
    }
    findings
}

/// A file as tests write it.
#[cfg(test)]
fn sample(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

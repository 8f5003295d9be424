//! Manifests: a reason beside every dependency and member, and what a package needs to be published.

use crate::report::Finding;
use crate::workspace::{Package, SourceFile};

/// Finds members and dependencies of the root manifest that no comment explains.
///
/// A comment stands on the line itself or on the line above.
/// A dependency on a member is explained where the member is.
pub(super) fn comment_findings(root: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut section = "";
    let mut above = "";
    for (number, line) in root.text.lines().map(str::trim).enumerate() {
        if line.starts_with('[') {
            section = line;
        } else if line.starts_with("members") || line == "]" {
            section = if line == "]" { "" } else { "members" };
        } else if needs_comment(section, line) && !has_comment(above, line) {
            let message = format!("lacks a comment on what it is for: {line}");
            findings.push(Finding::new(&root.path, number + 1, message));
        }
        above = line;
    }
    findings
}

fn needs_comment(section: &str, line: &str) -> bool {
    match section {
        "members" => line.starts_with('"'),
        "[workspace.dependencies]" => {
            let names = line.contains('=') && !line.starts_with('#');
            names && !line.contains("path = \"")
        }
        _ => false,
    }
}

fn has_comment(above: &str, line: &str) -> bool {
    let text = |comment: &str| !comment.trim_start_matches('#').trim().is_empty();
    let beside = line.rsplit_once(" #").is_some_and(|(_, comment)| text(comment));
    beside || above.starts_with('#') && text(above)
}

/// Finds packages that lack a description, a licence or, among the crates, a README.
pub(super) fn package_findings(packages: &[Package], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let readme = format!("{}/README.md", package.folder);
        let has_readme =
            files.iter().any(|file| file.path == readme && !file.text.trim().is_empty());
        let rules = [
            (package.has_description, "lacks a description"),
            (package.has_license, "lacks a licence"),
            (has_readme || !package.folder.starts_with("crates/"), "lacks a README.md"),
        ];
        let broken = rules.into_iter().filter(|(holds, _)| !holds);
        findings.extend(broken.map(|(_, message)| Finding::new(&package.name, 0, message)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let findings = comment_findings(&sample("Cargo.toml", text));
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_member_without_a_comment_is_found() {
        let text = "[workspace]\nmembers = [\n  \"a\", # does a\n  \"b\",\n]\nexclude = [\"c\"]\n";
        assert_eq!(lines(text), [4]);
    }

    #[test]
    fn a_dependency_without_a_comment_is_found() {
        let text = "[workspace.dependencies]\n# Ours.\na = { path = \"a\" }\nb = { path = \"b\" }\n\
                    # Wipes keys.\nc = \"1\"\nd = \"1\"\ne = \"1\" # hashes\n#\nf = \"1\"\n\
                    [profile.dev]\ng = 1\n";
        assert_eq!(lines(text), [7, 10]);
    }

    #[test]
    fn a_package_without_description_licence_or_readme_is_found() {
        let package = |folder: &str, filled: bool| Package {
            name: "a".to_owned(),
            folder: folder.to_owned(),
            has_description: filled,
            has_license: filled,
            is_published: true,
            dependencies: Vec::new(),
        };
        let readme = [sample("crates/a/README.md", "# a\n")];
        assert_eq!(package_findings(&[package("crates/a", true)], &readme), []);
        assert_eq!(package_findings(&[package("crates/a", false)], &[]).len(), 3);
        assert_eq!(package_findings(&[package("xtask", true)], &[]), []);
    }
}

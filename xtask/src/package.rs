//! What a published crate carries: licences, a README, sources that build alone, and no keys.

use crate::report::{Failure, Finding, Outcome, settle};
use crate::{shell, workspace};
use std::fs;
use std::path::Path;

/// What every package holds; both licences ask for their text.
const NEEDED: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// What cannot build without crates that are not published.
const UNBUILDABLE: [&str; 3] = ["tests/", "benches/", "examples/"];
/// What a scanner for leaked secrets takes for one, in halves, so that this file is none.
const KEYS: [(&str, &str); 2] = [("PRIVATE KEY", "-----"), ("AGE-SECRET-KEY-", "1")];

/// Lists what each published crate would carry, and looks at it.
pub(crate) fn check() -> Outcome {
    let mut findings = Vec::new();
    let packages = workspace::metadata()?.packages;
    let published: Vec<_> = packages.iter().filter(|package| package.is_published).collect();
    for package in &published {
        let args = ["package", "--list", "--allow-dirty", "--quiet", "--package", &package.name];
        let listed = shell::read(shell::cargo(&args))?;
        let listed = String::from_utf8(listed).map_err(|error| Failure::new(error.to_string()))?;
        let files: Vec<&str> = listed.lines().collect();
        findings.extend(list_findings(&package.name, &files));
        let folder = workspace::root().join(&package.folder);
        findings.extend(key_findings(&package.folder, &folder, &files));
    }
    settle(findings, format!("{} crates can be published", published.len()))
}

fn list_findings(name: &str, files: &[&str]) -> Vec<Finding> {
    let lacking = NEEDED.iter().filter(|needed| !files.contains(needed));
    let lacking = lacking.map(|needed| Finding::new(name, 0, format!("carries no {needed}")));
    let unbuildable = files.iter().filter(|file| UNBUILDABLE.iter().any(|f| file.starts_with(f)));
    let unbuildable = unbuildable.map(|file| {
        Finding::new(name, 0, format!("carries {file}, which needs crates that are not published"))
    });
    lacking.chain(unbuildable).collect()
}

/// Files that hold something which looks like a secret key; those that cargo makes are not there.
fn key_findings(place: &str, folder: &Path, files: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let Ok(bytes) = fs::read(folder.join(file)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for (first, second) in KEYS {
            let mark = format!("{first}{second}");
            // A parser names the mark in quotes; a key goes on behind it.
            let is_key = text.match_indices(&mark).any(|(at, _)| {
                text[at + mark.len()..]
                    .starts_with(|next: char| next.is_alphanumeric() || next == '\n')
            });
            if is_key {
                let message = format!("holds what looks like a secret key ({first}...)");
                findings.push(Finding::new(&format!("{place}/{file}"), 0, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_licence_and_with_tests_is_found() {
        let files = ["LICENSE-MIT", "README.md", "src/lib.rs", "tests/it/main.rs"];
        let found = list_findings("sv2-x", &files);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        let test = "carries tests/it/main.rs, which needs crates that are not published";
        assert_eq!(messages, ["carries no LICENSE-APACHE", test]);
    }

    #[test]
    fn a_key_is_found_and_the_mark_of_one_is_not() -> Outcome<()> {
        let folder = workspace::root().join("target/xtask-test-package");
        fs::create_dir_all(&folder)?;
        let (first, second) = KEYS[1];
        fs::write(folder.join("key"), format!("{first}{second}QQQQ"))?;
        fs::write(folder.join("code"), format!("starts_with(\"{first}{second}\")"))?;
        let found = key_findings("x", &folder, &["key", "code", "absent"]);
        fs::remove_dir_all(&folder)?;
        assert_eq!(found.iter().map(|one| one.place.as_str()).collect::<Vec<_>>(), ["x/key"]);
        Ok(())
    }
}

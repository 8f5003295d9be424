//! Which crates depend on which, and how many source files that is.

use crate::workspace::{Kind, Package, SourceFile};
use std::collections::BTreeSet;

/// What a touch of one crate's library or program reaches in a build of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) name: String,
    /// The file that is touched: the root of its library or program, relative to the project's root.
    pub(super) root_file: String,
    /// Rust files in `src`.
    pub(super) sources: usize,
    /// Rust files in `tests`.
    pub(super) tests: usize,
    /// The crates that are rebuilt: itself, and all that depend on it, directly or not.
    pub(super) rebuilt: Vec<String>,
    /// Rust files in `src` of all of them.
    pub(super) files: usize,
}

/// The reach of every crate of the workspace, in the order of the manifest.
pub(super) fn of_all(packages: &[Package], files: &[SourceFile]) -> Vec<Reach> {
    let reach = |package: &Package| {
        let rebuilt = dependents(packages, &package.name);
        let is_rebuilt = |other: &&Package| rebuilt.contains(other.name.as_str());
        let rebuilt_files =
            packages.iter().filter(is_rebuilt).map(|other| count(other, "src", files));
        let library = format!("{}/src/lib.rs", package.folder);
        let has_library = files.iter().any(|file| file.path == library);
        let program = format!("{}/src/main.rs", package.folder);
        Reach {
            name: package.name.clone(),
            root_file: if has_library { library } else { program },
            sources: count(package, "src", files),
            tests: count(package, "tests", files),
            files: rebuilt_files.sum(),
            rebuilt: rebuilt.into_iter().map(str::to_owned).collect(),
        }
    };
    packages.iter().map(reach).collect()
}

fn count(package: &Package, folder: &str, files: &[SourceFile]) -> usize {
    let start = format!("{}/{folder}/", package.folder);
    files.iter().filter(|file| file.path.starts_with(&start)).count()
}

/// A crate and everything above it; what only tests use is not built with a crate.
fn dependents<'a>(packages: &'a [Package], name: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([name]);
    let mut open = vec![name];
    while let Some(below) = open.pop() {
        for package in packages {
            let names = |(kind, dependency): &(Kind, String)| {
                *kind != Kind::Dev && dependency.as_str() == below
            };
            if package.dependencies.iter().any(names) && found.insert(&package.name) {
                open.push(&package.name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(Kind, &str)]) -> Package {
        Package {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            has_description: true,
            has_license: true,
            is_published: true,
            dependencies: dependencies
                .iter()
                .map(|&(kind, name)| (kind, name.to_owned()))
                .collect(),
        }
    }

    fn file(path: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: String::new() }
    }

    #[test]
    fn a_touch_reaches_what_stands_above_and_not_what_only_tests_with_it() {
        let packages = [
            package("low", &[]),
            package("middle", &[(Kind::Normal, "low")]),
            package("high", &[(Kind::Normal, "middle")]),
            package("kit", &[(Kind::Dev, "low")]),
        ];
        let files = [
            file("crates/low/src/lib.rs"),
            file("crates/low/tests/it/main.rs"),
            file("crates/middle/src/lib.rs"),
            file("crates/middle/src/a.rs"),
            file("crates/high/src/main.rs"),
            file("crates/kit/src/lib.rs"),
        ];
        let reaches = of_all(&packages, &files);
        let low = &reaches[0];
        assert_eq!(low.rebuilt, ["high", "low", "middle"]);
        assert_eq!((low.sources, low.tests, low.files), (1, 1, 4));
        assert_eq!(reaches[2].root_file, "crates/high/src/main.rs");
        assert_eq!(reaches[3].rebuilt, ["kit"]);
    }
}

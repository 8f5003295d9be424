//! Circles of imports between the files of a crate: whoever reads one of such files must read all.
//!
//! A file and the files in its folder may name one another; a circle of any others is a finding.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::Finding;
use crate::rust_text;
use crate::workspace::SourceFile;

/// The crates whose files are looked at.
const FOLDERS: [&str; 2] = ["crates/sv2-cli/src/", "crates/sv2-core/src/"];

/// A file as the path of its module.
type Module = Vec<String>;

/// Finds the files that can be reached from themselves.
pub(super) fn findings(files: &[SourceFile]) -> Vec<Finding> {
    FOLDERS.iter().flat_map(|folder| of_crate(files, folder)).collect()
}

fn of_crate(files: &[SourceFile], folder: &str) -> Vec<Finding> {
    let mut modules = BTreeMap::new();
    for file in files.iter().filter(|file| file.has_extension("rs")) {
        if let Some(name) = file.path.strip_prefix(folder) {
            modules.insert(module_of(name), file);
        }
    }
    let edges: BTreeMap<&Module, BTreeSet<&Module>> = modules
        .iter()
        .map(|(module, file)| {
            let named = imports(module, &file.text).into_iter().filter_map(|path| {
                let (found, _) = nearest(&modules, path)?;
                (found != module && !are_family(found, module)).then_some(found)
            });
            (module, named.collect())
        })
        .collect();
    let in_circle = edges.keys().filter(|module| reached(&edges, module).contains(*module));
    in_circle
        .map(|module| {
            let others =
                edges[*module].iter().filter(|other| reached(&edges, other).contains(*module));
            let names: Vec<String> = others.map(|other| other.join("::")).collect();
            let message = format!("is in a circle of imports with {}", names.join(", "));
            Finding::new(&modules[*module].path, 1, message)
        })
        .collect()
}

/// The module of a file, by its path in the folder of sources; that of the root is empty.
fn module_of(name: &str) -> Module {
    match name.trim_end_matches(".rs") {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// Whether one file lies in the folder of the other.
fn are_family(one: &Module, other: &Module) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The file that a path of names leads to.
fn nearest<T>(modules: &BTreeMap<Module, T>, mut path: Module) -> Option<(&Module, &T)> {
    while !path.is_empty() {
        if let Some(found) = modules.get_key_value(&path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// Everything that can be reached from a file.
fn reached<'a>(
    edges: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
    from: &Module,
) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Module> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(edges.get(module).into_iter().flatten().copied());
        }
    }
    found
}

/// The paths that a file names outside its tests, from the root of its crate.
fn imports(module: &Module, text: &str) -> Vec<Module> {
    let masked = rust_text::mask(text);
    let product = masked.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut paths = Vec::new();
    for (start, depth) in [("crate::", None), ("super::", Some(1)), ("self::", Some(0))] {
        for (at, _) in product.match_indices(start) {
            // Only where the path begins: `pub(in crate::x)` and `super::super::` are rare.
            if product[..at].ends_with("::") {
                continue;
            }
            let base = match depth {
                None => Vec::new(),
                Some(up) => module[..module.len().saturating_sub(up)].to_vec(),
            };
            expand(base, &product[at + start.len()..], &mut paths);
        }
    }
    paths
}

/// Adds the paths of one use, whose tree may branch.
fn expand(base: Module, tree: &str, paths: &mut Vec<Module>) {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut path = base;
    let mut rest = tree;
    loop {
        if let Some(inner) = rest.strip_prefix('{') {
            for branch in branches(inner) {
                expand(path.clone(), branch, paths);
            }
            return;
        }
        let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if len > 0 {
            path.push(rest[..len].to_owned());
        }
        rest = &rest[len..];
        match rest.strip_prefix("::") {
            Some(more) => rest = more,
            None => break,
        }
    }
    paths.push(path);
}

/// The branches of a tree, up to the brace that closes it.
fn branches(inner: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(inner[from..at].trim());
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(inner[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(name, text)| sample(&format!("crates/sv2-cli/src/{name}.rs"), text))
            .collect();
        findings(&files).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn a_circle_of_files_is_found_and_a_family_is_none() {
        let ring = [
            ("a", "use crate::{x::Y, b::{self, C}};\n"),
            ("b", "fn f() { crate::c::run() }\n"),
            ("c", "use super::a;\n"),
            ("d", "use crate::a;\n"),
        ];
        assert_eq!(circles(&ring).len(), 3);
        let family = [
            ("a", "mod b;\nuse self::b::B;\n"),
            ("a/b", "use super::A;\nuse crate::c;\n"),
            (
                "c",
                "// crate::a\nconst TEXT: &str = \"crate::a\";\n#[cfg(test)]\nmod tests { use crate::a; }\n",
            ),
        ];
        assert_eq!(circles(&family), [""; 0]);
    }
}

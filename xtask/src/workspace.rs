//! The project on disk: its root, its text files, its packages and their resolved dependencies.

use crate::report::{Failure, Outcome};
use crate::shell;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Folders that hold no source of ours, by name.
const SKIPPED_FOLDERS: [&str; 6] =
    ["target", "corpus", "artifacts", "coverage", "shared", "__pycache__"];
/// Folders that begin with a dot and do hold sources of ours.
const DOT_FOLDERS: [&str; 3] = [".cargo", ".ci", ".config"];

/// The folder that holds the root manifest.
pub(crate) fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let parent = manifest.as_deref().and_then(Path::parent).map(Path::to_owned);
    parent.unwrap_or_else(|| PathBuf::from("."))
}

/// A text file of the project.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
    }
}

/// All files of the project with one of these extensions, in order of path.
///
/// # Errors
///
/// Fails on a folder or file that cannot be read, and on one that is not UTF-8.
pub(crate) fn sources(extensions: &[&str]) -> Outcome<Vec<SourceFile>> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() && is_ours(&name) {
                folders.push(entry.path());
            } else if kind.is_file() && extensions.iter().any(|wanted| ends_in(&name, wanted)) {
                files.push(read_source(&root, &entry.path())?);
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn is_ours(folder: &str) -> bool {
    let hidden = folder.starts_with('.') && !DOT_FOLDERS.contains(&folder);
    !hidden && !SKIPPED_FOLDERS.contains(&folder)
}

fn ends_in(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

fn read_source(root: &Path, path: &Path) -> Outcome<SourceFile> {
    let shown = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let text =
        fs::read_to_string(path).map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    Ok(SourceFile { path: shown, text })
}

/// Which build needs a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

/// A package of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest, relative to the root.
    pub(crate) folder: String,
    pub(crate) has_description: bool,
    pub(crate) has_license: bool,
    pub(crate) is_published: bool,
    /// What its manifest names, optional dependencies included.
    pub(crate) dependencies: Vec<(Kind, String)>,
}

/// The resolved dependencies of every package, by package name, all features on.
///
/// Versions of one package are one node: for the question who reaches whom that errs on the strict
/// side.
pub(crate) type Graph = BTreeMap<String, Vec<(Kind, String)>>;

/// The packages of the workspace and the graph below them.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) graph: Graph,
}

/// Asks cargo for the packages and the resolved graph with all features, for all platforms.
///
/// # Errors
///
/// Fails when cargo does, or when its answer lacks what is needed.
pub(crate) fn metadata() -> Outcome<Metadata> {
    let json = shell::read(shell::cargo(&["metadata", "--format-version=1", "--all-features"]))?;
    let value: Value = serde_json::from_slice(&json)
        .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    parse_metadata(&value).ok_or_else(|| Failure::new("cargo metadata: a field is missing"))
}

fn parse_metadata(value: &Value) -> Option<Metadata> {
    let root = value["workspace_root"].as_str()?;
    let members = value["workspace_members"].as_array()?;
    let mut names = BTreeMap::new();
    let mut packages = Vec::new();
    for package in value["packages"].as_array()? {
        names.insert(package["id"].as_str()?, package["name"].as_str()?);
        if members.contains(&package["id"]) {
            packages.push(parse_package(package, root)?);
        }
    }
    let mut graph = Graph::new();
    for node in value["resolve"]["nodes"].as_array()? {
        let edges = graph.entry((*names.get(node["id"].as_str()?)?).to_owned()).or_default();
        for dependency in node["deps"].as_array()? {
            let target = *names.get(dependency["pkg"].as_str()?)?;
            for kind in dependency["dep_kinds"].as_array()? {
                edges.push((parse_kind(&kind["kind"])?, target.to_owned()));
            }
        }
    }
    Some(Metadata { packages, graph })
}

fn parse_package(package: &Value, root: &str) -> Option<Package> {
    let folder = package["manifest_path"].as_str()?.strip_suffix("/Cargo.toml")?;
    let mut dependencies = Vec::new();
    for dependency in package["dependencies"].as_array()? {
        let name = dependency["name"].as_str()?.to_owned();
        dependencies.push((parse_kind(&dependency["kind"])?, name));
    }
    Some(Package {
        name: package["name"].as_str()?.to_owned(),
        folder: folder.strip_prefix(root)?.trim_start_matches('/').to_owned(),
        has_description: package["description"].as_str().is_some_and(|text| !text.is_empty()),
        has_license: package["license"].as_str().is_some_and(|text| !text.is_empty()),
        is_published: package["publish"].is_null(),
        dependencies,
    })
}

fn parse_kind(kind: &Value) -> Option<Kind> {
    match kind.as_str() {
        None => Some(Kind::Normal),
        Some("dev") => Some(Kind::Dev),
        Some("build") => Some(Kind::Build),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sources_of_ours_are_found_and_build_output_is_not() {
        let files = sources(&["rs", "toml"]).unwrap_or_else(|failure| panic!("{failure}"));
        let has = |path: &str| files.iter().any(|file| file.path == path);
        assert!(has("xtask/src/workspace.rs"));
        assert!(has(".config/nextest.toml"));
        assert!(!files.iter().any(|file| file.path.starts_with("target/")));
    }

    #[test]
    fn metadata_gives_members_with_what_they_name_and_the_graph_of_all() {
        let value = json!({
            "workspace_root": "/w",
            "workspace_members": ["a 1"],
            "packages": [
                {"id": "a 1", "name": "a", "manifest_path": "/w/crates/a/Cargo.toml",
                 "description": "", "license": "MIT",
                 "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
                {"id": "b 2", "name": "b"},
            ],
            "resolve": {"nodes": [
                {"id": "a 1", "deps": [{"pkg": "b 2", "dep_kinds": [{"kind": "build"}]}]},
            ]},
        });
        let metadata = parse_metadata(&value).unwrap_or_default();
        let package = &metadata.packages[0];
        assert_eq!(package.folder, "crates/a");
        assert!(package.has_license && !package.has_description);
        let named = [(Kind::Normal, "b".to_owned()), (Kind::Dev, "c".to_owned())];
        assert_eq!(package.dependencies, named);
        assert_eq!(metadata.graph["a"], [(Kind::Build, "b".to_owned())]);
    }
}

//! The layers: which crate may name which, held against `cargo metadata` both ways.
//!
//! The same table is in `docs/architecture.md`, section "Layers are crates"; a change belongs in both.
//! A dependency that is not in the table fails, and so does a line of the table that no manifest has.

use crate::report::{Finding, Outcome, settle};
use crate::workspace::{self, Graph, Kind, Metadata, Package, SourceFile};
use crate::{rust_text, shell, workspace::sources};
use std::collections::{BTreeMap, BTreeSet};

/// Whether a crate may name a file, a thread or a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    /// `#![no_std]`: it cannot.
    Alloc,
    Std,
}

/// One line of the table.
struct Layer {
    name: &'static str,
    library: Library,
    /// Exactly these direct dependencies, optional ones included.
    dependencies: &'static [&'static str],
    /// Crates of others that it is built from on Linux with all features: each is somebody more who
    /// is trusted.
    external: usize,
}

const fn layer(
    name: &'static str,
    library: Library,
    external: usize,
    dependencies: &'static [&'static str],
) -> Layer {
    Layer { name, library, dependencies, external }
}

/// Every layer with a fixed set of dependencies, lowest first.
const LAYERS: &[Layer] = &[
    layer("sv2-crc", Library::Alloc, 7, &["crc-fast"]),
    layer("sv2-headers", Library::Alloc, 13, &["sv2-crc", "thiserror"]),
    layer("sv2-framing", Library::Alloc, 13, &["sv2-crc", "sv2-headers", "thiserror"]),
    layer(
        "sv2-parity",
        Library::Std,
        18,
        &["reed-solomon-simd", "sv2-crc", "sv2-framing", "sv2-headers", "thiserror"],
    ),
    layer(
        "sv2-crypto",
        Library::Alloc,
        35,
        &["aws-lc-rs", "blake3", "ring", "sv2-headers", "thiserror", "zeroize"],
    ),
    layer("sv2-frame-worker", Library::Alloc, 28, &["sv2-crypto", "sv2-framing", "thiserror"]),
    layer(
        "sv2-segment-worker",
        Library::Alloc,
        29,
        &["bytes", "sv2-crypto", "sv2-frame-worker", "sv2-framing", "sv2-headers", "thiserror"],
    ),
    layer(
        "sv2-stream",
        Library::Alloc,
        36,
        &[
            "sv2-crypto",
            "sv2-frame-worker",
            "sv2-framing",
            "sv2-headers",
            "sv2-segment-worker",
            "thiserror",
        ],
    ),
    layer(
        "sv2-pipeline",
        Library::Std,
        31,
        &["bytes", "crossbeam-channel", "sv2-segment-worker", "thiserror"],
    ),
    layer(
        "sv2-core",
        Library::Std,
        44,
        &[
            "bytes",
            "rustix",
            "sv2-crypto",
            "sv2-framing",
            "sv2-headers",
            "sv2-pipeline",
            "sv2-segment-worker",
            "sv2-stream",
            "tempfile",
            "thiserror",
        ],
    ),
    layer(
        "sv2-keys",
        Library::Std,
        177,
        &["age", "sv2-crypto", "sv2-headers", "thiserror", "unicode-normalization"],
    ),
];

/// A crate whose set of dependencies is open, but for what it needs and what it must not know.
struct Outer {
    name: &'static str,
    required: &'static [&'static str],
    forbidden: &'static [&'static str],
}

/// The program, the reference implementation and the tools.
const OUTER: &[Outer] = &[
    Outer {
        name: "sv2-cli",
        required: &["sv2-core", "sv2-keys", "sv2-parity"],
        forbidden: &["aws-lc-rs", "ring", "sv2-framing", "sv2-frame-worker", "sv2-segment-worker"],
    },
    Outer {
        name: "sv2-testkit",
        required: &[],
        // The reference shares neither layers nor primitives with what it judges.
        forbidden: &[
            "aws-lc-rs",
            "crc-fast",
            "ring",
            "sv2-cli",
            "sv2-core",
            "sv2-crypto",
            "sv2-frame-worker",
            "sv2-framing",
            "sv2-headers",
            "sv2-keys",
            "sv2-parity",
            "sv2-pipeline",
            "sv2-segment-worker",
            "sv2-stream",
        ],
    },
    // Its channels and threads are the model checker's.
    Outer {
        name: "sv2-model",
        required: &["shuttle", "sv2-segment-worker"],
        forbidden: &["crossbeam-channel", "sv2-pipeline"],
    },
    Outer {
        name: "sv2-formats",
        required: &["sv2-core"],
        forbidden: &["aws-lc-rs", "ring", "sv2-framing", "sv2-frame-worker", "sv2-segment-worker"],
    },
    Outer { name: "sv2-fuzz-bodies", required: &[], forbidden: &[] },
];

/// The crates below which no runtime and no interpreter is found, in tests neither.
const INNER: [&str; 10] = [
    "sv2-crc",
    "sv2-headers",
    "sv2-framing",
    "sv2-parity",
    "sv2-crypto",
    "sv2-frame-worker",
    "sv2-segment-worker",
    "sv2-stream",
    "sv2-pipeline",
    "sv2-core",
];

/// What is kept out of the inner crates' closures.
const RUNTIMES: [&str; 4] = ["async-std", "pyo3", "pyo3-ffi", "tokio"];

/// The crate and the file that may hold one unsafe block: the call of the checksum's kernel.
const UNSAFE: (&str, &str) = ("sv2-crc", "crates/sv2-crc/src/kernel/wide.rs");

/// Checks dependencies, `no_std`, closures and lints of the whole workspace.
pub(crate) fn check() -> Outcome {
    let metadata = workspace::metadata()?;
    let files = sources(&["rs", "toml"])?;
    let mut findings = table_findings(&metadata.packages);
    findings.extend(closure_findings(&metadata.graph));
    findings.extend(budget_findings()?);
    findings.extend(library_findings(&metadata, &files));
    findings.extend(lint_findings(&metadata.packages, &files));
    let crates = metadata.packages.len();
    settle(
        findings,
        format!("{} layers and {} outer crates of {crates} hold", LAYERS.len(), OUTER.len()),
    )
}

fn table_findings(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for layer in LAYERS {
        let Some(package) = packages.iter().find(|package| package.name == layer.name) else {
            findings.push(Finding::new(layer.name, 0, "is in the table but not in the workspace"));
            continue;
        };
        let allowed: BTreeSet<&str> = layer.dependencies.iter().copied().collect();
        let found = named(package, &[Kind::Normal]);
        for name in found.difference(&allowed) {
            let message = format!("names {name}, which its layer does not allow");
            findings.push(Finding::new(layer.name, 0, message));
        }
        for name in allowed.difference(&found) {
            let message = format!("no longer names {name}, which the table says it needs");
            findings.push(Finding::new(layer.name, 0, message));
        }
        for name in named(package, &[Kind::Build]) {
            findings.push(Finding::new(layer.name, 0, format!("has the build dependency {name}")));
        }
        findings.extend(upward_tests(package));
    }
    for package in packages.iter().filter(|package| package.name.starts_with("sv2-")) {
        findings.extend(outer_findings(package));
    }
    findings
}

/// A layer's tests may use the layer itself with other features, the layers below it and the test
/// kit, or they would build the whole.
fn upward_tests(package: &Package) -> Vec<Finding> {
    let below = LAYERS.iter().take_while(|layer| layer.name != package.name);
    let below: BTreeSet<&str> = below.map(|layer| layer.name).collect();
    named(package, &[Kind::Dev])
        .into_iter()
        .filter(|name| name.starts_with("sv2-") && *name != "sv2-testkit" && *name != package.name)
        .filter(|name| !below.contains(name))
        .map(|name| Finding::new(&package.name, 0, format!("its tests name {name}, a layer above")))
        .collect()
}

fn outer_findings(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    if LAYERS.iter().any(|layer| layer.name == name) {
        return Vec::new();
    }
    let Some(outer) = OUTER.iter().find(|outer| outer.name == name) else {
        return vec![Finding::new(name, 0, "is a crate of ours that the table of layers lacks")];
    };
    let found = named(package, &[Kind::Normal, Kind::Build]);
    let mut findings = Vec::new();
    for forbidden in outer.forbidden.iter().chain(&RUNTIMES).filter(|name| found.contains(*name)) {
        findings.push(Finding::new(name, 0, format!("names {forbidden}, which it must not know")));
    }
    for required in outer.required.iter().filter(|name| !found.contains(*name)) {
        findings.push(Finding::new(name, 0, format!("does not name {required}")));
    }
    findings
}

fn named<'a>(package: &'a Package, kinds: &[Kind]) -> BTreeSet<&'a str> {
    let wanted = package.dependencies.iter().filter(|(kind, _)| kinds.contains(kind));
    wanted.map(|(_, name)| name.as_str()).collect()
}

fn closure_findings(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for root in INNER {
        let reached = reached_from(graph, root);
        for runtime in RUNTIMES {
            if let Some(chain) = chain(&reached, runtime) {
                findings.push(Finding::new(root, 0, format!("reaches {runtime}: {chain}")));
            }
        }
    }
    findings
}

/// Holds the number of external crates of each layer: one more is a decision, and one fewer is a
/// budget that nobody keeps.
fn budget_findings() -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    for layer in LAYERS {
        // A tree of its own for each, since the workspace as a whole turns on more features.
        let tree = shell::read(shell::cargo(&[
            "tree",
            "--package",
            layer.name,
            "--all-features",
            "--target=x86_64-unknown-linux-gnu",
            "--edges=normal,build",
            "--prefix=none",
        ]))?;
        let tree = String::from_utf8_lossy(&tree);
        findings.extend(over_budget(layer.name, layer.external, &external(&tree)));
    }
    Ok(findings)
}

fn over_budget(name: &str, budget: usize, found: &BTreeSet<&str>) -> Option<Finding> {
    let all = found.iter().copied().collect::<Vec<_>>().join(", ");
    let message = match found.len() {
        count if count == budget => return None,
        count => format!("is built from {count} external crates and may from {budget}: {all}"),
    };
    Some(Finding::new(name, 0, message))
}

/// The crates of others, with their versions, in a tree as cargo prints it.
fn external(tree: &str) -> BTreeSet<&str> {
    let lines = tree.lines().filter(|line| !line.is_empty() && !line.starts_with("sv2-"));
    // Behind the version stand marks of repetition and of proc macros.
    let name_and_version = |line: &'_ str| line.match_indices(' ').nth(1).map(|(at, _)| at);
    lines.map(|line| &line[..name_and_version(line).unwrap_or(line.len())]).collect()
}

/// Every package below `root`, each with the one through which it was first reached.
///
/// The root's own dev-dependencies count; those of packages below it are never built.
fn reached_from<'a>(graph: &'a Graph, root: &'a str) -> BTreeMap<&'a str, &'a str> {
    let mut reached = BTreeMap::from([(root, root)]);
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        for (kind, target) in graph.get(at).into_iter().flatten() {
            let is_built = *kind != Kind::Dev || at == root;
            if is_built && !reached.contains_key(target.as_str()) {
                reached.insert(target, at);
                open.push(target);
            }
        }
    }
    reached
}

fn chain(reached: &BTreeMap<&str, &str>, target: &str) -> Option<String> {
    let (&last, _) = reached.get_key_value(target)?;
    let mut names = vec![last];
    let mut at = last;
    while reached[at] != at {
        at = reached[at];
        names.push(at);
    }
    names.reverse();
    Some(names.join(" -> "))
}

fn library_findings(metadata: &Metadata, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for layer in LAYERS.iter().filter(|layer| layer.library == Library::Alloc) {
        let package = metadata.packages.iter().find(|package| package.name == layer.name);
        let Some(package) = package else { continue };
        let folder = format!("{}/src/", package.folder);
        let root = format!("{folder}lib.rs");
        for file in files.iter().filter(|file| file.path.starts_with(&folder)) {
            let masked = rust_text::mask(&file.text);
            if file.path == root && !masked.lines().any(|line| line.trim() == "#![no_std]") {
                findings.push(Finding::new(&root, 0, "lacks #![no_std]"));
            }
            findings.extend(std_findings(&file.path, &masked));
        }
        if !files.iter().any(|file| file.path == root) {
            findings.push(Finding::new(&root, 0, "is missing"));
        }
    }
    findings
}

/// `extern crate std` would undo `no_std`; only tests and the feature `std` may say it.
fn std_findings(path: &str, masked: &str) -> Vec<Finding> {
    // The mask blanks the feature's name.
    let lines: Vec<String> = masked.lines().map(|line| line.replace(' ', "")).collect();
    let is_found = |number: usize| {
        let gates = ["#[cfg(test)]", "#[cfg(feature=)]"];
        let is_gated = number > 0 && gates.contains(&lines[number - 1].as_str());
        lines[number].starts_with("externcratestd") && !is_gated
    };
    let found = (0..lines.len()).filter(|&number| is_found(number));
    found.map(|number| Finding::new(path, number + 1, "brings std back outside of tests")).collect()
}

fn lint_findings(packages: &[Package], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let has = |path: &str, section: &str, entry: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.is_some_and(|file| section_has(&file.text, section, entry))
    };
    if !has("Cargo.toml", "[workspace.lints.rust]", "unsafe_code = \"forbid\"") {
        findings.push(Finding::new("Cargo.toml", 0, "does not forbid unsafe code"));
    }
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        if package.name == UNSAFE.0 {
            if !has(&manifest, "[lints.rust]", "unsafe_code = \"deny\"") {
                findings.push(Finding::new(&manifest, 0, "does not deny unsafe code"));
            }
        } else if !has(&manifest, "[lints]", "workspace = true") {
            let message = "lacks `workspace = true` under [lints], and with it forbid(unsafe_code)";
            findings.push(Finding::new(&manifest, 0, message));
        }
    }
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && file.path != UNSAFE.1) {
        if rust_text::mask(&file.text).contains("allow(unsafe_code") {
            findings.push(Finding::new(&file.path, 0, "allows unsafe code"));
        }
    }
    let kernel =
        files.iter().find(|file| file.path == UNSAFE.1).map(|file| rust_text::mask(&file.text));
    if let Some(places @ 2..) = kernel.map(|text| text.matches("unsafe {").count()) {
        findings.push(Finding::new(UNSAFE.1, 0, format!("has {places} unsafe blocks, not one")));
    }
    findings
}

/// Whether a section of a manifest holds exactly this entry on a line.
fn section_has(manifest: &str, section: &str, entry: &str) -> bool {
    let lines = manifest.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
    lines.take_while(|line| !line.starts_with('[')).any(|line| line == entry)
}

#[cfg(test)]
mod tests;

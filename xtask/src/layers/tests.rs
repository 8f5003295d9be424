//! Each rule of the layers, broken once.

use super::*;

fn package(name: &str, normal: &[&str]) -> Package {
    Package {
        name: name.to_owned(),
        folder: format!("crates/{name}"),
        has_description: true,
        has_license: true,
        is_published: true,
        dependencies: normal.iter().map(|name| (Kind::Normal, (*name).to_owned())).collect(),
    }
}

/// A workspace in which every rule of the table holds.
fn good() -> Vec<Package> {
    let layers = LAYERS.iter().map(|layer| package(layer.name, layer.dependencies));
    let outer = OUTER.iter().map(|outer| package(outer.name, outer.required));
    layers.chain(outer).collect()
}

/// The messages after one more dependency of one package.
fn messages_with(name: &str, kind: Kind, dependency: &str) -> Vec<String> {
    let mut packages = good();
    for package in packages.iter_mut().filter(|package| package.name == name) {
        package.dependencies.push((kind, dependency.to_owned()));
    }
    table_findings(&packages).into_iter().map(|finding| finding.to_string()).collect()
}

fn graph(edges: &[(&str, Kind, &str)]) -> Graph {
    let mut graph = Graph::new();
    for (from, kind, to) in edges {
        graph.entry((*from).to_owned()).or_default().push((*kind, (*to).to_owned()));
    }
    graph
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn a_workspace_as_the_table_says_has_no_findings() {
    assert_eq!(table_findings(&good()), []);
}

#[test]
fn a_dependency_that_the_table_lacks_is_found() {
    let messages = messages_with("sv2-framing", Kind::Normal, "ring");
    assert_eq!(messages, ["sv2-framing: names ring, which its layer does not allow"]);
}

#[test]
fn a_line_of_the_table_that_no_manifest_has_is_found() {
    let mut packages = good();
    for package in packages.iter_mut().filter(|package| package.name == "sv2-headers") {
        package.dependencies.clear();
    }
    let messages: Vec<String> =
        table_findings(&packages).iter().map(|finding| finding.message.clone()).collect();
    let needs = |name: &str| format!("no longer names {name}, which the table says it needs");
    assert_eq!(messages, [needs("sv2-crc"), needs("thiserror")]);
}

#[test]
fn a_layer_that_is_gone_and_a_crate_that_nobody_placed_are_found() {
    let mut packages = good();
    packages.retain(|package| package.name != "sv2-core");
    packages.push(package("sv2-new", &[]));
    let places: Vec<String> =
        table_findings(&packages).into_iter().map(|finding| finding.place).collect();
    assert_eq!(places, ["sv2-core", "sv2-new"]);
}

#[test]
fn build_dependencies_of_layers_are_found() {
    let messages = messages_with("sv2-crypto", Kind::Build, "cc");
    assert_eq!(messages, ["sv2-crypto: has the build dependency cc"]);
}

#[test]
fn tests_may_use_lower_layers_and_the_test_kit_but_not_higher_ones() {
    let none: [&str; 0] = [];
    assert_eq!(messages_with("sv2-framing", Kind::Dev, "sv2-headers"), none);
    assert_eq!(messages_with("sv2-framing", Kind::Dev, "sv2-testkit"), none);
    assert_eq!(messages_with("sv2-framing", Kind::Dev, "proptest"), none);
    assert_eq!(messages_with("sv2-framing", Kind::Dev, "sv2-framing"), none);
    let messages = messages_with("sv2-framing", Kind::Dev, "sv2-core");
    assert_eq!(messages, ["sv2-framing: its tests name sv2-core, a layer above"]);
}

#[test]
fn the_program_and_the_test_kit_are_held_to_what_they_must_not_know() {
    assert_eq!(messages_with("sv2-cli", Kind::Normal, "ring").len(), 1);
    assert_eq!(messages_with("sv2-cli", Kind::Normal, "tokio").len(), 1);
    assert_eq!(messages_with("sv2-testkit", Kind::Normal, "sv2-headers").len(), 1);
    assert!(messages_with("sv2-cli", Kind::Normal, "clap").is_empty());
}

#[test]
fn a_runtime_is_found_at_any_depth_with_the_way_to_it() {
    let graph = graph(&[
        ("sv2-core", Kind::Normal, "middle"),
        ("middle", Kind::Build, "deep"),
        ("deep", Kind::Normal, "tokio"),
    ]);
    let findings = closure_findings(&graph);
    let message = "reaches tokio: sv2-core -> middle -> deep -> tokio";
    assert_eq!(findings, [Finding::new("sv2-core", 0, message)]);
}

#[test]
fn own_test_dependencies_count_and_those_of_others_do_not() {
    let own = graph(&[("sv2-headers", Kind::Dev, "pyo3")]);
    assert_eq!(closure_findings(&own).len(), 1);
    let others =
        graph(&[("sv2-headers", Kind::Normal, "other"), ("other", Kind::Dev, "async-std")]);
    assert_eq!(closure_findings(&others), []);
}

#[test]
fn a_layer_without_no_std_is_found_even_where_a_comment_says_it() {
    let metadata = Metadata { packages: vec![package("sv2-headers", &[])], ..Metadata::default() };
    let path = "crates/sv2-headers/src/lib.rs";
    let found = |text: &str| library_findings(&metadata, &[file(path, text)]).len();
    assert_eq!(found("//! x\n#![no_std]\n"), 0);
    assert_eq!(found("//! #![no_std]\n// #![no_std]\n"), 1);
    assert_eq!(found("#![cfg_attr(not(test), no_std)]\n"), 1);
    assert_eq!(found("#![no_std]\nextern crate std;\n"), 1);
    assert_eq!(found("#![no_std]\n#[cfg(test)]\nextern crate std;\n"), 0);
}

#[test]
fn unsafe_code_is_found_outside_of_its_one_place_and_twice_in_it() {
    let root = file("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n");
    let denies = file("crates/sv2-crc/Cargo.toml", "[lints.rust]\nunsafe_code = \"deny\"\n");
    let packages = [package(UNSAFE.0, &[])];
    let found = |files: &[SourceFile]| lint_findings(&packages, files).len();
    let once = "#[allow(unsafe_code)]\nunsafe { call() }\n";
    assert_eq!(found(&[root.clone(), denies.clone(), file(UNSAFE.1, once)]), 0);
    let twice = once.repeat(2);
    assert_eq!(found(&[root.clone(), denies.clone(), file(UNSAFE.1, &twice)]), 1);
    assert_eq!(found(&[root.clone(), denies, file("crates/sv2-crc/src/lib.rs", once)]), 1);
    let allows = file("crates/sv2-crc/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n");
    assert_eq!(found(&[root, allows]), 1);
}

#[test]
fn a_manifest_that_does_not_take_the_lints_is_found() {
    let packages = [package("a", &[])];
    let root = file("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n");
    let with = file("crates/a/Cargo.toml", "[lints]\nworkspace = true\n");
    let without = file("crates/a/Cargo.toml", "[lints]\n[other]\nworkspace = true\n");
    assert_eq!(lint_findings(&packages, &[root.clone(), with.clone()]), []);
    assert_eq!(lint_findings(&packages, &[root, without]).len(), 1);
    assert_eq!(lint_findings(&packages, &[with]).len(), 1);
}

#[test]
fn one_external_crate_more_than_the_budget_and_one_fewer_are_found() {
    let tree = "sv2-crc v0.1.0 (/w)\ncrc-fast v1.10.0\nspin v0.10.0\nspin v0.10.0 (*)\n\
                digest v0.11.3 (proc-macro)\nspin v0.9.8\n";
    let found = external(tree);
    assert_eq!(
        found.iter().copied().collect::<Vec<_>>(),
        ["crc-fast v1.10.0", "digest v0.11.3", "spin v0.10.0", "spin v0.9.8"]
    );
    assert_eq!(over_budget("sv2-crc", 4, &found), None);
    for budget in [3, 5] {
        let finding = over_budget("sv2-crc", budget, &found).expect("it is another number");
        assert!(finding.to_string().contains("4 external crates"), "{finding}");
    }
}

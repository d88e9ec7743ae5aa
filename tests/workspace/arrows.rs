//! The dependency arrows of docs/ARCHITECTURE.md, read off `cargo metadata`.

use crate::sources::rust_files;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What each crate of the workspace may use of the workspace, and of heavy outside crates. Dev-dependencies are free.
const ALLOWED: &[(&str, &[&str])] = &[
    ("atoll-proto-build", &[]),
    ("atoll-api", &[]),
    ("atoll-internal-api", &["atoll-api"]),
    ("atoll-rpc", &["atoll-api"]),
    ("atoll-object-store", &[]),
    ("atoll-sqlite", &[]),
    ("atoll-secret", &[]),
    ("atoll-seed", &[]),
    ("metering-rules", &["atoll-api", "atoll-internal-api"]),
    ("usage-object", &["atoll-internal-api"]),
    (
        "metering",
        &[
            "atoll-api",
            "atoll-internal-api",
            "atoll-rpc",
            "atoll-object-store",
            "atoll-sqlite",
            "metering-rules",
            "usage-object",
        ],
    ),
    ("schedule-spec", &["atoll-api"]),
    ("cell-engine", &["atoll-api", "atoll-internal-api", "schedule-spec"]),
    ("cell-store", &["atoll-internal-api"]),
    ("cell-store-sql", &["atoll-sqlite", "cell-store", "cell-visibility"]),
    ("cell-visibility", &["atoll-api", "atoll-internal-api"]),
    ("cell-memory", &[]),
    (
        "cell-shard",
        &["atoll-api", "atoll-internal-api", "cell-engine", "cell-memory", "cell-store", "metering-rules"],
    ),
    ("cell-matching", &["atoll-internal-api"]),
    ("cell-frontend", &["atoll-api", "atoll-internal-api", "atoll-rpc", "cell-visibility", "schedule-spec"]),
    (
        "cell-node",
        &[
            "atoll-api",
            "atoll-internal-api",
            "atoll-rpc",
            "atoll-secret",
            "atoll-object-store",
            "metering-rules",
            "usage-object",
            "cell-engine",
            "cell-store",
            "cell-visibility",
            "cell-shard",
            "cell-matching",
            "cell-memory",
            "cell-frontend",
        ],
    ),
    (
        "cell-simulation",
        &[
            "atoll-api",
            "atoll-internal-api",
            "atoll-object-store",
            "atoll-rpc",
            "cell-frontend",
            "cell-memory",
            "cell-node",
            "cell-shard",
            "cell-store",
            "cell-visibility",
            "metering-rules",
            "usage-object",
        ],
    ),
    ("gateway", &["atoll-api", "atoll-internal-api", "atoll-rpc", "atoll-secret"]),
    ("control-plane", &["atoll-api", "atoll-internal-api", "atoll-rpc", "atoll-secret", "atoll-sqlite"]),
    ("durable-workflows", &["atoll-internal-api", "atoll-secret"]),
    ("billing-core", &[]),
    (
        "billing",
        &["atoll-api", "atoll-internal-api", "atoll-rpc", "atoll-secret", "atoll-sqlite", "billing-core"],
    ),
    ("atoll-bench", &["atoll-api", "atoll-secret"]),
];

/// Crates that only one crate of ours may link (the binary links everything).
const BEHIND_ONE_CRATE: &[(&str, &str)] = &[
    ("temporalio-sdk", "durable-workflows"),
    ("temporalio-client", "durable-workflows"),
    ("parquet", "usage-object"),
];

/// Crates without I/O, clock or randomness, and what must therefore not be among their dependencies, however many crates
/// are in between, nor among what builds them.
const PURE: &[&str] = &["cell-engine", "schedule-spec", "metering-rules", "billing-core"];
const IMPURE: &[&str] = &["tokio", "sqlx", "tonic", "rand", "hyper", "axum", "reqwest", "mio", "socket2"];
/// A dependency for its files alone: no code of ours names it, so none of it is linked.
const FILES_ONLY: &str = "temporalio-protos";

/// `cargo metadata` of the workspace: `deps` with everything outside of it.
fn metadata(deps: bool) -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut command = MetadataCommand::new();
    let mut options = vec!["--offline".to_owned(), "--locked".to_owned()];
    if deps {
        // What other platforms need is not here.
        options.extend(["--filter-platform".to_owned(), host()]);
    } else {
        command.no_deps();
    }
    command.manifest_path(manifest).other_options(options);
    command.exec().expect("cargo metadata answers")
}

/// The platform that this is built on.
fn host() -> String {
    let printed = std::process::Command::new("rustc").arg("-vV").output().expect("rustc answers").stdout;
    let printed = String::from_utf8(printed).expect("UTF-8");
    printed.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned()
}

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    metadata(false)
        .packages
        .into_iter()
        .map(|package| {
            let used = package.dependencies.into_iter().filter(|d| d.kind == DependencyKind::Normal);
            (package.name.to_string(), used.map(|d| d.name).collect())
        })
        .collect()
}

#[test]
fn crates_use_only_what_the_map_allows() {
    let found = dependencies();
    let ours: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let listed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    for (name, uses) in &found {
        if name == "atoll" {
            continue;
        }
        let allowed =
            listed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not in the map of arrows"));
        for used in uses.iter().filter(|used| ours.contains(used.as_str())) {
            assert!(allowed.contains(used.as_str()), "{name} must not use {used}");
        }
    }
    for name in listed.keys() {
        assert!(ours.contains(name), "{name} is in the map but not in the workspace");
    }
}

/// Everything that a crate is made of and built with, over any number of crates, with who brought it in.
fn reach(metadata: &Metadata, root: &str) -> BTreeMap<String, String> {
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    let graph = metadata.resolve.as_ref().expect("the graph was asked for");
    let nodes: BTreeMap<_, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let (start, _) = names.iter().find(|(_, name)| *name == root).expect("a crate of the workspace");
    let mut open = vec![*start];
    let mut found = BTreeMap::new();
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let name = &names[&dependency.pkg];
            let shipped = dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development);
            if shipped && name != FILES_ONLY && !found.contains_key(name) {
                found.insert(name.clone(), names[id].clone());
                open.push(&dependency.pkg);
            }
        }
    }
    found
}

#[test]
fn pure_crates_stay_pure() {
    let metadata = metadata(true);
    for name in PURE {
        let found = reach(&metadata, name);
        assert!(!found.is_empty(), "{name} depends on nothing at all");
        for impure in IMPURE {
            let brought = found.get(*impure);
            assert_eq!(brought, None, "{name} is pure and must not use {impure}, not even through others");
        }
    }
}

#[test]
fn what_is_there_for_its_files_is_named_nowhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let named = FILES_ONLY.replace('-', "_");
    let files = rust_files([root]);
    for file in &files {
        let text = std::fs::read_to_string(file).expect("UTF-8");
        assert!(!text.contains(&named), "{} uses {named}", file.display());
    }
    assert!(files.len() > 5, "{} files", files.len());
}

#[test]
fn heavy_crates_stand_behind_one_crate() {
    for (name, uses) in dependencies() {
        for (heavy, owner) in BEHIND_ONE_CRATE {
            assert!(
                !uses.contains(*heavy) || name == *owner,
                "{name} must not use {heavy}, only {owner} does"
            );
        }
    }
}

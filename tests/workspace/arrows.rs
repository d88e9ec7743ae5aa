//! The dependency arrows of docs/ARCHITECTURE.md, read off `cargo metadata`.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// What each crate of the workspace may use of the workspace, and of heavy outside crates. Dev-dependencies are free.
const ALLOWED: &[(&str, &[&str])] = &[
    ("atoll-proto-build", &[]),
    ("atoll-api", &[]),
    ("atoll-internal-api", &["atoll-api"]),
    ("atoll-rpc", &["atoll-api"]),
    ("atoll-object-store", &[]),
    ("atoll-sqlite", &[]),
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
    ("cell-shard", &["atoll-api", "atoll-internal-api", "cell-engine", "cell-store", "metering-rules"]),
    ("cell-matching", &["atoll-internal-api"]),
    ("cell-frontend", &["atoll-api", "atoll-internal-api", "atoll-rpc", "cell-visibility"]),
    (
        "cell-node",
        &[
            "atoll-api",
            "atoll-internal-api",
            "atoll-rpc",
            "atoll-object-store",
            "metering-rules",
            "usage-object",
            "cell-engine",
            "cell-store",
            "cell-visibility",
            "cell-shard",
            "cell-matching",
            "cell-frontend",
        ],
    ),
    ("gateway", &["atoll-api", "atoll-internal-api", "atoll-rpc"]),
    ("control-plane", &["atoll-api", "atoll-internal-api", "atoll-rpc", "atoll-sqlite"]),
    ("durable-workflows", &["atoll-internal-api"]),
    ("billing-core", &[]),
    ("billing", &["atoll-api", "atoll-internal-api", "atoll-rpc", "atoll-sqlite", "billing-core"]),
    ("atoll-bench", &["atoll-api"]),
];

/// Crates that only one crate of ours may link (the binary links everything).
const BEHIND_ONE_CRATE: &[(&str, &str)] = &[
    ("temporalio-sdk", "durable-workflows"),
    ("temporalio-client", "durable-workflows"),
    ("parquet", "usage-object"),
];

/// Crates without I/O, clock or randomness, and what must therefore not be among their dependencies.
const PURE: &[&str] = &["cell-engine", "schedule-spec", "metering-rules", "billing-core"];
const IMPURE: &[&str] = &["tokio", "sqlx", "tonic", "rand", "hyper", "axum", "reqwest"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata answers");
    metadata
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

#[test]
fn pure_crates_stay_pure() {
    let found = dependencies();
    for name in PURE {
        for impure in IMPURE {
            assert!(!found[*name].contains(*impure), "{name} is pure and must not use {impure}");
        }
    }
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

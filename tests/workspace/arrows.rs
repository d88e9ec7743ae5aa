//! The dependency arrows of docs/ARCHITECTURE.md, read off `cargo metadata`.

use crate::sources::rust_files;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The map of crates: what each may use of the workspace. Dev-dependencies are free.
const MAP: &str = include_str!("../../docs/ARCHITECTURE.md");
/// The heading of the map's table, and its last column where a crate uses everything or nothing.
const HEADING: &str = "| crate | folder | owns | uses |";
const ALL: &str = "all";
const NOTHING: &str = "-";

/// Crates that only one crate of ours may link (the binary links everything).
const BEHIND_ONE_CRATE: &[(&str, &str)] = &[
    ("temporalio-sdk", "durable-workflows"),
    ("temporalio-client", "durable-workflows"),
    ("parquet", "usage-object"),
    ("aws-sdk-s3", "atoll-object-store-s3"),
];

/// Crates without I/O, clock or randomness, and what must therefore not be among their dependencies, however many
/// crates are in between, nor among what builds them.
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

/// What the map allows each crate; `None` is everything. A row without a name goes on with the one above.
fn allowed() -> BTreeMap<&'static str, Option<BTreeSet<&'static str>>> {
    let (_, table) = MAP.split_once(HEADING).expect("the map has its table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let (mut all, mut last) = (BTreeMap::new(), "");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let &[name, _, _, uses] = cells.as_slice() else { panic!("four columns: {row}") };
        last = if name.is_empty() { last } else { name };
        let uses = (uses != ALL).then(|| uses.split(", ").filter(|&used| used != NOTHING));
        let known = all.entry(last).or_insert_with(|| uses.is_some().then(BTreeSet::new));
        if let (Some(known), Some(uses)) = (known, uses) {
            known.extend(uses);
        }
    }
    all
}

#[test]
fn crates_use_what_the_map_says() {
    let found = dependencies();
    let ours: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let listed = allowed();
    assert_eq!(listed.keys().copied().collect::<BTreeSet<_>>(), ours, "the map lists the workspace's crates");
    for (name, uses) in &found {
        let Some(allowed) = &listed[name.as_str()] else { continue };
        let used: BTreeSet<&str> =
            uses.iter().map(String::as_str).filter(|used| ours.contains(used)).collect();
        assert_eq!(&used, allowed, "what {name} uses, and what the map says");
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

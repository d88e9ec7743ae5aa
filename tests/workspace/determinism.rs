//! What a simulation runs takes the same steps whenever it runs: lints and this test hold it. The steps themselves are
//! compared by the tests of cell-simulation.

use crate::sources::rust_files;
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeMap;
use std::path::Path;

/// What clippy must refuse in each crate that a simulation runs.
const REFUSED: &[&str] = &[
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "jiff::Timestamp::now",
    "uuid::Uuid::new_v4",
    "uuid::Uuid::now_v7",
    "std::thread::spawn",
    "tokio::task::spawn_blocking",
    "rand::rng",
    "rand::random",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::hash::RandomState",
];

/// Folders of the crates that a simulation runs.
fn simulated() -> Vec<Utf8PathBuf> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut command = MetadataCommand::new();
    command.no_deps().manifest_path(manifest).other_options(["--offline".to_owned(), "--locked".to_owned()]);
    let packages = command.exec().expect("cargo metadata answers").packages;
    let packages: BTreeMap<String, _> = packages.into_iter().map(|p| (p.name.to_string(), p)).collect();
    let mut open = vec!["cell-simulation".to_owned()];
    let mut found = BTreeMap::new();
    while let Some(name) = open.pop() {
        // What is not ours is found nowhere.
        let Some(package) = packages.get(&name).filter(|_| !found.contains_key(&name)) else { continue };
        let used = package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal);
        open.extend(used.map(|used| used.name.clone()));
        found.insert(name, package.manifest_path.parent().expect("a folder").to_owned());
    }
    found.into_values().collect()
}

#[test]
fn clippy_refuses_what_differs_from_run_to_run_in_everything_that_a_simulation_runs() {
    let folders = simulated();
    assert!(folders.len() > 10, "{folders:?}");
    for folder in folders {
        let nearest = folder.ancestors().map(|above| above.join("clippy.toml")).find(|file| file.exists());
        let rules = std::fs::read_to_string(nearest.expect("the root has one")).expect("readable");
        for refused in REFUSED {
            assert!(rules.contains(&format!("\"{refused}\"")), "{folder} may use {refused}");
        }
    }
}

#[test]
fn no_select_of_a_simulated_crate_draws_its_order() {
    let folders = simulated().into_iter().map(|folder| folder.join("src").into_std_path_buf());
    let selects: usize = rust_files(folders).iter().map(|file| biased_selects(file)).sum();
    assert!(selects > 20, "{selects} selects");
}

/// How many there are; panics at one that is not biased.
fn biased_selects(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).expect("UTF-8");
    let inside: Vec<&str> = text.split("select! {").skip(1).collect();
    for rest in &inside {
        assert!(rest.trim_start().starts_with("biased;"), "{}: a select without biased", file.display());
    }
    inside.len()
}

//! A crate whose tests pause time can be tested by itself: it asks for what pauses time, and does not live on what its
//! neighbours ask for when all are built together.

use crate::sources::rust_files;
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// What only tokio's `test-util` has.
const PAUSES: [&str; 2] = ["start_paused", "tokio::time::pause"];

fn pauses_time(package: &Package) -> bool {
    let folder = package.manifest_path.parent().expect("a folder").as_std_path();
    rust_files([folder.to_owned()]).iter().any(|file| {
        let text = std::fs::read_to_string(file).expect("UTF-8");
        PAUSES.iter().any(|pause| text.contains(pause))
    })
}

fn asks_for_it(package: &Package) -> bool {
    package.dependencies.iter().any(|used| {
        used.name == "tokio"
            && matches!(used.kind, DependencyKind::Normal | DependencyKind::Development)
            && used.features.iter().any(|feature| feature == "test-util")
    })
}

#[test]
fn who_pauses_time_asks_for_it() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let mut command = MetadataCommand::new();
    command.no_deps().manifest_path(manifest).other_options(["--offline".to_owned(), "--locked".to_owned()]);
    let packages = command.exec().expect("cargo metadata answers").packages;
    let pausing: Vec<&Package> = packages.iter().filter(|package| pauses_time(package)).collect();
    assert!(pausing.len() > 8, "{} crates", pausing.len());
    for package in pausing {
        assert!(
            asks_for_it(package),
            "{}: tokio = {{ features = [\"test-util\"] }} is missing",
            package.name
        );
    }
}

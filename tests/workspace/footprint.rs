//! What a kind of entity touches: its own folders, its RPCs, and a handful of lists with a line for each kind.
//!
//! Schedules stand for all kinds: they were the first built on the seams alone. A file that comes to name them outside of what is
//! theirs is a seam that leaks: the next kind would have to touch it too.

use crate::sources::rust_files;
use std::collections::BTreeSet;
use std::path::Path;

/// Where the product's code stands; beside it are tests, tools and what is simulated.
const PRODUCT: &[&str] = &["proto", "metering", "platform", "cell", "atoll", "billing", "control-plane"];
/// What is the schedules' own, with the RPCs and the delegation to them that every RPC has.
const THEIRS: &[&str] = &[
    "cell/schedule-spec/",
    "cell/engine/src/schedule",
    "cell/frontend/src/rpcs",
    "cell/frontend/src/schedules",
    "cell/frontend/src/validate/schedule",
    "cell/frontend/src/workflow_service.rs",
    "cell/node/src/ports/schedules",
    "proto/internal/src/schedules",
];
/// What is no part of a server that serves people.
const TESTS: &[&str] =
    &["/tests/", "/tests.rs", "/examples/", "fakes", "test_support", "interleaved", "cell/simulation/"];
/// The lists with a line for each kind, and nothing else.
const LISTS: [&str; 10] = [
    "cell/engine/src/lib.rs",
    "cell/engine/src/registry.rs",
    "cell/frontend/src/lib.rs",
    "cell/frontend/src/ports.rs",
    "cell/frontend/src/validate.rs",
    "cell/node/src/assembly.rs",
    "cell/node/src/ports.rs",
    "cell/visibility/src/division.rs",
    "proto/internal/src/entity.rs",
    "proto/internal/src/lib.rs",
];

/// Whether code names schedules, comments apart. An activity that is scheduled is none.
fn names_schedules(code: &str) -> bool {
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).any(|line| {
        let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| ["SCHEDULE", "Schedules", "schedules"].contains(&word))
            || line.contains("mod schedule;")
            || line.contains("schedule::")
    })
}

#[test]
fn a_kind_touches_ten_files_beside_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace");
    let found: BTreeSet<String> = rust_files(PRODUCT.iter().map(|folder| root.join(folder)))
        .into_iter()
        .filter(|path| names_schedules(&std::fs::read_to_string(path).expect("UTF-8")))
        .map(|path| path.strip_prefix(&root).expect("within").to_string_lossy().into_owned())
        .filter(|path| !THEIRS.iter().any(|theirs| path.starts_with(theirs)))
        .filter(|path| !TESTS.iter().any(|test| path.contains(test)))
        .collect();
    let lists: BTreeSet<String> = LISTS.iter().map(|&path| path.to_owned()).collect();
    assert_eq!(found, lists);
}

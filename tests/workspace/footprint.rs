//! What a kind of entity touches, or a collection of a run: its own folders, its RPCs, and a handful of lists with a line for each.
//!
//! Schedules stand for all kinds, signals and cancel requests to other workflows for all collections: they were the first built on
//! the seams alone. A file that comes to name them outside of what is theirs is a seam that leaks: the next one would have to touch
//! it too.

use crate::sources::rust_files;
use std::collections::BTreeSet;
use std::path::Path;

/// Where the product's code stands; beside it are tests, tools and what is simulated.
const PRODUCT: &[&str] = &["proto", "metering", "platform", "cell", "atoll", "billing", "control-plane"];
/// What is the schedules' own, with the RPCs and the delegation to them that every RPC has.
const OF_SCHEDULES: &[&str] = &[
    "cell/schedule-spec/",
    "cell/engine/src/schedule",
    "cell/frontend/src/rpcs",
    "cell/frontend/src/schedules",
    "cell/frontend/src/validate/schedule",
    "cell/frontend/src/workflow_service.rs",
    "cell/node/src/ports/schedules",
    "proto/internal/src/schedules",
];
/// What is the external signals' and cancel requests' own.
const OF_EXTERNAL: &[&str] = &[
    "cell/engine/src/commands/external.rs",
    "cell/engine/src/commands/respond_workflow_task_completed/external.rs",
    "cell/engine/src/run/collections/external.rs",
    "cell/node/src/effects/messages/external.rs",
];
/// What is no part of a server that serves people.
const TESTS: &[&str] =
    &["/tests/", "/tests.rs", "/examples/", "fakes", "test_support", "interleaved", "cell/simulation/"];
/// The lists with a line for each kind, and nothing else.
const LISTS_OF_KINDS: [&str; 10] = [
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

/// The lists with a line for each collection, effect, step or message.
const LISTS_OF_COLLECTIONS: [&str; 8] = [
    "cell/engine/src/commands.rs",
    "cell/engine/src/commands/request_cancel_workflow.rs",
    "cell/engine/src/commands/respond_workflow_task_completed.rs",
    "cell/engine/src/commands/respond_workflow_task_completed/steps.rs",
    "cell/engine/src/effect.rs",
    "cell/engine/src/run/collections.rs",
    "cell/node/src/effects/messages.rs",
    "metering/rules/src/actions.rs",
];

/// The words of a line of code, comments apart.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// Whether a line names schedules. An activity that is scheduled is none.
fn names_schedules(line: &str) -> bool {
    words(line).any(|word| ["SCHEDULE", "Schedules", "schedules"].contains(&word))
        || line.contains("mod schedule;")
        || line.contains("schedule::")
}

/// Whether a line names what goes to other workflows.
fn names_external(line: &str) -> bool {
    let parts = ["SignalExternal", "CancelExternal", "ExternalSignal", "ExternalCancel", "ExternalWorkflow"];
    words(line).any(|word| word == "external" || parts.iter().any(|part| word.contains(part)))
}

/// The product's files that name something beside what is its own.
fn touched(names: impl Fn(&str) -> bool, own: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace");
    rust_files(PRODUCT.iter().map(|folder| root.join(folder)))
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).expect("UTF-8").lines().any(&names))
        .map(|path| path.strip_prefix(&root).expect("within").to_string_lossy().into_owned())
        .filter(|path| !own.iter().any(|own| path.starts_with(own)))
        .filter(|path| !TESTS.iter().any(|test| path.contains(test)))
        .collect()
}

fn set(lists: &[&str]) -> BTreeSet<String> {
    lists.iter().map(|&path| path.to_owned()).collect()
}

#[test]
fn a_kind_touches_ten_files_beside_its_own() {
    assert_eq!(touched(names_schedules, OF_SCHEDULES), set(&LISTS_OF_KINDS));
}

#[test]
fn a_collection_touches_eight_files_beside_its_own() {
    assert_eq!(touched(names_external, OF_EXTERNAL), set(&LISTS_OF_COLLECTIONS));
}

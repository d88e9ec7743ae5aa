//! What a kind of entity touches, or a collection of a run: what is its own, and the files that are listed here, which
//! have a line for each.
//!
//! A kind's own are its folders. Not counted are, beside these, its RPCs with what they share, the files in which every
//! RPC has a line, and the two that answer a capability flag of the published API: they are the price of RPCs, which a
//! kind need not have. So a schedule in the file of any other RPC is seen.
//!
//! Schedules stand for all kinds, signals and cancel requests to other workflows for all collections: they were the
//! first built on the seams alone. A file that comes to name them outside of what is theirs is a seam that leaks: the
//! next one would have to touch it too. Looked at is what is written in any file of the product, whatever its language,
//! but for comments and tests.

use crate::sources::files;
use std::collections::BTreeSet;
use std::path::Path;

/// Where the product's code stands; beside it are tests, tools and what is simulated.
const PRODUCT: &[&str] = &["proto", "metering", "platform", "cell", "atoll", "billing", "control-plane"];
/// What is the schedules' own.
const OF_SCHEDULES: &[&str] = &[
    "cell/schedule-spec/",
    "cell/engine/src/kinds/schedule",
    "cell/node/src/ports/schedules",
    "proto/internal/proto/atoll/schedule/",
    "proto/internal/src/entity/schedules",
];
/// The schedules' RPCs, and what these share.
const RPCS_OF_SCHEDULES: &[&str] = &[
    "cell/frontend/src/rpcs/count_schedules.rs",
    "cell/frontend/src/rpcs/create_schedule.rs",
    "cell/frontend/src/rpcs/delete_schedule.rs",
    "cell/frontend/src/rpcs/describe_schedule.rs",
    "cell/frontend/src/rpcs/list_schedule_matching_times.rs",
    "cell/frontend/src/rpcs/list_schedules.rs",
    "cell/frontend/src/rpcs/patch_schedule.rs",
    "cell/frontend/src/rpcs/schedules.rs",
    "cell/frontend/src/rpcs/schedules/",
    "cell/frontend/src/rpcs/update_schedule.rs",
];
/// What every RPC has, whatever it is about: its `mod`, a delegation and a line of the authorization table.
const OF_EVERY_RPC: &[&str] = &[
    "cell/frontend/src/auth/table.rs",
    "cell/frontend/src/rpcs.rs",
    "cell/frontend/src/workflow_service.rs",
];
/// Capability flags, which RPCs answer: that the cell has schedules.
const CAPABILITY_FLAGS: &[&str] =
    &["cell/frontend/src/rpcs/describe_namespace.rs", "cell/frontend/src/rpcs/get_system_info.rs"];
/// What is the external signals' and cancel requests' own.
const OF_EXTERNAL: &[&str] = &[
    "cell/engine/src/commands/external.rs",
    "cell/engine/src/commands/respond_workflow_task_completed/external.rs",
    "cell/engine/src/run/collections/external.rs",
    "cell/node/src/effects/messages/external.rs",
];
/// What is no part of a server that serves people.
const TESTS: &[&str] = &[
    "/tests/",
    "/tests.rs",
    "/examples/",
    "/conformance/",
    "fakes",
    "test_support",
    "interleaved",
    "cell/simulation/",
];

/// The lists with a line for each kind: its number and what lists show of it, its place in the engine, and its port
/// with the other side of that.
const LISTS_OF_KINDS: [&str; 4] = [
    "cell/engine/src/kinds.rs",
    "cell/frontend/src/ports.rs",
    "cell/node/src/ports.rs",
    "proto/internal/src/entity.rs",
];
/// What a kind adds where its rules are a crate of their own: the workspace and who depends on it.
const OF_ITS_CRATE: [&str; 3] = ["Cargo.toml", "cell/engine/Cargo.toml", "cell/frontend/Cargo.toml"];
/// What is published of a kind beside its RPCs and what lists show: the key of a limit, and billable actions.
const PUBLISHED: [&str; 3] = [
    "cell/frontend/src/dynamic_config/keys.rs",
    "metering/rules/src/actions.rs",
    "proto/internal/proto/atoll/usage/v1/entry.proto",
];

/// The lists with a line for each collection, effect, step, message or billable action; what a signal and a cancel
/// request that come from another workflow leave in history; and the other sender of messages to workflows.
const LISTS_OF_COLLECTIONS: [&str; 13] = [
    "cell/engine/src/commands.rs",
    "cell/engine/src/commands/request_cancel_workflow.rs",
    "cell/engine/src/commands/respond_workflow_task_completed.rs",
    "cell/engine/src/commands/respond_workflow_task_completed/steps.rs",
    "cell/engine/src/commands/signal_workflow.rs",
    "cell/engine/src/effect.rs",
    "cell/engine/src/kinds/schedule/effects.rs",
    "cell/engine/src/run/collections.rs",
    "cell/node/src/effects/messages.rs",
    "metering/rules/src/actions.rs",
    "proto/internal/proto/atoll/state/v1/state.proto",
    "proto/internal/src/values.rs",
    "proto/internal/proto/atoll/usage/v1/entry.proto",
];

/// Where to schedule is what is done to a task, or a schedule is a cron string.
const SCHEDULING: &[&str] = &[
    "schedule_task",
    "next_attempt_schedule_time",
    "TaskStep::Schedule(",
    "S::Schedule(",
    "Self::Schedule(task)",
    "Schedule(ScheduledTask)",
    "activities::schedule(",
    "pub(super) fn schedule(",
    "cron_schedule",
    "CronSchedule",
];

/// The parts of each word of a line, in lower case: `ListSchedules` and `list_schedules` have two.
fn words(line: &str) -> impl Iterator<Item = Vec<String>> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(|word| {
        let mut parts = vec![String::new()];
        let mut after_small = false;
        for c in word.chars() {
            if c == '_' || (c.is_uppercase() && after_small) {
                parts.push(String::new());
            }
            if c != '_' {
                parts.last_mut().expect("one at least").extend(c.to_lowercase());
            }
            after_small = c.is_lowercase() || c.is_numeric();
        }
        parts
    })
}

/// Whether a word has a part that is one of these, and is not followed by one of those.
fn has(word: &[String], these: &[&str], those: &[&str]) -> bool {
    (0..word.len()).any(|at| {
        let next = word.get(at + 1).map_or("", String::as_str);
        these.contains(&word[at].as_str()) && !those.contains(&next)
    })
}

/// Whether a line names schedules, as clients know them or as the original does: its scheduler, and what that scheduled
/// a workflow by and for. An activity that is scheduled is none, and neither is its schedule-to-start time.
fn names_schedules(line: &str) -> bool {
    if !line.to_ascii_lowercase().contains("schedule") {
        return false;
    }
    let line = SCHEDULING.iter().fold(line.to_owned(), |line, phrase| line.replace(phrase, ""));
    let tasks = ["to", "and", "activity", "nexus"];
    line.contains("TemporalScheduled")
        || words(&line).any(|word| has(&word, &["schedule", "schedules", "scheduler", "schedulers"], &tasks))
}

/// Whether a line names what goes to other workflows, or comes from one.
fn names_external(line: &str) -> bool {
    // How PostgreSQL keeps a column.
    let line = &line.replace("STORAGE EXTERNAL", "");
    line.to_ascii_lowercase().contains("external")
        && words(line).any(|word| has(&word, &["external"], &["payload", "payloads"]))
}

/// What is written in a file, but for comments and the tests at its end.
fn code<'t>(path: &str, text: &'t str) -> impl Iterator<Item = &'t str> {
    let comment = match path.rsplit('.').next() {
        Some("rs" | "proto") => "//",
        Some("sql") => "--",
        _ => "#",
    };
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().map(move |line| line.split(comment).next().unwrap_or_default())
}

/// The product's files that name something beside what is its own.
fn touched(names: impl Fn(&str) -> bool, own: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace");
    let mut all = files(PRODUCT.iter().map(|folder| root.join(folder)));
    all.push(root.join("Cargo.toml"));
    all.into_iter()
        .map(|path| (path.strip_prefix(&root).expect("within").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| !own.iter().any(|own| name.starts_with(own)))
        .filter(|(name, _)| !TESTS.iter().any(|test| name.contains(test)))
        // What is no text holds no code.
        .filter_map(|(name, path)| Some((name, std::fs::read_to_string(path).ok()?)))
        .filter(|(name, text)| code(name, text).any(&names))
        .map(|(name, _)| name)
        .collect()
}

fn set(lists: &[&[&str]]) -> BTreeSet<String> {
    lists.concat().into_iter().map(str::to_owned).collect()
}

/// Four of them are lists of kinds: what the next kind touches that needs no crate of its own, no key and no price.
#[test]
fn a_kind_touches_ten_files_beside_its_own_and_those_of_its_rpcs() {
    let listed = set(&[&LISTS_OF_KINDS, &OF_ITS_CRATE, &PUBLISHED]);
    let not_counted = [OF_SCHEDULES, RPCS_OF_SCHEDULES, OF_EVERY_RPC, CAPABILITY_FLAGS].concat();
    assert_eq!(touched(names_schedules, &not_counted), listed);
    assert_eq!(listed.len(), 10);
}

#[test]
fn a_collection_touches_thirteen_files_beside_its_own() {
    let listed = set(&[&LISTS_OF_COLLECTIONS]);
    assert_eq!(touched(names_external, OF_EXTERNAL), listed);
    assert_eq!(listed.len(), 13);
}

#[test]
fn what_names_a_schedule_and_what_does_not() {
    for line in [
        "use schedule_spec::SpecError;",
        "pub schedules: Arc<dyn Schedules>,",
        "ACTION_TYPE_CREATE_SCHEDULE = 26;",
        "schedule-spec.workspace = true",
        "\"ListScheduleMatchingTimes\",",
        "import \"atoll/schedule/v1/schedule.proto\";",
        "draft.schedule_task(); let schedule = 1;",
        "\"worker.schedulerNamespaceStartWorkflowRPS\" number =>",
        "client(\"TemporalScheduledById\", Keyword),",
    ] {
        assert!(names_schedules(line), "{line}");
    }
    for line in [
        "draft.schedule_task();",
        "int64 schedule_to_start_timeout_ns = 2;",
        "ActionType::ScheduleActivity,",
        "TimeoutType::ScheduleToClose => \"ScheduleToClose\",",
        "scheduled_event_id: activity.scheduled_event_id,",
    ] {
        assert!(!names_schedules(line), "{line}");
    }
}

//! Some hundred seeds.

use cell_simulation::{Outcome, run_all};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

/// How many at once.
const JOBS: usize = 2;

/// What has to happen in some of them.
const HAPPENS: &[&str] = &[
    "activity answered late",
    "activity completion",
    "activity failure",
    "activity timed out",
    "answer given twice",
    "asked once more",
    "cancel",
    "canceled another workflow",
    "canceled",
    "child completed",
    "child failed",
    "clock set",
    "continued as new",
    "could not cancel another workflow",
    "could not signal another workflow",
    "heartbeat",
    "killed among deletions",
    "killed at its moment",
    "killed by time",
    "memory used up",
    "poll left",
    "result",
    "schedule",
    "schedule buffered one and skipped",
    "schedule buffered one",
    "schedule buffered",
    "schedule canceled another",
    "schedule overlapped",
    "schedule skipped",
    "schedule terminated another",
    "signal with start",
    "signal",
    "signaled another workflow",
    "start",
    "store away",
    "succeeded",
    "termination",
    "timed out",
    "timer fired",
    "workflow task answered late",
    "workflow task completion",
    "workflow task timed out",
    "workflow task",
];

/// Calls over seams that have to fail in some of them, without effect and with it. What has no place here is rare: the
/// first calls of a life, metadata, deletions.
const FAIL: &[&str] = &[
    "acquire",
    "append",
    "checkpoint",
    "due",
    "epochs",
    "expired",
    "history",
    "load",
    "object put if absent",
    "outbox",
    "trim",
    "visibility list",
    "visibility upsert",
    "waiting",
];

/// Calls that so few takeovers make that either failure will do.
const FAIL_SOMEHOW: &[&str] = &["segments"];

/// What else has to be met at seams.
const MET: &[(&str, &str)] = &[
    ("append", "corrupt"),
    ("append", "corrupt, and written"),
    ("append", "killed"),
    ("append", "torn"),
    ("append", "with a side row"),
    ("checkpoint", "killed"),
    ("checkpoint", "with chunks"),
    ("sync", "killed"),
];

fn faults() -> impl Iterator<Item = (&'static str, &'static str)> {
    let failures = FAIL.iter().flat_map(|call| [(*call, "failed before"), (*call, "failed after")]);
    failures.chain(MET.iter().copied())
}

/// The first seed and how many: other ones by `ATOLL_SEED` and `ATOLL_SEEDS`.
fn seeds() -> Range<u64> {
    let first = if std::env::var_os(atoll_seed::VARIABLE).is_some() { atoll_seed::seed() } else { 0 };
    let count =
        std::env::var("ATOLL_SEEDS").map_or(200, |count| count.parse().expect("ATOLL_SEEDS is a number"));
    first..first.saturating_add(count)
}

fn counts<K: Ord>(counts: impl Iterator<Item = (K, u64)>) -> BTreeMap<K, u64> {
    let mut sums = BTreeMap::new();
    counts.for_each(|(what, times)| *sums.entry(what).or_default() += times);
    sums
}

#[test]
fn a_cell_keeps_its_promises_whatever_happens() {
    let outcomes = Mutex::new(Vec::new());
    run_all(seeds(), JOBS, |outcome| outcomes.lock().expect("no panic").push(outcome));
    let mut outcomes: Vec<Outcome> = outcomes.into_inner().expect("no panic");
    outcomes.sort_by_key(|outcome| outcome.seed);
    let failed: Vec<String> = outcomes.iter().filter_map(Outcome::failure).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let done = counts(outcomes.iter().flat_map(|outcome| outcome.calls.iter().copied()));
    let met = counts(outcomes.iter().flat_map(|outcome| outcome.met.iter().copied()));
    // A few seeds need not show everything.
    if outcomes.len() >= 50 {
        let missing: Vec<_> = HAPPENS.iter().filter(|what| !done.contains_key(*what)).collect();
        assert!(missing.is_empty(), "no simulation came to {missing:?}: {done:?}");
        let missing: Vec<_> = faults().filter(|fault| !met.contains_key(fault)).collect();
        assert!(missing.is_empty(), "no simulation met {missing:?}: {met:?}");
        let failed =
            |call| ["failed before", "failed after"].iter().any(|how| met.contains_key(&(call, *how)));
        let missing: Vec<_> = FAIL_SOMEHOW.iter().filter(|call| !failed(**call)).collect();
        assert!(missing.is_empty(), "no simulation failed {missing:?}: {met:?}");
    }
    assert!(done.values().sum::<u64>() > 20 * outcomes.len() as u64, "they hardly did anything: {done:?}");
}

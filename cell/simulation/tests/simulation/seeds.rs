//! Some hundred seeds.

use cell_simulation::{Outcome, run};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many at once.
const JOBS: usize = 2;

/// What has to happen in some of them.
const HAPPENS: &[&str] = &[
    "activity answered late",
    "activity completion",
    "activity timed out",
    "answer given twice",
    "canceled",
    "canceled another workflow",
    "child completed",
    "continued as new",
    "could not cancel another workflow",
    "could not signal another workflow",
    "killed at its moment",
    "memory used up",
    "poll left",
    "result",
    "schedule",
    "signal",
    "signal with start",
    "signaled another workflow",
    "start",
    "timed out",
    "timer fired",
    "workflow task",
    "workflow task answered late",
    "workflow task timed out",
];

/// The first seed and how many: other ones by `ATOLL_SEED` and `ATOLL_SEEDS`.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = number("ATOLL_SEED").unwrap_or(0);
    first..first + number("ATOLL_SEEDS").unwrap_or(200)
}

/// Runs seeds, some at once; answers in their order.
fn run_all(seeds: &[u64]) -> Vec<Outcome> {
    let next = AtomicU64::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            done.push(run(*seed, false));
        }
        done
    };
    let mut outcomes = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..JOBS).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

fn assert_held(outcomes: &[Outcome]) {
    let failed: Vec<String> = outcomes.iter().filter_map(Outcome::failure).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_cell_keeps_its_promises_whatever_happens() {
    let outcomes = run_all(&seeds().collect::<Vec<_>>());
    assert_held(&outcomes);
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, times) in outcomes.iter().flat_map(|outcome| &outcome.calls) {
        *done.entry(what).or_default() += times;
    }
    // A few seeds need not show everything.
    if outcomes.len() >= 50 {
        let missing: Vec<_> = HAPPENS.iter().filter(|what| !done.contains_key(*what)).collect();
        assert!(missing.is_empty(), "no simulation came to {missing:?}: {done:?}");
    }
    assert!(done.values().sum::<u64>() > 20 * outcomes.len() as u64, "they hardly did anything: {done:?}");
}

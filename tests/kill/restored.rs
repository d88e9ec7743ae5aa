//! A cell is backed up under load, killed, and goes on from the backup elsewhere: what it used is billed once, also
//! what it used behind the backup and does not have any more.
//!
//! The sums of its usage objects are held against histories, by the rules of `CellManifest` alone (`usage::billed`).

use crate::acknowledged::Acknowledged;
use crate::cell::{Cell, run};
use crate::load::{Histories, Load, histories};
use crate::store::Store;
use crate::{PATIENCE, check, usage};
use atoll_api::temporal::api::enums::v1::EventType;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_internal_api::usage::v1::ActionType;
use metering_rules::Totals;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Calls of each part of the load.
const CALLS: usize = 300;

#[tokio::test(flavor = "current_thread")]
async fn a_cell_that_goes_on_from_a_backup_bills_nothing_twice_and_what_it_lost() {
    let mut cell = Cell::start(Store::file());
    let load = Load::start(&cell.address);
    load.progress(CALLS, PATIENCE).await;
    let mut backup = cell.backup();
    tokio::task::spawn_blocking(move || run(&mut backup)).await.expect("a backup");
    // What follows is lost with the restore: some of it when all its usage is exported, some of it at any moment.
    load.progress(CALLS, PATIENCE).await;
    let first = load.finish(PATIENCE).await;
    let before = histories(&cell.address, &first.attempted).await;
    check::all(&first, &before);
    exported(&cell, &first, &before).await;
    let load = Load::start_as(&cell.address, 1);
    load.progress(CALLS, PATIENCE).await;
    cell.kill();
    let second = load.abandon().await;

    cell.restart_from_backup();
    let load = Load::start_as(&cell.address, 2);
    let earlier: BTreeSet<String> = first.attempted.union(&second.attempted).cloned().collect();
    load.go_on_with(earlier.iter().filter(|id| !id.ends_with("-child"))).await;
    load.progress(CALLS, PATIENCE).await;
    let closed = all_closed(&cell, &earlier).await;
    let third = load.finish(PATIENCE).await;
    let since = histories(&cell.address, &third.attempted).await;
    cell.stop();
    // Its workers went on with what others had begun.
    let now: Histories = closed.into_iter().chain(since).collect();
    check::all(&third, &now);

    let usage::Billed { standing, lost } = usage::billed(&cell.objects());
    let mut expected = metering_rules::recount(now.values().flatten());
    let asked = first.queries_sent + second.queries_sent + third.queries_sent;
    take_queries(&mut expected, &standing.actions, asked);
    assert_eq!(
        standing.actions, expected,
        "usage of the log that stands (left) and the recount of all histories"
    );
    let bytes: i64 = now.values().map(|history| check::encoded_bytes(history)).sum();
    assert_eq!((standing.active_bytes, standing.retained_bytes), (0, bytes), "bytes that stand");
    // Workflows that were there when all usage was exported, and are gone, are billed as lost.
    let gone = before.iter().filter(|(id, _)| !now.contains_key(*id));
    let gone: Vec<&HistoryEvent> = gone.flat_map(|(_, history)| history).collect();
    let least = metering_rules::recount(gone.iter().copied());
    assert!(least.get(&ActionType::StartWorkflow).is_some_and(|starts| *starts > 0), "the load was a load");
    for (action, count) in &least {
        let billed = lost.actions.get(action).copied().unwrap_or_default();
        assert!(billed >= *count, "{action:?}: {billed} of {count} that were lost are billed");
    }
    println!("{first}; {second}; {third}; standing {standing:?}; lost {lost:?}, {least:?} at least");
}

/// Waits until all that closed workflows used is exported, and no more.
async fn exported(cell: &Cell, acknowledged: &Acknowledged, histories: &Histories) {
    let expected = metering_rules::recount(histories.values().flatten());
    let began = Instant::now();
    loop {
        let found = usage::total(cell.objects());
        let mut expected = expected.clone();
        take_queries(&mut expected, &found.actions, acknowledged.queries_sent);
        if found.actions == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "usage {found:?} is not what histories have: {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Queries stand in no history.
fn take_queries(expected: &mut Totals, found: &Totals, asked: usize) {
    let counted = found.get(&ActionType::QueryWorkflow).copied().unwrap_or_default();
    assert!(counted <= asked as u64, "{counted} queries of {asked}");
    if counted > 0 {
        expected.insert(ActionType::QueryWorkflow, counted);
    }
}

/// The histories of those of these workflows that exist, once all of them have closed.
async fn all_closed(cell: &Cell, workflow_ids: &BTreeSet<String>) -> Histories {
    let began = Instant::now();
    loop {
        let found = histories(&cell.address, workflow_ids).await;
        let is_open = |history: &&Vec<HistoryEvent>| {
            history.last().map(HistoryEvent::event_type) != Some(EventType::WorkflowExecutionCompleted)
        };
        let open = found.values().filter(is_open).count();
        if open == 0 {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{open} workflows do not complete");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

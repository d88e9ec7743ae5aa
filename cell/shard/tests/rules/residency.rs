//! What a shard keeps in memory.

use crate::fixture::*;
use atoll_api::temporal::api::enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy};
use cell_engine::commands::StartWorkflow;
use cell_shard::{Awaited, ShardConfig, Target};
use cell_store::fault::Call;
use uuid::Uuid;

/// Ids asked for in vain that all shards together may remember.
const BOUND: usize = 4_096 * SHARDS as usize;

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_not_remembered_for_ever() {
    let first = Cell::new().await;
    first.run("w", start()).await.unwrap();
    first.runtime.checkpoint_all().await.unwrap();
    let cell = first.another().await;
    for n in 0..3 * BOUND / 2 {
        let id = format!("unknown {n}");
        match n % 3 {
            0 => drop(cell.runtime.watch(&current(&id), Awaited::Change, |_| true).await.unwrap()),
            1 => drop(cell.runtime.history(&current(&id), 1, 9).await.unwrap()),
            _ => cell.runtime.read(&current(&id), |_| ()).await.unwrap(),
        }
    }
    assert!(cell.runtime.resident_ids() <= BOUND + 1, "{}", cell.runtime.resident_ids());
    // Nor are unknown runs of a workflow that does exist.
    for n in 1..10_000 {
        let unknown = Target::run(NAMESPACE, "w", Uuid::from_u128(n));
        assert!(!cell.runtime.read(&unknown, |view| view.run.is_some()).await.unwrap());
    }
    let loads = cell.store.calls(Call::Load);
    cell.runtime.read(&Target::run(NAMESPACE, "w", Uuid::from_u128(1)), |_| ()).await.unwrap();
    assert_eq!(cell.store.calls(Call::Load) - loads, 1, "forgotten: read again");
    cell.run("w", signal("s")).await.unwrap();
    assert_eq!(cell.signals("w").await, ["s"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_of_a_used_id_loads_the_old_run_only_where_it_matters() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let reject = StartWorkflow { id_reuse_policy: WorkflowIdReusePolicy::RejectDuplicate as i32, ..start() };
    let replace =
        StartWorkflow { id_conflict_policy: WorkflowIdConflictPolicy::TerminateExisting as i32, ..start() };
    cell.run("w", start()).await.unwrap();
    cell.run("w", terminate()).await.unwrap();
    for (command, loads, starts) in
        [(reject, 1, false), (start(), 1, true), (start(), 1, false), (replace, 2, true)]
    {
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!(cell.runtime.resident_ids(), 0);
        cell.ledger.take_loads();
        assert_eq!(cell.run("w", command).await.is_ok(), starts);
        let loaded = cell.ledger.take_loads();
        assert_eq!(loaded.len(), loads, "{loaded:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_stopped_waiting_keeps_nothing_in_memory() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    let mut waits =
        cell.runtime.watch(&current("w"), Awaited::Change, |_| true).await.unwrap().expect("waits");
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0, "whoever waits goes on waiting");
    assert!(waits.try_recv().is_err());
    drop(waits);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.run("w", signal("s")).await.unwrap();
    assert_eq!(cell.signals("w").await, ["s"]);
}

#[tokio::test(start_paused = true)]
async fn of_one_workflow_id_not_every_closed_run_stays_in_memory() {
    const RUNS: usize = 100;
    let cell = Cell::with(ShardConfig { resident_entities: 8, ..config() }).await;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(cell.run("w", start()).await.unwrap().run_id);
        cell.run("w", terminate()).await.unwrap();
    }
    let last = cell.run("w", start()).await.unwrap().run_id;
    cell.runtime.checkpoint_all().await.unwrap();
    let loads = cell.store.calls(Call::Load);
    for run_id in &runs {
        let target = Target::run(NAMESPACE, "w", *run_id);
        assert!(cell.runtime.read(&target, |view| view.run.is_some_and(|run| run.closed())).await.unwrap());
    }
    let loads = cell.store.calls(Call::Load) - loads;
    assert!(loads >= RUNS as u64 - 10, "only {loads} of {RUNS} were let go of");
    assert_eq!(cell.signals("w").await, Vec::<String>::new());
    let current = cell.runtime.read(&current("w"), |view| view.run.map(|run| run.run_id())).await.unwrap();
    assert_eq!(current, Some(last));
}

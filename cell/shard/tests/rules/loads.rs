//! What was read before something changed is not taken for what is stored now.

use crate::fixture::*;
use cell_shard::{HOUR_MS, ShardConfig, Target};
use cell_store::ShardId;
use cell_store::fault::{Call, Fault, Gate};
use std::sync::Arc;
use uuid::Uuid;

/// A cell that keeps nothing in memory behind a checkpoint.
async fn forgetful() -> Cell {
    Cell::with(ShardConfig { resident_entities: 0, ..config() }).await
}

/// The next load reads the record of the current run; the one behind it reads the run and is held before it answers.
fn hold_the_run(cell: &Cell) -> Gate {
    let gate = Gate::new();
    for fault in [Fault::None, Fault::HoldAfter(gate.clone())] {
        cell.store.script(Call::Load, fault);
    }
    gate
}

/// Reads the snapshot of a run.
fn snapshot(cell: &Cell, target: Target) -> tokio::task::JoinHandle<Option<bytes::Bytes>> {
    let runtime = Arc::clone(&cell.runtime);
    tokio::spawn(async move {
        let snapshot = runtime.read(&target, |view| view.run.map(|run| run.snapshot()));
        snapshot.await.expect("readable")
    })
}

async fn run_id(cell: &Cell, id: &str) -> Uuid {
    cell.runtime.read(&current(id), |view| view.run.unwrap().run_id()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_deleted_with_its_rows_while_it_is_read_is_not_brought_back() {
    let cell = forgetful().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, terminate()).await.unwrap();
    let run = run_id(&cell, &id).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    let gate = hold_the_run(&cell);
    let reading = snapshot(&cell, Target::run(NAMESPACE, id.as_str(), run));
    gate.arrived().await;
    cell.clock.step(RETENTION + HOUR_MS * 1_000_000);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| !out.deleted().is_empty()).await;
    cell.runtime.checkpoint_all().await.unwrap();
    let stored = cell.engine().expired(ShardId(0), i64::MAX, 9).await.unwrap();
    assert_eq!(stored, [], "its rows are gone");
    gate.release();
    assert_eq!(reading.await.unwrap(), None);
    let target = Target::run(NAMESPACE, id.as_str(), run);
    assert!(cell.runtime.read(&target, |view| view.run.is_none()).await.unwrap(), "nor for who asks later");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_owner_changes_while_it_is_read_is_read_again() {
    let cell = forgetful().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    let gate = hold_the_run(&cell);
    let reading = snapshot(&cell, current(&id));
    gate.arrived().await;
    let other = cell.another().await;
    other.run(&id, signal("meanwhile")).await.unwrap();
    let changed = snapshot(&other, current(&id)).await.unwrap();
    other.runtime.checkpoint_all().await.unwrap();
    cell.acquire(&[ShardId(0)]).await;
    gate.release();
    assert_eq!(reading.await.unwrap(), changed);
    assert_eq!(cell.signals(&id).await, ["meanwhile"]);
}

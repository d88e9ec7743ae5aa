//! Runs that are small when they are stored, and large in memory.

use crate::fixture::*;
use cell_shard::{Origin, ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use std::time::Duration;

const BUDGET: usize = 16 << 20;
/// What each of them takes in memory, at least.
const LARGE: usize = 2 << 20;
const RUNS: usize = 10;

/// Runs of the first shard that left memory and wait for the same moment, a minute ahead.
async fn gone(cell: &Cell) -> Vec<String> {
    let ids: Vec<String> = (0..RUNS).map(|n| id_on(0, n)).collect();
    for id in &ids {
        cell.run(id, start()).await.unwrap();
        let activities = ["a", "b", "c", "d"].map(|id| spread_activity(id, 1_000));
        cell.work(id, activities.into_iter().chain([timer("t", 60)]).collect()).await;
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!(cell.runtime.resident_ids(), 0);
    }
    ids
}

async fn has_fired(cell: &Cell, id: &str) -> bool {
    let target = current(id);
    loop {
        let fired = cell.runtime.read_for(Origin::Cell, &target, |view| {
            view.run.is_some_and(|run| run.workflow_task().waiting().is_some())
        });
        match fired.await {
            Err(ShardError::NoMemory) => tokio::time::sleep(Duration::from_millis(100)).await,
            fired => return fired.unwrap(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn runs_that_are_due_at_the_same_moment_are_restored_as_memory_has_room_for_them() {
    restored_as_memory_has_room(async |cell| cell).await;
}

/// What the next process knows of them is what their rows say.
#[tokio::test(start_paused = true)]
async fn runs_that_another_process_stored_are_restored_as_memory_has_room_for_them_too() {
    restored_as_memory_has_room(async |cell| cell.another().await).await;
}

/// Runs are due at the same moment, in the cell that `next` makes of that in which they were stored.
async fn restored_as_memory_has_room(next: impl AsyncFnOnce(Cell) -> Cell) {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, BUDGET).await;
    let ids = gone(&cell).await;
    let cell = next(cell).await;
    // Nothing that was woken can be let go of meanwhile.
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    cell.clock.step(61 * SECOND);
    cell.runtime.wake_all_due().await;
    let memory = cell.runtime.memory();
    let used = memory.used();
    assert!(used > BUDGET / 2 && used < BUDGET + 2 * LARGE, "all of them take 29 MiB: {memory:?}");
    gate.release();
    for _ in 0..RUNS {
        cell.clock.step(2 * SECOND);
        tokio::time::sleep(Duration::from_secs(2)).await;
        cell.runtime.wake_all_due().await;
        assert!(memory.used() < BUDGET + 2 * LARGE, "{memory:?}");
    }
    for id in &ids {
        assert!(has_fired(&cell, id).await, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_larger_than_all_that_there_is_comes_where_nothing_else_does() {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, BUDGET).await;
    let ids = gone(&cell).await;
    let small = cell.another_with_budget(LARGE).await;
    for origin in [Origin::Worker, Origin::Client] {
        for id in &ids {
            let target = current(id);
            let read = small.runtime.read_for(origin, &target, |view| view.run.is_some());
            assert!(read.await.unwrap(), "{origin:?}");
            small.runtime.relieve_memory().await.unwrap();
            assert_eq!(small.runtime.resident_ids(), 0);
        }
    }
}

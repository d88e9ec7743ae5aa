//! Large runs: a checkpoint writes what changed of them, and whatever fails, they come back as they were.

use crate::fixture::*;
use bytes::Bytes;
use cell_engine::commands::{
    ActivityRef, RecordActivityHeartbeat, RecordActivityStarted, RespondActivityCompleted,
};
use cell_memory::Owner;
use cell_shard::{ShardConfig, ShardError, Target};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{Checkpoint, Chunk, EntityKey, EntityRow, ShardId, StoreError};
use futures::FutureExt;
use futures::future::join_all;

const ACTIVITIES: i64 = 2_000;
/// SCHEDULED event of the first activity.
const FIRST: i64 = 5;

/// Starts a run in which this many activities are pending.
async fn start_large(cell: &Cell, id: &str, activities: i64) {
    cell.run(id, start()).await.unwrap();
    cell.work(id, (0..activities).map(|n| activity(&n.to_string(), 600)).collect()).await;
}

async fn begin(cell: &Cell, id: &str, scheduled_event_id: i64) -> ActivityRef {
    let started =
        cell.run(id, RecordActivityStarted { scheduled_event_id, ..Default::default() }).await.unwrap();
    ActivityRef::Token { scheduled_event_id, attempt: started.attempt, nonce: started.nonce }
}

async fn complete(cell: &Cell, id: &str, activity: ActivityRef) {
    let completed = RespondActivityCompleted { activity, result: None, identity: String::new() };
    cell.run(id, completed).await.unwrap();
}

async fn checkpoint(cell: &Cell) -> usize {
    let before = cell.ledger.written().snapshots;
    cell.runtime.checkpoint_all().await.unwrap();
    cell.ledger.written().snapshots - before
}

async fn run_key(cell: &Cell, id: &str) -> EntityKey {
    let target = current(id);
    let run_id = cell.runtime.read(&target, |view| view.run.map(|run| run.run_id()));
    EntityKey::run(NAMESPACE, id, run_id.await.unwrap().expect("it was started"))
}

/// The stored row of a run.
async fn stored(cell: &Cell, key: &EntityKey) -> Option<EntityRow> {
    cell.store.stores().shards.load(&[(ShardId(0), key.clone())], usize::MAX).await.unwrap().remove(0)
}

async fn assert_same(a: &Cell, b: &Cell, id: &str) {
    let id = [id.to_owned()];
    assert!(a.snapshots(&id).await == b.snapshots(&id).await, "another state");
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_writes_what_changed_and_the_rest_is_there_after_a_crash() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let id = id_on(0, 0);
    start_large(&cell, &id, ACTIVITIES).await;
    let first = checkpoint(&cell).await;
    let mut activity = begin(&cell, &id, FIRST + 700).await;
    for n in 0..3 {
        let bytes = checkpoint(&cell).await;
        println!("{bytes} bytes, after {first} for all {ACTIVITIES} activities");
        assert!(first > 150_000 && bytes > 0 && bytes < 16 << 10, "{bytes} bytes, after {first}");
        complete(&cell, &id, activity).await;
        activity = begin(&cell, &id, FIRST + n).await;
    }
    checkpoint(&cell).await;
    // The tail holds one more step.
    cell.run(&id, RecordActivityHeartbeat { activity: activity.clone(), details: None }).await.unwrap();
    disk.crash(0);
    let again = cell.another().await;
    assert_same(&again, &cell, &id).await;
    complete(&again, &id, activity).await;
    let bytes = checkpoint(&again).await;
    assert!(bytes < 16 << 10, "{bytes} bytes by the new owner");
    assert_same(&again.another().await, &again, &id).await;
}

#[tokio::test(start_paused = true)]
async fn no_change_is_lost_with_a_checkpoint_that_fails() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 200).await;
    checkpoint(&cell).await;
    let away = || StoreError::Unavailable("away".into());
    for (n, fault) in [Fault::Before(away()), Fault::After(away())].into_iter().enumerate() {
        let activity = begin(&cell, &id, FIRST + 40 * n as i64).await;
        cell.store.script(Call::Checkpoint, fault);
        cell.runtime.checkpoint_all().await.unwrap_err();
        complete(&cell, &id, activity).await;
        begin(&cell, &id, FIRST + 100 + 40 * n as i64).await;
        checkpoint(&cell).await;
        assert_same(&cell.another().await, &cell, &id).await;
        // This one goes on: it takes its shards back.
        cell.acquire(&(0..SHARDS).map(ShardId).collect::<Vec<_>>()).await;
    }
    let gate = Gate::new();
    begin(&cell, &id, FIRST + 150).await;
    cell.store.script(Call::Checkpoint, Fault::HoldAfter(gate.clone()));
    let mut writing = Box::pin(cell.runtime.checkpoint_all());
    assert!((&mut writing).now_or_never().is_none());
    gate.arrived().await;
    begin(&cell, &id, FIRST + 151).await;
    gate.release();
    writing.await.unwrap();
    checkpoint(&cell).await;
    disk.crash(0);
    assert_same(&cell.another().await, &cell, &id).await;
}

/// A budget that has room for all of these at once, and one read for about half of them.
const SCARCE: usize = 24 << 20;
const ONE_READ: usize = SCARCE / 32;

/// Runs that left memory, of 75 KB and more each, and many small ones.
async fn large_and_small(cell: &Cell) -> (Vec<String>, Vec<String>) {
    let (large, small): (Vec<String>, Vec<String>) =
        ((0..12).map(|n| id_on(0, n)).collect(), (12..76).map(|n| id_on(0, n)).collect());
    for id in &large {
        start_large(cell, id, 1_000).await;
        checkpoint(cell).await;
    }
    for id in &small {
        cell.run(id, start()).await.unwrap();
    }
    checkpoint(cell).await;
    assert_eq!(cell.runtime.resident_ids(), 0);
    (large, small)
}

#[tokio::test(start_paused = true)]
async fn one_read_brings_no_more_large_runs_than_there_is_room_for() {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, SCARCE).await;
    let (large, small) = large_and_small(&cell).await;
    // From these it looks as if many could be read at once.
    for id in &small {
        assert!(cell.runtime.read(&current(id), |view| view.run.is_some()).await.unwrap());
    }
    cell.ledger.take_largest_load();
    let targets: Vec<Target> = large.iter().map(|id| current(id)).collect();
    let reads = targets.iter().map(|target| cell.runtime.read(target, |view| view.run.is_some()));
    assert!(join_all(reads).await.into_iter().all(|found| found.unwrap()));
    let largest = cell.ledger.take_largest_load();
    assert!((ONE_READ / 2..=ONE_READ).contains(&largest), "{largest} bytes of {ONE_READ}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_read_holds_no_memory_for_it() {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, SCARCE).await;
    let (large, small) = large_and_small(&cell).await;
    // From this one it looks as if all were large.
    assert!(cell.runtime.read(&current(&large[0]), |view| view.run.is_some()).await.unwrap());
    let gate = Gate::new();
    cell.store.script(Call::Load, Fault::HoldBefore(gate.clone()));
    let targets: Vec<Target> = small.iter().map(|id| current(id)).collect();
    let mut reads =
        join_all(targets.iter().map(|target| cell.runtime.read(target, |view| view.run.is_some())));
    assert!((&mut reads).now_or_never().is_none());
    gate.arrived().await;
    let held = cell.runtime.memory().of(Owner::Loads);
    assert!((1..=ONE_READ).contains(&held), "{held} bytes of {ONE_READ}");
    gate.release();
    assert!(reads.await.into_iter().all(|found| found.unwrap()));
    assert_eq!(cell.runtime.memory().of(Owner::Loads), 0);
}

#[tokio::test(start_paused = true)]
async fn a_takeover_reads_large_runs_of_its_tail_a_few_at_a_time() {
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, SCARCE).await;
    let (large, small) = large_and_small(&cell).await;
    for id in large.iter().chain(&small) {
        cell.run(id, signal("in the tail")).await.unwrap();
    }
    cell.ledger.take_largest_load();
    let again = cell.another().await;
    let largest = cell.ledger.take_largest_load();
    assert!((ONE_READ / 2..=ONE_READ).contains(&largest), "{largest} bytes of {ONE_READ}");
    for id in large.iter().chain(&small) {
        assert_eq!(again.signals(id).await, ["in the tail"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_run_is_let_go_comes_back_and_becomes_small_again() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 60).await;
    let key = run_key(&cell, &id).await;
    let before = cell.snapshots(std::slice::from_ref(&id)).await;
    for n in 0..60 {
        checkpoint(&cell).await;
        assert_eq!(cell.runtime.open_runs(), 0, "only stored tasks wait");
        if n == 0 {
            assert!(cell.snapshots(std::slice::from_ref(&id)).await == before);
        }
        let activity = begin(&cell, &id, FIRST + n).await;
        complete(&cell, &id, activity).await;
    }
    checkpoint(&cell).await;
    let row = stored(&cell, &key).await;
    assert_eq!(row.expect("stored").chunks, []);
    cell.run(&id, terminate()).await.unwrap();
    assert_same(&cell.another().await, &cell, &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_chunks_do_not_fit_is_kept_aside_and_its_shard_serves_on() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let (bad, good) = (id_on(0, 0), id_on(0, 1));
    start_large(&cell, &bad, 60).await;
    start_large(&cell, &good, 60).await;
    let key = run_key(&cell, &bad).await;
    checkpoint(&cell).await;
    let mut row = stored(&cell, &key).await.expect("stored");
    let lost = Chunk { data: Bytes::new(), ..row.chunks[1].clone() };
    row.chunks = vec![lost];
    let slice = Checkpoint { entities: vec![row], ..cell.slice().await };
    cell.store.stores().shards.checkpoint(&slice).await.unwrap();
    let again = cell.another().await;
    let answer = again.run(&bad, signal("s")).await;
    assert!(matches!(answer, Err(ShardError::Quarantined(_))), "{answer:?}");
    again.run(&good, signal("s")).await.unwrap();
    again.runtime.checkpoint_all().await.unwrap();
    let kept = stored(&again, &key).await.expect("its rows are kept");
    assert!(!kept.chunks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn chunks_of_an_expired_run_go() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    start_large(&cell, &id, 60).await;
    checkpoint(&cell).await;
    let key = run_key(&cell, &id).await;
    let row = stored(&cell, &key).await.expect("stored");
    assert!(!row.chunks.is_empty());
    cell.run(&id, terminate()).await.unwrap();
    checkpoint(&cell).await;
    cell.clock.step(RETENTION + 3_600 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| !out.deleted().is_empty()).await;
    checkpoint(&cell).await;
    let target = Target::run(NAMESPACE, id.as_str(), key.run_id);
    assert!(!cell.runtime.read(&target, |view| view.run.is_some()).await.unwrap());
    assert_eq!(stored(&cell, &key).await, None);
    // A row of that name finds nothing of the old one.
    let bare = EntityRow { chunks: vec![], ..row };
    let again = Checkpoint { entities: vec![bare.clone()], ..cell.slice().await };
    cell.store.stores().shards.checkpoint(&again).await.unwrap();
    assert_eq!(stored(&cell, &key).await, Some(bare));
}

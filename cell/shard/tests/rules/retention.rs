//! Retention deletes closed runs, bills them until they were due, and they stay gone; below, what holds it up.

mod held_up;

use crate::fixture::*;
use atoll_internal_api::entity::EntityKind;
use atoll_internal_api::log::v1::EntitiesDeleted;
use atoll_internal_api::log::v1::record::ShardFact;
use atoll_internal_api::usage::v1::UsageEntry;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use cell_engine::EffectKey;
use cell_engine::commands::{BackOffMessage, ParentLink, RecordListenerTold, StartWorkflow};
use cell_shard::{HOUR_MS, ShardConfig, Target};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{Checkpoint, EntityKey, EntityRow, ShardId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const HOUR: i64 = HOUR_MS * 1_000_000;

/// (moment, bytes) of every removal that a shard logged.
fn removals(cell: &Cell, shard: ShardId) -> Vec<(i64, i64)> {
    let usage = cell.ledger.records(shard).into_iter().flat_map(|record| record.usage);
    let removal = |entry: UsageEntry| match entry.kind {
        Some(Kind::Storage(delta)) => Some((entry.at_ms, delta.bytes)),
        _ => None,
    };
    usage.filter_map(removal).collect()
}

/// When the run of an id is due for deletion, Unix milliseconds, and its bytes.
async fn due(cell: &Cell, id: &str) -> (i64, i64) {
    let target = current(id);
    let seen = cell.runtime.read(&target, |view| {
        let run = view.run.unwrap();
        (run.delete_at().unwrap().millis_up(), run.billed_bytes() as i64)
    });
    seen.await.unwrap()
}

/// Nothing stays in memory behind a checkpoint.
fn forgetful() -> ShardConfig {
    ShardConfig { resident_entities: 0, ..config() }
}

/// What a shard's log says of deletions.
fn deletions(cell: &Cell) -> Vec<EntitiesDeleted> {
    let records = cell.ledger.records(ShardId(0)).into_iter();
    let deleted = records.filter_map(|record| match record.shard_fact {
        Some(ShardFact::EntitiesDeleted(deleted)) => Some(deleted),
        _ => None,
    });
    deleted.collect()
}

/// The current run of an id, if there is one.
async fn run_id(cell: &Cell, id: &str) -> Option<Uuid> {
    let target = current(id);
    cell.runtime.read(&target, |view| view.run.map(|run| run.run_id())).await.unwrap()
}

/// Makes the stored row of a run say that the run was closed and due long ago, with one byte.
async fn falsify_row(cell: &Cell, id: &str) {
    let shard = ShardId(0);
    let store = cell.store.stores().shards;
    let key = EntityKey::run(NAMESPACE, id, run_id(cell, id).await.unwrap());
    let row = store.load(&[(shard, key)], usize::MAX).await.unwrap().remove(0).expect("stored");
    let row = EntityRow { closed: true, delete_at_ms: Some(1), billed_bytes: 1, ..row };
    let slice = Checkpoint { entities: vec![row], ..cell.slice().await };
    store.checkpoint(&slice).await.unwrap();
}

/// The start of a run whose parent is to be told how it ends.
fn child() -> StartWorkflow {
    StartWorkflow {
        parent: Some(ParentLink {
            namespace_id: NAMESPACE,
            execution: atoll_api::temporal::api::common::v1::WorkflowExecution {
                workflow_id: "parent".into(),
                run_id: uuid::Uuid::from_u128(5).to_string(),
            },
            initiated_event_id: 5,
            ..Default::default()
        }),
        ..start()
    }
}

async fn closed(cell: &Cell, id: &str) -> (i64, i64) {
    cell.run(id, start()).await.unwrap();
    cell.run(id, terminate()).await.unwrap();
    due(cell, id).await
}

async fn assert_gone(cell: &Cell, id: &str) {
    let target = current(id);
    let found = cell.runtime.read(&target, |view| (view.run.is_some(), view.current.is_some()));
    assert_eq!(found.await.unwrap(), (false, false), "{id}");
    assert!(cell.runtime.history(&target, 1, i64::MAX).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn billed_until_due_and_gone_for_good() {
    let cell = Cell::new().await;
    let (id, open) = (id_on(0, 0), id_on(0, 1));
    let (due_ms, bytes) = closed(&cell, &id).await;
    cell.run(&open, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(RETENTION - SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(removals(&cell, ShardId(0)), [], "not due yet");
    cell.clock.step(2 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_gone(&cell, &id).await;
    cell.out.until(|out| !out.deleted().is_empty()).await;
    assert_eq!(removals(&cell, ShardId(0)), [(due_ms, -bytes)], "the moment it was due, not later");
    let own = cell.out.look(|out| out.deleted());
    assert_eq!(own.len(), 2, "the run and its current-run record: {own:?}");

    // From the tail over a stored snapshot, then without the tail.
    let again = cell.another().await;
    assert_gone(&again, &id).await;
    again.runtime.checkpoint_all().await.unwrap();
    let key = (ShardId(0), EntityKey::current_run(NAMESPACE, id.as_str()));
    assert_eq!(again.store.stores().shards.load(&[key], usize::MAX).await.unwrap(), [None]);
    let last = again.another().await;
    assert_gone(&last, &id).await;
    last.runtime.turn_hours_all().await.unwrap();
    assert_eq!(removals(&last, ShardId(0)).len(), 1, "billed once");
    assert_eq!(last.history(&open, 1, i64::MAX).await.len(), 2);
    last.run(&id, start()).await.unwrap();
    assert_eq!(last.history(&id, 1, i64::MAX).await.len(), 2, "the id is free again");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_at_this_moment_goes() {
    for config in [config(), forgetful()] {
        let cell = Cell::with(config).await;
        let id = id_on(0, 0);
        let (due_ms, bytes) = closed(&cell, &id).await;
        cell.runtime.checkpoint_all().await.unwrap();
        cell.clock.step(RETENTION - SECOND / 1_000);
        cell.runtime.turn_hours_all().await.unwrap();
        cell.clock.step(SECOND / 1_000);
        assert_eq!(cell.clock.millis(), due_ms);
        assert_eq!(removals(&cell, ShardId(0)), []);
        cell.runtime.turn_hours_all().await.unwrap();
        assert_gone(&cell, &id).await;
        assert_eq!(removals(&cell, ShardId(0)), [(due_ms, -bytes)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_with_something_left_to_do_stays_and_is_never_billed_in_a_sealed_hour() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, child()).await.unwrap();
    cell.run(&id, terminate()).await.unwrap();
    let (due_ms, bytes) = due(&cell, &id).await;
    cell.clock.step(RETENTION + 5 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(removals(&cell, ShardId(0)), [], "its parent does not know yet");
    cell.runtime.checkpoint_all().await.unwrap();
    let cell = cell.another().await;
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(removals(&cell, ShardId(0)), [], "nor after a takeover");
    cell.run(&id, RecordListenerTold(0)).await.unwrap();
    cell.runtime.turn_hours_all().await.unwrap();
    assert_gone(&cell, &id).await;
    let now = cell.clock.millis();
    let this_hour = now - now.rem_euclid(HOUR_MS);
    assert!(due_ms < this_hour);
    assert_eq!(removals(&cell, ShardId(0)), [(this_hour, -bytes)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_message_backs_off_stays_until_it_is_told() {
    for stored in [false, true] {
        let cell = Cell::with(forgetful()).await;
        let id = id_on(0, 0);
        cell.run(&id, child()).await.unwrap();
        cell.run(&id, terminate()).await.unwrap();
        cell.clock.step(RETENTION + 5 * HOUR);
        cell.run(&id, BackOffMessage(EffectKey::Listener(0))).await.unwrap();
        if stored {
            cell.runtime.checkpoint_all().await.unwrap();
            let expired = cell.store.stores().shards.expired(ShardId(0), i64::MAX, 9).await.unwrap();
            assert_eq!(expired, [], "its row is not due either");
            assert_eq!(cell.runtime.resident_ids(), 0);
        }
        cell.runtime.turn_hours_all().await.unwrap();
        assert!(run_id(&cell, &id).await.is_some(), "its parent does not know yet; stored: {stored}");
        cell.run(&id, RecordListenerTold(0)).await.unwrap();
        cell.runtime.turn_hours_all().await.unwrap();
        assert_gone(&cell, &id).await;
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_a_batch_is_deleted_before_its_hour_is_sealed() {
    for resident_entities in [0, 200] {
        let config = ShardConfig { retention_batch: 2, resident_entities, ..config() };
        let cell = Cell::with(config).await;
        let mut expected = BTreeMap::new();
        for n in 0..7 {
            cell.clock.step(SECOND);
            let (due_ms, bytes) = closed(&cell, &id_on(0, n)).await;
            expected.insert(due_ms, -bytes);
        }
        cell.runtime.checkpoint_all().await.unwrap();
        let cell = cell.another().await;
        cell.clock.step(RETENTION + 3 * HOUR);
        cell.runtime.turn_hours_all().await.unwrap();
        for n in 0..7 {
            assert_gone(&cell, &id_on(0, n)).await;
        }
        let removed: BTreeMap<i64, i64> = removals(&cell, ShardId(0)).into_iter().collect();
        assert_eq!(removed, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_not_durable_does_not_let_its_run_be_trimmed() {
    for reused in [false, true] {
        let (cell, disk) = Cell::on_disk(config()).await;
        let id = id_on(0, 0);
        let (due_ms, bytes) = closed(&cell, &id).await;
        let gate = Gate::new();
        cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
        cell.clock.step(RETENTION + SECOND);
        cell.runtime.turn_hours_all().await.unwrap();
        gate.arrived().await;
        let mut again = cell.begin_run(&id, start());
        if reused {
            // The id is in use again before its deletion is durable.
            assert!(futures::FutureExt::now_or_never(&mut again).is_none());
        }
        // It waits for the new run's record to be durable, which never comes.
        let checkpoint = tokio::time::timeout(Duration::from_secs(60), cell.runtime.checkpoint_all()).await;
        assert_eq!(checkpoint.is_err(), reused);
        disk.crash(0);
        gate.release();
        let next = cell.another().await;
        assert_eq!(due(&next, &id).await, (due_ms, bytes), "the run is still there");
        next.runtime.turn_hours_all().await.unwrap();
        assert_gone(&next, &id).await;
        assert_eq!(removals(&next, ShardId(0)), [(due_ms, -bytes)]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_a_shard_was_lost_deletes_nothing_after_it_was_taken_back() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    let (due_ms, bytes) = closed(&cell, &id).await;
    cell.runtime.checkpoint_all().await.unwrap();
    let cell = cell.another().await;
    cell.clock.step(RETENTION + HOUR);
    let gate = Gate::new();
    cell.store.script(Call::Expired, Fault::HoldAfter(gate.clone()));
    let runtime = Arc::clone(&cell.runtime);
    let held = tokio::spawn(async move { runtime.turn_hours_all().await });
    gate.arrived().await;
    // Another owner deletes it meanwhile, rows and all.
    let other = cell.another().await;
    other.runtime.turn_hours_all().await.unwrap();
    other.runtime.checkpoint_all().await.unwrap();
    cell.acquire(&[ShardId(0)]).await;
    gate.release();
    held.await.unwrap().unwrap();
    cell.runtime.turn_hours_all().await.unwrap();
    assert_gone(&cell, &id).await;
    assert_eq!(removals(&cell, ShardId(0)), [(due_ms, -bytes)], "billed once");
}

#[tokio::test(start_paused = true)]
async fn stored_runs_go_without_being_loaded() {
    let cell = Cell::with(forgetful()).await;
    let mut expected = Vec::new();
    for n in 0..3 {
        cell.clock.step(SECOND);
        let (due_ms, bytes) = closed(&cell, &id_on(0, n)).await;
        expected.push((due_ms, -bytes));
    }
    let reused = id_on(0, 2);
    cell.run(&reused, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.clock.step(RETENTION + SECOND);
    cell.ledger.take_loads();
    cell.runtime.turn_hours_all().await.unwrap();
    let loads = cell.ledger.take_loads();
    assert_eq!(loads.len(), 3, "one current-run record for each id: {loads:?}");
    assert!(loads.iter().all(|key| key.kind == EntityKind::CURRENT_RUN), "{loads:?}");
    for n in 0..2 {
        assert_gone(&cell, &id_on(0, n)).await;
    }
    assert_eq!(cell.history(&reused, 1, i64::MAX).await.len(), 2);
    cell.out.until(|out| out.deleted().len() == 5).await;
    let deletions = deletions(&cell);
    assert_eq!(deletions.len(), 1, "one record");
    assert_eq!(deletions[0].records.len(), 2, "not the one of the id in use");
    let mut logged: Vec<_> =
        deletions[0].entities.iter().map(|run| (run.delete_at_ms, -(run.billed_bytes as i64))).collect();
    logged.sort();
    assert_eq!(logged, expected);
    let mut removed = removals(&cell, ShardId(0));
    removed.sort();
    assert_eq!(removed, expected);
}

#[tokio::test(start_paused = true)]
async fn a_crash_on_either_side_of_the_checkpoint_bills_a_stored_run_once() {
    for checkpointed in [false, true] {
        let (cell, disk) = Cell::on_disk(forgetful()).await;
        let id = id_on(0, 0);
        let (due_ms, bytes) = closed(&cell, &id).await;
        cell.runtime.checkpoint_all().await.unwrap();
        cell.clock.step(RETENTION + SECOND);
        cell.runtime.turn_hours_all().await.unwrap();
        cell.out.until(|out| !out.deleted().is_empty()).await;
        if checkpointed {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        disk.crash(0);
        let next = cell.another().await;
        assert_gone(&next, &id).await;
        next.clock.step(2 * HOUR);
        next.runtime.turn_hours_all().await.unwrap();
        next.runtime.checkpoint_all().await.unwrap();
        next.runtime.turn_hours_all().await.unwrap();
        assert_gone(&next.another().await, &id).await;
        assert_eq!(removals(&next, ShardId(0)), [(due_ms, -bytes)], "checkpointed: {checkpointed}");
    }
}

#[tokio::test(start_paused = true)]
async fn memory_decides_over_rows_that_are_old() {
    // Old rows fill whole batches in front of the run that is really due.
    let cell = Cell::with(ShardConfig { retention_batch: 1, ..config() }).await;
    let (stored, clean, dirty) = (id_on(0, 0), id_on(0, 1), id_on(0, 2));
    let (stored_due, stored_bytes) = closed(&cell, &stored).await;
    cell.runtime.checkpoint_all().await.unwrap();
    let cell = cell.another().await;
    cell.clock.step(HOUR);
    let (clean_due, clean_bytes) = closed(&cell, &clean).await;
    cell.run(&dirty, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    cell.clock.step(SECOND);
    cell.run(&dirty, terminate()).await.unwrap();
    let (dirty_due, dirty_bytes) = due(&cell, &dirty).await;
    for id in [&clean, &dirty] {
        falsify_row(&cell, id).await;
    }
    cell.clock.step(RETENTION - HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.deleted().len() == 2).await;
    assert_eq!(removals(&cell, ShardId(0)), [(stored_due, -stored_bytes)]);
    cell.clock.step(2 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.deleted().len() == 6).await;
    let mut removed = removals(&cell, ShardId(0));
    removed.sort();
    let all = [(stored_due, -stored_bytes), (clean_due, -clean_bytes), (dirty_due, -dirty_bytes)];
    assert_eq!(removed, all);
    for id in [&stored, &clean, &dirty] {
        assert_gone(&cell, id).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    let left = cell.store.stores().shards.expired(ShardId(0), i64::MAX, 9).await.unwrap();
    assert_eq!(left, []);
    assert_gone(&cell.another().await, &dirty).await;
}

#[tokio::test(start_paused = true)]
async fn an_id_in_use_again_keeps_its_new_run_over_a_crash() {
    for (before, sliced) in [(true, false), (true, true), (false, false), (false, true)] {
        let (cell, disk) = Cell::on_disk(forgetful()).await;
        let id = id_on(0, 0);
        let (due_ms, bytes) = closed(&cell, &id).await;
        let old = run_id(&cell, &id).await.unwrap();
        cell.runtime.checkpoint_all().await.unwrap();
        if before {
            cell.run(&id, start()).await.unwrap();
        }
        cell.clock.step(RETENTION + SECOND);
        cell.runtime.turn_hours_all().await.unwrap();
        cell.out.until(|out| !out.deleted().is_empty()).await;
        if !before {
            cell.run(&id, start()).await.unwrap();
        }
        let new = run_id(&cell, &id).await;
        assert!(new.is_some_and(|new| new != old));
        if sliced {
            // The new records are stored, and the log still begins before the deletion.
            cell.ledger.refuse_advances(true);
            assert!(cell.runtime.checkpoint_all().await.is_err());
            cell.ledger.refuse_advances(false);
        }
        disk.crash(0);
        let mut next = cell.another().await;
        for _ in 0..2 {
            assert_eq!(run_id(&next, &id).await, new, "before {before}, sliced {sliced}");
            assert_eq!(next.history(&id, 1, i64::MAX).await.len(), 2);
            let target = Target::run(NAMESPACE, id.as_str(), old);
            assert!(next.runtime.history(&target, 1, i64::MAX).await.unwrap().is_none());
            next.runtime.checkpoint_all().await.unwrap();
            next = next.another().await;
        }
        assert_eq!(deletions(&next)[0].records.is_empty(), before);
        assert_eq!(removals(&next, ShardId(0)), [(due_ms, -bytes)]);
    }
}

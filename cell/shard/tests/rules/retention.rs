//! Retention deletes closed runs, bills them until they were due, and they stay gone.

use crate::fixture::*;
use atoll_internal_api::usage::v1::UsageEntry;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use cell_engine::commands::{ParentLink, RecordParentNotified, StartWorkflow};
use cell_shard::{HOUR_MS, ShardConfig};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{EntityKey, ShardId};
use std::collections::BTreeMap;

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
    assert_eq!(again.store.stores().shards.load(&[key]).await.unwrap(), [None]);
    let last = again.another().await;
    assert_gone(&last, &id).await;
    last.runtime.turn_hours_all().await.unwrap();
    assert_eq!(removals(&last, ShardId(0)).len(), 1, "billed once");
    assert_eq!(last.history(&open, 1, i64::MAX).await.len(), 2);
    last.run(&id, start()).await.unwrap();
    assert_eq!(last.history(&id, 1, i64::MAX).await.len(), 2, "the id is free again");
}

#[tokio::test(start_paused = true)]
async fn a_run_with_something_left_to_do_stays_and_is_never_billed_in_a_sealed_hour() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    let child = StartWorkflow {
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
    };
    cell.run(&id, child).await.unwrap();
    cell.run(&id, terminate()).await.unwrap();
    let (due_ms, bytes) = due(&cell, &id).await;
    cell.clock.step(RETENTION + 5 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(removals(&cell, ShardId(0)), [], "its parent does not know yet");
    cell.run(&id, RecordParentNotified).await.unwrap();
    cell.runtime.turn_hours_all().await.unwrap();
    assert_gone(&cell, &id).await;
    let now = cell.clock.millis();
    let this_hour = now - now.rem_euclid(HOUR_MS);
    assert!(due_ms < this_hour);
    assert_eq!(removals(&cell, ShardId(0)), [(this_hour, -bytes)]);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_batch_is_deleted_before_its_hour_is_sealed() {
    for resident_workflows in [0, 100] {
        let config = ShardConfig { retention_batch: 2, resident_workflows, ..config() };
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
        cell.runtime.checkpoint_all().await.unwrap();
        disk.crash(0);
        gate.release();
        let next = cell.another().await;
        assert_eq!(due(&next, &id).await, (due_ms, bytes), "the run is still there");
        next.runtime.turn_hours_all().await.unwrap();
        assert_gone(&next, &id).await;
        assert_eq!(removals(&next, ShardId(0)), [(due_ms, -bytes)]);
    }
}

//! Tasks that wait for a worker stand in the store: their runs need not be in memory, and nothing is lost.

use crate::fixture::*;
use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::enums::v1::EventType;
use cell_engine::{EffectKind, EntityMessage};
use cell_shard::ShardConfig;
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{ShardId, StoreError, WaitingType};
use futures::FutureExt;
use std::time::Duration;

fn none_resident() -> ShardConfig {
    ShardConfig { resident_entities: 0, ..config() }
}

/// An activity that must be started within so many seconds.
fn hurried_activity(id: &str, seconds: i64) -> WorkflowCommand {
    let mut command = activity(id, 0);
    if let Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)) = &mut command.attributes {
        attributes.schedule_to_start_timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    }
    command
}

#[tokio::test(start_paused = true)]
async fn runs_that_only_wait_are_let_go_and_not_loaded_at_takeover() {
    let cell = Cell::with(none_resident()).await;
    let ids: Vec<String> = (0..30).map(|n| format!("w{n}")).collect();
    for id in &ids {
        cell.clock.step(SECOND);
        cell.run(id, start()).await.unwrap();
    }
    assert_eq!(cell.waiting().await, [], "nothing was written yet");
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);

    let again = cell.another().await;
    assert_eq!(again.runtime.resident_ids(), 0);
    assert_eq!(again.out.look(|out| out.effects.len()), 0, "nobody is told: the table says it");
    let rows = again.waiting().await;
    let order: Vec<&str> = rows.iter().map(|row| &*row.key.id).collect();
    assert_eq!(order, ids, "by age, over all shards");
    let behind = &rows[9].key;
    for (after, limit, count) in [(None, 99, 30), (None, 7, 7), (Some(behind), 99, 20)] {
        let counted = again.runtime.waiting_count(&queue(WaitingType::Workflow), after, limit).await.unwrap();
        assert_eq!(counted, count);
    }
    for row in &rows {
        let take = cell_engine::commands::RecordWorkflowTaskStarted {
            scheduled_event_id: row.key.scheduled_event_id,
            stamp: row.stamp,
            ..take_first_task()
        };
        again.run(&row.key.id, take).await.expect("it still waits");
        // The answer to a start does not wait for the start itself.
        again.runtime.read(&current(&row.key.id), |_| ()).await.unwrap();
    }
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(again.waiting().await, [], "nothing waits any more");
    assert_eq!(again.runtime.resident_ids(), 0, "a started task keeps nobody in memory either");
}

#[tokio::test(start_paused = true)]
async fn who_has_messages_to_send_is_loaded_at_takeover() {
    let cell = Cell::with(none_resident()).await;
    cell.run("parent", start()).await.unwrap();
    cell.work("parent", vec![child("child"), activity("a", 0)]).await;
    cell.run("waits", start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 1, "nobody else knows of the message");
    let again = cell.another().await;
    let told = again.out.look(|out| out.effects.clone());
    assert!(told.iter().all(|(_, key, _)| *key.id == *"parent"), "{told:?}");
    assert!(
        told.iter()
            .any(|(_, _, effect)| matches!(effect.kind, EffectKind::Send(EntityMessage::StartChild(_)))),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_starts_in_time_is_timed_out_without_its_run_in_memory() {
    let cell = Cell::with(none_resident()).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![hurried_activity("a", 60)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    let activities = queue(WaitingType::Activity);
    assert_eq!(cell.runtime.waiting(&activities, None, 9).await.unwrap().len(), 1);
    let again = cell.another().await;
    again.clock.step(61 * SECOND);
    again.out.until(|out| !out.effects.is_empty()).await;
    let timed_out = again.history("w", 1, i64::MAX).await;
    assert!(timed_out.iter().any(|event| event.event_type() == EventType::ActivityTaskTimedOut));
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(again.runtime.waiting(&activities, None, 9).await.unwrap(), []);
    assert_eq!(again.waiting().await.len(), 1, "the workflow hears of it");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_could_start_during_a_takeover_gets_the_grace() {
    let grace = Duration::from_secs(10);
    let cell = Cell::with(ShardConfig { takeover_grace: grace, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![hurried_activity("a", 60)]).await;
    cell.clock.step(120 * 1_000_000_000);
    let again = cell.another().await;
    let timed_out = async || {
        again.runtime.wake_all_due().await;
        let history = again.history("w", 1, i64::MAX).await;
        history.iter().any(|event| event.event_type() == EventType::ActivityTaskTimedOut)
    };
    again.clock.step(9 * 1_000_000_000);
    assert!(!timed_out().await, "a worker may yet come");
    again.clock.step(1_000_000_000);
    assert!(timed_out().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_durable_yet_is_stored_once_it_is() {
    let cell = Cell::new().await;
    let (hot, cold) = (id_on(0, 0), id_on(0, 1));
    cell.run(&hot, start()).await.unwrap();
    cell.run(&cold, start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut running = cell.begin_run(&hot, signal("undurable"));
    assert!((&mut running).now_or_never().is_none());
    gate.arrived().await;
    let mut stored = Box::pin(cell.runtime.store_waiting(ShardId(0)));
    for _ in 0..100 {
        assert!((&mut stored).now_or_never().is_none(), "told before what it rests on is durable");
        tokio::task::yield_now().await;
    }
    assert_eq!(cell.waiting().await, []);
    gate.release();
    stored.await.unwrap();
    running.await.unwrap();
    let stored: Vec<String> = cell.waiting().await.iter().map(|row| row.key.id.to_string()).collect();
    assert_eq!(stored, [hot, cold]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_stored_is_said() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    cell.store.script(Call::Checkpoint, Fault::Before(StoreError::Unavailable("away".into())));
    cell.runtime.store_waiting(ShardId(0)).await.unwrap_err();
    cell.runtime.store_waiting(ShardId(0)).await.unwrap();
    assert_eq!(cell.waiting().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn too_many_in_memory_are_a_reason_for_a_checkpoint() {
    let cell = Cell::with(ShardConfig { tail_bytes: 16_000, resident_entities: 4, ..config() }).await;
    let mut most = 0;
    for n in 0..300 {
        cell.run(&format!("w{n}"), start()).await.unwrap();
        most = most.max(cell.runtime.resident_ids());
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert!(most < 60, "{most} in memory");
    assert!(cell.waiting().await.len() > 200);
}

//! A workflow task is handed out before its start is durable: to its worker, and to nobody else.

use crate::fixture::*;
use atoll_api::RawHistory;
use atoll_api::temporal::api::enums::v1::EventType;
use cell_engine::Rejection;
use cell_shard::ShardError;
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;
use std::time::Duration;

/// A cell whose run "w" has a waiting workflow task, and the gate that its next append comes to.
async fn waiting(cell: &Cell) -> Gate {
    cell.run("w", start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    gate
}

#[tokio::test(start_paused = true)]
async fn nobody_but_the_worker_sees_a_start_that_may_yet_be_lost() {
    let cell = Cell::new().await;
    let gate = waiting(&cell).await;
    let task = cell.begin_run("w", take_first_task()).now_or_never().expect("it does not wait").unwrap();
    assert_eq!((task.last_before(), task.last_event_id), (2, 3));

    let target = current("w");
    let before = cell.runtime.durable_history(&target, 1, task.last_before());
    let before = before.now_or_never().expect("what was before is durable").unwrap().expect("the run");
    let events = RawHistory::from_encoded(before.chunks.concat().into());
    let kinds: Vec<_> = events.events().map(|event| event.expect("decodes").event_type()).collect();
    assert_eq!(kinds, [EventType::WorkflowExecutionStarted, EventType::WorkflowTaskScheduled]);

    let mut read =
        Box::pin(cell.runtime.read(&target, |view| view.run.unwrap().describe().task.unwrap().state));
    let mut history = Box::pin(cell.history("w", 1, i64::MAX));
    let mut again = cell.begin_run("w", take_first_task());
    assert!((&mut read).now_or_never().is_none(), "a description may wait");
    assert!((&mut history).now_or_never().is_none(), "so may a history");
    assert!((&mut again).now_or_never().is_none(), "and a refusal");
    gate.open();
    assert_eq!(read.await.unwrap(), 2, "it is started");
    assert_eq!(history.await.len(), 3);
    assert!(matches!(again.await, Err(ShardError::Rejected(Rejection::TaskObsolete(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_start_is_written_with_the_next_append_of_any_shard() {
    let cell = Cell::new().await;
    let (one, other) = (id_on(0, 0), id_on(1, 0));
    cell.run(&one, start()).await.unwrap();
    cell.run(&other, start()).await.unwrap();
    let before = cell.ledger.calls().len();
    cell.run(&one, take_first_task()).await.unwrap();
    cell.run(&other, signal("s")).await.unwrap();
    let calls = cell.ledger.calls();
    assert_eq!((calls.len() - before, calls.last().unwrap().len()), (1, 2), "one append for both");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_nothing_follows_is_written_soon() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let before = cell.ledger.calls().len();
    let asked = tokio::time::Instant::now();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    cell.run("w", take_first_task()).await.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO, "it does not wait for its commit");
    gate.arrived().await;
    assert!(asked.elapsed() <= Duration::from_millis(6), "{:?}", asked.elapsed());
    gate.open();
    cell.runtime.read(&current("w"), |_| ()).await.unwrap();
    assert_eq!(cell.ledger.calls().len() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_start_does_not_wait_for_company() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.run("w", take_first_task()).await.unwrap();
    let asked = tokio::time::Instant::now();
    cell.runtime.read(&current("w"), |_| ()).await.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lost_start_is_dispatched_again_and_its_answer_refused() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let _held = waiting(&cell).await;
    let lost = cell.run("w", take_first_task()).await.unwrap();
    disk.crash(0);
    let again = cell.another().await;
    assert_eq!(again.history("w", 1, i64::MAX).await.len(), 2, "the start never happened");
    again.out.until(|out| out.effects.iter().any(|(_, key, _)| *key.id == *"w")).await;
    let task = again.run("w", take_first_task()).await.unwrap();
    assert_eq!((task.scheduled_event_id, task.attempt), (lost.scheduled_event_id, lost.attempt));
    assert_ne!(task.nonce, lost.nonce);
    let refused = again.run("w", answer(&lost, vec![])).await.unwrap_err();
    let gone = Rejection::NotFound("Workflow task not found.".into());
    assert!(matches!(&refused, ShardError::Rejected(why) if *why == gone), "{refused}");
    again.run("w", answer(&task, vec![])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waits_for_company_says_nothing_of_the_store() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.run("w", take_first_task()).await.unwrap();
    cell.clock.step(10 * SECOND);
    cell.run("w", signal("s")).await.expect("the store keeps up");
}

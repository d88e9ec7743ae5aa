//! No answer leaves before everything it rests on is durable.

use crate::fixture::*;
use cell_engine::Rejection;
use cell_shard::{Awaited, ShardError, Target};
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;

/// A cell with one run whose signal "s" was applied and is held before the store.
async fn held(applied: &str) -> (Cell, Gate, Running<()>) {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut first = cell.begin_run("w", signal_once(applied));
    assert!((&mut first).now_or_never().is_none(), "an answer before its record is durable");
    gate.arrived().await;
    (cell, gate, first)
}

#[tokio::test(start_paused = true)]
async fn an_answer() {
    let (_cell, gate, mut first) = held("s").await;
    assert!((&mut first).now_or_never().is_none());
    gate.release();
    first.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_duplicates_no_op() {
    let (cell, gate, first) = held("s").await;
    let mut duplicate = cell.begin_run("w", signal_once("s"));
    assert!((&mut duplicate).now_or_never().is_none(), "acknowledged what may still be lost");
    gate.release();
    duplicate.await.unwrap();
    first.await.unwrap();
    assert_eq!(cell.signals("w").await, ["s"]);
    let mut later = cell.begin_run("w", signal_once("s"));
    assert!((&mut later).now_or_never().is_some(), "nothing is pending: it costs nothing");
}

#[tokio::test(start_paused = true)]
async fn a_rejection() {
    let (cell, gate, _first) = held("s").await;
    let mut rejected = cell.begin_run("w", start());
    assert!((&mut rejected).now_or_never().is_none(), "a rejection rests on what it saw");
    gate.release();
    let rejection = rejected.await.unwrap_err();
    assert!(matches!(rejection, ShardError::Rejected(Rejection::AlreadyStarted { .. })), "{rejection}");
}

#[tokio::test(start_paused = true)]
async fn reads_of_state_and_history() {
    let (cell, gate, _first) = held("s").await;
    let target = current("w");
    let mut read = Box::pin(cell.runtime.read(&target, |view| view.run.unwrap().next_event_id()));
    let mut history = Box::pin(cell.history("w", 1, i64::MAX));
    assert!((&mut read).now_or_never().is_none());
    assert!((&mut history).now_or_never().is_none());
    gate.release();
    assert_eq!(read.await.unwrap(), 4);
    assert_eq!(signals_of(&history.await), ["s"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let mut watch =
        cell.runtime.watch(&current("w"), Awaited::Change, |_| true).await.unwrap().expect("waits");
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut first = cell.begin_run("w", signal("s"));
    assert!((&mut first).now_or_never().is_none());
    gate.arrived().await;
    assert!(watch.try_recv().is_err(), "woken by what may still be lost");
    gate.release();
    watch.await.expect("woken, not dropped");
    first.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_close_is_told_of_nothing_else() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let mut close =
        cell.runtime.watch(&current("w"), Awaited::Close, |_| true).await.unwrap().expect("waits");
    cell.run("w", signal("s")).await.unwrap();
    assert!(close.try_recv().is_err(), "a signal closes nothing");
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut end = cell.begin_run("w", terminate());
    assert!((&mut end).now_or_never().is_none());
    gate.arrived().await;
    assert!(close.try_recv().is_err(), "the close may still be lost");
    gate.release();
    close.await.expect("told, not dropped");
    end.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_start_of_a_workflow_task_waits_for_what_is_before_it_only() {
    let (cell, gate, first) = held("s").await;
    let mut task = cell.begin_run("w", take_first_task());
    assert!((&mut task).now_or_never().is_none(), "the signal before it is not durable");
    let next = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(next.clone()));
    gate.release();
    let task = task.await.unwrap();
    next.arrived().await;
    assert_eq!(task.scheduled_event_id, 2);
    // Its own record is still held; what follows it waits.
    let mut after = cell.begin_run("w", answer(&task, vec![]));
    assert!((&mut after).now_or_never().is_none());
    next.release();
    after.await.unwrap();
    first.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_changes_nothing() {
    let (cell, gate, first) = held("s").await;
    let second = {
        let mut second = cell.begin_run(&id_on(0, 0), start());
        assert!((&mut second).now_or_never().is_none());
        second
    };
    drop(first);
    drop(second);
    gate.release();
    let id = id_on(0, 0);
    cell.out.until(|out| out.effects.iter().any(|(_, key, _)| *key.id == *id)).await;
    assert_eq!(cell.signals("w").await, ["s"]);
    let again = cell.rebuilt().await;
    assert_eq!(again.signals("w").await, ["s"]);
    assert_eq!(again.history(&id, 1, i64::MAX).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_what_retention_deleted() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    let run_id = cell.run(&id, start()).await.unwrap().run_id;
    cell.run(&id, terminate()).await.unwrap();
    cell.clock.step(2 * RETENTION);
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    cell.runtime.turn_hours_all().await.unwrap();
    gate.arrived().await;
    let short = std::time::Duration::from_secs(1);
    for target in [current(&id), Target::run(NAMESPACE, id.as_str(), run_id)] {
        let read = cell.runtime.read(&target, |view| view.run.is_none());
        assert!(tokio::time::timeout(short, read).await.is_err(), "the deletion may yet be lost");
        let history = cell.runtime.history(&target, 1, 9);
        assert!(tokio::time::timeout(short, history).await.is_err(), "the deletion may yet be lost");
    }
    let signal = cell.begin_run(&id, signal("late"));
    assert!(tokio::time::timeout(short, signal).await.is_err(), "the deletion may yet be lost");
    gate.open();
    assert!(cell.runtime.read(&current(&id), |view| view.run.is_none()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_known_to_whoever_may_have_to_take_it_back() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let target = current("w");
    let task = cell.runtime.begin(&target, take_first_task()).await.unwrap();
    assert_eq!(task.undurable().map(|task| task.scheduled_event_id), Some(2));
    let rejected = cell.runtime.begin(&target, start()).await.unwrap();
    assert!(rejected.undurable().is_none());
}

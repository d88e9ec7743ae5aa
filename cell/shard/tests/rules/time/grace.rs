//! The time that workers are given after a takeover, and after a shard took in nothing for long.

use super::*;

#[tokio::test(start_paused = true)]
async fn deadlines_of_workers_wait_for_the_grace_after_a_takeover() {
    let grace = Duration::from_secs(10);
    let cell = Cell::with(ShardConfig { takeover_grace: grace, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.run("w", take_first_task()).await.unwrap();
    cell.run("w", signal("s")).await.unwrap();
    cell.clock.step(60 * SECOND);
    let again = cell.another().await;
    for _ in 0..9 {
        again.clock.step(SECOND);
        again.runtime.wake_all_due().await;
        assert!(!has(&again, EventType::WorkflowTaskTimedOut).await, "the worker may still answer");
    }
    again.clock.step(SECOND);
    again.runtime.wake_all_due().await;
    assert!(has(&again, EventType::WorkflowTaskTimedOut).await);
}

#[tokio::test(start_paused = true)]
async fn the_grace_begins_when_every_shard_is_taken_over() {
    let grace = Duration::from_secs(10);
    let cell = Cell::with(ShardConfig { takeover_grace: grace, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, take_first_task()).await.unwrap();
    cell.run(&id, signal("s")).await.unwrap();
    // The first shard is taken over at once, and the last one a minute later: until then workers reach neither.
    let gate = Gate::new();
    let slow = gate.clone();
    let opening = cell.another_with(move |store| {
        for fault in [Fault::None, Fault::None, Fault::None, Fault::HoldBefore(slow)] {
            store.script(Call::Due, fault);
        }
    });
    let a_minute = async {
        gate.arrived().await;
        cell.clock.step(60 * SECOND);
        gate.release();
    };
    let (again, ()) = tokio::join!(opening, a_minute);
    let again = again.unwrap();
    again.runtime.wake_all_due().await;
    again.clock.step(10 * SECOND - SECOND / 1_000);
    again.runtime.wake_all_due().await;
    assert!(!has_at(&again, &id, EventType::WorkflowTaskTimedOut).await, "its worker may still answer");
    again.clock.step(SECOND / 1_000);
    again.runtime.wake_all_due().await;
    assert!(has_at(&again, &id, EventType::WorkflowTaskTimedOut).await);
}

/// An activity that is over when nothing is heard of its worker for so many seconds.
fn fragile_activity(heartbeat_seconds: i64) -> WorkflowCommand {
    let mut command = activity("a", heartbeat_seconds);
    if let Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)) = &mut command.attributes {
        attributes.retry_policy = Some(RetryPolicy { maximum_attempts: 1, ..Default::default() });
    }
    command
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_gives_a_worker_less_than_the_grace_waits_no_longer_than_it_gives() {
    for (heartbeat, waits) in [(1, 1), (60, 10)] {
        let cell = Cell::with(ShardConfig { takeover_grace: Duration::from_secs(10), ..config() }).await;
        cell.run("w", start()).await.unwrap();
        cell.work("w", vec![fragile_activity(heartbeat)]).await;
        cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
        cell.clock.step(120 * SECOND);
        let again = cell.another().await;
        again.runtime.wake_all_due().await;
        again.clock.step(waits * SECOND - SECOND / 1_000);
        assert_eq!(again.runtime.wake_all_due().await, 0, "woken in vain, heartbeat {heartbeat} s");
        assert!(!has(&again, EventType::ActivityTaskTimedOut).await, "heartbeat {heartbeat} s");
        again.clock.step(SECOND / 1_000);
        again.runtime.wake_all_due().await;
        assert!(has(&again, EventType::ActivityTaskTimedOut).await, "heartbeat {heartbeat} s");
    }
}

/// A cell whose store takes nothing for so many seconds from a tenth of a second on, while time passes on both clocks.
async fn outage(cell: &Cell, seconds: i64) {
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let on_its_way = tokio::spawn(cell.begin_run("w", signal("on its way")));
    gate.arrived().await;
    // Once this has waited for long the shard takes in nothing more.
    let behind_it = tokio::spawn(cell.begin_run("w", signal("behind it")));
    for _ in 0..10 * seconds {
        cell.clock.step(SECOND / 10);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gate.release();
    for held in [on_its_way, behind_it] {
        held.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_of_workers_wait_for_the_grace_after_the_shard_took_in_nothing_for_long() {
    for (heartbeat, waits) in [(8, 8), (30, 10)] {
        let cell = Cell::with(ShardConfig { takeover_grace: Duration::from_secs(10), ..config() }).await;
        cell.run("w", start()).await.unwrap();
        cell.work("w", vec![fragile_activity(heartbeat), timer("t", 20)]).await;
        cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
        outage(&cell, 60).await;
        // What was refused is tried again after this.
        cell.clock.step(SECOND / 4);
        cell.runtime.wake_all_due().await;
        assert!(has(&cell, EventType::TimerFired).await, "no worker could have met it: no grace");
        cell.clock.step(waits * SECOND - SECOND / 1_000);
        cell.runtime.wake_all_due().await;
        assert!(!has(&cell, EventType::ActivityTaskTimedOut).await, "heartbeat {heartbeat} s");
        cell.clock.step(SECOND / 1_000);
        cell.runtime.wake_all_due().await;
        assert!(has(&cell, EventType::ActivityTaskTimedOut).await, "heartbeat {heartbeat} s");
    }
}

#[tokio::test(start_paused = true)]
async fn so_they_do_where_what_workers_speak_of_could_not_be_read_for_long() {
    let grace = Duration::from_secs(10);
    let cell = Cell::with(ShardConfig { takeover_grace: grace, resident_entities: 0, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![fragile_activity(30)]).await;
    cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.store.set_rates(FaultRates { before: 1.0, ..Default::default() });
    for _ in 0..60 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = cell.run("w", signal("a worker's call")).await;
        assert!(matches!(refused, Err(ShardError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    }
    cell.store.set_rates(FaultRates::default());
    // What could not be read is tried again after this.
    cell.clock.step(SECOND / 4);
    cell.runtime.wake_all_due().await;
    cell.clock.step(10 * SECOND - SECOND / 1_000);
    cell.runtime.wake_all_due().await;
    assert!(!has(&cell, EventType::ActivityTaskTimedOut).await);
    cell.clock.step(SECOND);
    cell.runtime.wake_all_due().await;
    assert!(has(&cell, EventType::ActivityTaskTimedOut).await);
}

#[tokio::test(start_paused = true)]
async fn so_they_do_while_and_after_workers_are_refused_for_memory_for_long() {
    const BUDGET: usize = 16 << 20;
    let grace = Duration::from_secs(10);
    let cell = Cell::with_budget(ShardConfig { takeover_grace: grace, ..config() }, BUDGET).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![fragile_activity(30), timer("t", 20)]).await;
    cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    for _ in 0..60 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = cell.run("w", terminate()).await;
        assert!(matches!(refused, Err(ShardError::NoMemory)), "{refused:?}");
        cell.runtime.wake_all_due().await;
    }
    drop(held);
    assert!(has(&cell, EventType::TimerFired).await, "no worker could have met it: no grace");
    assert!(!has(&cell, EventType::ActivityTaskTimedOut).await, "while they are refused");
    cell.run("w", signal("taken in")).await.unwrap();
    cell.clock.step(10 * SECOND - SECOND / 1_000);
    cell.runtime.wake_all_due().await;
    assert!(!has(&cell, EventType::ActivityTaskTimedOut).await, "until they had their time");
    cell.clock.step(SECOND);
    cell.runtime.wake_all_due().await;
    assert!(has(&cell, EventType::ActivityTaskTimedOut).await);
}

/// In memory they stay, for they cannot be written.
#[tokio::test(start_paused = true)]
async fn so_they_do_also_where_runs_that_refused_workers_speak_of_are_in_memory() {
    const BUDGET: usize = 16 << 20;
    let grace = Duration::from_secs(10);
    let cell = Cell::with_budget(ShardConfig { takeover_grace: grace, ..config() }, BUDGET).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    // The shard is woken with every second.
    let timers = (1..=60).map(|n| timer(&n.to_string(), n));
    cell.work(&id, std::iter::once(fragile_activity(30)).chain(timers).collect()).await;
    cell.run(&id, RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
    cell.store.fail_checkpoints_of(Some(ShardId(0)));
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    for _ in 0..60 {
        cell.clock.step(SECOND);
        let refused = cell.run(&id, terminate()).await;
        assert!(matches!(refused, Err(ShardError::NoMemory)), "{refused:?}");
        cell.runtime.wake_all_due().await;
    }
    assert_eq!(cell.store.calls(Call::Load), 0);
    drop(held);
    cell.run(&id, signal("taken in")).await.unwrap();
    cell.clock.step(10 * SECOND - SECOND / 1_000);
    cell.runtime.wake_all_due().await;
    assert!(!has_at(&cell, &id, EventType::ActivityTaskTimedOut).await);
    cell.clock.step(SECOND / 1_000);
    cell.runtime.wake_all_due().await;
    assert!(has_at(&cell, &id, EventType::ActivityTaskTimedOut).await);
}

#[tokio::test(start_paused = true)]
async fn memory_that_is_used_up_gives_no_grace_where_no_worker_was_refused() {
    const BUDGET: usize = 16 << 20;
    let grace = Duration::from_secs(10);
    let cell = Cell::with_budget(ShardConfig { takeover_grace: grace, ..config() }, BUDGET).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![fragile_activity(30)]).await;
    cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    cell.clock.step(31 * SECOND);
    cell.runtime.wake_all_due().await;
    drop(held);
    assert!(has(&cell, EventType::ActivityTaskTimedOut).await);
}

#[tokio::test(start_paused = true)]
async fn so_they_do_after_the_process_stood_still() {
    // The deadline is what its loop sleeps towards.
    for (millis, stood_still) in [(40_000, true), (30_900, false)] {
        let cell = Cell::with(ShardConfig { takeover_grace: Duration::from_secs(10), ..config() }).await;
        cell.run("w", start()).await.unwrap();
        cell.work("w", vec![fragile_activity(30), timer("t", 30)]).await;
        cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        cell.clock.step(millis * SECOND / 1_000);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(has(&cell, EventType::TimerFired).await, "no worker could have met it: no grace");
        assert_ne!(has(&cell, EventType::ActivityTaskTimedOut).await, stood_still, "{millis} ms");
        cell.clock.step(10 * SECOND - SECOND / 1_000);
        cell.runtime.wake_all_due().await;
        assert_ne!(has(&cell, EventType::ActivityTaskTimedOut).await, stood_still, "{millis} ms");
        cell.clock.step(SECOND / 1_000);
        cell.runtime.wake_all_due().await;
        assert!(has(&cell, EventType::ActivityTaskTimedOut).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_which_calls_are_taken_in_gives_no_grace() {
    let cell = Cell::with(ShardConfig { takeover_grace: Duration::from_secs(10), ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![fragile_activity(4)]).await;
    cell.run("w", RecordActivityStarted { scheduled_event_id: 5, ..Default::default() }).await.unwrap();
    outage(&cell, 5).await;
    cell.runtime.wake_all_due().await;
    assert!(has(&cell, EventType::ActivityTaskTimedOut).await, "its worker could have been heard");
}

//! Shard time, wake-ups, and the grace after a takeover.

use crate::fixture::*;
use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::command::v1::command::Attributes;
use atoll_api::temporal::api::common::v1::RetryPolicy;
use atoll_api::temporal::api::enums::v1::EventType;
use cell_engine::commands::RecordActivityStarted;
use cell_memory::Owner;
use cell_shard::{ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, FaultRates, Gate};
use cell_store::{ShardId, StoreError};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn has(cell: &Cell, kind: EventType) -> bool {
    has_at(cell, "w", kind).await
}

async fn has_at(cell: &Cell, id: &str, kind: EventType) -> bool {
    cell.history(id, 1, i64::MAX).await.iter().any(|event| event.event_type() == kind)
}

#[tokio::test(start_paused = true)]
async fn a_timer_fires_when_it_is_due_also_with_a_new_owner() {
    let cell = Cell::with(ShardConfig { takeover_grace: Duration::from_secs(10), ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.clock.step(59 * SECOND);
    cell.runtime.wake_all_due().await;
    assert!(!has(&cell, EventType::TimerFired).await);
    let again = cell.another().await;
    again.clock.step(SECOND);
    again.runtime.wake_all_due().await;
    assert!(has(&again, EventType::TimerFired).await, "no worker could have met it: no grace");
}

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

#[tokio::test(start_paused = true)]
async fn never_runs_backwards_within_a_life_nor_across() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.clock.step(100 * SECOND);
    cell.run("w", signal("0")).await.unwrap();
    cell.clock.jump(-7_200 * SECOND);
    cell.run("w", signal("1")).await.unwrap();
    let again = cell.another().await;
    again.run("w", signal("2")).await.unwrap();
    again.runtime.checkpoint_all().await.unwrap();
    // Nothing in the tail says what time it is any more: the checkpoint does.
    let last = again.another().await;
    last.run("w", signal("3")).await.unwrap();
    let times: Vec<i64> = last
        .history("w", 1, i64::MAX)
        .await
        .iter()
        .map(|event| cell_engine::Time::from_proto(event.event_time.as_ref().unwrap()).0)
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(*times.last().unwrap(), START + 100 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_set_while_the_wall_clock_is_behind_fires_all_the_same() {
    // Followed: at half speed, so it takes at most twice its time. Not followed: as if nothing were.
    for (jump, takes) in [(-30, 90), (-59, 119), (-3_600, 60)] {
        let cell = Cell::new().await;
        cell.run("w", start()).await.unwrap();
        cell.clock.jump(jump * SECOND);
        cell.work("w", vec![timer("t", 60)]).await;
        cell.clock.step((takes - 1) * SECOND);
        cell.runtime.wake_all_due().await;
        assert!(!has(&cell, EventType::TimerFired).await, "jump of {jump} s");
        cell.clock.step(SECOND);
        cell.runtime.wake_all_due().await;
        assert!(has(&cell, EventType::TimerFired).await, "jump of {jump} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_ahead_of_the_wall_clock_goes_on_at_half_speed() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.clock.step(3_600 * SECOND);
    cell.work("w", vec![timer("t", 60)]).await;
    cell.clock.jump(-3_600 * SECOND);
    let again = cell.another().await;
    again.clock.step(119 * SECOND);
    again.runtime.wake_all_due().await;
    assert!(!has(&again, EventType::TimerFired).await);
    again.clock.step(SECOND);
    again.runtime.wake_all_due().await;
    assert!(has(&again, EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_far_ahead_for_a_moment_does_no_harm() {
    let cell = Cell::new().await;
    let (closed, open) = (id_on(0, 0), id_on(0, 1));
    cell.run(&closed, start()).await.unwrap();
    cell.run(&closed, terminate()).await.unwrap();
    cell.run(&open, start()).await.unwrap();
    cell.work(&open, vec![timer("t", 3_600)]).await;
    let seals = cell.ledger.seals(ShardId(0));
    cell.clock.jump(40 * 86_400 * SECOND);
    cell.clock.step(SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.runtime.wake_all_due().await;
    assert_eq!(cell.runtime.refused_clock_jump(), Some(Duration::from_secs(40 * 86_400)));
    assert_eq!(cell.runtime.wall_time().0, START + SECOND);
    let said = "the wall clock jumped by 3456000 s and is not followed until that lasts";
    assert_eq!(cell.runtime.problems(), [said]);
    cell.clock.jump(-40 * 86_400 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(cell.runtime.refused_clock_jump(), None);
    assert_eq!(cell.ledger.seals(ShardId(0)), seals, "no hour has ended");
    assert_eq!(cell.history(&closed, 1, i64::MAX).await.len(), 3, "nothing was deleted");
    assert_eq!(cell.history(&open, 1, i64::MAX).await.len(), 5, "no timer fired");
}

#[tokio::test(start_paused = true)]
async fn a_jump_is_followed_once_it_lasts_or_is_confirmed() {
    for confirmed in [false, true] {
        let cell = Cell::new().await;
        cell.run("w", start()).await.unwrap();
        cell.work("w", vec![timer("t", 7_200)]).await;
        cell.clock.jump(7_200 * SECOND);
        cell.runtime.wake_all_due().await;
        assert!(!has(&cell, EventType::TimerFired).await);
        if confirmed {
            cell.runtime.confirm_clock();
        } else {
            cell.clock.step(600 * SECOND);
        }
        cell.runtime.wake_all_due().await;
        assert!(has(&cell, EventType::TimerFired).await);
    }
}

#[tokio::test(start_paused = true)]
async fn more_timers_than_one_look_at_the_index_finds_all_fire() {
    const TIMERS: usize = 30;
    let first = Cell::with(ShardConfig { due_rows: 4, ..config() }).await;
    for n in 0..TIMERS {
        let id = id_on(0, n);
        first.run(&id, start()).await.unwrap();
        first.work(&id, vec![timer("t", 60)]).await;
    }
    first.runtime.checkpoint_all().await.unwrap();
    // Nothing of them is in memory, and none is written again before all have fired.
    let cell = first.another().await;
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.clock.step(60 * SECOND);
    let woken = cell.out.until(|out| {
        let runs: BTreeSet<_> = out.effects.iter().map(|(_, run, _)| run.run_id).collect();
        runs.len() == TIMERS
    });
    tokio::time::timeout(Duration::from_secs(600), woken).await.expect("every timer fires");
}

#[tokio::test(start_paused = true)]
async fn one_call_wakes_all_that_is_due_however_little_one_look_at_the_index_finds() {
    const TIMERS: usize = 9;
    for apart in [0, 1] {
        let first = Cell::with(ShardConfig { due_rows: 2, ..config() }).await;
        for n in 0..TIMERS {
            let id = id_on(0, n);
            first.run(&id, start()).await.unwrap();
            first.work(&id, vec![timer("t", 60 - apart * n as i64)]).await;
        }
        first.runtime.checkpoint_all().await.unwrap();
        let cell = first.another().await;
        // Its own loops have looked, and sleep.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(cell.runtime.resident_ids(), 0);
        cell.clock.step(60 * SECOND);
        assert_eq!(cell.runtime.wake_all_due().await, TIMERS, "{apart} s apart");
        assert_eq!(cell.runtime.wake_all_due().await, 0, "{apart} s apart");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_in_a_removed_namespace_is_not_asked_for_again_and_again() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    // The clock of tests moves on by steps, that of the runtime by itself.
    for _ in 0..600 {
        cell.clock.step(SECOND / 10);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = cell.namespace.asked.swap(0, Ordering::Relaxed);
    assert!(asked < 20, "{asked} times in a minute");
    cell.namespace.removed.store(false, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    let fired = cell.out.until(|out| out.batches.iter().any(|(_, batch)| batch.at.0 > START + 170 * SECOND));
    tokio::time::timeout(Duration::from_secs(600), fired).await.expect("it fires once the namespace is back");
    assert!(has(&cell, EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_in_a_removed_namespace_and_not_in_memory_is_not_forgotten() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    assert_eq!(cell.runtime.wake_all_due().await, 1);
    cell.namespace.removed.store(false, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    cell.runtime.wake_all_due().await;
    assert!(has(&cell, EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn what_stays_due_at_the_moment_at_which_it_is_due_waits_for_the_next_look() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    let woken = tokio::time::timeout(Duration::from_secs(1), cell.runtime.wake_all_due()).await;
    assert_eq!(woken.expect("not again and again"), 1);
    assert_eq!(cell.runtime.wake_all_due().await, 0);
    assert_eq!(cell.store.calls(Call::Due), 0, "the store has nothing that is not in memory");
}

/// Nothing that is known is due, and more is due than is known.
#[tokio::test(start_paused = true)]
async fn what_is_due_is_looked_for_however_little_memory_is_left() {
    const BUDGET: usize = 16 << 20;
    let cell = Cell::with_budget(ShardConfig { resident_entities: 0, ..config() }, BUDGET).await;
    let (due, later) = (id_on(0, 0), id_on(0, 1));
    for (id, seconds) in [(&due, 200), (&later, 400)] {
        cell.run(id, start()).await.unwrap();
        cell.work(id, vec![timer("t", seconds)]).await;
    }
    cell.runtime.checkpoint_all().await.unwrap();
    cell.run(&later, signal("s")).await.unwrap();
    assert_eq!(cell.runtime.known_wakes(), 1, "of what is in memory");
    cell.clock.step(200 * SECOND);
    let held = cell.runtime.memory().charge(Owner::Backlogs, BUDGET);
    cell.runtime.wake_all_due().await;
    drop(held);
    assert!(has_at(&cell, &due, EventType::TimerFired).await);
}

/// How many wake-ups are known of those that a cell has [`with_more_in_its_index`].
const KNOWN: usize = 200;

/// A cell whose loops have looked at the index, which has a hundred sleepers more than are known.
async fn with_more_in_its_index() -> Cell {
    let first = Cell::with(ShardConfig { due_rows: KNOWN, ..config() }).await;
    sleepers(&first, KNOWN + 100).await;
    first.runtime.checkpoint_all().await.unwrap();
    let cell = first.another().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cell.runtime.known_wakes(), KNOWN);
    cell
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_due_does_not_wait_for_an_index_that_cannot_be_read() {
    let cell = with_more_in_its_index().await;
    for _ in 0..10 {
        cell.store.script(Call::Due, Fault::Before(StoreError::Unavailable("away".into())));
    }
    cell.clock.step(60 * SECOND);
    tokio::time::sleep(Duration::from_millis(29_500)).await;
    assert_eq!(cell.out.look(|out| out.effects.len()), KNOWN, "all of them with one look");
}

/// What another namespace wants may be in the part that is not known yet, and all of it takes turns.
#[tokio::test(start_paused = true)]
async fn where_there_is_room_the_index_is_read_before_what_is_known_is_woken() {
    let cell = with_more_in_its_index().await;
    let gate = Gate::new();
    for _ in 0..10 {
        cell.store.script(Call::Due, Fault::HoldBefore(gate.clone()));
    }
    cell.clock.step(60 * SECOND);
    tokio::time::sleep(Duration::from_millis(29_500)).await;
    assert_eq!(cell.out.look(|out| out.effects.len()), 0, "the index is being read");
    gate.open();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(cell.out.look(|out| out.effects.len()), KNOWN + 100);
}

/// Runs of the first shard that wait for a timer of a minute.
async fn sleepers(cell: &Cell, count: usize) {
    for n in 0..count {
        let id = id_on(0, n);
        cell.run(&id, start()).await.unwrap();
        cell.work(&id, vec![timer("t", 60)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_due_and_is_not_in_memory_is_in_the_index_once_however_long_that_lasts() {
    const RUNS: usize = 10;
    // More than one look at the index reads, and looked at over and over.
    let cell = Cell::with(ShardConfig { resident_entities: 0, due_rows: 4, ..config() }).await;
    sleepers(&cell, RUNS).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!((cell.runtime.resident_ids(), cell.runtime.known_wakes()), (0, RUNS));
    cell.namespace.removed.store(true, Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    let before = cell.namespace.asked.load(Ordering::Relaxed);
    for _ in 0..600 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let wakes = cell.runtime.known_wakes();
        assert!(wakes <= RUNS, "{wakes} wake-ups of {RUNS} runs");
    }
    let asked = cell.namespace.asked.load(Ordering::Relaxed) - before;
    assert!(asked <= 12 * RUNS as u64, "{asked} attempts in ten minutes");
    cell.namespace.removed.store(false, Ordering::Relaxed);
    for _ in 0..62 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for n in 0..RUNS {
        assert!(has_at(&cell, &id_on(0, n), EventType::TimerFired).await, "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_that_are_due_together_leave_calls_their_turn() {
    const RUNS: usize = 500;
    let cell = Cell::new().await;
    sleepers(&cell, RUNS).await;
    cell.clock.step(60 * SECOND);
    let turns = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(cell.runtime.wake_all_due().await, RUNS);
    other.abort();
    assert!(turns.load(Ordering::Relaxed) >= RUNS / 64, "{turns:?} turns");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_and_not_in_memory_is_read_together() {
    const RUNS: usize = 128;
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    sleepers(&cell, RUNS).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.resident_ids(), 0);
    cell.clock.step(60 * SECOND);
    let before = cell.store.calls(Call::Load);
    assert_eq!(cell.runtime.wake_all_due().await, RUNS);
    let loads = cell.store.calls(Call::Load) - before;
    assert!(loads <= 8, "{loads} reads");
    assert!(has_at(&cell, &id_on(0, RUNS - 1), EventType::TimerFired).await);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_takes_no_commands_is_not_asked_again_and_again() {
    const RUNS: usize = 300;
    let cell = Cell::new().await;
    sleepers(&cell, RUNS).await;
    cell.store.script(Call::Append, Fault::Before(StoreError::Full("disk".into())));
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let running = cell.begin_run(&id_on(1, 0), start());
    let running = tokio::spawn(running);
    gate.arrived().await;
    let before = cell.namespace.asked.load(Ordering::Relaxed);
    cell.clock.step(60 * SECOND);
    for _ in 0..600 {
        cell.clock.step(SECOND / 10);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Each attempt asks whether there is anything to load, and under the lock.
    let attempts = (cell.namespace.asked.load(Ordering::Relaxed) - before) / 2;
    assert!(attempts <= 64 * 61, "{attempts} attempts in a minute");
    gate.release();
    running.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    cell.clock.step(SECOND);
    cell.runtime.wake_all_due().await;
    for n in 0..RUNS {
        assert!(has_at(&cell, &id_on(0, n), EventType::TimerFired).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_set_after_the_index_could_not_be_read_fires_in_time() {
    let first = Cell::new().await;
    first.run("elsewhere", start()).await.unwrap();
    let cell = first.another().await;
    // The loops have looked once and will look again within a minute.
    let away = || Fault::Before(StoreError::Unavailable("away".into()));
    (0..SHARDS).for_each(|_| cell.store.script(Call::Due, away()));
    let looked = cell.store.calls(Call::Due);
    while cell.store.calls(Call::Due) < looked + u64::from(SHARDS) {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 2)]).await;
    for _ in 0..4 {
        cell.clock.step(SECOND);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(has(&cell, EventType::TimerFired).await);
}

/// Nobody looks at what is due but the shard's own loop.
#[tokio::test(start_paused = true)]
async fn a_wake_up_that_is_refused_comes_again_by_itself() {
    for resident_entities in [200, 0] {
        let cell = Cell::with(ShardConfig { resident_entities, ..config() }).await;
        sleepers(&cell, 3).await;
        cell.runtime.checkpoint_all().await.unwrap();
        cell.store.script(Call::Append, Fault::Before(StoreError::Full("disk".into())));
        let gate = Gate::new();
        cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
        let running = tokio::spawn(cell.begin_run(&id_on(1, 0), start()));
        gate.arrived().await;
        let before = cell.namespace.asked.load(Ordering::Relaxed);
        for _ in 0..70 {
            cell.clock.step(SECOND);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let asked = cell.namespace.asked.load(Ordering::Relaxed) - before;
        assert!(asked >= 3, "they were due, and refused");
        gate.release();
        running.await.unwrap().unwrap();
        for _ in 0..5 {
            cell.clock.step(SECOND);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for n in 0..3 {
            assert!(has_at(&cell, &id_on(0, n), EventType::TimerFired).await, "{resident_entities}: {n}");
        }
    }
}

//! Shard time; below, wake-ups by it and the grace after a takeover.

mod grace;
mod wakes;

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

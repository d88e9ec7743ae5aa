//! Checkpoints write what is durable, the trim stops where something is still needed, and what was let
//! go of comes back as it was. The ledger of every cell checks each slice and each trim.

use crate::fixture::*;
use atoll_api::temporal::api::enums::v1::EventType;
use cell_engine::Time;
use cell_shard::{ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{Checkpoint, ShardId, StoreError};
use futures::FutureExt;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_slice_is_written_only_once_what_it_shows_is_durable() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let (hot, cold) = (id_on(0, 0), id_on(0, 1));
    cell.run(&hot, start()).await.unwrap();
    cell.run(&cold, start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut running = cell.begin_run(&hot, signal("undurable"));
    assert!((&mut running).now_or_never().is_none());
    gate.arrived().await;
    let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
    for _ in 0..100 {
        assert!((&mut checkpoint).now_or_never().is_none(), "it waits for the commit");
        tokio::task::yield_now().await;
    }
    assert_eq!(cell.store.calls(Call::Checkpoint), 0);
    disk.crash(0);
    gate.release();
    let again = cell.another().await;
    assert_eq!(again.history(&hot, 1, i64::MAX).await.len(), 2);
    assert_eq!(again.history(&cold, 1, i64::MAX).await.len(), 2);
    again.runtime.checkpoint_all().await.unwrap();
    let last = again.ledger.rows(ShardId(0)).last().unwrap().seq;
    assert_eq!(again.ledger.advanced(ShardId(0)), last, "nothing is dirty: the whole log may go");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_changes_all_the_time_does_not_hold_the_trim() {
    let cell = Cell::new().await;
    let hot = id_on(0, 0);
    cell.run(&hot, start()).await.unwrap();
    let mut behind = Vec::new();
    for n in 0..8 {
        // At the instant of every checkpoint a change of the run is on its way to the store.
        let gate = Gate::new();
        cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
        let mut running = cell.begin_run(&hot, signal(&n.to_string()));
        assert!((&mut running).now_or_never().is_none());
        gate.arrived().await;
        let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
        assert!((&mut checkpoint).now_or_never().is_none());
        gate.release();
        let (checkpointed, signaled) = tokio::join!(checkpoint, running);
        checkpointed.unwrap();
        signaled.unwrap();
        behind.push(cell.ledger.rows(ShardId(0)).last().unwrap().seq - cell.ledger.advanced(ShardId(0)));
    }
    assert!(behind.iter().all(|rows| *rows <= 1), "rows behind the checkpoint: {behind:?}");
    assert_eq!(cell.another().await.signals(&hot).await.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_change_while_its_snapshot_is_written_stays_dirty() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
    assert!((&mut checkpoint).now_or_never().is_none());
    gate.arrived().await;
    cell.run(&id, signal("meanwhile")).await.unwrap();
    gate.release();
    checkpoint.await.unwrap();
    disk.crash(0);
    let again = cell.another().await;
    assert_eq!(again.signals(&id).await, ["meanwhile"]);
    assert_eq!(again.snapshots(std::slice::from_ref(&id)).await, cell.snapshots(&[id]).await);
}

#[tokio::test(start_paused = true)]
async fn evicted_workflows_come_back_as_they_were() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let ids: Vec<String> = (0..12).map(|n| format!("w{n}")).collect();
    for id in &ids {
        cell.run(id, start()).await.unwrap();
        cell.work(id, vec![timer("t", 600)]).await;
    }
    let before = cell.snapshots(&ids).await;
    assert_eq!(cell.runtime.open_runs(), 12);
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.open_runs(), 0, "clean and idle: all of them go");
    assert_eq!(cell.snapshots(&ids).await, before);
    cell.runtime.checkpoint_all().await.unwrap();
    let loads = cell.store.calls(Call::Load);
    let all: Vec<_> = ids.iter().map(|id| cell.begin_run(id, signal("s"))).collect();
    for done in futures::future::join_all(all).await {
        done.unwrap();
    }
    // The current-run record, then the run; misses of one moment share a read.
    assert!(cell.store.calls(Call::Load) - loads <= 6, "{} loads", cell.store.calls(Call::Load) - loads);
    for id in &ids {
        assert_eq!(cell.signals(id).await, ["s"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_evicted_run_is_woken() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![timer("t", 60)]).await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.runtime.open_runs(), 0);
    cell.clock.step(61 * SECOND);
    // The first read fails: the wake-up must not be lost.
    cell.store.script(Call::Load, Fault::Before(StoreError::Unavailable("away".into())));
    cell.runtime.wake_all_due().await;
    cell.clock.step(SECOND);
    cell.runtime.wake_all_due().await;
    let fired = cell.history("w", 1, i64::MAX).await;
    assert!(fired.iter().any(|event| event.event_type() == EventType::TimerFired), "lost: {fired:?}");
}

#[tokio::test(start_paused = true)]
async fn history_is_read_across_store_and_memory() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    for n in 0..9 {
        cell.run("w", signal(&n.to_string())).await.unwrap();
        if n % 3 == 2 && n < 8 {
            cell.runtime.checkpoint_all().await.unwrap();
        }
    }
    let all = cell.history("w", 1, i64::MAX).await;
    let ids: Vec<i64> = all.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=11).collect::<Vec<_>>());
    for first in 1..=11 {
        for last in first..=11 {
            let part = cell.history("w", first, last).await;
            assert_eq!(part, all[first as usize - 1..last as usize], "{first}..={last}");
        }
    }
    assert_eq!(cell.another().await.history("w", 1, i64::MAX).await, all);
}

#[tokio::test(start_paused = true)]
async fn slices_of_unfinished_checkpoints_do_not_double_history() {
    let cell = Cell::new().await;
    // On the first shard: the others are not reached once it fails.
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    for n in 0..2 {
        cell.run(&id, signal(&n.to_string())).await.unwrap();
        // The slice is written; the checkpoint never advances.
        cell.ledger.refuse_advances(true);
        cell.runtime.checkpoint_all().await.unwrap_err();
        cell.ledger.refuse_advances(false);
        assert_eq!(cell.ledger.advanced(ShardId(0)), 0);
    }
    let again = cell.another().await;
    again.run(&id, signal("2")).await.unwrap();
    again.runtime.checkpoint_all().await.unwrap();
    let ids: Vec<i64> = again.history(&id, 1, i64::MAX).await.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_history_with_a_hole_is_refused() {
    for lost in 0..3 {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        for n in 0..3 {
            cell.run(&id, signal(&n.to_string())).await.unwrap();
            cell.runtime.checkpoint_all().await.unwrap();
        }
        let run = cell.runtime.read(&current(&id), |view| view.run.unwrap().key().clone()).await.unwrap();
        let engine = cell.engine();
        let row =
            engine.load(&[(ShardId(0), run.clone())], usize::MAX).await.unwrap().remove(0).expect("stored");
        let mut segments = engine.history(ShardId(0), &run, 1, i64::MAX, usize::MAX).await.unwrap();
        assert_eq!(segments.len(), 3);
        let first = segments.remove(lost).first_event_id;
        let broken =
            Checkpoint { deleted: vec![run], entities: vec![row], history: segments, ..cell.slice().await };
        engine.checkpoint(&broken).await.unwrap();
        let refused = cell.runtime.history(&current(&id), 1, i64::MAX).await;
        match refused {
            Err(ShardError::Store(StoreError::Corrupt(why))) => {
                assert!(why.contains(&format!("event {first} ")), "{why}");
            }
            // What there is before the hole is whole; the next page is not.
            Ok(Some(page)) => {
                assert_eq!((lost, page.last_event_id + 1), (2, first));
                let next = cell.runtime.history(&current(&id), first, i64::MAX).await;
                assert!(matches!(next, Err(ShardError::Store(StoreError::Corrupt(_)))), "{next:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

fn corrupt() -> Fault {
    Fault::Before(StoreError::Corrupt("a page".into()))
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_of_one_entity_is_its_trouble_alone() {
    let cell = Cell::new().await;
    let ids: Vec<String> = (0..3).map(|n| id_on(0, n)).collect();
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    // All of them together, then the second by itself.
    for fault in [corrupt(), Fault::None, corrupt()] {
        cell.store.script(Call::Checkpoint, fault);
    }
    cell.runtime.checkpoint_all().await.unwrap();
    let (aside, count) = cell.runtime.quarantined(None, 9);
    assert_eq!(count, 1, "{aside:?}");
    assert!(aside[0].why.contains("cannot be written"), "{}", aside[0].why);
    for id in ids.iter().filter(|id| id.as_str() != &*aside[0].key.id) {
        cell.run(id, signal("after")).await.unwrap();
    }
    let again = cell.another().await;
    assert_eq!(again.runtime.quarantined(None, 9).1, 0, "it was whole, but for that page");
    for id in &ids {
        again.run(id, signal("again")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_of_a_slice_costs_nobody_anything() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    // The run and its record, together and each.
    for _ in 0..3 {
        cell.store.script(Call::Checkpoint, corrupt());
    }
    let failed = cell.runtime.checkpoint_all().await;
    assert!(matches!(failed, Err(ShardError::Store(StoreError::Corrupt(_)))), "{failed:?}");
    cell.run(&id, signal("s")).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(cell.another().await.signals(&id).await, ["s"]);
}

#[tokio::test(start_paused = true)]
async fn checkpoints_that_fail_are_a_problem_and_are_taken_again_by_themselves() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    cell.ledger.refuse_advances(true);
    cell.runtime.checkpoint_all().await.unwrap_err();
    let problems = cell.runtime.problems();
    assert!(problems.len() == 1 && problems[0].starts_with("shard 0 keeps "), "{problems:?}");
    assert!(problems[0].contains("its checkpoint failed 1 times: "), "{problems:?}");
    assert!(cell.runtime.is_well());
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(!cell.runtime.is_well(), "{:?}", cell.runtime.problems());
    cell.ledger.refuse_advances(false);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!((cell.runtime.is_well(), cell.runtime.problems()), (true, Vec::new()));
    assert_eq!(cell.ledger.advanced(ShardId(0)), cell.ledger.rows(ShardId(0)).last().unwrap().seq);
}

#[tokio::test(start_paused = true)]
async fn what_can_neither_be_written_nor_read_is_kept_aside_also_where_nothing_else_was_written() {
    for readable in [false, true] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.runtime.execute(&alarm(&id), Set(Time(i64::MAX), "set")).await.unwrap();
        // With all others, of which there are none, and by itself.
        for _ in 0..2 {
            cell.store.script(Call::Checkpoint, corrupt());
        }
        if !readable {
            cell.store.script(Call::Load, corrupt());
        }
        // Of what can be read nobody knows that it is at fault.
        assert_eq!(cell.runtime.checkpoint_all().await.is_err(), readable);
        let aside: Vec<_> = cell.runtime.quarantined(None, 9).0.into_iter().map(|one| one.key).collect();
        assert_eq!(aside, if readable { vec![] } else { vec![alarm(&id).key()] });
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_small_is_written_together_with_its_history() {
    let cell = Cell::new().await;
    let ids: Vec<String> = (0..10).map(|n| id_on(0, n)).collect();
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    cell.runtime.checkpoint_all().await.unwrap();
    for id in &ids {
        cell.run(id, signal("s")).await.unwrap();
    }
    let slices = cell.store.calls(Call::Checkpoint);
    cell.runtime.checkpoint_all().await.unwrap();
    // The position of every shard; of the first one entities and outbox, too.
    assert_eq!(cell.store.calls(Call::Checkpoint) - slices, u64::from(SHARDS) + 2);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_its_last_checkpoints() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    cell.store.set_latency(Call::Checkpoint, Duration::from_millis(10));
    cell.runtime.shutdown().await;
    for shard in (0..SHARDS).map(ShardId) {
        assert_eq!(cell.ledger.advanced(shard), cell.ledger.rows(shard).last().unwrap().seq);
    }
}

//! A store that does not keep up, is full or is broken: refused before anything is applied, or stopped.

use crate::fixture::*;
use cell_memory::Owner;
use cell_shard::{ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{ShardId, StoreError};
use futures::FutureExt;
use std::time::Duration;

fn is_overloaded(answer: Option<Result<(), ShardError>>) -> bool {
    matches!(answer, Some(Err(ShardError::Overloaded(_))))
}

/// A cell with one run whose first signal is held before the store.
async fn held(config: ShardConfig) -> (Cell, String, Gate, Running<()>) {
    let cell = Cell::with(config).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut first = cell.begin_run(&id, signal("first"));
    assert!((&mut first).now_or_never().is_none());
    gate.arrived().await;
    (cell, id, gate, first)
}

#[tokio::test(start_paused = true)]
async fn a_large_batch_refuses_before_apply() {
    let (cell, id, gate, first) = held(ShardConfig { batch_bytes: 3_000, ..config() }).await;
    let mut taken = Vec::new();
    let refused = (0..1_000).find(|n| {
        let mut running = cell.begin_run(&id, signal(&n.to_string()));
        let answer = (&mut running).now_or_never();
        let overloaded = is_overloaded(answer);
        taken.push(running);
        overloaded
    });
    let refused = refused.expect("a bound");
    assert!(refused > 3, "{refused}");
    taken.pop();
    gate.release();
    first.await.unwrap();
    for done in futures::future::join_all(taken).await {
        done.unwrap();
    }
    assert_eq!(cell.signals(&id).await.len(), refused + 1, "what was refused never happened");
    cell.run(&id, signal("room again")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_counts() {
    let (cell, id, gate, first) = held(ShardConfig { batch_bytes: 50, ..config() }).await;
    let refused = cell.begin_run(&id, signal("refused")).now_or_never();
    assert!(is_overloaded(refused), "the batch in flight alone is above the bound");
    gate.release();
    first.await.unwrap();
    cell.run(&id, signal("second")).await.unwrap();
    assert_eq!(cell.signals(&id).await, ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn as_much_may_wait_as_a_batch_may_hold() {
    let (cell, _, gate, first) = held(config()).await;
    let batches = || cell.runtime.memory().of(Owner::Batches);
    let waiting = batches();
    gate.release();
    first.await.unwrap();
    let bytes = cell.ledger.rows(ShardId(0)).last().expect("the signal").data.len();
    assert_eq!((waiting, batches()), (2 * bytes, 0), "its row, and what goes out with it");
    for (batch_bytes, refuses) in [(bytes, false), (bytes - 1, true)] {
        let (cell, id, gate, first) = held(ShardConfig { batch_bytes, ..config() }).await;
        let mut second = cell.begin_run(&id, signal("second"));
        assert_eq!(is_overloaded((&mut second).now_or_never()), refuses, "{batch_bytes} of {bytes}");
        gate.release();
        first.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_batch_refuses() {
    let (cell, id, gate, first) = held(config()).await;
    let mut second = cell.begin_run(&id, signal("second"));
    assert!((&mut second).now_or_never().is_none());
    cell.clock.step(5 * SECOND);
    let mut third = cell.begin_run(&id, signal("third"));
    assert!((&mut third).now_or_never().is_none(), "as old as it may be");
    cell.clock.step(1);
    assert!(is_overloaded(cell.begin_run(&id, signal("refused")).now_or_never()));
    gate.release();
    for taken in [first, second, third] {
        taken.await.unwrap();
    }
    assert_eq!(cell.signals(&id).await, ["first", "second", "third"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_new_commands_and_keeps_trying() {
    let cell = Cell::new().await;
    let ids = [id_on(0, 0), id_on(1, 0)];
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    let gate = Gate::new();
    for fault in [Fault::Before(StoreError::Full("disk".into())), Fault::HoldBefore(gate.clone())] {
        cell.store.script(Call::Append, fault);
    }
    let mut first = cell.begin_run(&ids[0], signal("first"));
    assert!((&mut first).now_or_never().is_none());
    gate.arrived().await;
    for id in &ids {
        assert!(is_overloaded(cell.begin_run(id, signal("refused")).now_or_never()));
    }
    gate.release();
    first.await.unwrap();
    for id in &ids {
        cell.run(id, signal("room")).await.unwrap();
    }
    assert_eq!(cell.signals(&ids[0]).await, ["first", "room"]);
    assert_eq!(cell.signals(&ids[1]).await, ["room"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_full_before_it_was_broken_refuses_nobody_else() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    for error in [StoreError::Full("disk".into()), StoreError::Corrupt("a page".into())] {
        cell.store.script(Call::Append, Fault::Before(error));
    }
    assert!(matches!(cell.run(&id, signal("s")).await, Err(ShardError::NotOwner(_))));
    cell.run(&id_on(1, 0), start()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_nothing_is_told_and_makes_a_cell_unwell_once_it_lasts() {
    for error in [StoreError::Full("disk".into()), StoreError::Unavailable("away".into())] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        let gate = Gate::new();
        for _ in 0..300 {
            cell.store.script(Call::Append, Fault::Before(error.clone()));
        }
        cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
        let mut running = cell.begin_run(&id, signal("s"));
        assert!((&mut running).now_or_never().is_none());
        tokio::time::sleep(Duration::from_secs(5)).await;
        let problems = cell.runtime.problems();
        assert!(problems.len() == 1 && problems[0].contains(&error.to_string()), "{problems:?}");
        assert!(cell.runtime.is_well(), "it may pass");
        gate.arrived().await;
        assert!(!cell.runtime.is_well());
        gate.release();
        running.await.unwrap();
        assert_eq!((cell.runtime.is_well(), cell.runtime.problems()), (true, Vec::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_written_stops_its_shard_only() {
    let (cell, a, gate, first) = held(config()).await;
    let b = id_on(1, 0);
    let mut both =
        [cell.begin_run(&a, signal("s")).boxed(), cell.begin_run(&b, start()).map(|r| r.map(drop)).boxed()];
    assert!(both.iter_mut().all(|running| running.now_or_never().is_none()));
    let corrupt = || StoreError::Corrupt("not what it should be".into());
    // The call for both, then the first shard's alone.
    cell.store.script(Call::Append, Fault::Before(corrupt()));
    cell.store.script(Call::Append, Fault::Before(corrupt()));
    gate.release();
    first.await.unwrap();
    let [a_lost, b_done] = both;
    assert!(matches!(a_lost.await, Err(ShardError::NotOwner(_))));
    b_done.await.unwrap();
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
    assert!(matches!(cell.run(&a, signal("late")).await, Err(ShardError::NotOwner(_))));
    cell.run(&b, signal("late")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_no_promise_stops_every_shard_of_the_append() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.store.script(Call::Append, Fault::Before(StoreError::Unsafe("commits are not synced".into())));
    assert!(matches!(cell.run(&id, start()).await, Err(ShardError::NotOwner(_))));
    assert_eq!(cell.runtime.serving(), SHARDS as usize - 1);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_though_the_store_is_away() {
    let (cell, disk) = Cell::on_disk(config()).await;
    cell.run("w", start()).await.unwrap();
    disk.crash(0);
    let mut running = cell.begin_run("w", signal("s"));
    assert!((&mut running).now_or_never().is_none());
    cell.runtime.shutdown().await;
    assert!(matches!(running.await, Err(ShardError::NotOwner(_))), "nobody was told that it is in");
}

#[tokio::test(start_paused = true)]
async fn usage_without_a_command_does_not_grow_without_bound() {
    const QUERIES: usize = 10_000;
    let (cell, id, gate, first) = held(ShardConfig { batch_bytes: 3_000, ..config() }).await;
    for _ in 0..QUERIES {
        cell.runtime.record_usage(&current(&id), |now| metering_rules::query(NAMESPACE, now.millis()));
    }
    gate.release();
    first.await.unwrap();
    cell.run(&id, signal("second")).await.unwrap();
    let noted = cell.out.usage_of(ShardId(0)).await.len();
    assert!((5..QUERIES / 10).contains(&noted), "{noted} entries waited for a store that is away");
}

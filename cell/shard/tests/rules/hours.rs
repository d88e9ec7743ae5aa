//! Every shard seals every hour once, in order, idle or not. The ledger of every cell checks that no
//! usage follows in a sealed hour.

use crate::fixture::*;
use cell_shard::{HOUR_MS, ShardError};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{ShardId, StoreError};
use std::time::Duration;

const HOUR: i64 = HOUR_MS * 1_000_000;

fn this_hour(cell: &Cell) -> i64 {
    cell.clock.millis() - cell.clock.millis().rem_euclid(HOUR_MS)
}

#[tokio::test(start_paused = true)]
async fn an_idle_shard_seals_each_hour_once_also_across_restarts() {
    let cell = Cell::new().await;
    let first = this_hour(&cell) - HOUR_MS;
    cell.clock.step(3 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| out.seals.len() == 4 * SHARDS as usize).await;
    let expected: Vec<i64> = (0..4).map(|n| first + n * HOUR_MS).collect();
    for shard in 0..SHARDS {
        assert_eq!(cell.ledger.seals(ShardId(shard)), expected);
        let told: Vec<i64> = cell
            .out
            .look(|out| out.seals.iter().filter(|(at, _)| at.0 == shard).map(|(_, hour)| *hour).collect());
        assert_eq!(told, expected);
    }
    let mut cell = cell;
    for checkpoint in [false, true] {
        let before = cell.ledger.seals(ShardId(0));
        if checkpoint {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        let again = cell.another().await;
        again.runtime.turn_hours_all().await.unwrap();
        assert_eq!(again.ledger.seals(ShardId(0)), before, "nothing new to seal");
        again.clock.step(2 * HOUR);
        again.runtime.turn_hours_all().await.unwrap();
        again.run("w", signal("none")).await.unwrap_err();
        let last = before.last().unwrap();
        again
            .out
            .until(|out| (0..SHARDS).all(|n| out.seals.contains(&(ShardId(n), last + 2 * HOUR_MS))))
            .await;
        let now: Vec<i64> = before.iter().copied().chain([last + HOUR_MS, last + 2 * HOUR_MS]).collect();
        assert_eq!(again.ledger.seals(ShardId(0)), now);
        cell = again;
    }
}

#[tokio::test(start_paused = true)]
async fn a_seal_that_is_not_durable_is_made_again() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let before = cell.ledger.seals(ShardId(0));
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    cell.clock.step(HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    gate.arrived().await;
    cell.runtime.checkpoint_all().await.unwrap();
    disk.crash(0);
    gate.release();
    assert_eq!(cell.ledger.seals(ShardId(0)), before);
    let again = cell.another().await;
    again.runtime.turn_hours_all().await.unwrap();
    again.out.until(|out| out.seals.iter().any(|(_, hour)| *hour == before[0] + HOUR_MS)).await;
    assert_eq!(again.ledger.seals(ShardId(0)), [before[0], before[0] + HOUR_MS]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_of_deletions_that_are_due_keeps_no_hour_open() {
    let first = Cell::new().await;
    first.run(&id_on(0, 0), start()).await.unwrap();
    first.runtime.checkpoint_all().await.unwrap();
    let cell = first.another().await;
    let before = cell.ledger.seals(ShardId(0)).len();
    for _ in 0..9 {
        cell.store.script(Call::Expired, Fault::Before(StoreError::Corrupt("a page".into())));
    }
    cell.clock.step(3 * HOUR);
    let turned = cell.runtime.turn_hours_all().await;
    assert!(matches!(turned, Err(ShardError::Store(StoreError::Corrupt(_)))), "it is told: {turned:?}");
    // Behind them in the log.
    cell.run(&id_on(0, 1), start()).await.unwrap();
    assert_eq!(cell.ledger.seals(ShardId(0)).len(), before + 3);
}

/// By the shards' own loops.
#[tokio::test(start_paused = true)]
async fn an_hour_is_sealed_when_it_ends() {
    let cell = Cell::new().await;
    let before = cell.ledger.seals(ShardId(0)).len();
    cell.clock.step(HOUR / 2 - 10 * SECOND);
    // They look, and ten seconds are left.
    tokio::time::sleep(Duration::from_secs(31)).await;
    cell.clock.step(10 * SECOND);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(cell.ledger.seals(ShardId(0)).len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn while_an_hour_goes_on_a_look_for_deletions_is_one() {
    let cell = Cell::new().await.another().await;
    // Their own loops have looked.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let looks = cell.store.calls(Call::Expired);
    cell.runtime.turn_hours_all().await.unwrap();
    assert_eq!(cell.store.calls(Call::Expired) - looks, u64::from(SHARDS));
}

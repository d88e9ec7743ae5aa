//! Acquiring raises the epoch and reads what is to be replayed.

use super::fixture::*;
use crate::types::*;

pub(super) async fn each_acquisition_raises_the_epoch_by_one(cell: Cell) {
    let first = cell.acquire(S).await;
    let second = cell.acquire(S).await;
    assert_eq!(second.epoch, Epoch(first.epoch.0 + 1));
    assert_eq!(cell.shards().epochs(&[S, T]).await.expect("epochs"), [second.epoch, Epoch(0)]);
}

pub(super) async fn epochs_survive_a_restart(mut cell: Cell) {
    let before = cell.acquire(S).await.epoch;
    cell.restart().await;
    assert_eq!(cell.shards().epochs(&[S]).await.expect("epochs"), [before]);
    assert_eq!(cell.acquire(S).await.epoch, Epoch(before.0 + 1));
}

pub(super) async fn shards_are_acquired_independently_and_answered_in_order(cell: Cell) {
    let mut owner = cell.own(T).await;
    let written = cell.write(&mut owner, 2).await;
    let acquired = cell.shards().acquire(&[ShardId(3), T, ShardId(0)]).await.expect("acquire");
    let answered: Vec<ShardId> = acquired.iter().map(|a| a.shard).collect();
    assert_eq!(answered, [ShardId(3), T, ShardId(0)]);
    assert_eq!(acquired[0].tail, []);
    assert_eq!(acquired[1].tail[1..], [written[0].rows[0].clone(), written[1].rows[0].clone()]);
    assert_eq!(acquired[1].epoch, Epoch(owner.epoch.0 + 1));
    assert_eq!(cell.shards().epochs(&[S]).await.expect("epochs"), [Epoch(0)], "was not asked for");
}

pub(super) async fn the_tail_begins_after_the_checkpoint(cell: Cell) {
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 4).await;
    cell.save(owner.advance(written[1].rows[0].seq)).await;
    let acquired = cell.acquire(S).await;
    assert_eq!(acquired.checkpoint_seq, written[1].rows[0].seq);
    assert_eq!(acquired.checkpoint_state, advance_to(acquired.checkpoint_seq).state);
    assert_eq!(acquired.tail, [written[2].rows[0].clone(), written[3].rows[0].clone()]);
    assert_eq!(acquired.last_seq, written[3].rows[0].seq);
}

pub(super) async fn an_unknown_shard_is_refused_and_nothing_changes(cell: Cell) {
    let unknown = ShardId(SHARDS);
    cell.shards().acquire(&[S, unknown]).await.expect_err("no such shard");
    assert_eq!(cell.shards().epochs(&[S]).await.expect("epochs"), [Epoch(0)]);
    let appends = [batch(S, Epoch(1), 1, 1), batch(unknown, Epoch(1), 1, 1)];
    cell.shards().append(&appends).await.expect_err("no such shard");
    assert_eq!(cell.tail(S).await, []);
    cell.shards().trim(unknown).await.expect_err("no such shard");
    let owner = Owner { shard: unknown, epoch: Epoch(0), next_seq: 1 };
    cell.shards().checkpoint(&owner.slice()).await.expect_err("no such shard");
}

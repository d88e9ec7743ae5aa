//! Appending inserts, once, and never updates.

use super::fixture::*;
use crate::error::StoreError;
use crate::types::*;
use AppendOutcome::{Accepted, Superseded, WentBack};
use bytes::Bytes;
use uuid::Uuid;

pub(super) async fn accepted_rows_survive_a_restart(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    let append = owner.batch(3);
    assert_eq!(cell.append(&append).await, Accepted);
    cell.restart().await;
    let acquired = cell.acquire(S).await;
    assert!(acquired.tail[0].ownership && acquired.tail[1..].iter().all(|row| !row.ownership));
    assert_eq!(acquired.tail[1..], append.rows);
    assert_eq!(acquired.last_seq, 4);
}

pub(super) async fn repeated_append_is_accepted_once(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    let append = owner.batch(2);
    for _ in 0..3 {
        assert_eq!(cell.append(&append).await, Accepted);
    }
    cell.restart().await;
    assert_eq!(cell.append(&append).await, Accepted);
    assert_eq!(cell.tail(S).await[1..], append.rows);
}

pub(super) async fn another_batch_at_a_taken_position_is_superseded(cell: Cell) {
    let mut owner = cell.own(S).await;
    let stands = owner.batch(1);
    assert_eq!(cell.append(&stands).await, Accepted);
    let mut other_batch = stands.clone();
    other_batch.rows[0].batch_id = Uuid::from_u128(99);
    let mut other_epoch = stands.clone();
    other_epoch.rows[0].epoch = Epoch(owner.epoch.0 + 1);
    for other in [other_batch, other_epoch] {
        assert_eq!(cell.append(&other).await, Superseded);
    }
    assert_eq!(cell.tail(S).await[1..], stands.rows, "nothing was updated");
}

pub(super) async fn superseded_shard_leaves_its_neighbours_accepted(cell: Cell) {
    let (mut first, mut stale, mut last) =
        (cell.own(ShardId(0)).await, cell.own(S).await, cell.own(ShardId(3)).await);
    let new_owner = cell.own(S).await;
    let appends = [first.batch(2), stale.batch(1), last.batch(1)];
    let outcomes = cell.shards().append(&appends).await.expect("append");
    assert_eq!(outcomes, [Accepted, Superseded, Accepted]);
    assert_eq!(cell.tail(ShardId(0)).await[1..], appends[0].rows);
    assert_eq!(cell.tail(ShardId(3)).await[1..], appends[2].rows);
    assert_eq!(cell.acquire(S).await.last_seq, new_owner.next_seq - 1);
}

pub(super) async fn an_append_is_accepted_whole_or_not_at_all(cell: Cell) {
    let mut stale = cell.own(S).await;
    let stands = cell.own(S).await;
    // Its first position is the one that superseded it; the two after it are free.
    assert_eq!(cell.append(&stale.batch(3)).await, Superseded);
    let acquired = cell.acquire(S).await;
    assert_eq!(acquired.last_seq, stands.next_seq - 1);
    assert_eq!(acquired.tail.len(), 2);
}

pub(super) async fn a_repeat_beside_new_rows_is_accepted(cell: Cell) {
    let (mut one, mut two) = (cell.own(S).await, cell.own(T).await);
    let repeated = one.batch(2);
    assert_eq!(cell.append(&repeated).await, Accepted);
    let new = two.batch(2);
    let outcomes = cell.shards().append(&[repeated.clone(), new.clone()]).await.expect("append");
    assert_eq!(outcomes, [Accepted, Accepted]);
    assert_eq!(cell.tail(S).await[1..], repeated.rows);
    assert_eq!(cell.tail(T).await[1..], new.rows);
}

pub(super) async fn behind_a_gap_the_log_went_back_and_its_neighbours_are_accepted(cell: Cell) {
    let (mut one, mut two) = (cell.own(S).await, cell.own(T).await);
    let follows = one.batch(1);
    two.next_seq += 1;
    let outcomes = cell.shards().append(&[follows.clone(), two.batch(2)]).await.expect("append");
    assert_eq!(outcomes, [Accepted, WentBack]);
    assert_eq!(cell.tail(S).await[1..], follows.rows);
    assert_eq!(cell.tail(T).await.len(), 1);
}

pub(super) async fn malformed_appends_are_refused_and_nothing_is_written(cell: Cell) {
    let (mut one, two) = (cell.own(S).await, cell.own(T).await);
    let good = one.batch(1);
    let shape = batch(T, two.epoch, two.next_seq, 3);
    let mut hole = shape.clone();
    hole.rows.remove(1);
    let mut backwards = shape.clone();
    backwards.rows.reverse();
    let mut epochs = shape.clone();
    epochs.rows[2].epoch = Epoch(99);
    let mut batches = shape.clone();
    batches.rows[1].batch_id = Uuid::from_u128(98);
    let zero = batch(T, two.epoch, 0, 1);
    for bad in [hole, backwards, epochs, batches, zero, good.clone()] {
        let refused = cell.shards().append(&[good.clone(), bad]).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    }
    assert_eq!(cell.tail(S).await.len(), 1);
    assert_eq!(cell.tail(T).await.len(), 1);
}

pub(super) async fn empty_calls_are_answered(cell: Cell) {
    assert_eq!(cell.shards().append(&[]).await.expect("append"), []);
    assert_eq!(cell.shards().acquire(&[]).await.expect("acquire"), []);
    assert_eq!(cell.shards().epochs(&[]).await.expect("epochs"), []);
    assert_eq!(cell.shards().load(&[], usize::MAX).await.expect("load"), []);
    assert_eq!(cell.shards().segments(&[]).await.expect("segments"), []);
    let mut owner = cell.own(S).await;
    let appends = [Append { shard: T, rows: Vec::new(), segments: Vec::new() }, owner.batch(1)];
    assert_eq!(cell.shards().append(&appends).await.expect("append"), [Accepted, Accepted]);
    assert_eq!(cell.tail(T).await, []);
}

pub(super) async fn rows_of_any_size_come_back_unchanged(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    let sizes = [0, 1, 4_000, 4_096, 65_536, 262_144];
    let mut append = owner.batch(sizes.len() as u64);
    for (row, size) in append.rows.iter_mut().zip(sizes) {
        row.data = (0..size).map(|i| (i * 31 % 251) as u8).collect::<Vec<u8>>().into();
    }
    assert_eq!(cell.append(&append).await, Accepted);
    cell.restart().await;
    assert_eq!(cell.tail(S).await[1..], append.rows);
}

pub(super) async fn many_rows_of_many_shards_in_one_call(cell: Cell) {
    let mut owners = Vec::new();
    for shard in 0..SHARDS {
        owners.push(cell.own(ShardId(shard)).await);
    }
    let mut appends: Vec<Append> = owners.iter_mut().map(|owner| owner.batch(77)).collect();
    appends[0].rows[0].data = Bytes::from_static(b"\x00\xff");
    let outcomes = cell.shards().append(&appends).await.expect("append");
    assert!(outcomes.iter().all(|outcome| *outcome == Accepted));
    for append in &appends {
        assert_eq!(cell.tail(append.shard).await[1..], append.rows);
    }
}

//! A shard has one owner, whatever clocks and networks do.

use super::fixture::*;
use crate::types::*;
use AppendOutcome::{Accepted, Superseded};

pub(super) async fn a_stale_owner_collides_with_the_ownership_record(cell: Cell) {
    let mut stale = cell.own(S).await;
    cell.write(&mut stale, 2).await;
    let mut owner = cell.own(S).await;
    assert_eq!(cell.append(&stale.clone().batch(1)).await, Superseded);
    cell.write(&mut owner, 2).await;
    assert_eq!(cell.append(&stale.batch(1)).await, Superseded);
}

pub(super) async fn a_stale_owner_collides_for_ever_also_after_a_trim(mut cell: Cell) {
    let mut stale = cell.own(S).await;
    cell.write(&mut stale, 2).await;
    for _ in 0..3 {
        let mut owner = cell.own(S).await;
        let written = cell.write(&mut owner, 3).await;
        cell.save(owner.advance(written[2].rows[0].seq)).await;
        cell.shards().trim(S).await.expect("trim");
        assert_eq!(cell.append(&stale.clone().batch(1)).await, Superseded);
        assert_eq!(cell.append(&stale.clone().batch(2)).await, Superseded, "also a longer batch");
        cell.restart().await;
    }
    assert_eq!(cell.append(&stale.batch(1)).await, Superseded);
}

pub(super) async fn a_stale_repeat_of_a_trimmed_row_is_superseded(cell: Cell) {
    let mut stale = cell.own(S).await;
    let unknown = cell.write(&mut stale, 1).await.remove(0);
    let owner = cell.own(S).await;
    cell.save(owner.advance(owner.next_seq - 1)).await;
    cell.shards().trim(S).await.expect("trim");
    assert_eq!(cell.append(&unknown).await, Superseded, "what became of the row is no longer known");
    assert_eq!(cell.acquire(S).await.tail, []);
}

pub(super) async fn of_two_acquirers_one_gets_the_position(cell: Cell) {
    let (first, second) = (cell.acquire(S).await, cell.acquire(S).await);
    assert_eq!(first.last_seq, second.last_seq);
    let record = |acquired: &Acquired| {
        Owner { shard: S, epoch: acquired.epoch, next_seq: acquired.last_seq + 1 }.ownership()
    };
    let outcomes = [cell.append(&record(&first)).await, cell.append(&record(&second)).await];
    let got = match outcomes {
        [Accepted, Superseded] => first,
        [Superseded, Accepted] => second,
        other => panic!("{other:?}"),
    };
    let again = cell.acquire(S).await;
    assert_eq!(again.tail, record(&got).rows);
    assert_eq!(cell.append(&record(&again)).await, Accepted);
}

pub(super) async fn what_an_old_owner_gets_in_before_the_ownership_record_is_read_again(cell: Cell) {
    let mut old = cell.own(S).await;
    let acquired = cell.acquire(S).await;
    let late = old.batch(1);
    let mut new = Owner { shard: S, epoch: acquired.epoch, next_seq: acquired.last_seq + 1 };
    if cell.append(&late).await == Accepted {
        // Nobody serves from what was read before.
        assert_eq!(cell.append(&new.ownership()).await, Superseded, "so it must read again");
        assert_eq!(cell.acquire(S).await.tail[1..], late.rows);
    } else {
        let record = new.ownership();
        assert_eq!(cell.append(&record).await, Accepted);
        assert_eq!(cell.tail(S).await[1..], record.rows, "nothing of the old one's is there");
    }
}

pub(super) async fn unknown_outcome_that_was_committed(cell: Cell) {
    let mut owner = cell.own(S).await;
    let unknown = owner.batch(2);
    assert_eq!(cell.append(&unknown).await, Accepted, "and the answer got lost");
    let mut new_owner = cell.own(S).await;
    assert_eq!(cell.append(&unknown).await, Accepted, "the rows are there, in the new owner's tail");
    assert_eq!(cell.append(&owner.batch(1)).await, Superseded, "but nothing may follow them");
    cell.write(&mut new_owner, 1).await;
    assert_eq!(cell.tail(S).await[1..3], unknown.rows);
}

pub(super) async fn unknown_outcome_that_was_not_committed(cell: Cell) {
    let mut owner = cell.own(S).await;
    let unknown = owner.batch(2);
    cell.own(S).await;
    assert_eq!(cell.append(&unknown).await, Superseded, "the new owner's tail did not have the rows");
    assert!(cell.tail(S).await.iter().all(|row| row.ownership));
}

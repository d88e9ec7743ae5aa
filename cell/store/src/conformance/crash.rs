//! The process ends in the middle of something.

use super::fixture::*;
use crate::types::*;
use AppendOutcome::{Accepted, Superseded};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// How often a call is polled before its caller is gone: from "sent" to "all but answered".
pub(super) const POLLS: std::ops::Range<u32> = 1..7;

/// Begins a call and abandons it after some polls; whether it was answered by then.
pub(super) async fn abandon<T>(polls: u32, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    for _ in 0..polls {
        let answer = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        });
        if let Some(answer) = answer.await {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}

pub(super) async fn between_append_and_acknowledgement(mut cell: Cell) {
    for polls in POLLS {
        let (mut one, mut two) = (cell.own(S).await, cell.own(T).await);
        let run = run_key("workflow", u128::from(polls));
        let mut appends = [one.batch(2), two.batch(1)];
        appends[0].segments = vec![segment(&run, 1, 2, "beside the rows")];
        let answer = abandon(polls, cell.shards().append(&appends)).await;
        cell.restart().await;
        let (after_one, after_two) = (cell.acquire(S).await, cell.acquire(T).await);
        let stands = after_one.last_seq == one.next_seq - 1;
        assert_eq!(stands, after_two.last_seq == two.next_seq - 1, "one call, one fate on one engine");
        assert!(stands || after_one.last_seq == one.next_seq - 3, "a batch is whole or absent");
        assert!(stands || answer.is_none(), "an answered append is durable");
        assert_eq!(
            !cell.history(&run).await.is_empty(),
            stands,
            "side rows stand with the rows or not at all"
        );
        let again = cell.shards().append(&appends).await.expect("the same rows again");
        // What was lost is an owner's that another has replaced since.
        assert!(again == [Accepted, Accepted] || !stands && again == [Superseded, Superseded], "{again:?}");
        let stands = again[0] == Accepted;
        let end = if stands { one.next_seq - 1 } else { one.next_seq - 3 };
        assert_eq!(cell.acquire(S).await.tail.len() as u64, end, "no row twice");
        assert_eq!(cell.history(&run).await, if stands { &appends[0].segments[..] } else { &[] });
    }
}

pub(super) async fn between_the_slices_of_a_checkpoint(mut cell: Cell) {
    let keys = [run_key("workflow", 1), run_key("workflow", 2)];
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 2).await;
    cell.save(Checkpoint { entities: vec![entity(&keys[0], "after row 3")], ..owner.slice() }).await;
    cell.restart().await;
    let acquired = cell.acquire(S).await;
    assert_eq!((acquired.checkpoint_seq, acquired.tail.len()), (0, 3), "the whole tail is replayed");
    assert_eq!(cell.load(S, &keys[0]).await, Some(entity(&keys[0], "after row 3")));
    assert_eq!(cell.load(S, &keys[1]).await, None);
    let last = Checkpoint {
        entities: vec![entity(&keys[1], "after row 3")],
        advance: Some(advance_to(written[1].rows[0].seq)),
        ..owner.slice()
    };
    assert_eq!(cell.checkpoint(&last).await, Superseded, "the dead owner's checkpoint cannot go on");
    let owner = cell.own(S).await;
    cell.save(Checkpoint { epoch: owner.epoch, ..last }).await;
    assert_eq!(cell.acquire(S).await.checkpoint_seq, 3);
}

pub(super) async fn between_checkpoint_and_trim(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 3).await;
    cell.save(owner.advance(written[1].rows[0].seq)).await;
    cell.restart().await;
    let acquired = cell.acquire(S).await;
    assert_eq!(acquired.tail, written[2].rows, "rows that were not trimmed are not replayed");
    assert_eq!(cell.append(&written[0]).await, Accepted, "such a row still stands");
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 2, "and is trimmed later");
    assert_eq!(cell.append(&written[0]).await, Superseded);
}

pub(super) async fn during_a_checkpoint_slice(mut cell: Cell) {
    for polls in POLLS {
        let key = run_key("workflow", u128::from(polls));
        let mut owner = cell.own(S).await;
        cell.write(&mut owner, 1).await;
        let target = owner.next_seq - 1;
        let slice = Checkpoint {
            entities: vec![entity(&key, "snapshot")],
            history: vec![segment(&key, 1, 1, "e")],
            outbox: vec![item(&polls.to_string(), "a", "item")],
            advance: Some(advance_to(target)),
            ..owner.slice()
        };
        let answer = abandon(polls, cell.shards().checkpoint(&slice)).await;
        cell.restart().await;
        let advanced = cell.acquire(S).await.checkpoint_seq == target;
        assert!(advanced || answer.is_none(), "an answered slice is durable");
        assert_eq!(cell.load(S, &key).await.is_some(), advanced, "a slice is whole or absent");
        assert_eq!(cell.history(&key).await.len(), usize::from(advanced));
        assert_eq!(cell.outbox(&polls.to_string()).await.len(), usize::from(advanced));
    }
}

pub(super) async fn during_recovery(mut cell: Cell) {
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 3).await;
    cell.save(owner.advance(written[0].rows[0].seq)).await;
    let mut epoch = owner.epoch.0;
    for polls in POLLS {
        // Once right after acquiring, once in the middle of the ownership record.
        cell.restart().await;
        let acquired = cell.acquire(S).await;
        assert!(acquired.epoch.0 > epoch, "epochs only rise");
        epoch = acquired.epoch.0;
        assert_eq!(acquired.tail[..2], [written[1].rows[0].clone(), written[2].rows[0].clone()]);
        assert!(acquired.tail[2..].iter().all(|row| row.ownership), "nothing but attempts to take over");
        let mut next = Owner { shard: S, epoch: acquired.epoch, next_seq: acquired.last_seq + 1 };
        let record = next.ownership();
        if abandon(polls, cell.shards().append(std::slice::from_ref(&record))).await.is_some() {
            assert_eq!(cell.append(&record).await, Accepted);
        }
    }
    cell.restart().await;
    let mut owner = cell.own(S).await;
    cell.write(&mut owner, 1).await;
}

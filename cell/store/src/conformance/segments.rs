//! History that an append writes beside its rows.

use super::fixture::*;
use crate::error::StoreError;
use crate::types::*;
use AppendOutcome::{Accepted, Superseded};
use bytes::Bytes;

/// An append with one segment of 70 KiB, of events `[first, last]`.
fn with_segment(mut append: Append, run: &EntityKey, first: i64, last: i64) -> Append {
    let seq = append.rows.first().map_or(0, |row| row.seq);
    let events: Vec<u8> = (0..70 << 10).map(|i| (i % 251) as u8 ^ seq as u8).collect();
    append.segments.push(HistorySegment {
        branch: run.clone(),
        first_event_id: first,
        last_event_id: last,
        events: Bytes::from(events),
    });
    append
}

async fn of_shard(cell: &Cell, shard: ShardId, run: &EntityKey) -> Vec<HistorySegment> {
    cell.shards().history(shard, run, 1, i64::MAX, usize::MAX).await.expect("history")
}

pub(super) async fn they_stand_with_the_rows_of_an_accepted_append(mut cell: Cell) {
    let (run, next) = (run_key("workflow", 1), run_key("workflow", 2));
    let mut owner = cell.own(S).await;
    let append = with_segment(with_segment(owner.batch(2), &run, 1, 2), &next, 1, 1);
    assert_eq!(cell.append(&append).await, Accepted);
    cell.restart().await;
    assert_eq!(cell.history(&run).await, append.segments[..1]);
    assert_eq!(cell.history(&next).await, append.segments[1..]);
    assert_eq!(of_shard(&cell, T, &run).await, [], "in their shard only");
    assert_eq!(cell.tail(S).await[1..], append.rows);
}

pub(super) async fn a_superseded_append_writes_none_and_its_neighbours_do(cell: Cell) {
    let run = run_key("workflow", 1);
    let shards = [ShardId(0), S, ShardId(3)];
    let mut appends = Vec::new();
    for shard in shards {
        appends.push(with_segment(cell.own(shard).await.batch(1), &run, 1, 3));
    }
    cell.own(S).await;
    let outcomes = cell.shards().append(&appends).await.expect("append");
    assert_eq!(outcomes, [Accepted, Superseded, Accepted]);
    assert_eq!(of_shard(&cell, ShardId(0), &run).await, appends[0].segments);
    assert_eq!(of_shard(&cell, S, &run).await, []);
    assert_eq!(of_shard(&cell, ShardId(3), &run).await, appends[2].segments);
}

pub(super) async fn a_repeat_writes_them_once(mut cell: Cell) {
    let run = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let append = with_segment(owner.batch(2), &run, 1, 2);
    for _ in 0..2 {
        assert_eq!(cell.append(&append).await, Accepted);
    }
    let mut other = cell.own(T).await;
    let beside = with_segment(other.batch(1), &run, 5, 5);
    let outcomes = cell.shards().append(&[append.clone(), beside.clone()]).await.expect("append");
    assert_eq!(outcomes, [Accepted, Accepted]);
    cell.restart().await;
    assert_eq!(cell.append(&append).await, Accepted);
    assert_eq!(cell.history(&run).await, append.segments);
    assert_eq!(of_shard(&cell, T, &run).await, beside.segments);
}

pub(super) async fn a_late_repeat_brings_no_deleted_history_back(cell: Cell) {
    let run = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let append = with_segment(owner.batch(1), &run, 1, 2);
    assert_eq!(cell.append(&append).await, Accepted);
    cell.save(Checkpoint { deleted: vec![run.clone()], ..owner.slice() }).await;
    assert_eq!(cell.history(&run).await, [], "deleted with the run, which has no entity row");
    assert_eq!(cell.append(&append).await, Accepted, "its rows stand");
    assert_eq!(cell.history(&run).await, []);
}

pub(super) async fn they_join_what_checkpoints_write(cell: Cell) {
    let run = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let appends = [with_segment(owner.batch(1), &run, 3, 4), with_segment(owner.batch(1), &run, 7, 7)];
    for append in &appends {
        assert_eq!(cell.append(append).await, Accepted);
    }
    let history = vec![segment(&run, 5, 6, "five and six"), segment(&run, 1, 2, "one and two")];
    cell.save(Checkpoint { history: history.clone(), ..owner.slice() }).await;
    let all = [&history[1], &appends[0].segments[0], &history[0], &appends[1].segments[0]].map(Clone::clone);
    assert_eq!(cell.history(&run).await, all);
    assert_eq!(cell.shards().history(S, &run, 4, 5, usize::MAX).await.expect("history"), all[1..3]);
}

pub(super) async fn a_trim_leaves_them(cell: Cell) {
    let run = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let append = with_segment(owner.batch(3), &run, 1, 2);
    assert_eq!(cell.append(&append).await, Accepted);
    cell.save(owner.advance(owner.next_seq - 1)).await;
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 3);
    assert_eq!(cell.history(&run).await, append.segments);
    assert_eq!(cell.append(&append).await, Superseded);
}

pub(super) async fn malformed_ones_are_refused_and_nothing_is_written(cell: Cell) {
    let run = run_key("workflow", 1);
    let (one, two) = (cell.own(S).await, cell.own(T).await);
    let good = with_segment(one.clone().batch(1), &run, 1, 2);
    let mut without_rows = with_segment(two.clone().batch(1), &run, 1, 2);
    without_rows.rows.clear();
    let twice = with_segment(with_segment(two.clone().batch(1), &run, 1, 2), &run, 1, 3);
    let backwards = with_segment(two.clone().batch(1), &run, 3, 2);
    let zero = with_segment(two.clone().batch(1), &run, 0, 2);
    for bad in [without_rows, twice, backwards, zero] {
        let refused = cell.shards().append(&[good.clone(), bad]).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    }
    assert_eq!((cell.tail(S).await.len(), cell.tail(T).await.len()), (1, 1));
    assert_eq!(cell.history(&run).await, []);
}

pub(super) async fn many_of_many_shards_in_one_call(cell: Cell) {
    let mut appends = Vec::new();
    for shard in 0..SHARDS {
        let append = cell.own(ShardId(shard)).await.batch(37);
        let with = (1..=u128::from(shard) * 20)
            .fold(append, |append, n| with_segment(append, &run_key("workflow", n), 1, 9));
        appends.push(with);
    }
    let outcomes = cell.shards().append(&appends).await.expect("append");
    assert!(outcomes.iter().all(|outcome| *outcome == Accepted));
    let mut keys = Vec::new();
    for append in &appends {
        assert_eq!(cell.tail(append.shard).await[1..], append.rows);
        keys.extend(append.segments.iter().map(|s| (append.shard, s.branch.clone(), 1)));
    }
    let stand = cell.shards().segments(&keys).await.expect("segments");
    let written: Vec<_> = appends.into_iter().flat_map(|append| append.segments).map(Some).collect();
    assert_eq!(stand, written);
}

pub(super) async fn they_are_found_by_their_first_event_in_order_with_holes(cell: Cell) {
    let run = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let append = with_segment(with_segment(owner.batch(1), &run, 1, 2), &run, 3, 6);
    assert_eq!(cell.append(&append).await, Accepted);
    let ask =
        [(S, 3), (S, 2), (T, 1), (S, 1), (S, 7), (S, 3)].map(|(shard, first)| (shard, run.clone(), first));
    let (first, second) = (Some(append.segments[0].clone()), Some(append.segments[1].clone()));
    let found = cell.shards().segments(&ask).await.expect("segments");
    assert_eq!(found, [second.clone(), None, None, first, None, second]);
    let other = cell.shards().segments(&[(S, run_key("workflow", 2), 1)]).await.expect("segments");
    assert_eq!(other, [None]);
}

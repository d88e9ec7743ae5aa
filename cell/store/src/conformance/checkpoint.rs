//! Checkpoints: atomic slices, fenced by epoch.

use super::fixture::*;
use crate::types::*;
use AppendOutcome::{Accepted, Superseded, WentBack};

pub(super) async fn a_stale_checkpoint_changes_nothing(cell: Cell) {
    let (kept, new) = (run_key("kept", 1), run_key("new", 2));
    let mut stale = cell.own(S).await;
    let written = cell.write(&mut stale, 2).await;
    cell.save(Checkpoint {
        entities: vec![entity(&kept, "old")],
        history: vec![segment(&kept, 1, 3, "abc")],
        outbox: vec![item("usage", "a", "old")],
        ..stale.slice()
    })
    .await;
    cell.acquire(S).await;
    let slice = Checkpoint {
        entities: vec![entity(&new, "new"), entity(&kept, "newer")],
        deleted: vec![kept.clone()],
        history: vec![segment(&new, 1, 1, "x")],
        outbox: vec![item("usage", "b", "new")],
        outbox_done: vec![taken(&item("usage", "a", ""))],
        advance: Some(advance_to(written[1].rows[0].seq)),
        ..stale.slice()
    };
    assert_eq!(cell.checkpoint(&slice).await, Superseded);
    assert_eq!(cell.load(S, &kept).await, Some(entity(&kept, "old")));
    assert_eq!(cell.load(S, &new).await, None);
    assert_eq!(cell.history(&kept).await, [segment(&kept, 1, 3, "abc")]);
    assert_eq!(cell.history(&new).await, []);
    assert_eq!(cell.outbox("usage").await, [item("usage", "a", "old")]);
    assert_eq!(cell.acquire(S).await.checkpoint_seq, 0);
    let future = Checkpoint { epoch: Epoch(99), ..slice };
    assert_eq!(cell.checkpoint(&future).await, Superseded, "an epoch nobody has reached");
}

pub(super) async fn an_advance_beyond_the_log_changes_nothing(cell: Cell) {
    let key = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 2).await;
    let last = written[1].rows[0].seq;
    let entities = vec![entity(&key, "snapshot")];
    let beyond = Checkpoint { entities: entities.clone(), ..owner.advance(last + 1) };
    assert_eq!(cell.checkpoint(&beyond).await, WentBack, "a row that the owner knows is gone");
    assert_eq!(cell.load(S, &key).await, None);
    cell.save(Checkpoint { entities, ..owner.advance(last) }).await;
    cell.shards().trim(S).await.expect("trim");
    cell.save(owner.advance(last)).await;
    assert_eq!(cell.checkpoint(&owner.advance(last + 1)).await, WentBack, "behind a trim, too");
    assert_eq!(cell.acquire(S).await.checkpoint_seq, last);
}

pub(super) async fn several_slices_make_one_checkpoint(mut cell: Cell) {
    let keys: Vec<EntityKey> = (1..=3).map(|n| run_key("workflow", n)).collect();
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 2).await;
    for key in &keys {
        cell.save(Checkpoint { entities: vec![entity(key, "snapshot")], ..owner.slice() }).await;
        cell.save(Checkpoint { history: vec![segment(key, 1, 1, "e")], ..owner.slice() }).await;
    }
    assert_eq!(cell.acquire(S).await.checkpoint_seq, 0, "the last slice has not come");
    let owner = cell.own(S).await;
    cell.save(owner.advance(written[1].rows[0].seq)).await;
    cell.restart().await;
    assert_eq!(cell.acquire(S).await.checkpoint_seq, written[1].rows[0].seq);
    for key in &keys {
        assert_eq!(cell.load(S, key).await, Some(entity(key, "snapshot")));
        assert_eq!(cell.history(key).await, [segment(key, 1, 1, "e")]);
    }
}

pub(super) async fn a_repeated_slice_changes_nothing_more(cell: Cell) {
    let (key, gone) = (run_key("workflow", 1), run_key("gone", 2));
    let owner = cell.own(S).await;
    let slice = Checkpoint {
        entities: vec![entity(&key, "snapshot")],
        deleted: vec![gone.clone()],
        history: vec![segment(&key, 1, 2, "ab")],
        outbox: vec![item("usage", "b", "item")],
        outbox_done: vec![taken(&item("usage", "a", ""))],
        advance: Some(advance_to(1)),
        ..owner.slice()
    };
    for _ in 0..3 {
        cell.save(slice.clone()).await;
        assert_eq!(cell.load(S, &key).await, Some(entity(&key, "snapshot")));
        assert_eq!(cell.load(S, &gone).await, None);
        assert_eq!(cell.history(&key).await, [segment(&key, 1, 2, "ab")]);
        assert_eq!(cell.outbox("usage").await, [item("usage", "b", "item")]);
    }
    assert_eq!(cell.acquire(S).await.checkpoint_state, advance_to(1).state);
}

pub(super) async fn a_checkpoint_never_moves_back(cell: Cell) {
    let mut owner = cell.own(S).await;
    cell.write(&mut owner, 3).await;
    cell.save(owner.advance(3)).await;
    cell.save(owner.advance(2)).await;
    let same = CheckpointAdvance { checkpoint_seq: 3, state: "rewritten".into() };
    let acquired = cell.acquire(S).await;
    assert_eq!((acquired.checkpoint_seq, acquired.checkpoint_state), (3, advance_to(3).state));
    let owner = cell.own(S).await;
    cell.save(Checkpoint { advance: Some(same.clone()), ..owner.slice() }).await;
    assert_eq!(cell.acquire(S).await.checkpoint_state, same.state);
}

pub(super) async fn removals_come_before_writes(cell: Cell) {
    let key = run_key("workflow", 1);
    let owner = cell.own(S).await;
    cell.save(Checkpoint {
        entities: vec![entity(&key, "old")],
        history: vec![segment(&key, 1, 1, "a"), segment(&key, 2, 2, "b")],
        outbox: vec![item("usage", "a", "old")],
        ..owner.slice()
    })
    .await;
    cell.save(Checkpoint {
        entities: vec![entity(&key, "new")],
        deleted: vec![key.clone()],
        history: vec![segment(&key, 2, 2, "c")],
        outbox: vec![item("usage", "a", "new")],
        outbox_done: vec![taken(&item("usage", "a", ""))],
        ..owner.slice()
    })
    .await;
    assert_eq!(cell.load(S, &key).await, Some(entity(&key, "new")));
    assert_eq!(cell.history(&key).await, [segment(&key, 2, 2, "c")]);
    assert_eq!(cell.outbox("usage").await, [item("usage", "a", "new")]);
}

pub(super) async fn a_snapshot_may_include_positions_that_the_tail_holds(mut cell: Cell) {
    let key = run_key("workflow", 1);
    let mut owner = cell.own(S).await;
    let written = cell.write(&mut owner, 3).await;
    let row = EntityRow { position: Position { seq: 3, index: 7 }, ..entity(&key, "after row 3") };
    cell.save(Checkpoint { entities: vec![row.clone()], advance: Some(advance_to(2)), ..owner.slice() })
        .await;
    cell.restart().await;
    let acquired = cell.acquire(S).await;
    assert_eq!(acquired.tail, [written[1].rows[0].clone(), written[2].rows[0].clone()]);
    assert_eq!(cell.load(S, &key).await, Some(row), "replay skips by the position it carries");
}

pub(super) async fn shards_do_not_see_each_other(cell: Cell) {
    let key = run_key("workflow", 1);
    let (one, two) = (cell.own(S).await, cell.own(T).await);
    let due = EntityRow { wake_at_ms: Some(5), closed: true, delete_at_ms: Some(6), ..entity(&key, "in T") };
    cell.save(Checkpoint { entities: vec![entity(&key, "in S")], ..one.slice() }).await;
    cell.save(Checkpoint {
        entities: vec![due.clone()],
        history: vec![segment(&key, 1, 1, "in T")],
        outbox: vec![item("usage", "a", "in T")],
        advance: Some(advance_to(1)),
        ..two.slice()
    })
    .await;
    assert_eq!(cell.load(S, &key).await, Some(entity(&key, "in S")));
    assert_eq!(cell.load(T, &key).await, Some(due));
    assert_eq!(cell.history(&key).await, []);
    assert_eq!(cell.outbox("usage").await, []);
    assert_eq!(cell.shards().due(S, 9, 9).await.expect("due"), []);
    assert_eq!(cell.shards().expired(S, 9, 9).await.expect("expired"), []);
    cell.save(Checkpoint { deleted: vec![key.clone()], ..one.slice() }).await;
    assert!(cell.load(T, &key).await.is_some());
    assert_eq!(cell.acquire(S).await.checkpoint_seq, 0);
}

pub(super) async fn an_empty_slice_confirms_the_epoch(cell: Cell) {
    let owner = cell.own(S).await;
    assert_eq!(cell.checkpoint(&owner.slice()).await, Accepted);
    cell.acquire(S).await;
    assert_eq!(cell.checkpoint(&owner.slice()).await, Superseded);
}

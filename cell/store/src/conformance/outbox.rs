//! Unconfirmed items of projections.

use super::fixture::*;
use crate::types::*;
use bytes::Bytes;

pub(super) async fn items_come_in_key_order_up_to_the_limit(mut cell: Cell) {
    let owner = cell.own(S).await;
    let mut items: Vec<OutboxRow> = [&b"b"[..], b"a\x00", b"a", b"\xff", b"", b"ab"]
        .iter()
        .map(|key| OutboxRow { key: Bytes::from_static(key), ..item("usage", "", "data") })
        .collect();
    cell.save(Checkpoint { outbox: items.clone(), ..owner.slice() }).await;
    cell.restart().await;
    items.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(cell.outbox("usage").await, items);
    assert_eq!(cell.outbox_page("usage", None, 2, usize::MAX).await, items[..2]);
    assert_eq!(cell.outbox_page("usage", None, 0, usize::MAX).await, []);
}

pub(super) async fn pages_follow_each_other(cell: Cell) {
    let owner = cell.own(S).await;
    let mut items: Vec<OutboxRow> = (0..300).map(|n| item("usage", &format!("key {n:03}"), "data")).collect();
    items.insert(0, item("usage", "", "an empty key"));
    cell.save(Checkpoint { outbox: items.clone(), ..owner.slice() }).await;
    let (mut read, mut after) = (Vec::new(), None);
    while read.len() <= items.len() {
        let page = cell.outbox_page("usage", after.as_ref(), 7, usize::MAX).await;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        read.extend(page);
    }
    assert_eq!(read, items);
    let between = Bytes::from_static(b"key 1505");
    assert_eq!(cell.outbox_page("usage", Some(&between), 1, usize::MAX).await, items[152..153]);
}

pub(super) async fn pages_are_bounded_in_bytes_but_for_one_item(cell: Cell) {
    let owner = cell.own(S).await;
    let items = [item("usage", "a", "0123456789"), item("usage", "b", "01234"), item("usage", "c", "01234")];
    cell.save(Checkpoint { outbox: items.to_vec(), ..owner.slice() }).await;
    for (max_bytes, fit) in [(0, 1), (9, 1), (10, 1), (14, 1), (15, 2), (19, 2), (20, 3)] {
        assert_eq!(cell.outbox_page("usage", None, 9, max_bytes).await, items[..fit], "{max_bytes} bytes");
    }
}

pub(super) async fn the_same_key_replaces_and_done_removes(cell: Cell) {
    let owner = cell.own(S).await;
    let items = vec![item("usage", "a", "1"), item("usage", "b", "1"), item("usage", "c", "1")];
    cell.save(Checkpoint { outbox: items, ..owner.slice() }).await;
    cell.save(Checkpoint { outbox: vec![item("usage", "b", "2")], ..owner.slice() }).await;
    let done = vec![taken(&item("usage", "a", "")), taken(&item("usage", "never written", ""))];
    cell.save(Checkpoint { outbox_done: done, ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, [item("usage", "b", "2"), item("usage", "c", "1")]);
}

pub(super) async fn a_late_confirmation_removes_no_newer_item(cell: Cell) {
    let owner = cell.own(S).await;
    let (old, new) = (item_at(5, "usage", "a", "old"), item_at(7, "usage", "a", "new"));
    cell.save(Checkpoint { outbox: vec![old.clone()], ..owner.slice() }).await;
    cell.save(Checkpoint { outbox: vec![new.clone()], ..owner.slice() }).await;
    cell.save(Checkpoint { outbox_done: vec![taken(&old)], ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, std::slice::from_ref(&new));
    // Within a row of the log, too.
    let next = Position { index: 1, ..new.position };
    let newer = OutboxRow { position: next, ..new.clone() };
    cell.save(Checkpoint { outbox: vec![newer.clone()], ..owner.slice() }).await;
    cell.save(Checkpoint { outbox_done: vec![taken(&new)], ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, std::slice::from_ref(&newer));
    // What was taken last covers what stood there before it: its own write may have failed.
    let position = Position { seq: 8, index: 0 };
    cell.save(Checkpoint { outbox_done: vec![OutboxDone { position, ..taken(&newer) }], ..owner.slice() })
        .await;
    assert_eq!(cell.outbox("usage").await, []);
}

pub(super) async fn an_older_item_replaces_no_newer_one(cell: Cell) {
    let owner = cell.own(S).await;
    let (old, new) = (item_at(5, "usage", "a", "old"), item_at(7, "usage", "a", "new"));
    for row in [&old, &new, &old] {
        cell.save(Checkpoint { outbox: vec![row.clone()], ..owner.slice() }).await;
    }
    assert_eq!(cell.outbox("usage").await, [new]);
}

pub(super) async fn a_replaced_item_keeps_the_time_of_the_first(cell: Cell) {
    let owner = cell.own(S).await;
    let at = |seq, since_ms| OutboxRow { since_ms, ..item_at(seq, "usage", "a", "data") };
    for (row, since_ms) in [(at(1, 500), 500), (at(2, 700), 500), (at(3, 400), 400)] {
        cell.save(Checkpoint { outbox: vec![row.clone()], ..owner.slice() }).await;
        assert_eq!(cell.outbox("usage").await, [OutboxRow { since_ms, ..row }]);
    }
    cell.save(Checkpoint { outbox_done: vec![taken(&at(3, 0))], ..owner.slice() }).await;
    cell.save(Checkpoint { outbox: vec![at(4, 900)], ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, [at(4, 900)], "what was taken is over");
}

pub(super) async fn projections_do_not_see_each_other(cell: Cell) {
    let owner = cell.own(S).await;
    let items = vec![item("usage", "a", "u"), item("visibility", "a", "v")];
    cell.save(Checkpoint { outbox: items, ..owner.slice() }).await;
    assert_eq!(cell.outbox("visibility").await, [item("visibility", "a", "v")]);
    let done = vec![taken(&item("visibility", "a", ""))];
    cell.save(Checkpoint { outbox_done: done, ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, [item("usage", "a", "u")]);
    assert_eq!(cell.outbox("visibility").await, []);
    assert_eq!(cell.outbox("").await, []);
}

pub(super) async fn sizes_are_told_by_shard_and_projection(cell: Cell) {
    let other = ShardId(S.0 + 1);
    assert_eq!(cell.shards().outbox_sizes(&[S, other]).await.expect("sizes"), []);
    let (owner, second) = (cell.own(S).await, cell.own(other).await);
    let row = |projection, key, since_ms, data| OutboxRow { since_ms, ..item(projection, key, data) };
    let outbox =
        vec![row("usage", "a", 30, "12345"), row("usage", "b", 20, "1"), row("visibility", "a", -4, "")];
    cell.save(Checkpoint { outbox, ..owner.slice() }).await;
    cell.save(Checkpoint { outbox: vec![row("usage", "a", 10, "12")], ..second.slice() }).await;
    let size = |shard, projection: &str, rows, bytes, since_ms| OutboxSize {
        shard,
        projection: projection.to_owned(),
        rows,
        bytes,
        since_ms,
    };
    let all = [size(S, "usage", 2, 6, 20), size(S, "visibility", 1, 0, -4), size(other, "usage", 1, 2, 10)];
    assert_eq!(cell.shards().outbox_sizes(&[other, S]).await.expect("sizes"), all);
    assert_eq!(cell.shards().outbox_sizes(&[other]).await.expect("sizes"), all[2..]);
    assert_eq!(cell.shards().outbox_sizes(&[]).await.expect("sizes"), []);
    let done = vec![taken(&item("usage", "b", "")), taken(&item("visibility", "a", ""))];
    cell.save(Checkpoint { outbox_done: done, ..owner.slice() }).await;
    assert_eq!(cell.shards().outbox_sizes(&[S]).await.expect("sizes"), [size(S, "usage", 1, 5, 30)]);
}

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
    assert_eq!(cell.shards().outbox(S, "usage", 2).await.expect("outbox"), items[..2]);
    assert_eq!(cell.shards().outbox(S, "usage", 0).await.expect("outbox"), []);
}

pub(super) async fn the_same_key_replaces_and_done_removes(cell: Cell) {
    let owner = cell.own(S).await;
    let items = vec![item("usage", "a", "1"), item("usage", "b", "1"), item("usage", "c", "1")];
    cell.save(Checkpoint { outbox: items, ..owner.slice() }).await;
    cell.save(Checkpoint { outbox: vec![item("usage", "b", "2")], ..owner.slice() }).await;
    let done = |key: &str| ("usage".to_owned(), item("usage", key, "").key);
    cell.save(Checkpoint { outbox_done: vec![done("a"), done("never written")], ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, [item("usage", "b", "2"), item("usage", "c", "1")]);
}

pub(super) async fn projections_do_not_see_each_other(cell: Cell) {
    let owner = cell.own(S).await;
    let items = vec![item("usage", "a", "u"), item("visibility", "a", "v")];
    cell.save(Checkpoint { outbox: items, ..owner.slice() }).await;
    let done = ("visibility".to_owned(), item("", "a", "").key);
    assert_eq!(cell.outbox("visibility").await, [item("visibility", "a", "v")]);
    cell.save(Checkpoint { outbox_done: vec![done], ..owner.slice() }).await;
    assert_eq!(cell.outbox("usage").await, [item("usage", "a", "u")]);
    assert_eq!(cell.outbox("visibility").await, []);
    assert_eq!(cell.outbox("").await, []);
}

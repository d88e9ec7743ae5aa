//! Configuration records.

use super::fixture::Cell;
use crate::shard_store::{MetadataRecord, PutOutcome};
use bytes::Bytes;

fn record(kind: &str, id: &str, version: u64) -> MetadataRecord {
    let data = Bytes::from(format!("{kind} {id} version {version}"));
    MetadataRecord { kind: kind.to_owned(), id: id.to_owned(), version, data }
}

pub(super) async fn a_record_is_written_when_its_version_rises(cell: Cell) {
    let store = &cell.stores.metadata;
    let namespace = |version| record("namespace", "a", version);
    assert_eq!(store.put(&namespace(5)).await.expect("put"), PutOutcome::Written);
    let same = MetadataRecord { data: Bytes::from_static(b"other"), ..namespace(5) };
    assert_eq!(store.put(&same).await.expect("put"), PutOutcome::Stale(5));
    assert_eq!(store.put(&namespace(4)).await.expect("put"), PutOutcome::Stale(5));
    assert_eq!(store.list("namespace").await.expect("list"), [namespace(5)]);
    assert_eq!(store.put(&namespace(9)).await.expect("put"), PutOutcome::Written);
    assert_eq!(store.list("namespace").await.expect("list"), [namespace(9)]);
}

pub(super) async fn records_are_listed_by_id_within_their_kind(cell: Cell) {
    let store = &cell.stores.metadata;
    for (kind, id) in
        [("namespace", "b"), ("key", "a"), ("namespace", "a"), ("namespaces", "c"), ("namespace", "B")]
    {
        assert_eq!(store.put(&record(kind, id, 1)).await.expect("put"), PutOutcome::Written);
    }
    let expected = ["B", "a", "b"].map(|id| record("namespace", id, 1));
    assert_eq!(store.list("namespace").await.expect("list"), expected);
    assert_eq!(store.list("key").await.expect("list"), [record("key", "a", 1)]);
    assert_eq!(store.list("").await.expect("list"), []);
}

pub(super) async fn removing_is_idempotent_and_forgets_the_version(cell: Cell) {
    let store = &cell.stores.metadata;
    for id in ["a", "b"] {
        store.put(&record("namespace", id, 7)).await.expect("put");
    }
    store.remove("namespace", "a").await.expect("remove");
    store.remove("namespace", "a").await.expect("remove again");
    store.remove("key", "b").await.expect("another kind");
    assert_eq!(store.list("namespace").await.expect("list"), [record("namespace", "b", 7)]);
    assert_eq!(store.put(&record("namespace", "a", 1)).await.expect("put"), PutOutcome::Written);
}

pub(super) async fn records_survive_a_restart(mut cell: Cell) {
    cell.stores.metadata.put(&record("namespace", "a", 1)).await.expect("put");
    cell.stores.metadata.put(&record("namespace", "b", i64::MAX as u64)).await.expect("put");
    cell.stores.metadata.remove("namespace", "a").await.expect("remove");
    cell.restart().await;
    let left = cell.stores.metadata.list("namespace").await.expect("list");
    assert_eq!(left, [record("namespace", "b", i64::MAX as u64)]);
}

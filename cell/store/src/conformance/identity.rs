//! The store's identity is made once.

use super::fixture::*;
use crate::types::*;
use uuid::Uuid;

pub(super) async fn opening_twice_keeps_identity_and_shard_count(cell: Cell) {
    let again = cell.shards().open(SHARDS + 3, Uuid::from_u128(2)).await.expect("open");
    assert_eq!(again, StoreIdentity { incarnation: Uuid::from_u128(1), shard_count: SHARDS });
    cell.shards().epochs(&[ShardId(SHARDS)]).await.expect_err("no shard was added");
}

pub(super) async fn restart_keeps_identity_and_shard_count(mut cell: Cell) {
    cell.restart().await;
    let again = cell.shards().open(1, Uuid::from_u128(3)).await.expect("open");
    assert_eq!(again, StoreIdentity { incarnation: Uuid::from_u128(1), shard_count: SHARDS });
    assert_eq!(cell.shards().epochs(&[ShardId(SHARDS - 1)]).await.expect("epochs"), [Epoch(0)]);
}

pub(super) async fn a_new_store_is_empty(cell: Cell) {
    let run = run_key("workflow", 1);
    assert_eq!(cell.load(S, &run).await, None);
    assert_eq!(cell.history(&run).await, []);
    assert_eq!(cell.outbox("usage").await, []);
    assert_eq!(cell.shards().due(S, i64::MAX, 9).await.expect("due"), []);
    assert_eq!(cell.shards().expired(S, i64::MAX, 9).await.expect("expired"), []);
    assert_eq!(cell.shards().trim(S).await.expect("trim"), 0);
    assert_eq!(cell.stores.metadata.list("namespace").await.expect("list"), []);
    let acquired = cell.acquire(S).await;
    assert_eq!((acquired.checkpoint_seq, acquired.last_seq, acquired.tail.len()), (0, 0, 0));
    assert!(acquired.checkpoint_state.is_empty());
}
